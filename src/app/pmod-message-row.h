/* One message in the list: the question, or the answer as it comes with a line about its run. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_ROW (pmod_message_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessageRow, pmod_message_row, PMOD, MESSAGE_ROW, GtkListBoxRow)

GtkWidget *pmod_message_row_new (PmodMessage *message);

/* Whose message it is: an answer can then be gone on with. */
void pmod_message_row_set_chat (PmodMessageRow *self, PmodChat *chat);

G_END_DECLS
