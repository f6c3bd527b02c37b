/* PmodShelf: a conversation comes back. See pmod-shelf.h.
 *
 * Owners: the store's thread reads all of it and makes finished runs of the traces; the main thread
 * then has the picture decoded and hands both to the chat. */
#include "config.h"

#include "pmod-shelf-private.h"

#include <glib/gi18n-lib.h>

#include "pmod-chat-found.h"
#include "pmod-engine.h"
#include "pmod-kept.h"
#include "pmod-run-origin.h"
#include "pmod-run-private.h"
#include "pmod-shelf-pictures.h"

typedef struct
{
  gint64 id;
  gint64 message;     /* that was looked for; 0: none */
  PmodThread *thread; /* nullable */
  gboolean moved;     /* another branch is shown than was shown last */
  char *system;       /* nullable */
  PmodShelfPictures *pictures;
  GCancellable *cancellable;
  PmodShelf *shelf; /* of the main thread, while it is not cancelled */
} Opened;

static void
opened_free (gpointer data)
{
  Opened *opened = data;

  pmod_thread_free (opened->thread);
  g_free (opened->system);
  pmod_shelf_pictures_free (opened->pictures);
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

/* While a tree is made of what is on disk. */
typedef struct
{
  PmodStoreDb *db;
  Opened *opened;
  GPtrArray *all;       /* PmodStoreMessage, parents before their children */
  GHashTable *rows;     /* id -> PmodStoreMessage */
  GHashTable *made;     /* id -> PmodMessage, of those that are in the tree */
  GHashTable *followed; /* ids of messages that others follow */
} Grow;

/* from->id stands for message from here on. */
static PmodMessage *
add_kept (
    Grow *grow, PmodMessage *parent, PmodMessage *message, PmodKept *kept, PmodStoreMessage *from)
{
  pmod_kept_attach (kept, message);
  pmod_thread_add (grow->opened->thread, parent, message);
  g_hash_table_insert (grow->made, &from->id, message);
  g_object_unref (message); /* the thread holds it */
  return message;
}

static PmodMessage *
add_message (Grow *grow, PmodMessage *parent, PmodMessage *message, PmodStoreMessage *from)
{
  g_autoptr (PmodKept) kept = pmod_kept_new_there (grow->opened->id, from->id);

  return add_kept (grow, parent, message, kept, from);
}

/* The message itself or what it follows, if that is in the tree. (nullable) */
static PmodMessage *
find_made (Grow *grow, gint64 id, gboolean answers_only)
{
  while (id != 0)
    {
      PmodMessage *message = g_hash_table_lookup (grow->made, &id);
      PmodStoreMessage *row = g_hash_table_lookup (grow->rows, &id);

      if (message && (!answers_only || pmod_message_get_run (message)))
        return message;
      id = row ? row->parent : 0;
    }
  return NULL;
}

/* What was stopped before its first word is not a version of anything, where there is another. */
static gboolean
is_silent (Grow *grow, PmodStoreMessage *answer)
{
  if (answer->state != PMOD_STORE_STOPPED || *answer->text != '\0')
    return FALSE;
  for (guint i = 0; i < grow->all->len; i++)
    {
      PmodStoreMessage *other = grow->all->pdata[i];

      if (other != answer && other->parent == answer->parent && *other->text != '\0')
        return TRUE;
    }
  return FALSE;
}

static void
add_answer (Grow *grow, PmodMessage *question, PmodStoreMessage *from)
{
  g_autoptr (PmodRun) run = make_run (grow->db, from);
  PmodMessage *message = pmod_message_new_answer (run, NULL);

  pmod_message_set_interrupted (message, from->state == PMOD_STORE_PARTIAL ||
                                             from->state == PMOD_STORE_GROWING);
  add_message (grow, question, message, from);
}

static PmodMessage *
add_question (Grow *grow, PmodStoreMessage *from)
{
  PmodMessage *parent = find_made (grow, from->parent, TRUE);
  PmodMessage *question = add_message (grow, parent, pmod_message_new_question (from->text), from);

  pmod_shelf_pictures_note (grow->opened->pictures, question, from->pictures, parent == NULL);
  return question;
}

/* The program ended before the answer was written down. What follows it finds it by from->id. */
static void
add_missing_answer (Grow *grow, PmodMessage *question, PmodStoreMessage *from)
{
  g_autoptr (PmodRun) run = pmod_run_new ();
  g_autoptr (PmodKept) kept = pmod_kept_new_missing (pmod_kept_find (question));
  PmodMessage *message = pmod_message_new_answer (run, NULL);

  pmod_run_finish (run, PMOD_RUN_STOPPED, "", NULL);
  pmod_message_set_interrupted (message, TRUE);
  add_kept (grow, question, message, kept, from);
}

static gboolean
is_answer (Grow *grow, PmodStoreMessage *message)
{
  PmodStoreMessage *asked = g_hash_table_lookup (grow->rows, &message->parent);

  return message->role == PMOD_STORE_ASSISTANT && asked && asked->role == PMOD_STORE_USER;
}

/* The chat knows questions and their answers in turn: what the file has otherwise is left out, but
 * for questions that nothing follows. */
static void
grow_thread (Grow *grow)
{
  for (guint i = 0; i < grow->all->len; i++)
    {
      PmodStoreMessage *message = grow->all->pdata[i];

      g_hash_table_add (grow->followed, &message->parent);
    }
  for (guint i = 0; i < grow->all->len; i++)
    {
      PmodStoreMessage *message = grow->all->pdata[i];
      PmodMessage *question;

      if (message->role == PMOD_STORE_USER && !g_hash_table_contains (grow->followed, &message->id))
        add_missing_answer (grow, add_question (grow, message), message);
      else if (is_answer (grow, message) && !is_silent (grow, message))
        {
          question = g_hash_table_lookup (grow->made, &message->parent);
          if (!question)
            question = add_question (grow, g_hash_table_lookup (grow->rows, &message->parent));
          add_answer (grow, question, message);
        }
    }
}

static gboolean
is_shown (PmodThread *thread, PmodMessage *message)
{
  g_autoptr (GPtrArray) path = pmod_thread_collect (thread);

  return g_ptr_array_find (path, message, NULL);
}

/* leaf 0: what was said last. */
static void
choose_branch (Grow *grow, gint64 leaf)
{
  PmodThread *thread = grow->opened->thread;
  guint n = pmod_thread_get_n_messages (thread);
  PmodMessage *last = find_made (grow, leaf, FALSE);
  PmodMessage *wanted = g_hash_table_lookup (grow->made, &grow->opened->message);

  if (!last && n > 0)
    last = pmod_thread_get_message (thread, n - 1);
  if (last)
    pmod_thread_show (thread, last);
  if (!wanted || is_shown (thread, wanted))
    return;
  pmod_thread_show (thread, wanted);
  grow->opened->moved = TRUE;
}

static void
make_thread (PmodStoreDb *db, Opened *opened, GPtrArray *all, gint64 leaf)
{
  Grow grow = { db,
                opened,
                all,
                g_hash_table_new (g_int64_hash, g_int64_equal),
                g_hash_table_new (g_int64_hash, g_int64_equal),
                g_hash_table_new (g_int64_hash, g_int64_equal) };

  opened->thread = pmod_thread_new ();
  for (guint i = 0; i < all->len; i++)
    g_hash_table_insert (grow.rows, &((PmodStoreMessage *)all->pdata[i])->id, all->pdata[i]);
  grow_thread (&grow);
  choose_branch (&grow, leaf);
  g_hash_table_unref (grow.rows);
  g_hash_table_unref (grow.made);
  g_hash_table_unref (grow.followed);
}

static gboolean
open_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Opened *opened = data;
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, opened->id, error);
  g_autoptr (GPtrArray) all =
      conversation ? pmod_store_db_list_messages (db, opened->id, error) : NULL;

  if (!all)
    return FALSE;
  opened->system = g_strdup (conversation->system);
  make_thread (db, opened, all, conversation->leaf);
  return pmod_shelf_pictures_read (opened->pictures, db, error);
}

