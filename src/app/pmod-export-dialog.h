/* Asks what is to be exported, as what, and where to. */
#pragma once

#include <adwaita.h>

#include "pmod-exporter.h"

G_BEGIN_DECLS

#define PMOD_TYPE_EXPORT_DIALOG (pmod_export_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PmodExportDialog, pmod_export_dialog, PMOD, EXPORT_DIALOG, AdwWindow)

PmodExportDialog *pmod_export_dialog_new (GtkWindow *parent, PmodExporter *exporter);

G_END_DECLS
