/* config.json and the tower's two files: the fixtures' values, and one changed key at a time. */
#include "pmod-config.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static char *
read_fixture (const char *dir, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", dir, name, NULL);
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* The object text with key set to the JSON text value; value NULL: without the key. */
static char *
change (const char *text, const char *key, const char *value)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  g_autoptr (GList) keys = json_object_get_members (json_node_get_object (node));
  GString *changed = g_string_new ("{");

  for (GList *l = keys; l; l = l->next)
    {
      g_autofree char *raw = NULL;

      if (strcmp (l->data, key) == 0)
        continue;
      raw = json_to_string (json_object_get_member (json_node_get_object (node), l->data), FALSE);
      g_string_append_printf (changed, "\"%s\": %s, ", (char *)l->data, raw);
    }
  if (value)
    g_string_append_printf (changed, "\"%s\": %s", key, value);
  else
    g_string_truncate (changed, changed->len - 2);
  g_string_append_c (changed, '}');
  return g_string_free (changed, FALSE);
}

typedef enum
{
  CONFIG,
  NEXT, /* the anyres configuration */
  TOWER,
  PREPROCESSOR,
} Which;

static PmodConfig *
parse_changed (Which which, const char *key, const char *value, GError **error)
{
  g_autofree char *config =
      read_fixture (which == NEXT ? "tiny-pmod-llava-next" : "tiny-pmod-llava-v1.5", "config.json");
  g_autofree char *whole_tower = read_fixture ("tiny-clip-336", "config.json");
  g_autofree char *pre = read_fixture ("tiny-clip-336", "preprocessor_config.json");
  g_autoptr (JsonNode) node = json_from_string (whole_tower, NULL);
  /* Flat, as a tower saved alone; the nested form is the fixture as it is. */
  g_autofree char *tower =
      json_to_string (json_object_get_member (json_node_get_object (node), "vision_config"), FALSE);
  char **changed = which == TOWER ? &tower : which == PREPROCESSOR ? &pre : &config;
  char *text = change (*changed, key, value);

  g_free (*changed);
  *changed = text;
  return pmod_config_parse (config, -1, tower, -1, pre, -1, error);
}

/* --- Good ones -------------------------------------------------------------------------------- */

static PmodConfig *
load_fixture (const char *dir)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", dir, NULL);
  PmodConfig *config = pmod_config_load (path, NULL, &error);

  g_assert_no_error (error);
  return config;
}

static void
test_fixture_v15 (void)
{
  g_autoptr (PmodConfig) config = load_fixture ("tiny-pmod-llava-v1.5");
  g_autofree char *routers = pmod_config_describe_routers (config);

  g_assert_cmpstr (config->model_type, ==, "pmod_llava_llama");
  g_assert_cmpint (config->n_layers, ==, 32);
  g_assert_cmpint (config->hidden, ==, 64);
  g_assert_cmpint (config->n_heads, ==, 4);
  g_assert_cmpint (config->n_kv_heads, ==, 4);
  g_assert_cmpint (config->head_dim, ==, 16);
  g_assert_cmpint (config->ffn, ==, 128);
  g_assert_cmpint (config->vocab, ==, 512);
  g_assert_cmpint (config->context_length, ==, 2048);
  g_assert_cmpfloat (config->rms_norm_eps, ==, 1e-5);
  g_assert_cmpfloat (config->rope_theta, ==, 10000);
  g_assert_false (config->tie_word_embeddings);
  g_assert_cmpint (config->bos_token, ==, 1);
  g_assert_cmpint (config->eos_token, ==, 2);
  g_assert_true (config->has_vision);
  g_assert_cmpint (config->vision.hidden, ==, 32);
  g_assert_cmpint (config->vision.n_layers, ==, 4);
  g_assert_cmpint (config->vision.n_heads, ==, 2);
  g_assert_cmpint (config->vision.ffn, ==, 64);
  g_assert_cmpint (config->vision.image_size, ==, 336);
  g_assert_cmpint (config->vision.patch_size, ==, 14);
  g_assert_true (config->vision.quick_gelu);
  g_assert_cmpfloat (config->vision.image_mean[2], ==, 0.40821073f);
  g_assert_cmpfloat (config->vision.image_std[0], ==, 0.26862954f);
  g_assert_cmpint (pmod_config_tile_tokens (config), ==, 576);
  g_assert_cmpint (config->vision_select_layer, ==, -2);
  g_assert_cmpint (pmod_config_n_tower_blocks (config), ==, 3);
  g_assert_cmpint (config->image_mode, ==, PMOD_IMAGE_PAD);
  g_assert_false (config->unpad);
  g_assert_cmpint (config->max_num_patches, ==, 0);
  g_assert_cmpint (config->schedule.kind, ==, PMOD_SCHEDULE_SHIFTEDCOS);
  g_assert_cmpint (config->schedule.span, ==, 31);
  g_assert_cmpint (config->router_norm.function, ==, PMOD_ROUTER_NORM_TANH);
  g_assert_cmpfloat (config->router_norm.scale, ==, 0.2);
  g_assert_true (config->router_bias);
  g_assert_cmpint (config->target, ==, PMOD_TARGET_VISION);
  g_assert_cmpstr (routers, ==, "8-31");
  g_assert_cmpint (pmod_config_first_router (config), ==, 8);
  g_assert_cmpstr (config->conversation, ==, "vicuna_v1");
}

