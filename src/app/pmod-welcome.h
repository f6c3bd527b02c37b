/* What the window shows before there is a picture: how to open one, and some to begin with. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_WELCOME (pmod_welcome_get_type ())
G_DECLARE_FINAL_TYPE (PmodWelcome, pmod_welcome, PMOD, WELCOME, AdwBin)

G_END_DECLS
