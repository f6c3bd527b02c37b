/* A checkpoint: its files, every weight bound by exact name, dtype and shape.
 * Not here: which files there are and which name lies in which (pmod-shards.c), copying weights to
 * a backend (pmod-model.c).
 *
 * D hidden, F ffn, V vocabulary, Q = heads x head_dim, G = key/value heads x head_dim, Dv and Fv
 * of the tower, P patches a tile. All F32, F16 or BF16:
 *
 *   model.embed_tokens.weight [V,D]   model.norm.weight [D]   lm_head.weight [V,D] (unless tied)
 *   model.image_newline [D] (spatial_unpad)
 *   model.mm_projector.{0,2}.weight [D,Dv] [D,D], .bias [D]
 *   model.layers.N.X of a plain layer, model.layers.N.decoder_layer.X of a routed one, with X of
 *     {input_layernorm,post_attention_layernorm}.weight [D]
 *     self_attn.{q,k,v,o}_proj.weight [Q,D] [G,D] [G,D] [D,Q]
 *     mlp.{gate,up,down}_proj.weight [F,D] [F,D] [D,F]
 *   model.layers.N.router.router.weight [1,D], .bias [1] (mod_bias_enabled) of a routed layer
 *   model.vision_tower.vision_tower.vision_model.Y, or vision_model.Y in the tower's directory:
 *     embeddings.class_embedding [Dv], .position_embedding.weight [P+1,Dv],
 *     .patch_embedding.weight [Dv,3,p,p], pre_layrnorm.{weight,bias} [Dv] (so spelled),
 *     encoder.layers.N.layer_norm{1,2}.{weight,bias} [Dv],
 *     .self_attn.{q,k,v,out}_proj.{weight,bias} [Dv,Dv] [Dv], .mlp.fc{1,2}.{weight,bias}
 *
 * The tower's blocks after the one that is read, and its post_layernorm, need not be there. */
#include "pmod-checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pmod-shards.h"

#define TOWER_INSIDE "model.vision_tower.vision_tower.vision_model."
#define TOWER_OUTSIDE "vision_model."

/* Names that a message lists before it only counts. */
#define MAX_LISTED 6

#define MAX_NAME 160

struct _PmodCheckpoint
{
  char *dir;
  PmodConfig *config;
  PmodShards *shards;
  PmodShards *tower; /* NULL where the tower is inside or there is none */
  GHashTable *bound; /* PmodSafetensorsEntry that is used -> the PmodShards it is of */
  guint64 n_bytes;
  gboolean tower_inside;
  gboolean tower_assumed; /* no config.json tells the tower's shape */
};

/* The state of binding: what is wrong so far. */
typedef struct
{
  PmodCheckpoint *self;
  PmodShards *shards; /* where names are looked up now */
  GPtrArray *missing; /* char * */
  GError **error;
} Binder;

/* --- Binding by name -------------------------------------------------------------------------- */

