/* The decoder as it learns: blocks over the rows of all samples, plain and routed, and their
 * gradients. Which rows a routed layer runs is decided in pmod-network-route.c. */
#include "pmod-network-private.h"

#include <math.h>

/* --- One block ------------------------------------------------------------------------------ */

static float
scale_of (const PmodConfig *config)
{
  return 1 / sqrtf ((float)config->head_dim);
}

/* The keys or values of a lane: [G,n,dh] from row on. */
static PmodTensor
heads_of (const PmodTensor *all, const PmodLane *lane, gint64 n_heads, gint64 width)
{
  char *data = all->data;
  gsize row_bytes = (gsize)(n_heads * width) * pmod_dtype_size (all->dtype);

  return pmod_tensor_3d (data != NULL ? data + (gsize)lane->row * row_bytes : NULL, all->dtype,
                         n_heads, lane->n, width);
}

/* By which the angles of a lane are found, which are those of all rows: a plain layer's rows are
 * these themselves. */
static PmodTensor
rows_of (const PmodLayerState *layer, const PmodLane *lane)
{
  return layer->routed ? pmod_tensor_rows (&layer->rows, lane->row, lane->n) : (PmodTensor){ 0 };
}

static PmodAttentionMask
mask_of (const PmodLane *lane)
{
  return (PmodAttentionMask){ true, lane->prefix, lane->first.data != NULL ? &lane->first : NULL };
}

/* The pairs of query and key that a lane computes, about: half where it is causal. */
static double
pairs_of (const PmodLane *lane)
{
  return (double)lane->n * (double)(lane->n + 1) / 2;
}

static void
attend (PmodNetwork *self, const PmodLayerState *layer, PmodBlockState *s, const PmodTensor *qkv)
{
  const PmodConfig *config = self->weights->config;
  gint64 dh = config->head_dim;

  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodLane *lane = &layer->lanes[i];
      PmodAttentionMask mask = mask_of (lane);
      PmodTensor some = pmod_tensor_rows (qkv, lane->row, lane->n);
      PmodTensor rows = rows_of (layer, lane);
      PmodTensor q = pmod_tensor_rows (&s->q, lane->row, lane->n);
      PmodTensor k = heads_of (&s->k, lane, config->n_kv_heads, dh);
      PmodTensor v = heads_of (&s->v, lane, config->n_kv_heads, dh);
      PmodTensor mixed = pmod_tensor_rows (&s->mixed, lane->row, lane->n);

      if (lane->n == 0)
        continue;
      pmod_split_qkv (self->backend, &q, &k, &v, &some, &self->angles, layer->routed ? &rows : NULL,
                      layer->routed ? 0 : lane->row, 0);
      pmod_attention_masked (self->backend, &mixed, &q, &k, &v, lane->n, &mask, scale_of (config));
      self->flops += 4 * pairs_of (lane) * (double)(config->n_heads * dh);
    }
}

/* Of h_in [R,D]: fills in s, and m [R,D] = the MLP's output, which is not yet added to s->h. */
static void
block_forward (PmodNetwork *self,
               const PmodLayerWeights *w,
               const PmodLayerState *layer,
               PmodBlockState *s,
               PmodTensor *m)
{
  const PmodConfig *config = self->weights->config;
  gint64 n = layer->n_rows, d = config->hidden, dh = config->head_dim, f = config->ffn;
  gint64 h = config->n_heads, g = config->n_kv_heads;
  PmodDtype act = self->weights->act;
  float eps = (float)config->rms_norm_eps;
  PmodArenaMark mark;
  PmodTensor qkv;

  s->normed1 = pmod_arena_2d (self->arena, act, n, d);
  s->q = pmod_arena_3d (self->arena, act, n, h, dh);
  s->k = pmod_arena_3d (self->arena, act, n, g, dh);
  s->v = pmod_arena_3d (self->arena, act, n, g, dh);
  s->mixed = pmod_arena_2d (self->arena, act, n, h * dh);
  s->normed2 = pmod_arena_2d (self->arena, act, n, d);
  s->gate_up = pmod_arena_2d (self->arena, act, n, 2 * f);
  s->ffn = pmod_arena_2d (self->arena, act, n, f);
  s->h = pmod_network_copy (self, &layer->h_in);

  pmod_rmsnorm (self->backend, &s->normed1, &layer->h_in, &w->attention_norm->value, eps);
  mark = pmod_arena_mark (self->arena);
  qkv = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, (h + 2 * g) * dh);
  pmod_network_linear (self, &qkv, &s->normed1, w->qkv, NULL, PMOD_EPILOGUE_NONE);
  attend (self, layer, s, &qkv);
  pmod_arena_reset (self->arena, mark);
  pmod_network_linear (self, &s->h, &s->mixed, w->out, NULL, PMOD_EPILOGUE_ADD);

  pmod_rmsnorm (self->backend, &s->normed2, &s->h, &w->mlp_norm->value, eps);
  pmod_network_linear (self, &s->gate_up, &s->normed2, w->gate_up, NULL, PMOD_EPILOGUE_NONE);
  pmod_swiglu (self->backend, &s->ffn, &s->gate_up);
  pmod_network_linear (self, m, &s->ffn, w->down, NULL, PMOD_EPILOGUE_NONE);
}

