/* PmodTuning and the lanes of a session: what is set reaches the run, and what is predicted of it
 * is what it then costs. */
#include "config.h"

#include "session-check.h"

typedef struct
{
  int n;
  guint last;
} Changes;

static void
changed_cb (PmodTuning *tuning, guint change, Changes *changes)
{
  changes->n++;
  changes->last = change;
}

/* The layers of demo-v0: cos (l pi / 5) / 2 + 0.5, above 0.85 plain, at least 0.15. */
static void
check_trained (PmodTuning *tuning)
{
  const double ratios[] = { -1, -1, 0.6545, 0.3455, 0.15, 0.15 };

  g_assert_true (pmod_tuning_get_trained (tuning));
  g_assert_false (pmod_tuning_get_outside_training (tuning));
  for (int l = 0; l < 6; l++)
    {
      g_assert_cmpfloat_with_epsilon (pmod_tuning_get_ratio (tuning, l), ratios[l], 1e-4);
      g_assert_cmpfloat (pmod_tuning_get_ratio (tuning, l), ==,
                         pmod_tuning_get_trained_ratio (tuning, l));
      g_assert_cmpint (pmod_tuning_is_routed (tuning, l), ==, ratios[l] >= 0);
      g_assert_cmpint (pmod_tuning_has_router (tuning, l), ==, l >= 2);
      g_assert_false (pmod_tuning_has_override (tuning, l));
    }
}

static void
test_no_model (void)
{
  PmodTuning *tuning = pmod_tuning_new ();
  g_autoptr (GError) error = NULL;
  Changes changes = { 0 };
  PmodTuningCost cost;

  g_signal_connect (tuning, "changed", G_CALLBACK (changed_cb), &changes);
  pmod_tuning_set_factor (tuning, 0.3);
  pmod_tuning_set_ratio (tuning, 0, 0.3);
  pmod_tuning_reset (tuning);
  g_assert_cmpint (changes.n, ==, 0);
  g_assert_cmpint (pmod_tuning_get_n_layers (tuning), ==, 0);
  g_assert_false (pmod_tuning_get_trained (tuning));
  g_assert_false (pmod_tuning_get_outside_training (tuning));
  g_assert_false (pmod_tuning_predict (tuning, 64, 8, 1, &cost, &error));
  g_assert_cmpstr (error->message, ==, "no model is loaded");
  g_assert_finalize_object (tuning);
}

