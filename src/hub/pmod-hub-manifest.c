/* What a pull notes in the model's folder: from which repository and commit, and every file's size
 * and hash. While a pull is not finished its note bears ".part" at its end, like the files; an
 * older model's note stays beside it until the new one is in its place. */
#include "pmod-hub-private.h"

#include <gio/gio.h>
#include <string.h>

#define SCHEMA 1
#define MAX_BYTES (16 * 1024 * 1024)

/* --- Writing ---------------------------------------------------------------------------------- */

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
build_entry (JsonBuilder *builder, const PmodHubEntry *entry)
{
  json_builder_begin_object (builder);
  add_string (builder, "path", entry->path);
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64)entry->size);
  add_string (builder, entry->kind == PMOD_HUB_HASH_SHA256 ? "sha256" : "git_sha1", entry->hash);
  add_string (builder, "repository", entry->repo);
  add_string (builder, "commit", entry->commit);
  add_string (builder, "remote", entry->remote);
  json_builder_end_object (builder);
}

static char *
build (const PmodHubPlan *plan)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "schema");
  json_builder_add_int_value (builder, SCHEMA);
  add_string (builder, "repository", plan->repo);
  add_string (builder, "revision", plan->revision);
  add_string (builder, "commit", plan->commit);
  json_builder_set_member_name (builder, "files");
  json_builder_begin_array (builder);
  for (guint i = 0; i < plan->entries->len; i++)
    build_entry (builder, g_ptr_array_index (plan->entries, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}

gboolean
pmod_hub_manifest_write (const PmodHubPlan *plan, GError **error)
{
  g_autofree char *path = g_build_filename (plan->folder, PMOD_HUB_MANIFEST ".part", NULL);
  g_autofree char *text = build (plan);
  g_autoptr (GError) local = NULL;

  if (g_file_set_contents_full (path, text, -1,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                &local))
    return TRUE;
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE, "%s: cannot write: %s", path,
               local->message);
  return FALSE;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* NULL where anything is not as build_entry() writes it: a manifest may have been made by anybody,
 * and its paths lead to files that are written. */
static PmodHubEntry *
read_entry (JsonNode *node)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *path = pmod_hub_json_string (object, "path");
  const char *repo = pmod_hub_json_string (object, "repository");
  const char *commit = pmod_hub_json_string (object, "commit");
  const char *remote = pmod_hub_json_string (object, "remote");
  const char *sha256 = pmod_hub_json_string (object, "sha256");
  const char *git = pmod_hub_json_string (object, "git_sha1");
  gint64 size = pmod_hub_json_size (object, "size");
  PmodHubEntry *entry;

  if (!pmod_hub_is_safe_path (path) || !pmod_hub_is_safe_path (remote) || repo == NULL ||
      !pmod_hub_is_repo (repo) || !pmod_hub_is_hex (commit, 40) || size < 0 ||
      !(sha256 != NULL ? pmod_hub_is_hex (sha256, 64) : pmod_hub_is_hex (git, 40)))
    return NULL;
  entry = g_new0 (PmodHubEntry, 1);
  entry->path = g_strdup (path);
  entry->repo = g_strdup (repo);
  entry->commit = g_strdup (commit);
  entry->remote = g_strdup (remote);
  entry->size = (guint64)size;
  entry->kind = sha256 != NULL ? PMOD_HUB_HASH_SHA256 : PMOD_HUB_HASH_GIT;
  entry->hash = g_strdup (sha256 != NULL ? sha256 : git);
  return entry;
}

static gboolean
read_root (PmodHubPlan *plan, JsonNode *root)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  const char *repo = pmod_hub_json_string (object, "repository");
  const char *revision = pmod_hub_json_string (object, "revision");
  const char *commit = pmod_hub_json_string (object, "commit");
  JsonNode *files = object != NULL ? json_object_get_member (object, "files") : NULL;
  JsonArray *array;

  if (pmod_hub_json_size (object, "schema") != SCHEMA || repo == NULL || !pmod_hub_is_repo (repo) ||
      !pmod_hub_is_safe_path (revision) || !pmod_hub_is_hex (commit, 40) || files == NULL ||
      !JSON_NODE_HOLDS_ARRAY (files))
    return FALSE;
  plan->repo = g_strdup (repo);
  plan->revision = g_strdup (revision);
  plan->commit = g_strdup (commit);
  array = json_node_get_array (files);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      PmodHubEntry *entry = read_entry (json_array_get_element (array, i));

      if (entry == NULL)
        return FALSE;
      g_ptr_array_add (plan->entries, entry);
    }
  return plan->entries->len > 0;
}

static gboolean
read_file (PmodHubPlan *plan, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) local = NULL;
  gsize length;

  if (pmod_hub_file_size (path) > MAX_BYTES || !g_file_get_contents (path, &text, &length, &local))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE, "%s: cannot read: %s", path,
                   local != NULL ? local->message : "too large");
      return FALSE;
    }
  bytes = g_bytes_new_take (g_steal_pointer (&text), length);
  root = pmod_hub_json_parse (bytes, path, error);
  if (root == NULL)
    return FALSE;
  if (read_root (plan, root))
    return TRUE;
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE,
               "%s: expected what a pull notes, got something else", path);
  return FALSE;
}

static gboolean
has_manifest (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, PMOD_HUB_MANIFEST, NULL);
  g_autofree char *part = g_strconcat (path, ".part", NULL);

  return pmod_hub_file_size (path) >= 0 || pmod_hub_file_size (part) >= 0;
}

char **
pmod_hub_list_folders (void)
{
  g_autofree char *models = g_build_filename (g_get_user_data_dir (), "strata", "models", NULL);
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  g_autoptr (GDir) dir = g_dir_open (models, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *folder = g_build_filename (models, name, NULL);

      if (has_manifest (folder))
        g_strv_builder_add (folders, folder);
    }
  return g_strv_builder_end (folders);
}

gboolean
pmod_hub_manifest_read (PmodHubPlan *plan, gboolean *finished, GError **error)
{
  g_autofree char *path = g_build_filename (plan->folder, PMOD_HUB_MANIFEST, NULL);
  g_autofree char *part = g_strconcat (path, ".part", NULL);

  *finished = pmod_hub_file_size (path) >= 0;
  if (*finished)
    return read_file (plan, path, error);
  if (pmod_hub_file_size (part) >= 0)
    return read_file (plan, part, error);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
               "%s: expected a model that was pulled, got a folder without %s", plan->folder,
               PMOD_HUB_MANIFEST);
  return FALSE;
}
