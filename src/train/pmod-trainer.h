/* A training run: a recipe's stages, one after the other, on a few workers, saved so that it can be
 * stopped at any step and go on to the same bits.
 *
 * The output directory is a checkpoint in the published layout: of the stage that runs, the weights
 * that answered the validation sample best (in BF16). Beside it, DIR/training/state.safetensors
 * holds masters and the optimizer's state in F32 and how far the run is, and
 * DIR/training/NAME.trace its LOSS records.
 *
 * It runs on the CPU, with a worker on each core, or on a device, with one that enqueues while the
 * other cores make samples. Same recipe, seed, kind of device and, on the CPU, number of workers:
 * the same weights to the last bit, stopped and resumed or not. A state goes on anywhere; where it
 * is not where it came from, sums are rounded otherwise from there on. A trainer belongs to one
 * thread. */
#pragma once

#include "pmod-model.h"
#include "pmod-recipe.h"

G_BEGIN_DECLS

typedef struct _PmodTrainer PmodTrainer;

typedef struct
{
  const char *output; /* directory, made where it is missing */
  const char *art;    /* where data/recipes/fetch-art put the drawings; NULL: its default */
  gboolean resume;    /* go on from DIR/training; else there must be none */
  int n_threads;      /* workers; 0: as many as before, or one on each core. On a device: threads
                         that make samples; 0: one on each core but one */
  PmodDevice device;  /* AUTO: what a resumed run was on, else a device where there is one */
  int device_idx;     /* of PMOD_DEVICE_CUDA, from 0 */
} PmodTrainerOptions;

/* How the run is doing: after every look at the validation sample. */
typedef struct
{
  const char *stage;
  int stage_idx, n_stages;
  gint64 step, n_steps;  /* of the stage */
  double loss;           /* mean since the last look, all losses; NAN at a stage's beginning */
  double token_accuracy; /* of the answers' tokens that were learnt from, likewise */
  double patch_accuracy; /* of patches that show something, validation; NAN: not read */
  double place_accuracy; /* of their rows and columns, likewise */
  double accuracy;       /* whole answers right, validation; NAN: none asked */
  int n_kinds;
  const char *const *kinds;     /* [n_kinds] names */
  const int *n_asked, *n_right; /* [n_kinds] validation */
  double gradient_norm;         /* of the last step */
  double rate;                  /* share of the stage's rates */
  double saturated, tied;   /* shares of router logits and of cuts, validation, last layer apart */
  double tokens_per_second; /* rows of samples */
  double flops_per_second;  /* achieved, of products and attention */
  double peak_flops_per_second; /* measured when the run began */
  double waited;                /* share of the time spent waiting for data */
  double seconds_left;          /* of all stages, as fast as this one */
  gboolean saved;               /* the best so far: the checkpoint was written */
} PmodTrainerReport;

typedef void (*PmodTrainerFunc) (const PmodTrainerReport *report, gpointer user_data);

/* Asked before every step; TRUE ends the run there. */
typedef gboolean (*PmodTrainerStopFunc) (gpointer user_data);

/* Borrows recipe. */
PmodTrainer *
pmod_trainer_new (const PmodRecipe *recipe, const PmodTrainerOptions *options, GError **error);
void pmod_trainer_free (PmodTrainer *self);

/* Runs to the end or to a stop, whose state is saved: CANCELLED. Errors: NUMBER (a loss or gradient
 * that is not finite; the state on the disk is the last good one), IO (disk full; likewise). */
gboolean pmod_trainer_run (PmodTrainer *self,
                           PmodTrainerFunc func,
                           PmodTrainerStopFunc stop,
                           gpointer user_data,
                           GError **error);

int pmod_trainer_get_n_workers (const PmodTrainer *self);

/* The device that it runs on, by its maker's name; NULL: the CPU. */
const char *pmod_trainer_get_device (const PmodTrainer *self);

/* Why it runs on the CPU where the choice was left to the machine; NULL where it was not. */
const char *pmod_trainer_get_fallback (const PmodTrainer *self);
gint64 pmod_trainer_get_n_weights (const PmodTrainer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodTrainer, pmod_trainer_free)

G_END_DECLS