static void
test_fixture_others (void)
{
  g_autoptr (PmodConfig) next = load_fixture ("tiny-pmod-llava-next");
  g_autoptr (PmodConfig) interleave = load_fixture ("tiny-pmod-12layer-interleave");
  g_autofree char *routers = pmod_config_describe_routers (interleave);

  g_assert_cmpint (next->image_mode, ==, PMOD_IMAGE_ANYRES);
  g_assert_true (next->unpad);
  g_assert_cmpint (next->n_pinpoints, ==, 5);
  g_assert_cmpint (next->pinpoints[3][0], ==, 1008);
  g_assert_cmpint (next->pinpoints[3][1], ==, 336);
  g_assert_cmpint (next->context_length, ==, 4096);
  g_assert_cmpstr (routers, ==, "1,3,5,7,9,11");
}

static void
test_demo_v0 (void)
{
  g_autoptr (PmodConfig) config = load_fixture ("demo-v0");
  g_autofree char *routers = pmod_config_describe_routers (config);

  g_assert_true (config->tie_word_embeddings);
  g_assert_cmpint (config->schedule.span, ==, 5);
  g_assert_cmpstr (config->conversation, ==, "user-assistant");
  g_assert_cmpint (config->vision.image_size, ==, 112);
  g_assert_cmpint (config->vision_select_layer, ==, -1);
  g_assert_cmpint (pmod_config_n_tower_blocks (config), ==, 4);
  g_assert_cmpfloat (config->vision.image_mean[0], ==, 0.5f);
  g_assert_cmpint (config->context_length, ==, 1024);
  g_assert_cmpstr (routers, ==, "2-5");
}

/* Keys that may be left out or hold another value. */
static void
test_choices (void)
{
  static const struct
  {
    Which which;
    const char *key, *value;
  } cases[] = {
    { CONFIG, "num_key_value_heads", "2" },
    { CONFIG, "num_key_value_heads", NULL },
    { CONFIG, "head_dim", "32" },
    { CONFIG, "tokenizer_model_max_length", NULL },
    { CONFIG, "mm_vision_select_layer", "4" },
    { CONFIG, "model_type", "\"llava_llama\"" },
    { CONFIG, "model_type", "\"llama\"" },
    { CONFIG, "mm_vision_tower", NULL },
    { CONFIG, "mod_target_layers", NULL },
    { CONFIG, "mod_target_token_type", "\"all\"" },
    { CONFIG, "mod_weight_norm", "\"sigmoid\"" },
    { CONFIG, "rms_norm_eps", "1e-6" },
    { CONFIG, "image_aspect_ratio", "\"square\"" },
    { CONFIG, "an_unknown_key", "[{}]" },
    { NEXT, "max_num_patches", "2" },
    { TOWER, "hidden_act", "\"gelu\"" },
    { PREPROCESSOR, "crop_size", "{\"height\": 336, \"width\": 336}" },
    { PREPROCESSOR, "size", "{\"height\": 336, \"width\": 336}" },
    { PREPROCESSOR, "image_mean", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodConfig) config =
          parse_changed (cases[i].which, cases[i].key, cases[i].value, &error);

      g_assert_no_error (error);
      g_assert_nonnull (config);
    }
}

