/* PmodRunWeights: bins and cut. See pmod-run-weights.h. */
#include "config.h"

#include "pmod-run-weights.h"

#include <math.h>
#include <string.h>

static double
place (float low, float high, float weight)
{
  double share = high > low ? ((double)weight - low) / ((double)high - low) : 0.5;

  return isfinite (share) ? CLAMP (share, 0, 1) : 0.5;
}

static void
count (PmodRunWeights *self, float weight, gboolean kept)
{
  int bin;

  if (!isfinite (weight))
    return;
  bin = MIN ((int)(place (self->low, self->high, weight) * PMOD_WEIGHT_BINS), PMOD_WEIGHT_BINS - 1);
  if (kept)
    self->kept[bin]++;
  else
    self->skipped[bin]++;
  self->n_most = MAX (self->n_most, self->kept[bin] + self->skipped[bin]);
  if (kept)
    self->cut = MIN (self->cut, weight);
  else
    self->below = MAX (self->below, weight);
}

gboolean
pmod_run_count_weights (PmodRun *run, int layer, PmodRunWeights *counts)
{
  PmodRunLayer info;

  memset (counts, 0, sizeof *counts);
  if (!pmod_run_get_layer (run, layer, &info) || !info.routed || !info.ready)
    return FALSE;
  pmod_run_get_weight_range (run, layer, &counts->low, &counts->high);
  counts->cut = INFINITY;
  counts->below = -INFINITY;
  for (int token = 0; token < info.n_vision; token++)
    count (counts, pmod_run_get_weight (run, layer, token), pmod_run_is_kept (run, layer, token));
  counts->has_cut = info.by_router && isfinite (counts->cut) && isfinite (counts->below);
  return TRUE;
}

double
pmod_run_get_weight_share (PmodRun *run, int layer, int token)
{
  float low, high;

  pmod_run_get_weight_range (run, layer, &low, &high);
  return place (low, high, pmod_run_get_weight (run, layer, token));
}
