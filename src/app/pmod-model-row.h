/* One model of the catalogue: what is known of it, whether it fits, and what can be done with it.
 *
 * What it asks for are actions of the window that it stands in: "models.use" and so on. */
#pragma once

#include <adwaita.h>

#include "pmod-catalog.h"
#include "pmod-download.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MODEL_ROW (pmod_model_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodModelRow, pmod_model_row, PMOD, MODEL_ROW, AdwExpanderRow)

/* download: whose being busy leaves no other one room. */
GtkWidget *pmod_model_row_new (PmodModelEntry *entry,
                               PmodCatalog *catalog,
                               PmodSession *session,
                               PmodDownload *download);

G_END_DECLS
