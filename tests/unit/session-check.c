/* See session-check.h. */
#include "config.h"

#include "session-check.h"

char *
session_check_fixture (const char *name)
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
session_check_wait (gboolean (*condition) (gpointer), gpointer object)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (240, timeout_cb, &late);

  while (!condition (object) && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (late);
  g_source_remove (id);
}

gboolean
session_check_is_settled (gpointer session)
{
  PmodSessionState state = pmod_session_get_state (session);

  return state != PMOD_SESSION_LOADING && state != PMOD_SESSION_THINKING;
}

gboolean
session_check_is_finished (gpointer run)
{
  return pmod_run_is_finished (run);
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
session_check_load_picture (const char *name)
{
  g_autofree char *path = session_check_fixture (name);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  PmodPicture *picture = NULL;

  pmod_picture_load_file_async (file, NULL, picture_cb, &picture);
  session_check_wait (is_set, &picture);
  return picture;
}

PmodSession *
session_check_open (const char *name)
{
  g_autofree char *model = session_check_fixture (name);
  PmodSession *session = pmod_session_new ();

  pmod_session_open_model (session, model);
  session_check_wait (session_check_is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  return session;
}

PmodRun *
session_check_finish (PmodRun *run)
{
  session_check_wait (session_check_is_finished, run);
  return run;
}

static gboolean
is_over_cb (gpointer over)
{
  *(gboolean *)over = TRUE;
  return G_SOURCE_REMOVE;
}

void
session_check_pass_time (guint ms)
{
  gboolean over = FALSE;

  g_timeout_add (ms, is_over_cb, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

gboolean
session_check_same_maps (PmodRun *a, PmodRun *b)
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
