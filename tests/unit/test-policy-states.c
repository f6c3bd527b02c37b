/* Policies that choose by states: the masks that they must choose, worked out again in F64 from the
 * recorded states and the checkpoint's own weights. */
#include "policy-run.h"

#include <math.h>
#include <string.h>

#include "pmod-shards.h"

/* --- Attention in F64 ------------------------------------------------------------------------- */

static double *
load_weight (const PmodShards *shards, int layer, gboolean routed, const char *name)
{
  g_autofree char *full =
      g_strdup_printf ("model.layers.%d.%s%s", layer, routed ? "decoder_layer." : "", name);
  const PmodSafetensorsEntry *entry = pmod_shards_find (shards, full);
  int64_t n = pmod_tensor_n_elements (&entry->tensor);
  g_autofree float *narrow = g_new (float, n);
  double *wide = g_new (double, n);

  pmod_widen (narrow, entry->tensor.data, entry->tensor.dtype, n);
  for (int64_t i = 0; i < n; i++)
    wide[i] = (double)narrow[i];
  return wide;
}

/* The layer's queries or keys of one row, rotated at its position. [H, dh] */
static double *
project (
    const PmodConfig *config, const double *x, const double *norm, const double *w, int position)
{
  int d = config->hidden, dh = config->head_dim, n = config->n_heads * dh;
  g_autofree double *normed = g_new (double, d), *flat = g_new0 (double, n);
  double *rotated = g_new (double, n), sum = 0;

  for (int i = 0; i < d; i++)
    sum += x[i] * x[i];
  for (int i = 0; i < d; i++)
    normed[i] = x[i] / sqrt (sum / d + config->rms_norm_eps) * norm[i];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < d; j++)
      flat[i] += w[(gsize)i * d + j] * normed[j];
  for (int i = 0; i < n; i++)
    {
      int at = i % dh, half = dh / 2, low = i - at + at % half;
      double angle = position * pow (config->rope_theta, -2.0 * (at % half) / dh);

      rotated[i] = at < half ? flat[low] * cos (angle) - flat[low + half] * sin (angle)
                             : flat[low + half] * cos (angle) + flat[low] * sin (angle);
    }
  return rotated;
}

static gboolean
is_target (const PolicyRun *run, int position)
{
  return run->n_vision == run->n_tokens ||
         (position >= run->first_vision && position < run->first_vision + run->n_vision);
}

static int
target_of (const PolicyRun *run, int position)
{
  return run->n_vision == run->n_tokens ? position : position - run->first_vision;
}

static gboolean
has_run (const PolicyRun *run, int layer, int position)
{
  return run->kept[layer] == NULL || !is_target (run, position) ||
         run->kept[layer][target_of (run, position)];
}

/* Adds what the query at position gives to the rows that ran, [T], mean over heads. */
static void
give (const PmodConfig *config, double *received, double **q, double **k, int position)
{
  int dh = config->head_dim;
  g_autofree double *p = g_new0 (double, position + 1);

  for (int head = 0; head < config->n_heads; head++)
    {
      double max = -INFINITY, sum = 0;

      for (int j = 0; j <= position; j++)
        if (k[j] != NULL)
          {
            p[j] = 0;
            for (int i = 0; i < dh; i++)
              p[j] += q[position][head * dh + i] * k[j][head * dh + i] / sqrt (dh);
            max = fmax (max, p[j]);
          }
      for (int j = 0; j <= position; j++)
        sum += k[j] != NULL ? exp (p[j] - max) : 0;
      for (int j = 0; j <= position; j++)
        received[j] += k[j] != NULL ? exp (p[j] - max) / sum / config->n_heads : 0;
    }
}

