/* The list of weights that a configuration asks for, their names, first values and memory. */
#include "pmod-weights.h"

#include <math.h>
#include <string.h>

#include "pmod-safetensors-writer.h"

/* Weights begin at multiples of 64 bytes. */
#define ALIGNMENT 16

#define LAYERS "model.layers."
#define WRAPPED "decoder_layer." /* in the names of a routed layer */
#define TOWER "model.vision_tower.vision_tower.vision_model."

/* Standard deviations of a new network. */
#define FAN_IN_SCALE 0.8
#define TABLE_STD 0.05f
#define POSITION_STD 0.02f

/* --- The list ------------------------------------------------------------------------------- */

typedef struct
{
  PmodWeights *self;
  char prefix[160];
  PmodPart part;
} Builder;

static PmodWeight *
append (Builder *builder, const PmodWeight *shape, const char *const *names)
{
  PmodWeight *weight = g_memdup2 (shape, sizeof *shape);
  gsize n = (gsize)pmod_weight_n (shape);

  for (int i = 0; i < weight->n_parts; i++)
    weight->names[i] = g_strconcat (builder->prefix, names[i], NULL);
  weight->part = builder->part;
  weight->offset = builder->self->n_elements;
  builder->self->n_elements += (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  g_ptr_array_add (builder->self->all, weight);
  return weight;
}

static PmodWeight *
vector (Builder *builder, const char *name, gint64 n, float value)
{
  PmodWeight weight = { .n_parts = 1, .n_out = { n }, .n_file_dims = 1, .file_shape = { n } };

  weight.init_value = value;
  weight.value = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, n);
  return append (builder, &weight, &name);
}

/* A matrix of n_parts parts; scale of its first values beside 1 / sqrt (n_in). */
static PmodWeight *
matrix (Builder *builder,
        const char *const *names,
        const gint64 *n_out,
        int n_parts,
        gint64 n_in,
        double scale)
{
  PmodWeight weight = { .n_parts = n_parts, .n_file_dims = 2, .is_hidden = TRUE, .decays = TRUE };
  gint64 n = 0;

  for (int i = 0; i < n_parts; i++)
    n += weight.n_out[i] = n_out[i];
  weight.file_shape[0] = n_out[0];
  weight.file_shape[1] = n_in;
  weight.init_std = (float)(scale / sqrt ((double)n_in));
  weight.value = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, n, n_in);
  return append (builder, &weight, names);
}

static PmodWeight *
matrix1 (Builder *builder, const char *name, gint64 n_out, gint64 n_in, double scale)
{
  return matrix (builder, &name, &n_out, 1, n_in, scale);
}

/* A table of rows that are looked up, or added to. */
static PmodWeight *
table (Builder *builder, const char *name, gint64 n, gint64 width, double std, gboolean decays)
{
  PmodWeight weight = { .n_parts = 1,
                        .n_out = { n },
                        .n_file_dims = 2,
                        .file_shape = { n, width },
                        .decays = decays,
                        .init_std = (float)std };

  weight.value = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, n, width);
  return append (builder, &weight, &name);
}

/* --- Tower ---------------------------------------------------------------------------------- */

static PmodWeight *
triple_bias (Builder *builder, gint64 n)
{
  static const char *const names[] = { "self_attn.q_proj.bias", "self_attn.k_proj.bias",
                                       "self_attn.v_proj.bias" };
  PmodWeight weight = { .n_parts = 3, .n_out = { n, n, n }, .n_file_dims = 1, .file_shape = { n } };

  weight.value = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, 3 * n);
  return append (builder, &weight, names);
}

