/* Ten steps of a whole network as a training run takes them - warm-up, cosine, clipping, rates and
 * decay by part, a frozen part - against the formulas in F64, fed the same gradients.
 *
 * Called as: test-ten-steps [--device cuda], by default on the CPU. */
#include <math.h>
#include <string.h>

#include "golden-training.h"
#include "optimizer-reference.h"
#include "pmod-optimizer.h"

#define N_STEPS 10

/* Bounds of |got - want|, as shares of the change |want - before|. AdamW's arithmetic rounds a few
 * times a step. Muon's five iterations multiply what lies in small singular directions by up to
 * 3.44^5 = 485, and with it roundings of 2^-24 at each of fifteen products: 485 x 15 x 2^-24. On
 * top each step rounds the weight itself once. */
#define ADAMW_TOLERANCE 2e-6
#define MUON_TOLERANCE 4.3e-4
#define ROUNDING (N_STEPS / 16777216.0)

static const PmodRecipeStage stage = {
  .name = (char *)"ten steps",
  .steps = N_STEPS,
  .parts = PMOD_PART_ALL & ~PMOD_PART_PROJECTOR,
  .answers = 1,
  .muon_rate = 0.02,
  .adam_rate = 0.003,
  .part_rate = { 0.3, 1, 0.5, 1, 0.01, 2 },
  .muon_momentum = 0.95,
  .muon_decay = 0.01,
  .beta1 = 0.9,
  .beta2 = 0.98,
  .adam_decay = 0.05,
  .warm_up = 0.3,
  .floor = 0.1,
  .clip = 1,
};

/* --- The formulas --------------------------------------------------------------------------- */

typedef struct
{
  double *w, *m1, *m2, *g;
} Reference;

static double *
widen (const float *from, gsize n)
{
  double *to = g_new (double, n);

  for (gsize i = 0; i < n; i++)
    to[i] = from[i];
  return to;
}

/* A third of ten steps rises: 1/3, 2/3, 1; then half a cosine down to a tenth. */
static double
share_of (int step)
{
  double done = (step + 1) / 10.0;

  return done < 0.3 ? done / 0.3 : 0.1 + 0.9 * (0.5 + 0.5 * cos (G_PI * (done - 0.3) / 0.7));
}

static gboolean
is_frozen (const PmodWeight *weight)
{
  return weight->part == PMOD_PART_PROJECTOR;
}

static double
rate_of (const PmodWeight *weight)
{
  switch (weight->part)
    {
    case PMOD_PART_TOWER:
      return 0.3;
    case PMOD_PART_EMBEDDING:
      return 0.5;
    case PMOD_PART_ROUTERS:
      return 0.01;
    case PMOD_PART_HEAD:
      return 2;
    default:
      return 1;
    }
}

/* What scales all gradients so that their norm is at most one. */
static double
clip_of (const PmodWeights *weights, const double *g)
{
  double sum = 0;

  for (guint i = 0; i < weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (weights, i);

      for (gint64 k = 0; k < pmod_weight_n (weight) && !is_frozen (weight); k++)
        sum += g[weight->offset + (gsize)k] * g[weight->offset + (gsize)k];
    }
  return sum > 1 ? 1 / sqrt (sum) : 1;
}

static void
step_reference (const PmodWeights *weights, const Reference *self, int step)
{
  double clip = clip_of (weights, self->g);

  for (guint i = 0; i < weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (weights, i);
      double share = share_of (step) * rate_of (weight);
      PmodAdamW adamw = { (float)(0.003 * share),     0.9f,    0.98f, 1e-8f,
                          weight->decays ? 0.05f : 0, step + 1 };
      PmodMuon muon = { (float)(0.02 * share), 0.95f, 0.01f, PMOD_DTYPE_F32 };
      gsize at = weight->offset;

      if (is_frozen (weight))
        continue;
      if (!weight->is_hidden)
        {
          reference_adamw (self->w + at, self->m1 + at, self->m2 + at, self->g + at,
                           (int)pmod_weight_n (weight), &adamw, clip);
          continue;
        }
      for (int k = 0; k < weight->n_parts; k++)
        {
          int n_out = (int)weight->n_out[k], n_in = (int)weight->value.shape[1];

          reference_muon (self->w + at, self->m1 + at, self->g + at, n_out, n_in, &muon, clip);
          at += (gsize)n_out * (gsize)n_in;
        }
    }
}

/* --- The run -------------------------------------------------------------------------------- */

