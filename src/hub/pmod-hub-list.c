/* What a repository holds: its commit, and each file's size and hash at that commit. */
#include "pmod-hub-private.h"

#include <string.h>

#define MAX_INFO_BYTES (32 * 1024 * 1024)
#define MAX_PAGES 100
#define MAX_FILES 100000

/* --- Entries ---------------------------------------------------------------------------------- */

void
pmod_hub_entry_free (PmodHubEntry *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->repo);
  g_free (self->commit);
  g_free (self->remote);
  g_free (self->hash);
  g_clear_pointer (&self->content, g_bytes_unref);
  g_free (self);
}

PmodHubEntry *
pmod_hub_entry_copy (const PmodHubEntry *self)
{
  PmodHubEntry *copy = g_new (PmodHubEntry, 1);

  *copy = *self;
  copy->path = g_strdup (self->path);
  copy->repo = g_strdup (self->repo);
  copy->commit = g_strdup (self->commit);
  copy->remote = g_strdup (self->remote);
  copy->hash = g_strdup (self->hash);
  copy->content = self->content != NULL ? g_bytes_ref (self->content) : NULL;
  return copy;
}

char *
pmod_hub_entry_dup_url (const PmodHubEntry *self)
{
  /* Every part is a plain name, so nothing is left to escape. */
  return g_strdup_printf ("/%s/resolve/%s/%s", self->repo, self->commit, self->remote);
}

const char *
pmod_hub_hash_name (PmodHubHashKind kind)
{
  return kind == PMOD_HUB_HASH_SHA256 ? "SHA-256" : "Git's SHA-1";
}

GChecksum *
pmod_hub_entry_checksum (const PmodHubEntry *self)
{
  GChecksum *checksum;

  if (self->kind == PMOD_HUB_HASH_SHA256)
    return g_checksum_new (G_CHECKSUM_SHA256);
  else
    {
      g_autofree char *head = g_strdup_printf ("blob %" G_GUINT64_FORMAT, self->size);

      checksum = g_checksum_new (G_CHECKSUM_SHA1);
      /* The zero byte at its end belongs to it. */
      g_checksum_update (checksum, (const guchar *)head, (gssize)strlen (head) + 1);
      return checksum;
    }
}

/* --- The list --------------------------------------------------------------------------------- */

void
pmod_hub_list_free (PmodHubList *self)
{
  if (self == NULL)
    return;
  g_free (self->repo);
  g_free (self->commit);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_free (self);
}

PmodHubEntry *
pmod_hub_list_find (const PmodHubList *self, const char *path)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      PmodHubEntry *entry = g_ptr_array_index (self->entries, i);

      if (strcmp (entry->path, path) == 0)
        return entry;
    }
  return NULL;
}

/* A file whose name is not safe is none that the engine reads: it is left out. One that is safe
 * must have a size and a hash. */
static gboolean
add_file (PmodHubList *self, JsonObject *object, GError **error)
{
  const char *path = pmod_hub_json_string (object, "path");
  JsonObject *lfs = pmod_hub_json_object (object, "lfs");
  gint64 size = pmod_hub_json_size (lfs != NULL ? lfs : object, "size");
  const char *hash = pmod_hub_json_string (lfs != NULL ? lfs : object, "oid");
  g_autofree char *lower = hash != NULL ? g_ascii_strdown (hash, -1) : NULL;
  PmodHubEntry *entry;

  if (g_strcmp0 (pmod_hub_json_string (object, "type"), "file") != 0 ||
      !pmod_hub_is_safe_path (path))
    return TRUE;
  if (size < 0 || !pmod_hub_is_hex (lower, lfs != NULL ? 64 : 40))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: %s: expected a size and a hash in the server's list, got none", self->repo,
                   path);
      return FALSE;
    }
  entry = g_new0 (PmodHubEntry, 1);
  entry->path = g_strdup (path);
  entry->remote = g_strdup (path);
  entry->repo = g_strdup (self->repo);
  entry->commit = g_strdup (self->commit);
  entry->size = (guint64)size;
  entry->kind = lfs != NULL ? PMOD_HUB_HASH_SHA256 : PMOD_HUB_HASH_GIT;
  entry->hash = g_steal_pointer (&lower);
  g_ptr_array_add (self->entries, entry);
  return TRUE;
}

static gboolean
add_page (PmodHubList *self, GBytes *bytes, GError **error)
{
  g_autoptr (JsonNode) root = pmod_hub_json_parse (bytes, self->repo, error);
  JsonArray *array;

  if (root == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_ARRAY (root))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: expected a list of files from the server, got something else", self->repo);
      return FALSE;
    }
  array = json_node_get_array (root);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_OBJECT (node) && self->entries->len < MAX_FILES &&
          !add_file (self, json_node_get_object (node), error))
        return FALSE;
    }
  return TRUE;
}

static char *
ask_commit (PmodHubHttp *http,
            const char *repo,
            const char *revision,
            GCancellable *cancellable,
            GError **error)
{
  g_autofree char *escaped = g_uri_escape_string (revision, NULL, FALSE);
  g_autofree char *path = g_strdup_printf ("/api/models/%s/revision/%s", repo, escaped);
  g_autofree char *what = g_strdup_printf ("%s@%s", repo, revision);
  g_autoptr (GBytes) bytes =
      pmod_hub_http_read (http, path, what, MAX_INFO_BYTES, NULL, cancellable, error);
  g_autoptr (JsonNode) root = bytes != NULL ? pmod_hub_json_parse (bytes, what, error) : NULL;
  const char *sha;

  if (root == NULL)
    return NULL;
  sha = JSON_NODE_HOLDS_OBJECT (root) ? pmod_hub_json_string (json_node_get_object (root), "sha")
                                      : NULL;
  if (pmod_hub_is_hex (sha, 40))
    return g_strdup (sha);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
               "%s: expected the commit's 40 hex digits from the server, got none", what);
  return NULL;
}

PmodHubList *
pmod_hub_list_new (PmodHubHttp *http,
                   const char *repo,
                   const char *revision,
                   GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (PmodHubList) self = g_new0 (PmodHubList, 1);
  g_autofree char *path = NULL;

  self->repo = g_strdup (repo);
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_hub_entry_free);
  self->commit = ask_commit (http, repo, revision, cancellable, error);
  if (self->commit == NULL)
    return NULL;
  path = g_strdup_printf ("/api/models/%s/tree/%s?recursive=true", repo, self->commit);
  for (int page = 0; path != NULL; page++)
    {
      g_autofree char *next = NULL;
      g_autoptr (GBytes) bytes = NULL;

      if (page == MAX_PAGES)
        {
          g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                       "%s: expected at most %d pages of files, got more", repo, MAX_PAGES);
          return NULL;
        }
      bytes = pmod_hub_http_read (http, path, repo, MAX_INFO_BYTES, &next, cancellable, error);
      if (bytes == NULL || !add_page (self, bytes, error))
        return NULL;
      g_free (path);
      path = g_steal_pointer (&next);
    }
  return g_steal_pointer (&self);
}
