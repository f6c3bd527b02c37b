/* PmodChat with several pictures: each question is asked with all up to there, they follow branches
 * and settings, are counted before, and come back from the disk with their question. */
#include "config.h"

#include <string.h>

#include "pmod-context-meter.h"
#include "pmod-engine.h"
#include "pmod-picture-private.h"
#include "pmod-remote.h"
#include "pmod-run-origin.h"
#include "pmod-run-private.h"
#include "pmod-shelf.h"
#include "pmod-store-exchange.h"
#include "pmod-turns.h"
#include "session-check.h"
#include "store-check.h"

#define N_PARTS 64             /* of a picture, in this model */
#define N_TOKENS (N_PARTS + 2) /* with the end of its line */

typedef struct
{
  char *folder;
  char *path;
  PmodSession *session;
  PmodPicture *pictures[3];
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
  static const char *const names[] = { "demo/seen-00.png", "demo/seen-01.png", "demo/seen-02.png" };

  self->folder = g_dir_make_tmp ("strata-pictures-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "conversations.db", NULL);
  self->session = session_check_open ("demo-v0");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    self->pictures[i] = session_check_load_picture (names[i]);
  start (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  end (self);
  session_check_wait (session_check_is_settled, self->session);
  g_assert_finalize_object (self->session);
  for (guint i = 0; i < G_N_ELEMENTS (self->pictures); i++)
    {
      /* What is still to be told of a write holds a run, and that what it was asked about. */
      store_check_wait (G_OBJECT (self->pictures[i])->ref_count == 1);
      g_assert_finalize_object (self->pictures[i]);
    }
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

static PmodMessage *
get_message (Fixture *self, guint i)
{
  g_autoptr (PmodMessage) message = g_list_model_get_item (pmod_chat_get_messages (self->chat), i);

  g_assert_nonnull (message);
  return message;
}

static PmodRun *
get_answer (Fixture *self, guint i)
{
  return pmod_message_get_run (get_message (self, i));
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

static guint
count_attached (Fixture *self)
{
  return g_list_model_get_n_items (pmod_chat_get_attached (self->chat));
}

static guint64
get_hash (PmodPicture *picture)
{
  g_assert_nonnull (picture);
  return pmod_image_get_hash (pmod_picture_get_image (picture));
}

/* run's prompt holds the first n pictures of the fixture, and what is shown of it are those. */
static void
check_run (Fixture *self, PmodRun *run, int n)
{
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);
  g_assert_cmpint (pmod_run_get_n_pictures (run), ==, n);
  g_assert_cmpint (pmod_run_get_n_vision (run), ==, n * N_PARTS);
  for (int i = 0; i < n; i++)
    g_assert_cmpuint (get_hash (pmod_run_get_shown (run, i)), ==, get_hash (self->pictures[i]));
  g_assert_null (pmod_run_get_shown (run, n));
}

static void
check_brought (Fixture *self, guint position, guint n, PmodPicture *first)
{
  GPtrArray *brought = pmod_message_get_pictures (get_message (self, position));

  g_assert_cmpuint (brought ? brought->len : 0, ==, n);
  if (n > 0)
    g_assert_cmpuint (get_hash (brought->pdata[0]), ==, get_hash (first));
}

/* Three questions: about one picture, with a second one, and after both. */
static void
converse (Fixture *self)
{
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[0]));
  g_assert_true (pmod_chat_get_picture (self->chat) == self->pictures[0]);
  g_assert_cmpuint (count_attached (self), ==, 0);
  ask (self, "How many sailboats are there?");
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[1]));
  g_assert_cmpuint (count_attached (self), ==, 1);
  ask (self, "Do you see a sunflower?");
  g_assert_cmpuint (count_attached (self), ==, 0);
  ask (self, "What is this?");
}