static void
step_weights (GoldenTraining *self, int step)
{
  g_autoptr (GArray) views = g_array_new (FALSE, FALSE, sizeof (PmodTensor));
  PmodTensor norm = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, 2), factor;

  norm.data = pmod_alloc (self->backend, pmod_tensor_bytes (&norm));
  factor = pmod_tensor_rows (&norm, 1, 1);

  for (guint i = 0; i < self->weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self->weights, i);
      PmodTensor view = pmod_weight_view (weight, self->gradients);

      if (pmod_optimizer_learns (&stage, weight))
        g_array_append_val (views, view);
    }
  pmod_grad_norm (self->backend, &norm, (const PmodTensor *)(gpointer)views->data, (int)views->len,
                  (float)stage.clip);
  for (guint i = 0; i < self->weights->all->len; i++)
    {
      PmodWeight *weight = pmod_weights_get (self->weights, i);

      if (pmod_optimizer_learns (&stage, weight))
        pmod_optimizer_step (self->weights, weight, self->backend, self->gradients, &factor, &stage,
                             step);
    }
  pmod_network_refresh (self->network);
  pmod_free (self->backend, norm.data);
}

/* Of the change that ten steps made, which is what an error would hide in the weights; 1 is the
 * bound. */
static double
distance (const float *got, const float *before, const double *want, gsize n, double tolerance)
{
  double error = 0, change = 0, size = 0;

  for (gsize i = 0; i < n; i++)
    {
      error += (got[i] - want[i]) * (got[i] - want[i]);
      change += (want[i] - before[i]) * (want[i] - before[i]);
      size += want[i] * want[i];
    }
  if (error == 0)
    return 0;
  return sqrt (error) / (tolerance * sqrt (change) + ROUNDING * sqrt (size));
}

static void
compare (const GoldenTraining *self, const float *before, const double *want)
{
  g_autofree float *weights = golden_training_read_weights (self);
  double worst[2] = { 0 };

  for (guint i = 0; i < self->weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self->weights, i);
      const float *got = weights + weight->offset;
      gsize n = (gsize)pmod_weight_n (weight);
      double far = distance (got, before + weight->offset, want + weight->offset, n,
                             weight->is_hidden ? MUON_TOLERANCE : ADAMW_TOLERANCE);

      if (is_frozen (weight))
        g_assert_cmpmem (got, n * sizeof *got, before + weight->offset, n * sizeof *got);
      if (!(far <= 1))
        g_test_message ("%s: %g of the bound", weight->names[0], far);
      g_assert_true (far <= 1);
      worst[weight->is_hidden] = MAX (worst[weight->is_hidden], far);
    }
  g_test_message ("%u weights: worst of AdamW %.2g of the bound, of Muon %.2g",
                  self->weights->all->len, worst[0], worst[1]);
}

static void
run_case (JsonObject *json, gboolean dense)
{
  g_autoptr (PmodSafetensors) file = NULL;
  g_autoptr (PmodSample) sample = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *before = NULL;
  GoldenTraining training;
  PmodNetworkOptions options = { FALSE, stage.parts, NULL };
  PmodLossFactors factors = { 0 };
  PmodNetworkResult result;
  Reference reference;
  double first = 0;
  gsize n;

  golden_training_set_up (&training, json, dense, FALSE);
  pmod_network_set_options (training.network, &options);
  sample = golden_training_sample (&training, json, &file);
  factors.answers = 1 / (float)pmod_sample_n_labels (sample);
  n = training.weights->n_elements;
  before = golden_training_read_weights (&training);
  reference = (Reference){ widen (before, n), g_new0 (double, n), g_new0 (double, n), NULL };
  for (int step = 0; step < N_STEPS; step++)
    {
      g_autofree float *gradients = NULL;

      golden_training_clear_gradients (&training);
      pmod_network_run (training.network, &sample, 1, &factors, TRUE, &result, NULL, NULL, &error);
      g_assert_no_error (error);
      first = step == 0 ? result.loss : first;
      gradients = golden_training_read_gradients (&training);
      reference.g = widen (gradients, n);
      step_reference (training.weights, &reference, step);
      g_free (reference.g);
      step_weights (&training, step);
    }
  g_test_message ("loss %.4f, after nine steps %.4f", first, result.loss);
  g_assert_cmpfloat (result.loss, <, first);
  compare (&training, before, reference.w);
  g_free (reference.w);
  g_free (reference.m1);
  g_free (reference.m2);
  golden_training_tear_down (&training);
}

static void
test_routed (gconstpointer user_data)
{
  run_case ((JsonObject *)user_data, FALSE);
}

static void
test_dense (gconstpointer user_data)
{
  run_case ((JsonObject *)user_data, TRUE);
}

int
main (int argc, char **argv)
{
  JsonNode *manifest;
  JsonArray *cases;

  g_test_init (&argc, &argv, NULL);
  if (argc == 3 && strcmp (argv[1], "--device") == 0 && strcmp (argv[2], "cuda") == 0)
    golden_training_set_device (PMOD_DEVICE_CUDA);
  else
    g_assert_cmpint (argc, ==, 1);
  manifest = golden_load_json ("golden-grad/manifest.json");
  cases = json_object_get_array_member (json_node_get_object (manifest), "cases");
  g_test_add_data_func ("/ten-steps/routed", json_array_get_object_element (cases, 0), test_routed);
  g_test_add_data_func ("/ten-steps/dense", json_array_get_object_element (cases, 0), test_dense);
  return g_test_run ();
}
