/* A routed layer: score, choose, attend the kept, reweight all. The heart of the paper.
 *
 *   z = x . w_router + b          raw residual stream, vision tokens only
 *   w = scale * f (z) + bias      TanhNorm
 *   K = top-k of w                k from the schedule (PRD); or another policy's choice
 *   kept run the block; out = h + w m for kept vision, w x for skipped, h + m for text (STRing)
 *
 * Source: p-MoD, pmod_llava_llama.py, MoDLlamaDecoderLayer and TokenRouter. */
#include "config.h"

#include <math.h>

#include "pmod-context-private.h"
#include "pmod-policy.h"
#include "pmod-router-norm.h"

static PmodTensor
route_row (const PmodTensor *slab, int layer, int n)
{
  PmodTensor row = pmod_tensor_rows (slab, layer, 1);

  return pmod_tensor_1d (row.data, row.dtype, n);
}

/* --- Who chooses ---------------------------------------------------------------------------- */

/* A routed layer that is about to choose: views of its targets, V of them. */
typedef struct
{
  PmodContext *context;
  int layer;
  const PmodSequence *sequence;
  const PmodTensor *x;       /* [T, D] what enters the layer */
  const PmodTensor *targets; /* [V] */
  PmodTensor *weight;        /* [V] */
  PmodTensor *logit;         /* [V] */
  PmodTensor order;          /* [V] for a policy to fill in: the highest are kept */
  PmodTensor ties;           /* [V] where order is equal */
  int k;
} Choice;

static void
order_by_inverse (Choice *self)
{
  static const PmodWeightNorm negative = { PMOD_WEIGHT_NONE, -1, 0 };
  PmodBackend *backend = self->context->model->backend;

  pmod_router_weights (backend, &self->order, self->weight, &negative);
  pmod_router_weights (backend, &self->ties, self->logit, &negative);
}

/* What is painted goes before or after all weights, and among itself by weight. */
static void
order_by_paint (Choice *self)
{
  PmodContext *context = self->context;
  PmodBackend *backend = context->model->backend;
  const PmodPaint *paint = context->routing.paint;
  int n = self->sequence->n_targets;
  PmodTensor limit = pmod_tensor_rows (&context->scratch.painted_limit, 0, n);
  PmodTensor own = pmod_tensor_rows (&context->scratch.painted_self, 0, n);
  PmodTensor limits = pmod_tensor_2d (context->scratch.limits.data, PMOD_DTYPE_F32, 2, 1);
  PmodTensor weights = pmod_tensor_2d (self->weight->data, PMOD_DTYPE_F32, n, 1);
  PmodTensor order = pmod_tensor_2d (self->order.data, PMOD_DTYPE_F32, n, 1);
  PmodTensor ties = pmod_tensor_2d (self->ties.data, PMOD_DTYPE_F32, n, 1);
  gint32 *host_limit = context->paint_index, *host_own = host_limit + n;

  for (int i = 0; i < n; i++)
    {
      PmodPaintState state = pmod_paint_get (paint, self->layer, i);

      host_limit[i] = state == PMOD_PAINT_NONE ? -1 : state == PMOD_PAINT_KEEP;
      host_own[i] = state == PMOD_PAINT_NONE ? -1 : i;
    }
  pmod_upload (backend, limit.data, host_limit, pmod_tensor_bytes (&limit));
  pmod_upload (backend, own.data, host_own, pmod_tensor_bytes (&own));
  pmod_copy (backend, order.data, self->weight->data, pmod_tensor_bytes (&order));
  pmod_copy (backend, ties.data, self->logit->data, pmod_tensor_bytes (&ties));
  pmod_gather_rows (backend, &order, &limits, &limit);
  pmod_gather_rows (backend, &ties, &weights, &own);
}

/* What needs no states: scores that the host makes. */
static void
order_by_scores (Choice *self, PmodPolicy policy)
{
  PmodContext *context = self->context;

  pmod_policy_scores (policy, context->routing.seed, self->layer, self->sequence, self->k,
                      context->policy_score);
  pmod_upload (context->model->backend, self->order.data, context->policy_score,
               pmod_tensor_bytes (&self->order));
  self->ties = self->order;
}