/* --- The main thread ------------------------------------------------------------------------- */

/* In the conversation that is shown. */
static void
show_found (PmodChat *chat, gint64 id)
{
  PmodThread *thread = pmod_chat_get_thread (chat);

  for (guint i = 0; i < pmod_thread_get_n_messages (thread); i++)
    {
      PmodMessage *message = pmod_thread_get_message (thread, i);
      PmodKept *kept = pmod_kept_find (message);

      if (kept && pmod_kept_get_id (kept) == id)
        {
          pmod_chat_found_show (chat, message);
          return;
        }
    }
}

static void
show (Opened *opened)
{
  PmodShelf *self = opened->shelf;
  PmodChat *chat = pmod_keeper_get_chat (self->keeper);
  PmodPicture *picture = pmod_shelf_pictures_hand_out (opened->pictures, opened->thread);

  g_clear_object (&self->opening);
  pmod_chat_restore_thread (chat, picture, g_steal_pointer (&opened->thread), opened->system);
  if (opened->moved)
    g_signal_emit_by_name (chat, "branch-shown");
  if (opened->message != 0)
    show_found (chat, opened->message);
}

static void
pictures_cb (const GError *error, gpointer user_data)
{
  Opened *opened = user_data;

  if (!g_cancellable_is_cancelled (opened->cancellable))
    {
      if (error)
        pmod_shelf_fail (opened->shelf, _ ("The conversation\342\200\231s picture cannot be shown"),
                         error);
      show (opened);
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
  else
    pmod_shelf_pictures_load (opened->pictures, opened->cancellable, pictures_cb, opened);
}

void
pmod_shelf_open (PmodShelf *self, gint64 id)
{
  pmod_shelf_open_at (self, id, 0);
}

void
pmod_shelf_open_at (PmodShelf *self, gint64 id, gint64 message)
{
  Opened *opened;

  g_return_if_fail (PMOD_IS_SHELF (self));

  if (self->opening)
    g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  if (pmod_keeper_get_conversation (self->keeper) == id)
    {
      if (message != 0)
        show_found (pmod_keeper_get_chat (self->keeper), message);
      return;
    }
  self->opening = g_cancellable_new ();
  opened = g_new0 (Opened, 1);
  opened->pictures = pmod_shelf_pictures_new ();
  opened->id = id;
  opened->message = message;
  opened->cancellable = g_object_ref (self->opening);
  opened->shelf = self;
  pmod_store_read_async (pmod_keeper_get_store (self->keeper), open_work, opened, opened_free,
                         self->opening, opened_cb, self);
}
