/* The vision tower and the projector as they learn: pixels of all tiles to vectors, and gradients
 * back to the patch embedding. */
#include "pmod-network-private.h"

#include <math.h>

static gint64
tile_rows (const PmodNetwork *self)
{
  return pmod_config_tile_tokens (self->weights->config) + 1;
}

static PmodEpilogue
activation (const PmodNetwork *self)
{
  return self->weights->config->vision.quick_gelu ? PMOD_EPILOGUE_QUICK_GELU : PMOD_EPILOGUE_GELU;
}

/* --- One block ------------------------------------------------------------------------------ */

/* Tile number tile of an array that has one [n0,n1,n2] for each. */
static PmodTensor
tile_of (const PmodTensor *all, int tile, gint64 n0, gint64 n1, gint64 n2)
{
  char *data = all->data;
  gsize n_bytes = (gsize)(n0 * n1 * n2) * pmod_dtype_size (all->dtype);

  return pmod_tensor_3d (data != NULL ? data + (gsize)tile * n_bytes : NULL, all->dtype, n0, n1,
                         n2);
}

static void
attend (PmodNetwork *self, PmodTowerState *s, const PmodTensor *qkv)
{
  const PmodVisionConfig *vision = &self->weights->config->vision;
  gint64 n = tile_rows (self), dh = vision->hidden / vision->n_heads, h = vision->n_heads;

  for (int tile = 0; tile < self->n_tiles; tile++)
    {
      PmodTensor some_qkv = pmod_tensor_rows (qkv, tile * n, n);
      PmodTensor mixed = pmod_tensor_rows (&s->mixed, tile * n, n);
      PmodTensor q = tile_of (&s->q, tile, n, h, dh), k = tile_of (&s->k, tile, h, n, dh);
      PmodTensor v = tile_of (&s->v, tile, h, n, dh);

      pmod_split_qkv (self->backend, &q, &k, &v, &some_qkv, NULL, NULL, 0, 0);
      pmod_attention (self->backend, &mixed, &q, &k, &v, n, false, 1 / sqrtf ((float)dh));
    }
  self->flops += 4.0 * (double)(self->n_tiles * n * n * vision->hidden);
}

/* out [S,Dv] = the block's output of s->x; fills in the rest of s. */
static void
block_forward (PmodNetwork *self, const PmodTowerWeights *w, PmodTowerState *s, PmodTensor *out)
{
  const PmodVisionConfig *vision = &self->weights->config->vision;
  gint64 n = s->x.shape[0], dv = vision->hidden;
  float eps = (float)vision->layer_norm_eps;
  PmodDtype act = self->weights->act;
  PmodArenaMark mark;
  PmodTensor qkv;

  s->normed1 = pmod_arena_2d (self->arena, act, n, dv);
  s->q = pmod_arena_2d (self->arena, act, n, dv);
  s->k = pmod_arena_2d (self->arena, act, n, dv);
  s->v = pmod_arena_2d (self->arena, act, n, dv);
  s->mixed = pmod_arena_2d (self->arena, act, n, dv);
  s->normed2 = pmod_arena_2d (self->arena, act, n, dv);
  s->z = pmod_arena_2d (self->arena, act, n, vision->ffn);
  s->ffn = pmod_arena_2d (self->arena, act, n, vision->ffn);
  s->h = pmod_network_copy (self, &s->x);

  pmod_layernorm (self->backend, &s->normed1, &s->x, &w->norm1->value, &w->norm1_bias->value, eps);
  mark = pmod_arena_mark (self->arena);
  qkv = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, 3 * dv);
  pmod_network_linear (self, &qkv, &s->normed1, w->qkv, w->qkv_bias, PMOD_EPILOGUE_NONE);
  attend (self, s, &qkv);
  pmod_arena_reset (self->arena, mark);
  pmod_network_linear (self, &s->h, &s->mixed, w->out, w->out_bias, PMOD_EPILOGUE_ADD);

  pmod_layernorm (self->backend, &s->normed2, &s->h, &w->norm2->value, &w->norm2_bias->value, eps);
  pmod_network_linear (self, &s->z, &s->normed2, w->fc1, w->fc1_bias, PMOD_EPILOGUE_NONE);
  pmod_activation (self->backend, &s->ffn, &s->z, activation (self));
  pmod_copy (self->backend, out->data, s->h.data, pmod_tensor_bytes (out));
  pmod_network_linear (self, out, &s->ffn, w->fc2, w->fc2_bias, PMOD_EPILOGUE_ADD);
}

