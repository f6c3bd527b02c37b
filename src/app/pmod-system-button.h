/* Shows and changes what stands before all questions of the conversation. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SYSTEM_BUTTON (pmod_system_button_get_type ())
G_DECLARE_FINAL_TYPE (PmodSystemButton, pmod_system_button, PMOD, SYSTEM_BUTTON, AdwBin)

G_END_DECLS
