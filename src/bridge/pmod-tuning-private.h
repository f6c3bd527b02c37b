/* The engine's side of the tuning: for PmodSession, presets and sweeps only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-tuning.h"

G_BEGIN_DECLS

/* What a model was trained with; NULL: no model. Emits one change. */
void pmod_tuning_set_model (PmodTuning *self, PmodModelCard *card);

/* The values as the engine takes them, for pmod_params_clear(); *params is overwritten. The one
 * place where parameters leave the main thread's objects. */
void pmod_tuning_get_params (PmodTuning *self, PmodParams *params);

/* Routing as one change; the overrides of layers that the model lacks are left out. */
void pmod_tuning_set_routing (PmodTuning *self, const PmodRouting *routing);

/* Takes a reference; NULL: nothing is painted. */
void pmod_tuning_take_over_paint (PmodTuning *self, PmodPaint *paint);

/* As the user chose it, without what is put in for layers without a router. */
const PmodParams *pmod_tuning_peek_params (PmodTuning *self);

G_END_DECLS
