/* Which of a chat's answers shows its tokens: one at most. What goes on from it shows its own in
 * its place. Main thread. */
#pragma once

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHAT_TOKENS (pmod_chat_tokens_get_type ())
G_DECLARE_FINAL_TYPE (PmodChatTokens, pmod_chat_tokens, PMOD, CHAT_TOKENS, GObject)

/* The chat's own, which lives as long as it does. (transfer none) */
PmodChatTokens *pmod_chat_tokens_of (PmodChat *chat);

/* NULL: none. A property, "answer". */
PmodMessage *pmod_chat_tokens_get_answer (PmodChatTokens *self);
void pmod_chat_tokens_set_answer (PmodChatTokens *self, PmodMessage *answer);

/* Shows the last answer's tokens, or no longer. FALSE where it has none to show. */
gboolean pmod_chat_tokens_toggle_last (PmodChat *chat);

/* As pmod_chat_continue() and pmod_chat_continue_from(); the new answer shows its tokens where the
 * old one did. */
gboolean pmod_chat_tokens_continue (PmodChat *chat, PmodMessage *answer);
gboolean
pmod_chat_tokens_continue_from (PmodChat *chat, PmodMessage *answer, int token, int alternative);

G_END_DECLS