/* The k targets that are kept. Every policy goes through the same top-k. */
static void
choose (Choice *self, PmodTensor *kept)
{
  PmodContext *context = self->context;
  PmodBackend *backend = context->model->backend;
  PmodPolicy policy = context->routing.policy;
  int n = self->sequence->n_targets;

  self->order = pmod_tensor_rows (&context->scratch.order, 0, n);
  self->ties = pmod_tensor_rows (&context->scratch.order_ties, 0, n);
  if (policy == PMOD_POLICY_ROUTER ||
      (policy == PMOD_POLICY_PAINTED && context->routing.paint == NULL))
    {
      self->order = *self->weight;
      self->ties = *self->logit;
    }
  else if (policy == PMOD_POLICY_INVERSE)
    order_by_inverse (self);
  else if (policy == PMOD_POLICY_PAINTED)
    order_by_paint (self);
  else if (policy == PMOD_POLICY_NORM)
    {
      pmod_target_norms (backend, &self->order, self->x, self->targets);
      self->ties = self->order;
    }
  else if (pmod_policy_needs_attention (policy) && self->layer > 0)
    self->order = self->ties = pmod_tensor_rows (&context->scratch.received, 0, n);
  else
    order_by_scores (self, pmod_policy_needs_attention (policy) ? PMOD_POLICY_FIRST : policy);
  pmod_top_k (backend, kept, &self->order, &self->ties, self->k);
}

void
pmod_router_receive (PmodContext *self,
                     int layer,
                     const PmodSequence *sequence,
                     const PmodTensor *q,
                     int n_keys,
                     const PmodTensor *slot)
{
  PmodBackend *backend = self->model->backend;
  PmodTensor received = pmod_tensor_rows (&self->scratch.received, 0, sequence->n_targets);
  PmodTensor targets = pmod_tensor_rows (&self->scratch.targets, 0, sequence->n_targets);

  if (q->shape[0] > 0)
    {
      pmod_attention_received (backend, &received, q, &self->kv->layers[layer].k, &targets, slot,
                               n_keys, true, 1 / sqrtf ((float)self->model->config->head_dim));
      return;
    }
  /* Nothing ran there: no token has a key. */
  for (int i = 0; i < sequence->n_targets; i++)
    self->policy_score[i] = -1;
  pmod_upload (backend, received.data, self->policy_score, pmod_tensor_bytes (&received));
}

/* --- A layer -------------------------------------------------------------------------------- */

int
pmod_router_layer (
    PmodContext *self, int layer, double ratio, const PmodSequence *sequence, PmodTensor *x)
{
  PmodModel *model = self->model;
  PmodBackend *backend = model->backend;
  const PmodLayer *w = &model->layers[layer];
  PmodWeightNorm norm = pmod_router_norm_to_ops (&self->routing.norm);
  int n_targets = sequence->n_targets;
  int k = (int)pmod_schedule_keep_count (n_targets, ratio);
  int64_t n_rows = x->shape[0] - n_targets + k;
  PmodTensor targets = pmod_tensor_rows (&self->scratch.targets, 0, n_targets);
  PmodTensor logit = route_row (&self->routes.logit, layer, n_targets);
  PmodTensor weight = route_row (&self->routes.weight, layer, n_targets);
  PmodTensor kept = route_row (&self->routes.kept, layer, n_targets);
  PmodTensor rows = pmod_tensor_rows (&self->scratch.rows, 0, n_rows);
  PmodTensor slot = pmod_tensor_rows (&self->scratch.slot, 0, x->shape[0]);
  PmodTensor row_weight = pmod_tensor_rows (&self->scratch.row_weight, 0, x->shape[0]);
  PmodTensor h = pmod_tensor_rows (&self->scratch.h, 0, n_rows);
  PmodTensor m = pmod_tensor_rows (&self->scratch.m, 0, n_rows);
  Choice choice = { .context = self,
                    .layer = layer,
                    .sequence = sequence,
                    .x = x,
                    .targets = &targets,
                    .weight = &weight,
                    .logit = &logit,
                    .k = k };

  pmod_router_logits (backend, &logit, x, &w->router_weight,
                      w->router_bias.data != NULL ? &w->router_bias : NULL, &targets);
  pmod_router_weights (backend, &weight, &logit, &norm);
  choose (&choice, &kept);
  pmod_route_plan (backend, &rows, &slot, &row_weight, &kept, &weight, &targets);
  if (n_rows > 0)
    {
      pmod_gather_rows (backend, &h, x, &rows);
      pmod_decoder_block (self, layer, &h, &rows, 0, &m);
    }
  pmod_reweight_scatter (backend, x, &h, &m, &slot, &row_weight);
  return k;
}

