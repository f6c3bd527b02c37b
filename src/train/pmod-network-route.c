/* Routing as it learns: scores, the choice of each sample's tokens, the rows that run, and the
 * gradient of the scores. The choice itself has none: it is learnt through the weights alone.
 *
 * Source: p-MoD, pmod_llava_llama.py, MoDLlamaDecoderLayer and TokenRouter. */
#include "pmod-network-private.h"

#include <math.h>

/* Entries first .. first + n - 1 of a vector. */
static PmodTensor
span (const PmodTensor *vector, gint64 first, gint64 n)
{
  return pmod_tensor_rows (vector, first, n);
}

static int
keep_count (const PmodNetwork *self, int layer, int sample)
{
  return (int)pmod_schedule_keep_count (self->samples[sample]->n_targets, self->ratios[layer]);
}

/* --- Statistics ----------------------------------------------------------------------------- */

static void
count_cut (PmodRouterStats *stats, const float *weight, const guint8 *kept, int n)
{
  float lowest = INFINITY, highest = -INFINITY;

  for (int i = 0; i < n; i++)
    if (kept[i])
      lowest = MIN (lowest, weight[i]);
    else
      highest = MAX (highest, weight[i]);
  if (isinf (lowest) || isinf (highest))
    return;
  stats->n_cuts++;
  stats->n_tied += lowest == highest;
}

static void
count_sample (
    PmodRouterStats *stats, const float *logit, const float *weight, const guint8 *kept, int n)
{
  for (int i = 0; i < n; i++)
    stats->n_saturated += fabsf (tanhf (logit[i])) == 1;
  stats->n_logits += n;
  count_cut (stats, weight, kept, n);
}

static void
count_layer (PmodNetwork *self, const PmodLayerState *layer, PmodRouterStats *stats)
{
  gsize n = (gsize)self->n_targets;
  g_autofree float *logit = g_new (float, n);
  g_autofree float *weight = g_new (float, n);
  g_autofree guint8 *kept = g_new (guint8, n);
  int at = 0;

  pmod_download (self->backend, logit, layer->logit.data, n * sizeof *logit);
  pmod_download (self->backend, weight, layer->weight.data, n * sizeof *weight);
  pmod_download (self->backend, kept, layer->kept.data, n);
  if (!pmod_backend_sync (self->backend))
    return;
  for (int i = 0; i < self->n_samples; i++)
    {
      int n_targets = self->samples[i]->n_targets;

      count_sample (stats, logit + at, weight + at, kept + at, n_targets);
      at += n_targets;
    }
}

/* --- Forward -------------------------------------------------------------------------------- */

/* Each sample has a top-k of its own, and a softmax. */
static void
choose (PmodNetwork *self, int i, PmodLayerState *layer)
{
  gint64 at = 0;

  for (int sample = 0; sample < self->n_samples; sample++)
    {
      int n = self->samples[sample]->n_targets;
      PmodTensor logit = span (&layer->logit, at, n), weight = span (&layer->weight, at, n);
      PmodTensor kept = span (&layer->kept, at, n);

      if (n > 0)
        {
          pmod_router_weights (self->backend, &weight, &logit, &self->norm);
          pmod_top_k (self->backend, &kept, &weight, &logit, keep_count (self, i, sample));
        }
      at += n;
    }
}

/* Where the kept rows of each sample lie among those that run. Its questions begin after all its
 * targets, so that they have moved by as many rows as it skips. */
static void
find_lanes (PmodNetwork *self, int i, PmodLayerState *layer)
{
  gint64 at = 0;

  layer->lanes =
      pmod_arena_2d (self->arena, PMOD_DTYPE_U8, self->n_samples, sizeof (PmodLane)).data;
  for (int k = 0; layer->lanes != NULL && k < self->n_samples; k++)
    {
      const PmodSample *sample = self->samples[k];
      int n_skipped = sample->n_targets - keep_count (self, i, k);
      PmodLane *lane = &layer->lanes[k];

      *lane = (PmodLane){ at, sample->n_tokens - n_skipped };
      at += lane->n;
      if (sample->first == NULL)
        continue;
      lane->prefix = sample->prefix - n_skipped;
      lane->first = pmod_arena_1d (self->arena, PMOD_DTYPE_I32, lane->n);
      for (gint64 row = 0; lane->first.data != NULL && row < lane->n; row++)
        ((gint32 *)lane->first.data)[row] =
            row < lane->prefix ? 0 : sample->first[row + n_skipped] - n_skipped;
    }
}

