/* PmodKeeper and PmodShelf: what is said in a chat is on disk in time, and comes back whole. */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>

#include "pmod-engine.h"
#include "pmod-picture-private.h"
#include "pmod-run-private.h"
#include "pmod-shelf.h"
#include "session-check.h"
#include "store-check.h"

#define QUESTION "How many sailboats are there?"

typedef struct
{
  char *folder;
  char *path;
  PmodSession *session;
  PmodPicture *picture;
  PmodStore *store;
  PmodChat *chat;
  PmodKeeper *keeper;
  PmodShelf *shelf;
} Fixture;

static void
start (Fixture *self)
{
  self->store = pmod_store_new (self->path);
  self->chat = pmod_chat_new (self->session);
  self->keeper = pmod_keeper_new (self->chat, self->store);
  self->shelf = pmod_shelf_new (self->keeper);
}

/* As the program ends. What was to be told may still hold a store for a moment. */
static void
end (Fixture *self)
{
  store_check_wait (G_OBJECT (self->shelf)->ref_count == 1);
  g_assert_finalize_object (self->shelf);
  g_assert_finalize_object (self->keeper);
  g_assert_finalize_object (self->chat);
  store_check_wait (G_OBJECT (self->store)->ref_count == 1);
  g_assert_finalize_object (self->store);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("strata-keeper-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "conversations.db", NULL);
  self->session = session_check_open ("demo-v0");
  self->picture = session_check_load_picture ("demo/seen-00.png");
  start (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  end (self);
  session_check_wait (session_check_is_settled, self->session);
  g_assert_finalize_object (self->session);
  g_object_unref (self->picture);
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

/* As another program sees it. */
static GPtrArray *
read_disk (Fixture *self, gint64 conversation)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) db = pmod_store_db_open (self->path, &error);
  GPtrArray *messages;

  g_assert_no_error (error);
  messages = pmod_store_db_list_messages (db, conversation, &error);
  g_assert_no_error (error);
  return messages;
}

static const char *
disk_text (GPtrArray *messages, guint i)
{
  g_assert_cmpuint (i, <, messages->len);
  return ((PmodStoreMessage *)messages->pdata[i])->text;
}

static PmodStoreState
disk_state (Fixture *self, guint i)
{
  g_autoptr (GPtrArray) messages = read_disk (self, 1);

  return i < messages->len ? ((PmodStoreMessage *)messages->pdata[i])->state : PMOD_STORE_GROWING;
}

static PmodRun *
get_answer (Fixture *self, guint i)
{
  g_autoptr (PmodMessage) message = g_list_model_get_item (pmod_chat_get_messages (self->chat), i);

  g_assert_nonnull (message);
  return pmod_message_get_run (message);
}

static void
ask (Fixture *self, const char *question)
{
  g_assert_true (pmod_chat_ask (self->chat, question));
  store_check_wait (!pmod_chat_get_busy (self->chat));
}

/* --- Tests ----------------------------------------------------------------------------------- */

typedef struct
{
  Fixture *fixture;
  gboolean seen;
} Look;

static void
look_cb (PmodRun *run, Look *look)
{
  g_autoptr (GPtrArray) messages = NULL;

  if (look->seen)
    return;
  look->seen = TRUE;
  messages = read_disk (look->fixture, 1);
  g_assert_cmpuint (messages->len, ==, 2);
  g_assert_cmpstr (disk_text (messages, 0), ==, QUESTION);
  g_assert_cmpint (((PmodStoreMessage *)messages->pdata[1])->state, ==, PMOD_STORE_GROWING);
}

static gboolean
slow_work (PmodStoreDb *db, gpointer data, GError **error)
{
  g_usleep (500 * 1000);
  return TRUE;
}

/* Nothing is heard of the answer before the question is on disk, however long that takes. */
static void
test_order (Fixture *self, gconstpointer data)
{
  Look look = { self, FALSE };
  g_autoptr (GPtrArray) messages = NULL;

  pmod_chat_open_picture (self->chat, self->picture);
  session_check_wait (session_check_is_settled, self->session);
  pmod_store_write (self->store, slow_work, NULL, NULL, NULL, NULL);
  g_assert_true (pmod_chat_ask (self->chat, QUESTION));
  g_signal_connect (get_answer (self, 1), "changed", G_CALLBACK (look_cb), &look);
  store_check_wait (!pmod_chat_get_busy (self->chat));
  g_assert_true (look.seen);
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 1);
  store_check_wait (disk_state (self, 1) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpstr (disk_text (messages, 1), ==, "One.");
  g_assert_nonnull (strstr (((PmodStoreMessage *)messages->pdata[1])->settings, "\"factor\""));
}

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static void
append_word (PmodRun *run, int index, const char *word)
{
  GByteArray *array = g_byte_array_new ();
  PmodTrace *trace = pmod_trace_new (G_MAXUINT32, collect_cb, array);
  PmodRecordToken *token = pmod_trace_append (trace, PMOD_RECORD_TOKEN, -1,
                                              (sizeof *token + strlen (word) + 7) & ~(gsize)7);
  g_autoptr (GBytes) bytes = NULL;

  token->index = index;
  token->text_bytes = (gint32)strlen (word);
  memcpy ((char *)pmod_record_token_text (token), word, strlen (word));
  pmod_trace_commit (trace, token);
  pmod_trace_flush (trace);
  pmod_trace_free (trace);
  bytes = g_byte_array_free_to_bytes (array);
  pmod_run_append (run, bytes);
}

static gboolean
disk_says (Fixture *self, guint i, const char *text)
{
  g_autoptr (GPtrArray) messages = read_disk (self, 1);

  return messages->len > i && g_str_equal (disk_text (messages, i), text);
}

/* A long answer, which the program's end interrupts. */
static void
test_growing (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodRun) run = pmod_run_new ();
  g_autoptr (PmodMessage) question = pmod_message_new_question ("Tell me a story.");
  g_autoptr (PmodMessage) answer = pmod_message_new_answer (run, NULL);
  g_autoptr (PmodMessage) restored = NULL;
  gint64 begun_us;

  g_signal_emit_by_name (self->chat, "answering", question, answer, FALSE);
  append_word (run, 0, "Once ");
  begun_us = g_get_monotonic_time ();
  store_check_wait (disk_says (self, 1, "Once "));
  append_word (run, 1, "upon ");
  store_check_wait (disk_says (self, 1, "Once upon "));
  g_assert_cmpint (g_get_monotonic_time () - begun_us, <, 2 * G_TIME_SPAN_SECOND);
  append_word (run, 2, "a time");
  end (self);

  start (self);
  pmod_shelf_open (self->shelf, 1);
  store_check_wait (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 2);
  restored = g_list_model_get_item (pmod_chat_get_messages (self->chat), 1);
  g_assert_cmpstr (pmod_message_get_text (restored), ==, "Once upon a time");
  g_assert_true (pmod_message_get_interrupted (restored));
  g_assert_cmpint (disk_state (self, 1), ==, PMOD_STORE_PARTIAL);
}

