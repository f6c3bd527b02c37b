/* A page of maps, written as PNG, SVG or PDF. Draws in a thread; the file is whole or not there. */
#pragma once

#include "pmod-map-drawing.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_MAP_PNG, /* two pixels a unit */
  PMOD_MAP_SVG,
  PMOD_MAP_PDF,
} PmodMapFormat;

/* The file's bytes. Blocks: for threads. (transfer full) */
GBytes *pmod_map_export (const PmodMapPage *page, PmodMapFormat format, GError **error);

/* page is taken. */
void pmod_map_export_async (PmodMapPage *page,
                            PmodMapFormat format,
                            GFile *file,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data);
gboolean pmod_map_export_finish (GAsyncResult *result, GError **error);

G_END_DECLS
