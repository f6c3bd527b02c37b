/* PmodSweepRun: costs and answers are those of the setting that is taken over, other runs come in
 * between, and it stops. */
#include "config.h"

#include "session-check.h"

static gboolean
is_swept (gpointer sweep)
{
  return pmod_sweep_run_get_state (sweep) != PMOD_SWEEP_RUNNING;
}

static gboolean
has_point (gpointer sweep)
{
  return pmod_sweep_run_get_n_points (sweep) > 0 || is_swept (sweep);
}

static const char *const question[] = { "How many sailboats are there?", NULL };

static void
test_sweep (void)
{
  const PmodSweepPlan plan = { PMOD_SWEEP_OF_FACTOR, 0, 0.1, 0.9, 9 };
  PmodSession *session = session_check_open ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodRun) read = session_check_finish (pmod_session_read (session, picture));
  g_autoptr (GError) error = NULL;
  PmodSweepRun *sweep;
  g_autofree char *csv = NULL;
  g_auto (GStrv) lines = NULL;
  PmodSweepResult result, before = { 0 };

  /* Beside the sliders' own value, which is what everything else is swept at. */
  pmod_tuning_set_lower (tuning, 0.05);
  sweep = pmod_session_sweep (session, question, picture, &plan, &error);
  g_assert_no_error (error);
  session_check_wait (is_swept, sweep);
  g_assert_cmpint (pmod_sweep_run_get_state (sweep), ==, PMOD_SWEEP_DONE);
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), ==, 9);
  g_assert_true (pmod_sweep_run_get_reference (sweep, &result));
  g_assert_cmpfloat (result.divergence, ==, 0);
  g_assert_cmpstr (result.answer, ==, "One.");

  for (int i = 0; pmod_sweep_run_get_point (sweep, i, &result); i++)
    {
      PmodTuningCost cost;
      g_autoptr (PmodRun) run = NULL;

      g_test_message ("factor %g: %.1f %% of dense, %g nats, \"%s\"", result.value,
                      100 * result.paper / result.paper_dense, result.divergence, result.answer);
      g_assert_cmpfloat_with_epsilon (result.value, 0.1 * (i + 1), 1e-9);
      g_assert_cmpfloat (result.paper, >=, before.paper);
      g_assert_cmpfloat (result.divergence, >=, 0);
      before = result;

      /* What is taken over is what was measured. */
      pmod_sweep_run_apply (sweep, i, tuning);
      g_assert_cmpfloat (pmod_tuning_get_factor (tuning), ==, result.value);
      g_assert_cmpfloat (pmod_tuning_get_lower (tuning), ==, 0.05);
      run = session_check_finish (pmod_session_ask (session, question, picture));
      g_assert_cmpstr (pmod_run_get_text (run), ==, result.answer);
      g_assert_true (pmod_tuning_predict_run (tuning, run, &cost, &error));
      g_assert_cmpfloat (cost.paper, ==, result.paper);
      g_assert_cmpfloat (cost.all, ==, result.all);
      g_assert_cmpfloat (cost.kv_bytes, ==, result.kv_bytes);
      g_assert_cmpfloat (cost.kv_bytes_dense, ==, result.kv_bytes_dense);
    }
  csv = pmod_sweep_run_to_csv (sweep);
  lines = g_strsplit (csv, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 1 + 1 + 9 + 1);
  g_assert_true (g_str_has_prefix (lines[0], "factor,paper_flops,"));
  g_assert_true (g_str_has_prefix (lines[1], "trained,"));
  g_assert_true (g_str_has_prefix (lines[4], "0.3,"));
  g_assert_true (g_str_has_suffix (lines[1], ",0,\"One.\""));
  g_assert_finalize_object (sweep);
  g_assert_finalize_object (session);
}

