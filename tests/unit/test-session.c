/* PmodSession and PmodChat: a model on its thread, answers and maps on this one. */
#include "config.h"

#include <string.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

static char *
fixture (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", name, NULL);
}

static gboolean
timeout_cb (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Until condition (object) holds; fails the test after two minutes. */
static void
wait_until (gboolean (*condition) (gpointer), gpointer object)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (120, timeout_cb, &late);

  while (!condition (object) && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (late);
  g_source_remove (id);
}

static gboolean
is_settled (gpointer session)
{
  PmodSessionState state = pmod_session_get_state (session);

  return state != PMOD_SESSION_LOADING && state != PMOD_SESSION_THINKING;
}

static gboolean
is_finished (gpointer run)
{
  return pmod_run_is_finished (run);
}

static gboolean
is_answering (gpointer run)
{
  return pmod_run_get_n_new_tokens (run) >= 3 || pmod_run_is_finished (run);
}

static gboolean
has_maps (gpointer run)
{
  return pmod_run_has_maps (run);
}

static gboolean
has_word (gpointer run)
{
  return *pmod_run_get_text (run) != '\0';
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *)data != NULL;
}

static void
picture_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  *(PmodPicture **)data = pmod_picture_load_finish (result, &error);
  g_assert_no_error (error);
}

static PmodPicture *
load_picture (const char *name)
{
  g_autofree char *path = fixture (name);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  PmodPicture *picture = NULL;

  pmod_picture_load_file_async (file, NULL, picture_cb, &picture);
  wait_until (is_set, &picture);
  return picture;
}

static PmodSession *
open_session (const char *model)
{
  PmodSession *session = pmod_session_new ();

  pmod_session_open_model (session, model);
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_LOADING);
  wait_until (is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  return session;
}

static void
test_read_and_ask (void)
{
  g_autofree char *model = fixture ("demo-v0");
  PmodSession *session = open_session (model);
  gint64 start_us = g_get_monotonic_time ();
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (PmodRun) read = pmod_session_read (session, picture);
  const char *texts[] = { "How many sailboats are there?", NULL };
  g_autoptr (PmodRun) answer = NULL;
  PmodRunLayer before, after;

  wait_until (has_maps, read);
  g_test_message ("picture to first map: %.1f ms", (g_get_monotonic_time () - start_us) / 1e3);
  wait_until (is_finished, read);
  g_assert_cmpint (pmod_run_get_phase (read), ==, PMOD_RUN_DONE);
  g_assert_true (pmod_run_get_layer (read, 4, &before));
  g_assert_true (before.ready && before.routed && !before.reused);
  g_assert_cmpint (before.n_kept, ==, 9);

  start_us = g_get_monotonic_time ();
  answer = pmod_session_ask (session, texts, picture);
  wait_until (has_word, answer);
  g_test_message ("question to first word: %.1f ms", (g_get_monotonic_time () - start_us) / 1e3);
  wait_until (is_finished, answer);
  g_assert_cmpstr (pmod_run_get_text (answer), ==, "One.");
  g_test_message ("%d of %d prompt tokens re-used", pmod_run_get_n_reused (answer),
                  pmod_run_get_n_prompt_tokens (answer));
  g_assert_cmpint (pmod_run_get_n_reused (answer), >=, 64);
  g_assert_true (pmod_run_get_layer (answer, 4, &after));
  g_assert_true (after.reused);
  for (int token = 0; token < 64; token++)
    g_assert_cmpint (pmod_run_is_kept (read, 4, token), ==, pmod_run_is_kept (answer, 4, token));

  g_assert_finalize_object (session);
}

typedef struct
{
  int n_steps; /* times that the run was seen with more layers than before, but not with all */
  int n_layers;
  double used;
} Growth;

