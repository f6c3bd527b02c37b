/* The picture with its map; or two of them, under two settings, beside each other.
 *
 * Both look at the same layer, reading and part. The second selection that this takes exists here
 * alone and follows the window's. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_COMPARE_STAGE (pmod_compare_stage_get_type ())
G_DECLARE_FINAL_TYPE (PmodCompareStage, pmod_compare_stage, PMOD, COMPARE_STAGE, AdwBin)

G_END_DECLS
