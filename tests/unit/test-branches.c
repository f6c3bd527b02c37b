/* The branches of a conversation in a chat and on disk, its system prompt, and what the next
 * question takes of the context. */
#include "config.h"

#include <string.h>

#include "pmod-chat-found.h"
#include "pmod-context-meter.h"
#include "pmod-engine.h"
#include "pmod-run-origin.h"
#include "pmod-run-tokens.h"
#include "pmod-shelf.h"
#include "pmod-store-exchange.h"
#include "session-check.h"
#include "store-check.h"

#define QUESTION "How many sailboats are there?"
#define OTHER "Do you see a sunflower?"

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
  self->folder = g_dir_make_tmp ("strata-branches-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "conversations.db", NULL);
  self->session = session_check_open ("demo-v0");
  self->picture = session_check_load_picture ("demo/seen-00.png");
  start (self);
  pmod_chat_open_picture (self->chat, self->picture);
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

static PmodMessage *
get (Fixture *self, guint i)
{
  g_autoptr (PmodMessage) message = g_list_model_get_item (pmod_chat_get_messages (self->chat), i);

  g_assert_nonnull (message);
  return message; /* the list holds it */
}

/* What is shown, and of each message which version of how many. */
static void
assert_shown (Fixture *self, const char *expected)
{
  guint n = g_list_model_get_n_items (pmod_chat_get_messages (self->chat));
  g_autoptr (GString) shown = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    {
      PmodMessage *message = get (self, i);

      g_assert_cmpuint (pmod_message_get_position (message), ==, i);
      g_string_append_printf (shown, "%s%s %u/%u", i ? "|" : "", pmod_message_get_text (message),
                              pmod_message_get_version (message) + 1,
                              pmod_message_get_n_versions (message));
    }
  g_assert_cmpstr (shown->str, ==, expected);
}

static void
wait_answer (Fixture *self)
{
  store_check_wait (!pmod_chat_get_busy (self->chat));
}

static void
ask (Fixture *self, const char *question)
{
  g_assert_true (pmod_chat_ask (self->chat, question));
  wait_answer (self);
}

static PmodStoreDb *
open_disk (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db = pmod_store_db_open (self->path, &error);

  g_assert_no_error (error);
  return db;
}

static gint64
disk_leaf (Fixture *self)
{
  g_autoptr (PmodStoreDb) db = open_disk (self);
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, 1, NULL);

  return conversation ? conversation->leaf : 0;
}

static char *
dup_disk_system (Fixture *self)
{
  g_autoptr (PmodStoreDb) db = open_disk (self);
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, 1, NULL);

  return conversation ? g_steal_pointer (&conversation->system) : NULL;
}

static gboolean
has_disk_system (Fixture *self)
{
  g_autofree char *system = dup_disk_system (self);

  return system != NULL;
}

static void
open_again (Fixture *self, gint64 message)
{
  end (self);
  start (self);
  pmod_shelf_open_at (self->shelf, 1, message);
  store_check_wait (pmod_keeper_get_conversation (self->keeper) == 1);
}

/* --- Branches -------------------------------------------------------------------------------- */

/* Question, answer, question, answer; then the first answer anew. */
static void
make_two (Fixture *self)
{
  ask (self, QUESTION);
  ask (self, OTHER);
  assert_shown (self, QUESTION " 1/1|One. 1/1|" OTHER " 1/1|No. 1/1");
  g_assert_true (pmod_chat_ask_again_at (self->chat, 1));
  g_assert_false (pmod_chat_ask_again_at (self->chat, 1));
  g_assert_false (pmod_chat_show_version (self->chat, 1, 0));
  wait_answer (self);
  assert_shown (self, QUESTION " 1/1|One. 2/2");
}

