/* One prompt under a range of settings: what each costs, and how far it moves the answer from that
 * of the trained setting. Grows point by point while the engine works; made by PmodSession. Main
 * thread. */
#pragma once

#include "pmod-tuning.h"

G_BEGIN_DECLS

/* What is varied; everything else is as the tuning has it. */
typedef enum
{
  PMOD_SWEEP_OF_FACTOR,
  PMOD_SWEEP_OF_LOWER,  /* the bound of the two decays */
  PMOD_SWEEP_OF_RATIO,  /* one layer's */
  PMOD_SWEEP_OF_POLICY, /* all of them; range and steps have no meaning */
} PmodSweepOf;

typedef struct
{
  PmodSweepOf of;
  int layer;
  double from, to;
  int n_steps; /* 2 or more */
} PmodSweepPlan;

typedef struct
{
  double value; /* of what is varied; a PmodTuningPolicy for policies */
  double paper; /* FLOPs of the prefill, by both rules */
  double paper_dense;
  double all;
  double all_dense;
  double kv_bytes;
  double kv_bytes_dense;
  double divergence;  /* nats: KL (trained || this) of the next token */
  const char *answer; /* the run's */
} PmodSweepResult;

typedef enum
{
  PMOD_SWEEP_RUNNING,
  PMOD_SWEEP_DONE,
  PMOD_SWEEP_STOPPED, /* what came before stays */
  PMOD_SWEEP_FAILED,
} PmodSweepState;

#define PMOD_TYPE_SWEEP_RUN (pmod_sweep_run_get_type ())
G_DECLARE_FINAL_TYPE (PmodSweepRun, pmod_sweep_run, PMOD, SWEEP_RUN, GObject)

/* Signal "changed": a point has come, or the state is another. */
PmodSweepState pmod_sweep_run_get_state (PmodSweepRun *self);
const char *pmod_sweep_run_get_error (PmodSweepRun *self); /* (nullable) */
const PmodSweepPlan *pmod_sweep_run_get_plan (PmodSweepRun *self);
int pmod_sweep_run_get_n_settings (PmodSweepRun *self);

/* Points come in the order of their values. */
int pmod_sweep_run_get_n_points (PmodSweepRun *self);
gboolean pmod_sweep_run_get_point (PmodSweepRun *self, int i, PmodSweepResult *result);

/* The trained setting's, which comes first; its value means nothing. FALSE: it has not come. */
gboolean pmod_sweep_run_get_reference (PmodSweepRun *self, PmodSweepResult *result);

/* tuning gets the routing of point i, as one change. */
void pmod_sweep_run_apply (PmodSweepRun *self, int i, PmodTuning *tuning);

/* A line for the reference and one for each point, after one of names. (transfer full) */
char *pmod_sweep_run_to_csv (PmodSweepRun *self);

G_END_DECLS
