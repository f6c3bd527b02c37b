/* A checkpoint's configuration: files, built-in shapes, and what follows from the numbers.
 * Not here: the keys and their checks (pmod-config-json.c). */
#include "pmod-config-private.h"

#include <string.h>

/* --- Files ------------------------------------------------------------------------------------ */

/* dir itself if it is a tower's directory, else NULL. (transfer full) */
static char *
take_if_tower (char *dir)
{
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return dir;
  g_free (dir);
  return NULL;
}

char *
pmod_config_find_tower (const char *dir, const char *name)
{
  g_autofree char *base = g_canonicalize_filename (dir, NULL);
  g_autofree char *parent = g_path_get_dirname (base);
  char *found;

  if (g_path_is_absolute (name))
    return take_if_tower (g_strdup (name));
  found = take_if_tower (g_build_filename (base, name, NULL));
  return found ? found : take_if_tower (g_build_filename (parent, name, NULL));
}

static gboolean
load_tower (const char *dir, PmodJsonDocument **config, PmodJsonDocument **pre, GError **error)
{
  g_autofree char *config_path = g_build_filename (dir, "config.json", NULL);
  g_autofree char *pre_path = g_build_filename (dir, "preprocessor_config.json", NULL);

  *config = pmod_json_load (config_path, PMOD_CONFIG_MAX_BYTES, error);
  if (!*config)
    return FALSE;
  if (!g_file_test (pre_path, G_FILE_TEST_EXISTS))
    return TRUE;
  *pre = pmod_json_load (pre_path, PMOD_CONFIG_MAX_BYTES, error);
  return *pre != NULL;
}

/* Where no directory is found, only one name still tells the shape. */
static gboolean
check_known (const PmodJsonDocument *config, const char *name, GError **error)
{
  g_autofree char *base = g_path_get_basename (name);
  g_autofree char *quoted = pmod_error_quote (name);

  if (strcmp (base, PMOD_CONFIG_KNOWN_TOWER) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
               "%s: mm_vision_tower: expected a directory with the tower's config.json in the "
               "checkpoint or beside it, found none of the name %s; name it with --vision-tower",
               pmod_json_get_name (config), quoted);
  return FALSE;
}

PmodConfig *
pmod_config_load (const char *dir, const char *tower_dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);
  g_autoptr (PmodJsonDocument) config = pmod_json_load (path, PMOD_CONFIG_MAX_BYTES, error);
  g_autoptr (PmodJsonDocument) tower = NULL;
  g_autoptr (PmodJsonDocument) pre = NULL;
  g_autofree char *found = NULL;
  const PmodJson *name;

  if (!config)
    return NULL;
  name = pmod_json_find (pmod_json_root (config), "mm_vision_tower");
  if (name && name->type == PMOD_JSON_STRING)
    {
      found = tower_dir ? g_strdup (tower_dir) : pmod_config_find_tower (dir, name->string);
      if (found ? !load_tower (found, &tower, &pre, error)
                : !check_known (config, name->string, error))
        return NULL;
    }
  return pmod_config_read (config, tower, pre, error);
}

/* --- Built-in shapes -------------------------------------------------------------------------- */

/* Vicuna-7B v1.5 with CLIP ViT-L/14-336, as the published configurations have it. */
#define PRESET_COMMON                                                                              \
  "\"model_type\": \"pmod_llava_llama\", \"num_hidden_layers\": 32, \"hidden_size\": 4096, "       \
  "\"num_attention_heads\": 32, \"num_key_value_heads\": 32, \"intermediate_size\": 11008, "       \
  "\"vocab_size\": 32000, \"max_position_embeddings\": 4096, \"rms_norm_eps\": 1e-5, "             \
  "\"mm_vision_tower\": \"openai/clip-vit-large-patch14-336\", \"mm_hidden_size\": 1024, "         \
  "\"mm_vision_select_layer\": -2, \"mm_projector_type\": \"mlp2x_gelu\", "                        \
  "\"mod_target_layers\": \"shiftedcos_decay_0.85_0.15\", \"mod_router_factor\": 0.5, "            \
  "\"mod_weight_norm\": \"tanh_0.2_1\", \"mod_bias_enabled\": true, "

