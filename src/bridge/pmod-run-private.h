/* How a run grows: for PmodSession only. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

PmodRun *pmod_run_new (void);

/* records: whole records. A damaged one ends the run as failed. */
void pmod_run_append (PmodRun *self, GBytes *records);

/* text: the final answer, nullable where the streamed one stands; error: nullable. */
void pmod_run_finish (PmodRun *self, PmodRunPhase phase, const char *text, const char *error);

/* nats; the newest of all comparisons has the highest number. */
void pmod_run_set_divergence (PmodRun *self, double divergence, guint64 number);

G_END_DECLS
