/* A file written as a whole or not at all. Blocks: for threads. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Writes NAME.part beside file and then renames it; where that fails, neither stays. */
gboolean pmod_output_write (GFile *file, GBytes *bytes, GCancellable *cancellable, GError **error);

G_END_DECLS
