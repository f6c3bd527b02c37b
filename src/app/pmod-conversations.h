/* The conversations that are kept, in a list beside what the window shows; and what is said while
 * they cannot be kept.
 *
 * In its window it adds the action "win.conversations", which shows and hides the list. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CONVERSATIONS (pmod_conversations_get_type ())
G_DECLARE_FINAL_TYPE (PmodConversations, pmod_conversations, PMOD, CONVERSATIONS, AdwBin)

G_END_DECLS
