/* See pmod-shards.h. */
#include "pmod-shards.h"

#include <string.h>

#include "pmod-json.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"
#define MAX_INDEX_BYTES (100 * 1000 * 1000)

/* Far more files than any checkpoint has, fewer than a process may hold open. */
#define MAX_FILES 500

struct _PmodShards
{
  char *dir;
  GPtrArray *files;    /* PmodSafetensors */
  GPtrArray *entries;  /* PmodSafetensorsEntry, borrowed from files */
  GHashTable *by_name; /* name -> PmodSafetensors that holds it */
};

/* --- Files ------------------------------------------------------------------------------------ */

/* Adds a file's tensors; a name that another file has is an error. */
static PmodSafetensors *
add_file (PmodShards *self, const char *file_name, GError **error)
{
  g_autofree char *path = g_build_filename (self->dir, file_name, NULL);
  PmodSafetensors *file = pmod_safetensors_open (path, error);

  if (!file)
    return NULL;
  g_ptr_array_add (self->files, file);
  for (guint i = 0; i < pmod_safetensors_get_n_entries (file); i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (file, i);

      if (!g_hash_table_insert (self->by_name, (gpointer)entry->name, file))
        {
          g_autofree char *name = pmod_error_quote (entry->name);

          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "%s: tensor %s: also in another file of the checkpoint", path, name);
          return NULL;
        }
      g_ptr_array_add (self->entries, (gpointer)entry);
    }
  return file;
}

/* What to do about pickle files. The command names no file, as a name may hold anything. */
#define CONVERT                                                                                    \
  "in that directory: python3 -c \"import glob, torch, safetensors.torch as s; w = {}; "           \
  "[w.update(torch.load(f, map_location='cpu', weights_only=True)) for f in "                      \
  "glob.glob('pytorch_model*.bin')]; s.save_file({k: v.clone().contiguous() for k, v in "          \
  "w.items()}, '" SINGLE "', {'format': 'pt'})\""

static gboolean
is_pickle_name (const char *name)
{
  return g_str_has_suffix (name, ".bin") || g_str_has_suffix (name, ".pth") ||
         g_str_has_suffix (name, ".pt");
}

/* The name of a pickle file in the directory, one of transformers' own if there is. (nullable) */
static char *
find_pickle (const PmodShards *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  char *found = NULL;
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (is_pickle_name (name) && (!found || g_str_has_prefix (name, "pytorch_model")))
      {
        g_free (found);
        found = g_strdup (name);
      }
  return found;
}

static gboolean
fail_no_weights (const PmodShards *self, GError **error)
{
  g_autofree char *pickle = find_pickle (self);
  g_autofree char *name = pickle ? pmod_error_quote (pickle) : NULL;

  if (!pickle)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                 "%s: expected " SINGLE " or " INDEX ", found neither", self->dir);
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "%s: expected " SINGLE ", got %s: a pickle file, which can run code when it is "
                 "read and is not opened here; convert it %s",
                 self->dir, name,
                 g_str_has_prefix (pickle, "pytorch_model") ? CONVERT
                                                            : "with safetensors.torch.save_file");
  return FALSE;
}

/* --- Index ------------------------------------------------------------------------------------ */

/* A plain name in this directory: nothing that leads out of it. */
static gboolean
is_shard_name (const char *name)
{
  return g_str_has_suffix (name, ".safetensors") && !strchr (name, '/') && !strchr (name, '\\') &&
         name[0] != '.';
}

static gboolean
fail_index (
    const char *path, const char *key, const char *what, const PmodJson *got, GError **error)
{
  g_autofree char *name = pmod_error_quote (key);
  g_autofree char *text = got ? pmod_json_describe (got) : g_strdup ("nothing");

  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s: expected %s, got %s", path, name,
               what, text);
  return FALSE;
}

