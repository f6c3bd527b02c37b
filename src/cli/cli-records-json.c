/* A run's records as members of a JSON object. */
#include "cli-records.h"

#include <math.h>

static void
add_floats (JsonBuilder *builder, const char *name, const float *values, int n)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (int i = 0; i < n; i++)
    cli_json_double (builder, NULL, (double)values[i]);
  json_builder_end_array (builder);
}

/* Positions among the vision tokens, ascending; a layer that did not route keeps them all. */
static void
add_kept (const CliRecords *self, JsonBuilder *builder, const PmodRecordRoute *route)
{
  json_builder_set_member_name (builder, "kept");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->begin->n_vision; i++)
    if (route == NULL || (i < route->n_vision && pmod_record_route_kept (route, i)))
      json_builder_add_int_value (builder, i);
  json_builder_end_array (builder);
}

static void
add_layer (const CliRecords *self, JsonBuilder *builder, int layer, gboolean full)
{
  const PmodRecordRoute *route = self->route[layer];
  gboolean is_routed = cli_records_is_routed (self, layer);
  int n_skipped = self->begin->n_vision - cli_records_get_n_kept (self, layer);

  json_builder_begin_object (builder);
  cli_json_int (builder, "index", layer);
  cli_json_bool (builder, "routed", is_routed);
  cli_json_double (builder, "ratio", is_routed ? self->begin->ratio[layer] : 1);
  cli_json_int (builder, "n_vision", self->begin->n_vision);
  cli_json_int (builder, "n_kept", cli_records_get_n_kept (self, layer));
  cli_json_int (builder, "kv_len",
                self->kv[layer] != NULL ? self->kv[layer]->length
                                        : self->begin->n_tokens - n_skipped);
  add_kept (self, builder, route);
  cli_json_double (builder, "margin", route != NULL ? (double)route->margin : 0);
  cli_json_int (builder, "ties", route != NULL ? route->n_ties : 0);
  cli_json_int (builder, "saturated", route != NULL ? route->n_saturated : 0);
  cli_json_bool (builder, "never_read", route != NULL && route->never_read);
  if (full)
    {
      add_floats (builder, "logit", route != NULL ? pmod_record_route_logits (route) : NULL,
                  route != NULL ? route->n_vision : 0);
      add_floats (builder, "weight", route != NULL ? pmod_record_route_weights (route) : NULL,
                  route != NULL ? route->n_vision : 0);
    }
  json_builder_end_object (builder);
}

void
cli_records_json_layers (const CliRecords *self, JsonBuilder *builder, gboolean full)
{
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->n_layers; i++)
    add_layer (self, builder, i, full);
  json_builder_end_array (builder);
}

void
cli_flops_json (const PmodFlops *flops, const char *name, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  cli_json_double (builder, "paper_rule", flops->paper);
  cli_json_double (builder, "paper_rule_dense", flops->paper_dense);
  cli_json_double (builder, "all_work", flops->all);
  cli_json_double (builder, "all_work_dense", flops->all_dense);
  json_builder_end_object (builder);
}

void
cli_records_json_flops (const CliRecords *self, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "flops");
  json_builder_begin_object (builder);
  cli_flops_json (&self->prefill, "prefill", builder);
  cli_flops_json (&self->decode, "decode", builder);
  json_builder_end_object (builder);
}

void
cli_records_json_kv (const CliRecords *self, JsonBuilder *builder)
{
  guint64 bytes = 0;
  guint64 dense = 0;

  for (int i = 0; i < self->n_layers; i++)
    if (self->kv[i] != NULL)
      {
        bytes += self->kv[i]->bytes;
        dense += self->kv[i]->bytes_dense;
      }
  json_builder_set_member_name (builder, "kv_cache");
  json_builder_begin_object (builder);
  cli_json_int (builder, "bytes", (gint64)bytes);
  cli_json_int (builder, "bytes_dense", (gint64)dense);
  json_builder_set_member_name (builder, "tokens_per_layer");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->n_layers; i++)
    json_builder_add_int_value (builder, self->kv[i] != NULL ? self->kv[i]->length : 0);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

/* A stage that did not run took no time. */
static void
add_stage (const CliRecords *self, JsonBuilder *builder, const char *name, PmodStage stage)
{
  double ms = self->stage_ms[stage];

  cli_json_double (builder, name, isnan (ms) ? 0 : ms);
}

void
cli_records_json_timing (const CliRecords *self, JsonBuilder *builder, double load_ms)
{
  json_builder_set_member_name (builder, "timing_ms");
  json_builder_begin_object (builder);
  if (isnan (load_ms))
    add_stage (self, builder, "load", PMOD_STAGE_LOAD);
  else
    cli_json_double (builder, "load", load_ms);
  add_stage (self, builder, "preprocess", PMOD_STAGE_PREPROCESS);
  add_stage (self, builder, "vision", PMOD_STAGE_VISION);
  add_stage (self, builder, "projector", PMOD_STAGE_PROJECTOR);
  add_stage (self, builder, "prefill", PMOD_STAGE_PREFILL);
  cli_json_double (builder, "first_token", self->first_token_ms);
  add_stage (self, builder, "decode", PMOD_STAGE_DECODE);
  add_stage (self, builder, "total", PMOD_STAGE_TOTAL);
  json_builder_end_object (builder);
}

static void
add_plane (const PmodPlane *plane, JsonBuilder *builder)
{
  json_builder_begin_object (builder);
  cli_json_int (builder, "first_token", plane->first_token);
  cli_json_int (builder, "rows", plane->rows);
  cli_json_int (builder, "cols", plane->cols);
  cli_json_bool (builder, "newlines", plane->newlines);
  json_builder_set_member_name (builder, "box");
  json_builder_begin_array (builder);
  cli_json_double (builder, NULL, (double)plane->x0);
  cli_json_double (builder, NULL, (double)plane->y0);
  cli_json_double (builder, NULL, (double)plane->x1);
  cli_json_double (builder, NULL, (double)plane->y1);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

void
cli_records_json_image (const PmodRecordImage *image, const char *path, JsonBuilder *builder)
{
  cli_json_string (builder, "path", path);
  cli_json_int (builder, "width", image->width);
  cli_json_int (builder, "height", image->height);
  cli_json_int (builder, "tiles", image->n_tiles);
  json_builder_set_member_name (builder, "grid");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, image->grid_rows);
  json_builder_add_int_value (builder, image->grid_cols);
  json_builder_end_array (builder);
  cli_json_int (builder, "vision_tokens", image->n_tokens);
  cli_json_int (builder, "first_token", image->first_token);
  json_builder_set_member_name (builder, "planes");
  json_builder_begin_array (builder);
  for (int i = 0; i < MIN (image->n_planes, PMOD_MAX_PLANES); i++)
    add_plane (&image->planes[i], builder);
  json_builder_end_array (builder);
}
