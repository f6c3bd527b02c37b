/* Weights on their way from a checkpoint's map to the backend: each is looked up, checked for NaN
 * and infinity, packed or widened, and its pages are given back. Not here: what the files may
 * hold (pmod-checkpoint.c) and what a model is (pmod-model.c). */
#include "config.h"

#include "pmod-checkpoint.h"
#include "pmod-model-private.h"
#include "pmod-rope.h"

typedef struct
{
  PmodModel *model;
  PmodCheckpoint *checkpoint; /* NULL: random weights */
  gboolean check_finite;
  PmodProgressFunc progress;
  gpointer user_data;
  guint64 done;
  guint64 total;
  guint64 seed;
  GError **error;
} Loader;

static gboolean
advance (Loader *self, guint64 n_bytes)
{
  self->done += n_bytes;
  if (self->progress == NULL ||
      self->progress ("weights", MIN (self->done, self->total), self->total, self->user_data))
    return TRUE;
  g_set_error (self->error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "loading was cancelled");
  return FALSE;
}

static gboolean
check_finite (Loader *self, const PmodTensor *tensor)
{
  return !self->check_finite ||
         pmod_checkpoint_check_finite (self->checkpoint, tensor, self->error);
}

static void *
keep (Loader *self, size_t n_bytes)
{
  void *data = pmod_alloc (self->model->backend, n_bytes);

  if (data == NULL)
    {
      pmod_model_check (self->model, "weights", self->error);
      return NULL;
    }
  g_ptr_array_add (self->model->memory, data);
  self->model->weight_bytes += n_bytes;
  return data;
}

static gboolean
finish_matrix (Loader *self, PmodMatrix **matrix)
{
  if (*matrix == NULL)
    return pmod_model_check (self->model, "weights", self->error);
  g_ptr_array_add (self->model->matrices, *matrix);
  self->model->weight_bytes += pmod_matrix_bytes (*matrix);
  return TRUE;
}

/* Stacks up to three weights of the checkpoint, all [n, n_in], into one matrix. */
static gboolean
load_matrix (Loader *self,
             PmodMatrix **matrix,
             int64_t n_out,
             int64_t n_in,
             const PmodTensor *const *parts,
             int n_parts)
{
  PmodMatrixPart list[3];
  guint64 n_bytes = 0;

  if (self->checkpoint == NULL)
    {
      *matrix = pmod_matrix_new_random (self->model->backend, n_out, n_in, self->model->act,
                                        ++self->seed);
      return finish_matrix (self, matrix) && advance (self, pmod_matrix_bytes (*matrix));
    }

  for (int i = 0; i < n_parts; i++)
    {
      if (!check_finite (self, parts[i]))
        return FALSE;
      list[i] = (PmodMatrixPart){ parts[i]->data, parts[i]->dtype, parts[i]->shape[0] };
      n_bytes += pmod_tensor_bytes (parts[i]);
    }
  *matrix = pmod_matrix_new (self->model->backend, list, n_parts, n_in, self->model->act);
  if (!finish_matrix (self, matrix))
    return FALSE;
  for (int i = 0; i < n_parts; i++)
    pmod_checkpoint_forget (self->checkpoint, parts[i]);
  return advance (self, n_bytes);
}

/* Makes *tensor an F32 copy on the backend of up to three parts laid end to end, seen with the
 * given shape (n1 = 0: one dimension). */
static gboolean
load_vector (Loader *self,
             PmodTensor *tensor,
             int64_t n0,
             int64_t n1,
             const PmodTensor *const *parts,
             int n_parts,
             float random_value)
{
  int64_t n = n1 > 0 ? n0 * n1 : n0;
  g_autofree float *values = g_new (float, n);
  int64_t at = 0;
  void *data;

  if (self->checkpoint == NULL)
    for (int64_t i = 0; i < n; i++)
      values[i] = random_value * (n1 > 0 ? (float)((i * 2654435761u) % 2001) / 1000 - 1 : 1);
  else
    for (int i = 0; i < n_parts; i++)
      {
        if (!check_finite (self, parts[i]))
          return FALSE;
        g_assert (at + pmod_tensor_n_elements (parts[i]) <= n);
        pmod_widen (values + at, parts[i]->data, parts[i]->dtype,
                    pmod_tensor_n_elements (parts[i]));
        at += pmod_tensor_n_elements (parts[i]);
      }

  data = keep (self, n * sizeof (float));
  if (data == NULL)
    return FALSE;
  pmod_upload (self->model->backend, data, values, n * sizeof (float));
  *tensor = n1 > 0 ? pmod_tensor_2d (data, PMOD_DTYPE_F32, n0, n1)
                   : pmod_tensor_1d (data, PMOD_DTYPE_F32, n0);
  return advance (self, n * sizeof (float));
}

