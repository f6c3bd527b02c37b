/* pmod flops: what a prompt costs under both rules, and the size of its KV cache, against the
 * dense model. Needs shapes only. */
#include "cli-records.h"
#include "cli-shape.h"

#include <stdio.h>

#define KV_ELEMENT_BYTES 2 /* BF16; shares do not depend on it */

typedef struct
{
  const CliShape *shape;
  PmodParams params;
  double ratios[PMOD_MAX_LAYERS];
  gint64 n_kept[PMOD_MAX_LAYERS];
  PmodFlops prefill;
  double retention;       /* of vision tokens, by the ratios */
  double retention_whole; /* by counts, which are truncated layer by layer */
  gint64 n_kv_vision;
  gint64 n_kv_vision_dense;
  guint64 kv_bytes;
  guint64 kv_bytes_dense;
} Counts;

static gboolean
count (Counts *self, const CliOptions *options, const CliShape *shape, GError **error)
{
  const PmodConfig *config = shape->config;
  guint64 token_bytes = pmod_meter_kv_token_bytes (config, KV_ELEMENT_BYTES);
  gint64 n_tokens = 0;

  self->shape = shape;
  if (!cli_options_get_params (options, config, &self->params, error) ||
      !pmod_routing_ratios (&self->params.routing, config, self->ratios, error))
    return FALSE;
  self->prefill = pmod_meter_prefill (config, self->ratios, shape->n_vision, shape->n_text,
                                      shape->n_tiles, self->n_kept);
  pmod_meter_retention (self->ratios, config->n_layers, shape->n_vision, &self->retention,
                        &self->retention_whole);
  for (int i = 0; i < config->n_layers; i++)
    {
      self->n_kv_vision += self->n_kept[i];
      n_tokens += self->n_kept[i] + shape->n_text;
    }
  self->n_kv_vision_dense = shape->n_vision * config->n_layers;
  self->kv_bytes = token_bytes * (guint64)n_tokens;
  self->kv_bytes_dense =
      token_bytes * (guint64)(shape->n_vision + shape->n_text) * (guint64)config->n_layers;
  return TRUE;
}

static double
share (double part, double whole)
{
  return whole > 0 ? part / whole : 1;
}

static void
print_row (const char *name, const char *dense, const char *routed, double part)
{
  printf ("  %-22s %12s %12s %9.2f %%\n", name, dense, routed, 100 * part);
}

static void
print_flops_row (const char *name, double dense, double routed)
{
  g_autofree char *dense_text = cli_format_flops (dense);
  g_autofree char *routed_text = cli_format_flops (routed);

  print_row (name, dense_text, routed_text, share (routed, dense));
}

static void
print_kv (const Counts *self)
{
  g_autofree char *bytes_dense = cli_format_bytes ((double)self->kv_bytes_dense);
  g_autofree char *bytes = cli_format_bytes ((double)self->kv_bytes);
  g_autofree char *tokens_dense = g_strdup_printf ("%" G_GINT64_FORMAT, self->n_kv_vision_dense);
  g_autofree char *tokens = g_strdup_printf ("%" G_GINT64_FORMAT, self->n_kv_vision);

  print_row ("KV cache, in 16 bits", bytes_dense, bytes,
             share ((double)self->kv_bytes, (double)self->kv_bytes_dense));
  print_row ("  its vision tokens", tokens_dense, tokens, self->retention_whole);
}

static void
print_text (const Counts *self)
{
  const CliShape *shape = self->shape;
  const PmodConfig *config = shape->config;
  g_autofree char *schedule = pmod_schedule_to_string (&self->params.routing.schedule);
  g_autofree char *routed = cli_describe_routed (self->ratios, config->n_layers);

  printf ("%s: %d layers, routed: %s; %s, factor %g\n", shape->name, config->n_layers, routed,
          schedule, self->params.routing.schedule.factor);
  printf ("Prompt: %" G_GINT64_FORMAT " vision and %" G_GINT64_FORMAT
          " text tokens, %" G_GINT64_FORMAT " tiles\n\n",
          shape->n_vision, shape->n_text, shape->n_tiles);
  printf ("  %-22s %12s %12s %11s\n", "Prefill", "dense", "p-MoD", "of dense");
  print_flops_row ("paper rule", self->prefill.paper_dense, self->prefill.paper);
  print_flops_row ("all work", self->prefill.all_dense, self->prefill.all);
  print_kv (self);
  print_row ("  by the schedule", "", "", self->retention);
  printf ("\n  layer   ratio    kept of %" G_GINT64_FORMAT "\n", shape->n_vision);
  for (int i = 0; i < config->n_layers; i++)
    if (self->ratios[i] < 0)
      printf ("  %5d   plain   %7" G_GINT64_FORMAT "\n", i, self->n_kept[i]);
    else
      printf ("  %5d   %.3f   %7" G_GINT64_FORMAT "\n", i, self->ratios[i], self->n_kept[i]);
}

static void
json_kv (const Counts *self, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "kv_cache");
  json_builder_begin_object (builder);
  cli_json_int (builder, "bytes", (gint64)self->kv_bytes);
  cli_json_int (builder, "bytes_dense", (gint64)self->kv_bytes_dense);
  cli_json_double (builder, "share", share ((double)self->kv_bytes, (double)self->kv_bytes_dense));
  cli_json_double (builder, "share_schedule", self->retention);
  cli_json_double (builder, "share_vision", self->retention_whole);
  json_builder_set_member_name (builder, "tokens_per_layer");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->shape->config->n_layers; i++)
    json_builder_add_int_value (builder, self->n_kept[i] + self->shape->n_text);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static gboolean
print_json (const Counts *self, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();
  g_autofree char *schedule = pmod_schedule_to_string (&self->params.routing.schedule);

  cli_json_string (builder, "model", self->shape->name);
  cli_json_string (builder, "schedule", schedule);
  cli_json_double (builder, "factor", self->params.routing.schedule.factor);
  cli_json_int (builder, "vision_tokens", self->shape->n_vision);
  cli_json_int (builder, "text_tokens", self->shape->n_text);
  cli_json_int (builder, "tiles", self->shape->n_tiles);
  cli_flops_json (&self->prefill, "prefill", builder);
  json_kv (self, builder);
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->shape->config->n_layers; i++)
    {
      json_builder_begin_object (builder);
      cli_json_int (builder, "index", i);
      cli_json_bool (builder, "routed", self->ratios[i] >= 0);
      cli_json_double (builder, "ratio", self->ratios[i] >= 0 ? self->ratios[i] : 1);
      cli_json_int (builder, "n_kept", self->n_kept[i]);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

gboolean
cli_flops (char **args, GError **error)
{
  g_auto (CliShapeTexts) texts = { NULL };
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    CLI_SHAPE_ENTRIES (&texts),
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options = NULL;
  g_autoptr (CliShape) shape = NULL;
  g_autofree Counts *counts = g_new0 (Counts, 1);

  options = cli_options_new (
      args, CLI_OPTIONS_ROUTING, entries, "[MODEL]",
      "Counts FLOPs under the paper's rule and of all work, and the KV cache.", error);
  if (options == NULL || options->help)
    return options != NULL;
  shape = cli_shape_new (options, &texts, NULL, error);
  if (shape == NULL || !count (counts, options, shape, error))
    return FALSE;
  if (json)
    return print_json (counts, error);
  print_text (counts);
  return TRUE;
}
