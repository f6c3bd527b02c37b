/* Bytes as a conversation's file; an accepted one is exported, and what comes out is the same when
 * it goes through once more. */
#include "pmod-store-exchange.h"

#include <string.h>

#include "pmod-engine.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Made once: it takes longer than all that is done with it. */
static PmodStoreDb *db, *other;

static void
empty (PmodStoreDb *store)
{
  g_autoptr (GPtrArray) list = pmod_store_db_list (store, FALSE, NULL);
  g_autoptr (GPtrArray) folders = pmod_store_db_list_folders (store, NULL);

  for (guint i = 0; i < list->len; i++)
    pmod_store_db_delete (store, ((PmodStoreConversation *)list->pdata[i])->id, TRUE, NULL);
  for (guint i = 0; i < folders->len; i++)
    pmod_store_db_remove_folder (store, ((PmodStoreFolder *)folders->pdata[i])->id, NULL, NULL);
  pmod_store_db_purge (store, NULL);
}

static void
check (gint64 id)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *first = pmod_store_export_json (db, id, &error);
  g_autofree char *second = NULL;
  g_autofree char *markdown = NULL;
  gint64 again;

  g_assert_no_error (error);
  markdown = pmod_store_export_markdown (db, id, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_store_import_json (other, first, -1, &again, &error));
  g_assert_no_error (error);
  second = pmod_store_export_json (other, again, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (first, ==, second);
  empty (other);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = NULL;
  g_autofree char *text = g_memdup2 (data, size);
  gint64 id;
  gboolean done;

  if (!db)
    {
      db = pmod_store_db_open (NULL, &error);
      other = pmod_store_db_open (NULL, &error);
    }
  g_assert_no_error (error);
  done = size > 0 && pmod_store_import_json (db, text, (gssize)size, &id, &error);
  g_assert_true (size == 0 || done == (error == NULL));
  list = pmod_store_db_list (db, FALSE, NULL);
  g_assert_cmpuint (list->len, ==, done ? 1 : 0);
  if (done)
    {
      check (id);
      empty (db);
    }
  return 0;
}
