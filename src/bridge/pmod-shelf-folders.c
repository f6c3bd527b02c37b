/* PmodShelf: folders. See pmod-shelf.h. */
#include "config.h"

#include "pmod-shelf-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-folder.h"
#include "pmod-kept.h"
#include "pmod-list-update.h"

/* What is asked of the store; both threads hold it, as the store may still try what the main thread
 * was told has failed. What is fixed before the write needs no lock; the rest is the store's
 * thread's until the write is done. */
typedef struct
{
  GWeakRef shelf;
  gint64 folder;
  gint64 conversation; /* 0: none */
  PmodKept *begun;     /* nullable */
  char *name;          /* nullable */
  GArray *inside;      /* nullable: of a folder that was removed */
} Change;

static void
change_clear (gpointer data)
{
  Change *change = data;

  g_weak_ref_clear (&change->shelf);
  pmod_kept_unref (change->begun);
  g_free (change->name);
  g_clear_pointer (&change->inside, g_array_unref);
}

static void
change_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, change_clear);
}

static Change *
change_new (PmodShelf *self, gint64 folder, gint64 conversation, const char *name)
{
  Change *change = g_atomic_rc_box_new0 (Change);

  g_weak_ref_init (&change->shelf, self);
  change->folder = folder;
  change->conversation = conversation;
  change->name = g_strdup (name);
  return change;
}

/* change belongs to the write, and as much to done where there is one. */
static void
write_change (PmodShelf *self, PmodStoreWork work, Change *change, PmodStoreDone done)
{
  pmod_store_write (pmod_keeper_get_store (self->keeper), work,
                    done ? g_atomic_rc_box_acquire (change) : change, change_unref, done, change);
}

/* --- The store's thread ---------------------------------------------------------------------- */

static gboolean
add_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;
  gint64 id;

  /* There already where only the move has failed. */
  if (change->folder == 0)
    {
      if (!pmod_store_db_add_new_folder (db, change->name, &id, error))
        return FALSE;
      change->folder = id;
    }
  return change->conversation == 0 ||
         pmod_store_db_move (db, change->conversation, change->folder, error);
}

static gboolean
rename_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_rename_folder (db, change->folder, change->name, error);
}

static gboolean
remove_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_remove_folder (db, change->folder, change->inside, error);
}

static gboolean
restore_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_restore_folder (db, change->folder, change->name, change->inside, error);
}

static gboolean
move_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_move (db, change->conversation, change->folder, error);
}

/* Behind the write that begins the conversation, so that its id is known. */
static gboolean
move_begun_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_move (db, pmod_kept_get_conversation (change->begun), change->folder, error);
}

/* --- The main thread ------------------------------------------------------------------------- */

static void
added_cb (const GError *error, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (PmodShelf) self = g_weak_ref_get (&change->shelf);

  if (self && !error)
    pmod_shelf_tell_folder_added (self, change->folder);
  change_unref (change);
}

/* A full disk is told of by the store, which tries again. */
static void
renamed_cb (const GError *error, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (PmodShelf) self = g_weak_ref_get (&change->shelf);

  if (self && error && !g_error_matches (error, PMOD_ERROR, PMOD_ERROR_IO))
    pmod_shelf_fail (self, _ ("The folder keeps its name"), error);
  change_unref (change);
}

static void
moved_cb (const GError *error, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (PmodShelf) self = g_weak_ref_get (&change->shelf);

  if (self && error && !g_error_matches (error, PMOD_ERROR, PMOD_ERROR_IO))
    pmod_shelf_fail (self, _ ("The conversation was not moved"), error);
  change_unref (change);
}

static PmodFolder *
find (PmodShelf *self, gint64 id)
{
  return pmod_folder_find (pmod_shelf_get_folders (self), id);
}

/* What begins while a folder is shown belongs there. */
static void
answering_cb (PmodShelf *self, PmodMessage *question)
{
  PmodKept *kept = pmod_kept_find (question);
  Change *change;

  if (self->folder == 0 || !kept || pmod_kept_get_conversation (kept) != 0)
    return;
  change = change_new (self, self->folder, 0, NULL);
  change->begun = pmod_kept_ref (kept);
  write_change (self, move_begun_work, change, NULL);
}

