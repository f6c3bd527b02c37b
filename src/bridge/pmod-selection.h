/* What is being looked at and how: a run, one of its layers, a picture and a plane of it, a part
 * pointed at and one that is held, what the map shows, how near; and by which rule compute is
 * counted (property "rule").
 *
 * The one selection of a window: every view binds to it, none to another view. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SELECTION (pmod_selection_get_type ())
G_DECLARE_FINAL_TYPE (PmodSelection, pmod_selection, PMOD, SELECTION, GObject)

/* What lies over the picture. */
typedef enum
{
  PMOD_VIEW_MASK,    /* the selected layer's choice */
  PMOD_VIEW_WEIGHTS, /* its router's weights */
  PMOD_VIEW_DEPTH,   /* in how many routed layers each part was kept */
  PMOD_VIEW_PICTURE, /* nothing */
} PmodView;

#define PMOD_ZOOM_MAX 16.0
#define PMOD_ZOOM_STEP 1.25 /* of a key or a notch of the wheel */

PmodSelection *pmod_selection_new (void);

PmodRun *pmod_selection_get_run (PmodSelection *self); /* (nullable) */
void pmod_selection_set_run (PmodSelection *self, PmodRun *run);

int pmod_selection_get_layer (PmodSelection *self);
void pmod_selection_set_layer (PmodSelection *self, int layer);

/* From layer to layer by itself, from the first one if it stands at the last; ends at the last one
 * and as soon as another layer is chosen. */
gboolean pmod_selection_get_playing (PmodSelection *self);
void pmod_selection_set_playing (PmodSelection *self, gboolean playing);

/* One layer on, from the last one to the first. */
void pmod_selection_step (PmodSelection *self);

/* Which of the prompt's pictures. */
int pmod_selection_get_picture (PmodSelection *self);
void pmod_selection_set_picture (PmodSelection *self, int picture);

/* The finest plane unless the user chose another. */
int pmod_selection_get_plane (PmodSelection *self);
void pmod_selection_set_plane (PmodSelection *self, int plane);

/* That plane of that picture. FALSE where there is none. */
gboolean pmod_selection_get_grid (PmodSelection *self, PmodRunPlane *grid);

/* Router's index of a place in the plane, or -1: not routed, or no such place. */
int pmod_selection_get_token (PmodSelection *self, int cell);

/* Place in the plane, row * cols + col, or -1. The hovered one is under the pointer; the held one
 * stays until it is let go. */
int pmod_selection_get_hover (PmodSelection *self);
void pmod_selection_set_hover (PmodSelection *self, int cell);
int pmod_selection_get_held (PmodSelection *self);
void pmod_selection_set_held (PmodSelection *self, int cell);

/* Moves the held place inside the plane; the first time, to where the pointer is or the middle. */
void pmod_selection_move_held (PmodSelection *self, int rows, int cols);

/* Another picture is shown: nothing is pointed at or held, and all of it is seen. */
void pmod_selection_reset_places (PmodSelection *self);

/* The place to speak of: the hovered one, else the held one, else -1. */
int pmod_selection_get_cell (PmodSelection *self);

PmodView pmod_selection_get_view (PmodSelection *self);
void pmod_selection_set_view (PmodSelection *self, PmodView view);

/* For a moment the picture alone, whatever the view. */
gboolean pmod_selection_get_bare (PmodSelection *self);
void pmod_selection_set_bare (PmodSelection *self, gboolean bare);

/* The picture keeps its frame; in it lies the part around a centre, zoom times as large. Places in
 * the frame and in the picture go from 0 to 1. */
double pmod_selection_get_zoom (PmodSelection *self);
void pmod_selection_get_center (PmodSelection *self, double *x, double *y);
/* What lies at that place of the frame stays there. */
void pmod_selection_zoom_at (PmodSelection *self, double zoom, double frame_x, double frame_y);
void pmod_selection_pan (PmodSelection *self, double frame_dx, double frame_dy);
/* From the frame to the picture. */
void pmod_selection_unproject (
    PmodSelection *self, double frame_x, double frame_y, double *x, double *y);

G_END_DECLS