/* --- Tower -------------------------------------------------------------------------------- */

static const PmodTensor *
tower_tensor (Loader *self, int block, const char *name)
{
  g_autofree char *full = NULL;

  if (self->checkpoint == NULL)
    return NULL;
  full = block < 0 ? g_strdup (name) : g_strdup_printf ("encoder.layers.%d.%s", block, name);
  return pmod_checkpoint_get_tower (self->checkpoint, full);
}

static gboolean
load_tower_vector (
    Loader *self, PmodTensor *tensor, int block, const char *name, int64_t n, float random_value)
{
  const PmodTensor *part = tower_tensor (self, block, name);

  return load_vector (self, tensor, n, 0, &part, 1, random_value);
}

static gboolean
load_tower_matrix (
    Loader *self, PmodMatrix **matrix, int block, const char *name, int64_t n_out, int64_t n_in)
{
  const PmodTensor *part = tower_tensor (self, block, name);

  return load_matrix (self, matrix, n_out, n_in, &part, 1);
}

static gboolean
load_tower_block (Loader *self, PmodTowerBlock *block, int i)
{
  const PmodVisionConfig *vision = &self->model->config->vision;
  int64_t dv = vision->hidden;
  const PmodTensor *qkv[] = {
    tower_tensor (self, i, "self_attn.q_proj.weight"),
    tower_tensor (self, i, "self_attn.k_proj.weight"),
    tower_tensor (self, i, "self_attn.v_proj.weight"),
  };
  const PmodTensor *qkv_bias[] = {
    tower_tensor (self, i, "self_attn.q_proj.bias"),
    tower_tensor (self, i, "self_attn.k_proj.bias"),
    tower_tensor (self, i, "self_attn.v_proj.bias"),
  };

  return load_tower_vector (self, &block->norm1_weight, i, "layer_norm1.weight", dv, 1) &&
         load_tower_vector (self, &block->norm1_bias, i, "layer_norm1.bias", dv, 0) &&
         load_matrix (self, &block->qkv, 3 * dv, dv, qkv, 3) &&
         load_vector (self, &block->qkv_bias, 3 * dv, 0, qkv_bias, 3, 0) &&
         load_tower_matrix (self, &block->out, i, "self_attn.out_proj.weight", dv, dv) &&
         load_tower_vector (self, &block->out_bias, i, "self_attn.out_proj.bias", dv, 0) &&
         load_tower_vector (self, &block->norm2_weight, i, "layer_norm2.weight", dv, 1) &&
         load_tower_vector (self, &block->norm2_bias, i, "layer_norm2.bias", dv, 0) &&
         load_tower_matrix (self, &block->fc1, i, "mlp.fc1.weight", vision->ffn, dv) &&
         load_tower_vector (self, &block->fc1_bias, i, "mlp.fc1.bias", vision->ffn, 0) &&
         load_tower_matrix (self, &block->fc2, i, "mlp.fc2.weight", dv, vision->ffn) &&
         load_tower_vector (self, &block->fc2_bias, i, "mlp.fc2.bias", dv, 0);
}

