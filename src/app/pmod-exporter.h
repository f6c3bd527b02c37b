/* What leaves the window: maps, routing, whole runs. Knows what can be exported now, and writes it
 * in a thread. Not a widget; the dialog asks it, the window tells what came of it. Main thread.
 *
 * Signals: "exported" (title), "failed" (title, message). */
#pragma once

#include "pmod-chat.h"
#include "pmod-map-export.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_EXPORTER (pmod_exporter_get_type ())
G_DECLARE_FINAL_TYPE (PmodExporter, pmod_exporter, PMOD, EXPORTER, GObject)

typedef enum
{
  PMOD_EXPORT_LAYER, /* the selected layer's map */
  PMOD_EXPORT_WALL,  /* the maps of all layers */
  PMOD_EXPORT_ROUTING,
  PMOD_EXPORT_RUN,
} PmodExportKind;

PmodExporter *pmod_exporter_new (PmodChat *chat, PmodSelection *selection);

PmodSelection *pmod_exporter_get_selection (PmodExporter *self);

/* Why kind cannot be exported now; NULL where it can. (transfer none) */
const char *pmod_exporter_get_reason (PmodExporter *self, PmodExportKind kind);

/* format: as files of that kind end: "png", "svg", "pdf"; "csv", "npy", "json"; "strata".
 * (transfer full) */
char *pmod_exporter_suggest_name (PmodExporter *self, PmodExportKind kind, const char *format);

/* map: of the two kinds of maps. */
void pmod_exporter_write (
    PmodExporter *self, PmodExportKind kind, const char *format, PmodMapKind map, GFile *file);

G_END_DECLS
