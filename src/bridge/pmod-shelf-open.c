/* PmodShelf: a conversation comes back. See pmod-shelf.h.
 *
 * Owners: the store's thread reads all of it and makes finished runs of the traces; the main thread
 * then has the picture decoded and hands both to the chat. */
#include "config.h"

#include "pmod-shelf-private.h"

#include <glib/gi18n-lib.h>

#include "pmod-engine.h"
#include "pmod-kept.h"
#include "pmod-run-origin.h"
#include "pmod-run-private.h"

typedef struct
{
  gint64 id;
  GPtrArray *messages; /* PmodMessage, question, answer, ... */
  GBytes *picture;     /* nullable */
  char *picture_name;
  GCancellable *cancellable;
  PmodShelf *shelf; /* of the main thread, while it is not cancelled */
} Opened;

static void
opened_free (gpointer data)
{
  Opened *opened = data;

  g_ptr_array_unref (opened->messages);
  g_clear_pointer (&opened->picture, g_bytes_unref);
  g_free (opened->picture_name);
  g_clear_object (&opened->cancellable);
  g_free (opened);
}

/* --- The store's thread ---------------------------------------------------------------------- */

/* A trace that cannot be read leaves the words. */
static PmodRun *
make_run (PmodStoreDb *db, PmodStoreMessage *answer)
{
  static const PmodRunPhase phases[] = { [PMOD_STORE_COMPLETE] = PMOD_RUN_DONE,
                                         [PMOD_STORE_GROWING] = PMOD_RUN_STOPPED,
                                         [PMOD_STORE_PARTIAL] = PMOD_RUN_STOPPED,
                                         [PMOD_STORE_STOPPED] = PMOD_RUN_STOPPED,
                                         [PMOD_STORE_FAILED] = PMOD_RUN_FAILED };
  PmodRun *run = pmod_run_new ();
  g_autoptr (PmodModelCard) card = pmod_model_card_new ();
  g_autoptr (GBytes) packed = pmod_store_db_get_trace (db, answer->id, NULL);
  g_autoptr (GBytes) records = packed ? pmod_trace_unpack (packed, NULL) : NULL;

  if (records)
    pmod_run_append (run, records);
  pmod_run_finish (run, phases[answer->state], answer->text, answer->error);
  pmod_run_set_settings (run, answer->settings);
  card->name = g_strdup (answer->model);
  if (answer->model)
    pmod_run_set_model (run, card);
  return run;
}

static void
add_message (Opened *opened, PmodMessage *message, PmodStoreMessage *from)
{
  g_autoptr (PmodKept) kept = pmod_kept_new_there (opened->id, from->id);

  pmod_kept_attach (kept, message);
  g_ptr_array_add (opened->messages, message);
}

static void
add_answer (PmodStoreDb *db, Opened *opened, PmodStoreMessage *from)
{
  g_autoptr (PmodRun) run = make_run (db, from);
  PmodMessage *message = pmod_message_new_answer (run, NULL);

  pmod_message_set_interrupted (message, from->state == PMOD_STORE_PARTIAL ||
                                             from->state == PMOD_STORE_GROWING);
  add_message (opened, message, from);
}

/* From the first message to leaf; 0: to the one that was said last. (element-type none) */
static GPtrArray *
collect_branch (GPtrArray *all, gint64 leaf)
{
  GPtrArray *branch = g_ptr_array_new ();

  /* A parent was added before its child. */
  for (guint i = all->len; i > 0; i--)
    {
      PmodStoreMessage *message = all->pdata[i - 1];

      if (message->id != leaf && leaf != 0)
        continue;
      g_ptr_array_insert (branch, 0, message);
      leaf = message->parent;
      if (leaf == 0)
        break;
    }
  return branch;
}

/* The chat knows pairs: what the file has otherwise is left out. */
static void
add_pairs (PmodStoreDb *db, Opened *opened, GPtrArray *branch)
{
  for (guint i = 0; i + 1 < branch->len; i++)
    {
      PmodStoreMessage *question = branch->pdata[i];
      PmodStoreMessage *answer = branch->pdata[i + 1];

      if (question->role != PMOD_STORE_USER || answer->role != PMOD_STORE_ASSISTANT)
        continue;
      add_message (opened, pmod_message_new_question (question->text), question);
      add_answer (db, opened, answer);
      i++;
    }
}

static gboolean
read_picture (PmodStoreDb *db, Opened *opened, GPtrArray *branch, GError **error)
{
  for (guint i = 0; i < branch->len && !opened->picture; i++)
    {
      PmodStoreMessage *message = branch->pdata[i];

      if (!message->pictures || !message->pictures[0])
        continue;
      opened->picture =
          pmod_store_db_get_picture (db, message->pictures[0], &opened->picture_name, error);
      if (!opened->picture)
        return FALSE;
    }
  return TRUE;
}

static gboolean
open_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Opened *opened = data;
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, opened->id, error);
  g_autoptr (GPtrArray) all =
      conversation ? pmod_store_db_list_messages (db, opened->id, error) : NULL;
  g_autoptr (GPtrArray) branch = all ? collect_branch (all, conversation->leaf) : NULL;

  if (!branch || !read_picture (db, opened, branch, error))
    return FALSE;
  add_pairs (db, opened, branch);
  return TRUE;
}

/* --- The main thread ------------------------------------------------------------------------- */

static void
show (Opened *opened, PmodPicture *picture)
{
  PmodShelf *self = opened->shelf;

  g_clear_object (&self->opening);
  pmod_chat_restore (pmod_keeper_get_chat (self->keeper), picture, opened->messages);
}

static void
picture_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Opened *opened = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPicture) picture = pmod_picture_load_finish (result, &error);

  if (!g_cancellable_is_cancelled (opened->cancellable))
    {
      if (error)
        pmod_shelf_fail (opened->shelf, _ ("The conversation\342\200\231s picture cannot be shown"),
                         error);
      show (opened, picture);
    }
  opened_free (opened);
}

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  Opened *opened = pmod_store_read_finish (PMOD_STORE (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!opened)
    {
      PmodShelf *self = user_data;

      g_clear_object (&self->opening);
      pmod_shelf_fail (self, _ ("The conversation cannot be opened"), error);
    }
  else if (opened->picture)
    pmod_picture_load_bytes_async (opened->picture, opened->picture_name, opened->cancellable,
                                   picture_cb, opened);
  else
    {
      show (opened, NULL);
      opened_free (opened);
    }
}

void
pmod_shelf_open (PmodShelf *self, gint64 id)
{
  Opened *opened;

  g_return_if_fail (PMOD_IS_SHELF (self));

  if (self->opening)
    g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  if (pmod_keeper_get_conversation (self->keeper) == id)
    return;
  self->opening = g_cancellable_new ();
  opened = g_new0 (Opened, 1);
  opened->id = id;
  opened->messages = g_ptr_array_new_with_free_func (g_object_unref);
  opened->cancellable = g_object_ref (self->opening);
  opened->shelf = self;
  pmod_store_read_async (pmod_keeper_get_store (self->keeper), open_work, opened, opened_free,
                         self->opening, opened_cb, self);
}
