/* Places of a PmodMaskView, for what is drawn over it: which part lies there, and where a part
 * lies.
 *
 * Not a widget. selection: the view's. */
#pragma once

#include "pmod-mask-view.h"

G_BEGIN_DECLS

/* The part, row * cols + col, at a place of the view's, or -1. */
int pmod_map_places_find (PmodMaskView *view, PmodSelection *selection, double x, double y);

/* As much of the part as is seen. FALSE: nothing of it is. */
gboolean pmod_map_places_get_cell (PmodMaskView *view,
                                   PmodSelection *selection,
                                   int cell,
                                   graphene_rect_t *bounds);

/* So many steps nearer; what lies at that place of the view's stays there. Nothing where the place
 * is beside the picture. */
void pmod_map_places_zoom (
    PmodMaskView *view, PmodSelection *selection, double x, double y, double steps);

/* Where the picture is seen, with its corners. FALSE: there is none. */
gboolean pmod_map_places_get_outline (PmodMaskView *view, GskRoundedRect *outline);

G_END_DECLS