/* As another program, or an older one, would. */
static void
change_disk (Fixture *self, const char *sql)
{
  g_autofree char *message = NULL;
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (self->path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 10000);
  sqlite3_exec (db, sql, NULL, NULL, NULL);
  g_assert_cmpstr (sqlite3_errmsg (db), ==, "not an error");
  sqlite3_close (db);
}

static gboolean
no_work (PmodStoreDb *db, gpointer data, GError **error)
{
  return TRUE;
}

static void
done_cb (const GError *error, gpointer done)
{
  *(gboolean *)done = TRUE;
}

/* A question is never on disk without its answer, be it the first or not; what a database would not
 * take comes there with what follows it. */
static void
test_pair (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) refused = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  gboolean done = FALSE;

  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  store_check_wait (disk_state (self, 1) == PMOD_STORE_COMPLETE);
  change_disk (self, "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN new.role = 1 "
                     "BEGIN SELECT raise (ABORT, 'no answers'); END");
  ask (self, "Do you see a sunflower?");
  pmod_store_write (self->store, no_work, NULL, NULL, done_cb, &done);
  store_check_wait (done);
  refused = read_disk (self, 1);
  g_assert_cmpuint (refused->len, ==, 2);

  change_disk (self, "DROP TRIGGER refuse");
  ask (self, QUESTION);
  store_check_wait (disk_state (self, 5) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 6);
  for (guint i = 1; i < 6; i++)
    g_assert_cmpint (((PmodStoreMessage *)messages->pdata[i])->parent, ==,
                     ((PmodStoreMessage *)messages->pdata[i - 1])->id);
  g_assert_cmpstr (disk_text (messages, 3), ==, "No.");
  g_assert_cmpint (disk_state (self, 3), ==, PMOD_STORE_COMPLETE);
}

