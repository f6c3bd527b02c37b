/* The model's folder: whose it is, who works in it, what fits, and how finished files get into
 * their places. Until then a file is PATH.HASH.part, so that a part is never continued with the
 * bytes of another version. */
#include "pmod-hub-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK ".strata-pull.lock"
#define HASH_DIGITS 16 /* of a part's name: enough to tell versions apart */

static gboolean
fail (GError **error, const char *path, const char *what)
{
  int number = errno;

  g_set_error (error, PMOD_HUB_ERROR,
               number == ENOSPC || number == EDQUOT ? PMOD_HUB_ERROR_SPACE : PMOD_HUB_ERROR_FILE,
               "%s: cannot %s: %s", path, what, g_strerror (number));
  return FALSE;
}

char *
pmod_hub_dup_path (const PmodHubPlan *plan, const PmodHubEntry *entry)
{
  return g_build_filename (plan->folder, entry->path, NULL);
}

char *
pmod_hub_dup_part (const PmodHubPlan *plan, const PmodHubEntry *entry)
{
  g_autofree char *path = pmod_hub_dup_path (plan, entry);

  return g_strdup_printf ("%s.%.*s.part", path, HASH_DIGITS, entry->hash);
}

gint64
pmod_hub_file_size (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && S_ISREG (st.st_mode) ? (gint64)st.st_size : -1;
}

gboolean
pmod_hub_is_folder (const char *path)
{
  struct stat st;

  return lstat (path, &st) == 0 && S_ISDIR (st.st_mode);
}

gboolean
pmod_hub_folder_is_inside (const PmodHubPlan *plan, const char *path)
{
  for (const char *slash = strchr (path, '/'); slash; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *part = g_strndup (path, (gsize)(slash - path));
      g_autofree char *folder = g_build_filename (plan->folder, part, NULL);

      if (!pmod_hub_is_folder (folder))
        return FALSE;
    }
  return TRUE;
}

/* --- Before ----------------------------------------------------------------------------------- */

/* A pull that was killed while it wrote its first note leaves no more than these. */
static gboolean
is_own_name (const char *name)
{
  return strcmp (name, LOCK) == 0 || g_str_has_prefix (name, PMOD_HUB_MANIFEST ".part.");
}

gboolean
pmod_hub_folder_check_owner (const PmodHubPlan *plan, GError **error)
{
  g_autoptr (PmodHubPlan) noted = g_new0 (PmodHubPlan, 1);
  g_autoptr (GDir) dir = g_dir_open (plan->folder, 0, NULL);
  gboolean finished;
  const char *name;

  noted->folder = g_strdup (plan->folder);
  noted->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_hub_entry_free);
  if (pmod_hub_manifest_read (noted, &finished, NULL))
    {
      if (strcmp (noted->repo, plan->repo) == 0)
        return TRUE;
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE,
                   "%s: expected a folder for %s, got one that holds %s; name another with --to",
                   plan->folder, plan->repo, noted->repo);
      return FALSE;
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (!is_own_name (name))
      {
        g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE,
                     "%s: expected a new or an empty folder, got one that holds other files; name "
                     "another with --to",
                     plan->folder);
        return FALSE;
      }
  return TRUE;
}

/* Of the nearest folder above that exists. */
guint64
pmod_hub_folder_free_bytes (const PmodHubPlan *plan)
{
  g_autofree char *path = g_strdup (plan->folder);
  struct statvfs st;

  while (statvfs (path, &st) != 0 && strcmp (path, "/") != 0 && strcmp (path, ".") != 0)
    {
      char *parent = g_path_get_dirname (path);

      g_free (path);
      path = parent;
    }
  if (statvfs (path, &st) != 0)
    return 0;
  return (guint64)st.f_bavail * (guint64)st.f_frsize;
}

/* The folders below plan->folder that entry lies in. None may be a link that leads elsewhere. */
static gboolean
make_folders (const PmodHubPlan *plan, const PmodHubEntry *entry, GError **error)
{
  for (const char *slash = strchr (entry->path, '/'); slash; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *part = g_strndup (entry->path, (gsize)(slash - entry->path));
      g_autofree char *path = g_build_filename (plan->folder, part, NULL);
      struct stat st;

      if (mkdir (path, 0755) != 0 && errno != EEXIST)
        return fail (error, path, "make the folder");
      if (lstat (path, &st) != 0 || !S_ISDIR (st.st_mode))
        {
          g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE,
                       "%s: expected a folder, got a link or a file", path);
          return FALSE;
        }
    }
  return TRUE;
}

int
pmod_hub_folder_lock (const PmodHubPlan *plan, GError **error)
{
  g_autofree char *path = g_build_filename (plan->folder, LOCK, NULL);
  int fd;

  if (g_mkdir_with_parents (plan->folder, 0755) != 0)
    {
      fail (error, plan->folder, "make the folder");
      return -1;
    }
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0)
    {
      fail (error, path, "open");
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_BUSY,
                   "%s: another program is pulling into this folder", plan->folder);
      close (fd);
      return -1;
    }
  return fd;
}

void
pmod_hub_folder_remove_lock (const PmodHubPlan *plan)
{
  g_autofree char *path = g_build_filename (plan->folder, LOCK, NULL);

  g_unlink (path);
}

