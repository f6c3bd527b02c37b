/* Which files of a repository the engine needs: configuration, safetensors, tokenizer, and the
 * vision tower where the checkpoint names one and does not hold it. The tower goes into a folder of
 * the name that config.json gives it, inside the model's own, where the engine looks for it. */
#include "pmod-hub-private.h"

#include <string.h>

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"
#define TOWER_PREFIX "model.vision_tower.vision_tower.vision_model."
#define MAX_SMALL_BYTES (16 * 1024 * 1024) /* of a file that is read while planning */
#define MAX_TEXT_BYTES (1024 * 1024)       /* of a card or a licence */
#define MAX_SHARDS 500

/* What planning knows so far. */
typedef struct
{
  PmodHubHttp *http;
  PmodHubPlan *plan;
  GCancellable *cancellable;
  GError **error;
} Planner;

/* --- Files read while planning ---------------------------------------------------------------- */

/* The contents of a small file, checked against its hash and kept. */
static GBytes *
read_entry (Planner *self, PmodHubEntry *entry)
{
  g_autofree char *url = pmod_hub_entry_dup_url (entry);
  g_autofree char *what = g_strdup_printf ("%s: %s", entry->repo, entry->remote);
  g_autoptr (GChecksum) checksum = pmod_hub_entry_checksum (entry);
  g_autoptr (GBytes) bytes = NULL;

  if (entry->content != NULL)
    return entry->content;
  bytes = pmod_hub_http_read (self->http, url, what, MAX_SMALL_BYTES, NULL, self->cancellable,
                              self->error);
  if (bytes == NULL)
    return NULL;
  if (g_bytes_get_size (bytes) > 0)
    g_checksum_update (checksum, g_bytes_get_data (bytes, NULL), (gssize)g_bytes_get_size (bytes));
  if (strcmp (g_checksum_get_string (checksum), entry->hash) != 0)
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: expected %" G_GUINT64_FORMAT " bytes of %s %s, got %" G_GSIZE_FORMAT
                   " of %s",
                   what, entry->size, pmod_hub_hash_name (entry->kind), entry->hash,
                   g_bytes_get_size (bytes), g_checksum_get_string (checksum));
      return NULL;
    }
  entry->content = g_steal_pointer (&bytes);
  return entry->content;
}

static JsonNode *
read_json (Planner *self, PmodHubEntry *entry)
{
  g_autofree char *what = g_strdup_printf ("%s: %s", entry->repo, entry->remote);
  GBytes *bytes = read_entry (self, entry);
  g_autoptr (JsonNode) root = bytes != NULL ? pmod_hub_json_parse (bytes, what, self->error) : NULL;

  if (root != NULL && !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: expected a JSON object, got something else", what);
      return NULL;
    }
  return g_steal_pointer (&root);
}

/* --- Choosing --------------------------------------------------------------------------------- */

static gboolean
add (Planner *self, const PmodHubEntry *entry, const char *folder)
{
  PmodHubEntry *copy = pmod_hub_entry_copy (entry);

  if (folder != NULL)
    {
      const char *name = strrchr (entry->remote, '/');

      g_free (copy->path);
      copy->path = g_build_path ("/", folder, name != NULL ? name + 1 : entry->remote, NULL);
    }
  g_ptr_array_add (self->plan->entries, copy);
  return TRUE;
}

/* prefix: a folder of the repository with a "/" at its end, or "". */
static PmodHubEntry *
find (const PmodHubList *list, const char *prefix, const char *name)
{
  g_autofree char *path = g_strconcat (prefix, name, NULL);

  return pmod_hub_list_find (list, path);
}

static void
add_if_there (Planner *self,
              const PmodHubList *list,
              const char *prefix,
              const char *name,
              const char *folder)
{
  PmodHubEntry *entry = find (list, prefix, name);

  if (entry != NULL)
    add (self, entry, folder);
}

/* Cards and licences, as those who publish ask for. */
static void
add_texts (Planner *self, const PmodHubList *list)
{
  for (guint i = 0; i < list->entries->len; i++)
    {
      PmodHubEntry *entry = g_ptr_array_index (list->entries, i);

      if (strchr (entry->path, '/') == NULL && entry->size <= MAX_TEXT_BYTES &&
          (strcmp (entry->path, "README.md") == 0 || g_str_has_prefix (entry->path, "LICENSE") ||
           g_str_has_prefix (entry->path, "NOTICE")))
        add (self, entry, NULL);
    }
}

