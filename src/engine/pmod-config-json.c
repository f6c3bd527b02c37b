/* Keys of config.json and of the tower's two files: what each must be, and what is refused.
 * Not here: where the files lie (pmod-config.c), and whether the weights agree
 * (pmod-checkpoint.c).
 *
 * Source: transformers 4.37 LlamaConfig, CLIPVisionConfig and CLIPImageProcessor; LLaVA's and
 * p-MoD's own keys as p-MoD's training script writes them. */
#include "pmod-config-private.h"

#include <math.h>
#include <string.h>

#include "pmod-params.h"

/* Bounds far beyond any model, low enough that no product of them overflows 63 bits. */
#define MAX_WIDTH (1 << 16)
#define MAX_HEADS (1 << 10)
#define MAX_HEAD_DIM (1 << 10)
#define MAX_FFN (1 << 20)
#define MAX_VOCAB (1 << 22)
#define MAX_CONTEXT (1 << 24)
#define MAX_IMAGE_SIDE (1 << 12)
#define MAX_PATCHES (1 << 16)
#define MAX_PINPOINT_TILES 64
#define MAX_SPAN 10000

/* One object of one file. The first failure sticks; later reads return a value in range, so that
 * callers check once. */
typedef struct
{
  const char *name;
  const PmodJson *object;
  GError *error;
} Keys;

static void
expect (Keys *self, PmodErrorCode code, const char *key, const char *expected, const PmodJson *got)
{
  g_autofree char *text = NULL;

  if (self->error)
    return;
  text = got ? pmod_json_describe (got) : g_strdup ("nothing");
  g_set_error (&self->error, PMOD_ERROR, code, "%s: %s: expected %s, got %s", self->name, key,
               expected, text);
}

/* NULL where the key is absent or null. */
static const PmodJson *
find (const Keys *self, const char *key)
{
  const PmodJson *value = pmod_json_find (self->object, key);

  return value && value->type != PMOD_JSON_NULL ? value : NULL;
}

static int
check_int (Keys *self, const char *key, const PmodJson *value, int min, int max)
{
  g_autofree char *expected = NULL;

  if (value && value->type == PMOD_JSON_INTEGER && value->integer >= min && value->integer <= max)
    return (int)value->integer;
  expected = min == max ? g_strdup_printf ("%d", min)
                        : g_strdup_printf ("a whole number from %d to %d", min, max);
  expect (self, PMOD_ERROR_FORMAT, key, expected, value);
  return min;
}

static int
read_int (Keys *self, const char *key, int min, int max)
{
  return check_int (self, key, find (self, key), min, max);
}

static int
read_int_or (Keys *self, const char *key, int min, int max, int fallback)
{
  const PmodJson *value = find (self, key);

  return value ? check_int (self, key, value, min, max) : fallback;
}

/* above: the value must be greater; most: it may be equal. */
static double
check_number (Keys *self, const char *key, const PmodJson *value, double above, double most)
{
  g_autofree char *expected = NULL;
  double number = NAN;

  if (value && value->type == PMOD_JSON_INTEGER)
    number = (double)value->integer;
  else if (value && value->type == PMOD_JSON_NUMBER)
    number = value->number;
  if (number > above && number <= most)
    return number;
  expected = g_strdup_printf ("a number above %g and at most %g", above, most);
  expect (self, PMOD_ERROR_FORMAT, key, expected, value);
  return most;
}

static double
read_number_or (Keys *self, const char *key, double above, double most, double fallback)
{
  const PmodJson *value = find (self, key);

  return value ? check_number (self, key, value, above, most) : fallback;
}

static gboolean
read_flag_or (Keys *self, const char *key, gboolean fallback)
{
  const PmodJson *value = find (self, key);

  if (value && value->type != PMOD_JSON_BOOLEAN)
    expect (self, PMOD_ERROR_FORMAT, key, "true or false", value);
  return value && value->type == PMOD_JSON_BOOLEAN ? value->boolean : fallback;
}

