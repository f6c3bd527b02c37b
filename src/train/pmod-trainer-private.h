/* The inside of a trainer, shared by its files. */
#pragma once

#include "pmod-feed.h"
#include "pmod-network.h"
#include "pmod-optimizer.h"
#include "pmod-scene.h"
#include "pmod-tokenizer.h"
#include "pmod-trace.h"
#include "pmod-trainer.h"
#include "pmod-workers.h"

G_BEGIN_DECLS

/* Sums since the last look. */
typedef struct
{
  PmodNetworkResult result;
  gint64 n_steps, n_rows;
  gint64 start_us, wait_us;
} PmodTrainerSums;

/* One worker's part of a step. */
typedef struct
{
  PmodNetwork *network;
  float *gradients; /* block in its backend's memory */
  PmodNetworkResult result;
  GError *error;
} PmodTrainerLane;

struct _PmodTrainer
{
  const PmodRecipe *recipe;
  char *output, *state_path, *art_dir, *tables_dir;
  PmodConfig *config;
  PmodTokenizer *tokenizer;
  PmodSceneArt *art; /* NULL until a stage needs it */
  PmodWeights *weights;
  PmodBackend *device;  /* NULL: the CPU */
  char *device_name;    /* NULL likewise */
  char *fallback;       /* why it is the CPU, or NULL */
  int n_makers;         /* threads that make samples */
  int n_workers_before; /* of the run that is resumed; 0: none is, or it was on a device */
  PmodWorkers *workers;
  PmodTrainerLane *lanes; /* [n_workers] */
  double peak;            /* FLOP/s */
  PmodTrainerFunc func;   /* these three while it runs */
  PmodTrainerStopFunc stop;
  gpointer user_data;
  PmodTrace *trace;

  /* The stage that runs. */
  int stage_idx;
  gint64 step; /* done */
  const PmodRecipeStage *stage;
  PmodSource *source, *validation_source;
  PmodFeed *feed;
  GPtrArray *validation; /* PmodSample */
  int *owners;           /* [weights] which worker steps it */
  double best;           /* of the stage */
  PmodTensor norm;       /* F32 [2] of the step's gradients, in worker 0's backend */
  float gradient_norm;   /* of the last step */
  GPtrArray *next;       /* PmodSample of the next step, where they were taken already */
  GError *next_error;    /* or why they could not be */
  PmodTrainerSums sums;
};

/* --- pmod-trainer-step.c --- */

/* Shares the weights of the stage out among the workers. */
void pmod_trainer_share_weights (PmodTrainer *self);

/* Samples that a worker runs at a time in the stage. */
guint pmod_trainer_get_micro (const PmodTrainer *self);

/* One step of the optimizer. */
gboolean pmod_trainer_step (PmodTrainer *self, GError **error);

/* What samples are worth in the losses of stage: factors over all of them together. */
PmodLossFactors pmod_trainer_factors (const PmodTrainer *self, const GPtrArray *samples);

/* Clears the lanes' errors; FALSE with the first where there was any. what follows the step in the
 * message. */
gboolean
pmod_trainer_check_lanes (PmodTrainer *self, gint64 step, const char *what, GError **error);

/* --- pmod-trainer-look.c --- */

/* What the next report tells is counted from here on. */
void pmod_trainer_begin_sums (PmodTrainer *self);

/* Runs the validation sample, fills in the report and saves the checkpoint where it is the best. */
gboolean pmod_trainer_look (PmodTrainer *self, GError **error);

/* --- pmod-trainer-save.c --- */

gboolean pmod_trainer_save_state (PmodTrainer *self, GError **error);

/* Sets stage_idx, step and n_workers_before. */
gboolean pmod_trainer_load_progress (PmodTrainer *self, GError **error);

/* Sets best, masters and the optimizer's state. */
gboolean pmod_trainer_load_state (PmodTrainer *self, GError **error);
gboolean pmod_trainer_save_model (PmodTrainer *self, GError **error);

G_END_DECLS
