/* Policies that choose by states: the masks that they must choose, worked out again in F64 from the
 * recorded states and the checkpoint's own weights; what they cost; what they depend on; and that
 * what is used again under them is what a new context computes. */
#include <math.h>
#include <string.h>

#include "pmod-context-private.h"
#include "pmod-engine.h"
#include "pmod-shards.h"

/* --- Runs ------------------------------------------------------------------------------------- */

typedef struct
{
  int n_tokens, n_vision, first_vision, n_image, n_layers;
  gboolean by_question, question_first;
  int policy;
  GPtrArray *x;                   /* [L + 1] double [T, D]: what enters each layer */
  GByteArray *bits;               /* masks, weights, keys, values, logits: all that can differ */
  guint8 *kept[PMOD_MAX_LAYERS];  /* [n_vision]; NULL: not routed */
  float *weight[PMOD_MAX_LAYERS]; /* [n_vision] */
  int n_kept[PMOD_MAX_LAYERS];
  int n_reused[PMOD_MAX_LAYERS]; /* tokens */
  PmodFlops flops;
  guint64 kv_bytes;
  int cancel_at; /* layer, or -1 */
  PmodContext *context;
} Run;

static void
run_free (Run *self)
{
  g_ptr_array_unref (self->x);
  g_byte_array_unref (self->bits);
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    {
      g_free (self->kept[i]);
      g_free (self->weight[i]);
    }
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

static void
take_route (Run *self, const PmodRecordRoute *route)
{
  int layer = route->header.layer;

  g_assert_null (self->kept[layer]);
  self->kept[layer] = g_new (guint8, route->n_vision);
  self->weight[layer] =
      g_memdup2 (pmod_record_route_weights (route), sizeof (float) * (gsize)route->n_vision);
  self->n_kept[layer] = route->n_kept;
  for (int i = 0; i < route->n_vision; i++)
    self->kept[layer][i] = (guint8)pmod_record_route_kept (route, i);
  g_byte_array_append (self->bits, route->data,
                       (guint)(route->header.size - G_STRUCT_OFFSET (PmodRecordRoute, data)));
}

static void
take_state (Run *self, const PmodRecordState *state)
{
  gsize n = 1;

  for (int i = 0; i < state->n_dims; i++)
    n *= (gsize)state->shape[i];
  if (state->kind == PMOD_STATE_EMBEDS || state->kind == PMOD_STATE_LAYER)
    {
      double *x = g_new (double, n);

      for (gsize i = 0; i < n; i++)
        x[i] = (double)state->data[i];
      g_ptr_array_add (self->x, x);
    }
  else if (state->kind == PMOD_STATE_KEYS || state->kind == PMOD_STATE_VALUES ||
           state->kind == PMOD_STATE_LOGITS)
    g_byte_array_append (self->bits, (const guint8 *)state->data, (guint)(n * sizeof (float)));
}

static void
take_stage (Run *self, const PmodRecordStage *stage)
{
  const PmodFlops part = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };

  if (stage->stage == PMOD_STAGE_LAYER && (stage->header.flags & PMOD_RECORD_FLAG_REUSED) != 0)
    self->n_reused[stage->header.layer] = stage->n_tokens;
  if (stage->stage == PMOD_STAGE_LAYER || stage->stage == PMOD_STAGE_HEAD)
    pmod_flops_add (&self->flops, &part);
  if (stage->stage == PMOD_STAGE_LAYER && stage->header.layer == self->cancel_at)
    pmod_context_cancel (self->context);
}

static void
on_record (const PmodRecord *record, gpointer data)
{
  const PmodRecordRunBegin *begin = (const PmodRecordRunBegin *)record;
  const PmodRecordImage *image = (const PmodRecordImage *)record;
  Run *self = data;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    {
      self->n_tokens = begin->n_tokens;
      self->n_vision = begin->n_vision;
      self->n_layers = begin->n_layers;
      self->policy = begin->policy;
      self->question_first = begin->question_first;
      self->by_question = pmod_record_is_by_question (begin);
    }
  else if (record->type == PMOD_RECORD_IMAGE)
    {
      self->first_vision = image->first_token;
      self->n_image = image->n_tokens;
    }
  else if (record->type == PMOD_RECORD_ROUTE)
    take_route (self, (const PmodRecordRoute *)record);
  else if (record->type == PMOD_RECORD_STATE)
    take_state (self, (const PmodRecordState *)record);
  else if (record->type == PMOD_RECORD_STAGE)
    take_stage (self, (const PmodRecordStage *)record);
}

