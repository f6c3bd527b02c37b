/* The decoder: one forward pass that reads top to bottom, for prefill and for one new token. On a
 * device it is enqueued; nothing here waits for it but as cancelling needs, and at the end.
 *
 * Plain layers run every token. Routed layers (pmod-router.c) run the tokens that their router
 * keeps through the same block. After the prefill nothing is routed: a new token runs through
 * every layer, each with a cache of its own length. */
#include "config.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

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
  /* The CPU runs segment by segment, so that one that is used again is the same to the last bit. On
   * a device the few rows of a question would read all weights again: there what is left runs at
   * once, and reuse changes last bits. */
  gboolean at_once;
  int first_high; /* the first segment that layers from the first router on run */
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

/* The rows of segments first .. last: those of one, or on a device of all that are left. */
static void
run_segments (const Prefill *prefill, int layer, int first, int last)
{
  PmodContext *self = prefill->context;
  const PmodSequence *sequence = prefill->sequence;
  int start = segment_start (sequence, first);
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, start, sequence->segment_ends[last] - start);

  if (is_routed (prefill, layer, first))
    pmod_router_layer (self, layer, self->ratios[layer], sequence, &x);
  else
    pmod_decoder_block (self, layer, &x, NULL, start, NULL);
  /* What follows the first segment keeps all its rows. */
  for (int i = first; i <= last; i++)
    *segment_length (self, i, layer) =
        self->kv->layers[layer].length - (sequence->segment_ends[last] - sequence->segment_ends[i]);
}

/* Segments first .. last have just run in layer. The next one may choose by what happened there:
 * by what all queries of the first segment gave, or by what the last query of all gave. */
static void
receive_attention (const Prefill *prefill, int layer, int first, int last)
{
  PmodContext *self = prefill->context;
  const PmodSequence *sequence = prefill->sequence;
  PmodPolicy policy = self->routing.policy;
  int n_keys = self->kv->layers[layer].length, n_queries;
  PmodTensor slot = pmod_tensor_rows (&self->scratch.slot, 0, sequence->segment_ends[0]);
  PmodTensor q;

  if (layer + 1 == self->model->config->n_layers || prefill->first_high > 0 ||
      !is_routed (prefill, layer + 1, 0))
    return;
  if (policy == PMOD_POLICY_ATTENTION && first == 0)
    {
      n_keys = n_queries = *segment_length (self, 0, layer);
      q = pmod_tensor_rows (&self->scratch.q, 0, n_queries);
    }
  else if (policy == PMOD_POLICY_LAST && last == sequence->n_segments - 1)
    {
      n_queries = n_keys - (first > 0 ? *segment_length (self, first - 1, layer) : 0);
      q = pmod_tensor_rows (&self->scratch.q, MAX (n_queries - 1, 0), MIN (n_queries, 1));
    }
  else
    return;
  pmod_router_receive (self, layer, sequence, &q, n_keys,
                       is_routed (prefill, layer, 0) ? &slot : NULL);
}