static void
attend_backward (PmodNetwork *self,
                 const PmodLayerState *layer,
                 PmodTensor *dqkv,
                 const PmodTensor *dmixed)
{
  const PmodConfig *config = self->weights->config;
  const PmodBlockState *s = &layer->block;
  gint64 n = layer->n_rows, dh = config->head_dim;
  PmodTensor all_dq = pmod_arena_3d (self->arena, PMOD_DTYPE_F32, n, config->n_heads, dh);
  PmodTensor all_dk = pmod_network_zeros (self, n, config->n_kv_heads * dh);
  PmodTensor all_dv = pmod_network_zeros (self, n, config->n_kv_heads * dh);

  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodLane *lane = &layer->lanes[i];
      PmodAttentionMask mask = mask_of (lane);
      PmodTensor some_dqkv = pmod_tensor_rows (dqkv, lane->row, lane->n);
      PmodTensor some_dmixed = pmod_tensor_rows (dmixed, lane->row, lane->n);
      PmodTensor rows = rows_of (layer, lane);
      PmodTensor q = pmod_tensor_rows (&s->q, lane->row, lane->n);
      PmodTensor k = heads_of (&s->k, lane, config->n_kv_heads, dh);
      PmodTensor v = heads_of (&s->v, lane, config->n_kv_heads, dh);
      PmodTensor dq = pmod_tensor_rows (&all_dq, lane->row, lane->n);
      PmodTensor dk = heads_of (&all_dk, lane, config->n_kv_heads, dh);
      PmodTensor dv = heads_of (&all_dv, lane, config->n_kv_heads, dh);

      if (lane->n == 0)
        continue;
      pmod_attention_backward (self->backend, &dq, &dk, &dv, &some_dmixed, &q, &k, &v, lane->n,
                               &mask, scale_of (config));
      pmod_split_qkv_backward (self->backend, &some_dqkv, &dq, &dk, &dv, &self->angles,
                               layer->routed ? &rows : NULL, layer->routed ? 0 : lane->row, 0);
      self->flops += 8 * pairs_of (lane) * (double)(config->n_heads * dh);
    }
}

static void
norm_backward (PmodNetwork *self,
               PmodTensor *dx,
               const PmodTensor *dy,
               const PmodTensor *x,
               const PmodWeight *w)
{
  PmodTensor dw;

  pmod_rmsnorm_backward (self->backend, dx, pmod_network_gradient (self, w, &dw), dy, x, &w->value,
                         (float)self->weights->config->rms_norm_eps);
}

/* dm [R,D]: of the MLP's output; it is read first and may be dh. dh [R,D]: of s->h apart from that,
 * then of h_in. */
static void
block_backward (PmodNetwork *self,
                const PmodLayerWeights *w,
                const PmodLayerState *layer,
                const PmodTensor *dm,
                PmodTensor *dh)
{
  const PmodConfig *config = self->weights->config;
  const PmodBlockState *s = &layer->block;
  gint64 n = layer->n_rows, d = config->hidden, f = config->ffn;
  gint64 n_q = (gint64)config->n_heads * config->head_dim;
  gint64 n_kv = (gint64)config->n_kv_heads * config->head_dim;
  PmodArenaMark mark = pmod_arena_mark (self->arena);
  PmodTensor dffn = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, f);
  PmodTensor dgate_up = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, 2 * f);
  PmodTensor dnormed = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, d);
  PmodTensor dmixed = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, n_q);
  PmodTensor dqkv = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, n_q + 2 * n_kv);

  pmod_network_linear_backward (self, &dffn, dm, &s->ffn, w->down, NULL);
  pmod_swiglu_backward (self->backend, &dgate_up, &dffn, &s->gate_up);
  pmod_network_linear_backward (self, &dnormed, &dgate_up, &s->normed2, w->gate_up, NULL);
  norm_backward (self, dh, &dnormed, &s->h, w->mlp_norm);

  pmod_network_linear_backward (self, &dmixed, dh, &s->mixed, w->out, NULL);
  attend_backward (self, layer, &dqkv, &dmixed);
  pmod_network_linear_backward (self, &dnormed, &dqkv, &s->normed1, w->qkv, NULL);
  norm_backward (self, dh, &dnormed, &layer->h_in, w->attention_norm);
  pmod_arena_reset (self->arena, mark);
}