static void
test_values (void)
{
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  guint64 generation = pmod_tuning_get_generation (tuning);
  Changes changes = { 0 };

  check_trained (tuning);
  g_signal_connect (tuning, "changed", G_CALLBACK (changed_cb), &changes);

  pmod_tuning_set_factor (tuning, pmod_tuning_get_factor (tuning));
  g_assert_cmpint (changes.n, ==, 0);
  pmod_tuning_set_factor (tuning, 0.3);
  g_assert_cmpint (changes.n, ==, 1);
  g_assert_cmpuint (changes.last, ==, PMOD_TUNING_ROUTING);
  g_assert_cmpuint (pmod_tuning_get_generation (tuning), ==, generation + 1);
  g_assert_true (pmod_tuning_get_outside_training (tuning));
  g_assert_cmpfloat_with_epsilon (pmod_tuning_get_ratio (tuning, 2), 0.4545, 1e-4);
  /* 0.80 and 0.70 by the schedule, but there is no router. */
  g_assert_false (pmod_tuning_is_routed (tuning, 0));
  g_assert_false (pmod_tuning_is_routed (tuning, 1));

  pmod_tuning_set_ratio (tuning, 4, 0.9);
  g_assert_cmpfloat (pmod_tuning_get_ratio (tuning, 4), ==, 0.9);
  g_assert_true (pmod_tuning_has_override (tuning, 4));
  pmod_tuning_set_schedule (tuning, PMOD_TUNING_DENSE);
  g_assert_cmpfloat (pmod_tuning_get_ratio (tuning, 4), ==, 0.9);
  g_assert_false (pmod_tuning_is_routed (tuning, 3));
  g_assert_false (pmod_tuning_uses_factor (tuning));
  pmod_tuning_clear_ratios (tuning);
  g_assert_false (pmod_tuning_is_routed (tuning, 4));
  pmod_tuning_set_schedule (tuning, PMOD_TUNING_CONSTANT);
  g_assert_true (pmod_tuning_uses_factor (tuning));
  g_assert_false (pmod_tuning_uses_bounds (tuning));
  g_assert_cmpfloat (pmod_tuning_get_ratio (tuning, 5), ==, 0.3);

  changes.n = 0;
  pmod_tuning_set_temperature (tuning, 0.7);
  g_assert_cmpuint (changes.last, ==, PMOD_TUNING_SAMPLING);
  pmod_tuning_freeze (tuning);
  pmod_tuning_set_norm_scale (tuning, 0.4);
  pmod_tuning_set_policy (tuning, PMOD_TUNING_RANDOM);
  g_assert_cmpint (changes.n, ==, 1);
  pmod_tuning_thaw (tuning);
  g_assert_cmpint (changes.n, ==, 2);

  pmod_tuning_reset (tuning);
  check_trained (tuning);
  g_assert_cmpfloat (pmod_tuning_get_temperature (tuning), ==, 0.7);
  pmod_tuning_reset_sampling (tuning);
  g_assert_cmpfloat (pmod_tuning_get_temperature (tuning), ==, 0);
  pmod_tuning_set_question_first (tuning, TRUE);
  g_assert_true (pmod_tuning_get_outside_training (tuning));
  pmod_tuning_set_question_first (tuning, FALSE);
  g_assert_true (pmod_tuning_get_trained (tuning));
  g_signal_handlers_disconnect_by_data (tuning, &changes);
}

static void
test_whole_settings (void)
{
  g_autoptr (PmodSession) session = session_check_open ("tiny-pmod-12layer");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodTuning) copy = NULL;
  guint64 generation;

  /* This one has no other span than its depth, so the published numbers are its own. */
  pmod_tuning_set_factor (tuning, 0.9);
  pmod_tuning_set_published (tuning);
  g_assert_true (pmod_tuning_get_trained (tuning));

  pmod_tuning_set_ratio (tuning, 9, 0.42);
  pmod_tuning_set_top_k (tuning, 7);
  copy = pmod_tuning_copy (tuning);
  generation = pmod_tuning_get_generation (tuning);
  g_assert_cmpuint (pmod_tuning_get_generation (copy), ==, generation);
  g_assert_cmpfloat (pmod_tuning_get_ratio (copy, 9), ==, 0.42);
  pmod_tuning_set_dense (tuning);
  g_assert_cmpuint (pmod_tuning_get_generation (copy), ==, generation);
  for (int l = 0; l < 12; l++)
    g_assert_false (pmod_tuning_is_routed (tuning, l));
  pmod_tuning_assign (tuning, copy);
  g_assert_cmpfloat (pmod_tuning_get_ratio (tuning, 9), ==, 0.42);
  g_assert_cmpint (pmod_tuning_get_top_k (tuning), ==, 7);
}

