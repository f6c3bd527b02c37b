/* See bridge-check.h. */
#include "config.h"

#include "bridge-check.h"

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

void
check_wait_until (gboolean (*condition) (gpointer), gpointer object)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (120, timeout_cb, &late);

  while (!condition (object) && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (late);
  g_source_remove (id);
}

void
check_pass_time (guint ms)
{
  gboolean over = FALSE;

  g_timeout_add (ms, timeout_cb, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
is_settled (gpointer session)
{
  PmodSessionState state = pmod_session_get_state (session);

  return state != PMOD_SESSION_LOADING && state != PMOD_SESSION_THINKING;
}

PmodSession *
check_open_session (const char *model)
{
  g_autofree char *path = fixture (model);
  PmodSession *session = pmod_session_new ();

  pmod_session_open_model (session, path);
  check_wait_until (is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  return session;
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

PmodPicture *
check_load_picture (const char *path)
{
  g_autofree char *full = fixture (path);
  g_autoptr (GFile) file = g_file_new_for_path (full);
  PmodPicture *picture = NULL;

  pmod_picture_load_file_async (file, NULL, picture_cb, &picture);
  check_wait_until (is_set, &picture);
  return picture;
}

static gboolean
is_finished (gpointer run)
{
  return pmod_run_is_finished (run);
}

PmodRun *
check_finish (PmodRun *run)
{
  check_wait_until (is_finished, run);
  g_assert_cmpstr (pmod_run_get_error (run), ==, NULL);
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);
  return run;
}

gboolean
check_same_maps (PmodRun *a, PmodRun *b)
{
  g_assert_cmpint (pmod_run_get_n_layers (a), >, 0);
  g_assert_cmpint (pmod_run_get_n_layers (a), ==, pmod_run_get_n_layers (b));
  g_assert_cmpint (pmod_run_get_n_vision (a), ==, pmod_run_get_n_vision (b));
  for (int l = 0; l < pmod_run_get_n_layers (a); l++)
    for (int i = 0; i < pmod_run_get_n_vision (a); i++)
      if (pmod_run_is_kept (a, l, i) != pmod_run_is_kept (b, l, i))
        return FALSE;
  return TRUE;
}
