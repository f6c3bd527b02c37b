/* PmodTuning and the lanes of a session: what is set reaches the run, and what is predicted of it
 * is what it then costs. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-chat.h"

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
open_session (const char *name)
{
  g_autofree char *model = fixture (name);
  PmodSession *session = pmod_session_new ();

  pmod_session_open_model (session, model);
  wait_until (is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  return session;
}

static PmodRun *
finish (PmodRun *run)
{
  wait_until (is_finished, run);
  return run;
}

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
  g_autoptr (PmodSession) session = open_session ("demo-v0");
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
  g_autoptr (PmodSession) session = open_session ("tiny-pmod-12layer");
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
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodRun) first = finish (pmod_session_read (session, picture));
  PmodTuningCost cost;

  g_assert_cmpint (pmod_run_get_n_tiles (first), ==, 1);
  check_cost (tuning, first, TRUE);
  g_assert_true (pmod_tuning_predict_run (tuning, first, &cost, NULL));
  g_assert_cmpfloat (cost.all, ==, pmod_run_get_flops (first, PMOD_FLOPS_ALL).used);
  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      g_autoptr (PmodRun) run = NULL;

      pmod_tuning_set_factor (tuning, factors[i]);
      run = finish (pmod_session_read (session, picture));
      check_cost (tuning, run, FALSE);
    }
  pmod_tuning_set_factor (tuning, 0.4);
  pmod_tuning_set_ratio (tuning, 3, 0.017);
  pmod_tuning_set_policy (tuning, PMOD_TUNING_GRID);
  for (guint i = 0; i < G_N_ELEMENTS (schedules); i++)
    {
      g_autoptr (PmodRun) run = NULL;

      pmod_tuning_set_schedule (tuning, schedules[i]);
      run = finish (pmod_session_read (session, picture));
      check_cost (tuning, run, FALSE);
    }
}

/* What is asked while a model loads runs as that model was trained. */
static void
test_before_the_model (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autofree char *model = fixture ("demo-v0");
  g_autofree char *other = fixture ("tiny-pmod-12layer");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (PmodRun) next = NULL;

  pmod_session_open_model (session, model);
  run = finish (pmod_session_read (session, picture));
  g_assert_cmpstr (pmod_run_get_error (run), ==, NULL);
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);

  pmod_tuning_set_ratio (tuning, 3, 0.5);
  pmod_session_open_model (session, other);
  next = finish (pmod_session_read (session, picture));
  g_assert_cmpint (pmod_run_get_n_layers (next), ==, 12);
  g_assert_cmpstr (pmod_run_get_error (next), ==, NULL);
  g_assert_true (pmod_tuning_get_trained (tuning));
  g_assert_cmpint (pmod_tuning_get_n_layers (tuning), ==, 12);
}

static void
test_refused (void)
{
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  const char *message = "layer 1 would be routed at 0.50, but this checkpoint has routers only in "
                        "layers 2-5";
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (GError) error = NULL;
  PmodTuningCost cost;

  pmod_tuning_set_ratio (tuning, 1, 0.5);
  run = finish (pmod_session_read (session, picture));
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_FAILED);
  g_assert_cmpstr (pmod_run_get_error (run), ==, message);
  g_assert_false (pmod_tuning_predict (tuning, 64, 8, 1, &cost, &error));
  g_assert_cmpstr (error->message, ==, message);
}

/* A lane's settings do not cost the other what it could use again. */
static void
test_lanes (void)
{
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (PmodTuning) other = pmod_tuning_copy (pmod_session_get_tuning (session));
  const char *texts[] = { "How many sailboats are there?", NULL };
  g_autoptr (PmodRun) read = finish (pmod_session_read (session, picture));
  g_autoptr (PmodRun) aside = NULL;
  g_autoptr (PmodRun) again = NULL;
  g_autoptr (PmodRun) answer = NULL;
  g_autoptr (PmodRun) same_lane = NULL;
  g_autoptr (PmodRun) reopened = NULL;

  pmod_tuning_set_factor (other, 0.2);
  aside = finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (aside), ==, 0);
  g_assert_cmpuint (pmod_run_get_generation (aside), ==, pmod_tuning_get_generation (other));
  again = finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (again), >=, 64);
  answer = finish (pmod_session_ask (session, texts, picture));
  g_assert_cmpint (pmod_run_get_n_reused (answer), >=, 64);
  g_assert_cmpstr (pmod_run_get_text (answer), ==, "One.");

  /* Without a lane of its own it does cost it. */
  same_lane = finish (pmod_session_ask_with (session, texts, picture, other, 0));
  g_assert_cmpint (pmod_run_get_n_reused (same_lane), ==, 0);

  pmod_session_close_lane (session, 1);
  reopened = finish (pmod_session_ask_with (session, texts, picture, other, 1));
  g_assert_cmpint (pmod_run_get_n_reused (reopened), ==, 0);
  g_assert_cmpstr (pmod_run_get_text (reopened), ==, pmod_run_get_text (aside));
}

