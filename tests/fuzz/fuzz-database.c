/* Bytes as the conversations' database, damaged or made by somebody else; one that opens is read,
 * searched, written and exported: each may fail, and says so. */
#include "pmod-store-exchange.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pmod-engine.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
read_one (PmodStoreDb *db, gint64 id)
{
  g_autoptr (GPtrArray) messages = pmod_store_db_list_messages (db, id, NULL);
  g_autofree char *json = pmod_store_export_json (db, id, NULL);
  g_autofree char *markdown = pmod_store_export_markdown (db, id, NULL);

  for (guint i = 0; messages && i < messages->len; i++)
    {
      PmodStoreMessage *message = messages->pdata[i];
      g_autoptr (GBytes) trace = pmod_store_db_get_trace (db, message->id, NULL);
      g_autoptr (GBytes) records = trace ? pmod_trace_unpack (trace, NULL) : NULL;

      for (int j = 0; message->pictures[j]; j++)
        {
          g_autoptr (GBytes) picture =
              pmod_store_db_get_picture (db, message->pictures[j], NULL, NULL);
        }
    }
}

static void
use (PmodStoreDb *db)
{
  g_autoptr (GPtrArray) list = pmod_store_db_list (db, FALSE, NULL);
  g_autoptr (GPtrArray) folders = pmod_store_db_list_folders (db, NULL);
  g_autoptr (GPtrArray) hits = pmod_store_db_search (db, "the ring", 0, 10, NULL);
  PmodStoreMessage message = { .text = (char *)"Where?" };
  gint64 id;

  for (guint i = 0; list && i < list->len; i++)
    read_one (db, ((PmodStoreConversation *)list->pdata[i])->id);
  if (!pmod_store_db_add_conversation (db, "new", &message.conversation, NULL))
    return;
  if (pmod_store_db_add_message (db, &message, NULL))
    pmod_store_db_update_message (db, message.id, PMOD_STORE_COMPLETE, "There", NULL, NULL, NULL);
  if (pmod_store_db_add_folder (db, "Trips", &id, NULL))
    pmod_store_db_move (db, message.conversation, id, NULL);
  pmod_store_db_delete (db, message.conversation, TRUE, NULL);
  pmod_store_db_purge (db, NULL);
}

static void
remove_all (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  char folder[] = "/dev/shm/strata-fuzz-XXXXXX";
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db;

  if (!mkdtemp (folder))
    abort ();
  path = g_build_filename (folder, "conversations.db", NULL);
  if (!g_file_set_contents_full (path, (const char *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                 0600, NULL))
    abort ();
  db = pmod_store_db_open (path, &error);
  g_assert_true ((db == NULL) == (error != NULL));
  if (db)
    {
      use (db);
      pmod_store_db_free (db);
    }
  remove_all (folder);
  return 0;
}
