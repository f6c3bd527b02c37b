/* What the colours over the picture mean: two ends in words or numbers, and what lies between.
 *
 * Takes the same room whatever the view, so that nothing moves when it changes. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MAP_LEGEND (pmod_map_legend_get_type ())
G_DECLARE_FINAL_TYPE (PmodMapLegend, pmod_map_legend, PMOD, MAP_LEGEND, GtkWidget)

G_END_DECLS
