/* pmod info: what a checkpoint holds and whether it fits, without reading its weights. Without a
 * model: the installed ones. */
#include "cli-shape.h"

#include <stdio.h>

static const char *
image_mode_name (PmodImageMode mode)
{
  switch (mode)
    {
    case PMOD_IMAGE_PAD:
      return "pad";
    case PMOD_IMAGE_SQUARE:
      return "square";
    case PMOD_IMAGE_ANYRES:
      return "anyres";
    }
  return "?";
}

static const char *
target_name (PmodTarget target)
{
  switch (target)
    {
    case PMOD_TARGET_VISION:
      return "vision_all";
    case PMOD_TARGET_VISION_HR:
      return "vision_hr";
    case PMOD_TARGET_ALL:
      return "all";
    }
  return "?";
}

static gboolean
fits (const PmodMemory *memory)
{
  return memory->total <= memory->free;
}

static void
print_bytes (const char *name, guint64 bytes)
{
  g_autofree char *text = cli_format_bytes ((double)bytes);

  printf ("  %-14s %s\n", name, text);
}

static void
print_files (const PmodModelInfo *info)
{
  g_autofree char *parameters = cli_format_count ((double)info->n_parameters);
  g_autofree char *bytes = cli_format_bytes ((double)info->file_bytes);

  printf ("%s\n", info->path);
  printf ("  %-14s %s\n", "type", info->config->model_type);
  printf ("  %-14s %s (%" G_GUINT64_FORMAT ")\n", "parameters", parameters, info->n_parameters);
  printf ("  %-14s %s, %d tensors, %d file%s, %s\n", "weights", bytes, info->n_tensors,
          info->n_shards, info->n_shards == 1 ? "" : "s", info->dtypes);
}

static void
print_decoder (const PmodConfig *config)
{
  printf ("Decoder\n");
  printf ("  %-14s %d\n", "layers", config->n_layers);
  printf ("  %-14s %d\n", "hidden", config->hidden);
  printf ("  %-14s %d of %d", "heads", config->n_heads, config->head_dim);
  if (config->n_kv_heads != config->n_heads)
    printf (", %d for keys and values", config->n_kv_heads);
  printf ("\n  %-14s %d\n", "MLP", config->ffn);
  printf ("  %-14s %d%s\n", "vocabulary", config->vocab,
          config->tie_word_embeddings ? ", tied embeddings" : "");
  printf ("  %-14s %d tokens\n", "context", config->context_length);
  printf ("  %-14s %s\n", "conversation", config->conversation);
}

static void
print_vision (const PmodModelInfo *info)
{
  const PmodConfig *config = info->config;
  const PmodVisionConfig *vision = &config->vision;

  if (!config->has_vision)
    {
      printf ("No pictures: the checkpoint has no vision tower\n");
      return;
    }
  printf ("Pictures\n");
  printf ("  %-14s %d layers, hidden %d, %d heads, %s\n", "tower", vision->n_layers, vision->hidden,
          vision->n_heads, info->tower_inside ? "in the checkpoint" : config->vision_tower);
  printf ("  %-14s %d x %d pixels, %d vision tokens\n", "tile", vision->image_size,
          vision->image_size, pmod_config_tile_tokens (config));
  printf ("  %-14s %s", "mode", image_mode_name (config->image_mode));
  if (config->n_pinpoints > 0 && config->image_mode == PMOD_IMAGE_ANYRES)
    printf (", %d grids", config->n_pinpoints);
  printf ("\n");
}

static void
print_routing (const PmodConfig *config, const double *ratios)
{
  g_autofree char *schedule = pmod_schedule_to_string (&config->schedule);
  g_autofree char *norm = pmod_router_norm_to_string (&config->router_norm);
  g_autofree char *routers = pmod_config_describe_routers (config);
  g_autofree char *routed = cli_describe_routed (ratios, config->n_layers);
  int column = 0;

  printf ("Routing\n");
  printf ("  %-14s %s, factor %g\n", "schedule", schedule, config->schedule.factor);
  printf ("  %-14s %s of %s tokens\n", "norm", norm, target_name (config->target));
  printf ("  %-14s %s\n", "routers", routers);
  printf ("  %-14s %s\n", "routed layers", routed);
  for (int i = 0; i < config->n_layers; i++)
    if (ratios[i] >= 0)
      printf ("%s%3d: %.3f", column++ % 8 == 0 ? "\n    " : "  ", i, ratios[i]);
  printf (column > 0 ? "\n\n" : "");
}

static void
print_memory (const PmodModelInfo *info)
{
  const PmodMemory *memory = &info->memory;

  printf ("Memory, on %s in %s\n", info->device_name, info->precision_name);
  if (info->fallback != NULL)
    printf ("  not on %s\n", info->fallback);
  print_bytes ("weights", memory->weights);
  print_bytes ("+ KV cache", memory->kv);
  print_bytes ("+ scratch", memory->scratch);
  print_bytes ("= needed", memory->total);
  print_bytes ("free", memory->free);
  printf ("  %s\n", fits (memory) ? "It fits." : "It does not fit.");
}

