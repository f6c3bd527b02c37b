/* The vision tower and the projector: pixels to vectors that stand in the prompt like words.
 *
 * CLIP's transformer up to the block that vision_select_layer names, its class token dropped,
 * then Linear, GELU, Linear. All tiles of a picture go through together. Features are kept for
 * the pictures seen last, so that a second question does not pay for them again.
 *
 * Source: CLIPVisionTransformer of transformers 4.37; p-MoD llava_arch.py for the merge. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-context-private.h"

/* --- Scratch -------------------------------------------------------------------------------- */

static gboolean
prepare_scratch (PmodContext *self, int n_tiles, GError **error)
{
  PmodVisionScratch *s = &self->vision;
  PmodModel *model = self->model;
  const PmodConfig *config = model->config;
  const PmodVisionConfig *vision = &config->vision;
  int64_t n_patches = pmod_config_tile_tokens (config);
  int64_t rows = n_tiles * (n_patches + 1);
  int64_t dv = vision->hidden;
  int64_t dh = dv / vision->n_heads;
  int64_t patch_values = 3 * (int64_t)vision->patch_size * vision->patch_size;
  PmodDtype act = model->act;
  gboolean ok;

  if (n_tiles <= s->max_tiles)
    return TRUE;
  pmod_context_release (model, s->memory);
  s->max_tiles = 0;
  s->pixels =
      pmod_tensor_3d (NULL, PMOD_DTYPE_F32, 3 * n_tiles, vision->image_size, vision->image_size);
  s->patches = pmod_tensor_2d (NULL, act, n_tiles * n_patches, patch_values);
  s->embedded = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, n_tiles * n_patches, dv);
  s->x = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, rows, dv);
  s->normed = pmod_tensor_2d (NULL, act, rows, dv);
  s->qkv = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, rows, 3 * dv);
  s->q = pmod_tensor_3d (NULL, act, n_patches + 1, vision->n_heads, dh);
  s->k = pmod_tensor_3d (NULL, act, vision->n_heads, n_patches + 1, dh);
  s->v = s->k;
  s->mixed = pmod_tensor_2d (NULL, act, rows, dv);
  s->ffn = pmod_tensor_2d (NULL, act, rows, vision->ffn);
  s->selected = pmod_tensor_2d (NULL, act, n_tiles * n_patches, dv);
  s->hidden = pmod_tensor_2d (NULL, act, n_tiles * n_patches, config->hidden);
  s->projected = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, n_tiles * n_patches, config->hidden);
  /* Of a picture's tokens, to which each row of its map adds a newline. */
  s->index = pmod_tensor_1d (NULL, PMOD_DTYPE_I32,
                             n_tiles * (n_patches + vision->image_size / vision->patch_size));
  s->map = s->shrunk = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, n_tiles * n_patches, config->hidden);
  ok = TRUE;
  for (PmodTensor *tensor = &s->pixels; ok && tensor <= &s->index; tensor++)
    ok = pmod_context_allocate (model, s->memory, tensor);
  if (pmod_model_shrinks_maps (config))
    ok = ok && pmod_context_allocate (model, s->memory, &s->map) &&
         pmod_context_allocate (model, s->memory, &s->shrunk);
  if (!ok)
    return pmod_model_check (model, "vision tower", error);
  s->max_tiles = n_tiles;
  return TRUE;
}

/* --- Tower ---------------------------------------------------------------------------------- */

