/* Policies and painting through PmodTuning: the masks that they must choose, at the same budget;
 * strokes that can be undone; files. */
#include "config.h"

#include <glib/gstdio.h>

#include "session-check.h"

#define MODEL "demo-v0"
#define N_VISION 64
#define N_LAYERS 6
#define LAYER 4 /* keeps 9 of 64 */

typedef struct
{
  PmodSession *session;
  PmodPicture *picture;
  PmodTuning *tuning;
} Lab;

static void
open_lab (Lab *lab, gconstpointer data)
{
  lab->session = session_check_open (MODEL);
  lab->picture = session_check_load_picture ("demo/seen-00.png");
  lab->tuning = pmod_session_get_tuning (lab->session);
}

static void
close_lab (Lab *lab, gconstpointer data)
{
  g_assert_finalize_object (lab->picture);
  g_assert_finalize_object (lab->session);
}

static PmodRun *
read_picture (Lab *lab)
{
  return session_check_finish (pmod_session_read (lab->session, lab->picture));
}

static int
count_kept (PmodRun *run, int layer)
{
  PmodRunLayer info;

  g_assert_true (pmod_run_get_layer (run, layer, &info));
  return info.n_kept;
}

static void
test_policies (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) router = read_picture (lab);

  for (int policy = PMOD_TUNING_RANDOM; policy < PMOD_TUNING_N_POLICIES; policy++)
    {
      g_autoptr (PmodRun) run = NULL;

      pmod_tuning_set_policy (lab->tuning, (PmodTuningPolicy)policy);
      g_assert_false (pmod_tuning_get_trained (lab->tuning) && policy != PMOD_TUNING_ROUTER);
      run = read_picture (lab);
      g_assert_cmpint (pmod_run_get_policy (run), ==, policy);
      for (int l = 0; l < N_LAYERS; l++)
        g_assert_cmpint (count_kept (run, l), ==, count_kept (router, l));
      g_assert_cmpfloat (pmod_run_get_flops (run, PMOD_FLOPS_PAPER).used, ==,
                         pmod_run_get_flops (router, PMOD_FLOPS_PAPER).used);
      /* Nothing is painted yet: then the router decides alone. */
      g_assert_cmpint (session_check_same_maps (run, router), ==, policy == PMOD_TUNING_PAINTED);
    }
}

static void
test_random (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) a = NULL;
  g_autoptr (PmodRun) b = NULL;
  g_autoptr (PmodRun) again = NULL;

  pmod_tuning_set_policy (lab->tuning, PMOD_TUNING_RANDOM);
  a = read_picture (lab);
  pmod_tuning_set_seed (lab->tuning, 7);
  b = read_picture (lab);
  pmod_tuning_set_seed (lab->tuning, 0);
  again = read_picture (lab);
  g_assert_false (session_check_same_maps (a, b));
  g_assert_true (session_check_same_maps (a, again));
}

/* The parts that the router likes least are the hardest to force. */
static int
find_weakest (PmodRun *run, int *tokens, int n)
{
  int n_found = 0;

  for (int i = 0; i < N_VISION && n_found < n; i++)
    if (!pmod_run_is_kept (run, LAYER, i))
      tokens[n_found++] = i;
  return n_found;
}

static void
test_painted (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) router = read_picture (lab);
  g_autoptr (PmodRun) painted = NULL;
  int skipped[3], kept[1];

  g_assert_cmpint (find_weakest (router, skipped, 3), ==, 3);
  for (kept[0] = 0; !pmod_run_is_kept (router, LAYER, kept[0]);)
    kept[0]++;
  pmod_tuning_paint_tokens (lab->tuning, N_VISION, LAYER, skipped, 3, PMOD_TUNING_KEEP);
  pmod_tuning_paint_tokens (lab->tuning, N_VISION, LAYER, kept, 1, PMOD_TUNING_SKIP);
  g_assert_cmpint (pmod_tuning_get_policy (lab->tuning), ==, PMOD_TUNING_PAINTED);
  g_assert_true (pmod_tuning_get_outside_training (lab->tuning));
  g_assert_cmpint (pmod_tuning_count_painted (lab->tuning, LAYER, PMOD_TUNING_KEEP), ==, 3);
  g_assert_cmpint (pmod_tuning_count_painted (lab->tuning, LAYER, PMOD_TUNING_SKIP), ==, 1);
  g_assert_cmpint (pmod_tuning_count_painted (lab->tuning, LAYER - 1, PMOD_TUNING_KEEP), ==, 0);

  painted = read_picture (lab);
  for (int i = 0; i < 3; i++)
    g_assert_true (pmod_run_is_kept (painted, LAYER, skipped[i]));
  g_assert_false (pmod_run_is_kept (painted, LAYER, kept[0]));
  for (int l = 0; l < N_LAYERS; l++)
    g_assert_cmpint (count_kept (painted, l), ==, count_kept (router, l));
  for (int i = 0; i < N_VISION; i++)
    g_assert_cmpint (pmod_run_is_kept (painted, LAYER - 1, i), ==,
                     pmod_run_is_kept (router, LAYER - 1, i));
}