static Run *
run_new (PmodContext *context)
{
  Run *self = g_new0 (Run, 1);

  self->x = g_ptr_array_new_with_free_func (g_free);
  self->bits = g_byte_array_new ();
  self->cancel_at = -1;
  self->context = context;
  return self;
}

static Run *
prefill (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params)
{
  g_autoptr (GError) error = NULL;
  Run *run = run_new (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, on_record, run);

  g_assert_true (pmod_context_prefill (context, prompt, params, trace, &error));
  g_assert_no_error (error);
  run->kv_bytes = pmod_context_get_kv_bytes (context);
  return run;
}

static char *
fixture (const char *folder, const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", folder, name, NULL);
}

/* F32, so that what is worked out again is nearly the same. */
static PmodContext *
open_context (const char *name)
{
  PmodModelOptions options = { .precision = PMOD_PRECISION_F32 };
  g_autofree char *path = fixture (name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, &options, NULL, NULL, &error);
  PmodContext *context;

  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  return context;
}

static PmodImage *
load_picture (const char *name)
{
  g_autofree char *path = fixture ("images", name);
  g_autoptr (GError) error = NULL;
  PmodImage *image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);

  g_assert_no_error (error);
  return image;
}

static PmodPrompt *
ask (PmodContext *context, const char *text, PmodImage *image, PmodPromptFlags flags)
{
  PmodModel *model = pmod_context_get_model (context);
  const PmodTurn turn = { PMOD_ROLE_USER, text };
  g_autoptr (GError) error = NULL;
  PmodPrompt *prompt = pmod_prompt_new_chat_full (pmod_model_get_tokenizer (model),
                                                  pmod_model_get_config (model)->conversation,
                                                  &turn, 1, &image, 1, flags, &error);

  g_assert_no_error (error);
  return prompt;
}

static PmodParams
params_of (PmodContext *context, PmodPolicy policy)
{
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (context)));
  params.routing.policy = policy;
  params.routing.seed = 7;
  return params;
}

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
is_target (const Run *run, int position)
{
  return run->n_vision == run->n_tokens ||
         (position >= run->first_vision && position < run->first_vision + run->n_vision);
}

static int
target_of (const Run *run, int position)
{
  return run->n_vision == run->n_tokens ? position : position - run->first_vision;
}

static gboolean
has_run (const Run *run, int layer, int position)
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
attention_scores (const Run *run, PmodContext *context, int layer, PmodPolicy policy)
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
norm_scores (const Run *run, PmodContext *context, int layer)
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
assert_highest (const Run *run, int layer, const double *score)
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
assert_masks (const Run *run, PmodContext *context, PmodPolicy policy)
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
  g_autoptr (PmodContext) context = open_context (name);
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      PmodParams params = params_of (context, policies[i]);
      g_autoptr (Run) run = NULL;

      pmod_context_clear (context);
      run = prefill (context, prompt, &params);
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
  g_autoptr (PmodContext) context = open_context ("demo-v0");
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);

  context->model->config->target = PMOD_TARGET_ALL;
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    for (int nothing = 0; nothing < 2; nothing++)
      {
        PmodParams params = params_of (context, policies[i]);
        g_autoptr (Run) run = NULL;

        /* All states are wanted, so nothing of the run before. */
        pmod_context_clear (context);
        params.routing.ratio[3] = nothing ? 0 : 0.3;
        run = prefill (context, prompt, &params);
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
      g_autoptr (Run) run = run_new (context);
      g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, on_record, run);
      PmodParams params = params_of (context, policy);

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

/* --- The budget ------------------------------------------------------------------------------- */

