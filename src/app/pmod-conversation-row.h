/* One conversation in the list: its title, its day, where it was found, a menu. */
#pragma once

#include <adwaita.h>

#include "pmod-store.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CONVERSATION_ROW (pmod_conversation_row_get_type ())
G_DECLARE_FINAL_TYPE (
    PmodConversationRow, pmod_conversation_row, PMOD, CONVERSATION_ROW, GtkListBoxRow)

/* Its menu and keys activate "conversations.rename", ".delete", ".new-folder", ".export-json" and
 * ".export-markdown" with its id, and ".move" with its id and one of folders, of PmodFolder. It can
 * be dragged as what it stands for, a PmodStoreItem. names_folder: whether it says where it lies.
 */
GtkWidget *
pmod_conversation_row_new (PmodStoreItem *item, GListModel *folders, gboolean names_folder);

PmodStoreItem *pmod_conversation_row_get_item (PmodConversationRow *self);

/* Whether the chat shows it. */
void pmod_conversation_row_set_shown (PmodConversationRow *self, gboolean shown);

G_END_DECLS
