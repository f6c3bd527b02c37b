/* What is being looked at: a run, one of its layers, a plane of its picture, a hovered token.
 *
 * The one selection of a window: every view binds to it, none to another view. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SELECTION (pmod_selection_get_type ())
G_DECLARE_FINAL_TYPE (PmodSelection, pmod_selection, PMOD, SELECTION, GObject)

PmodSelection *pmod_selection_new (void);

PmodRun *pmod_selection_get_run (PmodSelection *self); /* (nullable) */
void pmod_selection_set_run (PmodSelection *self, PmodRun *run);

int pmod_selection_get_layer (PmodSelection *self);
void pmod_selection_set_layer (PmodSelection *self, int layer);

/* The finest plane unless the user chose another. */
int pmod_selection_get_plane (PmodSelection *self);
void pmod_selection_set_plane (PmodSelection *self, int plane);

/* Place in the plane, row * cols + col, or -1. */
int pmod_selection_get_hover (PmodSelection *self);
void pmod_selection_set_hover (PmodSelection *self, int cell);

G_END_DECLS
