/* The curve of ratios: how much of the picture each layer keeps, as trained and as it is set now.
 *
 * A layer's point can be dragged, or moved with the keys; that layer then no longer follows the
 * schedule. Layers that are plain stand above the scale, as plain is not the ratio 1. Draws what
 * its tuning says and changes nothing else; the layer is the selection's. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"
#include "pmod-tuning.h"

G_BEGIN_DECLS

#define PMOD_TYPE_RATIO_CURVE (pmod_ratio_curve_get_type ())
G_DECLARE_FINAL_TYPE (PmodRatioCurve, pmod_ratio_curve, PMOD, RATIO_CURVE, GtkWidget)

/* What is to be said of a layer, in words. (transfer full) */
char *pmod_ratio_curve_describe (PmodTuning *tuning, int layer);

G_END_DECLS
