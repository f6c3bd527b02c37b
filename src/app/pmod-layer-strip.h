/* All layers of the run as small heatmaps, to pick one from: by click, arrow keys, Home, End. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_LAYER_STRIP (pmod_layer_strip_get_type ())
G_DECLARE_FINAL_TYPE (PmodLayerStrip, pmod_layer_strip, PMOD, LAYER_STRIP, GtkWidget)

G_END_DECLS