static void
test_again (Fixture *self, gconstpointer data)
{
  PmodRun *run;

  g_assert_false (pmod_chat_ask_again_at (self->chat, 1)); /* nothing was asked */
  make_two (self);
  g_assert_false (pmod_chat_ask_again_at (self->chat, 0)); /* a question */
  g_assert_false (pmod_chat_ask_again_at (self->chat, 2));
  run = pmod_message_get_run (get (self, 1));
  g_assert_true (pmod_chat_get_run (self->chat) == run);
  store_check_wait (disk_leaf (self) == 5);

  g_assert_false (pmod_chat_show_version (self->chat, 1, 2));
  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
  g_assert_true (pmod_chat_get_run (self->chat) == pmod_message_get_run (get (self, 1)));
  g_assert_true (pmod_chat_get_run (self->chat) != run);
  store_check_wait (disk_leaf (self) == 4);

  open_again (self, 0);
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
  g_assert_true (pmod_chat_show_version (self->chat, 1, 1));
  assert_shown (self, QUESTION " 1/1|One. 2/2");
  g_assert_true (pmod_run_has_maps (pmod_chat_get_run (self->chat)));
  store_check_wait (disk_leaf (self) == 5);

  /* It goes on where it is. */
  ask (self, OTHER);
  assert_shown (self, QUESTION " 1/1|One. 2/2|" OTHER " 1/1|No. 1/1");
  store_check_wait (disk_leaf (self) == 7);
}

/* Instead of what began the conversation: another beginning of the same one, with its picture. */
static void
test_instead (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodStoreDb) db = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  PmodStoreMessage *first, *other;

  make_two (self);
  g_assert_false (pmod_chat_ask_instead (self->chat, 1, OTHER)); /* an answer */
  g_assert_false (pmod_chat_ask_instead (self->chat, 0, " "));
  g_assert_true (pmod_chat_ask_instead (self->chat, 0, " " OTHER " "));
  wait_answer (self);
  assert_shown (self, OTHER " 2/2|No. 1/1");
  store_check_wait (disk_leaf (self) == 7);
  g_assert_cmpint (pmod_keeper_get_conversation (self->keeper), ==, 1);

  db = open_disk (self);
  messages = pmod_store_db_list_messages (db, 1, NULL);
  g_assert_cmpuint (messages->len, ==, 7);
  first = messages->pdata[0];
  other = messages->pdata[5];
  g_assert_cmpint (other->parent, ==, 0);
  g_assert_cmpstr (other->text, ==, OTHER);
  g_assert_cmpstr (other->pictures[0], ==, first->pictures[0]);
  g_clear_pointer (&db, pmod_store_db_free);

  open_again (self, 0);
  assert_shown (self, OTHER " 2/2|No. 1/1");
  g_assert_nonnull (pmod_chat_get_picture (self->chat));
  g_assert_true (pmod_chat_show_version (self->chat, 0, 0));
  assert_shown (self, QUESTION " 1/2|One. 2/2");

  /* In the middle. */
  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_assert_true (pmod_chat_ask_instead (self->chat, 2, QUESTION));
  wait_answer (self);
  assert_shown (self, QUESTION " 1/2|One. 1/2|" QUESTION " 2/2|One. 1/1");
}

/* The message in which the first of the list was found; 0: not yet. */
static gint64
get_found (Fixture *self)
{
  g_autoptr (PmodStoreItem) item = g_list_model_get_item (pmod_shelf_get_list (self->shelf), 0);

  return item ? pmod_store_item_get_message (item) : 0;
}

/* What a search has found is shown, wherever it is. */
static void
test_found (Fixture *self, gconstpointer data)
{
  make_two (self);
  store_check_wait (disk_leaf (self) == 5);
  pmod_shelf_set_words (self->shelf, "sunflower");
  store_check_wait (get_found (self) == 3);

  /* In the conversation that is shown. */
  pmod_shelf_open_at (self->shelf, 1, 3);
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
  g_assert_true (pmod_chat_show_version (self->chat, 1, 1));
  store_check_wait (disk_leaf (self) == 5);
  pmod_shelf_set_words (self->shelf, "");

  /* In one that is opened; it is what is shown the next time. */
  open_again (self, 3);
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
  store_check_wait (disk_leaf (self) == 4);
  open_again (self, 4); /* in sight anyway */
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
  open_again (self, 12345);
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1");
}