static void
run_block (PmodContext *self, const PmodTowerBlock *w, int n_tiles, PmodTensor *x)
{
  PmodVisionScratch *s = &self->vision;
  PmodBackend *backend = self->model->backend;
  const PmodVisionConfig *vision = &self->model->config->vision;
  int64_t rows = x->shape[0];
  int64_t tile_rows = rows / n_tiles;
  float eps = (float)vision->layer_norm_eps;
  float scale = 1 / sqrtf ((float)(vision->hidden / vision->n_heads));
  PmodTensor normed = pmod_tensor_rows (&s->normed, 0, rows);
  PmodTensor qkv = pmod_tensor_rows (&s->qkv, 0, rows);
  PmodTensor mixed = pmod_tensor_rows (&s->mixed, 0, rows);
  PmodTensor ffn = pmod_tensor_rows (&s->ffn, 0, rows);

  pmod_layernorm (backend, &normed, x, &w->norm1_weight, &w->norm1_bias, eps);
  pmod_linear (backend, &qkv, &normed, w->qkv, &w->qkv_bias, PMOD_EPILOGUE_NONE);
  for (int tile = 0; tile < n_tiles; tile++)
    {
      PmodTensor tile_qkv = pmod_tensor_rows (&qkv, tile * tile_rows, tile_rows);
      PmodTensor tile_mixed = pmod_tensor_rows (&mixed, tile * tile_rows, tile_rows);

      pmod_split_qkv (backend, &s->q, &s->k, &s->v, &tile_qkv, NULL, NULL, 0, 0);
      pmod_attention (backend, &tile_mixed, &s->q, &s->k, &s->v, tile_rows, false, scale);
    }
  pmod_linear (backend, x, &mixed, w->out, &w->out_bias, PMOD_EPILOGUE_ADD);

  pmod_layernorm (backend, &normed, x, &w->norm2_weight, &w->norm2_bias, eps);
  pmod_linear (backend, &ffn, &normed, w->fc1, &w->fc1_bias,
               vision->quick_gelu ? PMOD_EPILOGUE_QUICK_GELU : PMOD_EPILOGUE_GELU);
  pmod_linear (backend, x, &ffn, w->fc2, &w->fc2_bias, PMOD_EPILOGUE_ADD);
}

static gboolean
run_tower (PmodContext *self, const float *pixels, int n_tiles, PmodTensor *x, GError **error)
{
  PmodVisionScratch *s = &self->vision;
  PmodModel *model = self->model;
  const PmodTower *tower = &model->tower;
  const PmodVisionConfig *vision = &model->config->vision;
  int64_t n_patches = pmod_config_tile_tokens (model->config);
  PmodTensor patches = pmod_tensor_rows (&s->patches, 0, n_tiles * n_patches);
  PmodTensor embedded = pmod_tensor_rows (&s->embedded, 0, n_tiles * n_patches);
  PmodTensor tiles = s->pixels;

  tiles.n_dims = 4;
  tiles.shape[0] = n_tiles;
  tiles.shape[1] = 3;
  tiles.shape[2] = tiles.shape[3] = vision->image_size;
  *x = pmod_tensor_rows (&s->x, 0, n_tiles * (n_patches + 1));

  pmod_upload (model->backend, tiles.data, pixels, pmod_tensor_bytes (&tiles));
  pmod_patchify (model->backend, &patches, &tiles, vision->patch_size);
  pmod_linear (model->backend, &embedded, &patches, tower->patch, NULL, PMOD_EPILOGUE_NONE);
  pmod_embed_patches (model->backend, x, &embedded, &tower->class_embedding, &tower->position);
  pmod_layernorm (model->backend, x, x, &tower->pre_norm_weight, &tower->pre_norm_bias,
                  (float)vision->layer_norm_eps);
  for (int i = 0; i < tower->n_blocks; i++)
    {
      if (!pmod_context_check_cancelled (self, error))
        return FALSE;
      run_block (self, &tower->blocks[i], n_tiles, x);
    }
  return pmod_model_check (model, "vision tower", error);
}

