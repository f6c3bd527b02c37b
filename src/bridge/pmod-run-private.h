/* How a run grows, and how a saved one comes back: for PmodSession and PmodBundle. */
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

G_END_DECLS
