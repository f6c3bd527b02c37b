/* Parameters as JSON, and how this room reads JSON. Every number is written so that it reads back
 * as the same one: a run there is to be equal to one here to the last bit. */
#include "config.h"

#include "pmod-remote-private.h"

#include <math.h>

/* --- Members ---------------------------------------------------------------------------------- */

void
pmod_remote_keys_expect (PmodRemoteKeys *self,
                         const char *key,
                         const char *expected,
                         const PmodJson *got)
{
  g_autofree char *text = NULL;

  if (self->error != NULL)
    return;
  text = got != NULL ? pmod_json_describe (got) : g_strdup ("nothing");
  g_set_error (&self->error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s: expected %s, got %s",
               self->where, key, expected, text);
}

const PmodJson *
pmod_remote_keys_find (const PmodRemoteKeys *self, const char *key)
{
  const PmodJson *value = pmod_json_find (self->object, key);

  return value != NULL && value->type != PMOD_JSON_NULL ? value : NULL;
}

gint64
pmod_remote_keys_int (PmodRemoteKeys *self, const char *key, gint64 min, gint64 max)
{
  const PmodJson *value = pmod_remote_keys_find (self, key);
  g_autofree char *expected = NULL;

  if (value != NULL && value->type == PMOD_JSON_INTEGER && value->integer >= min &&
      value->integer <= max)
    return value->integer;
  expected =
      g_strdup_printf ("a whole number of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
  pmod_remote_keys_expect (self, key, expected, value);
  return min;
}

double
pmod_remote_keys_double (PmodRemoteKeys *self, const char *key)
{
  const PmodJson *value = pmod_remote_keys_find (self, key);

  if (value != NULL && value->type == PMOD_JSON_INTEGER)
    return (double)value->integer;
  if (value != NULL && value->type == PMOD_JSON_NUMBER)
    return value->number;
  pmod_remote_keys_expect (self, key, "a number", value);
  return 0;
}

gboolean
pmod_remote_keys_flag (PmodRemoteKeys *self, const char *key)
{
  const PmodJson *value = pmod_remote_keys_find (self, key);

  if (value != NULL && value->type != PMOD_JSON_BOOLEAN)
    pmod_remote_keys_expect (self, key, "true or false", value);
  return value != NULL && value->type == PMOD_JSON_BOOLEAN && value->boolean;
}

const char *
pmod_remote_keys_string (PmodRemoteKeys *self, const char *key, gboolean may_be_absent)
{
  const PmodJson *value = pmod_remote_keys_find (self, key);

  if (value != NULL && value->type == PMOD_JSON_STRING)
    return value->string;
  if (value != NULL || !may_be_absent)
    pmod_remote_keys_expect (self, key, "text", value);
  return may_be_absent ? NULL : "";
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* As many as have something of their own to say, and those before them. */
static void
write_ratios (GString *text, const double *ratios)
{
  int n = PMOD_MAX_LAYERS;

  while (n > 0 && isnan (ratios[n - 1]))
    n--;
  pmod_json_write_open (text, "ratios", '[');
  for (int i = 0; i < n; i++)
    pmod_json_write_double (text, NULL, ratios[i]); /* NAN becomes null */
  pmod_json_write_close (text, ']');
}

static void
write_routing (GString *text, const PmodRouting *routing)
{
  const PmodSchedule *schedule = &routing->schedule;
  g_autofree char *norm = pmod_router_norm_to_string (&routing->norm);
  g_autofree char *paint = routing->paint != NULL ? pmod_paint_to_text (routing->paint) : NULL;

  pmod_json_write_string (text, "schedule", pmod_schedule_kind_name (schedule->kind));
  pmod_json_write_double (text, "factor", schedule->factor);
  pmod_json_write_double (text, "upper", schedule->upper);
  pmod_json_write_double (text, "lower", schedule->lower);
  pmod_json_write_int (text, "span", schedule->span);
  write_ratios (text, routing->ratio);
  pmod_json_write_string (text, "norm", norm);
  pmod_json_write_string (text, "policy", pmod_policy_name (routing->policy));
  pmod_json_write_int (text, "policy_seed", (gint64)routing->seed);
  pmod_json_write_string (text, "paint", paint);
}

void
pmod_remote_params_write (GString *text, const char *name, const PmodParams *params)
{
  const PmodSampling *sampling = &params->sampling;

  pmod_json_write_open (text, name, '{');
  pmod_json_write_int (text, "generation", (gint64)params->generation);
  write_routing (text, &params->routing);
  pmod_json_write_double (text, "temperature", sampling->temperature);
  pmod_json_write_int (text, "top_k", sampling->top_k);
  pmod_json_write_double (text, "top_p", sampling->top_p);
  pmod_json_write_int (text, "seed", (gint64)sampling->seed);
  pmod_json_write_int (text, "max_new_tokens", sampling->max_new_tokens);
  pmod_json_write_int (text, "alternatives", sampling->n_alternatives);
  pmod_json_write_close (text, '}');
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void
read_ratios (PmodRemoteKeys *keys, double *ratios)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "ratios");
  const PmodJson *value;

  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    ratios[i] = NAN;
  if (list == NULL || list->type != PMOD_JSON_ARRAY || list->n_children > PMOD_MAX_LAYERS)
    {
      pmod_remote_keys_expect (keys, "ratios", "a list, one for each layer", list);
      return;
    }
  value = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, value = pmod_json_next (value))
    if (value->type == PMOD_JSON_INTEGER)
      ratios[i] = (double)value->integer;
    else if (value->type == PMOD_JSON_NUMBER)
      ratios[i] = value->number;
    else if (value->type != PMOD_JSON_NULL)
      pmod_remote_keys_expect (keys, "ratios", "numbers", value);
}