static void
test_ask (Fixture *self, gconstpointer data)
{
  converse (self);
  check_run (self, get_answer (self, 1), 1);
  check_run (self, get_answer (self, 3), 2);
  check_run (self, get_answer (self, 5), 2);
  check_brought (self, 0, 0, NULL);
  check_brought (self, 2, 1, self->pictures[1]);
  check_brought (self, 4, 0, NULL);
  g_assert_true (pmod_chat_get_picture (self->chat) == self->pictures[0]);
  /* Behind both pictures, the next question finds what the one before left. */
  g_assert_cmpint (pmod_run_get_n_reused (get_answer (self, 3)), ==, 0);
  g_assert_cmpint (pmod_run_get_n_reused (get_answer (self, 5)), >, 2 * N_PARTS);
}

/* Taken off again, they come with nothing; more than fit into a prompt are refused. */
static void
test_attach (Fixture *self, gconstpointer data)
{
  pmod_chat_open_picture (self->chat, self->pictures[0]);
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[1]));
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[2]));
  g_assert_cmpuint (pmod_chat_count_pictures (self->chat, 0), ==, 3);
  pmod_chat_detach (self->chat, 1);
  pmod_chat_detach (self->chat, 7);
  g_assert_cmpuint (count_attached (self), ==, 1);
  ask (self, "What is this?");
  check_run (self, get_answer (self, 1), 2);
  for (guint i = 2; i < PMOD_CHAT_MAX_PICTURES; i++)
    g_assert_true (pmod_chat_attach (self->chat, self->pictures[2]));
  g_assert_false (pmod_chat_attach (self->chat, self->pictures[2]));
  /* As what is typed they stay for what comes, where they must not be too many either. */
  pmod_chat_clear (self->chat);
  g_assert_cmpuint (count_attached (self), ==, PMOD_CHAT_MAX_PICTURES - 2);
  g_assert_false (pmod_chat_has_too_many (self->chat));
  pmod_chat_undo (self->chat);
  g_assert_cmpuint (count_attached (self), ==, PMOD_CHAT_MAX_PICTURES - 2);
  g_assert_false (pmod_chat_has_too_many (self->chat));
  pmod_chat_clear (self->chat);
  for (guint i = 0; i < 2; i++)
    g_list_store_append (G_LIST_STORE (pmod_chat_get_attached (self->chat)), self->pictures[2]);
  pmod_chat_open_picture (self->chat, self->pictures[0]);
  g_assert_cmpuint (pmod_chat_count_pictures (self->chat, 0), ==, PMOD_CHAT_MAX_PICTURES + 1);
  g_assert_true (pmod_chat_has_too_many (self->chat));
  g_assert_false (pmod_chat_ask (self->chat, "What is this?"));
  while (count_attached (self) > 1)
    pmod_chat_detach (self->chat, 0);
  ask (self, "What is this?");
  g_assert_cmpint (pmod_run_get_n_pictures (get_answer (self, 1)), ==, 2);
  g_assert_cmpuint (count_attached (self), ==, 0);
}

/* Added before anything was asked, in a conversation without a picture of its own: the first
 * question brings them. */
static void
test_kept (Fixture *self, gconstpointer data)
{
  pmod_chat_open_picture (self->chat, self->pictures[2]);
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[0]));
  pmod_chat_clear (self->chat);
  ask (self, "What is this?");
  check_brought (self, 0, 1, self->pictures[0]);
  check_run (self, get_answer (self, 1), 1);
  g_assert_null (pmod_chat_get_picture (self->chat));
}

static void
check_shown (Fixture *self, guint position, guint index, PmodRun *run, PmodPicture *expected)
{
  int picture;

  g_assert_true (pmod_chat_show_brought (self->chat, position, index, &picture));
  g_assert_true (pmod_chat_get_run (self->chat) == run);
  g_assert_cmpuint (get_hash (pmod_run_get_shown (run, picture)), ==, get_hash (expected));
}