static void
test_sweep_of_policies (void)
{
  const PmodSweepPlan plan = { .of = PMOD_SWEEP_OF_POLICY };
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodSweepRun) sweep = pmod_session_sweep (session, question, picture, &plan, NULL);
  PmodSweepResult first, result;

  session_check_wait (is_swept, sweep);
  /* All but the painted one, as nothing is painted. */
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), ==, PMOD_TUNING_N_POLICIES - 1);
  g_assert_true (pmod_sweep_run_get_point (sweep, 0, &first));
  g_assert_cmpfloat (first.divergence, ==, 0);
  for (int i = 1; pmod_sweep_run_get_point (sweep, i, &result); i++)
    {
      g_test_message ("policy %g: %g nats, \"%s\"", result.value, result.divergence, result.answer);
      g_assert_cmpfloat (result.paper, ==, first.paper);
      g_assert_cmpfloat (result.divergence, >, 0);
    }
}

/* Other runs go in between, a stop keeps what has come, and what cannot be is said at once. */
static void
test_sweep_stops (void)
{
  PmodSweepPlan plan = { PMOD_SWEEP_OF_RATIO, 3, 0, 1, 1000 };
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSweepRun) sweep = NULL;
  g_autoptr (PmodSweepRun) newer = NULL;
  g_autoptr (PmodRun) run = NULL;

  sweep = pmod_session_sweep (session, question, picture, &plan, &error);
  session_check_wait (has_point, sweep);
  run = session_check_finish (pmod_session_ask (session, question, picture));
  g_assert_cmpstr (pmod_run_get_text (run), ==, "One.");
  g_assert_cmpint (pmod_sweep_run_get_state (sweep), ==, PMOD_SWEEP_RUNNING);
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_READY);
  pmod_session_stop_sweep (session);
  session_check_wait (is_swept, sweep);
  g_test_message ("stopped after %d points", pmod_sweep_run_get_n_points (sweep));
  g_assert_cmpint (pmod_sweep_run_get_state (sweep), ==, PMOD_SWEEP_STOPPED);
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), >=, 1);
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), <, 1000);

  plan.n_steps = 3;
  newer = pmod_session_sweep (session, question, picture, &plan, &error);
  session_check_wait (is_swept, newer);
  g_assert_cmpint (pmod_sweep_run_get_state (newer), ==, PMOD_SWEEP_DONE);

  plan.layer = 1;
  g_assert_null (pmod_session_sweep (session, question, picture, &plan, &error));
  g_assert_cmpstr (error->message, ==, "sweep: the layer has no router");
  g_clear_error (&error);
  plan = (PmodSweepPlan){ PMOD_SWEEP_OF_FACTOR, 0, 0, 1, 1 };
  g_assert_null (pmod_session_sweep (session, question, picture, &plan, &error));
  g_assert_nonnull (error);

  /* And the session ends in the middle of one. */
  plan.n_steps = 1000;
  g_object_unref (g_steal_pointer (&newer));
  newer = pmod_session_sweep (session, question, picture, &plan, NULL);
  session_check_wait (has_point, newer);
}

/* A sweep that is over gives its memory back on the engine's thread, and the session may end at
 * that very moment. */
static void
test_ends_at_any_moment (void)
{
  const PmodSweepPlan plan = { PMOD_SWEEP_OF_FACTOR, 0, 0.4, 0.6, 2 };
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");

  for (int i = 0; i < 30; i++)
    {
      PmodSession *session = session_check_open ("demo-v0");
      g_autoptr (PmodSweepRun) sweep = pmod_session_sweep (session, question, picture, &plan, NULL);

      session_check_wait (is_swept, sweep);
      g_usleep ((gulong)(i % 6) * 20);
      g_assert_finalize_object (session);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sweep/factor", test_sweep);
  g_test_add_func ("/sweep/policies", test_sweep_of_policies);
  g_test_add_func ("/sweep/stops", test_sweep_stops);
  g_test_add_func ("/sweep/ends-at-any-moment", test_ends_at_any_moment);
  return g_test_run ();
}