/* Newest wins within a lane, and no lane takes the place of another's. */
static void
test_lanes_wait_apart (void)
{
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  PmodRun *runs[2][6];
  int n_done[2] = { 0 };

  for (int i = 0; i < 6; i++)
    for (int lane = 0; lane < 2; lane++)
      runs[lane][i] = pmod_session_read_with (session, picture, NULL, lane);
  wait_until (is_settled, session);
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

/* --- A chat that follows --------------------------------------------------------------------- */

static gboolean
is_free (gpointer chat)
{
  return !pmod_chat_get_busy (chat);
}

static gboolean
has_newest_maps (gpointer chat)
{
  PmodTuning *tuning = pmod_session_get_tuning (pmod_chat_get_session (chat));
  PmodRun *run = pmod_chat_get_run (chat);

  return run && pmod_run_is_finished (run) &&
         pmod_run_get_generation (run) == pmod_tuning_get_generation (tuning);
}

static int
count_kept (PmodChat *chat, int layer)
{
  PmodRunLayer info;

  g_assert_true (pmod_run_get_layer (pmod_chat_get_run (chat), layer, &info));
  return info.n_kept;
}

static const char *
get_answer (PmodChat *chat)
{
  GListModel *messages = pmod_chat_get_messages (chat);
  g_autoptr (PmodMessage) reply = g_list_model_get_item (messages, 1);

  g_assert_cmpuint (g_list_model_get_n_items (messages), ==, 2);
  return pmod_message_get_text (reply);
}

static void
replaced_cb (GListModel *messages, guint position, guint removed, guint added, int *n)
{
  g_assert_cmpuint (position, ==, 1);
  g_assert_cmpuint (removed, ==, 1);
  g_assert_cmpuint (added, ==, 1);
  ++*n;
}

static void
test_follow (void)
{
  PmodSession *session = open_session ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  PmodChat *chat = pmod_chat_new (session);
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autofree char *before = NULL;
  int n_replaced = 0;

  pmod_chat_open_picture (chat, picture);
  pmod_chat_ask (chat, "How many sailboats are there?");
  wait_until (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, "One.");
  g_assert_cmpint (count_kept (chat, 3), ==, 22);
  before = g_strdup (get_answer (chat));
  g_signal_connect (pmod_chat_get_messages (chat), "items-changed", G_CALLBACK (replaced_cb),
                    &n_replaced);

  /* The maps follow; what was said stays. */
  pmod_tuning_set_ratio (tuning, 3, 0);
  wait_until (has_newest_maps, chat);
  g_assert_cmpint (count_kept (chat, 3), ==, 0);
  g_assert_cmpint (pmod_run_get_n_new_tokens (pmod_chat_get_run (chat)), ==, 0);
  g_assert_cmpint (n_replaced, ==, 0);

  /* Until it is asked for: one answer after several changes, and the question stays. */
  pmod_chat_set_asks_again (chat, TRUE);
  for (int l = 2; l < 6; l++)
    pmod_tuning_set_ratio (tuning, l, 0);
  while (n_replaced == 0)
    g_main_context_iteration (NULL, TRUE);
  wait_until (is_free, chat);
  wait_until (is_settled, session);
  g_assert_cmpint (n_replaced, ==, 1);
  g_test_message ("with nothing kept: \"%s\"", get_answer (chat));
  g_assert_cmpint (count_kept (chat, 2), ==, 0);
  g_assert_cmpint (pmod_run_get_n_new_tokens (pmod_chat_get_run (chat)), >, 0);

  pmod_tuning_reset (tuning);
  while (n_replaced == 1)
    g_main_context_iteration (NULL, TRUE);
  wait_until (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, before);
  g_signal_handlers_disconnect_by_data (pmod_chat_get_messages (chat), &n_replaced);

  /* What the engine refuses leaves the maps alone. */
  pmod_tuning_set_ratio (tuning, 0, 0.5);
  wait_until (is_settled, session);
  g_assert_cmpint (count_kept (chat, 3), ==, 22);
  g_assert_finalize_object (chat);
  g_assert_finalize_object (session);
}

/* A change of settings does not cut short an answer that the user waits for. */
static void
test_change_while_answering (void)
{
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");

  pmod_chat_open_picture (chat, picture);
  pmod_chat_ask (chat, "How many sailboats are there?");
  pmod_tuning_set_factor (tuning, 0.45);
  pmod_tuning_set_factor (tuning, 0.4);
  wait_until (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, "One.");
  wait_until (has_newest_maps, chat);
}

typedef struct
{
  PmodTuning *tuning;
  double value;
  int n_maps;
  gint64 last_us;
  gint64 longest_us;
} Drag;

/* As a slider under a hand: a new value with each frame. */
static gboolean
drag_cb (gpointer data)
{
  Drag *drag = data;

  drag->value += 0.001;
  pmod_tuning_set_factor (drag->tuning, 0.5 + 0.3 * sin (drag->value * 20));
  return G_SOURCE_CONTINUE;
}

static void
new_maps_cb (PmodChat *chat, GParamSpec *pspec, Drag *drag)
{
  PmodRun *run = pmod_chat_get_run (chat);
  gint64 now_us = g_get_monotonic_time ();

  /* Whole ones only. */
  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer info;

      g_assert_true (pmod_run_get_layer (run, l, &info));
      g_assert_true (info.ready);
    }
  drag->longest_us = MAX (drag->longest_us, now_us - drag->last_us);
  drag->last_us = now_us;
  drag->n_maps++;
}

