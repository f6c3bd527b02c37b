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

/* For what is drawn over it: the part at a place of the view's, row * cols + col, or -1; and where
 * a part lies. FALSE: there is no picture, or no such part. */
int pmod_mask_view_get_cell_at (PmodMaskView *self, double x, double y);
gboolean pmod_mask_view_get_cell_area (PmodMaskView *self, int cell, graphene_rect_t *area);

G_END_DECLS