static gboolean
fail_no_weights (Planner *self, const PmodHubList *list, const char *prefix)
{
  const char *pickle = "none";

  for (guint i = 0; i < list->entries->len; i++)
    {
      PmodHubEntry *entry = g_ptr_array_index (list->entries, i);

      if (g_str_has_prefix (entry->path, prefix) && g_str_has_suffix (entry->path, ".bin"))
        pickle = "only pickle files (.bin), which can run code and are not used here";
    }
  g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
               "%s: expected weights as %s%s or %s, got %s", list->repo, prefix, SINGLE, INDEX,
               pickle);
  return FALSE;
}

/* One file that the index names, once. names: a set of those that were added. */
static gboolean
add_shard (Planner *self,
           const PmodHubList *list,
           const char *prefix,
           JsonNode *value,
           const char *folder,
           GHashTable *names)
{
  const char *name =
      JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING
          ? json_node_get_string (value)
          : "";
  g_autofree char *quoted = pmod_hub_quote (name);
  PmodHubEntry *entry;

  if (g_hash_table_contains (names, name))
    return TRUE;
  if (!pmod_hub_is_safe_path (name) || strchr (name, '/') != NULL ||
      !g_str_has_suffix (name, ".safetensors") || g_hash_table_size (names) == MAX_SHARDS)
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: %s%s: expected plain names of at most %d .safetensors files, got %s",
                   list->repo, prefix, INDEX, MAX_SHARDS, quoted);
      return FALSE;
    }
  entry = find (list, prefix, name);
  if (entry == NULL)
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
                   "%s: %s%s names %s, which the repository does not hold", list->repo, prefix,
                   INDEX, quoted);
      return FALSE;
    }
  g_hash_table_add (names, g_strdup (name));
  return add (self, entry, folder);
}

/* inside: whether a tensor of the vision tower is listed. */
static gboolean
add_shards (Planner *self,
            const PmodHubList *list,
            const char *prefix,
            PmodHubEntry *index,
            const char *folder,
            gboolean *inside)
{
  g_autoptr (JsonNode) root = read_json (self, index);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  JsonObject *map;
  JsonObjectIter iter;
  const char *tensor;
  JsonNode *value;

  if (root == NULL)
    return FALSE;
  map = pmod_hub_json_object (json_node_get_object (root), "weight_map");
  if (map == NULL || json_object_get_size (map) == 0)
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: %s%s: expected a weight_map, got none", list->repo, prefix, INDEX);
      return FALSE;
    }
  json_object_iter_init (&iter, map);
  while (json_object_iter_next (&iter, &tensor, &value))
    {
      if (g_str_has_prefix (tensor, TOWER_PREFIX))
        *inside = TRUE;
      if (!add_shard (self, list, prefix, value, folder, names))
        return FALSE;
    }
  return add (self, index, folder);
}

/* The header of the one file tells whether the tower is in it. */
static gboolean
look_inside (Planner *self, const PmodHubEntry *entry, gboolean *inside)
{
  g_autofree char *url = pmod_hub_entry_dup_url (entry);
  g_autofree char *what = g_strdup_printf ("%s: %s", entry->repo, entry->remote);
  g_autoptr (GBytes) header =
      pmod_hub_http_read_header (self->http, url, what, self->cancellable, self->error);

  if (header == NULL)
    return FALSE;
  *inside = memmem (g_bytes_get_data (header, NULL), g_bytes_get_size (header), "\"" TOWER_PREFIX,
                    strlen ("\"" TOWER_PREFIX)) != NULL;
  return TRUE;
}

/* As the engine: the one file where it is there, else what the index names. */
static gboolean
add_weights (Planner *self,
             const PmodHubList *list,
             const char *prefix,
             const char *folder,
             gboolean *inside)
{
  PmodHubEntry *single = find (list, prefix, SINGLE);
  PmodHubEntry *index = find (list, prefix, INDEX);

  if (single != NULL)
    return (inside == NULL || look_inside (self, single, inside)) && add (self, single, folder);
  if (index != NULL)
    {
      gboolean ignored = FALSE;

      return add_shards (self, list, prefix, index, folder, inside != NULL ? inside : &ignored);
    }
  return fail_no_weights (self, list, prefix);
}

/* --- The vision tower ------------------------------------------------------------------------- */

static gboolean
add_tower_files (Planner *self, const PmodHubList *list, const char *prefix, const char *folder)
{
  PmodHubEntry *config = find (list, prefix, PMOD_HUB_CONFIG);

  if (config == NULL)
    {
      g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
                   "%s: expected the vision tower's %s%s, got none", list->repo, prefix,
                   PMOD_HUB_CONFIG);
      return FALSE;
    }
  if (!add_weights (self, list, prefix, folder, NULL))
    return FALSE;
  add_if_there (self, list, prefix, "preprocessor_config.json", folder);
  return add (self, config, folder);
}