/* --- Record --------------------------------------------------------------------------------- */

static const float *
host_row (const PmodContext *self, const float *rows, int layer)
{
  return rows + (gsize)layer * (gsize)self->routes.logit.shape[1];
}

static const guint8 *
host_kept (const PmodContext *self, int layer)
{
  return self->route_kept + (gsize)layer * (gsize)self->routes.kept.shape[1];
}

static void
fetch_rows (PmodContext *self, void *to, const PmodTensor *slab, int first_layer, int n)
{
  PmodTensor rows = pmod_tensor_rows (slab, first_layer, n);
  gsize skipped = (gsize)((char *)rows.data - (char *)slab->data);

  pmod_download (self->model->backend, (char *)to + skipped, rows.data, pmod_tensor_bytes (&rows));
}

void
pmod_router_fetch (PmodContext *self, int first_layer, int n)
{
  fetch_rows (self, self->route_logit, &self->routes.logit, first_layer, n);
  fetch_rows (self, self->route_weight, &self->routes.weight, first_layer, n);
  fetch_rows (self, self->route_kept, &self->routes.kept, first_layer, n);
  pmod_backend_sync (self->model->backend);
}

static gboolean
is_saturated (PmodRouterFunction function, float z)
{
  if (function == PMOD_ROUTER_NORM_TANH)
    return fabsf (tanhf (z)) == 1;
  if (function == PMOD_ROUTER_NORM_SIGMOID)
    return 1 / (1 + expf (-z)) == 1 || expf (-z) == INFINITY;
  return FALSE;
}

/* Where the cut runs: the lowest kept and the highest skipped weight. */
static void
describe_cut (const PmodContext *self, PmodRecordRoute *record, int layer)
{
  const float *logits = host_row (self, self->route_logit, layer);
  const float *weights = host_row (self, self->route_weight, layer);
  const guint8 *kept = host_kept (self, layer);
  float lowest = INFINITY;
  float highest = -INFINITY;

  for (int i = 0; i < record->n_vision; i++)
    {
      float weight = weights[i];

      if (kept[i])
        lowest = MIN (lowest, weight);
      else
        highest = MAX (highest, weight);
      record->n_saturated += is_saturated (self->routing.norm.function, logits[i]);
    }
  if (record->n_kept == 0 || record->n_kept == record->n_vision ||
      self->routing.policy != PMOD_POLICY_ROUTER)
    return;
  record->margin = lowest - highest;
  if (lowest == highest)
    for (int i = 0; i < record->n_vision; i++)
      record->n_ties += weights[i] == lowest;
}

void
pmod_router_record (
    PmodContext *self, int layer, const PmodSequence *sequence, gboolean reused, PmodTrace *trace)
{
  const PmodConfig *config = self->model->config;
  int n = sequence->n_targets;
  gsize n_words = ((gsize)n + 31) / 32;
  const float *logits = host_row (self, self->route_logit, layer);
  const float *weights = host_row (self, self->route_weight, layer);
  const guint8 *kept = host_kept (self, layer);
  PmodRecordRoute *record;
  float *floats;
  guint32 *bits;

  record = pmod_trace_wants (trace, PMOD_RECORD_ROUTE)
               ? pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                                    sizeof *record + 2 * (gsize)n * sizeof (float) +
                                        n_words * sizeof (guint32))
               : NULL;
  if (record == NULL)
    return;

  if (reused)
    record->header.flags |= PMOD_RECORD_FLAG_REUSED;
  record->ratio = self->ratios[layer];
  record->n_vision = n;
  record->never_read = layer == config->n_layers - 1 && config->target != PMOD_TARGET_ALL;
  floats = (float *)(gpointer)record->data;
  bits = (guint32 *)(gpointer)(floats + 2 * n);
  for (int i = 0; i < n; i++)
    {
      floats[i] = logits[i];
      floats[n + i] = weights[i];
      bits[i / 32] |= (guint32)kept[i] << (i % 32);
      record->n_kept += kept[i];
    }
  describe_cut (self, record, layer);
  pmod_trace_commit (trace, record);
}