static void
found_cb (PmodChatFound *found, PmodMessage *message, PmodMessage **shown)
{
  *shown = message;
}

/* While an answer comes, what is in sight anyway is come to; another branch stays where it is. */
static void
test_found_busy (Fixture *self, gconstpointer data)
{
  PmodMessage *shown = NULL, *other;

  make_two (self);
  other = get (self, 1);
  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_signal_connect (pmod_chat_found_of (self->chat), "found", G_CALLBACK (found_cb), &shown);
  g_assert_true (pmod_chat_ask (self->chat, QUESTION));
  g_assert_true (pmod_chat_found_show (self->chat, get (self, 3)));
  g_assert_true (shown == get (self, 3));
  g_assert_false (pmod_chat_found_show (self->chat, other));
  g_assert_true (shown == get (self, 3));
  g_assert_true (pmod_chat_get_busy (self->chat));
  wait_answer (self);
  assert_shown (self, QUESTION " 1/1|One. 1/2|" OTHER " 1/1|No. 1/1|" QUESTION " 1/1|One. 1/1");
  g_assert_true (pmod_chat_found_show (self->chat, other));
  assert_shown (self, QUESTION " 1/1|One. 2/2");
}

/* Whatever a conversation's file holds: two questions in a row, an answer to nothing, one that was
 * stopped before its first word, a question that nothing follows. */
static void
test_odd (Fixture *self, gconstpointer data)
{
  static const struct
  {
    gint64 parent;
    PmodStoreRole role;
    PmodStoreState state;
    const char *text;
  } rows[] = {
    { 0, PMOD_STORE_SYSTEM, PMOD_STORE_COMPLETE, "s" },
    { 1, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "unanswered" },
    { 2, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "q" },
    { 3, PMOD_STORE_ASSISTANT, PMOD_STORE_COMPLETE, "a" },
    { 3, PMOD_STORE_ASSISTANT, PMOD_STORE_STOPPED, "" },
    { 4, PMOD_STORE_ASSISTANT, PMOD_STORE_COMPLETE, "an answer to an answer" },
    { 6, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "then" },
    { 7, PMOD_STORE_ASSISTANT, PMOD_STORE_STOPPED, "" },
    { 8, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "last" },
  };
  g_autoptr (PmodStoreDb) db = open_disk (self);
  gint64 id;

  g_assert_true (pmod_store_db_add_conversation (db, "odd", &id, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PmodStoreMessage message = { .conversation = id,
                                   .parent = rows[i].parent,
                                   .role = rows[i].role,
                                   .state = rows[i].state,
                                   .text = (char *)rows[i].text };

      g_assert_true (pmod_store_db_add_message (db, &message, NULL));
    }
  g_clear_pointer (&db, pmod_store_db_free);
  open_again (self, 0);
  assert_shown (self, "q 1/1|a 1/1|then 1/1| 1/1|last 1/1| 1/1");
}

static void
test_exchange (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) db = NULL, fresh = NULL;
  g_autofree char *first = NULL, *second = NULL;
  gint64 id;

  pmod_chat_set_system (self->chat, "Be brief.");
  make_two (self);
  g_assert_true (pmod_chat_ask_instead (self->chat, 0, OTHER));
  wait_answer (self);
  g_assert_true (pmod_chat_show_version (self->chat, 0, 0));
  store_check_wait (disk_leaf (self) == 5);
  end (self);
  start (self);

  db = open_disk (self);
  first = pmod_store_export_json (db, 1, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (first, "\"system\" : \"Be brief.\""));
  fresh = pmod_store_db_open (NULL, &error);
  g_assert_true (pmod_store_import_json (fresh, first, -1, &id, &error));
  g_assert_no_error (error);
  second = pmod_store_export_json (fresh, id, &error);
  g_assert_cmpstr (first, ==, second);
}

/* --- Versions that nobody asked for, and answers that are gone on with -------------------------
 */

