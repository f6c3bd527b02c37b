/* The engine's side of the tuning: for PmodSession, presets and sweeps only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-tuning.h"

G_BEGIN_DECLS

/* What a model was trained with; NULL: no model. Emits one change. */
void pmod_tuning_set_model (PmodTuning *self, PmodModelCard *card);

/* The values as the engine takes them. The one place where parameters leave the main thread's
 * objects; *params is overwritten, and its paint is borrowed. */
void pmod_tuning_get_params (PmodTuning *self, PmodParams *params);

/* Routing as one change; the overrides of layers that the model lacks are left out. */
void pmod_tuning_set_routing (PmodTuning *self, const PmodRouting *routing);

/* paint: nullable; is chosen by from now on where chooses says so. One change. */
void pmod_tuning_put_paint (PmodTuning *self, PmodPaint *paint, gboolean chooses);

/* What was painted before and after: owned by the tuning, used by pmod-tuning-strokes.c. */
typedef struct
{
  GPtrArray *undo; /* PmodPaint, the newest last */
  GPtrArray *redo;
  int n_strokes;   /* begun and not ended */
  gboolean stored; /* what was there before the stroke */
} PmodTuningStrokes;

PmodTuningStrokes *pmod_tuning_get_strokes (PmodTuning *self);

/* As the user chose it, without what is put in for layers without a router. */
const PmodParams *pmod_tuning_peek_params (PmodTuning *self);

G_END_DECLS
