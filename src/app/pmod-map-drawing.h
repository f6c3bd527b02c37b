/* A run's maps on paper: one layer over its picture, or the wall of all layers. Cairo alone.
 *
 * A page is an immutable description of a finished run; it may be drawn in any thread, on any kind
 * of surface, and looks the same whatever the window's style is. Units are pixels or points; cells
 * begin and end at multiples of half a unit, so that a surface twice as large has no blurred edge.
 * It is not what the window shows: see PmodMaskView. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"
#include "pmod-run.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_MAP_KEPT,    /* the picture, dimmed where it is skipped */
  PMOD_MAP_WEIGHTS, /* the router's weights as colours; skipped parts grey */
} PmodMapKind;

typedef struct _PmodMapPage PmodMapPage;

/* run: finished, with maps. picture: nullable. plane: of the run's picture. layer: -1 for the wall
 * of all layers. */
PmodMapPage *
pmod_map_page_new (PmodRun *run, PmodPicture *picture, int plane, int layer, PmodMapKind kind);
/* The same of the run's picture of that index, which picture is. */
PmodMapPage *pmod_map_page_new_of (
    PmodRun *run, int index, PmodPicture *picture, int plane, int layer, PmodMapKind kind);
void pmod_map_page_free (PmodMapPage *self);

void pmod_map_page_get_size (const PmodMapPage *self, int *width, int *height);

/* Where a layer's picture lies on the page; on the wall any layer's, else the page's own. */
void pmod_map_page_get_area (const PmodMapPage *self, int layer, graphene_rect_t *area);

/* What the heading says, and what a reader who does not see the page is told. (transfer full) */
char *pmod_map_page_dup_title (const PmodMapPage *self);
char *pmod_map_page_dup_description (const PmodMapPage *self);

void pmod_map_page_draw (const PmodMapPage *self, cairo_t *cr);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodMapPage, pmod_map_page_free)

G_END_DECLS