static gboolean
load_tower (Loader *self)
{
  PmodTower *tower = &self->model->tower;
  const PmodVisionConfig *vision = &self->model->config->vision;
  int64_t dv = vision->hidden;
  int64_t patch_values = 3 * (int64_t)vision->patch_size * vision->patch_size;
  int64_t n_positions = pmod_config_tile_tokens (self->model->config) + 1;
  const PmodTensor *position = tower_tensor (self, -1, "embeddings.position_embedding.weight");
  const PmodTensor *patch = tower_tensor (self, -1, "embeddings.patch_embedding.weight");

  if (!load_matrix (self, &tower->patch, dv, patch_values, &patch, 1) ||
      !load_tower_vector (self, &tower->class_embedding, -1, "embeddings.class_embedding", dv,
                          0.02f) ||
      !load_vector (self, &tower->position, n_positions, dv, &position, 1, 0.02f) ||
      !load_tower_vector (self, &tower->pre_norm_weight, -1, "pre_layrnorm.weight", dv, 1) ||
      !load_tower_vector (self, &tower->pre_norm_bias, -1, "pre_layrnorm.bias", dv, 0))
    return FALSE;

  tower->n_blocks = pmod_config_n_tower_blocks (self->model->config);
  tower->blocks = g_new0 (PmodTowerBlock, tower->n_blocks);
  for (int i = 0; i < tower->n_blocks; i++)
    if (!load_tower_block (self, &tower->blocks[i], i))
      return FALSE;
  return TRUE;
}

/* --- Projector and decoder ---------------------------------------------------------------- */

static const PmodTensor *
named_tensor (Loader *self, const char *name)
{
  return self->checkpoint != NULL ? pmod_checkpoint_get (self->checkpoint, name) : NULL;
}

static gboolean
load_projector (Loader *self)
{
  PmodProjector *projector = &self->model->projector;
  const PmodConfig *config = self->model->config;
  const PmodTensor *fc1 = named_tensor (self, "model.mm_projector.0.weight");
  const PmodTensor *fc1_bias = named_tensor (self, "model.mm_projector.0.bias");
  const PmodTensor *fc2 = named_tensor (self, "model.mm_projector.2.weight");
  const PmodTensor *fc2_bias = named_tensor (self, "model.mm_projector.2.bias");
  const PmodTensor *newline = named_tensor (self, "model.image_newline");

  if (!load_matrix (self, &projector->fc1, config->hidden, config->vision.hidden, &fc1, 1) ||
      !load_vector (self, &projector->fc1_bias, config->hidden, 0, &fc1_bias, 1, 0) ||
      !load_matrix (self, &projector->fc2, config->hidden, config->hidden, &fc2, 1) ||
      !load_vector (self, &projector->fc2_bias, config->hidden, 0, &fc2_bias, 1, 0))
    return FALSE;
  return !config->unpad ||
         load_vector (self, &projector->newline, 1, config->hidden, &newline, 1, 0.02f);
}

static const PmodTensor *
layer_tensor (Loader *self, int layer, const char *name)
{
  return self->checkpoint != NULL ? pmod_checkpoint_get_layer (self->checkpoint, layer, name)
                                  : NULL;
}

static gboolean
load_router (Loader *self, PmodLayer *layer, int i)
{
  const PmodConfig *config = self->model->config;
  const PmodTensor *weight = layer_tensor (self, i, "router.router.weight");
  const PmodTensor *bias = layer_tensor (self, i, "router.router.bias");

  if (!config->has_router[i])
    return TRUE;
  /* Two dimensions here only so that a random router is not the same number throughout. */
  if (!load_vector (self, &layer->router_weight, 1, config->hidden, &weight, 1, 0.02f))
    return FALSE;
  layer->router_weight = pmod_tensor_1d (layer->router_weight.data, PMOD_DTYPE_F32, config->hidden);
  return !config->router_bias || load_vector (self, &layer->router_bias, 1, 0, &bias, 1, 0);
}