static guint
count_disk (Fixture *self)
{
  g_autoptr (PmodStoreDb) db = open_disk (self);
  g_autoptr (GPtrArray) messages = pmod_store_db_list_messages (db, 1, NULL);

  return messages ? messages->len : 0;
}

/* A slider comes to rest, and the answer follows. */
static void
rest (Fixture *self, double factor)
{
  PmodTuning *tuning = pmod_session_get_tuning (self->session);

  pmod_tuning_set_factor (tuning, factor);
  store_check_wait (!pmod_chat_get_busy (self->chat) &&
                    pmod_run_get_generation (pmod_message_get_run (get (self, 1))) ==
                        pmod_tuning_get_generation (tuning));
}

/* However often a slider rests, there is one version of its own. */
static void
test_own (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodMessage) first = NULL;

  ask (self, QUESTION);
  first = g_object_ref (get (self, 1));
  pmod_chat_set_asks_again (self->chat, TRUE);
  for (int i = 0; i < 3; i++)
    {
      rest (self, 0.9 + 0.02 * i);
      g_assert_cmpuint (pmod_message_get_version (get (self, 1)), ==, 1);
      g_assert_cmpuint (pmod_message_get_n_versions (get (self, 1)), ==, 2);
    }
  store_check_wait (disk_leaf (self) == 5 && count_disk (self) == 3);

  /* What was asked for stays. */
  g_assert_true (pmod_chat_ask_again (self->chat));
  wait_answer (self);
  for (int i = 0; i < 2; i++)
    {
      rest (self, 0.8 + 0.02 * i);
      g_assert_cmpuint (pmod_message_get_version (get (self, 1)), ==, 3);
      g_assert_cmpuint (pmod_message_get_n_versions (get (self, 1)), ==, 4);
    }
  store_check_wait (count_disk (self) == 5);

  /* So does what something follows. */
  ask (self, OTHER);
  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_assert_true (get (self, 1) == first);
  g_assert_true (pmod_chat_show_version (self->chat, 1, 3));
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)), ==, 4);
  pmod_chat_set_asks_again (self->chat, FALSE);
  pmod_tuning_reset (pmod_session_get_tuning (self->session));
}

/* Going on makes another version, told the same, and both are on disk. */
static void
test_continue (Fixture *self, gconstpointer data)
{
  PmodTuning *tuning = pmod_session_get_tuning (self->session);
  g_autoptr (PmodMessage) cut = NULL;
  g_autoptr (PmodStoreDb) db = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  PmodRun *run;

  pmod_chat_set_system (self->chat, "You describe drawings.");
  pmod_tuning_set_max_tokens (tuning, 1);
  ask (self, "What is this?");
  cut = g_object_ref (get (self, 1));
  g_assert_true (pmod_message_get_shown (cut));
  g_assert_true (pmod_chat_continue (self->chat, cut));
  wait_answer (self);
  pmod_tuning_reset (tuning);
  session_check_wait (session_check_is_settled, self->session);
  g_assert_true (get (self, 1) != cut);
  g_assert_cmpuint (pmod_message_get_n_versions (get (self, 1)), ==, 2);
  run = pmod_message_get_run (get (self, 1));
  g_assert_true (
      g_str_has_prefix (pmod_message_get_text (get (self, 1)), pmod_message_get_text (cut)));
  g_assert_cmpint (pmod_run_count_answer_tokens (run), ==, 2);
  g_assert_nonnull (strstr (pmod_run_get_settings (run), "\"system\":\"You describe drawings.\""));
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (run), ==,
                   pmod_run_get_n_prompt_tokens (pmod_message_get_run (cut)));

  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_assert_true (get (self, 1) == cut);
  g_assert_true (pmod_message_get_shown (cut));
  g_assert_true (pmod_chat_show_version (self->chat, 1, 1));
  g_assert_true (pmod_message_get_shown (get (self, 1)));
  store_check_wait (disk_leaf (self) == 3);
  db = open_disk (self);
  messages = pmod_store_db_list_messages (db, 1, NULL);
  g_assert_cmpuint (messages->len, ==, 3);
  g_assert_cmpint (((PmodStoreMessage *)messages->pdata[2])->parent, ==, 1);
  g_assert_cmpstr (((PmodStoreMessage *)messages->pdata[1])->text, ==, pmod_message_get_text (cut));
  g_assert_cmpstr (((PmodStoreMessage *)messages->pdata[2])->text, ==, pmod_run_get_text (run));
}