static void
growth_cb (PmodRun *run, gpointer data)
{
  Growth *growth = data;
  int n_layers = pmod_run_get_n_layers_ready (run);
  double used = pmod_run_get_flops (run, PMOD_FLOPS_PAPER).used;

  g_assert_cmpint (n_layers, >=, growth->n_layers);
  g_assert_cmpfloat (used, >=, growth->used);
  if (n_layers > growth->n_layers && n_layers < pmod_run_get_n_layers (run))
    {
      g_assert_false (pmod_run_is_finished (run));
      g_assert_cmpfloat (used, >, growth->used);
      growth->n_steps++;
    }
  growth->n_layers = n_layers;
  growth->used = used;
}

/* Layers and counters arrive while the prefill runs, not when it is over. */
static void
test_grows (void)
{
  g_autofree char *model = fixture ("tiny-pmod-llava-next");
  PmodSession *session = open_session (model);
  g_autoptr (PmodPicture) picture = load_picture ("images/square.jpg");
  g_autoptr (PmodRun) run = pmod_session_read (session, picture);
  Growth growth = { 0 };

  g_signal_connect (run, "changed", G_CALLBACK (growth_cb), &growth);
  wait_until (is_finished, run);
  g_test_message ("%d layers of %d arrived in %d steps before the end", growth.n_layers,
                  pmod_run_get_n_layers (run), growth.n_steps);
  g_assert_cmpint (growth.n_layers, ==, 32);
  g_assert_cmpint (growth.n_steps, >=, 8);
  g_signal_handlers_disconnect_by_data (run, &growth);
  g_assert_finalize_object (session);
}

/* The one that waits gives way to a newer one; the one that runs does not. */
static void
test_newest_wins (void)
{
  g_autofree char *model = fixture ("demo-v0");
  g_autoptr (PmodSession) session = open_session (model);
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  const char *texts[] = { "How many sailboats are there?", NULL };
  PmodRun *runs[8];
  int n_done = 0;

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    runs[i] = pmod_session_ask (session, texts, picture);
  wait_until (is_settled, session);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_assert_true (pmod_run_is_finished (runs[i]));
      n_done += pmod_run_get_phase (runs[i]) == PMOD_RUN_DONE;
    }
  g_assert_cmpint (pmod_run_get_phase (runs[7]), ==, PMOD_RUN_DONE);
  g_assert_cmpstr (pmod_run_get_text (runs[7]), ==, "One.");
  g_test_message ("%d of 8 ran", n_done);
  g_assert_cmpint (n_done, <=, 3);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    g_object_unref (runs[i]);
}

static void
test_stop (void)
{
  g_autofree char *model = fixture ("tiny-pmod-llava-v1.5");
  g_autoptr (PmodSession) session = open_session (model);
  g_autoptr (PmodPicture) picture = load_picture ("images/square.jpg");
  const char *texts[] = { "What is this?", NULL };
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (PmodRun) again = NULL;

  g_assert_nonnull (pmod_session_get_model (session)->note);
  run = pmod_session_ask (session, texts, picture);
  wait_until (is_answering, run);
  pmod_session_stop (session);
  wait_until (is_finished, run);
  g_test_message ("stopped after %d tokens", pmod_run_get_n_new_tokens (run));
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_STOPPED);
  g_assert_cmpint (pmod_run_get_n_new_tokens (run), <, 256);

  /* A stop belongs to one run. */
  again = pmod_session_ask (session, texts, picture);
  wait_until (is_answering, again);
  g_assert_cmpint (pmod_run_get_n_new_tokens (again), >=, 3);
  /* And the session ends in the middle of it. */
}

/* A stop that falls between two steps of the engine's thread, as between the job's start and the
 * prefill's, must not be lost: a large model would think on for minutes. */
static void
test_stop_at_any_moment (void)
{
  g_autofree char *model = fixture ("tiny-pmod-llava-v1.5");
  g_autoptr (PmodSession) session = open_session (model);
  g_autoptr (PmodPicture) picture = load_picture ("images/square.jpg");

  for (int i = 0; i < 400; i++)
    {
      g_autoptr (PmodRun) run = pmod_session_read (session, picture);

      g_usleep ((gulong)(i % 100) * 5);
      pmod_session_stop (session);
      wait_until (is_finished, run);
      g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_STOPPED);
    }
}

static void
refused_cb (PmodSession *session, const char *message, char **kept)
{
  *kept = g_strdup (message);
}