static void
add_tower_block (Builder *builder, PmodTowerWeights *block, int i)
{
  static const char *const qkv[] = { "self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                     "self_attn.v_proj.weight" };
  const PmodVisionConfig *vision = &builder->self->config->vision;
  gint64 dv = vision->hidden;
  double end = FAN_IN_SCALE / sqrt (2.0 * vision->n_layers);

  g_snprintf (builder->prefix, sizeof builder->prefix, TOWER "encoder.layers.%d.", i);
  block->norm1 = vector (builder, "layer_norm1.weight", dv, 1);
  block->norm1_bias = vector (builder, "layer_norm1.bias", dv, 0);
  block->qkv = matrix (builder, qkv, (gint64[]){ dv, dv, dv }, 3, dv, FAN_IN_SCALE);
  block->qkv_bias = triple_bias (builder, dv);
  block->out = matrix1 (builder, "self_attn.out_proj.weight", dv, dv, end);
  block->out_bias = vector (builder, "self_attn.out_proj.bias", dv, 0);
  block->norm2 = vector (builder, "layer_norm2.weight", dv, 1);
  block->norm2_bias = vector (builder, "layer_norm2.bias", dv, 0);
  block->fc1 = matrix1 (builder, "mlp.fc1.weight", vision->ffn, dv, FAN_IN_SCALE);
  block->fc1_bias = vector (builder, "mlp.fc1.bias", vision->ffn, 0);
  block->fc2 = matrix1 (builder, "mlp.fc2.weight", dv, vision->ffn, end);
  block->fc2_bias = vector (builder, "mlp.fc2.bias", dv, 0);
}

static void
add_tower (Builder *builder)
{
  PmodWeights *self = builder->self;
  const PmodVisionConfig *vision = &self->config->vision;
  gint64 dv = vision->hidden, p = vision->patch_size;

  builder->part = PMOD_PART_TOWER;
  g_strlcpy (builder->prefix, TOWER, sizeof builder->prefix);
  self->patch = matrix1 (builder, "embeddings.patch_embedding.weight", dv, 3 * p * p, 1);
  self->patch->n_file_dims = 4;
  memcpy (self->patch->file_shape, (gint64[]){ dv, 3, p, p }, sizeof self->patch->file_shape);
  self->class_embedding = vector (builder, "embeddings.class_embedding", dv, 0);
  self->class_embedding->init_std = POSITION_STD;
  self->position = table (builder, "embeddings.position_embedding.weight",
                          pmod_config_tile_tokens (self->config) + 1, dv, POSITION_STD, FALSE);
  self->pre_norm = vector (builder, "pre_layrnorm.weight", dv, 1);
  self->pre_norm_bias = vector (builder, "pre_layrnorm.bias", dv, 0);
  self->n_blocks = pmod_config_n_tower_blocks (self->config);
  self->blocks = g_new0 (PmodTowerWeights, self->n_blocks);
  for (int i = 0; i < self->n_blocks; i++)
    add_tower_block (builder, &self->blocks[i], i);
}

static void
add_projector (Builder *builder)
{
  PmodWeights *self = builder->self;
  gint64 d = self->config->hidden;

  builder->part = PMOD_PART_PROJECTOR;
  g_strlcpy (builder->prefix, "model.", sizeof builder->prefix);
  self->fc1 =
      matrix1 (builder, "mm_projector.0.weight", d, self->config->vision.hidden, FAN_IN_SCALE);
  self->fc1_bias = vector (builder, "mm_projector.0.bias", d, 0);
  self->fc2 = matrix1 (builder, "mm_projector.2.weight", d, d, FAN_IN_SCALE);
  self->fc2_bias = vector (builder, "mm_projector.2.bias", d, 0);
  if (self->config->unpad)
    {
      self->newline = vector (builder, "image_newline", d, 0);
      self->newline->init_std = TABLE_STD;
    }
}

/* --- Decoder -------------------------------------------------------------------------------- */

static void
add_router (Builder *builder, PmodLayerWeights *layer, int i)
{
  const PmodConfig *config = builder->self->config;

  builder->part = PMOD_PART_ROUTERS;
  g_snprintf (builder->prefix, sizeof builder->prefix, "model.layers.%d.", i);
  layer->router = vector (builder, "router.router.weight", config->hidden, 0);
  layer->router->n_file_dims = 2;
  layer->router->file_shape[0] = 1;
  layer->router->file_shape[1] = config->hidden;
  if (config->router_bias)
    layer->router_bias = vector (builder, "router.router.bias", 1, 0);
}

static void
add_layer (Builder *builder, PmodLayerWeights *layer, int i)
{
  static const char *const qkv[] = { "self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                     "self_attn.v_proj.weight" };
  static const char *const gate_up[] = { "mlp.gate_proj.weight", "mlp.up_proj.weight" };
  const PmodConfig *config = builder->self->config;
  gint64 d = config->hidden, f = config->ffn;
  gint64 n_q = (gint64)config->n_heads * config->head_dim;
  gint64 n_kv = (gint64)config->n_kv_heads * config->head_dim;
  double end = FAN_IN_SCALE / sqrt (2.0 * config->n_layers);

  if (config->has_router[i])
    add_router (builder, layer, i);
  builder->part = PMOD_PART_DECODER;
  g_snprintf (builder->prefix, sizeof builder->prefix, "model.layers.%d.%s", i,
              config->has_router[i] ? "decoder_layer." : "");
  layer->attention_norm = vector (builder, "input_layernorm.weight", d, 1);
  layer->qkv = matrix (builder, qkv, (gint64[]){ n_q, n_kv, n_kv }, 3, d, FAN_IN_SCALE);
  layer->out = matrix1 (builder, "self_attn.o_proj.weight", d, n_q, end);
  layer->mlp_norm = vector (builder, "post_attention_layernorm.weight", d, 1);
  layer->gate_up = matrix (builder, gate_up, (gint64[]){ f, f }, 2, d, FAN_IN_SCALE);
  layer->down = matrix1 (builder, "mlp.down_proj.weight", d, f, end);
}

static void
add_decoder (Builder *builder)
{
  PmodWeights *self = builder->self;
  const PmodConfig *config = self->config;

  builder->part = PMOD_PART_EMBEDDING;
  builder->prefix[0] = '\0';
  self->embedding =
      table (builder, "model.embed_tokens.weight", config->vocab, config->hidden, TABLE_STD, TRUE);
  self->layers = g_new0 (PmodLayerWeights, config->n_layers);
  for (int i = 0; i < config->n_layers; i++)
    add_layer (builder, &self->layers[i], i);
  builder->prefix[0] = '\0';
  builder->part = PMOD_PART_DECODER;
  self->norm = vector (builder, "model.norm.weight", config->hidden, 1);
  self->head = self->embedding;
  if (config->tie_word_embeddings)
    return;
  builder->part = PMOD_PART_HEAD;
  self->head = table (builder, "lm_head.weight", config->vocab, config->hidden, TABLE_STD, TRUE);
}

static void
free_weight (PmodWeight *self)
{
  for (int i = 0; i < self->n_parts; i++)
    g_free (self->names[i]);
  g_free (self);
}

static void
build_list (PmodWeights *self)
{
  Builder builder = { .self = self };

  self->all = g_ptr_array_new_with_free_func ((GDestroyNotify)free_weight);
  if (self->config->has_vision)
    {
      add_tower (&builder);
      add_projector (&builder);
    }
  add_decoder (&builder);
}

/* --- Values --------------------------------------------------------------------------------- */

/* Box and Muller's normal numbers. */
static float
draw_normal (GRand *random)
{
  double u = 1 - g_rand_double (random), angle = 2 * G_PI * g_rand_double (random);

  return (float)(sqrt (-2 * log (u)) * cos (angle));
}

/* Where a patch lies, as waves over both axes: for each of Dv / 4 frequencies w
 *
 *   sin (w column), cos (w column), sin (w row), cos (w row)
 *
 * from one radian a patch down to one across the picture. Beside patches of the same size no block
 * has to learn where it is; small random rows would be lost in what the blocks add. */
static void
fill_positions (const PmodWeights *self, float *values)
{
  gint64 side = self->config->vision.image_size / self->config->vision.patch_size;
  gint64 dv = self->config->vision.hidden, n_waves = dv / 4;
  float *rows = values + self->position->offset + dv; /* the first is the class token's */

  for (gint64 i = 0; i < side * side; i++)
    for (gint64 k = 0; k < n_waves; k++)
      {
        double w = pow ((double)side, -(double)k / (double)n_waves);
        double column = w * (double)(i % side), row = w * (double)(i / side);
        float *to = rows + i * dv + 4 * k;

        to[0] = (float)sin (column);
        to[1] = (float)cos (column);
        to[2] = (float)sin (row);
        to[3] = (float)cos (row);
      }
}

/* Numbers are drawn for the weights of other parts, too, so that each weight has its own. */
static void
fill_new (const PmodWeights *self, float *values, guint parts, guint64 seed)
{
  guint32 seeds[] = { (guint32)seed, (guint32)(seed >> 32), 0x706d6f64 };
  GRand *random = g_rand_new_with_seed_array (seeds, G_N_ELEMENTS (seeds));

  for (guint i = 0; i < self->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self, i);
      float *to = values + weight->offset;
      gint64 n = pmod_weight_n (weight);

      for (gint64 k = 0; k < n; k++)
        {
          float value =
              weight->init_std > 0 ? weight->init_std * draw_normal (random) : weight->init_value;

          if ((parts & weight->part) != 0)
            to[k] = value;
        }
    }
  g_rand_free (random);
  if (self->config->has_vision && (parts & PMOD_PART_TOWER) != 0)
    fill_positions (self, values);
}

/* A layer's weights are found whether the checkpoint routes it or not. */
static const PmodTensor *
find_tensor (const PmodCheckpoint *checkpoint, const char *name)
{
  const char *rest;
  char *end;
  int layer;

  if (g_str_has_prefix (name, TOWER))
    return pmod_checkpoint_get_tower (checkpoint, name + strlen (TOWER));
  if (!g_str_has_prefix (name, LAYERS))
    return pmod_checkpoint_get (checkpoint, name);
  layer = (int)g_ascii_strtoll (name + strlen (LAYERS), &end, 10);
  rest = end + 1;
  if (g_str_has_prefix (rest, WRAPPED))
    rest += strlen (WRAPPED);
  return pmod_checkpoint_get_layer (checkpoint, layer, rest);
}

/* Shapes were checked when the checkpoint was opened, against the same configuration. */
static gboolean
fill_from (const PmodWeights *self, float *values, const PmodCheckpoint *checkpoint, GError **error)
{
  for (guint i = 0; i < self->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self, i);
      float *to = values + weight->offset;

      for (int k = 0; k < weight->n_parts; k++)
        {
          const PmodTensor *tensor = find_tensor (checkpoint, weight->names[k]);

          if (tensor == NULL)
            {
              g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: not in the checkpoint",
                           weight->names[k]);
              return FALSE;
            }
          pmod_widen (to, tensor->data, tensor->dtype, pmod_tensor_n_elements (tensor));
          to += pmod_tensor_n_elements (tensor);
        }
    }
  return TRUE;
}