static const struct
{
  const char *name;
  const char *json;
} presets[] = {
  { "llava-1.5-7b",
    "{ " PRESET_COMMON "\"image_aspect_ratio\": \"pad\", \"tokenizer_model_max_length\": 2048 }" },
  { "llava-next-7b",
    "{ " PRESET_COMMON "\"image_aspect_ratio\": \"anyres\", \"tokenizer_model_max_length\": 4096, "
    "\"mm_patch_merge_type\": \"spatial_unpad\", \"image_grid_pinpoints\": "
    "[[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]] }" },
};

PmodConfig *
pmod_config_new_preset (const char *name, GError **error)
{
  g_autofree char *quoted = pmod_error_quote (name);

  for (gsize i = 0; i < G_N_ELEMENTS (presets); i++)
    if (strcmp (name, presets[i].name) == 0)
      return pmod_config_parse (presets[i].json, -1, NULL, 0, NULL, 0, error);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
               "preset: expected llava-1.5-7b or llava-next-7b, got %s", quoted);
  return NULL;
}

/* --- Lifecycle -------------------------------------------------------------------------------- */

PmodConfig *
pmod_config_copy (const PmodConfig *self)
{
  PmodConfig *copy = g_memdup2 (self, sizeof *self);

  copy->model_type = g_strdup (self->model_type);
  copy->vision_tower = g_strdup (self->vision_tower);
  copy->conversation = g_strdup (self->conversation);
  return copy;
}

void
pmod_config_make_dense (PmodConfig *self)
{
  self->schedule.kind = PMOD_SCHEDULE_DENSE;
  memset (self->has_router, 0, sizeof self->has_router);
}

void
pmod_config_free (PmodConfig *self)
{
  if (!self)
    return;
  g_free (self->model_type);
  g_free (self->vision_tower);
  g_free (self->conversation);
  g_free (self);
}

/* --- What follows ----------------------------------------------------------------------------- */

int
pmod_config_tile_tokens (const PmodConfig *self)
{
  int side;

  if (!self->has_vision)
    return 0;
  side = self->vision.image_size / self->vision.patch_size;
  return side * side;
}

int
pmod_config_n_tower_blocks (const PmodConfig *self)
{
  return self->has_vision ? self->vision.n_layers + 1 + self->vision_select_layer : 0;
}

static guint64
count_tower (const PmodConfig *self)
{
  const PmodVisionConfig *vision = &self->vision;
  guint64 width = vision->hidden, ffn = vision->ffn;
  guint64 patch = 3 * (guint64)vision->patch_size * vision->patch_size;
  guint64 n_positions = pmod_config_tile_tokens (self) + 1;
  guint64 block = 4 * (width * width + width) + 2 * width * ffn + ffn + width + 4 * width;

  /* class, patches, positions; the norms before and after; the blocks */
  return width + patch * width + n_positions * width + 4 * width + vision->n_layers * block;
}

guint64
pmod_config_n_parameters (const PmodConfig *self)
{
  guint64 width = self->hidden, n = 0;
  guint64 q_width = (guint64)self->n_heads * self->head_dim;
  guint64 kv_width = (guint64)self->n_kv_heads * self->head_dim;

  n += (self->tie_word_embeddings ? 1 : 2) * self->vocab * width + width;
  n += self->n_layers *
       (2 * q_width * width + 2 * kv_width * width + 3 * width * self->ffn + 2 * width);
  for (int i = 0; i < self->n_layers; i++)
    if (self->has_router[i])
      n += width + (self->router_bias ? 1 : 0);
  if (self->has_vision)
    n += count_tower (self) + self->vision.hidden * width + width + width * width + width;
  if (self->unpad)
    n += width;
  return n;
}

int
pmod_config_n_always_kept (const PmodConfig *self)
{
  return self->target == PMOD_TARGET_VISION_HR && self->image_mode == PMOD_IMAGE_ANYRES
             ? pmod_config_tile_tokens (self)
             : 0;
}

int
pmod_config_first_router (const PmodConfig *self)
{
  int i = 0;

  while (i < self->n_layers && !self->has_router[i])
    i++;
  return i;
}

char *
pmod_config_describe_routers (const PmodConfig *self)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < self->n_layers; i++)
    {
      int last = i;

      if (!self->has_router[i])
        continue;
      while (last + 1 < self->n_layers && self->has_router[last + 1])
        last++;
      g_string_append_printf (text, "%s%d", text->len ? "," : "", i);
      if (last > i)
        g_string_append_printf (text, "-%d", last);
      i = last;
    }
  if (!text->len)
    g_string_append (text, "none");
  return g_string_free (text, FALSE);
}