/* --- Layers --------------------------------------------------------------------------------- */

static gboolean
keeps_blocks (const PmodNetwork *self)
{
  return self->backward && !self->options.recompute;
}

/* out [T,D] = the layer's output. */
static void
layer_forward (PmodNetwork *self, int i, PmodTensor *out)
{
  const PmodLayerWeights *w = &self->weights->layers[i];
  PmodLayerState *layer = &self->layers[i];
  PmodArenaMark mark;

  if (layer->routed)
    pmod_network_route (self, i);
  else
    layer->h_in = layer->x;
  layer->m = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, layer->n_rows, layer->x.shape[1]);
  mark = pmod_arena_mark (self->arena);
  block_forward (self, w, layer, &layer->block, &layer->m);
  if (layer->routed)
    {
      pmod_copy (self->backend, out->data, layer->x.data, pmod_tensor_bytes (out));
      pmod_reweight_scatter (self->backend, out, &layer->block.h, &layer->m, &layer->slot,
                             &layer->row_weight);
    }
  else
    {
      pmod_copy (self->backend, out->data, layer->block.h.data, pmod_tensor_bytes (out));
      pmod_blend (self->backend, out, 1, &layer->m, 1);
    }
  if (!keeps_blocks (self))
    pmod_arena_reset (self->arena, mark);
}

void
pmod_network_decoder_forward (PmodNetwork *self)
{
  for (int i = 0; i < self->weights->config->n_layers; i++)
    {
      PmodTensor out =
          pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->x.shape[0], self->x.shape[1]);

      self->layers[i].x = self->x;
      layer_forward (self, i, &out);
      self->x = out;
    }
}

/* dx, the gradient of a routed layer's output, becomes that of its input. */
static void
routed_backward (PmodNetwork *self, int i, PmodTensor *dx)
{
  PmodLayerState *layer = &self->layers[i];
  gint64 d = dx->shape[1];
  PmodTensor dh = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, layer->n_rows, d);
  PmodTensor dm = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, layer->n_rows, d);
  PmodTensor drow_weight = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, dx->shape[0]);
  PmodTensor dweight = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->n_targets, 1);

  pmod_reweight_scatter_backward (self->backend, dx, &dh, &dm, &drow_weight, dx, &layer->x,
                                  &layer->m, &layer->slot, &layer->row_weight);
  block_backward (self, &self->weights->layers[i], layer, &dm, &dh);
  pmod_gather_rows_backward (self->backend, dx, &dh, &layer->rows);
  drow_weight = pmod_tensor_2d (drow_weight.data, PMOD_DTYPE_F32, dx->shape[0], 1);
  pmod_gather_rows (self->backend, &dweight, &drow_weight, &self->targets);
  dweight = pmod_tensor_1d (dweight.data, PMOD_DTYPE_F32, self->n_targets);
  pmod_network_route_backward (self, i, &dweight, dx);
}

void
pmod_network_decoder_backward (PmodNetwork *self, PmodTensor *dx)
{
  for (int i = self->weights->config->n_layers - 1; i >= 0; i--)
    {
      PmodLayerState *layer = &self->layers[i];
      PmodArenaMark mark = pmod_arena_mark (self->arena);

      if (self->options.recompute)
        {
          PmodTensor m = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, layer->n_rows, dx->shape[1]);

          block_forward (self, &self->weights->layers[i], layer, &layer->block, &m);
        }
      if (layer->routed)
        routed_backward (self, i, dx);
      else
        block_backward (self, &self->weights->layers[i], layer, dx, dx);
      pmod_arena_reset (self->arena, mark);
    }
}