static char *
describe_shape (const gint64 *shape, int n_dims)
{
  GString *text = g_string_new ("[");

  for (int i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i ? "," : "", shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static gboolean
is_float (const PmodSafetensorsEntry *entry)
{
  return strcmp (entry->dtype_name, "F32") == 0 || strcmp (entry->dtype_name, "BF16") == 0 ||
         strcmp (entry->dtype_name, "F16") == 0;
}

/* What else explains a wrong shape. */
static const char *
find_hint (const Binder *binder, const char *name)
{
  if (strstr (name, "embed_tokens") || g_str_has_prefix (name, "lm_head"))
    return " (vocab_size and hidden_size in config.json)";
  if (binder->self->tower_assumed &&
      (strstr (name, TOWER_OUTSIDE) || strstr (name, "mm_projector.0.")))
    return " (the tower has no config.json here, so CLIP ViT-L/14-336 is expected; name its "
           "directory with --vision-tower)";
  return "";
}

static gboolean
check_entry (const Binder *binder,
             const PmodSafetensorsEntry *entry,
             const gint64 *shape,
             int n_dims)
{
  gboolean same = entry->supported && entry->n_file_dims == n_dims && is_float (entry);
  g_autofree char *expected = NULL;
  g_autofree char *got = NULL;

  for (int i = 0; same && i < n_dims; i++)
    same = entry->tensor.shape[i] == shape[i];
  if (same)
    return TRUE;

  expected = describe_shape (shape, n_dims);
  if (entry->n_file_dims <= PMOD_TENSOR_MAX_DIMS)
    got = describe_shape (entry->tensor.shape, entry->n_file_dims);
  else
    got = g_strdup_printf ("of %d dimensions", entry->n_file_dims);
  g_set_error (binder->error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: %s: expected F32, F16 or BF16 %s, got %s %s%s",
               pmod_shards_get_path (binder->shards, entry->name), entry->name, expected,
               entry->dtype_name, got, find_hint (binder, entry->name));
  return FALSE;
}

/* FALSE where the tensor is there but wrong; a missing one is noted and reported later. */
static gboolean
bind (Binder *binder, const char *name, const gint64 *shape, int n_dims)
{
  const PmodSafetensorsEntry *entry = pmod_shards_find (binder->shards, name);

  if (!entry)
    {
      g_ptr_array_add (binder->missing, g_strdup (name));
      return TRUE;
    }
  if (!check_entry (binder, entry, shape, n_dims))
    return FALSE;
  g_hash_table_insert (binder->self->bound, (gpointer)entry, binder->shards);
  binder->self->n_bytes += entry->n_bytes;
  return TRUE;
}

static gboolean
bind_1d (Binder *binder, const char *prefix, const char *name, gint64 n)
{
  char full[MAX_NAME];

  g_snprintf (full, sizeof full, "%s%s", prefix, name);
  return bind (binder, full, &n, 1);
}

static gboolean
bind_2d (Binder *binder, const char *prefix, const char *name, gint64 n_out, gint64 n_in)
{
  const gint64 shape[] = { n_out, n_in };
  char full[MAX_NAME];

  g_snprintf (full, sizeof full, "%s%s", prefix, name);
  return bind (binder, full, shape, 2);
}

/* PREFIX NAME.weight [n_out,n_in] (n_in 0: [n_out]) and PREFIX NAME.bias [n_out]. */
static gboolean
bind_affine (Binder *binder, const char *prefix, const char *name, gint64 n_out, gint64 n_in)
{
  char full[MAX_NAME];

  g_snprintf (full, sizeof full, "%s%s.", prefix, name);
  return bind_1d (binder, full, "bias", n_out) &&
         (n_in ? bind_2d (binder, full, "weight", n_out, n_in)
               : bind_1d (binder, full, "weight", n_out));
}

/* --- Decoder ---------------------------------------------------------------------------------- */

static gboolean
bind_layer (Binder *binder, int layer)
{
  const PmodConfig *config = binder->self->config;
  gint64 width = config->hidden, ffn = config->ffn;
  gint64 q_width = (gint64)config->n_heads * config->head_dim;
  gint64 kv_width = (gint64)config->n_kv_heads * config->head_dim;
  char base[MAX_NAME], p[MAX_NAME];

  g_snprintf (base, sizeof base, "model.layers.%d.", layer);
  g_snprintf (p, sizeof p, "model.layers.%d.%s", layer,
              config->has_router[layer] ? "decoder_layer." : "");
  if (config->has_router[layer] &&
      (!bind_2d (binder, base, "router.router.weight", 1, width) ||
       (config->router_bias && !bind_1d (binder, base, "router.router.bias", 1))))
    return FALSE;
  return bind_1d (binder, p, "input_layernorm.weight", width) &&
         bind_1d (binder, p, "post_attention_layernorm.weight", width) &&
         bind_2d (binder, p, "self_attn.q_proj.weight", q_width, width) &&
         bind_2d (binder, p, "self_attn.k_proj.weight", kv_width, width) &&
         bind_2d (binder, p, "self_attn.v_proj.weight", kv_width, width) &&
         bind_2d (binder, p, "self_attn.o_proj.weight", width, q_width) &&
         bind_2d (binder, p, "mlp.gate_proj.weight", ffn, width) &&
         bind_2d (binder, p, "mlp.up_proj.weight", ffn, width) &&
         bind_2d (binder, p, "mlp.down_proj.weight", width, ffn);
}

static gboolean
bind_decoder (Binder *binder)
{
  const PmodConfig *config = binder->self->config;
  gint64 width = config->hidden;

  if (!bind_2d (binder, "", "model.embed_tokens.weight", config->vocab, width) ||
      !bind_1d (binder, "", "model.norm.weight", width) ||
      (!config->tie_word_embeddings &&
       !bind_2d (binder, "", "lm_head.weight", config->vocab, width)))
    return FALSE;
  for (int i = 0; i < config->n_layers; i++)
    if (!bind_layer (binder, i))
      return FALSE;
  if (config->has_vision &&
      (!bind_affine (binder, "model.", "mm_projector.0", width, config->vision.hidden) ||
       !bind_affine (binder, "model.", "mm_projector.2", width, width)))
    return FALSE;
  return !config->unpad || bind_1d (binder, "", "model.image_newline", width);
}

/* --- Tower ------------------------------------------------------------------------------------ */

static gboolean
bind_tower_block (Binder *binder, const char *prefix, int block)
{
  const PmodVisionConfig *vision = &binder->self->config->vision;
  gint64 width = vision->hidden;
  char p[MAX_NAME];

  g_snprintf (p, sizeof p, "%sencoder.layers.%d.", prefix, block);
  return bind_affine (binder, p, "layer_norm1", width, 0) &&
         bind_affine (binder, p, "layer_norm2", width, 0) &&
         bind_affine (binder, p, "self_attn.q_proj", width, width) &&
         bind_affine (binder, p, "self_attn.k_proj", width, width) &&
         bind_affine (binder, p, "self_attn.v_proj", width, width) &&
         bind_affine (binder, p, "self_attn.out_proj", width, width) &&
         bind_affine (binder, p, "mlp.fc1", vision->ffn, width) &&
         bind_affine (binder, p, "mlp.fc2", width, vision->ffn);
}

static gboolean
bind_tower (Binder *binder, const char *prefix)
{
  const PmodConfig *config = binder->self->config;
  const PmodVisionConfig *vision = &config->vision;
  const gint64 patch[] = { vision->hidden, 3, vision->patch_size, vision->patch_size };
  gint64 n_positions = pmod_config_tile_tokens (config) + 1;
  char name[MAX_NAME];

  g_snprintf (name, sizeof name, "%sembeddings.patch_embedding.weight", prefix);
  if (!bind (binder, name, patch, 4) ||
      !bind_1d (binder, prefix, "embeddings.class_embedding", vision->hidden) ||
      !bind_2d (binder, prefix, "embeddings.position_embedding.weight", n_positions,
                vision->hidden) ||
      !bind_affine (binder, prefix, "pre_layrnorm", vision->hidden, 0))
    return FALSE;
  for (int i = 0; i < pmod_config_n_tower_blocks (config); i++)
    if (!bind_tower_block (binder, prefix, i))
      return FALSE;
  return TRUE;
}

/* --- Names that need not be used -------------------------------------------------------------- */

/* name follows "vision_model." */
static gboolean
is_unread_tower_part (const PmodConfig *config, const char *name)
{
  static const char blocks[] = "encoder.layers.";
  gint64 block;

  if (g_str_has_prefix (name, "post_layernorm."))
    return TRUE;
  if (!g_str_has_prefix (name, blocks))
    return FALSE;
  block = g_ascii_strtoll (name + strlen (blocks), NULL, 10);
  return block >= pmod_config_n_tower_blocks (config) && block < config->vision.n_layers;
}

static gboolean
is_ignored (const PmodCheckpoint *self, const char *name)
{
  if (g_str_has_suffix (name, "rotary_emb.inv_freq") || g_str_has_suffix (name, ".position_ids"))
    return TRUE;
  if (strcmp (name, "lm_head.weight") == 0)
    return self->config->tie_word_embeddings; /* the same numbers again */
  /* Made whenever the merge type has "unpad", used with anyres only. */
  if (strcmp (name, "model.image_newline") == 0)
    return TRUE;
  return self->tower_inside && g_str_has_prefix (name, TOWER_INSIDE) &&
         is_unread_tower_part (self->config, name + strlen (TOWER_INSIDE));
}

static gboolean
is_ignored_outside (const PmodCheckpoint *self, const char *name)
{
  if (g_str_has_suffix (name, ".position_ids"))
    return TRUE;
  if (g_str_has_prefix (name, TOWER_OUTSIDE))
    return is_unread_tower_part (self->config, name + strlen (TOWER_OUTSIDE));
  /* The rest of CLIP. */
  return g_str_has_prefix (name, "text_model.") || g_str_has_prefix (name, "text_projection.") ||
         g_str_has_prefix (name, "visual_projection.") || strcmp (name, "logit_scale") == 0;
}

/* "missing tensors (8): "a" "b" ... and 2 more" */
static void
list_names (GString *text, const char *what, const GPtrArray *names)
{
  if (names->len == 0)
    return;
  g_string_append_printf (text, "%s%s (%u):", text->len ? "; " : "", what, names->len);
  for (guint i = 0; i < MIN (names->len, MAX_LISTED); i++)
    {
      g_autofree char *name = pmod_error_quote (g_ptr_array_index (names, i));

      g_string_append_printf (text, " %s", name);
    }
  if (names->len > MAX_LISTED)
    g_string_append_printf (text, " and %u more", names->len - MAX_LISTED);
}

/* Every name of shards must have been bound or be one to ignore. */
static gboolean
check_complete (Binder *binder, gboolean (*ignored) (const PmodCheckpoint *, const char *))
{
  g_autoptr (GPtrArray) unexpected = g_ptr_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = pmod_shards_get_n_entries (binder->shards);

  for (guint i = 0; i < n; i++)
    {
      const PmodSafetensorsEntry *entry = pmod_shards_get_entry (binder->shards, i);

      if (!g_hash_table_contains (binder->self->bound, entry) &&
          !ignored (binder->self, entry->name))
        g_ptr_array_add (unexpected, (gpointer)entry->name);
    }
  if (binder->missing->len == 0 && unexpected->len == 0)
    return TRUE;
  list_names (text, "missing tensors", binder->missing);
  list_names (text, "unexpected tensors", unexpected);
  g_set_error (binder->error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s",
               pmod_shards_get_dir (binder->shards), text->str);
  return FALSE;
}

/* --- Routers ---------------------------------------------------------------------------------- */

static gboolean
has_layer_tensor (const PmodCheckpoint *self, int layer, const char *rest)
{
  char name[MAX_NAME];

  g_snprintf (name, sizeof name, "model.layers.%d.%s", layer, rest);
  return pmod_shards_find (self->shards, name) != NULL;
}

static gboolean
fail_layer (const PmodCheckpoint *self, int layer, const char *what, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: layer %d: %s", self->dir, layer, what);
  return FALSE;
}

/* Sets has_router from what is there. A router goes with names that have "decoder_layer."; a layer
 * that the schedule does not route may have one all the same. */
static gboolean
find_routers (PmodCheckpoint *self, GError **error)
{
  gboolean any = self->config->schedule.kind == PMOD_SCHEDULE_CONSTANT;

  for (int i = 0; i < self->config->n_layers; i++)
    {
      gboolean scheduled = self->config->has_router[i];
      gboolean router = has_layer_tensor (self, i, "router.router.weight");
      gboolean wrapped = has_layer_tensor (self, i, "decoder_layer.input_layernorm.weight");
      gboolean plain = has_layer_tensor (self, i, "input_layernorm.weight");

      if (router && plain)
        return fail_layer (self, i,
                           "expected decoder_layer. in the names of a layer with a "
                           "router, got the names of a plain layer",
                           error);
      if (wrapped && !router)
        return fail_layer (self, i,
                           "expected router.router.weight beside the decoder_layer. "
                           "names, got none",
                           error);
      if (scheduled && !router && !any && plain)
        return fail_layer (self, i,
                           "expected a router, as mod_target_layers in config.json "
                           "routes this layer, got the names of a plain layer",
                           error);
      /* With neither naming, binding lists what the schedule makes it miss. */
      self->config->has_router[i] = router || (scheduled && !plain);
    }
  return TRUE;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static gboolean
has_tower_inside (const PmodCheckpoint *self)
{
  for (guint i = 0; i < pmod_shards_get_n_entries (self->shards); i++)
    if (g_str_has_prefix (pmod_shards_get_entry (self->shards, i)->name, TOWER_INSIDE))
      return TRUE;
  return FALSE;
}

static gboolean
open_tower (PmodCheckpoint *self, const char *found, GError **error)
{
  g_autofree char *name = NULL;

  if (found)
    {
      self->tower = pmod_shards_open (found, error);
      return self->tower != NULL;
    }
  name = pmod_error_quote (self->config->vision_tower);
  g_set_error (
      error, PMOD_ERROR, PMOD_ERROR_IO,
      "%s: expected the vision tower in the checkpoint or in a directory %s in it or beside "
      "it, found neither; download that model (config.json, preprocessor_config.json, "
      "model.safetensors) and name its directory with --vision-tower",
      self->dir, name);
  return FALSE;
}

static gboolean
bind_all (PmodCheckpoint *self, GError **error)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  Binder binder = { self, self->shards, missing, error };

  if (!find_routers (self, error) || !bind_decoder (&binder) ||
      (self->tower_inside && !bind_tower (&binder, TOWER_INSIDE)) ||
      !check_complete (&binder, is_ignored))
    return FALSE;
  if (!self->tower)
    return TRUE;
  binder.shards = self->tower;
  return bind_tower (&binder, TOWER_OUTSIDE) && check_complete (&binder, is_ignored_outside);
}

PmodCheckpoint *
pmod_checkpoint_open (const char *dir, const char *tower_dir, GError **error)
{
  g_autoptr (PmodCheckpoint) self = g_new0 (PmodCheckpoint, 1);
  g_autofree char *found = NULL;

  self->dir = g_strdup (dir);
  self->bound = g_hash_table_new (NULL, NULL);
  self->config = pmod_config_load (dir, tower_dir, error);
  if (!self->config)
    return NULL;
  self->shards = pmod_shards_open (dir, error);
  if (!self->shards)
    return NULL;
  if (self->config->has_vision)
    {
      found = tower_dir ? g_strdup (tower_dir)
                        : pmod_config_find_tower (dir, self->config->vision_tower);
      self->tower_assumed = !found;
      self->tower_inside = has_tower_inside (self);
      if (!self->tower_inside && !open_tower (self, found, error))
        return NULL;
    }
  return bind_all (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pmod_checkpoint_free (PmodCheckpoint *self)
{
  if (!self)
    return;
  g_free (self->dir);
  pmod_config_free (self->config);
  g_clear_pointer (&self->bound, g_hash_table_unref);
  pmod_shards_free (self->shards);
  pmod_shards_free (self->tower);
  g_free (self);
}

/* --- What is known ---------------------------------------------------------------------------- */

const PmodConfig *
pmod_checkpoint_get_config (const PmodCheckpoint *self)
{
  return self->config;
}

guint64
pmod_checkpoint_get_bytes (const PmodCheckpoint *self)
{
  return self->n_bytes;
}

guint
pmod_checkpoint_get_n_tensors (const PmodCheckpoint *self)
{
  return g_hash_table_size (self->bound);
}

guint
pmod_checkpoint_get_n_shards (const PmodCheckpoint *self)
{
  return pmod_shards_get_n_files (self->shards);
}

gboolean
pmod_checkpoint_is_tower_inside (const PmodCheckpoint *self)
{
  return self->tower_inside;
}

char *
pmod_checkpoint_describe_dtypes (const PmodCheckpoint *self)
{
  static const char *const names[] = { "BF16", "F16", "F32" };
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GHashTableIter iter;
      gpointer entry;
      gboolean used = FALSE;

      g_hash_table_iter_init (&iter, self->bound);
      while (!used && g_hash_table_iter_next (&iter, &entry, NULL))
        used = strcmp (((const PmodSafetensorsEntry *)entry)->dtype_name, names[i]) == 0;
      if (used)
        g_string_append_printf (text, "%s%s", text->len ? ", " : "", names[i]);
    }
  return g_string_free (text, FALSE);
}

/* --- Weights ---------------------------------------------------------------------------------- */

static const PmodTensor *
get_bound (const PmodCheckpoint *self, const PmodShards *shards, const char *name)
{
  const PmodSafetensorsEntry *entry = pmod_shards_find (shards, name);

  return entry && g_hash_table_contains (self->bound, entry) ? &entry->tensor : NULL;
}

const PmodTensor *
pmod_checkpoint_get (const PmodCheckpoint *self, const char *name)
{
  return get_bound (self, self->shards, name);
}

const PmodTensor *
pmod_checkpoint_get_layer (const PmodCheckpoint *self, int layer, const char *name)
{
  char full[MAX_NAME];
  const PmodTensor *tensor;

  g_snprintf (full, sizeof full, "model.layers.%d.%s", layer, name);
  tensor = get_bound (self, self->shards, full);
  if (tensor)
    return tensor;
  g_snprintf (full, sizeof full, "model.layers.%d.decoder_layer.%s", layer, name);
  return get_bound (self, self->shards, full);
}

const PmodTensor *
pmod_checkpoint_get_tower (const PmodCheckpoint *self, const char *name)
{
  char full[MAX_NAME];

  g_snprintf (full, sizeof full, "%s%s", self->tower_inside ? TOWER_INSIDE : TOWER_OUTSIDE, name);
  if (!self->tower_inside && !self->tower)
    return NULL;
  return get_bound (self, self->tower_inside ? self->shards : self->tower, full);
}

static const PmodSafetensorsEntry *
get_entry (const PmodTensor *tensor)
{
  return (const PmodSafetensorsEntry *)((const char *)tensor -
                                        G_STRUCT_OFFSET (PmodSafetensorsEntry, tensor));
}

void
pmod_checkpoint_forget (PmodCheckpoint *self, const PmodTensor *tensor)
{
  const PmodSafetensorsEntry *entry = get_entry (tensor);
  PmodShards *shards = g_hash_table_lookup (self->bound, entry);

  g_return_if_fail (shards != NULL);
  pmod_shards_forget (shards, entry);
}

/* --- Finite numbers --------------------------------------------------------------------------- */

/* Elements that are tested between two looks at the result: the inner loop stays free of branches,
 * so that it becomes vector code. */
#define FINITE_BLOCK 4096

/* Weights may lie at any address. */
typedef guint32 Word32 __attribute__ ((aligned (1), may_alias));
typedef guint16 Word16 __attribute__ ((aligned (1), may_alias));

/* Index of the first element whose exponent bits are all ones, or n. */
static gsize
find_not_finite_32 (const Word32 *words, gsize n)
{
  const guint32 mask = 0x7f800000;

  for (gsize begin = 0; begin < n; begin += FINITE_BLOCK)
    {
      gsize end = MIN (begin + FINITE_BLOCK, n);
      guint32 bad = 0;

      for (gsize i = begin; i < end; i++)
        bad |= (words[i] & mask) == mask;
      for (gsize i = begin; bad && i < end; i++)
        if ((words[i] & mask) == mask)
          return i;
    }
  return n;
}

static gsize
find_not_finite_16 (const Word16 *words, gsize n, guint16 mask)
{
  for (gsize begin = 0; begin < n; begin += FINITE_BLOCK)
    {
      gsize end = MIN (begin + FINITE_BLOCK, n);
      guint16 bad = 0;

      for (gsize i = begin; i < end; i++)
        bad |= (words[i] & mask) == mask;
      for (gsize i = begin; bad && i < end; i++)
        if ((words[i] & mask) == mask)
          return i;
    }
  return n;
}

gboolean
pmod_checkpoint_check_finite (PmodCheckpoint *self, const PmodTensor *tensor, GError **error)
{
  const PmodSafetensorsEntry *entry = get_entry (tensor);
  gsize n, idx;
  guint32 bits, fraction;

  g_return_val_if_fail (g_hash_table_contains (self->bound, entry), FALSE);
  if (tensor->dtype == PMOD_DTYPE_F32)
    {
      n = entry->n_bytes / sizeof (Word32);
      idx = find_not_finite_32 (tensor->data, n);
      bits = idx < n ? ((const Word32 *)tensor->data)[idx] : 0;
      fraction = bits & 0x7fffff;
    }
  else
    {
      gboolean half = tensor->dtype == PMOD_DTYPE_F16;

      n = entry->n_bytes / sizeof (Word16);
      idx = find_not_finite_16 (tensor->data, n, half ? 0x7c00 : 0x7f80);
      bits = idx < n ? (guint32)((const Word16 *)tensor->data)[idx] << 16 : 0;
      fraction = bits & (half ? 0x3ff0000u : 0x7f0000u);
    }
  if (idx == n)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER,
               "%s: %s: expected finite numbers, got %s at index %" G_GSIZE_FORMAT,
               pmod_shards_get_path (g_hash_table_lookup (self->bound, entry), entry->name),
               entry->name, fraction ? "NaN" : (bits >> 31 ? "-infinity" : "infinity"), idx);
  return FALSE;
}