static void
read_routing (PmodRemoteKeys *keys, PmodRouting *routing)
{
  PmodSchedule *schedule = &routing->schedule;
  const char *kind = pmod_remote_keys_string (keys, "schedule", FALSE);
  const char *policy = pmod_remote_keys_string (keys, "policy", FALSE);
  const char *norm = pmod_remote_keys_string (keys, "norm", FALSE);
  const char *paint = pmod_remote_keys_string (keys, "paint", TRUE);

  schedule->factor = pmod_remote_keys_double (keys, "factor");
  schedule->upper = pmod_remote_keys_double (keys, "upper");
  schedule->lower = pmod_remote_keys_double (keys, "lower");
  schedule->span = (int)pmod_remote_keys_int (keys, "span", 1, G_MAXINT);
  read_ratios (keys, routing->ratio);
  routing->seed = (guint64)pmod_remote_keys_int (keys, "policy_seed", G_MININT64, G_MAXINT64);
  if (keys->error != NULL)
    return;
  if (!pmod_schedule_kind_from_name (kind, &schedule->kind))
    pmod_remote_keys_expect (keys, "schedule", "a schedule's name",
                             pmod_remote_keys_find (keys, "schedule"));
  else if (!pmod_policy_from_name (policy, &routing->policy))
    pmod_remote_keys_expect (keys, "policy", "a policy's name",
                             pmod_remote_keys_find (keys, "policy"));
  else if (pmod_router_norm_parse (&routing->norm, norm, &keys->error) && paint != NULL)
    routing->paint = pmod_paint_parse (paint, -1, "paint", &keys->error);
}

gboolean
pmod_remote_params_read (const PmodJson *object,
                         const char *where,
                         PmodParams *params,
                         GError **error)
{
  PmodRemoteKeys keys = { where, object, NULL };
  PmodSampling *sampling = &params->sampling;

  *params = (PmodParams){ 0 };
  if (object == NULL || object->type != PMOD_JSON_OBJECT)
    {
      pmod_remote_keys_expect (&keys, "parameters", "an object", object);
      g_propagate_error (error, keys.error);
      return FALSE;
    }
  params->generation = (guint64)pmod_remote_keys_int (&keys, "generation", G_MININT64, G_MAXINT64);
  sampling->temperature = pmod_remote_keys_double (&keys, "temperature");
  sampling->top_k = (int)pmod_remote_keys_int (&keys, "top_k", 0, G_MAXINT);
  sampling->top_p = pmod_remote_keys_double (&keys, "top_p");
  sampling->seed = (guint64)pmod_remote_keys_int (&keys, "seed", G_MININT64, G_MAXINT64);
  sampling->max_new_tokens = (int)pmod_remote_keys_int (&keys, "max_new_tokens", 0, G_MAXINT);
  sampling->n_alternatives =
      (int)pmod_remote_keys_int (&keys, "alternatives", 0, PMOD_MAX_ALTERNATIVES);
  read_routing (&keys, &params->routing);
  if (keys.error == NULL)
    return pmod_sampling_check (sampling, error);
  g_propagate_error (error, keys.error);
  return FALSE;
}
