/* The loss and every gradient of it against what the paper's own code computed, in F32: one
 * picture, text alone, two pictures with one top-k, an anyres picture with newlines.
 *
 * Called as: test-golden-gradients [--device cuda], by default on the CPU. */
#include <math.h>
#include <string.h>

#include "golden-training.h"

/* Two F32 implementations of 32 layers drift apart by some 1e-6 a layer; the bound is the one that
 * the goldens were made for. */
#define TOLERANCE 1e-3

/* A tensor whose gradient is this much smaller than the largest is rounding noise. */
#define NOISE 1e-9

/* The gradient of one tensor of the checkpoint; NULL if there is none of that name. */
static const float *
find_gradient (const GoldenTraining *self, const float *gradients, const char *name, gsize *n)
{
  for (guint i = 0; i < self->weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self->weights, i);
      const float *at = gradients + weight->offset;
      gint64 n_in = weight->value.n_dims > 1 ? weight->value.shape[1] : 1;

      for (int k = 0; k < weight->n_parts; k++)
        {
          *n = (gsize)(weight->n_out[k] * n_in);
          if (strcmp (weight->names[k], name) == 0)
            return at;
          at += *n;
        }
    }
  return NULL;
}

static void
norms (const float *values, gsize n, double *l2, double *sum)
{
  *l2 = *sum = 0;
  for (gsize i = 0; i < n; i++)
    {
      *l2 += (double)values[i] * values[i];
      *sum += values[i];
    }
  *l2 = sqrt (*l2);
}

/* Every parameter's norm and sum, and where the file has the tensor, every value. */
static void
compare_gradients (const GoldenTraining *self, JsonObject *json, PmodSafetensors *file)
{
  JsonArray *grads = json_object_get_array_member (json, "grads");
  g_autofree float *gradients = golden_training_read_gradients (self);
  double largest = 0, worst = 0, worst_norm = 0;
  guint n_whole = 0;

  for (guint i = 0; i < json_array_get_length (grads); i++)
    largest = MAX (largest,
                   json_object_get_double_member (json_array_get_object_element (grads, i), "l2"));
  for (guint i = 0; i < json_array_get_length (grads); i++)
    {
      JsonObject *entry = json_array_get_object_element (grads, i);
      const char *name = json_object_get_string_member (entry, "name");
      double l2 = json_object_get_double_member (entry, "l2"), got_l2, got_sum;
      gsize n = 0, n_golden = 0;
      const float *got = find_gradient (self, gradients, name, &n);
      const float *golden = golden_floats (file, name, &n_golden);

      g_assert_nonnull (got);
      norms (got, n, &got_l2, &got_sum);
      g_assert_true (isfinite (got_l2));
      if (l2 <= largest * NOISE)
        {
          g_assert_cmpfloat (got_l2, <=, largest * 10 * NOISE);
          continue;
        }
      worst_norm = MAX (worst_norm, fabs (got_l2 - l2) / l2);
      if (fabs (got_l2 - l2) / l2 > TOLERANCE)
        g_test_message ("%s: |gradient| %g, expected %g", name, got_l2, l2);
      if (golden != NULL)
        {
          GoldenDistance distance = golden_compare (got, golden, n);

          g_assert_cmpuint (n, ==, n_golden);
          g_assert_cmpuint (distance.n_bad, ==, 0);
          if (distance.rel_l2 > TOLERANCE)
            g_test_message ("%s: relative distance %g", name, distance.rel_l2);
          worst = MAX (worst, distance.rel_l2);
          n_whole++;
        }
    }
  g_test_message ("%u gradients, %u of them whole: worst relative distance %.2g, of norms %.2g",
                  json_array_get_length (grads), n_whole, worst, worst_norm);
  g_assert_cmpuint (n_whole, >, 0);
  g_assert_cmpfloat (worst, <=, TOLERANCE);
  g_assert_cmpfloat (worst_norm, <=, TOLERANCE);
}

static void
run_case (JsonObject *json, gboolean recompute)
{
  g_autoptr (PmodSafetensors) file = NULL;
  g_autoptr (PmodSample) sample = NULL;
  g_autoptr (GError) error = NULL;
  GoldenTraining fixture;
  PmodLossFactors factors = { 0 };
  PmodNetworkResult result;
  double loss = json_object_get_double_member (json, "loss");

  golden_training_set_up (&fixture, json, FALSE, recompute);
  sample = golden_training_sample (&fixture, json, &file);
  g_assert_cmpint (pmod_sample_n_labels (sample), ==,
                   json_object_get_int_member (json, "n_answer_tokens"));
  factors.answers = 1 / (float)pmod_sample_n_labels (sample);
  pmod_network_run (fixture.network, &sample, 1, &factors, TRUE, &result, NULL, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("loss %.7g, expected %.7g", result.loss, loss);
  g_assert_cmpfloat (fabs (result.loss - loss) / loss, <=, 1e-5);
  compare_gradients (&fixture, json, file);
  golden_training_tear_down (&fixture);
}

static void
test_gradients (gconstpointer user_data)
{
  run_case ((JsonObject *)user_data, FALSE);
}

static void
test_recompute (gconstpointer user_data)
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
  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *json = json_array_get_object_element (cases, i);
      const char *name = json_object_get_string_member (json, "name");
      g_autofree char *path = g_strdup_printf ("/golden-gradients/%s", name);
      g_autofree char *again = g_strdup_printf ("/golden-gradients/%s/recomputed", name);

      g_test_add_data_func (path, json, test_gradients);
      g_test_add_data_func (again, json, test_recompute);
    }
  return g_test_run ();
}