/* More than fit: the budget stands, and only painted ones are kept. */
static void
test_over_budget (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) run = NULL;
  int tokens[N_VISION / 2];

  for (int i = 0; i < N_VISION / 2; i++)
    tokens[i] = N_VISION - 1 - i;
  pmod_tuning_paint_tokens (lab->tuning, N_VISION, PMOD_TUNING_ALL_LAYERS, tokens, N_VISION / 2,
                            PMOD_TUNING_KEEP);
  run = read_picture (lab);
  g_assert_cmpint (count_kept (run, LAYER), ==, 9);
  for (int i = 0; i < N_VISION; i++)
    if (pmod_run_is_kept (run, LAYER, i))
      g_assert_cmpint (i, >=, N_VISION / 2);
}

static void
paint_one (Lab *lab, int layer, int token, PmodTuningPaint paint)
{
  pmod_tuning_paint_tokens (lab->tuning, N_VISION, layer, &token, 1, paint);
}

static int
state (Lab *lab, int token)
{
  return (int)pmod_tuning_get_painted (lab->tuning, LAYER, token);
}

static void
test_strokes (Lab *lab, gconstpointer data)
{
  PmodTuning *tuning = lab->tuning;

  g_assert_false (pmod_tuning_can_undo_paint (tuning));
  pmod_tuning_begin_stroke (tuning);
  for (int i = 0; i < 5; i++)
    paint_one (lab, LAYER, i, PMOD_TUNING_KEEP);
  pmod_tuning_end_stroke (tuning);
  paint_one (lab, PMOD_TUNING_ALL_LAYERS, 3, PMOD_TUNING_SKIP);
  g_assert_cmpint (state (lab, 3), ==, PMOD_TUNING_SKIP);
  g_assert_cmpint (state (lab, 4), ==, PMOD_TUNING_KEEP);

  pmod_tuning_undo_paint (tuning);
  g_assert_cmpint (state (lab, 3), ==, PMOD_TUNING_KEEP);
  pmod_tuning_undo_paint (tuning);
  g_assert_cmpint (pmod_tuning_get_paint_size (tuning), ==, 0);
  g_assert_false (pmod_tuning_can_undo_paint (tuning));
  pmod_tuning_redo_paint (tuning);
  pmod_tuning_redo_paint (tuning);
  g_assert_false (pmod_tuning_can_redo_paint (tuning));
  g_assert_cmpint (state (lab, 3), ==, PMOD_TUNING_SKIP);

  /* A new stroke ends what could be done again; erasing is one. */
  pmod_tuning_undo_paint (tuning);
  paint_one (lab, LAYER, 0, PMOD_TUNING_UNPAINTED);
  g_assert_false (pmod_tuning_can_redo_paint (tuning));
  g_assert_cmpint (state (lab, 0), ==, PMOD_TUNING_UNPAINTED);
  pmod_tuning_erase_all (tuning);
  g_assert_cmpint (state (lab, 4), ==, PMOD_TUNING_UNPAINTED);
  pmod_tuning_undo_paint (tuning);
  g_assert_cmpint (state (lab, 4), ==, PMOD_TUNING_KEEP);

  /* What paints nothing is no stroke. */
  paint_one (lab, LAYER, 4, PMOD_TUNING_KEEP);
  pmod_tuning_undo_paint (tuning);
  g_assert_cmpint (state (lab, 0), ==, PMOD_TUNING_KEEP);
}

/* What was painted for all layers can be erased in one: it stays in the others. */
static void
test_erase_in_one (Lab *lab, gconstpointer data)
{
  PmodTuning *tuning = lab->tuning;

  paint_one (lab, PMOD_TUNING_ALL_LAYERS, 3, PMOD_TUNING_KEEP);
  paint_one (lab, PMOD_TUNING_ALL_LAYERS, 5, PMOD_TUNING_SKIP);
  paint_one (lab, LAYER, 3, PMOD_TUNING_UNPAINTED);
  g_assert_cmpint (state (lab, 3), ==, PMOD_TUNING_UNPAINTED);
  g_assert_cmpint (state (lab, 5), ==, PMOD_TUNING_SKIP);
  g_assert_cmpint (pmod_tuning_get_painted (tuning, LAYER - 1, 3), ==, PMOD_TUNING_KEEP);
  g_assert_cmpint (pmod_tuning_get_painted (tuning, LAYER - 1, 5), ==, PMOD_TUNING_SKIP);
  /* One stroke, which can be undone; and all layers still take it back as one. */
  pmod_tuning_undo_paint (tuning);
  g_assert_cmpint (state (lab, 3), ==, PMOD_TUNING_KEEP);
  pmod_tuning_redo_paint (tuning);
  paint_one (lab, PMOD_TUNING_ALL_LAYERS, 3, PMOD_TUNING_UNPAINTED);
  g_assert_cmpint (pmod_tuning_get_painted (tuning, LAYER - 1, 3), ==, PMOD_TUNING_UNPAINTED);
}