/* The first pair, too, comes to disk with what follows it: its picture, its words and all. */
static void
test_first_pair (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (PmodStoreDb) db = NULL;
  g_autoptr (PmodStoreConversation) conversation = NULL;
  gboolean done = FALSE;

  pmod_store_write (self->store, no_work, NULL, NULL, done_cb, &done);
  store_check_wait (done);
  change_disk (self, "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN new.role = 1 "
                     "BEGIN SELECT raise (ABORT, 'no answers'); END");
  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  done = FALSE;
  pmod_store_write (self->store, no_work, NULL, NULL, done_cb, &done);
  store_check_wait (done);
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 0);

  change_disk (self, "DROP TRIGGER refuse");
  ask (self, "Do you see a sunflower?");
  store_check_wait (disk_state (self, 3) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 4);
  g_assert_cmpstr (disk_text (messages, 0), ==, QUESTION);
  g_assert_cmpstr (disk_text (messages, 2), ==, "Do you see a sunflower?");
  g_assert_nonnull (((PmodStoreMessage *)messages->pdata[0])->pictures);
  g_assert_nonnull (((PmodStoreMessage *)messages->pdata[0])->pictures[0]);
  g_assert_cmpint (disk_state (self, 1), ==, PMOD_STORE_COMPLETE);
  db = pmod_store_db_open (self->path, NULL);
  conversation = pmod_store_db_get (db, 1, NULL);
  g_assert_cmpstr (conversation->title, ==, QUESTION);
}

static void
assert_cut (Fixture *self, guint i)
{
  g_autoptr (PmodMessage) question =
      g_list_model_get_item (pmod_chat_get_messages (self->chat), i - 1);
  g_autoptr (PmodMessage) answer = g_list_model_get_item (pmod_chat_get_messages (self->chat), i);

  g_assert_cmpstr (pmod_message_get_text (question), ==, "Do you see a sunflower?");
  g_assert_cmpstr (pmod_message_get_text (answer), ==, "");
  g_assert_true (pmod_message_get_interrupted (answer));
}

/* As a program left it that wrote questions before their answers. */
static void
test_lone_question (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) before = NULL;
  g_autoptr (GPtrArray) messages = NULL;

  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  ask (self, "Do you see a sunflower?");
  store_check_wait (disk_state (self, 3) == PMOD_STORE_COMPLETE);
  end (self);
  change_disk (self, "DELETE FROM message WHERE id = 4; UPDATE conversation SET leaf = 3");

  start (self);
  pmod_shelf_open (self->shelf, 1);
  store_check_wait (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 4);
  assert_cut (self, 3);
  before = read_disk (self, 1);
  g_assert_cmpuint (before->len, ==, 3); /* nothing is written where nothing is said */

  ask (self, QUESTION);
  store_check_wait (disk_state (self, 5) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 6);
  for (guint i = 1; i < 6; i++)
    g_assert_cmpint (((PmodStoreMessage *)messages->pdata[i])->parent, ==,
                     ((PmodStoreMessage *)messages->pdata[i - 1])->id);
  g_assert_cmpint (disk_state (self, 3), ==, PMOD_STORE_PARTIAL);
  end (self);

  start (self);
  pmod_shelf_open (self->shelf, 1);
  store_check_wait (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 6);
  assert_cut (self, 3);
}

