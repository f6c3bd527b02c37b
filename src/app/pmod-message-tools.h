/* What can be done with one message of a conversation, in one line: see its maps, copy it, ask it
 * again, see its tokens, go on with it, write the question anew, see its other versions. Its
 * actions are the chat pane's, see pmod-branch-actions.h. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_TOOLS (pmod_message_tools_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessageTools, pmod_message_tools, PMOD, MESSAGE_TOOLS, GtkWidget)

/* message: one of chat's. subject: what shows the words of a question, in a GtkBox; an editor
 * stands in its place meanwhile. Nullable for an answer. */
GtkWidget *pmod_message_tools_new (PmodChat *chat, PmodMessage *message, GtkWidget *subject);
PmodMessage *pmod_message_tools_get_message (PmodMessageTools *self);

/* As the button does; of a question. */
void pmod_message_tools_edit (PmodMessageTools *self);
gboolean pmod_message_tools_get_editing (PmodMessageTools *self);

G_END_DECLS