static void
test_reset_keeps (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodTuning) copy = NULL;
  g_autoptr (PmodRun) trained = read_picture (lab);
  g_autoptr (PmodRun) reset = NULL;

  for (int i = 0; i < 20; i++)
    paint_one (lab, LAYER, i, PMOD_TUNING_SKIP);
  copy = pmod_tuning_copy (lab->tuning);
  pmod_tuning_reset (lab->tuning);
  g_assert_true (pmod_tuning_get_trained (lab->tuning));
  reset = read_picture (lab);
  g_assert_true (session_check_same_maps (trained, reset));
  g_assert_cmpint (pmod_tuning_count_painted (lab->tuning, LAYER, PMOD_TUNING_SKIP), ==, 20);
  g_assert_cmpint (pmod_tuning_get_policy (copy), ==, PMOD_TUNING_PAINTED);
  pmod_tuning_erase_all (lab->tuning);
  pmod_tuning_assign (lab->tuning, copy);
  g_assert_cmpint (pmod_tuning_count_painted (lab->tuning, LAYER, PMOD_TUNING_SKIP), ==, 20);
}

static void
test_other_size (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) trained = read_picture (lab);
  g_autoptr (PmodRun) run = NULL;
  int token = 5;

  /* Of a picture with other parts: this one is read all the same. */
  pmod_tuning_paint_tokens (lab->tuning, 100, LAYER, &token, 1, PMOD_TUNING_KEEP);
  run = read_picture (lab);
  g_assert_true (session_check_same_maps (trained, run));
  paint_one (lab, LAYER, 0, PMOD_TUNING_KEEP);
  g_assert_cmpint (pmod_tuning_get_paint_size (lab->tuning), ==, N_VISION);
  g_assert_cmpint (state (lab, 5), ==, PMOD_TUNING_UNPAINTED);
}

static void
test_file (Lab *lab, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp ("paint-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "paint.json", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (pmod_tuning_save_paint (lab->tuning, path, &error));
  g_assert_cmpstr (error->message, ==, "nothing is painted");
  g_clear_error (&error);
  paint_one (lab, LAYER, 9, PMOD_TUNING_KEEP);
  g_assert_true (pmod_tuning_save_paint (lab->tuning, path, &error));
  pmod_tuning_reset (lab->tuning);
  pmod_tuning_erase_all (lab->tuning);
  g_assert_true (pmod_tuning_load_paint (lab->tuning, path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (state (lab, 9), ==, PMOD_TUNING_KEEP);
  g_assert_cmpint (pmod_tuning_get_policy (lab->tuning), ==, PMOD_TUNING_PAINTED);

  g_assert_true (g_file_set_contents (path, "{ \"schema\": 1 }", -1, NULL));
  g_assert_false (pmod_tuning_load_paint (lab->tuning, path, &error));
  g_assert_nonnull (g_strrstr (error->message, "n_vision"));
  g_assert_cmpint (state (lab, 9), ==, PMOD_TUNING_KEEP);
  g_unlink (path);
  g_rmdir (folder);
}

static PmodRun *
read_behind (Lab *lab, const char *question)
{
  const char *texts[] = { question, NULL };

  return session_check_finish (
      pmod_session_read_behind (lab->session, texts, lab->picture, lab->tuning, 0));
}

/* With the picture first no question changes a map; behind it, another one may. */
static void
test_question_first (Lab *lab, gconstpointer data)
{
  g_autoptr (PmodRun) a = read_behind (lab, "What is this?");
  g_autoptr (PmodRun) b = read_behind (lab, "How many balloons are there?");
  g_autoptr (PmodRun) c = NULL;
  g_autoptr (PmodRun) d = NULL;

  g_assert_true (session_check_same_maps (a, b));
  g_assert_false (pmod_run_get_question_first (a));
  pmod_tuning_set_question_first (lab->tuning, TRUE);
  c = read_behind (lab, "What is this?");
  d = read_behind (lab, "How many balloons are there?");
  g_assert_true (pmod_run_get_question_first (c));
  g_assert_false (session_check_same_maps (c, d));
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*func) (Lab *, gconstpointer);
  } tests[] = {
    { "/tuning-strokes/policies", test_policies },
    { "/tuning-strokes/random", test_random },
    { "/tuning-strokes/painted", test_painted },
    { "/tuning-strokes/over-budget", test_over_budget },
    { "/tuning-strokes/strokes", test_strokes },
    { "/tuning-strokes/erase-in-one", test_erase_in_one },
    { "/tuning-strokes/reset-keeps", test_reset_keeps },
    { "/tuning-strokes/other-size", test_other_size },
    { "/tuning-strokes/file", test_file },
    { "/tuning-strokes/question-first", test_question_first },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Lab, NULL, open_lab, tests[i].func, close_lab);
  return g_test_run ();
}