/* The maps that are shown are those of the answer that the picture came for. */
static void
test_show (Fixture *self, gconstpointer data)
{
  int picture;

  pmod_chat_open_picture (self->chat, self->pictures[2]);
  ask (self, "What is this?");
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[0]));
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[1]));
  ask (self, "Do you see a sunflower?");
  g_assert_true (pmod_chat_attach (self->chat, self->pictures[1]));
  ask (self, "What is this?");
  check_shown (self, 2, 0, get_answer (self, 3), self->pictures[0]);
  check_shown (self, 2, 1, get_answer (self, 3), self->pictures[1]);
  check_shown (self, 4, 0, get_answer (self, 5), self->pictures[1]);
  g_assert_false (pmod_chat_show_brought (self->chat, 4, 1, &picture));
  g_assert_false (pmod_chat_show_brought (self->chat, 6, 0, &picture));
}

static void
test_branches (Fixture *self, gconstpointer data)
{
  converse (self);
  /* Another question in the place of the one that brought a picture brings it, too. */
  g_assert_true (pmod_chat_ask_instead (self->chat, 2, "Is there a rocket?"));
  wait_answer (self);
  check_brought (self, 2, 1, self->pictures[1]);
  check_run (self, get_answer (self, 3), 2);
  g_assert_true (pmod_chat_ask_again_at (self->chat, 1));
  wait_answer (self);
  check_run (self, get_answer (self, 1), 1);
  g_assert_true (pmod_chat_show_version (self->chat, 1, 0));
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)), ==, 4);
  check_run (self, get_answer (self, 3), 2);
}

static gboolean
has_newest_maps (PmodChat *chat)
{
  PmodTuning *tuning = pmod_session_get_tuning (pmod_chat_get_session (chat));
  PmodRun *run = pmod_chat_get_run (chat);

  return run && pmod_run_is_finished (run) &&
         pmod_run_get_generation (run) == pmod_tuning_get_generation (tuning);
}

/* The maps of other settings are those of the same prompt. */
static void
test_settings (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodRun) run = NULL;

  converse (self);
  pmod_tuning_set_factor (pmod_session_get_tuning (self->session), 0.4);
  store_check_wait (has_newest_maps (self->chat));
  run = g_object_ref (pmod_chat_get_run (self->chat));
  check_run (self, run, 2);
  ask (self, "What is this?");
  check_run (self, get_answer (self, 7), 2);
  g_assert_true (session_check_same_maps (run, get_answer (self, 7)));
  pmod_tuning_reset (pmod_session_get_tuning (self->session));
  pmod_tuning_set_question_first (pmod_session_get_tuning (self->session), TRUE);
  ask (self, "What is this?");
  check_run (self, get_answer (self, 9), 2);
  g_assert_true (pmod_run_get_question_first (get_answer (self, 9)));
}

static int
count_needed (PmodContextMeter *meter)
{
  store_check_wait (pmod_context_meter_get_settled (meter) &&
                    pmod_context_meter_get_needed (meter) > 0);
  return pmod_context_meter_get_needed (meter);
}

static void
test_meter (Fixture *self, gconstpointer data)
{
  PmodContextMeter *meter = pmod_context_meter_get (self->chat);
  int n_before;

  pmod_chat_open_picture (self->chat, self->pictures[0]);
  pmod_context_meter_set_draft (meter, "What is this?");
  n_before = count_needed (meter);
  pmod_chat_attach (self->chat, self->pictures[1]);
  g_assert_cmpint (count_needed (meter), ==, n_before + N_TOKENS);
  g_assert_true (pmod_context_meter_get_fits (meter));
  for (guint i = 2; i < PMOD_CHAT_MAX_PICTURES; i++)
    g_assert_true (pmod_chat_attach (self->chat, self->pictures[2]));
  g_assert_cmpint (count_needed (meter), ==, n_before + 15 * N_TOKENS);
  g_assert_false (pmod_context_meter_get_fits (meter));
  pmod_chat_detach (self->chat, 0);
  g_assert_cmpint (count_needed (meter), ==, n_before + 14 * N_TOKENS);
  g_assert_true (pmod_context_meter_get_fits (meter));
  ask (self, "What is this?");
  /* The same as the run then had. */
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (get_answer (self, 1)), ==,
                   n_before + 14 * N_TOKENS);
}

