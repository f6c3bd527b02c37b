/* Trace files, read in a thread: what PmodRun and PmodTraining are made from. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether a file of that name is a trace: finished, or still written. */
gboolean pmod_records_is_trace (const char *name);

/* Checked records, without the file's magic. Blocks: for threads. */
GBytes *pmod_records_load (GFile *file, GError **error);

/* The same in a thread; callback's source is file. */
void pmod_records_load_async (GFile *file,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);

GBytes *pmod_records_load_finish (GAsyncResult *result, GError **error);

G_END_DECLS
