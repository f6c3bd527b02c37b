/* What a run may choose: defaults, checks, and the ratio that every layer will really have. */
#include "pmod-params.h"

#include "pmod-number.h"

#include <math.h>
#include <string.h>

#define MAX_TEMPERATURE 100.0
#define MAX_NEW_TOKENS (1 << 20)

/* In the order of PmodRouterFunction. */
static const char *const function_names[] = { "tanh", "sigmoid", "softmax", "none" };

static const char *const policy_names[PMOD_N_POLICIES] = {
  [PMOD_POLICY_ROUTER] = "router",       [PMOD_POLICY_RANDOM] = "random",
  [PMOD_POLICY_INVERSE] = "inverse",     [PMOD_POLICY_GRID] = "grid",
  [PMOD_POLICY_FIRST] = "first",         [PMOD_POLICY_NORM] = "norm",
  [PMOD_POLICY_ATTENTION] = "attention", [PMOD_POLICY_LAST] = "last",
  [PMOD_POLICY_PAINTED] = "painted",
};

void
pmod_params_init (PmodParams *self, const PmodConfig *config)
{
  memset (self, 0, sizeof *self);
  self->routing.schedule = config->schedule;
  self->routing.norm = config->router_norm;
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    self->routing.ratio[i] = NAN;
  self->sampling.top_p = 1;
  self->sampling.max_new_tokens = 256;
  self->sampling.n_alternatives = 8;
}

const char *
pmod_policy_name (PmodPolicy policy)
{
  g_return_val_if_fail ((guint)policy < PMOD_N_POLICIES, NULL);
  return policy_names[policy];
}

gboolean
pmod_policy_from_name (const char *name, PmodPolicy *policy)
{
  for (int i = 0; i < PMOD_N_POLICIES; i++)
    if (strcmp (name, policy_names[i]) == 0)
      {
        *policy = (PmodPolicy)i;
        return TRUE;
      }
  return FALSE;
}

/* --- Whole copies --------------------------------------------------------------------------- */

void
pmod_routing_copy (PmodRouting *to, const PmodRouting *from)
{
  *to = *from;
  if (to->paint != NULL)
    pmod_paint_ref (to->paint);
}

void
pmod_routing_clear (PmodRouting *self)
{
  g_clear_pointer (&self->paint, pmod_paint_unref);
}

void
pmod_params_copy (PmodParams *to, const PmodParams *from)
{
  *to = *from;
  pmod_routing_copy (&to->routing, &from->routing);
}

void
pmod_params_clear (PmodParams *self)
{
  pmod_routing_clear (&self->routing);
}

void
pmod_params_set_paint (PmodParams *self, PmodPaint *paint)
{
  PmodPaint *before = self->routing.paint;

  self->routing.paint = paint != NULL ? pmod_paint_ref (paint) : NULL;
  if (before != NULL)
    pmod_paint_unref (before);
}

/* --- Routing -------------------------------------------------------------------------------- */

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (PMOD_ERROR, PMOD_ERROR_ARGUMENT, format, args));
  va_end (args);
  return FALSE;
}

static gboolean
check_schedule (const PmodSchedule *schedule, GError **error)
{
  const struct
  {
    const char *name;
    double value;
  } numbers[] = { { "factor", schedule->factor },
                  { "upper bound", schedule->upper },
                  { "lower bound", schedule->lower } };

  if ((guint)schedule->kind > PMOD_SCHEDULE_CONSTANT)
    return refuse (error, "schedule: no such kind, %d", schedule->kind);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!isfinite (numbers[i].value) || numbers[i].value < 0)
      return refuse (error, "schedule: the %s must be a number of 0 or more, got %g",
                     numbers[i].name, numbers[i].value);
  if (schedule->span < 1)
    return refuse (error, "schedule: the span must be 1 or more layers, got %d", schedule->span);
  return TRUE;
}

static gboolean
check_norm (const PmodRouterNorm *norm, GError **error)
{
  if ((guint)norm->function >= G_N_ELEMENTS (function_names))
    return refuse (error, "router norm: no such function, %d", norm->function);
  if (!isfinite (norm->scale) || !isfinite (norm->bias))
    return refuse (error, "router norm: scale and bias must be finite, got %g and %g", norm->scale,
                   norm->bias);
  return TRUE;
}

