/* Over the picture: what is painted by hand, and the brush that paints it.
 *
 * The left button paints what is to be kept, the right one or Ctrl what is to be skipped, Shift
 * erases; by keys a part is gone to with the arrows and painted with K, S and Delete. Lets the
 * pointer through where the brush is not in hand. */
#pragma once

#include "pmod-brush.h"
#include "pmod-mask-view.h"

G_BEGIN_DECLS

#define PMOD_TYPE_BRUSH_OVERLAY (pmod_brush_overlay_get_type ())
G_DECLARE_FINAL_TYPE (PmodBrushOverlay, pmod_brush_overlay, PMOD, BRUSH_OVERLAY, GtkWidget)

void pmod_brush_overlay_set_up (PmodBrushOverlay *self,
                                PmodMaskView *view,
                                PmodSelection *selection,
                                PmodBrush *brush);

G_END_DECLS
