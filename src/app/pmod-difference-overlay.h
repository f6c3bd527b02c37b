/* Over a picture with A's map: which parts only A keeps, and which only B.
 *
 * Draws what PmodComparison counts; takes no part in what is done with the pointer. */
#pragma once

#include "pmod-comparison.h"
#include "pmod-mask-view.h"

G_BEGIN_DECLS

#define PMOD_TYPE_DIFFERENCE_OVERLAY (pmod_difference_overlay_get_type ())
G_DECLARE_FINAL_TYPE (
    PmodDifferenceOverlay, pmod_difference_overlay, PMOD, DIFFERENCE_OVERLAY, GtkWidget)

void pmod_difference_overlay_set_up (PmodDifferenceOverlay *self,
                                     PmodMaskView *view,
                                     PmodSelection *selection,
                                     PmodComparison *comparison);

G_END_DECLS
