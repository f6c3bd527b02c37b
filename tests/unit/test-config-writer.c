/* Every configuration that the engine reads is written so that it reads back equal. */
#include "pmod-config-writer.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define EQUAL_INT(field) g_assert_cmpint (a->field, ==, b->field)
#define EQUAL_NUMBER(field) g_assert_cmpfloat (a->field, ==, b->field)

static void
assert_equal_vision (const PmodVisionConfig *a, const PmodVisionConfig *b)
{
  EQUAL_INT (hidden);
  EQUAL_INT (n_layers);
  EQUAL_INT (n_heads);
  EQUAL_INT (ffn);
  EQUAL_INT (image_size);
  EQUAL_INT (patch_size);
  EQUAL_NUMBER (layer_norm_eps);
  EQUAL_INT (quick_gelu);
  for (int i = 0; i < 3; i++)
    {
      EQUAL_NUMBER (image_mean[i]);
      EQUAL_NUMBER (image_std[i]);
    }
  EQUAL_NUMBER (rescale_factor);
}

static void
assert_equal_decoder (const PmodConfig *a, const PmodConfig *b)
{
  g_assert_cmpstr (a->model_type, ==, b->model_type);
  EQUAL_INT (n_layers);
  EQUAL_INT (hidden);
  EQUAL_INT (n_heads);
  EQUAL_INT (n_kv_heads);
  EQUAL_INT (head_dim);
  EQUAL_INT (ffn);
  EQUAL_INT (vocab);
  EQUAL_INT (context_length);
  EQUAL_NUMBER (rms_norm_eps);
  EQUAL_NUMBER (rope_theta);
  EQUAL_INT (tie_word_embeddings);
  EQUAL_INT (bos_token);
  EQUAL_INT (eos_token);
  g_assert_cmpstr (a->conversation, ==, b->conversation);
  EQUAL_INT (single_questions);
}

static void
assert_equal (const PmodConfig *a, const PmodConfig *b)
{
  assert_equal_decoder (a, b);
  EQUAL_INT (has_vision);
  assert_equal_vision (&a->vision, &b->vision);
  EQUAL_INT (vision_select_layer);
  EQUAL_INT (vision_keep_cls);
  EQUAL_INT (image_mode);
  EQUAL_INT (n_pinpoints);
  g_assert_cmpmem (a->pinpoints, sizeof a->pinpoints, b->pinpoints, sizeof b->pinpoints);
  EQUAL_INT (unpad);
  EQUAL_INT (max_num_patches);
  EQUAL_INT (schedule.kind);
  EQUAL_NUMBER (schedule.factor);
  EQUAL_NUMBER (schedule.upper);
  EQUAL_NUMBER (schedule.lower);
  EQUAL_INT (schedule.span);
  EQUAL_INT (router_norm.function);
  EQUAL_NUMBER (router_norm.scale);
  EQUAL_NUMBER (router_norm.bias);
  EQUAL_INT (target);
  EQUAL_INT (router_bias);
  g_assert_cmpmem (a->has_router, sizeof a->has_router, b->has_router, sizeof b->has_router);
}

static void
remove_written (const char *dir)
{
  static const char *const names[] = { "config.json", "generation_config.json",
                                       "vision-tower/config.json",
                                       "vision-tower/preprocessor_config.json", "vision-tower" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (dir, names[i], NULL);

      g_remove (path);
    }
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* Into a directory that is not there yet. */
static void
check (const PmodConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *parent = g_dir_make_tmp ("pmod-config-XXXXXX", &error);
  g_autofree char *dir = g_build_filename (parent, "model", NULL);
  g_autoptr (PmodConfig) back = NULL;

  g_assert_no_error (error);
  g_assert_true (pmod_recipe_write_config (config, NULL, dir, &error));
  g_assert_no_error (error);
  back = pmod_config_load (dir, NULL, &error);
  g_assert_no_error (error);
  assert_equal (config, back);
  g_assert_cmpstr (back->vision_tower, ==, config->has_vision ? "vision-tower" : NULL);
  remove_written (dir);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
}

static void
test_checkpoints (void)
{
  static const char *const names[] = {
    "tiny-pmod-12layer",    "tiny-pmod-12layer-interleave",      "tiny-pmod-llava-next",
    "tiny-pmod-llava-v1.5", "tiny-pmod-llava-v1.5-bf16-sharded", "demo-v0"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", names[i], NULL);
      g_autoptr (PmodConfig) config = pmod_config_load (path, NULL, &error);

      g_assert_no_error (error);
      check (config);
    }
}

static void
test_presets (void)
{
  static const char *const names[] = { "llava-1.5-7b", "llava-next-7b" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodConfig) config = pmod_config_new_preset (names[i], &error);

      g_assert_no_error (error);
      check (config);
    }
}

