/* A map over a picture, as pixels: a layer's choice, its weights, or how deep each part went.
 *
 * Not a widget. What is drawn lies on whole pixels of the screen, so that no part is blurred and
 * each one's colour is exactly the legend's. Called by PmodMaskView. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

typedef struct
{
  PmodRun *run; /* (nullable) */
  int layer;
  PmodView view;
  PmodRunPlane grid;
} PmodMap;

/* area: where the whole picture would lie; scale: pixels of the screen for one of the widget's. */
void pmod_map_get_cell (const PmodRunPlane *grid,
                        const graphene_rect_t *area,
                        int scale,
                        int cell,
                        graphene_rect_t *bounds);

/* Of the part of area that is inside frame, as large as frame. (transfer full) */
GdkTexture *pmod_map_texture_new (const PmodMap *map,
                                  const graphene_rect_t *area,
                                  const graphene_rect_t *frame,
                                  int scale);

G_END_DECLS