gboolean
pmod_routing_ratios (const PmodRouting *self,
                     const PmodConfig *config,
                     double *ratios,
                     GError **error)
{
  if (!check_schedule (&self->schedule, error) || !check_norm (&self->norm, error))
    return FALSE;
  if ((guint)self->policy >= PMOD_N_POLICIES)
    return refuse (error, "policy: no such policy, %d", self->policy);
  pmod_schedule_ratios (&self->schedule, config->n_layers, ratios);
  for (int i = 0; i < config->n_layers; i++)
    {
      if (self->schedule.kind == PMOD_SCHEDULE_CONSTANT && !config->has_router[i])
        ratios[i] = PMOD_RATIO_PLAIN;
      if (!isnan (self->ratio[i]))
        ratios[i] = self->ratio[i];
      if (ratios[i] == PMOD_RATIO_PLAIN)
        continue;
      if (!(ratios[i] >= 0 && ratios[i] <= 1))
        return refuse (error, "layer %d: the ratio must be in 0 .. 1, got %g", i, ratios[i]);
      if (!config->has_router[i])
        {
          g_autofree char *routers = pmod_config_describe_routers (config);

          if (pmod_config_first_router (config) == config->n_layers)
            return refuse (error,
                           "layer %d would be routed at %.2f, but this checkpoint has no routers",
                           i, ratios[i]);
          return refuse (error,
                         "layer %d would be routed at %.2f, but this checkpoint has routers only "
                         "in layers %s",
                         i, ratios[i], routers);
        }
    }
  return TRUE;
}

gboolean
pmod_routing_equal (const PmodRouting *a, const PmodRouting *b, const PmodConfig *config)
{
  double ratios_a[PMOD_MAX_LAYERS], ratios_b[PMOD_MAX_LAYERS];

  if (a->norm.function != b->norm.function || a->norm.scale != b->norm.scale ||
      a->norm.bias != b->norm.bias)
    return FALSE;
  if (a->policy != b->policy || (a->policy == PMOD_POLICY_RANDOM && a->seed != b->seed))
    return FALSE;
  if (a->policy == PMOD_POLICY_PAINTED && !pmod_paint_equal (a->paint, b->paint))
    return FALSE;
  if (!pmod_routing_ratios (a, config, ratios_a, NULL) ||
      !pmod_routing_ratios (b, config, ratios_b, NULL))
    return FALSE;
  for (int i = 0; i < config->n_layers; i++)
    if (ratios_a[i] != ratios_b[i])
      return FALSE;
  return TRUE;
}

/* --- Sampling ------------------------------------------------------------------------------- */

gboolean
pmod_sampling_check (const PmodSampling *self, GError **error)
{
  if (!(self->temperature >= 0 && self->temperature <= MAX_TEMPERATURE))
    return refuse (error, "temperature: expected 0 (greedy) to %g, got %g", MAX_TEMPERATURE,
                   self->temperature);
  if (self->top_k < 0)
    return refuse (error, "top-k: expected 0 (off) or more, got %d", self->top_k);
  if (!(self->top_p > 0 && self->top_p <= 1))
    return refuse (error, "top-p: expected more than 0 and at most 1, got %g", self->top_p);
  if (self->max_new_tokens < 0 || self->max_new_tokens > MAX_NEW_TOKENS)
    return refuse (error, "new tokens: expected 0 to %d, got %d", MAX_NEW_TOKENS,
                   self->max_new_tokens);
  if (self->n_alternatives < 0 || self->n_alternatives > PMOD_MAX_ALTERNATIVES)
    return refuse (error, "alternatives: expected 0 to %d, got %d", PMOD_MAX_ALTERNATIVES,
                   self->n_alternatives);
  return TRUE;
}

/* --- Router norm ---------------------------------------------------------------------------- */

gboolean
pmod_router_norm_parse (PmodRouterNorm *norm, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "_", -1);
  guint n_parts = g_strv_length (parts);
  PmodRouterNorm parsed = { PMOD_ROUTER_NORM_TANH, 1, 1 };
  guint function = 0;

  while (n_parts > 0 && function < G_N_ELEMENTS (function_names) &&
         strcmp (parts[0], function_names[function]) != 0)
    function++;
  if (n_parts == 0 || function == G_N_ELEMENTS (function_names) || (n_parts != 1 && n_parts != 3) ||
      (n_parts == 3 && (!pmod_number_parse (parts[1], &parsed.scale) ||
                        !pmod_number_parse (parts[2], &parsed.bias))))
    {
      g_set_error (
          error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
          "router norm: expected tanh, sigmoid, softmax or none, alone or with _SCALE_BIAS "
          "as in tanh_0.2_1, got \"%.80s\"",
          text);
      return FALSE;
    }
  parsed.function = (PmodRouterFunction)function;
  *norm = parsed;
  return TRUE;
}

char *
pmod_router_norm_to_string (const PmodRouterNorm *norm)
{
  GString *text = g_string_new (function_names[norm->function]);

  g_string_append_c (text, '_');
  pmod_number_append (text, norm->scale, FALSE);
  g_string_append_c (text, '_');
  pmod_number_append (text, norm->bias, FALSE);
  return g_string_free (text, FALSE);
}
