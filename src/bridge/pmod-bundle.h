/* A saved run in one file, NAME.strata: picture, conversation, settings and trace, which the window
 * shows again without a model. What is in the file: the engine's pmod-archive.h.
 *
 * Reading and writing happen in threads. A read bundle is immutable. */
#pragma once

#include "pmod-picture.h"
#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_BUNDLE (pmod_bundle_get_type ())
G_DECLARE_FINAL_TYPE (PmodBundle, pmod_bundle, PMOD, BUNDLE, GObject)

/* Whether a file of that name is one. */
gboolean pmod_bundle_is_bundle (const char *name);

/* texts: question, answer, ..., the last pair is run's own; none where only a picture was read.
 * picture: nullable. run: finished; its model and settings are those of pmod-run-origin.h. */
void pmod_bundle_save_async (PmodRun *run,
                             PmodPicture *picture,
                             const char *const *texts,
                             GFile *file,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
gboolean pmod_bundle_save_finish (GAsyncResult *result, GError **error);

void pmod_bundle_load_async (GFile *file,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
PmodBundle *pmod_bundle_load_finish (GAsyncResult *result, GError **error);

PmodPicture *pmod_bundle_get_picture (PmodBundle *self); /* (nullable) */

/* The run that is shown; its text is the last answer. */
PmodRun *pmod_bundle_get_run (PmodBundle *self);

int pmod_bundle_get_n_turns (PmodBundle *self);
const char *pmod_bundle_get_question (PmodBundle *self, int turn);

/* The answer as a finished run; only the last one has records. */
PmodRun *pmod_bundle_get_answer (PmodBundle *self, int turn);

const char *pmod_bundle_get_settings (PmodBundle *self); /* JSON text */

G_END_DECLS