static gboolean
fail_tower (Planner *self, const char *name, const char *why)
{
  g_autofree char *quoted = pmod_hub_quote (name);

  g_set_error (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
               "%s: the vision tower %s %s; --tower REPO names another repository, --tower none "
               "leaves it out",
               self->plan->repo, quoted, why);
  return FALSE;
}

/* The tower from a repository of its own. */
static gboolean
add_tower_repo (Planner *self, const char *tower, const char *name, const char *folder)
{
  g_autofree char *repo = NULL;
  g_autofree char *revision = NULL;
  g_autoptr (PmodHubList) list = NULL;
  GError **outer = self->error;
  g_autoptr (GError) local = NULL;
  gboolean done;

  if (!pmod_hub_split_repo (tower, &repo, &revision, outer))
    return FALSE;
  list = pmod_hub_list_new (self->http, repo, revision, self->cancellable, &local);
  self->error = &local;
  done = list != NULL && add_tower_files (self, list, "", folder);
  self->error = outer;
  if (done)
    return TRUE;
  if (local->code == PMOD_HUB_ERROR_MISSING || local->code == PMOD_HUB_ERROR_DENIED)
    {
      g_autofree char *why = g_strdup_printf ("cannot be had: %s", local->message);

      return fail_tower (self, name, why);
    }
  g_propagate_error (outer, g_steal_pointer (&local));
  return FALSE;
}

/* name: as config.json has it: a folder of the repository, or a repository. */
static gboolean
add_tower (Planner *self, const PmodHubList *list, const char *name, const char *tower)
{
  const char *folder = g_str_has_prefix (name, "./") ? name + 2 : name;
  g_autofree char *prefix = g_strconcat (folder, "/", NULL);

  if (g_strcmp0 (tower, "none") == 0)
    return TRUE;
  if (!pmod_hub_is_safe_path (folder))
    return fail_tower (self, name, "is named by a path that is of another machine");
  if (tower != NULL)
    return add_tower_repo (self, tower, name, folder);
  if (find (list, prefix, PMOD_HUB_CONFIG) != NULL)
    return add_tower_files (self, list, prefix, folder);
  if (!pmod_hub_is_repo (folder))
    return fail_tower (self, name, "is not in the repository");
  return add_tower_repo (self, folder, name, folder);
}

/* Where the weights are in the checkpoint, a folder of the repository may still say of what shape
 * the tower is. */
static void
add_tower_shape (Planner *self, const PmodHubList *list, const char *name)
{
  const char *folder = g_str_has_prefix (name, "./") ? name + 2 : name;
  g_autofree char *prefix = g_strconcat (folder, "/", NULL);

  add_if_there (self, list, prefix, PMOD_HUB_CONFIG, folder);
  add_if_there (self, list, prefix, "preprocessor_config.json", folder);
}

/* --- The whole -------------------------------------------------------------------------------- */

static gboolean
is_tower_config (JsonObject *config)
{
  const char *type = pmod_hub_json_string (config, "model_type");

  return type != NULL && g_str_has_prefix (type, "clip");
}

static gboolean
fail_missing (const PmodHubList *list, const char *name, GError **error)
{
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING,
               "%s: expected a checkpoint with %s, got a repository without", list->repo, name);
  return FALSE;
}

static gboolean
choose (Planner *self, const PmodHubList *list, const char *tower)
{
  PmodHubEntry *config = pmod_hub_list_find (list, PMOD_HUB_CONFIG);
  g_autoptr (JsonNode) root = NULL;
  gboolean inside = FALSE;
  JsonObject *object;
  const char *name;

  if (config == NULL)
    return fail_missing (list, PMOD_HUB_CONFIG, self->error);
  root = read_json (self, config);
  if (root == NULL)
    return FALSE;
  object = json_node_get_object (root);
  if (!is_tower_config (object) && pmod_hub_list_find (list, "tokenizer.model") == NULL)
    return fail_missing (list, "tokenizer.model", self->error);
  name = pmod_hub_json_string (object, "mm_vision_tower");
  if (!add_weights (self, list, "", NULL, name != NULL ? &inside : NULL))
    return FALSE;
  if (name != NULL && !inside && !add_tower (self, list, name, tower))
    return FALSE;
  if (name != NULL && inside)
    add_tower_shape (self, list, name);
  add_if_there (self, list, "", "tokenizer.model", NULL);
  add_if_there (self, list, "", "tokenizer_config.json", NULL);
  add_if_there (self, list, "", "generation_config.json", NULL);
  add_if_there (self, list, "", "preprocessor_config.json", NULL);
  add_texts (self, list);
  return add (self, config, NULL);
}