static void
test_consequences (void)
{
  g_autoptr (PmodConfig) grouped = parse_changed (CONFIG, "num_key_value_heads", "2", NULL);
  g_autoptr (PmodConfig) wide = parse_changed (CONFIG, "head_dim", "32", NULL);
  g_autoptr (PmodConfig) dense = parse_changed (CONFIG, "model_type", "\"llava_llama\"", NULL);
  g_autoptr (PmodConfig) text = parse_changed (CONFIG, "mm_vision_tower", "null", NULL);
  g_autoptr (PmodConfig) last = parse_changed (CONFIG, "mm_vision_select_layer", "4", NULL);
  g_autoptr (PmodConfig) small = parse_changed (CONFIG, "max_position_embeddings", "100", NULL);
  g_autofree char *routers = pmod_config_describe_routers (dense);

  g_assert_cmpint (grouped->n_kv_heads, ==, 2);
  g_assert_cmpint (wide->head_dim, ==, 32);
  g_assert_cmpint (dense->schedule.kind, ==, PMOD_SCHEDULE_DENSE);
  g_assert_cmpstr (routers, ==, "none");
  g_assert_cmpint (pmod_config_first_router (dense), ==, 32);
  g_assert_false (text->has_vision);
  g_assert_cmpint (pmod_config_tile_tokens (text), ==, 0);
  g_assert_cmpint (pmod_config_n_tower_blocks (text), ==, 0);
  g_assert_cmpint (last->vision_select_layer, ==, -1);
  g_assert_cmpint (small->context_length, ==, 100);
}

static void
test_without_tower_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *whole = read_fixture ("tiny-pmod-llava-v1.5", "config.json");
  g_autofree char *json = change (whole, "mm_hidden_size", "1024");
  g_autoptr (PmodConfig) config = pmod_config_parse (json, -1, NULL, 0, NULL, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpint (config->vision.n_layers, ==, 24);
  g_assert_cmpint (config->vision.hidden, ==, 1024);
  g_assert_cmpint (config->vision.n_heads, ==, 16);
  g_assert_cmpfloat (config->vision.rescale_factor, ==, 1.0 / 255.0);
}

static void
test_copy (void)
{
  g_autoptr (PmodConfig) config = load_fixture ("tiny-pmod-llava-next");
  PmodConfig *copy = pmod_config_copy (config);

  g_assert_cmpstr (copy->vision_tower, ==, config->vision_tower);
  g_assert_true (copy->vision_tower != config->vision_tower);
  g_assert_cmpint (copy->pinpoints[4][1], ==, 1008);
  pmod_config_free (copy);
  pmod_config_free (NULL);
}

/* Decoder 32 x (4 x 4096^2 + 3 x 4096 x 11008 + 2 x 4096) + 2 x 32000 x 4096 + 4096
 *           = 6,738,415,616, the known size of LLaMA 7B;
 * tower     1024 + 3 x 14^2 x 1024 + 577 x 1024 + 4 x 1024
 *           + 24 x (4 x (1024^2 + 1024) + 2 x 1024 x 4096 + 4096 + 1024 + 4 x 1024)
 *           = 303,507,456, the known size of CLIP ViT-L/14-336's tower;
 * projector 1024 x 4096 + 4096 + 4096^2 + 4096 = 20,979,712; 24 routers of 4097; a newline 4096. */
