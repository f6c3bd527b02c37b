/* The messages of a conversation, of which only those in sight are widgets.
 *
 * Whatever happens above what is read, it does not move: messages that are measured or change their
 * size there move the beginning instead, to which the adjustment's lower end is set. At the end it
 * stays at the end. Up, Down, Page Up, Page Down, Home and End go from message to message, Tab goes
 * into one. Properties: chat (whose messages they are), follow (whether the end is kept in sight),
 * and those of GtkScrollable. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_LIST (pmod_message_list_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessageList, pmod_message_list, PMOD, MESSAGE_LIST, GtkWidget)

/* Brings a message into sight. */
void pmod_message_list_show (PmodMessageList *self, guint position);

G_END_DECLS
