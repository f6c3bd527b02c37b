/* The models that there are, what each would take, and where to get another. */
#pragma once

#include <adwaita.h>

#include "pmod-catalog.h"
#include "pmod-download.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MODELS_WINDOW (pmod_models_window_get_type ())
G_DECLARE_FINAL_TYPE (PmodModelsWindow, pmod_models_window, PMOD, MODELS_WINDOW, AdwWindow)

/* What it asks of parent are its actions "win.model" and its like. */
PmodModelsWindow *pmod_models_window_new (GtkWindow *parent,
                                          PmodSession *session,
                                          PmodCatalog *catalog,
                                          PmodDownload *download);

G_END_DECLS