/* The same of the layer before the first router, for a run that does not go through it. */
static void
exchange_received (const Prefill *prefill, int first_low)
{
  PmodContext *self = prefill->context;
  gsize n_bytes = (gsize)prefill->sequence->n_targets * sizeof (float);
  int first_router = pmod_config_first_router (self->model->config);
  PmodScratch *s = &self->scratch;

  if (self->routing.policy != PMOD_POLICY_ATTENTION || first_router == 0 ||
      prefill->first_high > 0 || !is_routed (prefill, first_router, 0))
    return;
  if (first_low > 0)
    pmod_copy (self->model->backend, s->received.data, s->entry_received.data, n_bytes);
  else
    pmod_copy (self->model->backend, s->entry_received.data, s->received.data, n_bytes);
  self->received_valid = TRUE;
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

static PmodTensor
rows_from (const Prefill *prefill, int first_segment)
{
  int start = segment_start (prefill->sequence, first_segment);

  return pmod_tensor_rows (&prefill->context->scratch.x, start,
                           prefill->sequence->n_tokens - start);
}

/* Its time is from mark to mark. */
static void
enqueue_layer (const Prefill *prefill, int layer, int first_segment)
{
  PmodContext *self = prefill->context;
  PmodBackend *backend = self->model->backend;
  int n_segments = prefill->sequence->n_segments;
  char name[32];

  g_snprintf (name, sizeof name, "layer %d", layer);
  pmod_range_begin (backend, name);
  pmod_mark (backend, layer);
  self->kv->layers[layer].length =
      first_segment > 0 ? *segment_length (self, first_segment - 1, layer) : 0;
  if (prefill->at_once && first_segment < n_segments)
    {
      run_segments (prefill, layer, first_segment, n_segments - 1);
      receive_attention (prefill, layer, first_segment, n_segments - 1);
    }
  for (int i = first_segment; !prefill->at_once && i < n_segments; i++)
    {
      run_segments (prefill, layer, i, i);
      receive_attention (prefill, layer, i, i);
    }
  pmod_mark (backend, layer + 1);
  pmod_range_end (backend);
}

/* What the trace is told of a layer that has run. */
static void
record_layer (const Prefill *prefill, int layer, int first_segment, PmodFlops *flops)
{
  PmodContext *self = prefill->context;
  const PmodSequence *sequence = prefill->sequence;
  PmodTrace *trace = prefill->trace;
  double us = pmod_mark_us (self->model->backend, layer, layer + 1);
  int start = segment_start (sequence, first_segment);
  PmodTensor x = rows_from (prefill, first_segment);
  PmodFlops reused = { 0 };
  PmodFlops done = { 0 };

  for (int i = 0; i < sequence->n_segments; i++)
    {
      PmodFlops part = measure (prefill, layer, i);

      pmod_flops_add (i < first_segment ? &reused : &done, &part);
    }
  if (is_routed (prefill, layer, 0))
    pmod_router_record (self, layer, sequence, first_segment > 0, trace);
  if (first_segment > 0)
    pmod_context_record_span (trace, PMOD_STAGE_LAYER, layer, start, 0, 0, &reused, TRUE);
  pmod_context_record_span (trace, PMOD_STAGE_LAYER, layer, sequence->n_tokens - start, us, 0,
                            &done, FALSE);
  pmod_context_record_kv (self, layer, sequence->n_tokens, trace);
  pmod_context_record_state (self, PMOD_STATE_LAYER, layer, &x, trace);
  pmod_flops_add (flops, &done);
}

/* Layers that a device may have before it when the run is cancelled: a host that is further ahead
 * waits, so that a cancelled run ends soon, and the device never does. */
#define LAYERS_AHEAD 2

/* Waits for layers first .. last, and tells the trace of them. */
static gboolean
finish_layers (const Prefill *prefill,
               int first,
               int last,
               const int *starts,
               PmodFlops *flops,
               GError **error)
{
  PmodContext *self = prefill->context;

  if (!pmod_model_check (self->model, "prefill", error))
    return FALSE;
  if (pmod_trace_wants (prefill->trace, PMOD_RECORD_ROUTE))
    pmod_router_fetch (self, first, last - first + 1);
  for (int layer = first; layer <= last; layer++)
    {
      PmodTensor x = rows_from (prefill, starts[layer]);

      if (!check_numbers (self, &x, layer, error))
        return FALSE;
      record_layer (prefill, layer, starts[layer], flops);
    }
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
  Prefill prefill = { self, sequence, trace, !self->model->host_memory, first_high };
  const PmodConfig *config = self->model->config;
  int first_router = pmod_config_first_router (config), n = config->n_layers;
  gboolean stepwise = self->model->host_memory || pmod_trace_wants (trace, PMOD_RECORD_STATE);
  int starts[PMOD_MAX_LAYERS];

  for (int layer = 0; layer < n; layer++)
    {
      if (!pmod_context_check_cancelled (self, error))
        return FALSE;
      if (layer == first_router)
        {
          exchange_entry (&prefill, first_low, first_high);
          exchange_received (&prefill, first_low);
        }
      starts[layer] = layer < first_router ? first_low : first_high;
      enqueue_layer (&prefill, layer, starts[layer]);
      if (stepwise && !finish_layers (&prefill, layer, layer, starts, flops, error))
        return FALSE;
      if (layer >= LAYERS_AHEAD)
        pmod_wait_mark (self->model->backend, layer + 1 - LAYERS_AHEAD);
      self->n_layers_done = layer + 1;
    }
  if (stepwise || n == 0 || finish_layers (&prefill, 0, n - 1, starts, flops, error))
    return TRUE;
  /* Which layer it was that failed, a device does not say. */
  self->n_layers_done = 0;
  return FALSE;
}

/* --- One new token -------------------------------------------------------------------------- */

PmodFlops
pmod_decoder_measure_token (const PmodContext *self)
{
  const PmodConfig *config = self->model->config;
  PmodFlops flops = pmod_meter_head (config, 1);

  for (int layer = 0; layer < config->n_layers; layer++)
    {
      PmodFlops part =
          pmod_meter_layer (config, 1, 1, self->kv->layers[layer].length, self->n_tokens, 0);

      pmod_flops_add (&flops, &part);
    }
  return flops;
}

/* What the host is told of logits on a device. */
static void
enqueue_pick (PmodContext *self)
{
  PmodBackend *backend = self->model->backend;
  PmodScratch *s = &self->scratch;
  int vocab = self->model->config->vocab, n = MIN (PMOD_MAX_PICKED, vocab);
  PmodTensor logits = pmod_tensor_1d (s->logits.data, PMOD_DTYPE_F32, vocab);
  char *picked = s->picked.data;
  PmodTensor sums = pmod_tensor_1d (picked + offsetof (PmodHostPicked, sums), PMOD_DTYPE_F32, 3);
  PmodTensor ids = pmod_tensor_1d (picked + offsetof (PmodHostPicked, ids), PMOD_DTYPE_I32, n);
  PmodTensor values =
      pmod_tensor_1d (picked + offsetof (PmodHostPicked, logits), PMOD_DTYPE_F32, n);
  PmodTensor temperature =
      pmod_tensor_1d ((char *)s->next.data + 2 * sizeof (gint32), PMOD_DTYPE_F32, 1);

  pmod_top_k (backend, &s->is_picked, &logits, &logits, n);
  pmod_pick (backend, &ids, &values, &sums, &logits, &s->is_picked, &temperature);
}

/* Final norm and head of row. */
static void
enqueue_head (PmodContext *self, int row, PmodTrace *trace)
{
  PmodModel *model = self->model;
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, row, 1);
  PmodTensor normed = pmod_tensor_rows (&self->scratch.normed, 0, 1);

  pmod_range_begin (model->backend, "head");
  pmod_rmsnorm (model->backend, &normed, &x, &model->norm, (float)model->config->rms_norm_eps);
  pmod_context_record_state (self, PMOD_STATE_NORM, -1, &normed, trace);
  pmod_linear (model->backend, &self->scratch.logits, &normed, model->head, NULL,
               PMOD_EPILOGUE_NONE);
  if (!model->host_memory)
    enqueue_pick (self);
  pmod_range_end (model->backend);
}