/* --- Memory --------------------------------------------------------------------------------- */

gboolean
pmod_weights_check (const PmodWeights *self, GError **error)
{
  if (pmod_backend_sync (self->backend))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "weights: %s",
               pmod_backend_get_error (self->backend));
  return FALSE;
}

static void
clear_block (PmodWeights *self, float *block)
{
  PmodTensor all = pmod_tensor_1d (block, PMOD_DTYPE_F32, (gint64)self->n_elements);

  pmod_fill (self->backend, &all, 0);
}

static float *
new_block (PmodWeights *self)
{
  float *block = pmod_alloc (self->backend, self->n_elements * sizeof (float));

  if (block != NULL)
    clear_block (self, block);
  return block;
}

void
pmod_weights_forget (PmodWeights *self)
{
  clear_block (self, self->m1);
  clear_block (self, self->m2);
}

const float *
pmod_weights_read (const PmodWeights *self, const float *block, float **copy, GError **error)
{
  gsize n_bytes = self->n_elements * sizeof (float);
  PmodBackendInfo info;

  pmod_backend_get_info (self->backend, &info);
  *copy = NULL;
  if (!info.host_memory)
    {
      *copy = g_malloc (n_bytes);
      pmod_download (self->backend, *copy, block, n_bytes);
      block = *copy;
    }
  if (pmod_weights_check (self, error))
    return block;
  g_clear_pointer (copy, g_free);
  return NULL;
}

