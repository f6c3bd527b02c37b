/* An answer as its tokens, each tinted by the chance that it had. The one that is looked at, with
 * the pointer or the keys, says what else could have stood there; another one that is chosen there
 * begins a new answer. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TOKEN_VIEW (pmod_token_view_get_type ())
G_DECLARE_FINAL_TYPE (PmodTokenView, pmod_token_view, PMOD, TOKEN_VIEW, GtkWidget)

/* answer: one of chat's; its tokens may still come. */
GtkWidget *pmod_token_view_new (PmodChat *chat, PmodMessage *answer);

G_END_DECLS