/* So does going on with an earlier answer; what followed that stays with it. */
static void
test_continue_earlier (Fixture *self, gconstpointer data)
{
  PmodTuning *tuning = pmod_session_get_tuning (self->session);
  g_autoptr (PmodMessage) cut = NULL;
  g_autoptr (PmodMessage) later = NULL;
  g_autoptr (PmodStoreDb) db = NULL;
  g_autoptr (GPtrArray) messages = NULL;

  pmod_tuning_set_max_tokens (tuning, 1);
  ask (self, "What is this?");
  cut = g_object_ref (get (self, 1));
  pmod_tuning_reset (tuning);
  ask (self, OTHER);
  later = g_object_ref (get (self, 3));
  g_assert_true (pmod_chat_can_continue (self->chat, cut));
  g_assert_true (pmod_chat_can_continue_from (self->chat, cut));
  g_assert_true (pmod_chat_continue (self->chat, cut));
  /* Nor while an answer is on its way. */
  g_assert_false (pmod_chat_can_continue (self->chat, get (self, 1)));
  wait_answer (self);
  session_check_wait (session_check_is_settled, self->session);
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)), ==, 2);
  g_assert_cmpuint (pmod_message_get_n_versions (get (self, 1)), ==, 2);
  g_assert_true (
      g_str_has_prefix (pmod_message_get_text (get (self, 1)), pmod_message_get_text (cut)));
  g_assert_cmpuint (strlen (pmod_message_get_text (get (self, 1))), >,
                    strlen (pmod_message_get_text (cut)));
  g_assert_false (pmod_chat_can_continue (self->chat, cut)); /* another version is shown */
  store_check_wait (disk_leaf (self) == 5);

  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_assert_true (get (self, 1) == cut);
  g_assert_true (get (self, 3) == later);
  store_check_wait (disk_leaf (self) == 4);
  db = open_disk (self);
  messages = pmod_store_db_list_messages (db, 1, NULL);
  g_assert_cmpuint (messages->len, ==, 5);
  g_assert_cmpint (((PmodStoreMessage *)messages->pdata[4])->parent, ==, 1);
}

/* --- System prompt --------------------------------------------------------------------------- */

static void
test_system (Fixture *self, gconstpointer data)
{
  g_autofree char *kept = NULL;
  int n_tokens, n_more;

  g_assert_cmpstr (pmod_session_get_model (self->session)->system, ==, "");
  ask (self, QUESTION);
  n_tokens = pmod_run_get_n_prompt_tokens (pmod_message_get_run (get (self, 1)));
  pmod_chat_set_system (self->chat, "You describe drawings.");
  session_check_wait (session_check_is_settled, self->session);
  /* The maps are of a picture that has something before it. */
  g_assert_true (pmod_chat_get_run (self->chat) != pmod_message_get_run (get (self, 1)));
  ask (self, QUESTION);
  n_more = pmod_run_get_n_prompt_tokens (pmod_message_get_run (get (self, 3)));
  g_test_message ("%d tokens, %d with a system prompt", n_tokens, n_more);
  g_assert_cmpint (n_more, >, n_tokens);
  g_assert_nonnull (strstr (pmod_run_get_settings (pmod_message_get_run (get (self, 3))),
                            "\"system\":\"You describe drawings.\""));
  store_check_wait (disk_leaf (self) == 4);
  kept = dup_disk_system (self);
  g_assert_cmpstr (kept, ==, "You describe drawings.");

  open_again (self, 0);
  g_assert_cmpstr (pmod_chat_get_system (self->chat), ==, "You describe drawings.");
  ask (self, QUESTION);
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (pmod_message_get_run (get (self, 5))), ==, n_more);

  /* A new conversation begins without one, and undo brings it back. One that is written before
   * anything is asked is for any picture. */
  pmod_chat_open_picture (self->chat, self->picture);
  g_assert_null (pmod_chat_get_system (self->chat));
  pmod_chat_undo (self->chat);
  g_assert_cmpstr (pmod_chat_get_system (self->chat), ==, "You describe drawings.");
  pmod_chat_set_system (self->chat, NULL);
  store_check_wait (!has_disk_system (self));
  assert_shown (self, QUESTION " 1/1|One. 1/1|" QUESTION " 1/1|One. 1/1|" QUESTION " 1/1|One. 1/1");
  pmod_chat_clear (self->chat);
  pmod_chat_set_system (self->chat, "For what comes.");
  pmod_chat_open_picture (self->chat, self->picture);
  g_assert_cmpstr (pmod_chat_get_system (self->chat), ==, "For what comes.");
  pmod_chat_clear (self->chat);
  g_assert_null (pmod_chat_get_system (self->chat));
}