static void
check_cost (PmodTuning *tuning, PmodRun *run, gboolean with_tower)
{
  PmodRunCost paper = pmod_run_get_flops (run, PMOD_FLOPS_PAPER);
  PmodRunCost all = pmod_run_get_flops (run, PMOD_FLOPS_ALL);
  PmodRunCost kv = pmod_run_get_kv (run);
  int n_vision = pmod_run_get_n_vision (run);
  g_autoptr (GError) error = NULL;
  PmodTuningCost cost;

  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);
  g_assert_cmpuint (pmod_run_get_generation (run), ==, pmod_tuning_get_generation (tuning));
  g_assert_cmpint (pmod_run_get_policy (run), ==, (int)pmod_tuning_get_policy (tuning));
  g_assert_true (pmod_tuning_predict (tuning, n_vision,
                                      pmod_run_get_n_prompt_tokens (run) - n_vision,
                                      with_tower ? pmod_run_get_n_tiles (run) : 0, &cost, &error));
  g_test_message ("paper %.0f of %.0f, all %.0f of %.0f FLOPs, KV %.0f of %.0f bytes", paper.used,
                  paper.dense, all.used, all.dense, kv.used, kv.dense);
  g_assert_cmpfloat (cost.paper, ==, paper.used);
  g_assert_cmpfloat (cost.paper_dense, ==, paper.dense);
  g_assert_cmpfloat (cost.all, ==, all.used);
  g_assert_cmpfloat (cost.all_dense, ==, all.dense);
  g_assert_cmpfloat (cost.kv_bytes, ==, kv.used);
  g_assert_cmpfloat (cost.kv_bytes_dense, ==, kv.dense);
  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer layer;

      g_assert_true (pmod_run_get_layer (run, l, &layer));
      g_assert_cmpint (layer.routed, ==, pmod_tuning_is_routed (tuning, l));
      if (layer.routed)
        g_assert_cmpfloat (layer.ratio, ==, pmod_tuning_get_ratio (tuning, l));
    }
}

/* Exactly: every term is a whole number that a double holds. */
static void
test_predicted_cost (void)
{
  const PmodTuningSchedule schedules[] = { PMOD_TUNING_DENSE, PMOD_TUNING_SHIFTEDLINEAR,
                                           PMOD_TUNING_CONSTANT };
  const double factors[] = { 0.05, 0.31, 0.77, 1.2 };
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodRun) first = session_check_finish (pmod_session_read (session, picture));
  PmodTuningCost cost;

  g_assert_cmpint (pmod_run_get_n_tiles (first), ==, 1);
  check_cost (tuning, first, TRUE);
  g_assert_true (pmod_tuning_predict_run (tuning, first, &cost, NULL));
  g_assert_cmpfloat (cost.all, ==, pmod_run_get_flops (first, PMOD_FLOPS_ALL).used);
  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      g_autoptr (PmodRun) run = NULL;

      pmod_tuning_set_factor (tuning, factors[i]);
      run = session_check_finish (pmod_session_read (session, picture));
      check_cost (tuning, run, FALSE);
    }
  pmod_tuning_set_factor (tuning, 0.4);
  pmod_tuning_set_ratio (tuning, 3, 0.017);
  pmod_tuning_set_policy (tuning, PMOD_TUNING_GRID);
  for (guint i = 0; i < G_N_ELEMENTS (schedules); i++)
    {
      g_autoptr (PmodRun) run = NULL;

      pmod_tuning_set_schedule (tuning, schedules[i]);
      run = session_check_finish (pmod_session_read (session, picture));
      check_cost (tuning, run, FALSE);
    }
}

/* What is asked while a model loads runs as that model was trained. */
static void
test_before_the_model (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autofree char *model = session_check_fixture ("demo-v0");
  g_autofree char *other = session_check_fixture ("tiny-pmod-12layer");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (PmodRun) next = NULL;
  g_autoptr (PmodRun) last = NULL;
  g_autoptr (PmodTuning) stale = NULL;

  pmod_session_open_model (session, model);
  run = session_check_finish (pmod_session_read (session, picture));
  g_assert_cmpstr (pmod_run_get_error (run), ==, NULL);
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);

  pmod_tuning_set_ratio (tuning, 3, 0.5);
  stale = pmod_tuning_copy (tuning);
  pmod_session_open_model (session, other);
  next = session_check_finish (pmod_session_read (session, picture));
  g_assert_cmpint (pmod_run_get_n_layers (next), ==, 12);
  g_assert_cmpstr (pmod_run_get_error (next), ==, NULL);
  g_assert_true (pmod_tuning_get_trained (tuning));
  g_assert_cmpint (pmod_tuning_get_n_layers (tuning), ==, 12);

  /* Layer 3 has no router here. */
  last = session_check_finish (pmod_session_read_with (session, picture, stale, 1));
  g_assert_cmpstr (pmod_run_get_error (last), ==, NULL);
}