/* One after the other, what the fixtures do not have. */
static void
test_choices (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  g_autoptr (PmodConfig) config = pmod_config_load (path, NULL, &error);

  g_assert_no_error (error);
  config->n_kv_heads = 2;
  check (config);
  config->head_dim = 48;
  config->context_length = 77;
  config->rms_norm_eps = 1e-6;
  config->rope_theta = 1.0 / 3.0 + 5e5;
  config->bos_token = 5;
  config->eos_token = 6;
  config->single_questions = TRUE;
  check (config);
  config->vision.quick_gelu = FALSE;
  config->vision.layer_norm_eps = 3e-6;
  config->vision.rescale_factor = 0.1 + 0.2;
  config->vision.image_mean[1] = 1.0f / 3;
  config->vision.image_std[2] = 1e-7f;
  config->vision_select_layer = -1;
  config->vision_keep_cls = TRUE;
  config->image_mode = PMOD_IMAGE_SQUARE;
  check (config);
  config->schedule.factor = 0.7;
  config->schedule.upper = 0.9999999;
  config->schedule.lower = 0.001;
  config->router_norm = (PmodRouterNorm){ PMOD_ROUTER_NORM_SIGMOID, 2, -0.5 };
  config->router_bias = FALSE;
  config->target = PMOD_TARGET_ALL;
  memset (config->has_router, 0, sizeof config->has_router);
  for (int i = 0; i < config->n_layers; i++)
    {
      double ratios[PMOD_MAX_LAYERS];

      pmod_schedule_ratios (&config->schedule, config->n_layers, ratios);
      config->has_router[i] = ratios[i] != PMOD_RATIO_PLAIN;
    }
  check (config);
}

static void
test_kinds (void)
{
  static const char common[] =
      "\"num_hidden_layers\": 4, \"hidden_size\": 8, \"num_attention_heads\": 2, "
      "\"intermediate_size\": 16, \"vocab_size\": 300, \"max_position_embeddings\": 64, "
      "\"rms_norm_eps\": 1e-5";
  static const char *const kinds[] = {
    "\"model_type\": \"llama\"",
    "\"model_type\": \"llava_llama\"",
    "\"model_type\": \"pmod_llava_llama\"",
    "\"model_type\": \"llava_llama\", \"mm_vision_tower\": \"clip-vit-large-patch14-336\", "
    "\"mm_projector_type\": \"mlp2x_gelu\", \"mm_vision_select_layer\": -2",
    "\"model_type\": \"pmod_llava_llama\", \"mod_target_layers\": \"constant\", "
    "\"mod_router_factor\": 1, \"mod_weight_norm\": \"none\", \"mod_decay_span\": 3",
    "\"model_type\": \"pmod_llava_llama\", \"mod_target_token_type\": \"vision_hr\", "
    "\"mm_vision_tower\": \"clip-vit-large-patch14-336\", \"mm_projector_type\": \"mlp2x_gelu\", "
    "\"mm_vision_select_layer\": -2, \"image_aspect_ratio\": \"anyres\", "
    "\"mm_patch_merge_type\": \"spatial_unpad\", \"max_num_patches\": 2, "
    "\"image_grid_pinpoints\": [[336, 336]]",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *json = g_strdup_printf ("{%s, %s}", kinds[i], common);
      g_autoptr (PmodConfig) config = pmod_config_parse (json, -1, NULL, 0, NULL, 0, &error);

      g_assert_no_error (error);
      check (config);
    }
}

static void
test_texts (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "demo-v0", NULL);
  g_autoptr (PmodConfig) config = pmod_config_load (path, NULL, &error);
  g_autofree char *text = pmod_config_to_json (config, "A \"test\"\n\303\204");
  g_autofree char *pre = pmod_config_preprocessor_to_json (config);
  g_autoptr (JsonNode) node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (node), "strata_about"), ==,
                   "A \"test\"\n\303\204");
  g_assert_nonnull (strstr (text, "\"rms_norm_eps\": 1e-05,\n \"rope_theta\": 10000.0,\n"));
  g_assert_nonnull (strstr (text, "\"tie_word_embeddings\": true"));
  g_assert_nonnull (strstr (pre, "\"image_mean\": [0.5, 0.5, 0.5]"));
  g_assert_nonnull (strstr (pre, "\"rescale_factor\": 0.00392156862745098,"));
}

static void
test_no_room (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-1.5-7b", &error);

  g_assert_false (pmod_recipe_write_config (config, NULL, "/dev/null/model", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "/dev/null/model: cannot make the directory"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config-writer/checkpoints", test_checkpoints);
  g_test_add_func ("/config-writer/presets", test_presets);
  g_test_add_func ("/config-writer/choices", test_choices);
  g_test_add_func ("/config-writer/kinds", test_kinds);
  g_test_add_func ("/config-writer/texts", test_texts);
  g_test_add_func ("/config-writer/no-room", test_no_room);
  return g_test_run ();
}
