/* See the header. The twin of the engine's pmod-config-json.c, which says what each key means. Keys
 * that nobody here reads, but other programs that load such checkpoints do, are written too. */
#include "pmod-config-writer.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "pmod-params.h"

#define DEFAULT_SPAN 31 /* where mod_decay_span is absent */

/* In the order of PmodImageMode and PmodTarget. */
static const char *const image_modes[] = { "pad", "square", "anyres" };
static const char *const targets[] = { "vision_all", "vision_hr", "all" };

/* --- Values ----------------------------------------------------------------------------------- */

/* value: JSON. */
static void
add (GString *object, const char *key, const char *value)
{
  g_string_append_printf (object, "%s\n \"%s\": %s", object->len == 0 ? "{" : ",", key, value);
}

static void
add_string (GString *object, const char *key, const char *string)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_VALUE);
  g_autofree char *text = NULL;

  json_node_set_string (node, string);
  text = json_to_string (node, FALSE);
  add (object, key, text);
}

static void
add_int (GString *object, const char *key, int value)
{
  g_autofree char *text = g_strdup_printf ("%d", value);

  add (object, key, text);
}

static void
add_flag (GString *object, const char *key, gboolean value)
{
  add (object, key, value ? "true" : "false");
}

/* The shortest decimals that read back as value; as a float's value where that is enough. */
static char *
format_number (double value, gboolean is_float)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE] = "";
  /* With fewer digits than it has before the point, a number would get an exponent. */
  int first = value >= 1 && value < 1e16 ? (int)log10 (value) + 1 : 1;

  for (int precision = first; precision <= 17; precision++)
    {
      char format[8];
      double back;

      g_snprintf (format, sizeof format, "%%.%dg", precision);
      g_ascii_formatd (text, sizeof text, format, value);
      back = g_ascii_strtod (text, NULL);
      if (back == value || (is_float && (float)back == (float)value))
        break;
    }
  return g_strconcat (text, strpbrk (text, ".e") ? "" : ".0", NULL);
}

static void
add_number (GString *object, const char *key, double value)
{
  g_autofree char *text = format_number (value, FALSE);

  add (object, key, text);
}

static void
add_channels (GString *object, const char *key, const float *values)
{
  g_autofree char *red = format_number (values[0], TRUE);
  g_autofree char *green = format_number (values[1], TRUE);
  g_autofree char *blue = format_number (values[2], TRUE);
  g_autofree char *text = g_strdup_printf ("[%s, %s, %s]", red, green, blue);

  add (object, key, text);
}

static char *
end (GString *object)
{
  g_string_append (object, "\n}\n");
  return g_string_free (object, FALSE);
}

/* --- config.json ------------------------------------------------------------------------------ */

static gboolean
is_pmod (const PmodConfig *config)
{
  return strcmp (config->model_type, "pmod_llava_llama") == 0;
}

static void
add_kind (GString *object, const PmodConfig *config)
{
  const char *class = strcmp (config->model_type, "llama") == 0 ? "LlamaForCausalLM"
                      : is_pmod (config)                        ? "PmodLlavaLlamaForCausalLM"
                                                                : "LlavaLlamaForCausalLM";
  g_autofree char *list = g_strdup_printf ("[\"%s\"]", class);

  add (object, "architectures", list);
  add_string (object, "model_type", config->model_type);
}

static void
add_decoder (GString *object, const PmodConfig *config)
{
  add_int (object, "vocab_size", config->vocab);
  add_int (object, "hidden_size", config->hidden);
  add_int (object, "intermediate_size", config->ffn);
  add_int (object, "num_hidden_layers", config->n_layers);
  add_int (object, "num_attention_heads", config->n_heads);
  add_int (object, "num_key_value_heads", config->n_kv_heads);
  if (config->head_dim * config->n_heads != config->hidden)
    add_int (object, "head_dim", config->head_dim);
  add_string (object, "hidden_act", "silu");
  add_int (object, "max_position_embeddings", config->context_length);
  add_int (object, "tokenizer_model_max_length", config->context_length);
  add_number (object, "rms_norm_eps", config->rms_norm_eps);
  add_number (object, "rope_theta", config->rope_theta);
  add_int (object, "bos_token_id", config->bos_token);
  add_int (object, "eos_token_id", config->eos_token);
  add_flag (object, "tie_word_embeddings", config->tie_word_embeddings);
}

static void
add_pinpoints (GString *object, const PmodConfig *config)
{
  g_autoptr (GString) list = g_string_new ("[");

  for (int i = 0; i < config->n_pinpoints; i++)
    g_string_append_printf (list, "%s[%d, %d]", i > 0 ? ", " : "", config->pinpoints[i][0],
                            config->pinpoints[i][1]);
  g_string_append_c (list, ']');
  add (object, "image_grid_pinpoints", list->str);
}

static void
add_pictures (GString *object, const PmodConfig *config)
{
  gboolean anyres = config->image_mode == PMOD_IMAGE_ANYRES;

  add_string (object, "image_aspect_ratio", image_modes[config->image_mode]);
  if (anyres)
    add_pinpoints (object, config);
  if (config->max_num_patches > 0)
    add_int (object, "max_num_patches", config->max_num_patches);
  add_int (object, "mm_hidden_size", config->vision.hidden);
  add_string (object, "mm_patch_merge_type", anyres ? "spatial_unpad" : "flat");
  add_string (object, "mm_projector_type", "mlp2x_gelu");
  add_flag (object, "mm_use_im_patch_token", FALSE);
  add_flag (object, "mm_use_im_start_end", FALSE);
  add_string (object, "mm_vision_select_feature", config->vision_keep_cls ? "cls_patch" : "patch");
  add_int (object, "mm_vision_select_layer", config->vision_select_layer);
  add_string (object, "mm_vision_tower", PMOD_CONFIG_TOWER);
}

