/* PmodSettings: see pmod-settings.h. */
#include "config.h"

#include "pmod-settings.h"

#include <json-glib/json-glib.h>
#include <math.h>

struct _PmodSettings
{
  PmodParams params;
  gboolean question_first;
  gboolean as_trained;
  char *system; /* nullable */
};

PmodSettings *
pmod_settings_new (const PmodParams *params, gboolean question_first, gboolean as_trained)
{
  PmodSettings *self = g_new0 (PmodSettings, 1);

  pmod_params_copy (&self->params, params);
  self->question_first = question_first;
  self->as_trained = as_trained;
  return self;
}

void
pmod_settings_free (PmodSettings *self)
{
  pmod_params_clear (&self->params);
  g_free (self->system);
  g_free (self);
}

void
pmod_settings_set_system (PmodSettings *self, const char *system)
{
  g_free (self->system);
  self->system = g_strdup (system);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_number (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_ratios (JsonBuilder *builder, const PmodRouting *routing)
{
  gboolean begun = FALSE;

  for (int l = 0; l < PMOD_MAX_LAYERS; l++)
    {
      g_autofree char *layer = g_strdup_printf ("%d", l);

      if (isnan (routing->ratio[l]))
        continue;
      if (!begun)
        {
          json_builder_set_member_name (builder, "ratios");
          json_builder_begin_object (builder);
          begun = TRUE;
        }
      json_builder_set_member_name (builder, layer);
      if (routing->ratio[l] == PMOD_RATIO_PLAIN)
        json_builder_add_null_value (builder);
      else
        json_builder_add_double_value (builder, routing->ratio[l]);
    }
  if (begun)
    json_builder_end_object (builder);
}

static void
add_routing (JsonBuilder *builder, const PmodRouting *routing)
{
  g_autofree char *schedule = pmod_schedule_to_string (&routing->schedule);
  g_autofree char *norm = pmod_router_norm_to_string (&routing->norm);

  add_string (builder, "schedule", schedule);
  add_number (builder, "factor", routing->schedule.factor);
  add_ratios (builder, routing);
  add_string (builder, "norm", norm);
  add_string (builder, "policy", pmod_policy_name (routing->policy));
  if (routing->policy == PMOD_POLICY_RANDOM)
    {
      json_builder_set_member_name (builder, "seed");
      json_builder_add_int_value (builder, (gint64)routing->seed);
    }
  if (routing->policy == PMOD_POLICY_PAINTED && routing->paint)
    {
      g_autofree char *paint = pmod_paint_to_text (routing->paint);

      json_builder_set_member_name (builder, "paint");
      json_builder_add_value (builder, json_from_string (paint, NULL));
    }
}

static void
add_sampling (JsonBuilder *builder, const PmodSampling *sampling)
{
  json_builder_set_member_name (builder, "sampling");
  json_builder_begin_object (builder);
  add_number (builder, "temperature", sampling->temperature);
  json_builder_set_member_name (builder, "top_k");
  json_builder_add_int_value (builder, sampling->top_k);
  add_number (builder, "top_p", sampling->top_p);
  json_builder_set_member_name (builder, "seed");
  json_builder_add_int_value (builder, (gint64)sampling->seed);
  json_builder_set_member_name (builder, "max_new_tokens");
  json_builder_add_int_value (builder, sampling->max_new_tokens);
  json_builder_end_object (builder);
}

char *
pmod_settings_to_json (const PmodSettings *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "as_trained");
  json_builder_add_boolean_value (builder, self->as_trained);
  add_routing (builder, &self->params.routing);
  json_builder_set_member_name (builder, "question_first");
  json_builder_add_boolean_value (builder, self->question_first);
  add_sampling (builder, &self->params.sampling);
  if (self->system)
    add_string (builder, "system", self->system);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}
