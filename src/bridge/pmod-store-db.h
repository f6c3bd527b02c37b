/* Conversations on disk: what PmodStore keeps, as plain functions that wait for the disk.
 *
 * For PmodStore and the exchange of conversations only; one thread at a time. Each function that
 * writes is one transaction: it has happened when TRUE comes back, and not at all otherwise. */
#pragma once

#include "pmod-store-values.h"

G_BEGIN_DECLS

typedef struct _PmodStoreDb PmodStoreDb;

/* path NULL: in memory, until the program ends. Answers that a process left growing when it ended
 * become partial; those of a process that still runs stay. */
PmodStoreDb *pmod_store_db_open (const char *path, GError **error);
void pmod_store_db_free (PmodStoreDb *self);
const char *pmod_store_db_get_read_only (PmodStoreDb *self); /* why, or NULL */
/* What was found to be broken in the file since it was opened, or NULL. */
const char *pmod_store_db_get_damage (PmodStoreDb *self);

gboolean
pmod_store_db_add_conversation (PmodStoreDb *self, const char *title, gint64 *id, GError **error);
gboolean pmod_store_db_rename (PmodStoreDb *self, gint64 id, const char *title, GError **error);
/* Only marked: pmod_store_db_purge() removes. */
gboolean pmod_store_db_delete (PmodStoreDb *self, gint64 id, gboolean deleted, GError **error);
/* Removes what is deleted, and pictures that nothing shows any more. */
gboolean pmod_store_db_purge (PmodStoreDb *self, GError **error);
/* Newest change first. (element-type PmodStoreConversation) */
GPtrArray *pmod_store_db_list (PmodStoreDb *self, gboolean deleted, GError **error);
/* One, its system prompt included, which lists leave out. */
PmodStoreConversation *pmod_store_db_get (PmodStoreDb *self, gint64 id, GError **error);

/* The folder of this name, which is made where there is none. */
gboolean pmod_store_db_add_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error);
/* One that was not there; name is followed by a number where there is one already. */
gboolean
pmod_store_db_add_new_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error);
/* A name that another one has is an error. */
gboolean
pmod_store_db_rename_folder (PmodStoreDb *self, gint64 id, const char *name, GError **error);
/* Its conversations stay, in no folder; inside (nullable) is set to their ids, gint64. */
gboolean pmod_store_db_remove_folder (PmodStoreDb *self, gint64 id, GArray *inside, GError **error);
/* What pmod_store_db_remove_folder() has removed; what was moved to another one since stays there.
 */
gboolean pmod_store_db_restore_folder (
    PmodStoreDb *self, gint64 id, const char *name, GArray *inside, GError **error);
/* By name. (element-type PmodStoreFolder) */
GPtrArray *pmod_store_db_list_folders (PmodStoreDb *self, GError **error);
/* folder 0: none. */
gboolean pmod_store_db_move (PmodStoreDb *self, gint64 id, gint64 folder, GError **error);

/* The same bytes are kept once. hash: their SHA-256 in hexadecimal. (out) (transfer full) */
gboolean pmod_store_db_add_picture (
    PmodStoreDb *self, const char *name, GBytes *bytes, char **hash, GError **error);
GBytes *
pmod_store_db_get_picture (PmodStoreDb *self, const char *hash, char **name, GError **error);

/* Becomes its conversation's leaf. Of message, id and created_us are ignored where they are 0 and
 * then set. A growing one belongs to this process. */
gboolean pmod_store_db_add_message (PmodStoreDb *self, PmodStoreMessage *message, GError **error);
/* Pictures, then the conversation, then its messages, all or nothing. In messages parent, and in
 * conversation leaf, are places in messages, counted from 1; ids are set. Where a conversation with
 * its uuid is there already, it gets another. A folder of its folder_name (nullable) is made. */
gboolean pmod_store_db_add_whole (PmodStoreDb *self,
                                  PmodStoreConversation *conversation,
                                  GPtrArray *messages,
                                  GPtrArray *pictures,
                                  GError **error);
/* error_text and trace are nullable; a trace that is there stays where trace is NULL. */
gboolean pmod_store_db_update_message (PmodStoreDb *self,
                                       gint64 id,
                                       PmodStoreState state,
                                       const char *text,
                                       const char *error_text,
                                       GBytes *trace,
                                       GError **error);
gboolean pmod_store_db_set_leaf (PmodStoreDb *self, gint64 id, gint64 leaf, GError **error);
/* system: nullable. */
gboolean
pmod_store_db_set_system (PmodStoreDb *self, gint64 id, const char *system, GError **error);
/* All of its branches, in the order in which they were added, without traces. */
GPtrArray *pmod_store_db_list_messages (PmodStoreDb *self, gint64 conversation, GError **error);
/* Packed; NULL without an error where there is none. */
GBytes *pmod_store_db_get_trace (PmodStoreDb *self, gint64 message, GError **error);

/* Messages that hold every word of words, the beginnings of words included; the best first.
 * folder 0: in all. (element-type PmodStoreHit) */
GPtrArray *pmod_store_db_search (
    PmodStoreDb *self, const char *words, gint64 folder, int limit, GError **error);

/* Grows with what any process changes in the list, which a growing answer does not. */
gboolean pmod_store_db_get_change (PmodStoreDb *self, gint64 *change, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodStoreDb, pmod_store_db_free)

G_END_DECLS
