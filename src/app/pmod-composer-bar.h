/* The line below the entry: how much of the context the next question takes, and the conversation's
 * system prompt. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_COMPOSER_BAR (pmod_composer_bar_get_type ())
G_DECLARE_FINAL_TYPE (PmodComposerBar, pmod_composer_bar, PMOD, COMPOSER_BAR, AdwBin)

G_END_DECLS
