/* Sweeps: the divergence against closed forms, and points against runs of their own. */
#include <math.h>
#include <string.h>

#include "pmod-engine.h"

/* --- Divergence ------------------------------------------------------------------------------- */

static void
test_divergence (void)
{
  const float p[3] = { 0, logf (2), logf (5) }, q[3] = { logf (4), 0, logf (3) };
  const float even[4] = { 7, 7, 7, 7 };
  float shifted[3], peak[4] = { 100, 0, 0, 0 };
  double expected = 1 / 8.0 * log ((1 / 8.0) / (4 / 8.0)) + 2 / 8.0 * log ((2 / 8.0) / (1 / 8.0)) +
                    5 / 8.0 * log ((5 / 8.0) / (3 / 8.0));
  g_autofree float *many = g_new (float, 100000), *other = g_new (float, 100000);

  g_assert_cmpfloat_with_epsilon (pmod_divergence (p, q, 3), expected, 1e-7);
  g_assert_cmpfloat (pmod_divergence (p, p, 3), ==, 0);
  for (int i = 0; i < 3; i++)
    shifted[i] = q[i] + 1000;
  /* A softmax knows no shift; the logits' own last bits do. */
  g_assert_cmpfloat_with_epsilon (pmod_divergence (p, shifted, 3), expected, 1e-3);
  /* All on one of n against evenly: ln n. The other way: -ln n - (1/n) ln (p_1 .. p_n). */
  g_assert_cmpfloat_with_epsilon (pmod_divergence (peak, even, 4), log (4), 1e-9);
  g_assert_cmpfloat_with_epsilon (pmod_divergence (even, peak, 4), 75 - log (4), 1e-9);
  /* A hundred thousand equal ones against half of them e times as likely; as many roundings in F64,
   * 1.1e-16 each. */
  for (int i = 0; i < 100000; i++)
    {
      many[i] = -3;
      other[i] = (float)(i % 2);
    }
  g_assert_cmpfloat_with_epsilon (pmod_divergence (many, other, 100000),
                                  log ((1 + exp (1)) / 2) - 0.5, 2e-11);
}

/* --- Points ----------------------------------------------------------------------------------- */

typedef struct
{
  int n_points;
  int stop_after; /* points, or -1 */
  PmodSweepPoint points[16];
  char *answers[16];
} Points;

static gboolean
on_point (const PmodSweepPoint *point, gpointer data)
{
  Points *points = data;

  g_assert_cmpint (point->index, ==, points->n_points - 1);
  points->points[points->n_points] = *point;
  if (point->answer != NULL)
    points->answers[points->n_points] = g_strdup (point->answer->text->str);
  points->n_points++;
  return points->n_points != points->stop_after;
}

static void
points_clear (Points *points)
{
  for (int i = 0; i < 16; i++)
    g_free (points->answers[i]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Points, points_clear)

static PmodContext *
open_context (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "demo-v0", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, NULL, NULL, NULL, &error);
  PmodContext *context;

  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  return context;
}

static PmodPrompt *
ask (PmodContext *context)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "images", "square.jpg", NULL);
  PmodModel *model = pmod_context_get_model (context);
  const PmodTurn turn = { PMOD_ROLE_USER, "What is this?" };
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;
  PmodPrompt *prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model),
                                             pmod_model_get_config (model)->conversation, &turn, 1,
                                             &image, 1, &error);

  g_assert_no_error (error);
  return prompt;
}

static void
add_flops (const PmodRecord *record, gpointer data)
{
  const PmodRecordStage *stage = (const PmodRecordStage *)record;
  const PmodFlops part = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };

  if (record->type == PMOD_RECORD_STAGE && stage->stage != PMOD_STAGE_PREFILL)
    pmod_flops_add (data, &part);
}

