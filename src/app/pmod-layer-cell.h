/* One layer as a small heatmap with its number: a stop of the layer strip. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_LAYER_CELL (pmod_layer_cell_get_type ())
G_DECLARE_FINAL_TYPE (PmodLayerCell, pmod_layer_cell, PMOD, LAYER_CELL, GtkWidget)

/* side: of the map, in pixels. */
GtkWidget *pmod_layer_cell_new (PmodSelection *selection, int layer, int side);

G_END_DECLS