static void
test_presets (void)
{
  const guint64 shared = G_GUINT64_CONSTANT (6738415616) + 303507456 + 20979712 + 24 * 4097;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) v15 = pmod_config_new_preset ("llava-1.5-7b", &error);
  g_autoptr (PmodConfig) next = pmod_config_new_preset ("llava-next-7b", &error);
  g_autofree char *routers = NULL;

  g_assert_no_error (error);
  routers = pmod_config_describe_routers (v15);
  g_assert_cmpstr (routers, ==, "8-31");
  g_assert_cmpint (v15->head_dim, ==, 128);
  g_assert_cmpint (v15->context_length, ==, 2048);
  g_assert_cmpint (next->context_length, ==, 4096);
  g_assert_cmpint (next->n_pinpoints, ==, 5);
  g_assert_true (next->unpad);
  g_assert_cmpuint (pmod_config_n_parameters (v15), ==, shared);
  g_assert_cmpuint (pmod_config_n_parameters (next), ==, shared + 4096);
  g_test_message ("parameters: %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT,
                  pmod_config_n_parameters (v15), pmod_config_n_parameters (next));

  g_assert_null (pmod_config_new_preset ("llava-2", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
}

/* --- Bad ones --------------------------------------------------------------------------------- */

typedef struct
{
  Which which;
  const char *key, *value; /* NULL: left out */
  PmodErrorCode code;
  const char *message;
} Bad;

#define F PMOD_ERROR_FORMAT
#define U PMOD_ERROR_UNSUPPORTED

static const Bad bad_keys[] = {
  { CONFIG, "model_type", NULL, F, "model_type: expected a string, got nothing" },
  { CONFIG, "model_type", "\"llava\"", U, "model_type: expected pmod_llava_llama or llava_llama" },
  { CONFIG, "model_type", "3", F, "model_type: expected a string that is not empty, got 3" },
  { CONFIG, "num_hidden_layers", "-1", F, "expected a whole number from 1 to 256, got -1" },
  { CONFIG, "num_hidden_layers", "0", F, "num_hidden_layers: expected a whole number from 1" },
  { CONFIG, "num_hidden_layers", "257", F, "got 257" },
  { CONFIG, "num_hidden_layers", "1e400", F, "a number that is too large" },
  { CONFIG, "num_hidden_layers", "99999999999999999999", F, "got 1e+20" },
  { CONFIG, "num_hidden_layers", "32.0", F, "got 32.0" },
  { CONFIG, "num_hidden_layers", "\"32\"", F, "got \"32\"" },
  { CONFIG, "num_hidden_layers", NULL, F, "num_hidden_layers: expected a whole number" },
  { CONFIG, "hidden_size", "2147483648", F,
    "hidden_size: expected a whole number from 1 to 65536" },
  { CONFIG, "hidden_size", "66", F, "hidden_size: expected a multiple of num_attention_heads 4" },
  { CONFIG, "hidden_size", "60", F, "head_dim: expected an even number" },
  { CONFIG, "hidden_size", "4", F, "head_dim: expected an even number from 2 to 1024" },
  { CONFIG, "hidden_size", "65536", F, "got 16384" },
  { CONFIG, "num_attention_heads", "0", F, "num_attention_heads: expected a whole number from 1" },
  { CONFIG, "num_attention_heads", "1000000", F, "got 1000000" },
  { CONFIG, "num_key_value_heads", "3", F,
    "num_key_value_heads: expected a divisor of num_attention_heads 4, got 3" },
  { CONFIG, "num_key_value_heads", "8", F, "got 8" },
  { CONFIG, "num_key_value_heads", "0", F, "got 0" },
  { CONFIG, "head_dim", "15", F, "head_dim: expected an even number" },
  { CONFIG, "head_dim", "-16", F, "head_dim: expected a whole number from 2" },
  { CONFIG, "intermediate_size", "0", F, "intermediate_size" },
  { CONFIG, "intermediate_size", "9223372036854775807", F, "got 9223372036854775807" },
  { CONFIG, "vocab_size", "0", F, "vocab_size" },
  { CONFIG, "vocab_size", "2", F, "eos_token_id: expected a whole number from 0 to 1, got 2" },
  { CONFIG, "vocab_size", "4194305", F, "got 4194305" },
  { CONFIG, "max_position_embeddings", "0", F, "max_position_embeddings" },
  { CONFIG, "max_position_embeddings", "1000000000", F, "got 1000000000" },
  { CONFIG, "tokenizer_model_max_length", "0", F, "tokenizer_model_max_length" },
  { CONFIG, "rms_norm_eps", "NaN", F, "after key \"rms_norm_eps\"" },
  { CONFIG, "rms_norm_eps", "0", F,
    "rms_norm_eps: expected a number above 0 and at most 1, got 0" },
  { CONFIG, "rms_norm_eps", "-1e-5", F, "rms_norm_eps" },
  { CONFIG, "rms_norm_eps", "[1e-5]", F, "got an array of 1" },
  { CONFIG, "rms_norm_eps", NULL, F, "rms_norm_eps: expected a number" },
  { CONFIG, "rope_theta", "0", F, "rope_theta: expected a number above 0" },
  { CONFIG, "rope_theta", "-10000.0", F, "rope_theta" },
  { CONFIG, "rope_theta", "Infinity", F, "after key \"rope_theta\"" },
  { CONFIG, "rope_scaling", "{\"type\": \"linear\", \"factor\": 2.0}", U,
    "rope_scaling: expected null" },
  { CONFIG, "tie_word_embeddings", "1", F, "tie_word_embeddings: expected true or false, got 1" },
  { CONFIG, "eos_token_id", "512", F, "eos_token_id: expected a whole number from 0 to 511" },
  { CONFIG, "eos_token_id", "[2]", F, "got an array of 1" },
  { CONFIG, "bos_token_id", "-1", F, "bos_token_id" },
  { CONFIG, "hidden_act", "\"gelu\"", U, "hidden_act: expected silu, got \"gelu\"" },
  { CONFIG, "attention_bias", "true", U, "attention_bias: expected false, got true" },
  { CONFIG, "conversation", "\"\"", F, "conversation" },

  { CONFIG, "mm_vision_tower", "5", F, "mm_vision_tower" },
  { CONFIG, "mm_projector_type", "\"linear\"", U, "mm_projector_type: expected mlp2x_gelu" },
  { CONFIG, "mm_projector_type", NULL, U, "mm_projector_type: expected mlp2x_gelu, got nothing" },
  { CONFIG, "mm_vision_select_layer", "-5", F, "mm_vision_select_layer" },
  { CONFIG, "mm_vision_select_layer", "0", U, "mm_vision_select_layer: expected the output" },
  { CONFIG, "mm_vision_select_layer", NULL, F, "mm_vision_select_layer" },
  { CONFIG, "mm_vision_select_feature", "\"cls\"", U, "expected patch or cls_patch" },
  { CONFIG, "mm_hidden_size", "64", F, "mm_hidden_size: expected the tower's hidden_size 32" },
  { CONFIG, "mm_use_im_start_end", "true", U, "mm_use_im_start_end" },
  { CONFIG, "image_aspect_ratio", "\"highres\"", U, "expected pad or square or anyres" },
  { CONFIG, "mm_patch_merge_type", "\"spatial_unpad_avg_pool\"", U, "mm_patch_merge_type" },
  { CONFIG, "max_num_patches", "-1", F, "max_num_patches" },

  { CONFIG, "mod_target_layers", "\"every_third\"", U, "config.json: mod_target_layers: " },
  { CONFIG, "mod_target_layers", "\"shiftedcos_decay_1\"", U, "mod_target_layers" },
  { CONFIG, "mod_target_layers", "[8, 9]", F, "mod_target_layers: expected a string" },
  { CONFIG, "mod_router_factor", NULL, F, "mod_router_factor: expected a number" },
  { CONFIG, "mod_router_factor", "-0.5", F, "mod_router_factor" },
  { CONFIG, "mod_router_factor", "1e300", F, "mod_router_factor" },
  { CONFIG, "mod_weight_norm", "\"relu\"", U, "mod_weight_norm" },
  { CONFIG, "mod_weight_norm", NULL, F, "mod_weight_norm: expected a string" },
  { CONFIG, "mod_bias_enabled", "\"yes\"", F, "mod_bias_enabled: expected true or false" },
  { CONFIG, "mod_target_token_type", "\"text\"", U, "expected vision_all or vision_hr or all" },
  { CONFIG, "mod_decay_span", "0", F, "mod_decay_span: expected a whole number from 1" },

  { NEXT, "mm_patch_merge_type", "\"flat\"", U, "mm_patch_merge_type: expected spatial_unpad" },
  { NEXT, "mm_vision_select_feature", "\"cls_patch\"", U, "mm_vision_select_feature" },
  { NEXT, "image_grid_pinpoints", NULL, F, "expected an array of 1 to 64 pairs" },
  { NEXT, "image_grid_pinpoints", "[]", F, "got an array of 0" },
  { NEXT, "image_grid_pinpoints", "[[336]]", F, "pairs of numbers, got an array of 1" },
  { NEXT, "image_grid_pinpoints", "[336, 672]", F, "pairs of numbers, got 336" },
  { NEXT, "image_grid_pinpoints", "[[336, 500]]", F, "multiples of the tower's image_size 336" },
  { NEXT, "image_grid_pinpoints", "[[0, 336]]", F, "got 0" },
  { NEXT, "image_grid_pinpoints", "[[336, -336]]", F, "got -336" },
  { NEXT, "image_grid_pinpoints", "[[336, 2147483520]]", F, "got 2147483520" },

  { TOWER, "model_type", "\"siglip_vision_model\"", U, "model_type: expected clip" },
  { TOWER, "hidden_size", "0", F, "the tower's config.json: hidden_size" },
  { TOWER, "hidden_size", "33", F, "hidden_size: expected a multiple of num_attention_heads 2" },
  { TOWER, "num_attention_heads", "0", F, "num_attention_heads" },
  { TOWER, "num_hidden_layers", "-4", F, "num_hidden_layers" },
  { TOWER, "intermediate_size", NULL, F, "intermediate_size: expected a whole number" },
  { TOWER, "image_size", "340", F, "image_size: expected a multiple of patch_size 14, got 340" },
  { TOWER, "image_size", "100000", F, "image_size" },
  { TOWER, "patch_size", "0", F, "patch_size" },
  { TOWER, "patch_size", "1", F, "expected at most 65536 patches of an image, got 112896" },
  { TOWER, "layer_norm_eps", "0", F, "layer_norm_eps" },
  { TOWER, "hidden_act", "\"relu\"", U, "hidden_act: expected quick_gelu or gelu" },
  { TOWER, "num_channels", "1", F, "num_channels: expected 3, got 1" },
  { PREPROCESSOR, "image_mean", "[0.5, 0.5]", F, "image_mean: expected an array of 3 numbers" },
  { PREPROCESSOR, "image_std", "[0.5, 0, 0.5]", F, "image_std: expected a number above 0" },
  { PREPROCESSOR, "image_std", "[0.5, \"x\", 0.5]", F, "image_std" },
  { PREPROCESSOR, "rescale_factor", "0", F, "rescale_factor" },
  { PREPROCESSOR, "crop_size", "224", U, "crop_size: expected the tower's image_size 336" },
  { PREPROCESSOR, "size", "{\"shortest_edge\": 224}", U, "size: expected the tower's" },
  { PREPROCESSOR, "crop_size", "{\"height\": 336, \"width\": 300}", U,
    "crop_size: expected the tower's image_size 336, got 300" },
  { PREPROCESSOR, "size", "[336]", U, "got an array of 1" },
  { PREPROCESSOR, "do_normalize", "false", U, "do_normalize: expected true, got false" },
  { PREPROCESSOR, "resample", "2", U, "resample: expected 3 (bicubic), got 2" },
};

static void
test_bad_keys (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_keys); i++)
    {
      const Bad *bad = &bad_keys[i];
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodConfig) config = parse_changed (bad->which, bad->key, bad->value, &error);

      if (config)
        g_error ("%s = %s was accepted", bad->key, bad->value ? bad->value : "(nothing)");
      if (!g_error_matches (error, PMOD_ERROR, (int)bad->code) ||
          !strstr (error->message, bad->message))
        g_error ("%s = %s: expected code %d and \"%s\", got %d and \"%s\"", bad->key,
                 bad->value ? bad->value : "(nothing)", bad->code, bad->message, error->code,
                 error->message);
      g_test_message ("%s", error->message);
    }
}

