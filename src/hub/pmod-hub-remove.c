/* Taking a pulled model away again: what the pull brought, and nothing else that lies in the
 * folder. */
#include "pmod-hub-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
fail (GError **error, const char *path)
{
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE, "%s: cannot remove: %s", path,
               g_strerror (errno));
  return FALSE;
}

static gboolean
remove_file (const char *path, GError **error)
{
  return g_unlink (path) == 0 || errno == ENOENT || fail (error, path);
}

static gboolean
remove_entry (const PmodHubPlan *self, const PmodHubEntry *entry, GError **error)
{
  g_autofree char *path = pmod_hub_dup_path (self, entry);
  g_autofree char *part = pmod_hub_dup_part (self, entry);

  return !pmod_hub_folder_is_inside (self, entry->path) ||
         (remove_file (path, error) && remove_file (part, error));
}

/* Hard links to it elsewhere would keep what it takes. */
static guint64
file_room (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && S_ISREG (st.st_mode) && st.st_nlink == 1 ? (guint64)st.st_size
                                                                            : 0;
}

guint64
pmod_hub_plan_get_room (const PmodHubPlan *self)
{
  guint64 room = 0;

  for (guint i = 0; i < self->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (self->entries, i);
      g_autofree char *path = pmod_hub_dup_path (self, entry);
      g_autofree char *part = pmod_hub_dup_part (self, entry);

      if (pmod_hub_folder_is_inside (self, entry->path))
        room += file_room (path) + file_room (part);
    }
  return room;
}

/* Those that are empty now: what somebody else put there stays, and so does its folder. */
static void
remove_folders (const PmodHubPlan *self)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (self->entries, i);
      g_autofree char *below = g_path_get_dirname (entry->path);

      while (strcmp (below, ".") != 0)
        {
          g_autofree char *folder = g_build_filename (self->folder, below, NULL);
          char *above = g_path_get_dirname (below);

          g_rmdir (folder);
          g_free (below);
          below = above;
        }
    }
  g_rmdir (self->folder);
}

/* Noted as unfinished first: should this be broken off, what is left is listed, can be gone on with
 * and can be removed again. */
static gboolean
remove_locked (PmodHubPlan *self, GError **error)
{
  g_autofree char *manifest = g_build_filename (self->folder, PMOD_HUB_MANIFEST, NULL);
  g_autofree char *part = g_strconcat (manifest, ".part", NULL);
  g_autofree char *config = g_build_filename (self->folder, PMOD_HUB_CONFIG, NULL);

  if (g_rename (manifest, part) != 0 && errno != ENOENT)
    return fail (error, manifest);
  /* A folder without it is no model to anybody. */
  if (!remove_file (config, error))
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    if (!remove_entry (self, g_ptr_array_index (self->entries, i), error))
      return FALSE;
  pmod_hub_folder_remove_leftovers (self);
  return remove_file (part, error);
}

gboolean
pmod_hub_is_own_folder (const char *folder)
{
  g_auto (GStrv) own = pmod_hub_list_folders ();

  return g_strv_contains ((const char *const *)own, folder) && pmod_hub_is_folder (folder);
}

gboolean
pmod_hub_plan_remove (PmodHubPlan *self, GError **error)
{
  gboolean done;
  int lock;

  if (!pmod_hub_is_own_folder (self->folder))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT,
                   "%s: expected one of the user's models that was pulled", self->folder);
      return FALSE;
    }
  lock = pmod_hub_folder_lock (self, error);
  if (lock < 0)
    return FALSE;
  done = remove_locked (self, error);
  if (done)
    {
      pmod_hub_folder_remove_lock (self);
      remove_folders (self);
    }
  close (lock);
  return done;
}