static void
check_same_maps (PmodRun *a, PmodRun *b)
{
  int n_kept = 0;

  g_assert_cmpint (pmod_run_get_n_layers (a), ==, pmod_run_get_n_layers (b));
  g_assert_cmpint (pmod_run_get_n_vision (a), ==, 64);
  g_assert_cmpint (pmod_run_get_n_vision (b), ==, 64);
  for (int l = 0; l < pmod_run_get_n_layers (a); l++)
    for (int t = 0; t < 64; t++)
      {
        g_assert_cmpint (pmod_run_is_kept (a, l, t), ==, pmod_run_is_kept (b, l, t));
        n_kept += pmod_run_is_kept (a, l, t);
      }
  g_assert_cmpint (n_kept, >, 64);
  g_assert_cmpint (n_kept, <, 64 * pmod_run_get_n_layers (a));
}

static void
test_restart (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodRun) first = NULL;
  g_autoptr (PmodRun) second = NULL;
  g_autoptr (GPtrArray) messages = NULL;

  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  first = g_object_ref (get_answer (self, 1));
  pmod_tuning_set_factor (pmod_session_get_tuning (self->session), 0.4);
  ask (self, "Do you see a sunflower?");
  second = g_object_ref (get_answer (self, 3));
  end (self);
  pmod_tuning_reset (pmod_session_get_tuning (self->session));

  start (self);
  store_check_wait (g_list_model_get_n_items (pmod_shelf_get_list (self->shelf)) == 1);
  pmod_shelf_open (self->shelf, 1);
  store_check_wait (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 4);
  g_assert_cmpuint (
      pmod_image_get_hash (pmod_picture_get_image (pmod_chat_get_picture (self->chat))), ==,
      pmod_image_get_hash (pmod_picture_get_image (self->picture)));
  g_assert_cmpstr (pmod_picture_get_name (pmod_chat_get_picture (self->chat)), ==, "seen-00.png");
  g_assert_true (pmod_chat_get_run (self->chat) == get_answer (self, 3));
  check_same_maps (get_answer (self, 3), second);
  check_same_maps (get_answer (self, 1), first);
  g_assert_cmpstr (pmod_run_get_text (get_answer (self, 1)), ==, "One.");
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (get_answer (self, 1)), ==,
                   pmod_run_get_n_prompt_tokens (first));
  pmod_chat_show_answer (self->chat, 1);
  g_assert_true (pmod_chat_get_run (self->chat) == get_answer (self, 1));
  g_assert_cmpint (pmod_session_get_state (self->session), ==, PMOD_SESSION_READY);

  /* A model that was still loading leaves it; one that is chosen later reads the picture. */
  {
    g_autofree char *model = session_check_fixture ("demo-v0");

    pmod_session_open_model (self->session, model);
    pmod_chat_show_answer (self->chat, 1);
    session_check_wait (session_check_is_settled, self->session);
    g_assert_true (pmod_chat_get_run (self->chat) == get_answer (self, 1));
    pmod_chat_show_answer (self->chat, 3);
    pmod_session_open_model (self->session, model);
    session_check_wait (session_check_is_settled, self->session);
    store_check_wait (pmod_chat_get_run (self->chat) &&
                      pmod_chat_get_run (self->chat) != get_answer (self, 3));
  }

  /* It goes on in the same conversation. */
  ask (self, QUESTION);
  g_assert_cmpstr (pmod_run_get_text (get_answer (self, 5)), ==, "One.");
  store_check_wait (disk_state (self, 5) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 6);
  g_assert_cmpint (((PmodStoreMessage *)messages->pdata[4])->parent, ==, 4);
}