static void
test_refused_model (void)
{
  g_autoptr (PmodSession) session = open_session ("demo");
  g_autofree char *folder = fixture ("images");
  g_autofree char *message = NULL;

  g_signal_connect (session, "model-refused", G_CALLBACK (refused_cb), &message);
  pmod_session_open_model (session, folder);
  wait_until (is_settled, session);
  g_test_message ("%s", message);
  g_assert_nonnull (message);
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_READY);
  g_assert_cmpstr (pmod_session_get_model (session)->name, ==, "demo");
}

static void
test_cancel_loading (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();

  pmod_session_open_model (session, "demo");
  pmod_session_cancel_loading (session);
  wait_until (is_settled, session);
  g_assert_null (pmod_session_get_model (session));
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_IDLE);
}

static void
open_other_cb (PmodSession *session, GParamSpec *pspec, gpointer data)
{
  if (pmod_session_get_progress (session) == 0)
    return;
  g_signal_handlers_disconnect_by_func (session, open_other_cb, data);
  pmod_session_open_model (session, "demo");
}

/* Another model chosen while one loads: that one is given up, and the session loads until the one
 * that was chosen last is there. */
static void
test_change_of_mind (void)
{
  g_autofree char *model = fixture ("tiny-pmod-llava-v1.5");
  g_autoptr (PmodSession) session = pmod_session_new ();

  g_signal_connect (session, "notify::progress", G_CALLBACK (open_other_cb), NULL);
  pmod_session_open_model (session, model);
  wait_until (is_settled, session);
  g_assert_nonnull (pmod_session_get_model (session));
  g_assert_cmpstr (pmod_session_get_model (session)->name, ==, "demo");
}

static gboolean
is_idle_chat (gpointer chat)
{
  return !pmod_chat_get_busy (chat);
}

static void
test_chat (void)
{
  g_autofree char *model = fixture ("demo-v0");
  PmodSession *session = open_session (model);
  PmodChat *chat = pmod_chat_new (session);
  PmodSelection *selection = pmod_selection_new ();
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  GListModel *messages = pmod_chat_get_messages (chat);

  g_object_bind_property (chat, "run", selection, "run", G_BINDING_SYNC_CREATE);
  pmod_chat_open_picture (chat, picture);
  g_assert_false (pmod_chat_ask (chat, "  \n"));
  g_assert_true (pmod_chat_ask (chat, " How many sailboats are there?\n"));
  g_assert_false (pmod_chat_ask (chat, "Too early"));
  wait_until (is_idle_chat, chat);
  g_assert_cmpuint (g_list_model_get_n_items (messages), ==, 2);
  /* The first layer that keeps half or less. */
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 3);
  g_assert_true (pmod_run_has_maps (pmod_selection_get_run (selection)));
  g_assert_cmpstr (pmod_run_get_text (pmod_selection_get_run (selection)), ==, "One.");

  pmod_chat_clear (chat);
  g_assert_null (pmod_chat_get_run (chat));
  g_assert_cmpuint (g_list_model_get_n_items (messages), ==, 0);
  g_assert_true (pmod_chat_can_undo (chat));
  pmod_chat_undo (chat);
  g_assert_cmpuint (g_list_model_get_n_items (messages), ==, 2);
  g_assert_true (pmod_chat_get_picture (chat) == picture);

  g_assert_finalize_object (selection);
  g_assert_finalize_object (chat);
  g_assert_finalize_object (session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/read-and-ask", test_read_and_ask);
  g_test_add_func ("/session/grows", test_grows);
  g_test_add_func ("/session/newest-wins", test_newest_wins);
  g_test_add_func ("/session/stop", test_stop);
  g_test_add_func ("/session/stop-at-any-moment", test_stop_at_any_moment);
  g_test_add_func ("/session/refused-model", test_refused_model);
  g_test_add_func ("/session/cancel-loading", test_cancel_loading);
  g_test_add_func ("/session/change-of-mind", test_change_of_mind);
  g_test_add_func ("/chat", test_chat);
  return g_test_run ();
}
