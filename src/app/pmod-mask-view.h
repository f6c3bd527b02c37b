/* The picture with the selected layer's mask over it: kept parts clear, skipped ones dimmed.
 *
 * Draws what PmodSelection points at; knows neither the model nor the other views. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MASK_VIEW (pmod_mask_view_get_type ())
G_DECLARE_FINAL_TYPE (PmodMaskView, pmod_mask_view, PMOD, MASK_VIEW, GtkWidget)

/* Of the corners of what is seen. */
#define PMOD_MASK_VIEW_RADIUS 12

/* For what is drawn over it: where the picture is seen, and where all of it would lie if that did
 * not end. FALSE: there is none. */
gboolean
pmod_mask_view_get_frame (PmodMaskView *self, graphene_rect_t *frame, graphene_rect_t *area);

G_END_DECLS
