/* The store's folders. See pmod-store-db.h. */
#include "config.h"

#include "pmod-engine.h"
#include "pmod-store-private.h"

static gboolean
find_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error)
{
  return pmod_store_sql_number (self->sql, id, 0, error, "SELECT id FROM folder WHERE name = ?1",
                                "s", name);
}

/* Every change of a folder is one of the list. */
static gboolean
count_change (PmodStoreDb *self, GError **error)
{
  gint64 change;

  return pmod_store_db_next_change (self, &change, error);
}

gboolean
pmod_store_db_use_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error)
{
  return pmod_store_sql_run (self->sql, error,
                             "INSERT INTO folder (name) VALUES (?1) ON CONFLICT DO NOTHING", "s",
                             name) &&
         find_folder (self, name, id, error);
}

gboolean
pmod_store_db_add_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self, count_change (self, error) && pmod_store_db_use_folder (self, name, id, error), error);
}

/* "Name", "Name 2", "Name 3", ... */
gboolean
pmod_store_db_add_new_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error)
{
  gint64 there = 1;
  gboolean done;

  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  done = count_change (self, error);
  for (int i = 1; done && there != 0; i++)
    {
      g_autofree char *numbered = i == 1 ? g_strdup (name) : g_strdup_printf ("%s %d", name, i);

      done = find_folder (self, numbered, &there, error);
      if (done && there == 0)
        done = pmod_store_db_use_folder (self, numbered, id, error);
    }
  return pmod_store_db_end (self, done, error);
}

static gboolean
rename_free (PmodStoreDb *self, gint64 id, const char *name, GError **error)
{
  gint64 there;

  if (!find_folder (self, name, &there, error))
    return FALSE;
  if (there != 0 && there != id)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "folder \342\200\234%s\342\200\235: another one has this name", name);
      return FALSE;
    }
  return count_change (self, error) &&
         pmod_store_sql_run (self->sql, error, "UPDATE folder SET name = ?2 WHERE id = ?1", "is",
                             id, name);
}

gboolean
pmod_store_db_rename_folder (PmodStoreDb *self, gint64 id, const char *name, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self, rename_free (self, id, name, error), error);
}

static gboolean
list_inside (PmodStoreDb *self, gint64 id, GArray *inside, GError **error)
{
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT id FROM conversation WHERE folder = ?1", "i", id);
  gboolean more = TRUE;

  while (row && more)
    {
      if (!pmod_store_sql_step (self->sql, row, &more, error))
        return FALSE;
      if (more)
        {
          gint64 conversation = sqlite3_column_int64 (row, 0);

          g_array_append_val (inside, conversation);
        }
    }
  return row != NULL;
}

gboolean
pmod_store_db_remove_folder (PmodStoreDb *self, gint64 id, GArray *inside, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  if (inside)
    g_array_set_size (inside, 0); /* of a try that failed */
  return pmod_store_db_end (
      self,
      (!inside || list_inside (self, id, inside, error)) && count_change (self, error) &&
          pmod_store_sql_run (self->sql, error, "DELETE FROM folder WHERE id = ?1", "i", id),
      error);
}

/* Where the name has been given to another one since, that is the folder now. */
static gboolean
restore (PmodStoreDb *self, gint64 id, const char *name, GArray *inside, GError **error)
{
  gint64 folder;

  if (!count_change (self, error) ||
      !pmod_store_sql_run (self->sql, error,
                           "INSERT INTO folder (id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                           "is", id, name) ||
      !find_folder (self, name, &folder, error))
    return FALSE;
  for (guint i = 0; i < inside->len; i++)
    if (!pmod_store_sql_run (self->sql, error,
                             "UPDATE conversation SET folder = ?2 WHERE id = ?1 AND folder IS NULL",
                             "ii", g_array_index (inside, gint64, i), folder ? folder : id))
      return FALSE;
  return TRUE;
}

gboolean
pmod_store_db_restore_folder (
    PmodStoreDb *self, gint64 id, const char *name, GArray *inside, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self, restore (self, id, name, inside, error), error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_utf8_collate ((*(PmodStoreFolder *const *)a)->name,
                         (*(PmodStoreFolder *const *)b)->name);
}

GPtrArray *
pmod_store_db_list_folders (PmodStoreDb *self, GError **error)
{
  g_autoptr (GPtrArray) list =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_folder_free);
  sqlite3_stmt *row =
      pmod_store_sql_query (self->sql, error,
                            "SELECT folder.id, folder.name, count (conversation.id) FROM folder"
                            " LEFT JOIN conversation"
                            " ON conversation.folder = folder.id AND conversation.deleted IS NULL"
                            " GROUP BY folder.id ORDER BY folder.id",
                            "");
  gboolean more = TRUE;

  while (row && more)
    {
      PmodStoreFolder *folder;

      if (!pmod_store_sql_step (self->sql, row, &more, error))
        return NULL;
      if (!more)
        break;
      folder = g_new0 (PmodStoreFolder, 1);
      folder->id = sqlite3_column_int64 (row, 0);
      folder->name = pmod_store_dup_text (row, 1);
      folder->n_conversations = (guint)sqlite3_column_int64 (row, 2);
      g_ptr_array_add (list, folder);
    }
  g_ptr_array_sort (list, compare_names);
  return row ? g_steal_pointer (&list) : NULL;
}

static gboolean
is_there (PmodStoreDb *self, const char *text, const char *what, gint64 id, GError **error)
{
  gint64 there;

  if (!pmod_store_sql_number (self->sql, &there, 0, error, text, "i", id))
    return FALSE;
  if (there == 0)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                 "%s %" G_GINT64_FORMAT ": it is not there any more", what, id);
  return there != 0;
}

/* Its place in the list stays: only where it lies is another. */
gboolean
pmod_store_db_move (PmodStoreDb *self, gint64 id, gint64 folder, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self,
      is_there (self, "SELECT id FROM conversation WHERE id = ?1", "conversation", id, error) &&
          (folder == 0 ||
           is_there (self, "SELECT id FROM folder WHERE id = ?1", "folder", folder, error)) &&
          count_change (self, error) &&
          pmod_store_sql_run (self->sql, error,
                              "UPDATE conversation SET folder = nullif (?2, 0) WHERE id = ?1", "ii",
                              id, folder),
      error);
}
