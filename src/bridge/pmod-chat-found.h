/* Where a chat points at one of its messages: what a search found. Main thread.
 *
 * Signal: "found" (PmodMessage), one that is shown now; whoever shows the conversation brings it
 * into sight. */
#pragma once

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHAT_FOUND (pmod_chat_found_get_type ())
G_DECLARE_FINAL_TYPE (PmodChatFound, pmod_chat_found, PMOD, CHAT_FOUND, GObject)

/* The chat's own, which lives as long as it does. (transfer none) */
PmodChatFound *pmod_chat_found_of (PmodChat *chat);

/* Shows the branch that message is in, and points at it. FALSE where that cannot be. */
gboolean pmod_chat_found_show (PmodChat *chat, PmodMessage *message);

G_END_DECLS
