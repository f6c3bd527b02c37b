/* How a training run went: what it lost and how much of its validation sample it had right, step by
 * step, read from the traces that `pmod train` writes.
 *
 * A run that was stopped and resumed has left several traces, named "from-stage-...", in one
 * folder: opening any of them gives the whole curve. Where two tell of the same step, the file's
 * counts that was written last, so a copied folder should keep its files' times. Immutable. Main
 * thread; files are read in another. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  gint64 step;     /* of the optimizer, from the first stage's beginning */
  double loss;     /* mean since the point before; NAN where a stage begins */
  double accuracy; /* 0 .. 1, of the validation sample's answers, or of its patches where a stage
                      asks nothing; NAN: not measured */
} PmodTrainingPoint;

#define PMOD_TYPE_TRAINING (pmod_training_get_type ())
G_DECLARE_FINAL_TYPE (PmodTraining, pmod_training, PMOD, TRAINING, GObject)

/* Whether records (of pmod_trace_load()) tell of training and not of a run. */
gboolean pmod_training_is_in (GBytes *records);

/* file: any of a run's traces; one that was finished, and so renamed, meanwhile is found. */
void pmod_training_load_async (GFile *file,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
PmodTraining *pmod_training_load_finish (GAsyncResult *result, GError **error);

/* In the order of the steps; at least one. */
const PmodTrainingPoint *pmod_training_get_points (PmodTraining *self, int *n_points);

G_END_DECLS
