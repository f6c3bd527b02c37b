/* Where a run came from: the model that made it and the settings that it was asked for.
 *
 * Kept beside the run, whose records do not know it. Main thread until the run is finished. */
#pragma once

#include "pmod-model-card.h"
#include "pmod-picture.h"
#include "pmod-run.h"

G_BEGIN_DECLS

typedef struct _PmodSettings PmodSettings; /* pmod-settings.h */

/* card: nullable. */
void pmod_run_set_model (PmodRun *run, PmodModelCard *card);
PmodModelCard *pmod_run_get_model (PmodRun *run); /* (nullable) */

/* json: the settings as the text of a JSON object (schedule, norm, policy, seed, sampling);
 * nullable: then a saved run tells what the trace itself knows. */
void pmod_run_set_settings (PmodRun *run, const char *json);
/* The same, as text only once somebody asks for it; taken. */
void pmod_run_take_settings (PmodRun *run, PmodSettings *settings);
const char *pmod_run_get_settings (PmodRun *run); /* (nullable) */

/* Whether its routing was not what its model was trained with; FALSE where nobody knows. */
void pmod_run_set_outside_training (PmodRun *run, gboolean outside_training);
gboolean pmod_run_get_outside_training (PmodRun *run);

/* What it was asked about: nullable, or of several parts. */
void pmod_run_set_pictures (PmodRun *run, PmodPicture *pictures);
/* The prompt's i-th picture. NULL: not known. */
PmodPicture *pmod_run_get_shown (PmodRun *run, int i);

/* SHA-256 of the model's config.json, where a saved run brought it along; nullable. */
void pmod_run_set_config_hash (PmodRun *run, const char *hash);
const char *pmod_run_get_config_hash (PmodRun *run); /* (nullable) */

G_END_DECLS
