/* What a conversation's branches can be asked for, as actions of the chat pane:
 *
 *   chat.show-version (position, version)   chat.ask-again-at (position)
 *   chat.ask-instead (position, text)       chat.edit (position)   chat.edit-last
 *
 * They rest while an answer is on its way, and where the conversation is a saved run. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

/* For the class of a widget that has the property "chat" and the action chat.write. */
void pmod_branch_actions_install (GtkWidgetClass *klass);

/* Asks text, once it is known to fit, behind all that was said, or instead of the question at
 * position (PMOD_BRANCH_END: behind). Where it does not fit or cannot be asked now it comes back to
 * the beginning of buffer; without a buffer it is said why. */
#define PMOD_BRANCH_END G_MAXUINT
void pmod_branch_actions_ask (GtkWidget *widget,
                              guint position,
                              const char *text,
                              GtkTextBuffer *buffer);

/* The widget's actions are free when chat is. */
void pmod_branch_actions_follow (GtkWidget *widget, PmodChat *chat);

G_END_DECLS