/* The rows' places in their own samples. */
static void
find_positions (PmodNetwork *self, PmodLayerState *layer)
{
  const gint32 *rows = layer->rows.data, *all = self->positions.data;
  gint32 *to;

  layer->positions = pmod_arena_1d (self->arena, PMOD_DTYPE_I32, layer->n_rows);
  to = layer->positions.data;
  if (pmod_backend_sync (self->backend))
    for (gint64 i = 0; i < layer->n_rows; i++)
      to[i] = all[rows[i]];
}

void
pmod_network_route (PmodNetwork *self, int i, PmodRouterStats *stats)
{
  const PmodLayerWeights *w = &self->weights->layers[i];
  PmodLayerState *layer = &self->layers[i];
  gint64 n = self->n_targets, n_kept = 0;

  for (int sample = 0; sample < self->n_samples; sample++)
    n_kept += keep_count (self, i, sample);
  layer->n_rows = self->n_rows - n + n_kept;
  layer->logit = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, n);
  layer->weight = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, n);
  layer->kept = pmod_arena_1d (self->arena, PMOD_DTYPE_U8, n);
  layer->rows = pmod_arena_1d (self->arena, PMOD_DTYPE_I32, layer->n_rows);
  layer->slot = pmod_arena_1d (self->arena, PMOD_DTYPE_I32, self->n_rows);
  layer->row_weight = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, self->n_rows);
  layer->h_in = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, layer->n_rows, layer->x.shape[1]);

  pmod_router_logits (self->backend, &layer->logit, &layer->x, &w->router->value,
                      w->router_bias != NULL ? &w->router_bias->value : NULL, &self->targets);
  choose (self, i, layer);
  pmod_route_plan (self->backend, &layer->rows, &layer->slot, &layer->row_weight, &layer->kept,
                   &layer->weight, &self->targets);
  pmod_gather_rows (self->backend, &layer->h_in, &layer->x, &layer->rows);
  find_lanes (self, i, layer);
  find_positions (self, layer);
  if (stats != NULL)
    count_layer (self, layer, stats);
}

/* --- Backward ------------------------------------------------------------------------------- */

/* The gradient of the binary cross-entropy of sigmoid (z) against is_object. */
static void
add_route_loss (const PmodNetwork *self, const PmodLayerState *layer, float *dlogit)
{
  const float *logit = layer->logit.data;

  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      for (int k = 0; k < sample->n_targets; k++, logit++, dlogit++)
        if (sample->patches != NULL)
          *dlogit += self->factors->routers *
                     (1 / (1 + expf (-*logit)) - (float)sample->patches[k].is_object);
    }
}

double
pmod_network_route_loss (const PmodNetwork *self)
{
  double sum = 0;

  if (self->factors->routers <= 0)
    return 0;
  for (int l = 0; l < self->weights->config->n_layers; l++)
    {
      const float *logit = self->layers[l].logit.data;

      for (int i = 0; self->layers[l].routed && i < self->n_samples; i++)
        for (int k = 0; k < self->samples[i]->n_targets; k++, logit++)
          if (self->samples[i]->patches != NULL)
            {
              double z = self->samples[i]->patches[k].is_object ? -*logit : *logit;

              sum += MAX (z, 0) + log1p (exp (-fabs (z)));
            }
    }
  return sum * self->factors->routers;
}

/* A softmax spans one sample. */
static void
weights_backward (PmodNetwork *self,
                  const PmodLayerState *layer,
                  PmodTensor *dlogit,
                  const PmodTensor *dweight)
{
  gint64 at = 0;

  for (int i = 0; i < self->n_samples; i++)
    {
      int n = self->samples[i]->n_targets;
      PmodTensor some_dlogit = span (dlogit, at, n), some_dweight = span (dweight, at, n);
      PmodTensor logit = span (&layer->logit, at, n);

      if (n > 0)
        pmod_router_weights_backward (self->backend, &some_dlogit, &some_dweight, &logit,
                                      &self->norm);
      at += n;
    }
}

void
pmod_network_route_backward (PmodNetwork *self, int i, PmodTensor *dweight, PmodTensor *dx)
{
  const PmodLayerWeights *w = &self->weights->layers[i];
  PmodLayerState *layer = &self->layers[i];
  PmodTensor dlogit = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, self->n_targets);
  PmodTensor dw, db;

  weights_backward (self, layer, &dlogit, dweight);
  if (self->factors->routers > 0 && pmod_backend_sync (self->backend))
    add_route_loss (self, layer, dlogit.data);
  pmod_router_logits_backward (
      self->backend, dx, pmod_network_gradient (self, w->router, &dw),
      w->router_bias != NULL ? pmod_network_gradient (self, w->router_bias, &db) : NULL, &dlogit,
      &layer->x, &w->router->value, &self->targets);
}
