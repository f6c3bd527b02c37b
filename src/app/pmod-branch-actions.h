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

/* The widget's actions are free when chat is. */
void pmod_branch_actions_follow (GtkWidget *widget, PmodChat *chat);

G_END_DECLS
