/* What can be done with one message of a conversation: see its other versions, ask it again, write
 * the question anew. Its actions are the chat pane's, see pmod-branch-actions.h. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-message.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_TOOLS (pmod_message_tools_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessageTools, pmod_message_tools, PMOD, MESSAGE_TOOLS, GtkWidget)

/* subject: what shows the message's words, in a GtkBox; an editor stands in its place meanwhile.
 * message: nullable. */
void
pmod_message_tools_set_message (PmodMessageTools *self, PmodMessage *message, GtkWidget *subject);
PmodMessage *pmod_message_tools_get_message (PmodMessageTools *self);

/* As the button does; of a question. */
void pmod_message_tools_edit (PmodMessageTools *self);
gboolean pmod_message_tools_get_editing (PmodMessageTools *self);

G_END_DECLS
