/* Answers on a CUDA device, where a token is a graph and is sampled from what the device picked:
 * the CPU's, token by token. On the emulated device, of whose memory the host reads nothing. */
#include <math.h>
#include <string.h>

#include "device-check.h"

/* More than one graph is good for, of which there are 64. */
#define MAX_TOKENS 70

static PmodContext *
new_context (PmodDevice device)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = device_open_model (device, &error);

  g_assert_no_error (error);
  return device_new_context (model);
}

static void
prefill (PmodContext *context, const PmodParams *params)
{
  g_autoptr (GError) error = NULL;

  device_prefill (context, params, NULL, &error);
  g_assert_no_error (error);
}

/* The tokens of n steps; what ends an answer does not end this. */
static void
decode (PmodContext *context, const PmodParams *params, int *tokens, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      pmod_context_decode (context, params, NULL, &tokens[i], &error);
      g_assert_no_error (error);
      if (tokens[i] == pmod_model_get_config (pmod_context_get_model (context))->eos_token)
        {
          prefill (context, params);
          pmod_context_decode (context, params, NULL, &tokens[i], &error);
          g_assert_no_error (error);
        }
    }
}

static double
logits_distance (PmodContext *a, PmodContext *b)
{
  const float *x = pmod_context_get_logits (a), *y = pmod_context_get_logits (b);
  int n = pmod_model_get_config (pmod_context_get_model (a))->vocab;
  double difference = 0, size = 0;

  g_assert_nonnull (x);
  g_assert_nonnull (y);
  for (int i = 0; i < n; i++)
    {
      difference += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
      size += (double)x[i] * x[i];
    }
  g_assert_cmpfloat (size, >, 0);
  return sqrt (difference / size);
}

typedef struct
{
  const char *name;
  int n_tokens;
  PmodSampling sampling;
} Setting;

static const Setting settings[] = {
  { "greedy", MAX_TOKENS, { .temperature = 0, .top_p = 1 } },
  { "top-k", 12, { .temperature = 0.8, .top_k = 20, .top_p = 0.9, .seed = 3 } },
  { "all", 12, { .temperature = 1, .top_p = 1, .seed = 4 } }, /* needs every logit */
};

static void
test_answer (gconstpointer data)
{
  const Setting *setting = data;
  g_autoptr (PmodContext) cpu = NULL;
  g_autoptr (PmodContext) cuda = NULL;
  int want[MAX_TOKENS], got[MAX_TOKENS];
  PmodEmulatedUse use;
  PmodParams params;

  pmod_emulated_set_device (&pmod_emulated_device);
  cpu = new_context (PMOD_DEVICE_CPU);
  cuda = new_context (PMOD_DEVICE_CUDA);
  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (cpu)));
  params.sampling = setting->sampling;
  params.sampling.max_new_tokens = MAX_TOKENS;
  params.sampling.n_alternatives = 5;
  prefill (cpu, &params);
  prefill (cuda, &params);
  decode (cpu, &params, want, setting->n_tokens);
  decode (cuda, &params, got, setting->n_tokens);
  use = device_get_use ();
  g_assert_cmpint (use.n_graphs, ==, 1);
  g_assert_cmpmem (got, (gsize)setting->n_tokens * sizeof *got, want,
                   (gsize)setting->n_tokens * sizeof *want);
  g_test_message ("%s: rel-L2 of the last logits %.3g", setting->name, logits_distance (cpu, cuda));
  g_assert_cmpfloat (logits_distance (cpu, cuda), <=, 1e-4);
  for (int layer = 0; layer < 12; layer++)
    g_assert_cmpint (pmod_context_get_kv_length (cuda, layer), ==,
                     pmod_context_get_kv_length (cpu, layer));

  g_clear_pointer (&cuda, pmod_context_free);
  use = device_get_use ();
  g_assert_cmpint (use.n_graphs, ==, 0);
  g_assert_cmpuint (use.n_bytes, ==, 0);
  g_assert_cmpint (use.n_events, ==, 0);
}

/* Most tokens are launched as one piece: launches are counted where they are asked for. */
static void
test_launches (void)
{
  g_autoptr (PmodContext) cuda = NULL;
  int tokens[16];
  PmodEmulatedUse before, after;
  PmodParams params;

  pmod_emulated_set_device (&pmod_emulated_device);
  cuda = new_context (PMOD_DEVICE_CUDA);
  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (cuda)));
  params.sampling.temperature = 0;
  prefill (cuda, &params);
  decode (cuda, &params, tokens, 4);
  before = device_get_use ();
  decode (cuda, &params, tokens, 12);
  after = device_get_use ();
  g_assert_cmpint (after.n_graphs, ==, 1);
  g_assert_cmpuint (after.n_bytes, ==, before.n_bytes);
  g_assert_cmpuint (after.n_calls[PMOD_EMULATED_MALLOC], ==, before.n_calls[PMOD_EMULATED_MALLOC]);
  /* Up goes what the token is, down what was picked. */
  g_assert_cmpuint (after.n_calls[PMOD_EMULATED_COPY] - before.n_calls[PMOD_EMULATED_COPY], <=,
                    2 * 12);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_autofree char *path = g_strdup_printf ("/decode-cuda/answer/%s", settings[i].name);

      g_test_add_data_func (path, &settings[i], test_answer);
    }
  g_test_add_func ("/decode-cuda/launches", test_launches);
  return g_test_run ();
}
