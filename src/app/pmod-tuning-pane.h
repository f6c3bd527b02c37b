/* The side's page of choices: schedule, routers' numbers, policies, and what they cost. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TUNING_PANE (pmod_tuning_pane_get_type ())
G_DECLARE_FINAL_TYPE (PmodTuningPane, pmod_tuning_pane, PMOD, TUNING_PANE, AdwBin)

G_END_DECLS