gboolean
pmod_decoder_fetch_logits (PmodContext *self, GError **error)
{
  PmodModel *model = self->model;

  if (self->logits_here)
    return TRUE;
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
  self->logits_here = TRUE;
  return TRUE;
}

/* Waits for the head, and brings what a sampler wants first. */
static gboolean
finish_head (PmodContext *self, PmodTrace *trace, GError **error)
{
  PmodModel *model = self->model;

  self->logits_here = FALSE;
  if (!model->host_memory)
    {
      pmod_download (model->backend, &self->picked, self->scratch.picked.data, sizeof self->picked);
      if (!pmod_model_check (model, "head", error))
        return FALSE;
    }
  /* On a device all of them are looked at only to say which is no number. */
  if ((model->host_memory || self->picked.sums[2] != 0) && !pmod_decoder_fetch_logits (self, error))
    return FALSE;
  pmod_context_record_state (self, PMOD_STATE_LOGITS, -1, &self->scratch.logits, trace);
  return TRUE;
}

/* Uploads what a token that is fed or sampled next needs to know. */
static void
upload_next (PmodContext *self, int token)
{
  gint32 next[] = { token, self->n_tokens - self->graph_first, 0 };

  memcpy (&next[2], &self->temperature, sizeof next[2]);
  pmod_upload (self->model->backend, self->scratch.next.data, next, sizeof next);
}

