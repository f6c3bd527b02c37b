/* What a run was asked to do, as text that is kept with it. */
#pragma once

#include "pmod-engine.h"

G_BEGIN_DECLS

typedef struct _PmodSettings PmodSettings;

/* params are copied. */
PmodSettings *
pmod_settings_new (const PmodParams *params, gboolean question_first, gboolean as_trained);
void pmod_settings_free (PmodSettings *self);
void pmod_settings_set_system (PmodSettings *self, const char *system); /* nullable */

/* A JSON object: "schedule", "factor", "norm", "policy", "seed" (where it is drawn by one),
 * "ratios" (of single layers, where they are not the schedule's: null is plain), "paint" (where
 * there is one), "question_first", "as_trained", "sampling", and "system" (where another one than
 * the model's own stood before the question). (transfer full) */
char *pmod_settings_to_json (const PmodSettings *self);

G_END_DECLS
