/* How a run grows, for PmodSession; what it is compared with, for PmodChat. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

PmodRun *pmod_run_new (void);

/* records: whole records. A damaged one ends the run as failed. */
void pmod_run_append (PmodRun *self, GBytes *records);

/* text: the final answer, nullable where the streamed one stands; error: nullable. */
void pmod_run_finish (PmodRun *self, PmodRunPhase phase, const char *text, const char *error);

/* The caller keeps dense for as long as it is to be told of. */
void pmod_run_set_dense_run (PmodRun *self, PmodRun *dense);

G_END_DECLS