static void
test_again (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) messages = NULL;

  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  g_assert_true (pmod_chat_ask_again (self->chat));
  store_check_wait (!pmod_chat_get_busy (self->chat));
  store_check_wait (disk_state (self, 2) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 3);
  for (int i = 1; i < 3; i++)
    {
      g_assert_cmpstr (disk_text (messages, (guint)i), ==, "One.");
      g_assert_cmpint (((PmodStoreMessage *)messages->pdata[i])->parent, ==, 1);
      g_assert_cmpint (((PmodStoreMessage *)messages->pdata[i])->state, ==, PMOD_STORE_COMPLETE);
    }
}

/* The answer comes all the same, it is said that it is not saved, and later it is. */
static void
test_full_disk (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) messages = NULL;

  signal (SIGXFSZ, SIG_IGN);
  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  store_check_wait (disk_state (self, 1) == PMOD_STORE_COMPLETE);
  store_check_limit_files (4096);
  ask (self, "Do you see a sunflower?");
  g_assert_cmpstr (pmod_run_get_text (get_answer (self, 3)), ==, "No.");
  ask (self, QUESTION);
  store_check_wait (pmod_store_get_problem (self->store));
  g_test_message ("%s", pmod_store_get_problem (self->store));
  store_check_limit_files (RLIM_INFINITY);
  store_check_wait (!pmod_store_get_problem (self->store));
  store_check_wait (disk_state (self, 5) == PMOD_STORE_COMPLETE);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 6);
  g_assert_cmpstr (disk_text (messages, 3), ==, "No.");
  g_assert_cmpstr (disk_text (messages, 5), ==, "One.");
}

/* A picture without a file is kept as its pixels. */
static void
test_pixels (Fixture *self, gconstpointer data)
{
  guint8 rgb[16 * 12 * 3];
  g_autoptr (PmodPicture) picture = NULL;
  g_autofree char *long_question = g_strnfill (30, 'w');
  g_autofree char *words = g_strdup_printf ("%s %s %s", long_question, QUESTION, long_question);
  g_autoptr (PmodStoreItem) item = NULL;

  for (gsize i = 0; i < sizeof rgb; i++)
    rgb[i] = (guint8)(i * 7);
  picture = pmod_picture_new_rgb ("Camera", 16, 12, 16 * 3, rgb);
  pmod_chat_open_picture (self->chat, picture);
  ask (self, words);
  end (self);
  start (self);
  store_check_wait (g_list_model_get_n_items (pmod_shelf_get_list (self->shelf)) == 1);
  item = g_list_model_get_item (pmod_shelf_get_list (self->shelf), 0);
  g_assert_cmpstr (pmod_store_item_get_title (item), ==,
                   "wwwwwwwwwwwwwwwwwwwwwwwwwwwwww How many sailboats are there?\342\200\246");
  pmod_shelf_open (self->shelf, pmod_store_item_get_id (item));
  store_check_wait (pmod_chat_get_picture (self->chat));
  g_assert_cmpuint (
      pmod_image_get_hash (pmod_picture_get_image (pmod_chat_get_picture (self->chat))), ==,
      pmod_image_get_hash (pmod_picture_get_image (picture)));
}

static guint
count_list (Fixture *self)
{
  return g_list_model_get_n_items (pmod_shelf_get_list (self->shelf));
}

static void
said_cb (PmodShelf *shelf, const char *title, gpointer user_data)
{
  ++*(int *)user_data;
}

static void
failed_cb (PmodShelf *shelf, const char *title, const char *message, gpointer user_data)
{
  g_test_message ("%s: %s", title, message);
  ++*(int *)user_data;
}