/* What a point says is what a run of its own in a new context says. */
static void
assert_like_run (const PmodSweepPoint *point,
                 const char *answer,
                 const PmodParams *reference,
                 const PmodParams *params)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodPrompt) prompt = ask (context);
  int n = pmod_model_get_config (pmod_context_get_model (context))->vocab;
  PmodFlops flops = { 0 };
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, add_flops, &flops);
  g_autoptr (PmodAnswer) expected = NULL;
  g_autofree float *logits = NULL;
  double divergence;

  g_assert_true (pmod_context_prefill (context, prompt, reference, NULL, NULL));
  logits = g_memdup2 (pmod_context_get_logits (context), (gsize)n * sizeof *logits);
  pmod_context_clear (context);
  g_assert_true (pmod_context_prefill (context, prompt, params, trace, NULL));
  divergence = pmod_divergence (logits, pmod_context_get_logits (context), n);
  g_test_message ("%.0f FLOPs, %" G_GUINT64_FORMAT " bytes, %g nats", point->flops.all,
                  point->kv_bytes, point->divergence);
  g_assert_cmpfloat (point->divergence, ==, divergence);
  g_assert_cmpfloat_with_epsilon (point->flops.paper / flops.paper, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (point->flops.paper_dense / flops.paper_dense, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (point->flops.all / flops.all, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (point->flops.all_dense / flops.all_dense, 1, 1e-12);
  g_assert_cmpuint (point->kv_bytes, ==, pmod_context_get_kv_bytes (context));
  g_assert_cmpint (point->n_tokens, ==, pmod_context_get_n_tokens (context));
  expected = pmod_context_answer (context, prompt, params, NULL, NULL, NULL, NULL);
  g_assert_cmpstr (answer, ==, expected->text->str);
  g_assert_cmpint (point->token, ==, g_array_index (expected->ids, gint32, 0));
}

static void
make_settings (PmodContext *context, PmodParams *reference, PmodParams settings[6])
{
  const PmodConfig *config = pmod_model_get_config (pmod_context_get_model (context));

  pmod_params_init (reference, config);
  reference->sampling.max_new_tokens = 6;
  for (int i = 0; i < 6; i++)
    settings[i] = *reference;
  settings[0].routing.schedule.factor = 0.55;
  settings[1].routing.policy = PMOD_POLICY_LAST;
  settings[2].routing.policy = PMOD_POLICY_ATTENTION;
  settings[3].routing.schedule.lower = 0.02;
  settings[4].routing.schedule.kind = PMOD_SCHEDULE_DENSE;
}

static void
test_points (void)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodPrompt) prompt = ask (context);
  g_autoptr (GError) error = NULL;
  g_auto (Points) points = { .stop_after = -1 };
  PmodParams reference, settings[6];

  make_settings (context, &reference, settings);
  g_assert_true (pmod_sweep (context, prompt, &reference, settings, 6, PMOD_SWEEP_ANSWERS, NULL,
                             on_point, &points, &error));
  g_assert_no_error (error);
  g_assert_cmpint (points.n_points, ==, 7);
  assert_like_run (&points.points[0], points.answers[0], &reference, &reference);
  for (int i = 0; i < 6; i++)
    assert_like_run (&points.points[i + 1], points.answers[i + 1], &reference, &settings[i]);
  g_assert_cmpfloat (points.points[0].divergence, ==, 0);
  /* The last setting is the reference's; the dense one skips nothing and says something else. */
  g_assert_cmpfloat (points.points[6].divergence, ==, 0);
  g_assert_cmpuint (points.points[5].kv_bytes, ==, points.points[5].kv_bytes_dense);
  g_assert_cmpfloat (points.points[5].flops.paper, ==, points.points[5].flops.paper_dense);
  for (int i = 1; i < 6; i++)
    g_assert_cmpfloat (points.points[i].divergence, >, 0);
  g_assert_cmpuint (points.points[1].kv_bytes, >, points.points[0].kv_bytes);
}

static void
test_stop (void)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodPrompt) prompt = ask (context);
  g_autoptr (GError) error = NULL;
  g_auto (Points) points = { .stop_after = 3 };
  PmodParams reference, settings[6];

  make_settings (context, &reference, settings);
  g_assert_false (pmod_sweep (context, prompt, &reference, settings, 6, PMOD_SWEEP_DEFAULT, NULL,
                              on_point, &points, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_assert_cmpint (points.n_points, ==, 3);
  g_assert_null (points.answers[1]);
}

static void
test_refused (void)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodPrompt) prompt = ask (context);
  g_autoptr (GError) error = NULL;
  g_auto (Points) points = { .stop_after = -1 };
  PmodParams reference, settings[6];

  make_settings (context, &reference, settings);
  settings[2].routing.ratio[0] = 0.5;
  g_assert_false (pmod_sweep (context, prompt, &reference, settings, 6, PMOD_SWEEP_DEFAULT, NULL,
                              on_point, &points, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_assert_true (g_str_has_prefix (error->message, "setting 2: layer 0 would be routed"));
  g_assert_cmpint (points.n_points, ==, 3);
}

static void
cancel_prefill (const PmodRecord *record, gpointer data)
{
  if (record->type == PMOD_RECORD_STAGE && record->layer == 3)
    pmod_context_cancel (data);
}

/* In the midst of the first point. */
static void
test_cancel (void)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodPrompt) prompt = ask (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, cancel_prefill, context);
  g_autoptr (GError) error = NULL;
  g_auto (Points) points = { .stop_after = -1 };
  PmodParams reference, settings[6];

  make_settings (context, &reference, settings);
  g_assert_false (pmod_sweep (context, prompt, &reference, settings, 6, PMOD_SWEEP_DEFAULT, trace,
                              on_point, &points, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_assert_cmpint (points.n_points, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sweep/divergence", test_divergence);
  g_test_add_func ("/sweep/points", test_points);
  g_test_add_func ("/sweep/stop", test_stop);
  g_test_add_func ("/sweep/refused", test_refused);
  g_test_add_func ("/sweep/cancel", test_cancel);
  return g_test_run ();
}
