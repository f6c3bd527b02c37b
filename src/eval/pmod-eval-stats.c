/* Intervals and medians. Not here: what is counted. */
#include "pmod-eval-stats.h"

#include <math.h>

#define Z95 1.959963984540054 /* of the normal distribution, both tails */
#define OCTAVE 64
#define LOWEST_OCTAVE (-24) /* 6e-8: scores of routers are F32 sums of about 1e-7 precision */

void
pmod_eval_wilson (double total, gint64 n, double *low, double *high)
{
  double count = (double)n, share = total / count;
  double middle = (share + Z95 * Z95 / (2 * count)) / (1 + Z95 * Z95 / count);
  double half = Z95 / (1 + Z95 * Z95 / count) *
                sqrt (share * (1 - share) / count + Z95 * Z95 / (4 * count * count));

  *low = n > 0 ? MAX (middle - half, 0) : NAN;
  *high = n > 0 ? MIN (middle + half, 1) : NAN;
}

PmodEvalEstimate
pmod_eval_ratio (const double *above, const double *below, guint n)
{
  PmodEvalEstimate estimate = { NAN, NAN, NAN };
  double sum_above = 0, sum_below = 0, squares = 0, error;

  for (guint i = 0; i < n; i++)
    {
      sum_above += above[i];
      sum_below += below[i];
    }
  if (sum_below == 0)
    return estimate;
  estimate.value = sum_above / sum_below;
  if (n < 2)
    return estimate;
  for (guint i = 0; i < n; i++)
    {
      double rest = above[i] - estimate.value * below[i];

      squares += rest * rest;
    }
  error = sqrt (squares * n / (n - 1)) / sum_below;
  estimate.low = estimate.value - Z95 * error;
  estimate.high = estimate.value + Z95 * error;
  return estimate;
}

void
pmod_eval_histogram_add (PmodEvalHistogram *self, double value)
{
  double place = value > 0 ? floor (OCTAVE * (log2 (value) - LOWEST_OCTAVE)) : -1;

  self->n++;
  if (place < 0)
    self->n_zero++;
  else
    self->bins[(int)MIN (place, (int)G_N_ELEMENTS (self->bins) - 1)]++;
}

double
pmod_eval_histogram_median (const PmodEvalHistogram *self)
{
  gint64 seen = self->n_zero;
  guint bin = 0;

  if (self->n == 0)
    return NAN;
  if (2 * seen >= self->n)
    return 0;
  for (; bin < G_N_ELEMENTS (self->bins) - 1 && 2 * (seen + self->bins[bin]) < self->n; bin++)
    seen += self->bins[bin];
  return exp2 ((bin + 0.5) / OCTAVE + LOWEST_OCTAVE);
}