static void
json_sizes (const PmodModelInfo *info, JsonBuilder *builder)
{
  const PmodConfig *config = info->config;

  json_builder_set_member_name (builder, "model");
  json_builder_begin_object (builder);
  cli_json_string (builder, "path", info->path);
  cli_json_string (builder, "type", config->model_type);
  cli_json_int (builder, "layers", config->n_layers);
  cli_json_int (builder, "hidden", config->hidden);
  cli_json_int (builder, "heads", config->n_heads);
  cli_json_int (builder, "kv_heads", config->n_kv_heads);
  cli_json_int (builder, "ffn", config->ffn);
  cli_json_int (builder, "vocab", config->vocab);
  cli_json_int (builder, "context", config->context_length);
  cli_json_string (builder, "dtype", info->precision_name);
  cli_json_string (builder, "file_dtypes", info->dtypes);
  cli_json_int (builder, "parameters", (gint64)info->n_parameters);
  cli_json_int (builder, "bytes", (gint64)info->file_bytes);
  cli_json_int (builder, "tensors", info->n_tensors);
  cli_json_int (builder, "files", info->n_shards);
  cli_json_string (builder, "conversation", config->conversation);
  json_builder_end_object (builder);
}

static void
json_vision (const PmodModelInfo *info, JsonBuilder *builder)
{
  const PmodConfig *config = info->config;

  json_builder_set_member_name (builder, "vision");
  if (!config->has_vision)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  cli_json_string (builder, "tower", config->vision_tower);
  cli_json_bool (builder, "tower_inside", info->tower_inside);
  cli_json_int (builder, "layers", config->vision.n_layers);
  cli_json_int (builder, "hidden", config->vision.hidden);
  cli_json_int (builder, "image_size", config->vision.image_size);
  cli_json_int (builder, "tile_tokens", pmod_config_tile_tokens (config));
  cli_json_string (builder, "mode", image_mode_name (config->image_mode));
  json_builder_end_object (builder);
}

static void
json_routing (const PmodConfig *config, const double *ratios, JsonBuilder *builder)
{
  g_autofree char *schedule = pmod_schedule_to_string (&config->schedule);
  g_autofree char *norm = pmod_router_norm_to_string (&config->router_norm);

  json_builder_set_member_name (builder, "routing");
  json_builder_begin_object (builder);
  cli_json_string (builder, "schedule", schedule);
  cli_json_double (builder, "factor", config->schedule.factor);
  cli_json_string (builder, "norm", norm);
  cli_json_string (builder, "target", target_name (config->target));
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (int i = 0; i < config->n_layers; i++)
    {
      json_builder_begin_object (builder);
      cli_json_int (builder, "index", i);
      cli_json_bool (builder, "router", config->has_router[i]);
      cli_json_bool (builder, "routed", ratios[i] >= 0);
      cli_json_double (builder, "ratio", ratios[i] >= 0 ? ratios[i] : 1);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
json_memory (const PmodModelInfo *info, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "memory");
  json_builder_begin_object (builder);
  cli_json_string (builder, "device", info->device_name);
  cli_json_int (builder, "weights", (gint64)info->memory.weights);
  cli_json_int (builder, "kv", (gint64)info->memory.kv);
  cli_json_int (builder, "scratch", (gint64)info->memory.scratch);
  cli_json_int (builder, "total", (gint64)info->memory.total);
  cli_json_int (builder, "free", (gint64)info->memory.free);
  cli_json_bool (builder, "fits", fits (&info->memory));
  json_builder_end_object (builder);
}

static gboolean
print_json (const PmodModelInfo *info, const double *ratios, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_sizes (info, builder);
  json_vision (info, builder);
  json_routing (info->config, ratios, builder);
  json_memory (info, builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

static gboolean
describe (const char *name, const CliOptions *options, gboolean json, GError **error)
{
  g_autoptr (PmodModelInfo) info = pmod_model_info_new (name, &options->model, error);
  double ratios[PMOD_MAX_LAYERS];
  PmodParams params;

  if (info == NULL)
    return FALSE;
  pmod_params_init (&params, info->config);
  if (!pmod_routing_ratios (&params.routing, info->config, ratios, error))
    return FALSE;
  if (json)
    return print_json (info, ratios, error);
  print_files (info);
  print_decoder (info->config);
  print_vision (info);
  print_routing (info->config, ratios);
  print_memory (info);
  return TRUE;
}

static gboolean
list_json (char **names, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_builder_set_member_name (builder, "models");
  json_builder_begin_array (builder);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = pmod_model_find (names[i], NULL);

      json_builder_begin_object (builder);
      cli_json_string (builder, "name", names[i]);
      cli_json_string (builder, "path", path);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

static gboolean
list (gboolean json, GError **error)
{
  g_auto (GStrv) names = pmod_model_list_installed ();

  if (json)
    return list_json (names, error);
  if (names[0] == NULL)
    printf ("No models are installed; every MODEL may be a directory.\n");
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = pmod_model_find (names[i], NULL);

      printf ("%-16s %s\n", names[i], path != NULL ? path : "");
    }
  return TRUE;
}

gboolean
cli_info (char **args, GError **error)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options =
      cli_options_new (args, CLI_OPTIONS_DEVICE, entries, "[MODEL]",
                       "What a checkpoint holds, its routing, and whether it fits in memory.\n"
                       "Without MODEL: the installed models.",
                       error);
  const char *name;

  if (options == NULL || options->help)
    return options != NULL;
  if (options->rest == NULL || options->rest[0] == NULL)
    return list (json, error);
  name = cli_options_get_one (options, "a model", error);
  return name != NULL && describe (name, options, json, error);
}
