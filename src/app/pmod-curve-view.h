/* One curve of a training run over its steps: the loss, or how much was right.
 *
 * Thin lines across are stages' beginnings. A marker stands at one point, under the pointer or
 * moved by the arrow keys; views of the same training bind it to each other. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-training.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CURVE_VIEW (pmod_curve_view_get_type ())
G_DECLARE_FINAL_TYPE (PmodCurveView, pmod_curve_view, PMOD, CURVE_VIEW, GtkWidget)

/* Properties: "training" (PmodTraining, nullable), "accuracy" (gboolean: that, not the loss) and
 * "marker" (int: index of a point, or -1). */

G_END_DECLS
