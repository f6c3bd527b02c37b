/* PmodTuning's values by name, for C: each is the property. Reads what pmod-tuning.c holds, changes
 * it through the properties only. */
#include "config.h"

#include "pmod-tuning-private.h"

#define MAX_NEW_TOKENS (1 << 20)
#define MAX_TEMPERATURE 100.0 /* the engine's */

PmodTuningSchedule
pmod_tuning_get_schedule (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return (PmodTuningSchedule)pmod_tuning_peek_params (self)->routing.schedule.kind;
}

void
pmod_tuning_set_schedule (PmodTuning *self, PmodTuningSchedule schedule)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail ((guint)schedule < PMOD_TUNING_N_SCHEDULES);
  g_object_set (self, "schedule", (int)schedule, NULL);
}

gboolean
pmod_tuning_uses_factor (PmodTuning *self)
{
  return pmod_tuning_get_schedule (self) != PMOD_TUNING_DENSE;
}

gboolean
pmod_tuning_uses_bounds (PmodTuning *self)
{
  return pmod_schedule_is_decay ((PmodScheduleKind)pmod_tuning_get_schedule (self));
}

double
pmod_tuning_get_factor (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.schedule.factor;
}

void
pmod_tuning_set_factor (PmodTuning *self, double factor)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "factor", MAX (factor, 0), NULL);
}

double
pmod_tuning_get_upper (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.schedule.upper;
}

void
pmod_tuning_set_upper (PmodTuning *self, double upper)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "upper", MAX (upper, 0), NULL);
}

double
pmod_tuning_get_lower (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.schedule.lower;
}

void
pmod_tuning_set_lower (PmodTuning *self, double lower)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "lower", MAX (lower, 0), NULL);
}

PmodTuningNorm
pmod_tuning_get_norm (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return (PmodTuningNorm)pmod_tuning_peek_params (self)->routing.norm.function;
}

void
pmod_tuning_set_norm (PmodTuning *self, PmodTuningNorm norm)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail ((guint)norm < PMOD_TUNING_N_NORMS);
  g_object_set (self, "norm", (int)norm, NULL);
}

double
pmod_tuning_get_norm_scale (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.norm.scale;
}

void
pmod_tuning_set_norm_scale (PmodTuning *self, double scale)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "norm-scale", scale, NULL);
}

double
pmod_tuning_get_norm_bias (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.norm.bias;
}

void
pmod_tuning_set_norm_bias (PmodTuning *self, double bias)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "norm-bias", bias, NULL);
}

PmodTuningPolicy
pmod_tuning_get_policy (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return (PmodTuningPolicy)pmod_tuning_peek_params (self)->routing.policy;
}

void
pmod_tuning_set_policy (PmodTuning *self, PmodTuningPolicy policy)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail ((guint)policy < PMOD_TUNING_N_POLICIES);
  g_object_set (self, "policy", (int)policy, NULL);
}

guint64
pmod_tuning_get_seed (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->routing.seed;
}

void
pmod_tuning_set_seed (PmodTuning *self, guint64 seed)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "seed", seed, NULL);
}

double
pmod_tuning_get_temperature (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->sampling.temperature;
}

void
pmod_tuning_set_temperature (PmodTuning *self, double temperature)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "temperature", CLAMP (temperature, 0, MAX_TEMPERATURE), NULL);
}

double
pmod_tuning_get_top_p (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->sampling.top_p;
}

void
pmod_tuning_set_top_p (PmodTuning *self, double top_p)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "top-p", CLAMP (top_p, 0, 1), NULL);
}

int
pmod_tuning_get_top_k (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->sampling.top_k;
}

void
pmod_tuning_set_top_k (PmodTuning *self, int top_k)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "top-k", MAX (top_k, 0), NULL);
}

guint64
pmod_tuning_get_sampling_seed (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->sampling.seed;
}

void
pmod_tuning_set_sampling_seed (PmodTuning *self, guint64 seed)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "sampling-seed", seed, NULL);
}

int
pmod_tuning_get_max_tokens (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return pmod_tuning_peek_params (self)->sampling.max_new_tokens;
}

void
pmod_tuning_set_max_tokens (PmodTuning *self, int max_tokens)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_object_set (self, "max-tokens", CLAMP (max_tokens, 0, MAX_NEW_TOKENS), NULL);
}