void
pmod_weights_write (PmodWeights *self, float *block, const float *from)
{
  pmod_upload (self->backend, block, from, self->n_elements * sizeof (float));
}

static gboolean
is_multiplied (const PmodWeights *self, const PmodWeight *weight)
{
  return weight->is_hidden || weight == self->head;
}

static gboolean
make_matrices (PmodWeights *self, GError **error)
{
  for (guint i = 0; i < self->all->len; i++)
    {
      PmodWeight *weight = pmod_weights_get (self, i);

      weight->value = pmod_weight_view (weight, self->values);
      if (is_multiplied (self, weight))
        weight->matrix = pmod_matrix_new_trainable (self->backend, &weight->value, self->act);
    }
  return pmod_weights_check (self, error);
}

/* The first values, made by the host. */
static gboolean
fill_values (PmodWeights *self, guint64 seed, const PmodCheckpoint *checkpoint, GError **error)
{
  g_autofree float *values = g_new0 (float, self->n_elements);

  if (checkpoint == NULL)
    fill_new (self, values, PMOD_PART_ALL, seed);
  else if (!fill_from (self, values, checkpoint, error))
    return FALSE;
  pmod_weights_write (self, self->values, values);
  return TRUE;
}

PmodWeights *
pmod_weights_new (const PmodConfig *config,
                  PmodBackend *backend,
                  PmodDtype act,
                  guint64 seed,
                  const PmodCheckpoint *checkpoint,
                  GError **error)
{
  g_autoptr (PmodWeights) self = g_new0 (PmodWeights, 1);

  self->config = pmod_config_copy (config);
  self->act = act;
  self->own = backend == NULL ? pmod_backend_new_cpu (1, PMOD_CPU_BEST) : NULL;
  self->backend = backend == NULL ? self->own : backend;
  build_list (self);
  self->values = new_block (self);
  self->m1 = new_block (self);
  self->m2 = new_block (self);
  if (!pmod_weights_check (self, error) || !fill_values (self, seed, checkpoint, error))
    return NULL;
  return make_matrices (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pmod_weights_free (PmodWeights *self)
{
  for (guint i = 0; i < self->all->len; i++)
    if (pmod_weights_get (self, i)->matrix != NULL)
      pmod_matrix_free (self->backend, pmod_weights_get (self, i)->matrix);
  pmod_free (self->backend, self->values);
  pmod_free (self->backend, self->m1);
  pmod_free (self->backend, self->m2);
  pmod_backend_free (self->own);
  pmod_config_free (self->config);
  g_clear_pointer (&self->all, g_ptr_array_unref);
  g_free (self->blocks);
  g_free (self->layers);
  g_free (self);
}

gboolean
pmod_weights_renew (PmodWeights *self, guint parts, guint64 seed, GError **error)
{
  g_autofree float *copy = NULL;
  const float *before = pmod_weights_read (self, self->values, &copy, error);

  if (before == NULL)
    return FALSE;
  if (copy == NULL)
    copy = g_memdup2 (before, self->n_elements * sizeof *copy);
  fill_new (self, copy, parts, seed);
  pmod_weights_write (self, self->values, copy);
  pmod_weights_update (self);
  return TRUE;
}

void
pmod_weight_update (PmodWeight *self, PmodBackend *backend)
{
  if (self->matrix != NULL)
    pmod_matrix_update (backend, self->matrix, &self->value);
}

void
pmod_weights_update (PmodWeights *self)
{
  for (guint i = 0; i < self->all->len; i++)
    pmod_weight_update (pmod_weights_get (self, i), self->backend);
}

PmodWeight *
pmod_weights_get (const PmodWeights *self, guint i)
{
  return g_ptr_array_index (self->all, i);
}

PmodTensor
pmod_weight_view (const PmodWeight *weight, float *block)
{
  PmodTensor view = weight->value;

  view.data = block + weight->offset;
  return view;
}

gint64
pmod_weight_n (const PmodWeight *weight)
{
  return pmod_tensor_n_elements (&weight->value);
}

/* --- Saving --------------------------------------------------------------------------------- */

gboolean
pmod_weights_save (const PmodWeights *self, const char *path, PmodDtype dtype, GError **error)
{
  static const char *const metadata[] = { "format", "pt", NULL };
  g_autoptr (GArray) list = g_array_new (FALSE, TRUE, sizeof (PmodNamedTensor));
  g_autofree float *copy = NULL;
  const float *values = pmod_weights_read (self, self->values, &copy, error);

  if (values == NULL)
    return FALSE;
  for (guint i = 0; i < self->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self, i);
      const float *data = values + weight->offset;
      gint64 n_in = weight->value.n_dims > 1 ? weight->value.shape[1] : 1;

      for (int k = 0; k < weight->n_parts; k++)
        {
          PmodNamedTensor tensor = { weight->names[k], dtype, weight->n_file_dims };

          memcpy (tensor.shape, weight->file_shape, sizeof tensor.shape);
          if (weight->n_parts > 1)
            tensor.shape[0] = weight->n_out[k];
          tensor.data = data;
          data += weight->n_out[k] * n_in;
          g_array_append_val (list, tensor);
        }
    }
  return pmod_safetensors_write (path, (const PmodNamedTensor *)(gpointer)list->data, list->len,
                                 metadata, error);
}
