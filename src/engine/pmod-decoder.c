/* The decoder: one forward pass that reads top to bottom, for prefill and for one new token.
 *
 * Plain layers run every token. Routed layers (pmod-router.c) run the tokens that their router
 * keeps through the same block. After the prefill nothing is routed: a new token runs through
 * every layer, each with a cache of its own length. */
#include "config.h"

#include <math.h>

#include "pmod-context-private.h"

void
pmod_decoder_block (
    PmodContext *self, int layer, PmodTensor *h, const PmodTensor *rows, int pos0, PmodTensor *m)
{
  PmodModel *model = self->model;
  PmodBackend *backend = model->backend;
  const PmodConfig *config = model->config;
  const PmodLayer *w = &model->layers[layer];
  PmodKvLayer *kv = &self->kv->layers[layer];
  int64_t n = h->shape[0];
  float eps = (float)config->rms_norm_eps;
  PmodTensor normed = pmod_tensor_rows (&self->scratch.normed, 0, n);
  PmodTensor qkv = pmod_tensor_rows (&self->scratch.qkv, 0, n);
  PmodTensor q = pmod_tensor_rows (&self->scratch.q, 0, n);
  PmodTensor mixed = pmod_tensor_rows (&self->scratch.mixed, 0, n);
  PmodTensor gate_up = pmod_tensor_rows (&self->scratch.gate_up, 0, n);
  PmodTensor ffn = pmod_tensor_rows (&self->scratch.ffn, 0, n);

  pmod_rmsnorm (backend, &normed, h, &w->attention_norm, eps);
  pmod_linear (backend, &qkv, &normed, w->qkv, NULL, PMOD_EPILOGUE_NONE);
  pmod_split_qkv (backend, &q, &kv->k, &kv->v, &qkv, &model->rope, rows, pos0, kv->length);
  kv->length += (int)n;
  pmod_attention (backend, &mixed, &q, &kv->k, &kv->v, kv->length, true,
                  1 / sqrtf ((float)config->head_dim));
  pmod_linear (backend, h, &mixed, w->out, NULL, PMOD_EPILOGUE_ADD);

  pmod_rmsnorm (backend, &normed, h, &w->mlp_norm, eps);
  pmod_linear (backend, &gate_up, &normed, w->gate_up, NULL, PMOD_EPILOGUE_NONE);
  pmod_swiglu (backend, &ffn, &gate_up);
  if (m != NULL)
    pmod_linear (backend, m, &ffn, w->down, NULL, PMOD_EPILOGUE_NONE);
  else
    pmod_linear (backend, h, &ffn, w->down, NULL, PMOD_EPILOGUE_ADD);
}

/* The reference stops at NaN or infinity after a routed layer; so do we, after any. Reading x
 * costs little beside a layer's weights; where x lies on a device the logits are checked alone. */
static gboolean
check_numbers (PmodContext *self, const PmodTensor *x, int layer, GError **error)
{
  const guint32 *bits = x->data;
  int64_t n = pmod_tensor_n_elements (x);
  guint32 bad = 0;

  if (!self->model->host_memory)
    return TRUE;
  for (int64_t i = 0; i < n; i++)
    bad |= (guint32)((bits[i] & 0x7f800000) == 0x7f800000);
  if (bad == 0)
    return TRUE;
  for (int64_t i = 0; i < n; i++)
    if ((bits[i] & 0x7f800000) == 0x7f800000)
      {
        g_set_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER,
                     "layer %d: token %" G_GINT64_FORMAT ": expected finite states, got %f", layer,
                     i / x->shape[1], (double)((const float *)x->data)[i]);
        break;
      }
  return FALSE;
}

/* --- Prefill -------------------------------------------------------------------------------- */

typedef struct
{
  PmodContext *context;
  const PmodSequence *sequence;
  PmodTrace *trace;
} Prefill;

static int
segment_start (const PmodSequence *sequence, int segment)
{
  return segment > 0 ? sequence->segment_ends[segment - 1] : 0;
}

static int *
segment_length (PmodContext *self, int segment, int layer)
{
  return &self->segment_kv[segment * self->model->config->n_layers + layer];
}

static gboolean
is_routed (const Prefill *prefill, int layer, int segment)
{
  return segment == 0 && prefill->sequence->n_targets > 0 &&
         prefill->context->ratios[layer] != PMOD_RATIO_PLAIN;
}

/* What segment costs in layer; its cache lengths are known. */
static PmodFlops
measure (const Prefill *prefill, int layer, int segment)
{
  const PmodSequence *sequence = prefill->sequence;
  int start = segment_start (sequence, segment);
  int past = segment > 0 ? *segment_length (prefill->context, segment - 1, layer) : 0;

  return pmod_meter_layer (prefill->context->model->config,
                           *segment_length (prefill->context, segment, layer) - past,
                           sequence->segment_ends[segment] - start, past, start,
                           is_routed (prefill, layer, segment) ? sequence->n_targets : 0);
}

static void
run_segment (const Prefill *prefill, int layer, int segment)
{
  PmodContext *self = prefill->context;
  const PmodSequence *sequence = prefill->sequence;
  int start = segment_start (sequence, segment);
  PmodTensor x =
      pmod_tensor_rows (&self->scratch.x, start, sequence->segment_ends[segment] - start);

  if (is_routed (prefill, layer, segment))
    pmod_router_layer (self, layer, self->ratios[layer], sequence, &x);
  else
    pmod_decoder_block (self, layer, &x, NULL, start, NULL);
  *segment_length (self, segment, layer) = self->kv->layers[layer].length;
}