/* The frame of a camera is the first picture of what is asked about it. */
static void
test_live (Fixture *self, gconstpointer data)
{
  PmodContextMeter *meter = pmod_context_meter_get (self->chat);
  int n_one;

  pmod_chat_open_picture (self->chat, self->pictures[0]);
  pmod_context_meter_set_draft (meter, "What is this?");
  n_one = count_needed (meter);
  pmod_chat_begin_live (self->chat);
  g_assert_cmpint (count_needed (meter), <, n_one - N_PARTS);
  g_assert_cmpuint (pmod_chat_count_pictures (self->chat, 0), ==, 0);
  pmod_chat_show_live (self->chat, self->pictures[0], NULL);
  g_assert_cmpuint (pmod_chat_count_pictures (self->chat, 0), ==, 1);
  g_assert_cmpint (count_needed (meter), ==, n_one);
  for (guint i = 1; i < PMOD_CHAT_MAX_PICTURES; i++)
    g_assert_true (pmod_chat_attach (self->chat, self->pictures[1]));
  g_assert_false (pmod_chat_attach (self->chat, self->pictures[1]));
  g_assert_false (pmod_chat_has_too_many (self->chat));
  while (count_attached (self) > 1)
    pmod_chat_detach (self->chat, 0);
  g_assert_cmpint (count_needed (meter), ==, n_one + N_TOKENS);
  ask (self, "What is this?");
  g_assert_false (pmod_chat_get_live (self->chat));
  check_run (self, get_answer (self, 1), 2);
  g_assert_cmpint (pmod_run_get_n_prompt_tokens (get_answer (self, 1)), ==, n_one + N_TOKENS);
}

/* --- On disk --------------------------------------------------------------------------------- */

static char *
export_json (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) db = pmod_store_db_open (path, &error);
  char *text;

  g_assert_no_error (error);
  text = pmod_store_export_json (db, 1, &error);
  g_assert_no_error (error);
  return text;
}

/* To the byte, into a home that has nothing of it. */
static void
check_round_trip (const char *path)
{
  g_autofree char *exported = export_json (path);
  g_autofree char *again = NULL;
  g_autofree char *markdown = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) other = pmod_store_db_open (NULL, &error);
  gint64 id;

  g_assert_no_error (error);
  g_assert_true (pmod_store_import_json (other, exported, -1, &id, &error));
  g_assert_no_error (error);
  again = pmod_store_export_json (other, id, &error);
  g_assert_cmpstr (again, ==, exported);
  markdown = pmod_store_export_markdown (other, id, &error);
  g_assert_nonnull (strstr (markdown, "*seen-00.png*"));
  g_assert_nonnull (strstr (markdown, "*seen-01.png*\n\n> Do you see a sunflower?"));
}

static void
check_on_disk (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) db = pmod_store_db_open (path, &error);
  g_autoptr (GPtrArray) messages = pmod_store_db_list_messages (db, 1, &error);
  static const guint n_pictures[] = { 2, 0, 1, 0, 0, 0 };

  g_assert_no_error (error);
  g_assert_cmpuint (messages->len, ==, G_N_ELEMENTS (n_pictures));
  for (guint i = 0; i < messages->len; i++)
    g_assert_cmpuint (g_strv_length (((PmodStoreMessage *)messages->pdata[i])->pictures), ==,
                      n_pictures[i]);
}