static void
attend_backward (PmodNetwork *self,
                 const PmodTowerState *s,
                 PmodTensor *dqkv,
                 const PmodTensor *dmixed)
{
  const PmodVisionConfig *vision = &self->weights->config->vision;
  PmodAttentionMask mask = { false };
  gint64 n = tile_rows (self), dh = vision->hidden / vision->n_heads, h = vision->n_heads;
  gint64 n_rows = dqkv->shape[0];
  PmodTensor all_dq = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n_rows, h * dh);
  PmodTensor all_dk = pmod_network_zeros (self, n_rows, h * dh);
  PmodTensor all_dv = pmod_network_zeros (self, n_rows, h * dh);

  for (int tile = 0; tile < self->n_tiles; tile++)
    {
      PmodTensor some_dqkv = pmod_tensor_rows (dqkv, tile * n, n);
      PmodTensor some_dmixed = pmod_tensor_rows (dmixed, tile * n, n);
      PmodTensor q = tile_of (&s->q, tile, n, h, dh), k = tile_of (&s->k, tile, h, n, dh);
      PmodTensor v = tile_of (&s->v, tile, h, n, dh);
      PmodTensor dq = tile_of (&all_dq, tile, n, h, dh);
      PmodTensor dk = tile_of (&all_dk, tile, h, n, dh);
      PmodTensor dv = tile_of (&all_dv, tile, h, n, dh);

      pmod_attention_backward (self->backend, &dq, &dk, &dv, &some_dmixed, &q, &k, &v, n, &mask,
                               1 / sqrtf ((float)dh));
      pmod_split_qkv_backward (self->backend, &some_dqkv, &dq, &dk, &dv, NULL, NULL, 0, 0);
    }
  self->flops += 8.0 * (double)(self->n_tiles * n * n * vision->hidden);
}

static void
norm_backward (PmodNetwork *self,
               PmodTensor *dx,
               const PmodTensor *dy,
               const PmodTensor *x,
               const PmodWeight *w,
               const PmodWeight *bias)
{
  PmodTensor dw, db;

  pmod_layernorm_backward (self->backend, dx, pmod_network_gradient (self, w, &dw),
                           pmod_network_gradient (self, bias, &db), dy, x, &w->value,
                           (float)self->weights->config->vision.layer_norm_eps);
}

/* dx [S,Dv]: the gradient of the block's output, then of its input. */
static void
block_backward (PmodNetwork *self,
                const PmodTowerWeights *w,
                const PmodTowerState *s,
                PmodTensor *dx)
{
  const PmodVisionConfig *vision = &self->weights->config->vision;
  gint64 n = dx->shape[0], dv = vision->hidden;
  PmodArenaMark mark = pmod_arena_mark (self->arena);
  PmodTensor dffn = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, vision->ffn);
  PmodTensor dnormed = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, dv);
  PmodTensor dqkv = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, 3 * dv);

  pmod_network_linear_backward (self, &dffn, dx, &s->ffn, w->fc2, w->fc2_bias);
  pmod_activation_backward (self->backend, &dffn, &dffn, &s->z, activation (self));
  pmod_network_linear_backward (self, &dnormed, &dffn, &s->normed2, w->fc1, w->fc1_bias);
  norm_backward (self, dx, &dnormed, &s->h, w->norm2, w->norm2_bias);

  pmod_network_linear_backward (self, &dnormed, dx, &s->mixed, w->out, w->out_bias);
  attend_backward (self, s, &dqkv, &dnormed);
  pmod_network_linear_backward (self, &dnormed, &dqkv, &s->normed1, w->qkv, w->qkv_bias);
  norm_backward (self, dx, &dnormed, &s->x, w->norm1, w->norm1_bias);
  pmod_arena_reset (self->arena, mark);
}

/* --- The tower ------------------------------------------------------------------------------ */

static void
embed (PmodNetwork *self, PmodTensor *x)
{
  const PmodWeights *w = self->weights;
  const PmodVisionConfig *vision = &w->config->vision;
  gint64 n = self->n_tiles * (tile_rows (self) - 1), p = vision->patch_size;
  PmodTensor vectors;

  self->pixels.n_dims = 4;
  self->pixels.shape[0] = self->n_tiles;
  self->pixels.shape[1] = 3;
  self->pixels.shape[2] = self->pixels.shape[3] = vision->image_size;
  self->patches = pmod_arena_2d (self->arena, w->act, n, 3 * p * p);
  vectors = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, vision->hidden);
  self->embedded = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, x->shape[0], vision->hidden);
  pmod_patchify (self->backend, &self->patches, &self->pixels, p);
  pmod_network_linear (self, &vectors, &self->patches, w->patch, NULL, PMOD_EPILOGUE_NONE);
  pmod_embed_patches (self->backend, &self->embedded, &vectors, &w->class_embedding->value,
                      &w->position->value);
  pmod_layernorm (self->backend, x, &self->embedded, &w->pre_norm->value, &w->pre_norm_bias->value,
                  (float)vision->layer_norm_eps);
}

