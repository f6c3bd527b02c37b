/* PmodSweepRun: see pmod-sweep-run.h. */
#include "config.h"

#include "pmod-sweep-run-private.h"

#include <math.h>

#include "pmod-tuning-private.h"

#define MAX_STEPS 1000

typedef struct
{
  PmodTuning *tuning;
  double value;
  PmodWorkerPoint point;
  char *answer; /* NULL: it has not come yet */
} Setting;

struct _PmodSweepRun
{
  GObject parent_instance;

  PmodSweepPlan plan;
  PmodSweepState state;
  char *error;
  GArray *settings; /* Setting, the trained one first */
  int n_come;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodSweepRun, pmod_sweep_run, G_TYPE_OBJECT)

static void
setting_clear (gpointer data)
{
  Setting *setting = data;

  g_clear_object (&setting->tuning);
  g_free (setting->answer);
}

static void
pmod_sweep_run_finalize (GObject *object)
{
  PmodSweepRun *self = PMOD_SWEEP_RUN (object);

  g_array_unref (self->settings);
  g_free (self->error);

  G_OBJECT_CLASS (pmod_sweep_run_parent_class)->finalize (object);
}

static void
pmod_sweep_run_class_init (PmodSweepRunClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_sweep_run_finalize;
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_SWEEP_RUN, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
pmod_sweep_run_init (PmodSweepRun *self)
{
  self->settings = g_array_new (FALSE, TRUE, sizeof (Setting));
  g_array_set_clear_func (self->settings, setting_clear);
}

/* --- Settings -------------------------------------------------------------------------------- */

static PmodTuning *
add_setting (PmodSweepRun *self, PmodTuning *tuning, double value)
{
  Setting setting = { .tuning = pmod_tuning_copy (tuning), .value = value };

  g_array_append_val (self->settings, setting);
  return setting.tuning;
}

static void
vary (PmodSweepRun *self, PmodTuning *setting, double value)
{
  switch (self->plan.of)
    {
    case PMOD_SWEEP_OF_FACTOR:
      pmod_tuning_set_factor (setting, value);
      break;
    case PMOD_SWEEP_OF_LOWER:
      pmod_tuning_set_lower (setting, value);
      break;
    case PMOD_SWEEP_OF_RATIO:
      pmod_tuning_set_ratio (setting, self->plan.layer, value);
      break;
    case PMOD_SWEEP_OF_POLICY:
    default:
      pmod_tuning_set_policy (setting, (PmodTuningPolicy)value);
      break;
    }
}

static void
add_settings (PmodSweepRun *self, PmodTuning *tuning)
{
  const PmodSweepPlan *plan = &self->plan;
  gboolean is_policy = plan->of == PMOD_SWEEP_OF_POLICY;
  int n = is_policy ? PMOD_TUNING_N_POLICIES : plan->n_steps;

  pmod_tuning_reset (add_setting (self, tuning, 0));
  for (int i = 0; i < n; i++)
    {
      double value = is_policy ? i : plan->from + (plan->to - plan->from) * i / (n - 1);

      /* Where nothing is painted this would be the router once more. */
      if (is_policy && i == PMOD_TUNING_PAINTED && !pmod_tuning_has_paint (tuning))
        continue;
      /* 0.3 rather than 0.30000000000000004: values are shown, and kept in presets. */
      value = round (value * 1e6) / 1e6;
      vary (self, add_setting (self, tuning, value), value);
    }
}

static gboolean
check_plan (PmodTuning *tuning, const PmodSweepPlan *plan, GError **error)
{
  const char *why = NULL;

  if (!pmod_tuning_get_model (tuning))
    why = "no model is loaded";
  else if (plan->of == PMOD_SWEEP_OF_RATIO && !pmod_tuning_has_router (tuning, plan->layer))
    why = "the layer has no router";
  else if (plan->of != PMOD_SWEEP_OF_POLICY &&
           (plan->n_steps < 2 || plan->n_steps > MAX_STEPS || !isfinite (plan->from) ||
            !isfinite (plan->to) || plan->from < 0 || plan->to < 0))
    why = "expected 2 to 1000 steps between two numbers of 0 or more";
  if (why)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "sweep: %s", why);
  return why == NULL;
}

/* --- For the session ------------------------------------------------------------------------- */

PmodSweepRun *
pmod_sweep_run_new (PmodTuning *tuning, const PmodSweepPlan *plan, GError **error)
{
  PmodSweepRun *self;

  if (!check_plan (tuning, plan, error))
    return NULL;
  self = g_object_new (PMOD_TYPE_SWEEP_RUN, NULL);
  self->plan = *plan;
  add_settings (self, tuning);
  return self;
}

PmodParams *
pmod_sweep_run_dup_params (PmodSweepRun *self, int *n)
{
  PmodParams *params = g_new0 (PmodParams, self->settings->len);

  *n = (int)self->settings->len;
  for (int i = 0; i < *n; i++)
    pmod_tuning_get_params (g_array_index (self->settings, Setting, i).tuning, &params[i]);
  return params;
}