gboolean
pmod_decoder_head (PmodContext *self, int row, PmodTrace *trace, GError **error)
{
  if (!self->model->host_memory)
    upload_next (self, 0);
  enqueue_head (self, row, trace);
  return finish_head (self, trace, error);
}

/* The token whose id is in next, at position, through all layers and the head. */
static gboolean
enqueue_token (
    PmodContext *self, int position, gboolean can_cancel, PmodTrace *trace, GError **error)
{
  PmodModel *model = self->model;
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, 0, 1);
  PmodTensor id = pmod_tensor_rows (&self->scratch.next, 0, 1);

  pmod_gather_rows (model->backend, &x, &model->embedding, &id);
  for (int layer = 0; layer < model->config->n_layers; layer++)
    {
      if (can_cancel && !pmod_context_check_cancelled (self, error))
        return FALSE;
      pmod_decoder_block (self, layer, &x, NULL, position, NULL);
      pmod_context_record_state (self, PMOD_STATE_LAYER, layer, &x, trace);
    }
  enqueue_head (self, 0, trace);
  return TRUE;
}

/* --- The same token after token, as a graph --- */

/* Tokens that one graph is good for: its attention has blocks for the keys of all. */
#define GRAPH_TOKENS 64

static void
lengthen (PmodContext *self, int n)
{
  for (int layer = 0; layer < self->kv->n_layers; layer++)
    self->kv->layers[layer].length += n;
}

/* The token at position as a graph that goes on to those after it. One has run just now, so that
 * all it needs is there, and the device still does, so that this takes no time. */
static void
record_graph (PmodContext *self, int position)
{
  PmodBackend *backend = self->model->backend;
  PmodTensor step = pmod_tensor_rows (&self->scratch.next, 1, 1);
  int n_steps = MIN (GRAPH_TOKENS, self->model->config->context_length - position);

  self->graph_end = 0;
  if (n_steps <= 0 || !pmod_graph_begin (backend, &step, n_steps))
    return;
  enqueue_token (self, position, FALSE, NULL, NULL);
  lengthen (self, -1);
  self->graph = pmod_graph_end (backend, self->graph);
  self->graph_first = position;
  self->graph_end = self->graph != NULL ? position + n_steps : 0;
}

static gboolean
run_graph (PmodContext *self)
{
  if (self->n_tokens < self->graph_first || self->n_tokens >= self->graph_end ||
      !pmod_graph_run (self->model->backend, self->graph))
    return FALSE;
  lengthen (self, 1);
  return TRUE;
}

gboolean
pmod_decoder_token (PmodContext *self, int token, PmodTrace *trace, GError **error)
{
  PmodBackend *backend = self->model->backend;
  gboolean plain = pmod_trace_wants (trace, PMOD_RECORD_STATE);
  gboolean ok = TRUE;

  if (!pmod_context_check_cancelled (self, error))
    return FALSE;
  pmod_range_begin (backend, "decode");
  upload_next (self, token);
  if (plain || !run_graph (self))
    {
      ok = enqueue_token (self, self->n_tokens, TRUE, trace, error);
      if (ok && !plain)
        record_graph (self, self->n_tokens + 1);
    }
  pmod_range_end (backend);
  return ok && finish_head (self, trace, error);
}