static void
embed_backward (PmodNetwork *self, const PmodTensor *dx)
{
  const PmodWeights *w = self->weights;
  gint64 dv = w->config->vision.hidden;
  PmodTensor dembedded = pmod_network_zeros (self, dx->shape[0], dv);
  PmodTensor dvectors =
      pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->n_tiles * (tile_rows (self) - 1), dv);
  PmodTensor dclass, dposition;

  norm_backward (self, &dembedded, dx, &self->embedded, w->pre_norm, w->pre_norm_bias);
  pmod_embed_patches_backward (self->backend, &dvectors,
                               pmod_network_gradient (self, w->class_embedding, &dclass),
                               pmod_network_gradient (self, w->position, &dposition), &dembedded);
  pmod_network_linear_backward (self, NULL, &dvectors, &self->patches, w->patch, NULL);
}

static void
run_blocks (PmodNetwork *self, PmodTensor *x)
{
  gboolean keeps =
      self->backward && pmod_network_learns (self, PMOD_PART_TOWER) && !self->options.recompute;

  for (int i = 0; i < self->weights->n_blocks; i++)
    {
      PmodTensor out = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, x->shape[0], x->shape[1]);
      PmodArenaMark mark = pmod_arena_mark (self->arena);

      self->tower[i] = (PmodTowerState){ .x = *x };
      block_forward (self, &self->weights->blocks[i], &self->tower[i], &out);
      if (!keeps)
        pmod_arena_reset (self->arena, mark);
      *x = out;
    }
}

/* --- The projector -------------------------------------------------------------------------- */

static void
project (PmodNetwork *self)
{
  const PmodWeights *w = self->weights;
  gint64 n = self->n_tiles * (tile_rows (self) - 1), d = w->config->hidden;

  self->selected = pmod_arena_2d (self->arena, w->act, n, w->config->vision.hidden);
  self->hidden_z = pmod_arena_2d (self->arena, w->act, n, d);
  self->hidden = pmod_arena_2d (self->arena, w->act, n, d);
  self->projected = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, d);
  pmod_gather_rows (self->backend, &self->selected, &self->tower_out, &self->patch_rows);
  pmod_network_linear (self, &self->hidden_z, &self->selected, w->fc1, w->fc1_bias,
                       PMOD_EPILOGUE_NONE);
  pmod_activation (self->backend, &self->hidden, &self->hidden_z, PMOD_EPILOGUE_GELU);
  pmod_network_linear (self, &self->projected, &self->hidden, w->fc2, w->fc2_bias,
                       PMOD_EPILOGUE_NONE);
}

void
pmod_network_tower_forward (PmodNetwork *self)
{
  PmodTensor x;

  if (self->n_tiles == 0)
    return;
  x = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->n_tiles * tile_rows (self),
                     self->weights->config->vision.hidden);
  embed (self, &x);
  run_blocks (self, &x);
  self->tower_out = x;
  project (self);
}

void
pmod_network_tower_backward (PmodNetwork *self)
{
  const PmodWeights *w = self->weights;
  gboolean learns = pmod_network_learns (self, PMOD_PART_TOWER);
  PmodTensor dhidden, dselected, dx;

  if (self->n_tiles == 0 || !pmod_network_learns (self, PMOD_PART_TOWER | PMOD_PART_PROJECTOR))
    return;
  dhidden = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->hidden.shape[0], w->config->hidden);
  dselected =
      pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->hidden.shape[0], w->config->vision.hidden);
  pmod_network_linear_backward (self, &dhidden, &self->dprojected, &self->hidden, w->fc2,
                                w->fc2_bias);
  pmod_activation_backward (self->backend, &dhidden, &dhidden, &self->hidden_z, PMOD_EPILOGUE_GELU);
  pmod_network_linear_backward (self, learns ? &dselected : NULL, &dhidden, &self->selected, w->fc1,
                                w->fc1_bias);
  if (!learns)
    return;
  dx = pmod_network_zeros (self, self->tower_out.shape[0], self->tower_out.shape[1]);
  pmod_gather_rows_backward (self->backend, &dx, &dselected, &self->patch_rows);
  for (int i = w->n_blocks - 1; i >= 0; i--)
    {
      PmodArenaMark mark = pmod_arena_mark (self->arena);

      if (self->options.recompute)
        {
          PmodTensor out = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, dx.shape[0], dx.shape[1]);

          block_forward (self, &w->blocks[i], &self->tower[i], &out);
        }
      block_backward (self, &w->blocks[i], &self->tower[i], &dx);
      pmod_arena_reset (self->arena, mark);
    }
  embed_backward (self, &dx);
}
