/* See pmod-map-places.h. */
#include "config.h"

#include "pmod-map-places.h"

#include <math.h>

#include "pmod-map-texture.h"

int
pmod_map_places_find (PmodMaskView *view, PmodSelection *selection, double x, double y)
{
  graphene_rect_t frame, area;
  PmodRunPlane grid;
  double u, v;

  if (!pmod_mask_view_get_frame (view, &frame, &area) ||
      !pmod_selection_get_grid (selection, &grid) || x < frame.origin.x || y < frame.origin.y ||
      x >= frame.origin.x + frame.size.width || y >= frame.origin.y + frame.size.height)
    return -1;
  u = ((x - area.origin.x) / area.size.width - grid.x0) / (grid.x1 - grid.x0);
  v = ((y - area.origin.y) / area.size.height - grid.y0) / (grid.y1 - grid.y0);
  return CLAMP ((int)(v * grid.rows), 0, grid.rows - 1) * grid.cols +
         CLAMP ((int)(u * grid.cols), 0, grid.cols - 1);
}

gboolean
pmod_map_places_get_cell (PmodMaskView *view,
                          PmodSelection *selection,
                          int cell,
                          graphene_rect_t *bounds)
{
  graphene_rect_t frame, area;
  PmodRunPlane grid;

  if (!pmod_mask_view_get_frame (view, &frame, &area) ||
      !pmod_selection_get_grid (selection, &grid) || cell < 0 || cell >= grid.rows * grid.cols)
    return FALSE;
  pmod_map_get_cell (&grid, &area, gtk_widget_get_scale_factor (GTK_WIDGET (view)), cell, bounds);
  return graphene_rect_intersection (bounds, &frame, bounds);
}

void
pmod_map_places_zoom (
    PmodMaskView *view, PmodSelection *selection, double x, double y, double steps)
{
  graphene_rect_t frame, area;
  double u, v;

  if (!pmod_mask_view_get_frame (view, &frame, &area))
    return;
  u = (x - frame.origin.x) / frame.size.width;
  v = (y - frame.origin.y) / frame.size.height;
  if (u >= 0 && u < 1 && v >= 0 && v < 1)
    pmod_selection_zoom_at (
        selection, pmod_selection_get_zoom (selection) * pow (PMOD_ZOOM_STEP, steps), u, v);
}

gboolean
pmod_map_places_get_outline (PmodMaskView *view, GskRoundedRect *outline)
{
  graphene_rect_t frame, area;

  if (!pmod_mask_view_get_frame (view, &frame, &area))
    return FALSE;
  gsk_rounded_rect_init_from_rect (outline, &frame, PMOD_MASK_VIEW_RADIUS);
  return TRUE;
}
