/* What a layer's weights look like as a whole: counted into bins, with the cut between kept and
 * skipped. Pure functions of a PmodRun; called by the views. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_WEIGHT_BINS 40

typedef struct
{
  float low, high; /* the first bin's lower end and the last one's upper end */
  int kept[PMOD_WEIGHT_BINS];
  int skipped[PMOD_WEIGHT_BINS];
  int n_most;       /* tokens of the fullest bin */
  gboolean has_cut; /* weights chose, and some tokens were skipped */
  float cut;        /* of the last kept token */
  float below;      /* of the first skipped one */
} PmodRunWeights;

/* FALSE where the layer has no router or has not come. Weights that are no numbers are in no bin.
 */
gboolean pmod_run_count_weights (PmodRun *run, int layer, PmodRunWeights *counts);

/* A weight's place between the lowest and the highest of its layer, 0..1; 0.5 where all are equal
 * or there is none. */
double pmod_run_get_weight_share (PmodRun *run, int layer, int token);

G_END_DECLS
