/* How answers are drawn, remembered from one day to the next. What a model is routed like is not:
 * that starts as it was trained. */
#pragma once

#include <gio/gio.h>

#include "pmod-tuning.h"

G_BEGIN_DECLS

/* Whenever a model is there, tuning gets what settings hold; whatever changes is written there.
 * settings: of the program's schema. Both live on as long as tuning does. */
void pmod_sampling_memory_attach (PmodTuning *tuning, GSettings *settings);

G_END_DECLS
