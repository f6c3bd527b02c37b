/* How a run grows, how a saved one comes back, and what it is compared with: for PmodSession,
 * PmodBundle and PmodChat. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

PmodRun *pmod_run_new (void);

/* records: whole records. A damaged one ends the run as failed. */
void pmod_run_append (PmodRun *self, GBytes *records);

/* text: the final answer, nullable where the streamed one stands; error: nullable. */
void pmod_run_finish (PmodRun *self, PmodRunPhase phase, const char *text, const char *error);

/* As pmod_run_new_from_records(); text: the answer, where it is not as the tokens spell it. */
PmodRun *pmod_run_new_from_records_as (GBytes *records, const char *text, GError **error);

/* The caller keeps dense for as long as it is to be told of. */
void pmod_run_set_dense_run (PmodRun *self, PmodRun *dense);

/* nats; the newest of all comparisons has the highest number. */
void pmod_run_set_divergence (PmodRun *self, double divergence, guint64 number);

G_END_DECLS
