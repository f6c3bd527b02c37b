/* The presets of a tuning: one to take, the settings to keep under a name, and to rename or delete
 * what was kept. */
#pragma once

#include <adwaita.h>

#include "pmod-presets.h"

G_BEGIN_DECLS

#define PMOD_TYPE_PRESET_ROW (pmod_preset_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodPresetRow, pmod_preset_row, PMOD, PRESET_ROW, AdwBin)

G_END_DECLS