static void
check_budget (const char *name)
{
  g_autoptr (PmodContext) context = open_context (name);
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  g_autoptr (Run) router = NULL;
  g_autoptr (PmodPaint) none = NULL, paint = NULL;
  g_autofree guint8 *states = NULL;

  for (int policy = 0; policy < PMOD_N_POLICIES; policy++)
    {
      PmodParams params = params_of (context, (PmodPolicy)policy);
      g_autoptr (Run) run = NULL;

      params.routing.paint = paint;
      run = prefill (context, prompt, &params);
      if (router == NULL)
        {
          router = g_steal_pointer (&run);
          states = g_new0 (guint8, router->n_vision);
          for (int i = 0; i < router->n_vision; i++)
            states[i] = (guint8)(i % 7 == 0 ? PMOD_PAINT_SKIP : i % 3 == 0 ? PMOD_PAINT_KEEP : 0);
          none = pmod_paint_new (router->n_vision);
          paint = pmod_paint_with (none, PMOD_PAINT_ALL_LAYERS, states);
          continue;
        }
      g_test_message ("%s, %s: %.0f FLOPs by the paper's rule, %.0f of all work, %" G_GUINT64_FORMAT
                      " bytes of keys and values",
                      name, pmod_policy_name ((PmodPolicy)policy), run->flops.paper, run->flops.all,
                      run->kv_bytes);
      for (int layer = 0; layer < run->n_layers; layer++)
        {
          int n_kept = 0;

          g_assert_cmpint (run->n_kept[layer], ==, router->n_kept[layer]);
          for (int i = 0; run->kept[layer] != NULL && i < run->n_vision; i++)
            n_kept += run->kept[layer][i];
          g_assert_cmpint (n_kept, ==, router->n_kept[layer]);
        }
      g_assert_cmpfloat (run->flops.paper, ==, router->flops.paper);
      g_assert_cmpfloat (run->flops.all, ==, router->flops.all);
      g_assert_cmpuint (run->kv_bytes, ==, router->kv_bytes);
    }
}

static void
test_budget (void)
{
  check_budget ("demo-v0");
  check_budget ("tiny-pmod-llava-next");
  check_budget ("tiny-pmod-12layer-interleave");
}

/* --- What masks depend on --------------------------------------------------------------------- */

static gboolean
is_same_choice (const Run *a, const Run *b)
{
  for (int layer = 0; layer < a->n_layers; layer++)
    if (a->kept[layer] != NULL && memcmp (a->kept[layer], b->kept[layer], (gsize)a->n_vision) != 0)
      return FALSE;
  return TRUE;
}

static void
test_question (void)
{
  static const char *const questions[] = { "What is this?", "Where is the red star?" };
  g_autoptr (PmodContext) context = open_context ("demo-v0");
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");

  for (int first = 0; first < 2; first++)
    for (int policy = 0; policy < PMOD_N_POLICIES; policy++)
      {
        PmodPromptFlags flags = first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT;
        PmodParams params = params_of (context, (PmodPolicy)policy);
        gboolean by_states = policy != PMOD_POLICY_GRID && policy != PMOD_POLICY_FIRST &&
                             policy != PMOD_POLICY_RANDOM;
        gboolean depends = policy == PMOD_POLICY_LAST || first;
        g_autoptr (Run) a = NULL, b = NULL;

        for (int i = 0; i < 2; i++)
          {
            g_autoptr (PmodPrompt) prompt = ask (context, questions[i], picture, flags);
            g_autoptr (Run) run = prefill (context, prompt, &params);

            g_assert_cmpint (run->question_first, ==, first);
            g_assert_cmpint (run->by_question, ==, depends);
            *(i == 0 ? &a : &b) = g_steal_pointer (&run);
          }
        g_test_message ("%s%s: %s", pmod_policy_name ((PmodPolicy)policy),
                        first ? ", question first" : "",
                        is_same_choice (a, b) ? "the same masks" : "other masks");
        g_assert_cmpint (is_same_choice (a, b), ==, !(depends && by_states));
      }
}