/* A folder that is gone shows nothing. */
static void
listed_cb (PmodShelf *self)
{
  gint64 restored = self->restored;

  self->restored = 0;
  if (restored != 0 && find (self, restored))
    pmod_shelf_set_folder (self, restored);
  else if (self->folder != 0 && !find (self, self->folder))
    pmod_shelf_set_folder (self, 0);
  else
    pmod_shelf_update_inside (self);
}

void
pmod_shelf_watch_folders (PmodShelf *self)
{
  g_signal_connect_object (pmod_keeper_get_store (self->keeper), "listed", G_CALLBACK (listed_cb),
                           self, G_CONNECT_SWAPPED);
  /* After the keeper, which was there before. */
  g_signal_connect_object (pmod_keeper_get_chat (self->keeper), "answering",
                           G_CALLBACK (answering_cb), self, G_CONNECT_SWAPPED);
}

void
pmod_shelf_update_inside (PmodShelf *self)
{
  GListModel *all = pmod_store_get_conversations (pmod_keeper_get_store (self->keeper));
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);

  if (!self->inside)
    return;
  for (guint i = 0; i < g_list_model_get_n_items (all); i++)
    {
      g_autoptr (PmodStoreItem) item = g_list_model_get_item (all, i);

      if (pmod_store_item_get_folder (item) == self->folder)
        g_ptr_array_add (items, g_steal_pointer (&item));
    }
  pmod_list_update (self->inside, items);
}

GListModel *
pmod_shelf_get_folders (PmodShelf *self)
{
  g_return_val_if_fail (PMOD_IS_SHELF (self), NULL);
  return pmod_store_get_folders (pmod_keeper_get_store (self->keeper));
}

gint64
pmod_shelf_get_folder (PmodShelf *self)
{
  g_return_val_if_fail (PMOD_IS_SHELF (self), 0);
  return self->folder;
}

void
pmod_shelf_add_folder (PmodShelf *self, const char *name, gint64 conversation)
{
  g_autofree char *stripped = g_strstrip (g_strdup (name));

  g_return_if_fail (PMOD_IS_SHELF (self));

  if (*stripped != '\0')
    write_change (self, add_work, change_new (self, 0, conversation, stripped), added_cb);
}

void
pmod_shelf_rename_folder (PmodShelf *self, gint64 id, const char *name)
{
  g_autofree char *stripped = g_strstrip (g_strdup (name));
  PmodFolder *folder;

  g_return_if_fail (PMOD_IS_SHELF (self));

  folder = find (self, id);
  if (folder && *stripped != '\0' && !g_str_equal (stripped, pmod_folder_get_name (folder)))
    write_change (self, rename_work, change_new (self, id, 0, stripped), renamed_cb);
}

void
pmod_shelf_remove_folder (PmodShelf *self, gint64 id)
{
  PmodFolder *folder;
  Change *change;

  g_return_if_fail (PMOD_IS_SHELF (self));

  folder = find (self, id);
  if (!folder)
    return;
  g_clear_pointer (&self->removed, change_unref);
  change = change_new (self, id, 0, pmod_folder_get_name (folder));
  change->inside = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->removed = g_atomic_rc_box_acquire (change);
  self->removed_shown = self->folder == id;
  if (self->removed_shown)
    pmod_shelf_set_folder (self, 0);
  write_change (self, remove_work, change, NULL);
  pmod_shelf_tell_folder_removed (self, id);
}

static void
restored_cb (const GError *error, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (PmodShelf) self = g_weak_ref_get (&change->shelf);

  if (self && !error)
    self->restored = change->folder;
  change_unref (change);
}

void
pmod_shelf_undo_remove_folder (PmodShelf *self, gint64 id)
{
  Change *removed;

  g_return_if_fail (PMOD_IS_SHELF (self));

  removed = self->removed;
  if (!removed || removed->folder != id)
    return;
  write_change (self, restore_work, g_atomic_rc_box_acquire (removed),
                self->removed_shown ? restored_cb : NULL);
  g_clear_pointer (&self->removed, change_unref);
}

void
pmod_shelf_move (PmodShelf *self, gint64 id, gint64 folder)
{
  g_return_if_fail (PMOD_IS_SHELF (self));

  write_change (self, move_work, change_new (self, folder, id, NULL), moved_cb);
}

void
pmod_shelf_clear_folders (PmodShelf *self)
{
  g_clear_object (&self->inside);
  g_clear_pointer (&self->removed, change_unref);
}
