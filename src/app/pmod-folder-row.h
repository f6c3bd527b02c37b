/* One folder in the list of folders, or all conversations: its name, which can be changed in place,
 * how many are in it, a menu. Conversations are dropped on it. */
#pragma once

#include <adwaita.h>

#include "pmod-folder.h"

G_BEGIN_DECLS

#define PMOD_TYPE_FOLDER_ROW (pmod_folder_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodFolderRow, pmod_folder_row, PMOD, FOLDER_ROW, GtkListBoxRow)

/* folder NULL: all conversations. Its menu and keys activate "folders.delete" (x) with its id, a
 * new name "folders.rename" (xs), a drop "folders.move" (xx) with the conversation's id and its
 * own. */
GtkWidget *pmod_folder_row_new (PmodFolder *folder);

gint64 pmod_folder_row_get_id (PmodFolderRow *self); /* 0: all */

/* Whether the list shows what is in it. */
void pmod_folder_row_set_shown (PmodFolderRow *self, gboolean shown);

/* The name is an entry until Enter, Escape or another focus. */
void pmod_folder_row_edit (PmodFolderRow *self);

G_END_DECLS