static gboolean
load_layer (Loader *self, PmodLayer *layer, int i)
{
  const PmodConfig *config = self->model->config;
  int64_t d = config->hidden;
  int64_t n_q = (int64_t)config->n_heads * config->head_dim;
  int64_t n_kv = (int64_t)config->n_kv_heads * config->head_dim;
  const PmodTensor *attention_norm = layer_tensor (self, i, "input_layernorm.weight");
  const PmodTensor *mlp_norm = layer_tensor (self, i, "post_attention_layernorm.weight");
  const PmodTensor *qkv[] = {
    layer_tensor (self, i, "self_attn.q_proj.weight"),
    layer_tensor (self, i, "self_attn.k_proj.weight"),
    layer_tensor (self, i, "self_attn.v_proj.weight"),
  };
  const PmodTensor *out = layer_tensor (self, i, "self_attn.o_proj.weight");
  const PmodTensor *gate_up[] = {
    layer_tensor (self, i, "mlp.gate_proj.weight"),
    layer_tensor (self, i, "mlp.up_proj.weight"),
  };
  const PmodTensor *down = layer_tensor (self, i, "mlp.down_proj.weight");

  return load_vector (self, &layer->attention_norm, d, 0, &attention_norm, 1, 1) &&
         load_matrix (self, &layer->qkv, n_q + 2 * n_kv, d, qkv, 3) &&
         load_matrix (self, &layer->out, d, n_q, &out, 1) &&
         load_vector (self, &layer->mlp_norm, d, 0, &mlp_norm, 1, 1) &&
         load_matrix (self, &layer->gate_up, 2 * (int64_t)config->ffn, d, gate_up, 2) &&
         load_matrix (self, &layer->down, d, config->ffn, &down, 1) && load_router (self, layer, i);
}

/* The table keeps the checkpoint's own numbers: rows of it are widened when they are read. */
static gboolean
load_embedding (Loader *self)
{
  PmodModel *model = self->model;
  const PmodTensor *table = named_tensor (self, "model.embed_tokens.weight");
  size_t n_bytes;
  void *data;

  if (self->checkpoint == NULL)
    return load_vector (self, &model->embedding, model->config->vocab, model->config->hidden, NULL,
                        0, 0.02f);

  if (!check_finite (self, table))
    return FALSE;
  n_bytes = pmod_tensor_bytes (table);
  data = keep (self, n_bytes);
  if (data == NULL)
    return FALSE;
  pmod_upload (model->backend, data, table->data, n_bytes);
  model->embedding = *table;
  model->embedding.data = data;
  return advance (self, n_bytes);
}

static gboolean
load_head (Loader *self)
{
  PmodModel *model = self->model;
  const PmodTensor *norm = named_tensor (self, "model.norm.weight");
  const PmodTensor *head = named_tensor (
      self, model->config->tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");

  return load_vector (self, &model->norm, model->config->hidden, 0, &norm, 1, 1) &&
         load_matrix (self, &model->head, model->config->vocab, model->config->hidden, &head, 1);
}

static gboolean
make_rope (Loader *self)
{
  PmodModel *model = self->model;
  const PmodConfig *config = model->config;
  size_t n_bytes = (size_t)config->context_length * config->head_dim * sizeof (float);
  g_autofree float *table = NULL;
  void *data = keep (self, n_bytes);

  if (data == NULL)
    return FALSE;
  table = pmod_rope_new_table (config);
  pmod_upload (model->backend, data, table, n_bytes);
  model->rope = pmod_tensor_2d (data, PMOD_DTYPE_F32, config->context_length, config->head_dim);
  return TRUE;
}

gboolean
pmod_model_load_weights (PmodModel *self,
                         PmodCheckpoint *checkpoint,
                         const PmodModelOptions *options,
                         PmodProgressFunc progress,
                         gpointer user_data,
                         GError **error)
{
  PmodMemory memory;
  Loader loader = {
    .model = self,
    .checkpoint = checkpoint,
    .check_finite = checkpoint != NULL && !options->skip_finite_check,
    .progress = progress,
    .user_data = user_data,
    .error = error,
  };

  pmod_model_measure (self->config, self->act, &memory);
  loader.total = checkpoint != NULL ? pmod_checkpoint_get_bytes (checkpoint) : memory.weights;

  if (self->config->has_vision && (!load_tower (&loader) || !load_projector (&loader)))
    return FALSE;
  if (!load_embedding (&loader))
    return FALSE;
  self->layers = g_new0 (PmodLayer, self->config->n_layers);
  for (int i = 0; i < self->config->n_layers; i++)
    if (!load_layer (&loader, &self->layers[i], i))
      return FALSE;
  return load_head (&loader) && make_rope (&loader) && pmod_model_check (self, "loading", error);
}
