/* A folder of conversations, as PmodStore lists it. Main thread. */
#pragma once

#include "pmod-store-values.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_TYPE_FOLDER (pmod_folder_get_type ())
G_DECLARE_FINAL_TYPE (PmodFolder, pmod_folder, PMOD, FOLDER, GObject)

gint64 pmod_folder_get_id (PmodFolder *self);
const char *pmod_folder_get_name (PmodFolder *self); /* a property, too */

/* How many conversations are in it; a property, too. */
guint pmod_folder_get_n_conversations (PmodFolder *self);

/* The folder with this id, or NULL. (transfer none): the list holds it. */
PmodFolder *pmod_folder_find (GListModel *folders, gint64 id);

/* For the store: list then holds what values does, which it takes; a folder that was there stays
 * the same object. (element-type PmodStoreFolder) */
void pmod_folder_update_list (GListStore *list, GPtrArray *values);

G_END_DECLS