static const char *
read_string_or (Keys *self, const char *key, const char *fallback)
{
  const PmodJson *value = find (self, key);

  if (value && (value->type != PMOD_JSON_STRING || !*value->string))
    expect (self, PMOD_ERROR_FORMAT, key, "a string that is not empty", value);
  return value && value->type == PMOD_JSON_STRING ? value->string : fallback;
}

static const char *
read_string (Keys *self, const char *key)
{
  const char *string = read_string_or (self, key, NULL);

  if (!string)
    expect (self, PMOD_ERROR_FORMAT, key, "a string", find (self, key));
  return string ? string : "";
}

/* The index in choices (NULL-terminated) of the key's value, fallback where it is absent. */
static int
read_choice_or (Keys *self, const char *key, const char *const *choices, int fallback)
{
  const PmodJson *value = find (self, key);
  const char *string = read_string_or (self, key, NULL);
  g_autofree char *expected = NULL;

  if (!string)
    return fallback;
  for (int i = 0; choices[i]; i++)
    if (strcmp (string, choices[i]) == 0)
      return i;
  expected = g_strjoinv (" or ", (char **)choices);
  expect (self, PMOD_ERROR_UNSUPPORTED, key, expected, value);
  return fallback;
}

/* A key whose value would change the network in a way that is not implemented. */
static void
refuse_true (Keys *self, const char *key)
{
  if (read_flag_or (self, key, FALSE))
    expect (self, PMOD_ERROR_UNSUPPORTED, key, "false", find (self, key));
}