void
pmod_sweep_run_append (PmodSweepRun *self, const PmodWorkerPoint *point, const char *answer)
{
  Setting *setting;

  g_return_if_fail (self->n_come < (int)self->settings->len);

  setting = &g_array_index (self->settings, Setting, self->n_come++);
  setting->point = *point;
  setting->answer = g_strdup (answer ? answer : "");
  g_signal_emit (self, signals[CHANGED], 0);
}

void
pmod_sweep_run_finish (PmodSweepRun *self, PmodSweepState state, const char *error)
{
  self->state = state;
  self->error = g_strdup (error);
  g_signal_emit (self, signals[CHANGED], 0);
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodSweepState
pmod_sweep_run_get_state (PmodSweepRun *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), PMOD_SWEEP_FAILED);
  return self->state;
}

const char *
pmod_sweep_run_get_error (PmodSweepRun *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), NULL);
  return self->error;
}

const PmodSweepPlan *
pmod_sweep_run_get_plan (PmodSweepRun *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), NULL);
  return &self->plan;
}

int
pmod_sweep_run_get_n_settings (PmodSweepRun *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), 0);
  return (int)self->settings->len - 1;
}

int
pmod_sweep_run_get_n_points (PmodSweepRun *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), 0);
  return MAX (self->n_come - 1, 0);
}

static gboolean
get_result (PmodSweepRun *self, int i, PmodSweepResult *result)
{
  const Setting *setting;

  *result = (PmodSweepResult){ 0 };
  if (i < 0 || i >= self->n_come)
    return FALSE;
  setting = &g_array_index (self->settings, Setting, i);
  result->value = setting->value;
  result->paper = setting->point.flops.paper;
  result->paper_dense = setting->point.flops.paper_dense;
  result->all = setting->point.flops.all;
  result->all_dense = setting->point.flops.all_dense;
  result->kv_bytes = (double)setting->point.kv_bytes;
  result->kv_bytes_dense = (double)setting->point.kv_bytes_dense;
  result->divergence = setting->point.divergence;
  result->answer = setting->answer;
  return TRUE;
}

gboolean
pmod_sweep_run_get_point (PmodSweepRun *self, int i, PmodSweepResult *result)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), FALSE);
  return i >= 0 && get_result (self, i + 1, result);
}

gboolean
pmod_sweep_run_get_reference (PmodSweepRun *self, PmodSweepResult *result)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), FALSE);
  return get_result (self, 0, result);
}

void
pmod_sweep_run_apply (PmodSweepRun *self, int i, PmodTuning *tuning)
{
  PmodTuning *setting;

  g_return_if_fail (PMOD_IS_SWEEP_RUN (self));
  g_return_if_fail (i >= 0 && i < pmod_sweep_run_get_n_settings (self));
  g_return_if_fail (PMOD_IS_TUNING (tuning));

  setting = g_array_index (self->settings, Setting, i + 1).tuning;
  pmod_tuning_freeze (tuning);
  pmod_tuning_set_question_first (tuning, pmod_tuning_get_question_first (setting));
  pmod_tuning_set_routing (tuning, &pmod_tuning_peek_params (setting)->routing);
  pmod_tuning_thaw (tuning);
}

static void
append_line (GString *csv, const char *name, const PmodSweepResult *result)
{
  const double numbers[] = { result->paper,     result->paper_dense, result->all,
                             result->all_dense, result->kv_bytes,    result->kv_bytes_dense,
                             result->divergence };
  g_auto (GStrv) parts = g_strsplit (result->answer, "\"", -1);
  g_autofree char *answer = g_strjoinv ("\"\"", parts);

  g_string_append (csv, name);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      char text[G_ASCII_DTOSTR_BUF_SIZE];

      g_string_append_c (csv, ',');
      g_string_append (csv, g_ascii_dtostr (text, sizeof text, numbers[i]));
    }
  g_string_append_printf (csv, ",\"%s\"\n", answer);
}

char *
pmod_sweep_run_to_csv (PmodSweepRun *self)
{
  static const char *const names[] = { "factor", "lower", "ratio", "policy" };
  GString *csv = g_string_new (NULL);
  PmodSweepResult result;

  g_return_val_if_fail (PMOD_IS_SWEEP_RUN (self), NULL);

  g_string_append_printf (csv,
                          "%s,paper_flops,paper_flops_dense,all_flops,all_flops_dense,kv_bytes,"
                          "kv_bytes_dense,divergence_nats,answer\n",
                          names[self->plan.of]);
  if (pmod_sweep_run_get_reference (self, &result))
    append_line (csv, "trained", &result);
  for (int i = 0; pmod_sweep_run_get_point (self, i, &result); i++)
    {
      char value[G_ASCII_DTOSTR_BUF_SIZE];

      append_line (csv,
                   self->plan.of == PMOD_SWEEP_OF_POLICY
                       ? pmod_policy_name ((PmodPolicy)result.value)
                       : g_ascii_formatd (value, sizeof value, "%.6g", result.value),
                   &result);
    }
  return g_string_free (csv, FALSE);
}
