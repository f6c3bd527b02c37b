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

/* Until condition (object) holds; fails the test after a minute. */
static void
wait_until (gboolean (*condition) (gpointer), gpointer object)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (60, timeout_cb, &late);

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

static void
picture_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  *(PmodPicture **)data = pmod_picture_load_finish (result, &error);
  g_assert_no_error (error);
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *)data != NULL;
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
  wait_until (is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  return session;
}

static void
test_read_and_ask (void)
{
  g_autoptr (PmodSession) session = open_session ("demo");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (PmodRun) read = pmod_session_read (session, picture);
  const char *texts[] = { "How many sailboats are there?", NULL };
  g_autoptr (PmodRun) answer = NULL;
  PmodRunLayer info;

  wait_until (is_finished, read);
  g_test_message ("read: phase %d, error %s, layers ready %d of %d", pmod_run_get_phase (read),
                  pmod_run_get_error (read), pmod_run_get_n_layers_ready (read),
                  pmod_run_get_n_layers (read));
  g_assert_cmpint (pmod_run_get_phase (read), ==, PMOD_RUN_DONE);
  g_assert_true (pmod_run_get_layer (read, 4, &info));
  g_assert_true (info.ready && info.routed);
  g_assert_cmpint (info.n_kept, ==, 9);

  answer = pmod_session_ask (session, texts, picture);
  wait_until (is_finished, answer);
  g_assert_cmpstr (pmod_run_get_text (answer), ==, "One.");
  g_assert_cmpint (pmod_run_get_n_reused (answer), >, 64);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/read-and-ask", test_read_and_ask);
  return g_test_run ();
}
