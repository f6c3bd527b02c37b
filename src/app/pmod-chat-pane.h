/* The conversation's side of the window: the messages, and the entry for the next one. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHAT_PANE (pmod_chat_pane_get_type ())
G_DECLARE_FINAL_TYPE (PmodChatPane, pmod_chat_pane, PMOD, CHAT_PANE, AdwBin)

G_END_DECLS