/* --- The context ----------------------------------------------------------------------------- */

/* What is counted before is what a run then says that it took. */
static void
test_meter (Fixture *self, gconstpointer data)
{
  PmodContextMeter *meter = pmod_context_meter_get (self->chat);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *why = NULL;
  int before, counted;

  g_assert_true (pmod_context_meter_get (self->chat) == meter);
  store_check_wait (pmod_context_meter_get_settled (meter));
  before = pmod_context_meter_get_needed (meter);
  g_assert_cmpint (before, >, 64); /* the picture */
  g_assert_cmpint (pmod_context_meter_get_limit (meter), ==, 1024);

  pmod_context_meter_set_draft (meter, "How");
  pmod_context_meter_set_draft (meter, "How many");
  pmod_context_meter_set_draft (meter, QUESTION);
  g_assert_false (pmod_context_meter_get_settled (meter));
  store_check_wait (pmod_context_meter_get_settled (meter));
  counted = pmod_context_meter_get_needed (meter);
  g_assert_cmpint (counted, >, before);
  ask (self, QUESTION);
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (pmod_message_get_run (get (self, 1))), ==,
                   counted);

  pmod_chat_set_system (self->chat, "You describe drawings.");
  store_check_wait (pmod_context_meter_get_settled (meter));
  counted = pmod_context_meter_get_needed (meter);
  session_check_wait (session_check_is_settled, self->session);
  ask (self, QUESTION);
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (pmod_message_get_run (get (self, 3))), ==,
                   counted);

  for (int i = 0; i < 1000; i++)
    g_string_append (text, " ring");
  pmod_context_meter_set_draft (meter, text->str);
  store_check_wait (pmod_context_meter_get_settled (meter));
  g_assert_cmpint (pmod_context_meter_get_needed (meter), >, 1024);
  g_assert_false (pmod_context_meter_get_fits (meter));
  why = pmod_context_meter_explain (meter, pmod_context_meter_get_needed (meter));
  g_test_message ("%s", why);
  g_assert_nonnull (strstr (why, "1024"));
  pmod_context_meter_set_draft (meter, "");
  store_check_wait (pmod_context_meter_get_settled (meter));
  g_assert_true (pmod_context_meter_get_fits (meter));
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/branches/again", test_again);
  ADD ("/branches/instead", test_instead);
  ADD ("/branches/found", test_found);
  ADD ("/branches/found-busy", test_found_busy);
  ADD ("/branches/odd", test_odd);
  ADD ("/branches/exchange", test_exchange);
  ADD ("/branches/own", test_own);
  ADD ("/branches/continue", test_continue);
  ADD ("/branches/continue-earlier", test_continue_earlier);
  ADD ("/branches/system", test_system);
  ADD ("/branches/meter", test_meter);
  return g_test_run ();
}
