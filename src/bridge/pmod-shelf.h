/* The conversations that are kept, to be looked through: found by their words, opened again in the
 * keeper's chat, renamed, deleted, put into folders, written to files and read from them. Main
 * thread; nothing here waits for the disk.
 *
 * Signals: "failed" (title, message); "remarked" (title); "deleted" (id) and "folder-removed" (id),
 * which can be undone; "folder-added" (id), before it is in the list. */
#pragma once

#include "pmod-keeper.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SHELF (pmod_shelf_get_type ())
G_DECLARE_FINAL_TYPE (PmodShelf, pmod_shelf, PMOD, SHELF, GObject)

/* What is deleted longer than the program runs is removed. */
PmodShelf *pmod_shelf_new (PmodKeeper *keeper);

PmodKeeper *pmod_shelf_get_keeper (PmodShelf *self);

/* Words that are looked for; "" shows all conversations. A property as well. */
const char *pmod_shelf_get_words (PmodShelf *self);
void pmod_shelf_set_words (PmodShelf *self, const char *words);

/* PmodStoreItem: all conversations, or those of the folder that is shown, the newest first, or
 * those of them in which the words were found, the best first, with excerpts. A property as well;
 * another list when it changes. */
GListModel *pmod_shelf_get_list (PmodShelf *self);

/* Shows it in the chat, once it is read: the branch that was shown last, or that of message. */
void pmod_shelf_open (PmodShelf *self, gint64 id);
void pmod_shelf_open_at (PmodShelf *self, gint64 id, gint64 message); /* 0: none */
/* The one that changed last, unless the chat shows something by then. */
void pmod_shelf_open_newest (PmodShelf *self);

/* A blank title changes nothing. */
void pmod_shelf_rename (PmodShelf *self, gint64 id, const char *title);

/* If the chat shows it, that starts anew. */
void pmod_shelf_delete (PmodShelf *self, gint64 id);
/* Brings back what was deleted, and shows it again if it was shown. */
void pmod_shelf_undo_delete (PmodShelf *self, gint64 id);

/* PmodFolder, by name. */
GListModel *pmod_shelf_get_folders (PmodShelf *self);

/* The folder that is shown; 0: all conversations. What begins meanwhile is put there. A property as
 * well. */
gint64 pmod_shelf_get_folder (PmodShelf *self);
void pmod_shelf_set_folder (PmodShelf *self, gint64 folder);

/* Where there is one of this name, a number follows it. conversation (0: none) is moved there. */
void pmod_shelf_add_folder (PmodShelf *self, const char *name, gint64 conversation);
/* A blank name changes nothing; that of another folder fails. */
void pmod_shelf_rename_folder (PmodShelf *self, gint64 id, const char *name);
/* Its conversations stay, in no folder. */
void pmod_shelf_remove_folder (PmodShelf *self, gint64 id);
/* Of the last one that was removed: it is there again, with what was in it. */
void pmod_shelf_undo_remove_folder (PmodShelf *self, gint64 id);
/* folder 0: out of its folder. */
void pmod_shelf_move (PmodShelf *self, gint64 id, gint64 folder);

/* As pmod-store-exchange.h says. An imported one is opened. */
void pmod_shelf_export (PmodShelf *self, gint64 id, gboolean markdown, GFile *file);
void pmod_shelf_import (PmodShelf *self, GFile *file);

G_END_DECLS
