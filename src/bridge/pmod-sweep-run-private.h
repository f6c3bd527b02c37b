/* How a sweep grows: for PmodSession only. Main thread. */
#pragma once

#include "pmod-sweep-run.h"
#include "pmod-worker.h"

G_BEGIN_DECLS

/* The settings are made here, from what tuning says now; NULL and why where plan cannot be. */
PmodSweepRun *pmod_sweep_run_new (PmodTuning *tuning, const PmodSweepPlan *plan, GError **error);

/* Copies of all settings, the trained one first, for pmod_params_clear(). (transfer full) */
PmodParams *pmod_sweep_run_dup_params (PmodSweepRun *self, int *n);

void pmod_sweep_run_append (PmodSweepRun *self, const PmodWorkerPoint *point, const char *answer);
void pmod_sweep_run_finish (PmodSweepRun *self, PmodSweepState state, const char *error);

G_END_DECLS
