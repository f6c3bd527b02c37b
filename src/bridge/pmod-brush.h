/* The brush that paints what is to be kept: whether it is in hand, how large, for which layers.
 *
 * What is painted belongs to PmodTuning; this turns a part of the picture that a selection looks at
 * into the tokens that it stands for. Main thread. */
#pragma once

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_BRUSH (pmod_brush_get_type ())
G_DECLARE_FINAL_TYPE (PmodBrush, pmod_brush, PMOD, BRUSH, GObject)

#define PMOD_BRUSH_MAX_SIZE 5

/* The chat's own; made when it is first asked for, and gone with it. (transfer none) */
PmodBrush *pmod_brush_get (PmodChat *chat);
PmodTuning *pmod_brush_get_tuning (PmodBrush *self);

gboolean pmod_brush_get_active (PmodBrush *self);
void pmod_brush_set_active (PmodBrush *self, gboolean active);
int pmod_brush_get_size (PmodBrush *self); /* parts across, 1 .. PMOD_BRUSH_MAX_SIZE */
void pmod_brush_set_size (PmodBrush *self, int size);
gboolean pmod_brush_get_all_layers (PmodBrush *self); /* else that of the selection */
void pmod_brush_set_all_layers (PmodBrush *self, gboolean all_layers);

/* The parts that the selection looks at. FALSE: there are none, or no router may skip them. */
gboolean pmod_brush_get_grid (PmodSelection *selection, PmodRunPlane *grid);

/* Whether there is something to choose where it would paint. */
gboolean pmod_brush_can_paint (PmodBrush *self, PmodSelection *selection);

/* Paints around cell (row * cols + col of the grid), as far as the brush reaches. Between
 * pmod_tuning_begin_stroke() and its end, all of it is one stroke. */
void pmod_brush_paint (PmodBrush *self, PmodSelection *selection, int cell, PmodTuningPaint paint);

/* What holds for cell in the selection's layer. */
PmodTuningPaint pmod_brush_get_painted (PmodBrush *self, PmodSelection *selection, int cell);

G_END_DECLS