/* As in the reference, no mod_target_layers means no routed layer. */
static void
add_routing (GString *object, const PmodConfig *config)
{
  const PmodSchedule *schedule = &config->schedule;

  add_string (object, "mod_target_token_type", targets[config->target]);
  if (schedule->span != DEFAULT_SPAN)
    add_int (object, "mod_decay_span", schedule->span);
  if (schedule->kind != PMOD_SCHEDULE_DENSE)
    {
      g_autofree char *layers = pmod_schedule_to_string (schedule);
      g_autofree char *norm = pmod_router_norm_to_string (&config->router_norm);

      add_string (object, "mod_target_layers", layers);
      add_number (object, "mod_router_factor", schedule->factor);
      add_string (object, "mod_weight_norm", norm);
      add_flag (object, "mod_bias_enabled", config->router_bias);
    }
}

char *
pmod_config_to_json (const PmodConfig *config, const char *about)
{
  GString *object = g_string_new (NULL);

  add_kind (object, config);
  add_decoder (object, config);
  if (config->has_vision)
    add_pictures (object, config);
  if (is_pmod (config))
    add_routing (object, config);
  add_string (object, "conversation", config->conversation);
  if (config->single_questions)
    add_flag (object, "strata_single_questions", TRUE);
  if (about)
    add_string (object, "strata_about", about);
  return end (object);
}

/* --- The other files -------------------------------------------------------------------------- */

char *
pmod_config_tower_to_json (const PmodConfig *config)
{
  const PmodVisionConfig *vision = &config->vision;
  GString *object = g_string_new (NULL);

  add_string (object, "model_type", "clip_vision_model");
  add_int (object, "hidden_size", vision->hidden);
  add_int (object, "intermediate_size", vision->ffn);
  add_int (object, "num_hidden_layers", vision->n_layers);
  add_int (object, "num_attention_heads", vision->n_heads);
  add_int (object, "image_size", vision->image_size);
  add_int (object, "patch_size", vision->patch_size);
  add_string (object, "hidden_act", vision->quick_gelu ? "quick_gelu" : "gelu");
  add_number (object, "layer_norm_eps", vision->layer_norm_eps);
  add_int (object, "num_channels", 3);
  add_int (object, "projection_dim", vision->hidden);
  return end (object);
}

char *
pmod_config_preprocessor_to_json (const PmodConfig *config)
{
  const PmodVisionConfig *vision = &config->vision;
  int side = vision->image_size;
  g_autofree char *crop = g_strdup_printf ("{\"height\": %d, \"width\": %d}", side, side);
  g_autofree char *size = g_strdup_printf ("{\"shortest_edge\": %d}", side);
  GString *object = g_string_new (NULL);

  add (object, "crop_size", crop);
  add_flag (object, "do_center_crop", TRUE);
  add_flag (object, "do_convert_rgb", TRUE);
  add_flag (object, "do_normalize", TRUE);
  add_flag (object, "do_rescale", TRUE);
  add_flag (object, "do_resize", TRUE);
  add_channels (object, "image_mean", vision->image_mean);
  add_channels (object, "image_std", vision->image_std);
  add_string (object, "image_processor_type", "CLIPImageProcessor");
  add_int (object, "resample", 3);
  add_number (object, "rescale_factor", vision->rescale_factor);
  add (object, "size", size);
  return end (object);
}

static char *
generation_to_json (const PmodConfig *config)
{
  GString *object = g_string_new (NULL);

  add_int (object, "bos_token_id", config->bos_token);
  add_int (object, "eos_token_id", config->eos_token);
  add_flag (object, "do_sample", FALSE);
  return end (object);
}

static gboolean
make_directory (const char *dir, GError **error)
{
  if (g_mkdir_with_parents (dir, 0777) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot make the directory: %s", dir,
               g_strerror (errno));
  return FALSE;
}

/* text: (transfer full) */
static gboolean
save (const char *dir, const char *name, char *text, GError **error)
{
  g_autofree char *owned = text;
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autoptr (GError) local = NULL;

  if (g_file_set_contents (path, owned, -1, &local))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot write: %s", path, local->message);
  return FALSE;
}

gboolean
pmod_recipe_write_config (const PmodConfig *config,
                          const char *about,
                          const char *dir,
                          GError **error)
{
  g_autofree char *tower = g_build_filename (dir, PMOD_CONFIG_TOWER, NULL);

  if (!make_directory (dir, error) ||
      !save (dir, "config.json", pmod_config_to_json (config, about), error) ||
      !save (dir, "generation_config.json", generation_to_json (config), error))
    return FALSE;
  return !config->has_vision ||
         (make_directory (tower, error) &&
          save (tower, "config.json", pmod_config_tower_to_json (config), error) &&
          save (tower, "preprocessor_config.json", pmod_config_preprocessor_to_json (config),
                error));
}