gboolean
pmod_hub_folder_prepare (const PmodHubPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->entries->len; i++)
    if (!make_folders (plan, g_ptr_array_index (plan->entries, i), error))
      return FALSE;
  return TRUE;
}

/* --- After ------------------------------------------------------------------------------------ */

static gboolean
move (const char *from, const char *to, GError **error)
{
  return rename (from, to) == 0 || fail (error, to, "put into place");
}

static PmodHubEntry *
find_entry (const PmodHubPlan *plan, const char *path)
{
  for (guint i = 0; i < plan->entries->len; i++)
    {
      PmodHubEntry *entry = g_ptr_array_index (plan->entries, i);

      if (strcmp (entry->path, path) == 0)
        return entry;
    }
  return NULL;
}

/* A folder without config.json is no model to anybody. So none is there while old files give way to
 * new ones: an old one goes, and one that stays waits as its own part. */
static gboolean
hide_config (const PmodHubPlan *plan, gboolean is_new, GError **error)
{
  PmodHubEntry *config = find_entry (plan, PMOD_HUB_CONFIG);
  g_autofree char *path = g_build_filename (plan->folder, PMOD_HUB_CONFIG, NULL);
  g_autofree char *part = config != NULL ? pmod_hub_dup_part (plan, config) : NULL;

  if (is_new || config == NULL)
    return g_unlink (path) == 0 || errno == ENOENT || fail (error, path, "remove");
  return move (path, part, error);
}

/* A part that belongs to no file any more, or a note that was never finished. */
static gboolean
is_leftover (const char *name)
{
  gsize length = strlen (name);
  g_autofree char *digits = NULL;

  if (g_str_has_prefix (name, PMOD_HUB_MANIFEST ".part."))
    return TRUE;
  if (length <= HASH_DIGITS + 6 || !g_str_has_suffix (name, ".part") ||
      name[length - HASH_DIGITS - 6] != '.')
    return FALSE;
  digits = g_strndup (name + length - HASH_DIGITS - 5, HASH_DIGITS);
  return pmod_hub_is_hex (digits, HASH_DIGITS);
}

static void
remove_leftovers (const PmodHubPlan *plan, const char *below)
{
  g_autofree char *folder = g_build_filename (plan->folder, below, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (is_leftover (name) && pmod_hub_file_size (path) >= 0)
        g_unlink (path);
    }
}

void
pmod_hub_folder_remove_leftovers (const PmodHubPlan *plan)
{
  for (guint i = 0; i < plan->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (plan->entries, i);
      g_autofree char *folder = g_path_get_dirname (entry->path);

      if (pmod_hub_folder_is_inside (plan, entry->path))
        remove_leftovers (plan, folder);
    }
}

/* Files of an older version that this one has no longer. */
static void
remove_old (const PmodHubPlan *plan)
{
  g_autoptr (PmodHubPlan) old = g_new0 (PmodHubPlan, 1);
  g_autofree char *path = g_build_filename (plan->folder, PMOD_HUB_MANIFEST, NULL);
  gboolean finished;

  old->folder = g_strdup (plan->folder);
  old->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_hub_entry_free);
  if (pmod_hub_file_size (path) < 0 || !pmod_hub_manifest_read (old, &finished, NULL))
    return;
  for (guint i = 0; i < old->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (old->entries, i);
      g_autofree char *file = pmod_hub_dup_path (old, entry);

      if (find_entry (plan, entry->path) == NULL)
        g_unlink (file);
    }
}

static void
sync_folder (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

/* Every file but config.json, then the manifest. */
static gboolean
place (const PmodHubPlan *plan, GPtrArray *entries, GError **error)
{
  g_autofree char *manifest = g_build_filename (plan->folder, PMOD_HUB_MANIFEST, NULL);
  g_autofree char *manifest_part = g_strconcat (manifest, ".part", NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char *path = pmod_hub_dup_path (plan, entry);
      g_autofree char *part = pmod_hub_dup_part (plan, entry);
      g_autofree char *folder = g_path_get_dirname (path);

      if (strcmp (entry->path, PMOD_HUB_CONFIG) != 0 && !move (part, path, error))
        return FALSE;
      sync_folder (folder);
    }
  remove_old (plan);
  return move (manifest_part, manifest, error);
}

gboolean
pmod_hub_folder_install (const PmodHubPlan *plan, GPtrArray *entries, GError **error)
{
  PmodHubEntry *config = find_entry (plan, PMOD_HUB_CONFIG);
  gboolean is_new = config != NULL && g_ptr_array_find (entries, config, NULL);
  g_autofree char *path = config != NULL ? pmod_hub_dup_path (plan, config) : NULL;
  g_autofree char *part = config != NULL ? pmod_hub_dup_part (plan, config) : NULL;

  if (entries->len > 0 && !hide_config (plan, is_new, error))
    return FALSE;
  if (!place (plan, entries, error))
    return FALSE;
  sync_folder (plan->folder);
  if (entries->len > 0 && config != NULL && !move (part, path, error))
    return FALSE;
  pmod_hub_folder_remove_leftovers (plan);
  sync_folder (plan->folder);
  return TRUE;
}
