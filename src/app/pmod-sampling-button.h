/* How answers are drawn: a button that opens temperature, cuts, seed and the longest answer. Each
 * is a property of the tuning; the button says when they are not as at first. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_SAMPLING_BUTTON (pmod_sampling_button_get_type ())
G_DECLARE_FINAL_TYPE (PmodSamplingButton, pmod_sampling_button, PMOD, SAMPLING_BUTTON, AdwBin)

/* Property: "tuning" (PmodTuning, nullable). */

G_END_DECLS
