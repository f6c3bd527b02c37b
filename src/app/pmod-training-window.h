/* How a training run goes: its two curves, followed while the run's traces grow. */
#pragma once

#include <adwaita.h>

#include "pmod-training.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TRAINING_WINDOW (pmod_training_window_get_type ())
G_DECLARE_FINAL_TYPE (PmodTrainingWindow, pmod_training_window, PMOD, TRAINING_WINDOW, AdwWindow)

/* Goes with main. file: one of the run's traces, as for pmod_training_load_async(). */
PmodTrainingWindow *pmod_training_window_new (GtkWindow *main, GFile *file);

G_END_DECLS