/* Rows of the patches alone, the class token of each tile left out. */
static void
select_patches (PmodContext *self, const PmodTensor *x, int n_tiles, PmodTensor *selected)
{
  PmodVisionScratch *s = &self->vision;
  PmodBackend *backend = self->model->backend;
  int n_patches = pmod_config_tile_tokens (self->model->config);
  PmodTensor index = pmod_tensor_rows (&s->index, 0, n_tiles * n_patches);
  g_autofree gint32 *rows = g_new (gint32, n_tiles * n_patches);

  for (int tile = 0; tile < n_tiles; tile++)
    for (int i = 0; i < n_patches; i++)
      rows[tile * n_patches + i] = tile * (n_patches + 1) + 1 + i;
  pmod_upload (backend, index.data, rows, pmod_tensor_bytes (&index));
  *selected = pmod_tensor_rows (&s->selected, 0, n_tiles * n_patches);
  pmod_gather_rows (backend, selected, x, &index);
  pmod_backend_sync (backend);
}

gboolean
pmod_vision_encode (PmodContext *self,
                    const float *pixels,
                    int n_tiles,
                    PmodTrace *trace,
                    PmodTensor *projected,
                    GError **error)
{
  PmodVisionScratch *s = &self->vision;
  PmodModel *model = self->model;
  const PmodProjector *projector = &model->projector;
  int64_t n_patches = pmod_config_tile_tokens (model->config);
  PmodFlops flops;
  PmodTensor x, selected, hidden;
  gint64 start_us = g_get_monotonic_time ();

  if (!prepare_scratch (self, n_tiles, error) || !run_tower (self, pixels, n_tiles, &x, error))
    return FALSE;
  select_patches (self, &x, n_tiles, &selected);
  flops = pmod_meter_vision (model->config, n_tiles);
  pmod_context_record_stage (trace, PMOD_STAGE_VISION, -1, (int)(n_tiles * n_patches), start_us, 0,
                             &flops, FALSE);
  pmod_context_record_state (self, PMOD_STATE_VISION, -1, &selected, trace);

  start_us = g_get_monotonic_time ();
  hidden = pmod_tensor_rows (&s->hidden, 0, n_tiles * n_patches);
  *projected = pmod_tensor_rows (&s->projected, 0, n_tiles * n_patches);
  pmod_linear (model->backend, &hidden, &selected, projector->fc1, &projector->fc1_bias,
               PMOD_EPILOGUE_GELU);
  pmod_linear (model->backend, projected, &hidden, projector->fc2, &projector->fc2_bias,
               PMOD_EPILOGUE_NONE);
  if (!pmod_model_check (model, "projector", error))
    return FALSE;
  flops = pmod_meter_projector (model->config, n_tiles);
  pmod_context_record_stage (trace, PMOD_STAGE_PROJECTOR, -1, (int)(n_tiles * n_patches), start_us,
                             0, &flops, FALSE);
  pmod_context_record_state (self, PMOD_STATE_PROJECTOR, -1, projected, trace);
  return TRUE;
}

/* --- Merge ---------------------------------------------------------------------------------- */

/* out [n, D] = table rows by index, -1 leaves a row as it is. */
static void
gather (PmodContext *self, PmodTensor *out, const PmodTensor *table, const gint32 *index, int n)
{
  PmodBackend *backend = self->model->backend;
  PmodTensor rows = pmod_tensor_rows (&self->vision.index, 0, n);

  pmod_upload (backend, rows.data, index, pmod_tensor_bytes (&rows));
  pmod_gather_rows (backend, out, table, &rows);
}

/* Shrinks the map of an anyres picture: *table becomes the first tile's rows, then those of the
 * smaller map. */
