/* One message in the list: the question, or the answer as it comes with a line about its run. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_ROW (pmod_message_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessageRow, pmod_message_row, PMOD, MESSAGE_ROW, GtkWidget)

/* message: one of chat's. */
GtkWidget *pmod_message_row_new (PmodChat *chat, PmodMessage *message);
PmodMessage *pmod_message_row_get_message (PmodMessageRow *self);

/* Whether a question that is written anew stands in it: what has been written goes with the row. */
gboolean pmod_message_row_get_editing (PmodMessageRow *self);

/* Where it stands in the conversation, from 0. */
void pmod_message_row_set_position (PmodMessageRow *self, guint position, guint n_messages);

G_END_DECLS