/* The first question brings one, too: then it has two on disk, the conversation's own first. */
static void
test_restart (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodRun) second = NULL;

  pmod_chat_open_picture (self->chat, self->pictures[0]);
  pmod_chat_attach (self->chat, self->pictures[1]);
  ask (self, "How many sailboats are there?");
  pmod_chat_attach (self->chat, self->pictures[1]);
  ask (self, "Do you see a sunflower?");
  second = g_object_ref (get_answer (self, 3));
  ask (self, "What is this?");
  end (self);
  check_on_disk (self->path);
  check_round_trip (self->path);

  start (self);
  store_check_wait (g_list_model_get_n_items (pmod_shelf_get_list (self->shelf)) == 1);
  pmod_shelf_open (self->shelf, 1);
  store_check_wait (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 6);
  g_assert_cmpuint (get_hash (pmod_chat_get_picture (self->chat)), ==,
                    get_hash (self->pictures[0]));
  check_brought (self, 0, 1, self->pictures[1]);
  check_brought (self, 2, 1, self->pictures[1]);
  check_brought (self, 4, 0, NULL);
  check_run (self, get_answer (self, 1), 2);
  g_assert_cmpint (pmod_run_get_n_pictures (get_answer (self, 5)), ==, 3);
  g_assert_cmpuint (get_hash (pmod_run_get_shown (get_answer (self, 5), 2)), ==,
                    get_hash (self->pictures[1]));
  g_assert_true (session_check_same_maps (get_answer (self, 3), second));
  /* It goes on with all of them, and another beginning has those of the first. */
  ask (self, "Is there a rocket?");
  g_assert_cmpint (pmod_run_get_n_pictures (get_answer (self, 7)), ==, 3);
  g_assert_true (pmod_chat_ask_instead (self->chat, 0, "What is this?"));
  wait_answer (self);
  check_brought (self, 0, 1, self->pictures[1]);
  check_run (self, get_answer (self, 1), 2);
}

static void
saved_cb (GObject *source, GAsyncResult *result, gpointer done)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (pmod_bundle_save_finish (result, &error));
  g_assert_no_error (error);
  *(gboolean *)done = TRUE;
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer bundle)
{
  g_autoptr (GError) error = NULL;

  *(PmodBundle **)bundle = pmod_bundle_load_finish (result, &error);
  g_assert_no_error (error);
}

/* A saved run brings all pictures along. */
static void
test_saved_run (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->folder, "run.strata", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_auto (GStrv) texts = NULL;
  PmodBundle *bundle = NULL;
  gboolean saved = FALSE;

  converse (self);
  texts = pmod_chat_dup_turns (self->chat);
  pmod_bundle_save_async (get_answer (self, 5), self->pictures[0], (const char *const *)texts, file,
                          NULL, saved_cb, &saved);
  store_check_wait (saved);
  pmod_bundle_load_async (file, NULL, loaded_cb, &bundle);
  store_check_wait (bundle);
  check_run (self, pmod_bundle_get_run (bundle), 2);
  g_assert_cmpuint (get_hash (pmod_bundle_get_picture (bundle)), ==, get_hash (self->pictures[0]));
  g_assert_finalize_object (bundle);
}

/* --- Where they stand ------------------------------------------------------------------------ */

/* Two turns, of which the second brings b, as a model is asked that is or is not told of the first.
 */
static char *
make_prompt (PmodPicture *a, PmodPicture *b, gboolean single, gboolean question_first)
{
  g_autofree char *path = session_check_fixture ("demo-v0");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, NULL, NULL, NULL, &error);
  PmodConfig *config = pmod_config_copy (pmod_model_get_config (model));
  g_autoptr (GListStore) messages = g_list_store_new (PMOD_TYPE_MESSAGE);
  g_autoptr (PmodMessage) asked = pmod_message_new_question ("One <image>?");
  g_autoptr (PmodRun) run = pmod_run_new ();
  g_autoptr (PmodMessage) said = pmod_message_new_answer (run, NULL);
  g_autoptr (GPtrArray) own = g_ptr_array_new ();
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  g_autoptr (GPtrArray) images = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  PmodRemoteAsk wording = { .question_first = question_first };

  g_assert_no_error (error);
  config->single_questions = single;
  pmod_run_finish (run, PMOD_RUN_DONE, "Yes.", NULL);
  g_list_store_append (messages, asked);
  g_list_store_append (messages, said);
  g_ptr_array_add (own, b);
  texts = pmod_turns_collect_shown (G_LIST_MODEL (messages), 2, "Two?", a, own, &shown);
  images = pmod_picture_collect_images (shown);
  wording.texts = (char **)texts->pdata;
  wording.images = images;
  prompt = pmod_remote_ask_make_prompt (&wording, pmod_model_get_tokenizer (model), config, &error);
  pmod_config_free (config);
  g_assert_no_error (error);
  g_assert_cmpuint (prompt->images->len, ==, a ? 2 : 1);
  return g_strdup (prompt->text);
}

