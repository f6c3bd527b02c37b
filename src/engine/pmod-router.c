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

/* The k targets that are kept. Every policy goes through the same top-k. */
static void
choose (PmodContext *self,
        PmodTensor *kept,
        const PmodTensor *weight,
        const PmodTensor *logit,
        int layer,
        const PmodSequence *sequence,
        int k)
{
  static const PmodWeightNorm negative = { PMOD_WEIGHT_NONE, -1, 0 };
  PmodBackend *backend = self->model->backend;
  PmodTensor order = pmod_tensor_rows (&self->scratch.order, 0, sequence->n_targets);
  PmodTensor ties = pmod_tensor_rows (&self->scratch.order_ties, 0, sequence->n_targets);
  PmodPolicy policy = self->routing.policy;

  if (policy == PMOD_POLICY_ROUTER)
    {
      pmod_top_k (backend, kept, weight, logit, k);
      return;
    }
  if (policy == PMOD_POLICY_INVERSE)
    {
      pmod_router_weights (backend, &order, weight, &negative);
      pmod_router_weights (backend, &ties, logit, &negative);
      pmod_top_k (backend, kept, &order, &ties, k);
      return;
    }
  pmod_policy_scores (policy, self->routing.seed, layer, sequence, k, self->policy_score);
  pmod_upload (backend, order.data, self->policy_score, pmod_tensor_bytes (&order));
  pmod_top_k (backend, kept, &order, &order, k);
}

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

  pmod_router_logits (backend, &logit, x, &w->router_weight,
                      w->router_bias.data != NULL ? &w->router_bias : NULL, &targets);
  pmod_router_weights (backend, &weight, &logit, &norm);
  choose (self, &kept, &weight, &logit, layer, sequence, k);
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