#define DRAG_S 10.0
#define MAPS_PER_S 10.0

static void
test_drag (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodPicture) picture = load_picture ("../../data/samples/star.png");
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  Drag drag = { pmod_session_get_tuning (session) };
  gint64 end_us;
  guint id;

  pmod_session_open_model (session, "demo");
  wait_until (is_settled, session);
  pmod_chat_open_picture (chat, picture);
  wait_until (has_newest_maps, chat);

  g_signal_connect (chat, "notify::run", G_CALLBACK (new_maps_cb), &drag);
  drag.last_us = g_get_monotonic_time ();
  end_us = drag.last_us + (gint64)(DRAG_S * 1e6);
  id = g_timeout_add (16, drag_cb, &drag);
  while (g_get_monotonic_time () < end_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
  g_test_message ("%.1f maps a second, %.0f ms between two at most", drag.n_maps / DRAG_S,
                  (double)drag.longest_us / 1e3);
  g_assert_cmpfloat (drag.n_maps / DRAG_S, >=, MAPS_PER_S);
  wait_until (has_newest_maps, chat);
}

/* --- A sweep --------------------------------------------------------------------------------- */

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
  PmodSession *session = open_session ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (PmodRun) read = finish (pmod_session_read (session, picture));
  g_autoptr (GError) error = NULL;
  PmodSweepRun *sweep;
  g_autofree char *csv = NULL;
  g_auto (GStrv) lines = NULL;
  PmodSweepResult result, before = { 0 };

  /* Beside the sliders' own value, which is what everything else is swept at. */
  pmod_tuning_set_lower (tuning, 0.05);
  sweep = pmod_session_sweep (session, question, picture, &plan, &error);
  g_assert_no_error (error);
  wait_until (is_swept, sweep);
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
      run = finish (pmod_session_ask (session, question, picture));
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
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (PmodSweepRun) sweep = pmod_session_sweep (session, question, picture, &plan, NULL);
  PmodSweepResult first, result;

  wait_until (is_swept, sweep);
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
  g_autoptr (PmodSession) session = open_session ("demo-v0");
  g_autoptr (PmodPicture) picture = load_picture ("demo/seen-00.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSweepRun) sweep = NULL;
  g_autoptr (PmodSweepRun) newer = NULL;
  g_autoptr (PmodRun) run = NULL;

  sweep = pmod_session_sweep (session, question, picture, &plan, &error);
  wait_until (has_point, sweep);
  run = finish (pmod_session_ask (session, question, picture));
  g_assert_cmpstr (pmod_run_get_text (run), ==, "One.");
  g_assert_cmpint (pmod_sweep_run_get_state (sweep), ==, PMOD_SWEEP_RUNNING);
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_READY);
  pmod_session_stop_sweep (session);
  wait_until (is_swept, sweep);
  g_test_message ("stopped after %d points", pmod_sweep_run_get_n_points (sweep));
  g_assert_cmpint (pmod_sweep_run_get_state (sweep), ==, PMOD_SWEEP_STOPPED);
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), >=, 1);
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweep), <, 1000);

  plan.n_steps = 3;
  newer = pmod_session_sweep (session, question, picture, &plan, &error);
  wait_until (is_swept, newer);
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
  wait_until (has_point, newer);
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
  g_test_add_func ("/chat/follow", test_follow);
  g_test_add_func ("/chat/change-while-answering", test_change_while_answering);
  g_test_add_func ("/chat/drag", test_drag);
  g_test_add_func ("/sweep/factor", test_sweep);
  g_test_add_func ("/sweep/policies", test_sweep_of_policies);
  g_test_add_func ("/sweep/stops", test_sweep_stops);
  return g_test_run ();
}
