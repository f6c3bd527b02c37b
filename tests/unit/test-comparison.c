/* PmodComparison: B is what that setting alone would be, the counts are right, and A does not
 * notice. */
#include "config.h"

#include "pmod-comparison.h"
#include "session-check.h"

#define MODEL "demo-v0"
#define N_LAYERS 6
#define QUESTION "How many balloons are there?"

typedef struct
{
  PmodSession *session;
  PmodPicture *pictures[2];
  PmodTuning *tuning;
  PmodChat *chat;
  PmodComparison *comparison;
} Lab;

static void
open_lab (Lab *lab, gconstpointer data)
{
  lab->session = session_check_open (MODEL);
  lab->pictures[0] = session_check_load_picture ("demo/seen-00.png");
  lab->pictures[1] = session_check_load_picture ("demo/seen-01.png");
  lab->tuning = pmod_session_get_tuning (lab->session);
  lab->chat = pmod_chat_new (lab->session);
  lab->comparison = pmod_comparison_get (lab->chat);
  g_assert_true (lab->comparison == pmod_comparison_get (lab->chat));
}

static void
close_lab (Lab *lab, gconstpointer data)
{
  g_object_add_weak_pointer (G_OBJECT (lab->comparison), (gpointer *)&lab->comparison);
  g_assert_finalize_object (lab->chat);
  g_assert_null (lab->comparison);
  g_assert_finalize_object (lab->pictures[0]);
  g_assert_finalize_object (lab->pictures[1]);
  g_assert_finalize_object (lab->session);
}

/* Longer than B waits for A to come to rest. */
static gboolean
is_ready (gpointer session)
{
  return pmod_session_get_state (session) == PMOD_SESSION_READY;
}

static void
settle (Lab *lab)
{
  session_check_pass_time (500);
  session_check_wait (is_ready, lab->session);
}

static void
show (Lab *lab, int picture)
{
  pmod_chat_open_picture (lab->chat, lab->pictures[picture]);
  settle (lab);
}

/* What tuning does with the picture, asked for in the other lane's absence. */
static PmodRun *
read_alone (Lab *lab, PmodTuning *tuning)
{
  return session_check_finish (pmod_session_read_with (lab->session, lab->pictures[0], tuning, 0));
}

static void
check_counts (Lab *lab)
{
  PmodRun *a = pmod_chat_get_run (lab->chat);
  PmodRun *b = pmod_comparison_get_run (lab->comparison);
  PmodComparisonCounts counts;

  g_assert_true (pmod_comparison_get_partner (lab->comparison) == a);
  for (int l = 0; l < N_LAYERS; l++)
    {
      int n[4] = { 0 };

      for (int i = 0; i < 64; i++)
        n[2 * pmod_run_is_kept (a, l, i) + pmod_run_is_kept (b, l, i)]++;
      g_assert_true (pmod_comparison_count (lab->comparison, l, &counts));
      g_assert_cmpint (counts.neither, ==, n[0]);
      g_assert_cmpint (counts.only_b, ==, n[1]);
      g_assert_cmpint (counts.only_a, ==, n[2]);
      g_assert_cmpint (counts.both, ==, n[3]);
    }
}

static void
test_off (Lab *lab, gconstpointer data)
{
  PmodComparisonCounts counts;
  double divergence;

  show (lab, 0);
  g_assert_null (pmod_comparison_get_run (lab->comparison));
  g_assert_false (pmod_comparison_count (lab->comparison, 0, &counts));
  g_assert_false (pmod_comparison_get_divergence (lab->comparison, &divergence));

  pmod_comparison_set_active (lab->comparison, TRUE);
  settle (lab);
  g_assert_nonnull (pmod_comparison_get_run (lab->comparison));
  pmod_comparison_set_active (lab->comparison, FALSE);
  g_assert_null (pmod_comparison_get_run (lab->comparison));
  pmod_chat_open_picture (lab->chat, lab->pictures[1]);
  settle (lab);
  g_assert_null (pmod_comparison_get_run (lab->comparison));
}

static void
test_dense (Lab *lab, gconstpointer data)
{
  PmodRunLayer info;

  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_cmpint (pmod_comparison_get_kind (lab->comparison), ==, PMOD_COMPARISON_DENSE);
  for (int l = 0; l < N_LAYERS; l++)
    {
      g_assert_true (pmod_run_get_layer (pmod_comparison_get_run (lab->comparison), l, &info));
      g_assert_true (info.ready);
      g_assert_cmpint (info.n_kept, ==, 64);
    }
  check_counts (lab);
}

