/* What is kept of conversations: the main thread's side of the database. Nothing here waits for the
 * disk but the last unref, which lets what is still to be written be written.
 *
 * Writes happen in the order in which they were asked for. One that fails for want of room or of
 * permission is not lost: it and all that follow wait and are tried again, and "problem" says so
 * meanwhile. */
#pragma once

#include "pmod-store-db.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_TYPE_STORE (pmod_store_get_type ())
G_DECLARE_FINAL_TYPE (PmodStore, pmod_store, PMOD, STORE, GObject)

/* path: NULL for the user's own. What cannot be opened is replaced by a store that ends with the
 * program, and "problem" says why. */
PmodStore *pmod_store_new (const char *path);

/* Why what is said now is not on disk, or NULL; a property of the same name. */
const char *pmod_store_get_problem (PmodStore *self);

/* PmodStoreItem, newest change first, deleted ones left out. Follows what this process and others
 * write, a moment later. */
GListModel *pmod_store_get_conversations (PmodStore *self);

/* PmodFolder, by name; as above.
 *
 * Signal: "listed", when conversations or folders have changed in any way. */
GListModel *pmod_store_get_folders (PmodStore *self);

/* Work on the store's thread. FALSE with an error: of PMOD_ERROR_IO, it is tried again. */
typedef gboolean (*PmodStoreWork) (PmodStoreDb *db, gpointer data, GError **error);

/* data belongs to the work from here on. done (nullable) is called on the main thread: with NULL
 * when it is on disk, or with the first failure, be it tried again or not; once. */
typedef void (*PmodStoreDone) (const GError *error, gpointer user_data);
void pmod_store_write (PmodStore *self,
                       PmodStoreWork work,
                       gpointer data,
                       GDestroyNotify free_data,
                       PmodStoreDone done,
                       gpointer user_data);

/* Reads: after all writes so far, tried once. The task's result is data itself, for its work to
 * have filled in; it is freed with the result. */
void pmod_store_read_async (PmodStore *self,
                            PmodStoreWork work,
                            gpointer data,
                            GDestroyNotify free_data,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data);
gpointer pmod_store_read_finish (PmodStore *self, GAsyncResult *result, GError **error);

/* --- One conversation in the list --------------------------------------------------------------
 */

#define PMOD_TYPE_STORE_ITEM (pmod_store_item_get_type ())
G_DECLARE_FINAL_TYPE (PmodStoreItem, pmod_store_item, PMOD, STORE_ITEM, GObject)

gint64 pmod_store_item_get_id (PmodStoreItem *self);
const char *pmod_store_item_get_title (PmodStoreItem *self); /* a property, too */
gint64 pmod_store_item_get_folder (PmodStoreItem *self);
/* NULL: in none; a property, too. */
const char *pmod_store_item_get_folder_name (PmodStoreItem *self);
gint64 pmod_store_item_get_created_us (PmodStoreItem *self);
/* Where it was found by its words; what was found stands between U+2068 and U+2069. (nullable) */
const char *pmod_store_item_get_excerpt (PmodStoreItem *self);
/* The message that has them; 0: none. */
gint64 pmod_store_item_get_message (PmodStoreItem *self);

G_END_DECLS