static void
shrink_map (PmodContext *self, const PmodPixels *layout, PmodTensor *table)
{
  int64_t d = self->model->config->hidden;
  int64_t n_patches = pmod_config_tile_tokens (self->model->config);
  const PmodPlane *plane = &layout->planes[1];
  int n_map = layout->resample_rows * layout->resample_cols;
  int n_small = plane->rows * plane->cols;
  PmodTensor map = pmod_tensor_rows (&self->vision.map, 0, n_map);
  PmodTensor merged = pmod_tensor_rows (&self->vision.shrunk, 0, n_patches + n_small);
  PmodTensor small = pmod_tensor_rows (&merged, n_patches, n_small);

  gather (self, &map, table, layout->resample_merge, n_map);
  pmod_copy (self->model->backend, merged.data, table->data,
             (gsize)(n_patches * d) * sizeof (float));
  small = pmod_tensor_3d (small.data, PMOD_DTYPE_F32, plane->rows, plane->cols, d);
  map = pmod_tensor_3d (map.data, PMOD_DTYPE_F32, layout->resample_rows, layout->resample_cols, d);
  pmod_resample (self->model->backend, &small, &map);
  *table = merged;
}

/* Fills in features [n_tokens, D]: the tiles' vectors in the order of the sequence. */
static gboolean
merge (PmodContext *self,
       const PmodPixels *layout,
       const PmodTensor *projected,
       PmodTensor *features,
       GError **error)
{
  PmodModel *model = self->model;
  g_autofree gint32 *newline = g_new (gint32, MAX (layout->n_tokens, 1));
  PmodTensor table = *projected;
  gboolean has_newline = FALSE;

  for (int i = 0; i < layout->n_tokens; i++)
    {
      newline[i] = layout->merge[i] < 0 ? 0 : -1;
      has_newline |= layout->merge[i] < 0;
    }
  if (layout->resample_merge != NULL)
    shrink_map (self, layout, &table);
  gather (self, features, &table, layout->merge, layout->n_tokens);
  if (has_newline)
    gather (self, features, &model->projector.newline, newline, layout->n_tokens);
  return pmod_model_check (model, "picture", error);
}

/* --- Features ------------------------------------------------------------------------------- */

/* They share one piece of memory, in which those that are longest unused give way: what is
 * allocated and freed for each frame of a camera would make a whole device wait, also for the
 * timeline beside. */

void
pmod_vision_clear (PmodContext *self)
{
  memset (self->features, 0, sizeof self->features);
}

static gboolean
prepare_pool (PmodContext *self, GError **error)
{
  PmodModel *model = self->model;

  if (self->feature_pool.data != NULL)
    return TRUE;
  self->feature_pool = pmod_tensor_2d (
      NULL, PMOD_DTYPE_F32, pmod_model_get_feature_rows (model->config), model->config->hidden);
  return pmod_context_allocate (model, self->memory, &self->feature_pool) ||
         pmod_model_check (model, "picture", error);
}

/* The one that was asked for longest ago. NULL: none is in use. */
static PmodFeatureSlot *
find_oldest (PmodContext *self)
{
  PmodFeatureSlot *oldest = NULL;

  for (int i = 0; i < PMOD_FEATURE_SLOTS; i++)
    if (self->features[i].used != 0 && (!oldest || self->features[i].used < oldest->used))
      oldest = &self->features[i];
  return oldest;
}

static PmodFeatureSlot *
find_empty (PmodContext *self)
{
  for (int i = 0; i < PMOD_FEATURE_SLOTS; i++)
    if (self->features[i].used == 0)
      return &self->features[i];
  return NULL;
}

static gint64
count_rows (PmodContext *self)
{
  gint64 n = 0;

  for (int i = 0; i < PMOD_FEATURE_SLOTS; i++)
    if (self->features[i].used != 0)
      n += self->features[i].n_rows;
  return n;
}

/* The first of those that begin at row or behind it. NULL: there is none. */
static PmodFeatureSlot *
find_next (PmodContext *self, gint64 row)
{
  PmodFeatureSlot *next = NULL;

  for (int i = 0; i < PMOD_FEATURE_SLOTS; i++)
    if (self->features[i].used != 0 && self->features[i].first >= row &&
        (!next || self->features[i].first < next->first))
      next = &self->features[i];
  return next;
}

/* Moves it to row, which lies before it. A copy may not overlap itself: as many rows at a time as
 * lie between. */