/* opened: shard name -> PmodSafetensors. */
static gboolean
read_index_entry (
    PmodShards *self, const char *path, const PmodJson *value, GHashTable *opened, GError **error)
{
  PmodSafetensors *file;

  if (value->type != PMOD_JSON_STRING || !is_shard_name (value->string))
    return fail_index (path, value->key, "the name of a .safetensors file in the same directory",
                       value, error);
  file = g_hash_table_lookup (opened, value->string);
  if (!file)
    {
      if (self->files->len >= MAX_FILES)
        return fail_index (path, value->key, "no more than 500 files", value, error);
      file = add_file (self, value->string, error);
      if (!file)
        {
          g_prefix_error (error, "a shard that " INDEX " lists: ");
          return FALSE;
        }
      g_hash_table_insert (opened, (gpointer)value->string, file);
    }
  if (!pmod_safetensors_find (file, value->key))
    return fail_index (path, value->key, "the file that holds this tensor", value, error);
  return TRUE;
}

/* Every tensor of every shard must be listed, so that nothing is read that the index leaves out. */
static gboolean
check_listed (const PmodShards *self, const char *path, guint n_listed, GError **error)
{
  if (self->entries->len == n_listed)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: expected the %u tensors of its files, got %u", path, self->entries->len,
               n_listed);
  return FALSE;
}

static gboolean
read_index (PmodShards *self, const char *path, GError **error)
{
  g_autoptr (PmodJsonDocument) index = pmod_json_load (path, MAX_INDEX_BYTES, error);
  g_autoptr (GHashTable) opened = g_hash_table_new (g_str_hash, g_str_equal);
  const PmodJson *map, *value;
  guint i;

  if (!index)
    return FALSE;
  map = pmod_json_find (pmod_json_root (index), "weight_map");
  if (!map || map->type != PMOD_JSON_OBJECT || map->n_children == 0)
    return fail_index (path, "weight_map", "an object of tensor and file names", map, error);
  for (i = 0, value = pmod_json_first (map); i < map->n_children;
       i++, value = pmod_json_next (value))
    if (!read_index_entry (self, path, value, opened, error))
      return FALSE;
  return check_listed (self, path, map->n_children, error);
}

/* --- Public ----------------------------------------------------------------------------------- */

PmodShards *
pmod_shards_open (const char *dir, GError **error)
{
  g_autoptr (PmodShards) self = g_new0 (PmodShards, 1);
  g_autofree char *single = g_build_filename (dir, SINGLE, NULL);
  g_autofree char *index = g_build_filename (dir, INDEX, NULL);
  gboolean ok;

  self->dir = g_strdup (dir);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_safetensors_free);
  self->entries = g_ptr_array_new ();
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (g_file_test (single, G_FILE_TEST_EXISTS))
    ok = add_file (self, SINGLE, error) != NULL;
  else if (g_file_test (index, G_FILE_TEST_EXISTS))
    ok = read_index (self, index, error);
  else
    ok = fail_no_weights (self, error);
  return ok ? g_steal_pointer (&self) : NULL;
}

void
pmod_shards_free (PmodShards *self)
{
  if (!self)
    return;
  g_free (self->dir);
  g_ptr_array_unref (self->entries);
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->files);
  g_free (self);
}

const char *
pmod_shards_get_dir (const PmodShards *self)
{
  return self->dir;
}

guint
pmod_shards_get_n_files (const PmodShards *self)
{
  return self->files->len;
}

guint
pmod_shards_get_n_entries (const PmodShards *self)
{
  return self->entries->len;
}

const PmodSafetensorsEntry *
pmod_shards_get_entry (const PmodShards *self, guint i)
{
  g_return_val_if_fail (i < self->entries->len, NULL);
  return g_ptr_array_index (self->entries, i);
}

const PmodSafetensorsEntry *
pmod_shards_find (const PmodShards *self, const char *name)
{
  PmodSafetensors *file = g_hash_table_lookup (self->by_name, name);

  return file ? pmod_safetensors_find (file, name) : NULL;
}

const char *
pmod_shards_get_path (const PmodShards *self, const char *name)
{
  PmodSafetensors *file = g_hash_table_lookup (self->by_name, name);

  return file ? pmod_safetensors_get_path (file) : self->dir;
}

void
pmod_shards_forget (PmodShards *self, const PmodSafetensorsEntry *entry)
{
  pmod_safetensors_forget (g_hash_table_lookup (self->by_name, entry->name), entry);
}