/* What began with words alone has no picture of its own, and yet something to compare. */
static void
test_words_first (Lab *lab, gconstpointer data)
{
  pmod_comparison_set_active (lab->comparison, TRUE);
  pmod_chat_clear (lab->chat);
  g_assert_true (pmod_chat_ask (lab->chat, "What is this?"));
  settle (lab);
  g_assert_null (pmod_comparison_get_run (lab->comparison));
  g_assert_true (pmod_chat_attach (lab->chat, lab->pictures[0]));
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  g_assert_null (pmod_chat_get_picture (lab->chat));
  g_assert_nonnull (pmod_comparison_get_run (lab->comparison));
  g_assert_nonnull (pmod_comparison_get_answer_b (lab->comparison));
  check_counts (lab);
}

static void
test_each_kind (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodTuning) pinned = NULL;

  show (lab, 0);
  pmod_tuning_set_factor (lab->tuning, 0.8);
  settle (lab);
  pinned = pmod_tuning_copy (lab->tuning);
  pmod_comparison_set_settings (lab->comparison, lab->tuning, NULL);
  pmod_tuning_set_factor (lab->tuning, 0.4);
  pmod_comparison_set_active (lab->comparison, TRUE);
  settle (lab);
  for (int i = -2; i < PMOD_TUNING_N_POLICIES; i++)
    {
      g_autoptr (PmodTuning) tuning = NULL;
      g_autoptr (PmodRun) alone = NULL;
      g_autoptr (PmodRun) b = NULL;

      if (i == -1)
        pmod_comparison_set_kind (lab->comparison, PMOD_COMPARISON_TRAINED);
      else if (i >= 0)
        pmod_comparison_set_policy (lab->comparison, (PmodTuningPolicy)i);
      settle (lab);
      b = g_object_ref (pmod_comparison_get_run (lab->comparison));
      check_counts (lab);
      tuning = i == -2 ? g_object_ref (pinned) : pmod_comparison_dup_tuning (lab->comparison);
      alone = read_alone (lab, tuning);
      g_assert_true (session_check_same_maps (alone, b));
      if (i > 0)
        g_assert_cmpfloat (
            pmod_run_get_flops (b, PMOD_FLOPS_PAPER).used, ==,
            pmod_run_get_flops (pmod_chat_get_run (lab->chat), PMOD_FLOPS_PAPER).used);
    }
}

static void
test_answers (Lab *lab, gconstpointer data)
{
  const char *texts[] = { QUESTION, NULL };
  g_autoptr (PmodRun) alone = NULL;
  g_autoptr (PmodTuning) dense = NULL;
  PmodRun *a, *b;
  double divergence, random;

  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_null (pmod_comparison_get_answer_b (lab->comparison));
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  a = pmod_comparison_get_answer_a (lab->comparison);
  b = pmod_comparison_get_answer_b (lab->comparison);
  g_assert_true (a == pmod_chat_get_run (lab->chat));
  g_assert_true (b == pmod_comparison_get_run (lab->comparison));
  g_assert_true (pmod_comparison_get_divergence (lab->comparison, &divergence));
  g_assert_cmpfloat (divergence, >, 0);
  dense = pmod_comparison_dup_tuning (lab->comparison);
  alone = session_check_finish (
      pmod_session_ask_with (lab->session, texts, lab->pictures[0], dense, 0));
  g_assert_cmpstr (pmod_run_get_text (b), ==, pmod_run_get_text (alone));
  g_test_message ("dense: %.6f nats, \"%s\" beside \"%s\"", divergence, pmod_run_get_text (a),
                  pmod_run_get_text (b));

  /* Another B answers by itself, and the same setting is no distance away. */
  pmod_comparison_set_policy (lab->comparison, PMOD_TUNING_INVERSE);
  settle (lab);
  g_assert_true (pmod_comparison_get_divergence (lab->comparison, &random));
  g_assert_cmpfloat (random, !=, divergence);
  g_assert_cmpstr (pmod_run_get_text (pmod_chat_get_run (lab->chat)), ==, pmod_run_get_text (a));
}

/* The same words about the same picture by the same settings: nothing is apart. */
static void
test_same (Lab *lab, gconstpointer data)
{
  double divergence = -1;
  PmodComparisonCounts counts;

  pmod_comparison_set_kind (lab->comparison, PMOD_COMPARISON_TRAINED);
  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  g_assert_true (pmod_comparison_get_divergence (lab->comparison, &divergence));
  g_assert_cmpfloat (divergence, ==, 0);
  for (int l = 0; l < N_LAYERS; l++)
    {
      g_assert_true (pmod_comparison_count (lab->comparison, l, &counts));
      g_assert_cmpint (counts.only_a + counts.only_b, ==, 0);
    }
}

