/* A run of the trainer in a directory of its own, on a recipe that tests change, stopped and
 * resumed as they want it. */
#pragma once

#include "pmod-train.h"

typedef struct
{
  char *dir;
  char *recipe_path;
  PmodDevice device;
  int stop_after;               /* steps that may still run; -1: no limit */
  int n_reports;                /* but for those at a stage's beginning */
  double first_loss, last_loss; /* of the first stage */
  GString *log;                 /* gradients of every report, bit for bit */
  GArray *losses, *norms;       /* double: of every report that is counted */
} TrainingRun;

/* Where runs that are set up from here on take place: the CPU unless told otherwise. */
void training_run_set_device (PmodDevice device);

void training_run_set_up (TrainingRun *self, const char *recipe);
void training_run_tear_down (TrainingRun *self);

/* Replaces one part of the recipe. */
void training_run_change_recipe (TrainingRun *self, const char *from, const char *to);

gboolean training_run (TrainingRun *self, gboolean resume, int n_threads, GError **error);

/* A file that a run left. */
GBytes *training_run_read_file (const TrainingRun *self, const char *name);
void training_run_assert_same (const TrainingRun *a, const TrainingRun *b, const char *name);

/* Makes the first master of the state NaN. */
void training_run_poison_state (const TrainingRun *self);