/* What each target has to be chosen by in layer. [V] */
static double *
attention_scores (const PolicyRun *run, PmodContext *context, int layer, PmodPolicy policy)
{
  const PmodConfig *config = pmod_model_get_config (pmod_context_get_model (context));
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodShards) shards =
      pmod_shards_open (pmod_model_get_path (pmod_context_get_model (context)), &error);
  gboolean routed = config->has_router[layer - 1];
  g_autofree double *norm = load_weight (shards, layer - 1, routed, "input_layernorm.weight");
  g_autofree double *wq = load_weight (shards, layer - 1, routed, "self_attn.q_proj.weight");
  g_autofree double *wk = load_weight (shards, layer - 1, routed, "self_attn.k_proj.weight");
  int n = run->n_tokens, last = -1;
  int end = run->n_vision == n ? n : run->first_vision + run->n_image;
  g_autofree double **q = g_new0 (double *, n), **k = g_new0 (double *, n);
  g_autofree double *received = g_new0 (double, n);
  double *score = g_new (double, run->n_vision);

  for (int t = 0; t < n; t++)
    if (has_run (run, layer - 1, t))
      {
        const double *x = (const double *)run->x->pdata[layer - 1] + (gsize)t * config->hidden;

        q[t] = project (config, x, norm, wq, t);
        k[t] = project (config, x, norm, wk, t);
        last = t;
      }
  for (int t = 0; t < n; t++)
    if (q[t] != NULL && (policy == PMOD_POLICY_LAST ? t == last : t < end))
      give (config, received, q, k, t);
  for (int t = 0; t < n; t++)
    if (is_target (run, t))
      score[target_of (run, t)] = k[t] != NULL ? received[t] : -1;
  for (int t = 0; t < n; t++)
    {
      g_free (q[t]);
      g_free (k[t]);
    }
  return score;
}

/* The norms of what enters layer. [V] */
static double *
norm_scores (const PolicyRun *run, PmodContext *context, int layer)
{
  int d = pmod_model_get_config (pmod_context_get_model (context))->hidden;
  double *score = g_new0 (double, run->n_vision);

  for (int t = 0; t < run->n_tokens; t++)
    if (is_target (run, t))
      {
        const double *x = (const double *)run->x->pdata[layer] + (gsize)t * d;
        double sum = 0;

        for (int i = 0; i < d; i++)
          sum += x[i] * x[i];
        score[target_of (run, t)] = sqrt (sum);
      }
  return score;
}

static int
compare_down (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x < y) - (x > y);
}

/* Those that are above the cut by more than F32's noise are kept, those below it skipped, and the
 * first of those at -1. Returns how many lie within the noise. */
static int
assert_highest (const PolicyRun *run, int layer, const double *score)
{
  int n = run->n_vision, k = run->n_kept[layer], n_within = 0;
  g_autofree double *sorted = g_memdup2 (score, sizeof *score * (gsize)n);
  double cut, noise;

  qsort (sorted, (gsize)n, sizeof *sorted, compare_down);
  cut = k > 0 ? sorted[k - 1] : INFINITY;
  /* States differ by some 1e-5 of their size (fixtures/README), scores by as much relatively. */
  noise = k > 0 ? 1e-4 * fabs (cut) : 0;
  for (int i = 0, n_first = 0; i < n; i++)
    {
      gboolean is_kept = run->kept[layer][i];

      if (score[i] == -1 && cut == -1)
        {
          int n_with_key = 0;

          for (int j = 0; j < n; j++)
            n_with_key += score[j] != -1;
          g_assert_cmpint (is_kept, ==, n_first++ < k - n_with_key);
        }
      else if (fabs (score[i] - cut) <= noise)
        n_within++;
      else
        g_assert_cmpint (is_kept, ==, score[i] > cut);
    }
  return n_within;
}

/* All routed layers of a run with a policy. */
static void
assert_masks (const PolicyRun *run, PmodContext *context, PmodPolicy policy)
{
  int n_within = 0, n_layers = 0, n_without_key = 0;

  for (int layer = 0; layer < run->n_layers; layer++)
    {
      g_autofree double *score = NULL;

      if (run->kept[layer] == NULL)
        continue;
      if (policy == PMOD_POLICY_NORM)
        score = norm_scores (run, context, layer);
      else
        score = attention_scores (run, context, layer, policy);
      for (int i = 0; i < run->n_vision; i++)
        n_without_key += score[i] == -1;
      n_within += assert_highest (run, layer, score);
      n_layers++;
    }
  g_test_message ("%s: %d layers of %d tokens; %d within the noise at a cut, %d without a key",
                  pmod_policy_name (policy), n_layers, run->n_vision, n_within, n_without_key);
  g_assert_cmpint (n_layers, >, 3);
  /* The one at the cut itself is always within. */
  g_assert_cmpint (n_within, <=, 2 * n_layers);
}

/* --- The masks -------------------------------------------------------------------------------- */