static void
test_random (void)
{
  g_autoptr (PmodContext) context = open_context ("demo-v0");
  g_autoptr (PmodContext) other = open_context ("demo-v0");
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = params_of (context, PMOD_POLICY_RANDOM);
  g_autoptr (Run) a = prefill (context, prompt, &params);
  g_autoptr (Run) b = prefill (other, prompt, &params);

  g_assert_cmpmem (a->bits->data, a->bits->len, b->bits->data, b->bits->len);
}

/* --- Painted ---------------------------------------------------------------------------------- */

/* Kept first, then what is not painted, then skipped; each by weight, which the run recorded. */
static void
assert_painted (const Run *run, const PmodPaint *paint)
{
  for (int layer = 0; layer < run->n_layers; layer++)
    for (int i = 0; run->kept[layer] != NULL && i < run->n_vision; i++)
      for (int j = 0; j < run->n_vision; j++)
        {
          static const int ranks[] = {
            [PMOD_PAINT_KEEP] = 2, [PMOD_PAINT_NONE] = 1, [PMOD_PAINT_SKIP] = 0
          };
          int a = ranks[pmod_paint_get (paint, layer, i)];
          int b = ranks[pmod_paint_get (paint, layer, j)];

          if (!run->kept[layer][i] || run->kept[layer][j])
            continue;
          g_assert_cmpint (a, >=, b);
          if (a == b)
            g_assert_cmpfloat (run->weight[layer][i], >=, run->weight[layer][j]);
        }
}

static PmodPaint *
paint_every (const PmodPaint *from, int layer, int keep_step, int skip_step)
{
  int n = pmod_paint_get_n_vision (from);
  g_autofree guint8 *states = g_new0 (guint8, n);

  for (int i = 0; i < n; i++)
    states[i] = (guint8)(i % keep_step == 1   ? PMOD_PAINT_KEEP
                         : i % skip_step == 0 ? PMOD_PAINT_SKIP
                                              : PMOD_PAINT_NONE);
  return pmod_paint_with (from, layer, states);
}

static void
test_painted (void)
{
  g_autoptr (PmodContext) context = open_context ("demo-v0");
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = params_of (context, PMOD_POLICY_ROUTER);
  g_autoptr (Run) router = prefill (context, prompt, &params), nothing = NULL, empty = NULL;
  g_autoptr (PmodPaint) none = pmod_paint_new (router->n_vision);
  g_autoptr (PmodPaint) few = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) many = paint_every (few, PMOD_PAINT_ALL_LAYERS, 2, 3);
  g_autoptr (PmodPaint) one = paint_every (few, 3, 9, 2);
  PmodPaint *const paints[] = { few, many, one };

  params.routing.policy = PMOD_POLICY_PAINTED;
  nothing = prefill (context, prompt, &params);
  g_assert_true (is_same_choice (nothing, router));
  params.routing.paint = none;
  empty = prefill (context, prompt, &params);
  g_assert_true (is_same_choice (empty, router));
  for (guint i = 0; i < G_N_ELEMENTS (paints); i++)
    {
      g_autoptr (Run) run = NULL;

      params.routing.paint = paints[i];
      run = prefill (context, prompt, &params);
      assert_painted (run, paints[i]);
      g_assert_false (is_same_choice (run, router));
    }
}

