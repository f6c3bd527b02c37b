/* The model in use, and the menu to choose another. */
#pragma once

#include <adwaita.h>

#include "pmod-download.h"
#include "pmod-session.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MODEL_BUTTON (pmod_model_button_get_type ())
G_DECLARE_FINAL_TYPE (PmodModelButton, pmod_model_button, PMOD, MODEL_BUTTON, AdwBin)

G_END_DECLS