static void
check_masks (const char *name)
{
  static const PmodPolicy policies[] = { PMOD_POLICY_NORM, PMOD_POLICY_ATTENTION,
                                         PMOD_POLICY_LAST };
  g_autoptr (PmodContext) context = policy_open_context (name);
  g_autoptr (PmodImage) picture = policy_load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      PmodParams params = policy_params (context, policies[i]);
      g_autoptr (PolicyRun) run = NULL;

      pmod_context_clear (context);
      run = policy_prefill (context, prompt, &params);
      assert_masks (run, context, policies[i]);
      g_assert_cmpint (run->policy, ==, policies[i]);
    }
}

static void
test_masks_demo (void)
{
  check_masks ("demo-v0");
}

static void
test_masks_published (void)
{
  check_masks ("tiny-pmod-llava-v1.5");
}

/* Text may be skipped too, the last token of all among it, and in layer 3 nothing runs at all. */
static void
test_masks_all_targets (void)
{
  static const PmodPolicy policies[] = { PMOD_POLICY_ATTENTION, PMOD_POLICY_LAST };
  g_autoptr (PmodContext) context = policy_open_context ("demo-v0");
  g_autoptr (PmodImage) picture = policy_load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);

  context->model->config->target = PMOD_TARGET_ALL;
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    for (int nothing = 0; nothing < 2; nothing++)
      {
        PmodParams params = policy_params (context, policies[i]);
        g_autoptr (PolicyRun) run = NULL;

        /* All states are wanted, so nothing of the run before. */
        pmod_context_clear (context);
        params.routing.ratio[3] = nothing ? 0 : 0.3;
        run = policy_prefill (context, prompt, &params);
        g_assert_cmpint (run->n_vision, ==, run->n_tokens);
        assert_masks (run, context, policies[i]);
        g_assert_true (run->by_question);
        for (int t = 0; nothing && t < run->n_tokens; t++)
          g_assert_cmpint (run->kept[4][t], ==, t < run->n_kept[4]);
      }
}

/* Nothing precedes layer 0: the first are kept. Weights are random: no checkpoint routes there. */
static void
test_layer_0 (void)
{
  static const char json[] =
      "{\"model_type\":\"pmod_llava_llama\",\"vocab_size\":100,\"hidden_size\":48,"
      "\"intermediate_size\":70,\"num_hidden_layers\":5,\"num_attention_heads\":6,"
      "\"num_key_value_heads\":2,\"head_dim\":10,\"hidden_act\":\"silu\","
      "\"max_position_embeddings\":256,\"rms_norm_eps\":1e-5,\"bos_token_id\":1,"
      "\"eos_token_id\":2,\"mod_router_factor\":0.5,\"mod_decay_span\":4,"
      "\"mod_target_layers\":\"shiftedcos_decay_0.85_0.15\",\"mod_weight_norm\":\"tanh_0.2_1\"}";
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_parse (json, -1, NULL, 0, NULL, 0, &error);
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autofree float *features = g_new (float, 100 * 48);
  PmodTensor tensor = pmod_tensor_2d (features, PMOD_DTYPE_F32, 100, 48);

  g_assert_no_error (error);
  config->has_router[0] = config->has_router[1] = TRUE;
  model = pmod_model_new_random (config, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  for (int i = 0; i < 100 * 48; i++)
    features[i] = (float)((i * 7919) % 1000) / 500 - 1;
  for (PmodPolicy policy = PMOD_POLICY_ATTENTION; policy <= PMOD_POLICY_LAST; policy++)
    {
      g_autoptr (PolicyRun) run = policy_run_new (context);
      g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, policy_on_record, run);
      PmodParams params = policy_params (context, policy);

      params.routing.ratio[0] = params.routing.ratio[1] = 0.4;
      g_assert_true (pmod_context_prefill_sequence (
          context, pmod_sequence_new_random (config, 100, 20, 3), &tensor, &params, trace, &error));
      g_assert_no_error (error);
      for (int i = 0; i < 100; i++)
        g_assert_cmpint (run->kept[0][i], ==, i < 40);
      g_assert_cmpint (run->n_kept[1], ==, 40);
      /* Those alone had a key. */
      for (int i = 0; i < 100; i++)
        g_assert_cmpint (run->kept[1][i], ==, i < 40);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-states/masks/demo", test_masks_demo);
  g_test_add_func ("/policy-states/masks/published", test_masks_published);
  g_test_add_func ("/policy-states/masks/all-targets", test_masks_all_targets);
  g_test_add_func ("/policy-states/layer-0", test_layer_0);
  return g_test_run ();
}