static void
test_many_pinpoints (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) pairs = g_string_new ("[[336,336]");

  for (int i = 0; i < PMOD_MAX_PINPOINTS; i++)
    g_string_append (pairs, ",[336,672]");
  g_string_append_c (pairs, ']');
  g_assert_null (parse_changed (NEXT, "image_grid_pinpoints", pairs->str, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "got an array of 65"));
}

static void
test_not_objects (void)
{
  static const char *const texts[] = { "[]", "3", "null", "\"config\"", "{}", "", "{\"a\":" };
  g_autofree char *good = read_fixture ("tiny-pmod-llava-v1.5", "config.json");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pmod_config_parse (texts[i], -1, NULL, 0, NULL, 0, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_clear_error (&error);
      g_assert_null (pmod_config_parse (good, -1, texts[i], -1, NULL, 0, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
    }
}

/* --- Where the tower is ----------------------------------------------------------------------- */

static void
test_tower_places (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *fixtures = g_test_build_filename (G_TEST_DIST, "fixtures", NULL);
  g_autofree char *v15 = g_build_filename (fixtures, "tiny-pmod-llava-v1.5", NULL);
  g_autofree char *slash = g_strconcat (v15, "/", NULL);
  g_autofree char *demo_v0 = g_build_filename (fixtures, "demo-v0", NULL);
  g_autofree char *beside = pmod_config_find_tower (v15, "tiny-clip-336");
  g_autofree char *with_slash = pmod_config_find_tower (slash, "tiny-clip-336");
  g_autofree char *inside = pmod_config_find_tower (demo_v0, "vision-tower");
  g_autofree char *absolute = pmod_config_find_tower ("/", beside);
  g_autoptr (PmodConfig) named = pmod_config_load (v15, beside, &error);

  g_assert_no_error (error);
  g_assert_nonnull (beside);
  g_assert_cmpstr (with_slash, ==, beside);
  g_assert_nonnull (inside);
  g_assert_cmpstr (absolute, ==, beside);
  g_assert_null (pmod_config_find_tower (v15, "openai/clip-vit-large-patch14-336"));
  g_assert_cmpint (named->vision.hidden, ==, 32);

  g_assert_null (pmod_config_load (v15, "/nonexistent", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "/nonexistent/config.json"));
}

/* A checkpoint's config.json alone in a directory, with another tower's name. */
static void
test_tower_names (void)
{
  g_autofree char *text = read_fixture ("tiny-pmod-llava-v1.5", "config.json");
  g_autofree char *dir = g_dir_make_tmp ("pmod-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);
  g_autofree char *wide = change (text, "mm_hidden_size", "1024");
  g_autofree char *hub = change (wide, "mm_vision_tower", "\"openai/clip-vit-large-patch14-336\"");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_assert_null (pmod_config_load (dir, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "\"tiny-clip-336\""));
  g_assert_nonnull (strstr (error->message, "--vision-tower"));
  g_clear_error (&error);

  g_file_set_contents (path, hub, -1, &error);
  g_assert_no_error (error);
  config = pmod_config_load (dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config->vision.n_layers, ==, 24);

  g_unlink (path);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/fixture-v1.5", test_fixture_v15);
  g_test_add_func ("/config/fixture-others", test_fixture_others);
  g_test_add_func ("/config/demo-v0", test_demo_v0);
  g_test_add_func ("/config/choices", test_choices);
  g_test_add_func ("/config/consequences", test_consequences);
  g_test_add_func ("/config/without-tower-files", test_without_tower_files);
  g_test_add_func ("/config/copy", test_copy);
  g_test_add_func ("/config/presets", test_presets);
  g_test_add_func ("/config/bad-keys", test_bad_keys);
  g_test_add_func ("/config/many-pinpoints", test_many_pinpoints);
  g_test_add_func ("/config/not-objects", test_not_objects);
  g_test_add_func ("/config/tower-places", test_tower_places);
  g_test_add_func ("/config/tower-names", test_tower_names);
  return g_test_run ();
}
