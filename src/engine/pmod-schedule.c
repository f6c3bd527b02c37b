/* Progressive ratio decay: names of schedules, the ratio of each layer, keep counts.
 * Not here: which layers have a router (pmod-params.c), and the choice of tokens (pmod-router.c).
 */
#include "pmod-schedule.h"

#include "pmod-error.h"
#include "pmod-number.h"

#include <math.h>
#include <string.h>

/* Bounds of the published models, for schedules whose name holds none. */
#define DEFAULT_UPPER 0.85
#define DEFAULT_LOWER 0.15

/* In the order of PmodScheduleKind. */
static const char *const kind_names[] = { "dense",      "shiftedcos", "shiftedlinear",
                                          "interleave", "deep_all",   "deep_all_include_last",
                                          "constant" };

gboolean
pmod_schedule_is_decay (PmodScheduleKind kind)
{
  return kind == PMOD_SCHEDULE_SHIFTEDCOS || kind == PMOD_SCHEDULE_SHIFTEDLINEAR;
}

const char *
pmod_schedule_kind_name (PmodScheduleKind kind)
{
  g_return_val_if_fail ((guint)kind < G_N_ELEMENTS (kind_names), NULL);
  return kind_names[kind];
}

gboolean
pmod_schedule_kind_from_name (const char *name, PmodScheduleKind *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kind_names); i++)
    if (strcmp (name, kind_names[i]) == 0)
      {
        *kind = (PmodScheduleKind)i;
        return TRUE;
      }
  return FALSE;
}

/* numbers: "0.85_0.15". The reference wants a point in both, so a name it refuses is one that no
 * checkpoint was trained with. */
static gboolean
parse_bounds (const char *numbers, double *upper, double *lower)
{
  g_auto (GStrv) parts = g_strsplit (numbers, "_", -1);

  return g_strv_length (parts) == 2 && pmod_number_is_decimal (parts[0]) &&
         pmod_number_is_decimal (parts[1]) && pmod_number_parse (parts[0], upper) &&
         pmod_number_parse (parts[1], lower);
}

gboolean
pmod_schedule_parse (PmodSchedule *schedule, const char *text, GError **error)
{
  const char *decay = strstr (text, "_decay_");
  g_autofree char *name = decay != NULL ? g_strndup (text, decay - text) : g_strdup (text);
  PmodScheduleKind kind;
  double upper = DEFAULT_UPPER, lower = DEFAULT_LOWER;

  if (!pmod_schedule_kind_from_name (name, &kind) ||
      (decay != NULL && !pmod_schedule_is_decay (kind)))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "schedule: expected dense, shiftedcos_decay_UPPER_LOWER, "
                   "shiftedlinear_decay_UPPER_LOWER, interleave, deep_all, "
                   "deep_all_include_last or constant, got \"%.80s\"",
                   text);
      return FALSE;
    }
  if (pmod_schedule_is_decay (kind) && (decay == NULL || !parse_bounds (decay + 7, &upper, &lower)))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "schedule: expected two numbers with decimal points, as in "
                   "%s_decay_0.85_0.15, got \"%.80s\"",
                   name, text);
      return FALSE;
    }
  schedule->kind = kind;
  schedule->upper = upper;
  schedule->lower = lower;
  return TRUE;
}

char *
pmod_schedule_to_string (const PmodSchedule *schedule)
{
  GString *text = g_string_new (pmod_schedule_kind_name (schedule->kind));

  if (pmod_schedule_is_decay (schedule->kind))
    {
      g_string_append (text, "_decay_");
      pmod_number_append (text, schedule->upper, TRUE);
      g_string_append_c (text, '_');
      pmod_number_append (text, schedule->lower, TRUE);
    }
  return g_string_free (text, FALSE);
}

static double
decay_ratio (const PmodSchedule *schedule, int layer)
{
  double value;

  if (schedule->kind == PMOD_SCHEDULE_SHIFTEDCOS)
    value = cos (layer * G_PI / schedule->span) / 2 + schedule->factor;
  else
    value = 0.5 - (double)layer / schedule->span + schedule->factor;
  if (value > schedule->upper)
    return PMOD_RATIO_PLAIN;
  return CLAMP (fmax (value, schedule->lower), 0.0, 1.0);
}

static gboolean
is_routed (PmodScheduleKind kind, int layer, int n_layers)
{
  switch (kind)
    {
    case PMOD_SCHEDULE_INTERLEAVE:
      return layer % 2 == 1;
    case PMOD_SCHEDULE_DEEP_ALL:
      return layer >= 2 && layer < n_layers - 1;
    case PMOD_SCHEDULE_DEEP_ALL_INCLUDE_LAST:
      return layer >= 2;
    case PMOD_SCHEDULE_CONSTANT:
      return TRUE;
    case PMOD_SCHEDULE_DENSE:
    default:
      return FALSE;
    }
}

void
pmod_schedule_ratios (const PmodSchedule *schedule, int n_layers, double *ratios)
{
  for (int i = 0; i < n_layers; i++)
    if (pmod_schedule_is_decay (schedule->kind))
      ratios[i] = decay_ratio (schedule, i);
    else if (is_routed (schedule->kind, i, n_layers))
      ratios[i] = CLAMP (schedule->factor, 0.0, 1.0);
    else
      ratios[i] = PMOD_RATIO_PLAIN;
}

gint64
pmod_schedule_keep_count (gint64 n_vision, double ratio)
{
  float product = (float)n_vision * (float)ratio;

  return CLAMP ((gint64)product, 0, n_vision);
}