static void
test_question_first (Lab *lab, gconstpointer data)
{
  PmodComparisonCounts counts;
  int n_changed = 0;

  pmod_comparison_set_kind (lab->comparison, PMOD_COMPARISON_QUESTION_FIRST);
  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  g_assert_false (pmod_run_get_question_first (pmod_chat_get_run (lab->chat)));
  g_assert_true (pmod_run_get_question_first (pmod_comparison_get_run (lab->comparison)));
  for (int l = 0; l < N_LAYERS; l++)
    {
      g_assert_true (pmod_comparison_count (lab->comparison, l, &counts));
      g_assert_cmpint (counts.only_a, ==, counts.only_b);
      n_changed += counts.only_a;
    }
  g_assert_cmpint (n_changed, >, 0);
}

/* B runs in between, and A starts its next answer from all of the picture's states all the same. */
static void
check_reused (PmodRun *run)
{
  g_assert_cmpint (pmod_run_get_n_reused (run), >=, 64);
  for (int l = 2; l < N_LAYERS; l++)
    {
      PmodRunLayer info;

      g_assert_true (pmod_run_get_layer (run, l, &info));
      g_assert_true (!info.routed || info.reused);
    }
}

static void
test_undisturbed (Lab *lab, gconstpointer data)
{
  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_nonnull (pmod_comparison_get_run (lab->comparison));
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  check_reused (pmod_chat_get_run (lab->chat));
  check_reused (pmod_comparison_get_run (lab->comparison));
  g_assert_true (pmod_chat_ask (lab->chat, "What is this?"));
  settle (lab);
  check_reused (pmod_chat_get_run (lab->chat));
}

static void
count_runs_cb (gpointer data, GObject *run)
{
  --*(int *)data;
}

static void
run_cb (PmodComparison *comparison, GParamSpec *pspec, int *n_alive)
{
  PmodRun *run = pmod_comparison_get_run (comparison);

  if (run)
    {
      ++*n_alive;
      g_object_weak_ref (G_OBJECT (run), count_runs_cb, n_alive);
    }
}

/* As a camera does, faster than it can be read: the newest wins, and nothing piles up. */
static void
test_camera (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) alone = NULL;
  int n_alive = 0;

  pmod_comparison_set_policy (lab->comparison, PMOD_TUNING_GRID);
  pmod_comparison_set_active (lab->comparison, TRUE);
  g_signal_connect (lab->comparison, "notify::run", G_CALLBACK (run_cb), &n_alive);
  for (int i = 0; i < 100; i++)
    {
      pmod_chat_open_picture (lab->chat, lab->pictures[(i + 1) % 2]);
      session_check_pass_time (i % 10 == 0 ? 60 : 2);
      g_assert_cmpint (n_alive, <=, 2);
    }
  settle (lab);
  g_assert_true (pmod_comparison_get_picture (lab->comparison) == lab->pictures[0]);
  check_counts (lab);
  g_assert_cmpint (n_alive, ==, 1);
  g_signal_handlers_disconnect_by_data (lab->comparison, &n_alive);
  g_object_weak_unref (G_OBJECT (pmod_comparison_get_run (lab->comparison)), count_runs_cb,
                       &n_alive);
}

/* A slider that never rests leaves B neither behind nor in A's way. */
static void
test_slider (Lab *lab, gconstpointer data)
{
  int n_runs = 0, n_a = 0;

  pmod_comparison_set_policy (lab->comparison, PMOD_TUNING_INVERSE);
  pmod_comparison_set_active (lab->comparison, TRUE);
  show (lab, 0);
  g_assert_true (pmod_chat_ask (lab->chat, QUESTION));
  settle (lab);
  for (int i = 0; i < 60; i++)
    {
      PmodRun *a = pmod_chat_get_run (lab->chat);
      PmodRun *b = pmod_comparison_get_run (lab->comparison);

      pmod_tuning_set_factor (lab->tuning, 0.3 + 0.01 * i);
      session_check_pass_time (30);
      n_a += a != pmod_chat_get_run (lab->chat);
      n_runs += b != pmod_comparison_get_run (lab->comparison);
    }
  g_test_message ("60 moves of 30 ms: %d maps of A, %d of B", n_a, n_runs);
  g_assert_cmpint (n_a, >=, 18); /* 10 a second */
  g_assert_cmpint (n_runs, >=, 6);
  settle (lab);
  check_counts (lab);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*func) (Lab *, gconstpointer);
  } tests[] = {
    { "/comparison/off", test_off },
    { "/comparison/dense", test_dense },
    { "/comparison/words-first", test_words_first },
    { "/comparison/each-kind", test_each_kind },
    { "/comparison/answers", test_answers },
    { "/comparison/same", test_same },
    { "/comparison/question-first", test_question_first },
    { "/comparison/undisturbed", test_undisturbed },
    { "/comparison/camera", test_camera },
    { "/comparison/slider", test_slider },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Lab, NULL, open_lab, tests[i].func, close_lab);
  return g_test_run ();
}
