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

int
pmod_network_keep_count (const PmodNetwork *self, int layer, int sample)
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
count_layer (const PmodNetwork *self, const PmodLayerState *layer, PmodRouterStats *stats)
{
  const float *logit = pmod_board_read (self->board, layer->told[0]);
  const float *weight = pmod_board_read (self->board, layer->told[1]);
  const guint8 *kept = pmod_board_read (self->board, layer->told[2]);

  for (int i = 0, n; i < self->n_samples; i++, logit += n, weight += n, kept += n)
    {
      n = self->samples[i]->n_targets;
      count_sample (stats, logit, weight, kept, n);
    }
}

void
pmod_network_route_count (const PmodNetwork *self, PmodRouterStats *stats)
{
  for (int i = 0; i < self->weights->config->n_layers; i++)
    if (self->layers[i].routed)
      count_layer (self, &self->layers[i], &stats[i]);
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
          pmod_top_k (self->backend, &kept, &weight, &logit,
                      pmod_network_keep_count (self, i, sample));
        }
      at += n;
    }
}

/* [V], on the board where the host counts it. */
static PmodTensor
of_targets (PmodNetwork *self, PmodDtype dtype, gsize *told)
{
  gint64 n = self->n_targets;

  if (!self->tells_all)
    return pmod_arena_1d (self->arena, dtype, n);
  *told = pmod_board_take (self->board, (gsize)n * pmod_dtype_size (dtype));
  return pmod_board_1d (self->board, *told, dtype, n);
}

void
pmod_network_route (PmodNetwork *self, int i)
{
  const PmodLayerWeights *w = &self->weights->layers[i];
  PmodLayerState *layer = &self->layers[i];

  layer->logit = of_targets (self, PMOD_DTYPE_F32, &layer->told[0]);
  layer->weight = of_targets (self, PMOD_DTYPE_F32, &layer->told[1]);
  layer->kept = of_targets (self, PMOD_DTYPE_U8, &layer->told[2]);
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
}

/* --- Backward ------------------------------------------------------------------------------- */

/* Of layer i, which is routed, by the sigmoid of its logits; dlogit may be NULL. */
static void
compare_with_objects (PmodNetwork *self, int i, PmodTensor *dlogit)
{
  PmodTensor loss;
  int place = 0;

  if (self->objects.data == NULL)
    return;
  for (int k = 0; k < i; k++)
    place += self->layers[k].routed;
  loss = pmod_tensor_rows (&self->router_losses, place, 1);
  pmod_router_loss (self->backend, &loss, dlogit, &self->layers[i].logit, &self->objects,
                    self->factors->routers);
}

void
pmod_network_route_loss (PmodNetwork *self)
{
  for (int i = 0; i < self->weights->config->n_layers; i++)
    if (self->layers[i].routed)
      compare_with_objects (self, i, NULL);
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
  compare_with_objects (self, i, &dlogit);
  pmod_router_logits_backward (
      self->backend, dx, pmod_network_gradient (self, w->router, &dw),
      w->router_bias != NULL ? pmod_network_gradient (self, w->router_bias, &db) : NULL, &dlogit,
      &layer->x, &w->router->value, &self->targets);
}