static void
test_refused (void)
{
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  const char *message = "layer 1 would be routed at 0.50, but this checkpoint has routers only in "
                        "layers 2-5";
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (GError) error = NULL;
  PmodTuningCost cost;

  pmod_tuning_set_ratio (tuning, 1, 0.5);
  run = session_check_finish (pmod_session_read (session, picture));
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_FAILED);
  g_assert_cmpstr (pmod_run_get_error (run), ==, message);
  g_assert_false (pmod_tuning_predict (tuning, 64, 8, 1, &cost, &error));
  g_assert_cmpstr (error->message, ==, message);
}

/* A lane's settings do not cost the other what it could use again. */
static void
test_lanes (void)
{
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodTuning) other = pmod_tuning_copy (pmod_session_get_tuning (session));
  const char *texts[] = { "How many sailboats are there?", NULL };
  g_autoptr (PmodRun) read = session_check_finish (pmod_session_read (session, picture));
  g_autoptr (PmodRun) aside = NULL;
  g_autoptr (PmodRun) again = NULL;
  g_autoptr (PmodRun) answer = NULL;
  g_autoptr (PmodRun) same_lane = NULL;
  g_autoptr (PmodRun) reopened = NULL;

  pmod_tuning_set_factor (other, 0.2);
  aside = session_check_finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (aside), ==, 0);
  g_assert_cmpuint (pmod_run_get_generation (aside), ==, pmod_tuning_get_generation (other));
  again = session_check_finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (again), >=, 64);
  answer = session_check_finish (pmod_session_ask (session, texts, picture));
  g_assert_cmpint (pmod_run_get_n_reused (answer), >=, 64);
  g_assert_cmpstr (pmod_run_get_text (answer), ==, "One.");

  /* Without a lane of its own it does cost it. */
  same_lane = session_check_finish (pmod_session_ask_with (session, texts, picture, other, 0));
  g_assert_cmpint (pmod_run_get_n_reused (same_lane), ==, 0);

  pmod_session_close_lane (session, 1);
  reopened = session_check_finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (reopened), ==, 0);
  g_assert_cmpstr (pmod_run_get_text (reopened), ==, pmod_run_get_text (aside));
}

/* Newest wins within a lane, and no lane takes the place of another's. */
static void
test_lanes_wait_apart (void)
{
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  PmodRun *runs[2][6];
  int n_done[2] = { 0 };

  for (int i = 0; i < 6; i++)
    for (int lane = 0; lane < 2; lane++)
      runs[lane][i] = pmod_session_read_with (session, picture, NULL, lane);
  session_check_wait (session_check_is_settled, session);
  for (int lane = 0; lane < 2; lane++)
    {
      g_assert_cmpint (pmod_run_get_phase (runs[lane][5]), ==, PMOD_RUN_DONE);
      for (int i = 0; i < 6; i++)
        {
          g_assert_true (pmod_run_is_finished (runs[lane][i]));
          n_done[lane] += pmod_run_get_phase (runs[lane][i]) == PMOD_RUN_DONE;
          g_object_unref (runs[lane][i]);
        }
    }
  g_test_message ("%d and %d of 6 ran", n_done[0], n_done[1]);
  g_assert_cmpint (n_done[0], <, 6);
  g_assert_cmpint (n_done[1], <, 6);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tuning/no-model", test_no_model);
  g_test_add_func ("/tuning/values", test_values);
  g_test_add_func ("/tuning/whole-settings", test_whole_settings);
  g_test_add_func ("/tuning/predicted-cost", test_predicted_cost);
  g_test_add_func ("/tuning/before-the-model", test_before_the_model);
  g_test_add_func ("/tuning/refused", test_refused);
  g_test_add_func ("/session/lanes", test_lanes);
  g_test_add_func ("/session/lanes-wait-apart", test_lanes_wait_apart);
  return g_test_run ();
}
