/* How sure a measured share, difference or ratio is: 95 % intervals. Knows numbers only. For this
 * directory's own files. */
#pragma once

#include "pmod-eval.h"

G_BEGIN_DECLS

/* Wilson's interval of a share: total of n scores from 0 to 1. Exact scores of 0 and 1 are what it
 * is made for; scores in between vary less, so that it is then too wide rather than too narrow.
 * NAN where n is 0. Source: Wilson 1927. */
void pmod_eval_wilson (double total, gint64 n, double *low, double *high);

/* sum (above) / sum (below) over n clusters, and its interval from how clusters differ, by
 * linearisation: what lies in one cluster need not be independent. NAN where sum (below) is 0; the
 * interval alone where there are less than two clusters. Source: Cochran, Sampling Techniques,
 * 6.4. */
PmodEvalEstimate pmod_eval_ratio (const double *above, const double *below, guint n);

/* Counts of positive numbers by size, 64 bins an octave: a median to 1.1 %, whatever their number,
 * in bounded memory. */
typedef struct
{
  gint64 n;
  gint64 n_zero; /* smaller than the smallest bin as well */
  guint32 bins[48 * 64];
} PmodEvalHistogram;

void pmod_eval_histogram_add (PmodEvalHistogram *self, double value);

/* NAN where nothing was added. */
double pmod_eval_histogram_median (const PmodEvalHistogram *self);

G_END_DECLS
