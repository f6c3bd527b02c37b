/* A run's routing, written to a file for other programs. What is in it: pmod-trace-export.h. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

/* format: "csv", "npy" or "json". run: finished. Works in a thread; file is whole or not there. */
void pmod_routing_file_write_async (PmodRun *run,
                                    const char *format,
                                    GFile *file,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean pmod_routing_file_write_finish (GAsyncResult *result, GError **error);

G_END_DECLS
