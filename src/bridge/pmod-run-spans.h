/* When a run did what: its stages as spans of time. A part of PmodRun, for pmod-run.c only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-run.h"

G_BEGIN_DECLS

typedef struct
{
  GArray *spans; /* PmodRunSpan; NULL: none yet */
  guint64 begin_ns;
  guint64 first_token_ns; /* since begin_ns; 0: none */
  guint64 weight_bytes;
  int n_decoded;
} PmodRunSpans;

void pmod_run_spans_clear (PmodRunSpans *self);

/* Any record; a run's first one starts anew. */
void pmod_run_spans_take (PmodRunSpans *self, const PmodRecord *record);

/* Adds up the layer's spans. */
void pmod_run_spans_sum_layer (const PmodRunSpans *self, int layer, PmodRunLayerCost *cost);

/* PmodRun's own. */
PmodRunSpans *pmod_run_peek_spans (PmodRun *self);

G_END_DECLS