/* Before the first layer with a router: keeps x for the next run, and brings back what an earlier
 * run kept of segments that start here. */
static void
exchange_entry (const Prefill *prefill, int first_low, int first_high)
{
  PmodContext *self = prefill->context;
  gsize row_bytes = (gsize)self->model->config->hidden * sizeof (float);
  gsize high = (gsize)segment_start (prefill->sequence, first_high) * row_bytes;
  gsize low = (gsize)segment_start (prefill->sequence, first_low) * row_bytes;
  gsize end = (gsize)prefill->sequence->n_tokens * row_bytes;
  char *x = self->scratch.x.data;
  char *entry = self->scratch.entry.data;

  if (low > high)
    pmod_copy (self->model->backend, x + high, entry + high, low - high);
  if (end > low)
    pmod_copy (self->model->backend, entry + low, x + low, end - low);
}

static gboolean
run_layer (const Prefill *prefill, int layer, int first_segment, PmodFlops *flops, GError **error)
{
  PmodContext *self = prefill->context;
  const PmodSequence *sequence = prefill->sequence;
  PmodTrace *trace = prefill->trace;
  int start = segment_start (sequence, first_segment);
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, start, sequence->n_tokens - start);
  PmodFlops reused = { 0 };
  PmodFlops done = { 0 };
  gint64 start_us = g_get_monotonic_time ();

  self->kv->layers[layer].length =
      first_segment > 0 ? *segment_length (self, first_segment - 1, layer) : 0;
  for (int i = 0; i < sequence->n_segments; i++)
    {
      PmodFlops part;

      if (i >= first_segment)
        run_segment (prefill, layer, i);
      part = measure (prefill, layer, i);
      pmod_flops_add (i < first_segment ? &reused : &done, &part);
    }
  if (!pmod_model_check (self->model, "prefill", error) || !check_numbers (self, &x, layer, error))
    return FALSE;

  if (is_routed (prefill, layer, 0))
    pmod_router_record (self, layer, sequence, first_segment > 0, trace);
  if (first_segment > 0)
    pmod_context_record_stage (trace, PMOD_STAGE_LAYER, layer, start, start_us, 0, &reused, TRUE);
  pmod_context_record_stage (trace, PMOD_STAGE_LAYER, layer, sequence->n_tokens - start, start_us,
                             0, &done, FALSE);
  pmod_context_record_kv (self, layer, sequence->n_tokens, trace);
  pmod_context_record_state (self, PMOD_STATE_LAYER, layer, &x, trace);
  pmod_flops_add (flops, &done);
  return TRUE;
}

gboolean
pmod_decoder_prefill (PmodContext *self,
                      const PmodSequence *sequence,
                      int first_low,
                      int first_high,
                      PmodTrace *trace,
                      PmodFlops *flops,
                      GError **error)
{
  Prefill prefill = { self, sequence, trace };
  const PmodConfig *config = self->model->config;
  int first_router = pmod_config_first_router (config);

  for (int layer = 0; layer < config->n_layers; layer++)
    {
      if (!pmod_context_check_cancelled (self, error))
        return FALSE;
      if (layer == first_router)
        exchange_entry (&prefill, first_low, first_high);
      if (!run_layer (&prefill, layer, layer < first_router ? first_low : first_high, flops, error))
        return FALSE;
      self->n_layers_done = layer + 1;
    }
  return TRUE;
}

/* --- One new token -------------------------------------------------------------------------- */

gboolean
pmod_decoder_step (PmodContext *self, PmodTrace *trace, PmodFlops *flops, GError **error)
{
  const PmodConfig *config = self->model->config;
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, 0, 1);

  for (int layer = 0; layer < config->n_layers; layer++)
    {
      PmodFlops part;

      if (!pmod_context_check_cancelled (self, error))
        return FALSE;
      part = pmod_meter_layer (config, 1, 1, self->kv->layers[layer].length, self->n_tokens, 0);
      pmod_decoder_block (self, layer, &x, NULL, self->n_tokens, NULL);
      pmod_context_record_state (self, PMOD_STATE_LAYER, layer, &x, trace);
      pmod_flops_add (flops, &part);
    }
  return TRUE;
}

gboolean
pmod_decoder_head (PmodContext *self, int row, PmodTrace *trace, GError **error)
{
  PmodModel *model = self->model;
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, row, 1);
  PmodTensor normed = pmod_tensor_rows (&self->scratch.normed, 0, 1);

  pmod_rmsnorm (model->backend, &normed, &x, &model->norm, (float)model->config->rms_norm_eps);
  pmod_context_record_state (self, PMOD_STATE_NORM, -1, &normed, trace);
  pmod_linear (model->backend, &self->scratch.logits, &normed, model->head, NULL,
               PMOD_EPILOGUE_NONE);
  pmod_download (model->backend, self->logits, self->scratch.logits.data,
                 (gsize)model->config->vocab * sizeof (float));
  if (!pmod_model_check (model, "head", error))
    return FALSE;
  for (int i = 0; i < model->config->vocab; i++)
    if (!isfinite (self->logits[i]))
      {
        g_set_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER,
                     "logits: expected finite numbers, got %f for token %d",
                     (double)self->logits[i], i);
        return FALSE;
      }
  pmod_context_record_state (self, PMOD_STATE_LOGITS, -1, &self->scratch.logits, trace);
  return TRUE;
}