static void
test_shelf (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->folder, "exported.json", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (PmodStoreItem) item = NULL;
  int n_said = 0, n_failed = 0;

  g_signal_connect (self->shelf, "remarked", G_CALLBACK (said_cb), &n_said);
  g_signal_connect (self->shelf, "failed", G_CALLBACK (failed_cb), &n_failed);
  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, "Do you see a sunflower?");
  store_check_wait (count_list (self) == 2);

  pmod_shelf_set_words (self->shelf, "sailb");
  store_check_wait (count_list (self) == 1);
  item = g_list_model_get_item (pmod_shelf_get_list (self->shelf), 0);
  g_assert_cmpint (pmod_store_item_get_id (item), ==, 1);
  g_assert_nonnull (
      strstr (pmod_store_item_get_excerpt (item), "\342\201\250sailboats\342\201\251"));
  pmod_shelf_set_words (self->shelf, "  ");
  store_check_wait (count_list (self) == 2);

  pmod_shelf_export (self->shelf, 1, FALSE, file);
  store_check_wait (n_said == 1);
  pmod_shelf_delete (self->shelf, 2); /* is shown */
  g_assert_null (pmod_chat_get_picture (self->chat));
  store_check_wait (count_list (self) == 1);
  pmod_shelf_undo_delete (self->shelf, 2);
  store_check_wait (count_list (self) == 2 && pmod_chat_get_picture (self->chat));
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 2);

  pmod_shelf_import (self->shelf, file);
  store_check_wait (count_list (self) == 3);
  store_check_wait (pmod_keeper_get_conversation (self->keeper) == 3);
  check_same_maps (get_answer (self, 1), get_answer (self, 1));
  g_assert_true (g_file_set_contents (path, "{}", -1, NULL));
  pmod_shelf_import (self->shelf, file);
  store_check_wait (n_failed == 1);
  g_assert_cmpuint (count_list (self), ==, 3);
}

/* What is not to be kept is answered, and no other program sees it. */
static void
test_off (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) messages = NULL;

  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  store_check_wait (disk_state (self, 1) == PMOD_STORE_COMPLETE && count_list (self) == 1);
  pmod_keeper_set_keeps (self->keeper, FALSE);
  ask (self, "Do you see a sunflower?");
  pmod_chat_open_picture (self->chat, self->picture);
  ask (self, QUESTION);
  g_assert_cmpstr (pmod_run_get_text (get_answer (self, 1)), ==, "One.");
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 0);

  /* From here on it is kept again, as a conversation of its own. */
  pmod_keeper_set_keeps (self->keeper, TRUE);
  ask (self, QUESTION);
  store_check_wait (count_list (self) == 2);
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 2);
  messages = read_disk (self, 1);
  g_assert_cmpuint (messages->len, ==, 2);
}

/* The last one is gone on with, unless there is something to be seen already. */
static void
test_newest (Fixture *self, gconstpointer data)
{
  pmod_shelf_open_newest (self->shelf);
  for (int i = 0; i < 2; i++)
    {
      pmod_chat_open_picture (self->chat, self->picture);
      ask (self, i == 0 ? "Do you see a sunflower?" : QUESTION);
    }
  store_check_wait (count_list (self) == 2);
  end (self);

  start (self);
  pmod_shelf_open_newest (self->shelf);
  store_check_wait (pmod_keeper_get_conversation (self->keeper) == 2);
  g_assert_cmpstr (pmod_run_get_text (get_answer (self, 1)), ==, "One.");
  pmod_chat_open_picture (self->chat, self->picture);
  pmod_shelf_open_newest (self->shelf);
  store_check_wait (count_list (self) == 2 && !pmod_chat_get_busy (self->chat));
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 0);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/keeper/order", test_order);
  ADD ("/keeper/growing", test_growing);
  ADD ("/keeper/pair", test_pair);
  ADD ("/keeper/first-pair", test_first_pair);
  ADD ("/keeper/lone-question", test_lone_question);
  ADD ("/keeper/restart", test_restart);
  ADD ("/keeper/again", test_again);
  ADD ("/keeper/full-disk", test_full_disk);
  ADD ("/keeper/pixels", test_pixels);
  ADD ("/keeper/shelf", test_shelf);
  ADD ("/keeper/off", test_off);
  ADD ("/keeper/newest", test_newest);
  return g_test_run ();
}