static void
test_paint_size (void)
{
  g_autoptr (PmodContext) context = open_context ("demo-v0");
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = params_of (context, PMOD_POLICY_PAINTED);
  g_autoptr (PmodPaint) paint = pmod_paint_new (63);
  g_autoptr (GError) error = NULL;

  params.routing.paint = paint;
  g_assert_false (pmod_context_prefill (context, prompt, &params, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "paint: expected one for the 64 vision tokens of this prompt that may be "
                   "skipped, got one for 63");
  /* Another policy does not look at it. */
  params.routing.policy = PMOD_POLICY_GRID;
  g_clear_error (&error);
  g_assert_true (pmod_context_prefill (context, prompt, &params, NULL, &error));
}

/* --- Using states again ----------------------------------------------------------------------- */

typedef struct
{
  PmodPolicy policy;
  int question;
  double factor;
  int paint;     /* 0: none */
  int cancel_at; /* layer, or -1 */
  int low, high; /* whether layers 0 and 5 use something again: 0 no, 1 yes */
} Step;

static void
cancel (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params, int layer)
{
  g_autoptr (Run) run = run_new (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, on_record, run);
  g_autoptr (GError) error = NULL;

  run->cancel_at = layer;
  g_assert_false (pmod_context_prefill (context, prompt, params, trace, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
}

/* In one context, one after the other; each like in a new one, to the last bit. */
static void
test_reuse (gconstpointer name)
{
  static const Step steps[] = {
    { PMOD_POLICY_ROUTER, 0, 0.5, 0, -1, 0, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, -1, 0, 0 }, /* what it needs of layer 1 was not kept */
    { PMOD_POLICY_ATTENTION, 1, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_ATTENTION, 1, 0.6, 0, -1, 1, 0 },
    { PMOD_POLICY_NORM, 0, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, -1, 1, 0 }, /* now it is there */
    { PMOD_POLICY_LAST, 0, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_LAST, 0, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_LAST, 1, 0.5, 0, -1, 1, 0 }, /* other masks: nothing routed is the same */
    { PMOD_POLICY_LAST, 1, 0.6, 0, -1, 1, 0 },
    { PMOD_POLICY_ROUTER, 1, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_ROUTER, 0, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_PAINTED, 0, 0.5, 1, -1, 1, 0 },
    { PMOD_POLICY_PAINTED, 1, 0.5, 2, -1, 1, 1 }, /* the same paint, made anew */
    { PMOD_POLICY_PAINTED, 1, 0.5, 3, -1, 1, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, 3, 0, 0 },
    { PMOD_POLICY_ATTENTION, 1, 0.5, 0, -1, 1, 0 }, /* cancelled, but past layer 2 */
    { PMOD_POLICY_LAST, 2, 0.5, 0, 0, 0, 0 },
    { PMOD_POLICY_LAST, 2, 0.5, 0, -1, 0, 0 },
    { PMOD_POLICY_ATTENTION, 2, 0.5, 0, -1, 0, 0 },
  };
  static const char *const questions[] = { "What is this?", "Where is the red star?",
                                           "How many stars are there?" };
  g_autoptr (PmodContext) context = open_context (name);
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPaint) none = pmod_paint_new (64);
  g_autoptr (PmodPaint) a = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) b = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) c = paint_every (a, 4, 3, 2);
  PmodPaint *const paints[] = { NULL, a, b, c };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      const Step *step = &steps[i];
      g_autoptr (PmodContext) fresh_context = open_context (name);
      g_autoptr (PmodPrompt) prompt =
          ask (context, questions[step->question], picture, PMOD_PROMPT_DEFAULT);
      PmodParams params = params_of (context, step->policy);
      g_autoptr (Run) fresh = NULL, run = NULL;

      params.routing.schedule.factor = step->factor;
      params.routing.paint = paints[step->paint];
      g_test_message ("step %u: %s", i, pmod_policy_name (step->policy));
      if (step->cancel_at >= 0)
        {
          cancel (context, prompt, &params, step->cancel_at);
          continue;
        }
      fresh = prefill (fresh_context, prompt, &params);
      run = prefill (context, prompt, &params);
      g_assert_cmpint (run->n_reused[0] > 0, ==, step->low);
      g_assert_cmpint (run->n_reused[run->n_layers - 1] > 0, ==, step->high);
      g_assert_cmpmem (run->bits->data, run->bits->len, fresh->bits->data, fresh->bits->len);
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
  g_test_add_func ("/policy-states/budget", test_budget);
  g_test_add_func ("/policy-states/question", test_question);
  g_test_add_func ("/policy-states/random", test_random);
  g_test_add_func ("/policy-states/painted", test_painted);
  g_test_add_func ("/policy-states/paint-size", test_paint_size);
  g_test_add_data_func ("/policy-states/reuse", "demo-v0", test_reuse);
  return g_test_run ();
}