static void
move_slot (PmodContext *self, PmodFeatureSlot *slot, gint64 row)
{
  gint64 step = slot->first - row;

  for (gint64 i = 0; step > 0 && i < slot->n_rows; i += step)
    {
      gint64 n = MIN (step, slot->n_rows - i);
      PmodTensor to = pmod_tensor_rows (&self->feature_pool, row + i, n);
      PmodTensor from = pmod_tensor_rows (&self->feature_pool, slot->first + i, n);

      pmod_copy (self->model->backend, to.data, from.data, pmod_tensor_bytes (&to));
    }
  slot->first = row;
}

/* Where n_rows lie free in one piece, of which as many are free in all: the first gap of them, or
 * behind all others, which then move together. */
static gint64
find_room (PmodContext *self, gint64 n_rows)
{
  PmodFeatureSlot *slot;
  gint64 row = 0;

  for (; (slot = find_next (self, row)) != NULL && slot->first - row < n_rows;)
    row = slot->first + slot->n_rows;
  if (row + n_rows <= self->feature_pool.shape[0])
    return row;
  for (row = 0; (slot = find_next (self, row)) != NULL; row += slot->n_rows)
    move_slot (self, slot, row);
  return row;
}

/* An empty slot, with room for n_rows. */
static PmodFeatureSlot *
make_room (PmodContext *self, gint64 n_rows)
{
  gint64 limit = self->feature_pool.shape[0];
  PmodFeatureSlot *slot;

  g_assert (n_rows <= limit);
  while ((slot = find_oldest (self)) && (!find_empty (self) || count_rows (self) + n_rows > limit))
    memset (slot, 0, sizeof *slot);
  slot = find_empty (self);
  slot->first = find_room (self, n_rows);
  slot->n_rows = n_rows;
  return slot;
}

/* Into a slot. Where a device fails, what was moved is lost with it: then all are empty. */
static PmodFeatureSlot *
encode_image (PmodContext *self, PmodImage *image, PmodTrace *trace, GError **error)
{
  g_autoptr (PmodPixels) pixels = NULL;
  PmodTensor projected, features;
  PmodFeatureSlot *slot;
  gint64 start_us = g_get_monotonic_time ();

  pixels = pmod_pixels_new (image, self->model->config, error);
  if (pixels == NULL)
    return NULL;
  pmod_context_record_stage (trace, PMOD_STAGE_PREPROCESS, -1, pixels->n_tokens, start_us, 0, NULL,
                             FALSE);
  if (!pmod_vision_encode (self, pixels->pixels, pixels->n_tiles, trace, &projected, error) ||
      !prepare_pool (self, error))
    return NULL;
  slot = make_room (self, pixels->n_tokens);
  features = pmod_tensor_rows (&self->feature_pool, slot->first, slot->n_rows);
  if (merge (self, pixels, &projected, &features, error))
    return slot;
  pmod_vision_clear (self);
  return NULL;
}

gboolean
pmod_vision_features (
    PmodContext *self, PmodImage *image, PmodTrace *trace, PmodTensor *features, GError **error)
{
  guint64 hash = pmod_image_get_hash (image);
  PmodFeatureSlot *slot = NULL;

  for (int i = 0; slot == NULL && i < PMOD_FEATURE_SLOTS; i++)
    if (self->features[i].used != 0 && self->features[i].hash == hash)
      slot = &self->features[i];
  if (slot != NULL)
    pmod_context_record_stage (trace, PMOD_STAGE_VISION, -1, (int)slot->n_rows, 0, 0, NULL, TRUE);
  else
    {
      slot = encode_image (self, image, trace, error);
      if (slot == NULL)
        return FALSE;
      slot->hash = hash;
    }
  slot->used = ++self->feature_clock;
  *features = pmod_tensor_rows (&self->feature_pool, slot->first, slot->n_rows);
  return TRUE;
}