static void
count_left_out (PmodHubPlan *self, const PmodHubList *list)
{
  for (guint i = 0; i < list->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (list->entries, i);
      gboolean used = FALSE;

      for (guint k = 0; k < self->entries->len && !used; k++)
        {
          const PmodHubEntry *other = g_ptr_array_index (self->entries, k);

          used =
              strcmp (other->repo, entry->repo) == 0 && strcmp (other->remote, entry->remote) == 0;
        }
      if (!used)
        {
          self->n_left_out++;
          self->left_out_bytes += entry->size;
        }
    }
}

/* Where the model goes and where it comes from, as the options say. */
static PmodHubPlan *
new_plan (const PmodHubOptions *options)
{
  PmodHubPlan *self = g_new0 (PmodHubPlan, 1);

  self->endpoint = g_strdup (options->endpoint != NULL ? options->endpoint : PMOD_HUB_ENDPOINT);
  self->allow_http = options->allow_http;
  self->token = g_strdup (options->token);
  self->folder = options->folder != NULL ? g_canonicalize_filename (options->folder, NULL) : NULL;
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_hub_entry_free);
  return self;
}

/* --- Public ----------------------------------------------------------------------------------- */

PmodHubPlan *
pmod_hub_plan_new (const PmodHubOptions *options, GCancellable *cancellable, GError **error)
{
  g_autoptr (PmodHubPlan) self = new_plan (options);
  g_autoptr (PmodHubHttp) http = NULL;
  g_autoptr (PmodHubList) list = NULL;
  Planner planner = { .plan = self, .cancellable = cancellable, .error = error };

  g_return_val_if_fail (options->repo != NULL, NULL);
  if (!pmod_hub_split_repo (options->repo, &self->repo, &self->revision, error))
    return NULL;
  if (self->folder == NULL)
    self->folder = pmod_hub_dup_folder (self->repo, error);
  if (self->folder == NULL)
    return NULL;
  http = pmod_hub_http_new (self->endpoint, self->allow_http, self->token, error);
  if (http == NULL)
    return NULL;
  list = pmod_hub_list_new (http, self->repo, self->revision, cancellable, error);
  if (list == NULL)
    return NULL;
  self->commit = g_strdup (list->commit);
  planner.http = http;
  if (!choose (&planner, list, options->tower))
    return NULL;
  count_left_out (self, list);
  return g_steal_pointer (&self);
}

PmodHubPlan *
pmod_hub_plan_load (const PmodHubOptions *options, GError **error)
{
  g_autoptr (PmodHubPlan) self = new_plan (options);

  g_return_val_if_fail (options->repo != NULL || options->folder != NULL, NULL);
  if (self->folder == NULL)
    self->folder = pmod_hub_dup_folder (options->repo, error);
  if (self->folder == NULL || !pmod_hub_manifest_read (self, &self->finished, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pmod_hub_plan_free (PmodHubPlan *self)
{
  if (self == NULL)
    return;
  g_free (self->repo);
  g_free (self->revision);
  g_free (self->commit);
  g_free (self->folder);
  g_free (self->endpoint);
  g_free (self->token);
  g_ptr_array_unref (self->entries);
  g_free (self);
}

const char *
pmod_hub_plan_get_repo (const PmodHubPlan *self)
{
  return self->repo;
}

const char *
pmod_hub_plan_get_commit (const PmodHubPlan *self)
{
  return self->commit;
}

const char *
pmod_hub_plan_get_folder (const PmodHubPlan *self)
{
  return self->folder;
}

gboolean
pmod_hub_plan_get_finished (const PmodHubPlan *self)
{
  return self->finished;
}

guint
pmod_hub_plan_get_n_files (const PmodHubPlan *self)
{
  return self->entries->len;
}

PmodHubFile
pmod_hub_plan_get_file (const PmodHubPlan *self, guint i)
{
  const PmodHubEntry *entry = g_ptr_array_index (self->entries, i);

  return (PmodHubFile){ .path = entry->path, .size = entry->size };
}

void
pmod_hub_plan_get_left_out (const PmodHubPlan *self, guint *n_files, guint64 *bytes)
{
  *n_files = self->n_left_out;
  *bytes = self->left_out_bytes;
}