G_GNUC_PRINTF (2, 3)
static void
refuse (Keys *self, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  if (self->error)
    return;
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (&self->error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", self->name, what);
}

/* --- Decoder ---------------------------------------------------------------------------------- */

static void
read_heads (Keys *keys, PmodConfig *config)
{
  config->n_heads = read_int (keys, "num_attention_heads", 1, MAX_HEADS);
  config->n_kv_heads = read_int_or (keys, "num_key_value_heads", 1, MAX_HEADS, config->n_heads);
  if (config->n_heads % config->n_kv_heads != 0)
    refuse (keys, "num_key_value_heads: expected a divisor of num_attention_heads %d, got %d",
            config->n_heads, config->n_kv_heads);
  if (!find (keys, "head_dim") && config->hidden % config->n_heads != 0)
    refuse (keys, "hidden_size: expected a multiple of num_attention_heads %d, got %d",
            config->n_heads, config->hidden);
  config->head_dim =
      read_int_or (keys, "head_dim", 2, MAX_HEAD_DIM, config->hidden / config->n_heads);
  if (config->head_dim % 2 != 0 || config->head_dim < 2 || config->head_dim > MAX_HEAD_DIM)
    refuse (keys,
            "head_dim: expected an even number from 2 to %d (rotary embedding pairs its halves), "
            "got %d",
            MAX_HEAD_DIM, config->head_dim);
}

static void
read_decoder (Keys *keys, PmodConfig *config)
{
  static const char *const acts[] = { "silu", NULL };
  int length;

  config->n_layers = read_int (keys, "num_hidden_layers", 1, PMOD_MAX_LAYERS);
  config->hidden = read_int (keys, "hidden_size", 1, MAX_WIDTH);
  read_heads (keys, config);
  config->ffn = read_int (keys, "intermediate_size", 1, MAX_FFN);
  config->vocab = read_int (keys, "vocab_size", 1, MAX_VOCAB);
  length = read_int (keys, "max_position_embeddings", 1, MAX_CONTEXT);
  config->context_length =
      MIN (length, read_int_or (keys, "tokenizer_model_max_length", 1, MAX_CONTEXT, length));
  config->rms_norm_eps = check_number (keys, "rms_norm_eps", find (keys, "rms_norm_eps"), 0, 1);
  config->rope_theta = read_number_or (keys, "rope_theta", 0, 1e12, 10000);
  config->tie_word_embeddings = read_flag_or (keys, "tie_word_embeddings", FALSE);
  config->bos_token = read_int_or (keys, "bos_token_id", 0, config->vocab - 1, 1);
  config->eos_token = read_int_or (keys, "eos_token_id", 0, config->vocab - 1, 2);
  if (config->bos_token >= config->vocab || config->eos_token >= config->vocab)
    refuse (keys, "vocab_size: expected room for the begin and end tokens, got %d", config->vocab);

  read_choice_or (keys, "hidden_act", acts, 0);
  refuse_true (keys, "attention_bias");
  refuse_true (keys, "mlp_bias");
  if (find (keys, "rope_scaling"))
    expect (keys, PMOD_ERROR_UNSUPPORTED, "rope_scaling",
            "null (scaled rotary embedding is not implemented)", find (keys, "rope_scaling"));
}

/* --- Routing ---------------------------------------------------------------------------------- */

/* An error of another parser, with the key that it came from. */
static void
take_error (Keys *self, const char *key, GError *error)
{
  g_prefix_error (&error, "%s: %s: ", self->name, key);
  if (self->error)
    g_error_free (error);
  else
    self->error = error;
}

static void
read_schedule (Keys *keys, PmodConfig *config)
{
  PmodSchedule *schedule = &config->schedule;
  const char *layers = read_string_or (keys, "mod_target_layers", NULL);
  double ratios[PMOD_MAX_LAYERS];
  GError *error = NULL;

  /* As in the reference, no key means no routed layer. */
  if (layers && !pmod_schedule_parse (schedule, layers, &error))
    take_error (keys, "mod_target_layers", error);
  if (keys->error || schedule->kind == PMOD_SCHEDULE_DENSE)
    return;
  schedule->factor =
      check_number (keys, "mod_router_factor", find (keys, "mod_router_factor"), 0, 2);
  if (keys->error)
    return;
  pmod_schedule_ratios (schedule, config->n_layers, ratios);
  for (int i = 0; i < config->n_layers; i++)
    config->has_router[i] = ratios[i] != PMOD_RATIO_PLAIN;
}

static void
read_routing (Keys *keys, PmodConfig *config)
{
  static const char *const targets[] = { "vision_all", "vision_hr", "all", NULL };
  GError *error = NULL;

  /* In the order of PmodTarget. */
  config->target =
      (PmodTarget)read_choice_or (keys, "mod_target_token_type", targets, PMOD_TARGET_VISION);
  config->schedule.span = read_int_or (keys, "mod_decay_span", 1, MAX_SPAN, 31);
  read_schedule (keys, config);
  if (config->schedule.kind == PMOD_SCHEDULE_DENSE)
    return;
  if (!pmod_router_norm_parse (&config->router_norm, read_string (keys, "mod_weight_norm"), &error))
    take_error (keys, "mod_weight_norm", error);
  config->router_bias = read_flag_or (keys, "mod_bias_enabled", FALSE);
}

/* --- Tower ------------------------------------------------------------------------------------ */

static void
init_known_tower (PmodVisionConfig *vision)
{
  static const PmodVisionConfig known = {
    .hidden = 1024,
    .n_layers = 24,
    .n_heads = 16,
    .ffn = 4096,
    .image_size = 336,
    .patch_size = 14,
    .layer_norm_eps = 1e-5,
    .quick_gelu = TRUE,
    .image_mean = { 0.48145466f, 0.4578275f, 0.40821073f },
    .image_std = { 0.26862954f, 0.26130258f, 0.27577711f },
    .rescale_factor = 1.0 / 255.0,
  };

  *vision = known;
}

static void
check_tower_sizes (Keys *keys, const PmodVisionConfig *vision)
{
  int side = vision->image_size / vision->patch_size;

  if (vision->hidden % vision->n_heads != 0)
    refuse (keys, "hidden_size: expected a multiple of num_attention_heads %d, got %d",
            vision->n_heads, vision->hidden);
  if (vision->image_size % vision->patch_size != 0)
    refuse (keys, "image_size: expected a multiple of patch_size %d, got %d", vision->patch_size,
            vision->image_size);
  if (side * side > MAX_PATCHES)
    refuse (keys, "patch_size: expected at most %d patches of an image, got %d", MAX_PATCHES,
            side * side);
}

/* CLIP's own config.json holds the tower in "vision_config"; a tower saved alone is flat. */
static gboolean
read_tower (const PmodJsonDocument *document, PmodVisionConfig *vision, GError **error)
{
  static const char *const types[] = { "clip", "clip_vision_model", NULL };
  static const char *const acts[] = { "quick_gelu", "gelu", NULL };
  Keys keys = { pmod_json_get_name (document), pmod_json_root (document), NULL };
  const PmodJson *nested;

  if (keys.object->type != PMOD_JSON_OBJECT)
    refuse (&keys, "expected an object");
  read_choice_or (&keys, "model_type", types, 0);
  nested = find (&keys, "vision_config");
  if (nested)
    keys.object = nested;

  vision->hidden = read_int (&keys, "hidden_size", 1, MAX_WIDTH);
  vision->n_layers = read_int (&keys, "num_hidden_layers", 1, PMOD_MAX_LAYERS);
  vision->n_heads = read_int (&keys, "num_attention_heads", 1, MAX_HEADS);
  vision->ffn = read_int (&keys, "intermediate_size", 1, MAX_FFN);
  vision->image_size = read_int (&keys, "image_size", 1, MAX_IMAGE_SIDE);
  vision->patch_size = read_int (&keys, "patch_size", 1, MAX_IMAGE_SIDE);
  vision->layer_norm_eps = read_number_or (&keys, "layer_norm_eps", 0, 1, 1e-5);
  vision->quick_gelu = read_choice_or (&keys, "hidden_act", acts, 0) == 0;
  read_int_or (&keys, "num_channels", 3, 3, 3);
  check_tower_sizes (&keys, vision);
  if (!keys.error)
    return TRUE;
  g_propagate_error (error, keys.error);
  return FALSE;
}

static void
read_channels (Keys *keys, const char *key, double above, double most, float *values)
{
  const PmodJson *array = find (keys, key);
  const PmodJson *value;

  if (!array)
    return;
  if (array->type != PMOD_JSON_ARRAY || array->n_children != 3)
    {
      expect (keys, PMOD_ERROR_FORMAT, key, "an array of 3 numbers", array);
      return;
    }
  value = pmod_json_first (array);
  for (int i = 0; i < 3; i++, value = pmod_json_next (value))
    values[i] = (float)check_number (keys, key, value, above, most);
}

/* A number, or an object that has one or two sides, as older and newer files have it. */
static void
check_side (Keys *keys, const char *key, int side)
{
  static const char *const inner[] = { "shortest_edge", "height", "width" };
  const PmodJson *value = find (keys, key);
  gboolean same = !value || (value->type == PMOD_JSON_INTEGER && value->integer == side);
  g_autofree char *expected = g_strdup_printf ("the tower's image_size %d", side);

  if (value && value->type == PMOD_JSON_OBJECT)
    {
      same = TRUE;
      for (gsize i = 0; same && i < G_N_ELEMENTS (inner); i++)
        {
          const PmodJson *part = pmod_json_find (value, inner[i]);

          same = !part || (part->type == PMOD_JSON_INTEGER && part->integer == side);
          value = same ? value : part;
        }
    }
  if (!same)
    expect (keys, PMOD_ERROR_UNSUPPORTED, key, expected, value);
}

static gboolean
read_preprocessor (const PmodJsonDocument *document, PmodVisionConfig *vision, GError **error)
{
  static const char *const steps[] = { "do_normalize", "do_rescale" };
  Keys keys = { pmod_json_get_name (document), pmod_json_root (document), NULL };

  if (keys.object->type != PMOD_JSON_OBJECT)
    refuse (&keys, "expected an object");
  read_channels (&keys, "image_mean", -10, 10, vision->image_mean);
  read_channels (&keys, "image_std", 0, 10, vision->image_std);
  vision->rescale_factor = read_number_or (&keys, "rescale_factor", 0, 1, 1.0 / 255.0);
  check_side (&keys, "crop_size", vision->image_size);
  check_side (&keys, "size", vision->image_size);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    if (!read_flag_or (&keys, steps[i], TRUE))
      expect (&keys, PMOD_ERROR_UNSUPPORTED, steps[i], "true", find (&keys, steps[i]));
  if (read_int_or (&keys, "resample", 0, 5, 3) != 3)
    expect (&keys, PMOD_ERROR_UNSUPPORTED, "resample", "3 (bicubic)", find (&keys, "resample"));
  if (!keys.error)
    return TRUE;
  g_propagate_error (error, keys.error);
  return FALSE;
}

/* --- Pictures --------------------------------------------------------------------------------- */

static void
read_pinpoint (Keys *keys, const PmodJson *pair, int tile, int *sides)
{
  const PmodJson *value;

  if (pair->type != PMOD_JSON_ARRAY || pair->n_children != 2)
    {
      expect (keys, PMOD_ERROR_FORMAT, "image_grid_pinpoints", "pairs of numbers", pair);
      return;
    }
  value = pmod_json_first (pair);
  for (int i = 0; i < 2; i++, value = pmod_json_next (value))
    {
      sides[i] = check_int (keys, "image_grid_pinpoints", value, tile,
                            MIN (MAX_PINPOINT_TILES * tile, G_MAXINT));
      if (sides[i] % tile != 0)
        refuse (keys,
                "image_grid_pinpoints: expected multiples of the tower's image_size %d, got %d",
                tile, sides[i]);
    }
}

static void
read_pinpoints (Keys *keys, PmodConfig *config)
{
  const PmodJson *list = find (keys, "image_grid_pinpoints");
  const PmodJson *pair;

  if (!list || list->type != PMOD_JSON_ARRAY || list->n_children < 1 ||
      list->n_children > PMOD_MAX_PINPOINTS)
    {
      g_autofree char *expected = g_strdup_printf ("an array of 1 to %d pairs", PMOD_MAX_PINPOINTS);

      expect (keys, PMOD_ERROR_FORMAT, "image_grid_pinpoints", expected, list);
      return;
    }
  config->n_pinpoints = (int)list->n_children;
  pair = pmod_json_first (list);
  for (int i = 0; i < config->n_pinpoints; i++, pair = pmod_json_next (pair))
    read_pinpoint (keys, pair, config->vision.image_size, config->pinpoints[i]);
}

static void
read_image_mode (Keys *keys, PmodConfig *config)
{
  static const char *const modes[] = { "pad", "square", "anyres", NULL };
  static const char *const merges[] = { "flat", "spatial", "spatial_unpad", NULL };
  gboolean unpad;

  /* In the order of PmodImageMode. */
  config->image_mode =
      (PmodImageMode)read_choice_or (keys, "image_aspect_ratio", modes, PMOD_IMAGE_SQUARE);
  unpad = read_choice_or (keys, "mm_patch_merge_type", merges, 0) == 2;
  config->max_num_patches = read_int_or (keys, "max_num_patches", 0, MAX_CONTEXT, 0);
  /* With one tile there is nothing to merge, whatever the key says. */
  if (config->image_mode != PMOD_IMAGE_ANYRES)
    return;
  config->unpad = unpad;
  if (!unpad)
    expect (keys, PMOD_ERROR_UNSUPPORTED, "mm_patch_merge_type",
            "spatial_unpad with image_aspect_ratio anyres", find (keys, "mm_patch_merge_type"));
  if (config->vision_keep_cls)
    expect (keys, PMOD_ERROR_UNSUPPORTED, "mm_vision_select_feature",
            "patch with image_aspect_ratio anyres", find (keys, "mm_vision_select_feature"));
  read_pinpoints (keys, config);
}

static void
read_pictures (Keys *keys, PmodConfig *config)
{
  static const char *const projectors[] = { "mlp2x_gelu", NULL };
  static const char *const features[] = { "patch", "cls_patch", NULL };
  int n_layers = config->vision.n_layers, layer, width;

  if (!find (keys, "mm_projector_type"))
    expect (keys, PMOD_ERROR_UNSUPPORTED, "mm_projector_type", "mlp2x_gelu", NULL);
  read_choice_or (keys, "mm_projector_type", projectors, 0);
  /* An index of the n_layers + 1 states; 0, the embeddings, needs no tower. */
  layer = read_int (keys, "mm_vision_select_layer", -n_layers, n_layers);
  if (layer == 0)
    expect (keys, PMOD_ERROR_UNSUPPORTED, "mm_vision_select_layer", "the output of a block",
            find (keys, "mm_vision_select_layer"));
  config->vision_select_layer = layer > 0 ? layer - n_layers - 1 : layer;
  config->vision_keep_cls = read_choice_or (keys, "mm_vision_select_feature", features, 0) == 1;
  width = read_int_or (keys, "mm_hidden_size", 1, MAX_WIDTH, config->vision.hidden);
  if (width != config->vision.hidden)
    refuse (keys, "mm_hidden_size: expected the tower's hidden_size %d, got %d",
            config->vision.hidden, width);
  refuse_true (keys, "mm_use_im_start_end");
  read_image_mode (keys, config);
}

/* --- All of it -------------------------------------------------------------------------------- */

static void
read_all (Keys *keys, PmodConfig *config)
{
  static const char *const types[] = { "pmod_llava_llama", "llava_llama", "llama", NULL };
  int type;

  if (keys->object->type != PMOD_JSON_OBJECT)
    {
      refuse (keys, "expected an object");
      return;
    }
  config->model_type = g_strdup (read_string (keys, "model_type"));
  type = read_choice_or (keys, "model_type", types, 0);
  config->conversation = g_strdup (read_string_or (keys, "conversation", "vicuna_v1"));
  config->single_questions = read_flag_or (keys, "strata_single_questions", FALSE);
  read_decoder (keys, config);
  /* What a dense checkpoint has where a routed one has its own. */
  config->schedule = (PmodSchedule){ PMOD_SCHEDULE_DENSE, 0.5, 0.85, 0.15, 31 };
  config->router_norm = (PmodRouterNorm){ PMOD_ROUTER_NORM_TANH, 0.2, 1 };
  if (type == 0)
    read_routing (keys, config);
  if (type != 2)
    config->vision_tower = g_strdup (read_string_or (keys, "mm_vision_tower", NULL));
  config->has_vision = config->vision_tower != NULL;
}

PmodConfig *
pmod_config_read (const PmodJsonDocument *document,
                  const PmodJsonDocument *tower,
                  const PmodJsonDocument *preprocessor,
                  GError **error)
{
  g_autoptr (PmodConfig) config = g_new0 (PmodConfig, 1);
  Keys keys = { pmod_json_get_name (document), pmod_json_root (document), NULL };

  read_all (&keys, config);
  if (!keys.error && config->has_vision)
    {
      init_known_tower (&config->vision);
      if (tower && !read_tower (tower, &config->vision, error))
        return NULL;
      if (preprocessor && !read_preprocessor (preprocessor, &config->vision, error))
        return NULL;
      read_pictures (&keys, config);
    }
  if (!keys.error)
    return g_steal_pointer (&config);
  g_propagate_error (error, keys.error);
  return NULL;
}

static gboolean
parse_optional (
    const char *json, gssize length, const char *name, PmodJsonDocument **document, GError **error)
{
  if (!json)
    return TRUE;
  *document = pmod_json_parse (json, length, name, error);
  return *document != NULL;
}

PmodConfig *
pmod_config_parse (const char *json,
                   gssize length,
                   const char *tower_json,
                   gssize tower_length,
                   const char *preprocessor_json,
                   gssize preprocessor_length,
                   GError **error)
{
  g_autoptr (PmodJsonDocument) config = NULL;
  g_autoptr (PmodJsonDocument) tower = NULL;
  g_autoptr (PmodJsonDocument) preprocessor = NULL;

  config = pmod_json_parse (json, length, "config.json", error);
  if (!config ||
      !parse_optional (tower_json, tower_length, "the tower's config.json", &tower, error) ||
      !parse_optional (preprocessor_json, preprocessor_length, "preprocessor_config.json",
                       &preprocessor, error))
    return NULL;
  return pmod_config_read (config, tower, preprocessor, error);
}