static void
test_prompt (void)
{
  g_autoptr (PmodPicture) a = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodPicture) b = session_check_load_picture ("demo/seen-01.png");
  const struct
  {
    PmodPicture *own;
    gboolean single;
    gboolean question_first;
    const char *text;
  } cases[] = {
    { a, FALSE, FALSE,
      "USER: <image>\nOne < image>? ASSISTANT: Yes.</s>USER: <image>\nTwo? ASSISTANT:" },
    { NULL, FALSE, FALSE, "USER: One < image>? ASSISTANT: Yes.</s>USER: <image>\nTwo? ASSISTANT:" },
    { a, TRUE, FALSE, "USER: <image>\n<image>\nTwo? ASSISTANT:" },
    { a, TRUE, TRUE, "USER: Two?\n<image>\n<image> ASSISTANT:" },
    { a, FALSE, TRUE,
      "USER: One < image>? ASSISTANT: Yes.</s>USER: Two?\n<image>\n<image> ASSISTANT:" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text =
          make_prompt (cases[i].own, b, cases[i].single, cases[i].question_first);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

/* A question that had no answer is not said again; what it brought is. */
static void
test_unanswered (void)
{
  g_autoptr (PmodPicture) a = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodPicture) b = session_check_load_picture ("demo/seen-01.png");
  g_autoptr (GListStore) messages = g_list_store_new (PMOD_TYPE_MESSAGE);
  g_autoptr (PmodMessage) asked = pmod_message_new_question ("One?");
  g_autoptr (PmodRun) run = pmod_run_new ();
  g_autoptr (PmodMessage) said = pmod_message_new_answer (run, NULL);
  g_autoptr (GPtrArray) brought = g_ptr_array_new ();
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  pmod_run_finish (run, PMOD_RUN_STOPPED, "", NULL);
  g_ptr_array_add (brought, b);
  pmod_message_set_pictures (asked, brought);
  g_list_store_append (messages, asked);
  g_list_store_append (messages, said);
  texts = pmod_turns_collect_shown (G_LIST_MODEL (messages), 2, "Two?", a, NULL, &shown);
  g_assert_cmpuint (texts->len, ==, 2);
  g_assert_cmpstr (texts->pdata[0], ==, "<image>\n<image>\nTwo?");
  g_assert_cmpuint (pmod_picture_get_n_parts (shown), ==, 2);
  g_assert_true (pmod_picture_get_part (shown, 1) == b);
  pmod_message_set_pictures (asked, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, test) g_test_add (name, Fixture, NULL, set_up, test, tear_down)
  ADD ("/chat-pictures/ask", test_ask);
  ADD ("/chat-pictures/attach", test_attach);
  ADD ("/chat-pictures/kept", test_kept);
  ADD ("/chat-pictures/show", test_show);
  ADD ("/chat-pictures/branches", test_branches);
  ADD ("/chat-pictures/settings", test_settings);
  ADD ("/chat-pictures/meter", test_meter);
  ADD ("/chat-pictures/live", test_live);
  ADD ("/chat-pictures/restart", test_restart);
  ADD ("/chat-pictures/saved-run", test_saved_run);
#undef ADD
  g_test_add_func ("/chat-pictures/prompt", test_prompt);
  g_test_add_func ("/chat-pictures/unanswered", test_unanswered);
  return g_test_run ();
}
