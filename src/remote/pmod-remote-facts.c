/* What a server tells of its model. The configuration travels as the checkpoint's own files, so
 * that it is checked here as if it lay on this disk; which layers have a router is the one thing
 * that only the weights know. */
#include "config.h"

#include "pmod-remote-private.h"

#include <string.h>

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define BYTE_ORDER_NAME "little"
#else
#define BYTE_ORDER_NAME "big"
#endif

void
pmod_remote_facts_free (PmodRemoteFacts *self)
{
  g_free (self->version);
  g_free (self->model);
  g_free (self->name);
  g_free (self->device);
  g_free (self->precision);
  g_free (self->fallback);
  g_free (self->note);
  g_free (self->about);
  g_clear_pointer (&self->config, pmod_config_free);
  g_free (self);
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* NULL without an error where it may be absent and is. */
static char *
read_file (const char *folder, const char *name, gboolean may_be_absent, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) local = NULL;
  char *text = NULL;

  if (g_file_get_contents (path, &text, NULL, &local) ||
      (may_be_absent && g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT)))
    return text;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s", local->message);
  return NULL;
}

typedef struct
{
  char *config;
  char *tower;
  char *preprocessor;
} Files;

static void
files_clear (Files *self)
{
  g_free (self->config);
  g_free (self->tower);
  g_free (self->preprocessor);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Files, files_clear)

static gboolean
read_files (Files *self, PmodModel *model, const char *tower, GError **error)
{
  const PmodConfig *config = pmod_model_get_config (model);
  const char *folder = pmod_model_get_path (model);
  g_autofree char *found = NULL;

  self->config = read_file (folder, "config.json", FALSE, error);
  if (self->config == NULL)
    return FALSE;
  if (config->vision_tower != NULL)
    found =
        tower != NULL ? g_strdup (tower) : pmod_config_find_tower (folder, config->vision_tower);
  if (found == NULL)
    return TRUE;
  self->tower = read_file (found, "config.json", FALSE, error);
  if (self->tower == NULL)
    return FALSE;
  self->preprocessor = read_file (found, "preprocessor_config.json", TRUE, error);
  return TRUE;
}

static char *
hash_model (const Files *files, PmodModel *model)
{
  g_autofree char *text =
      g_strdup_printf ("%s\f%s\f%s\f%s\f%s\f%" G_GUINT64_FORMAT, pmod_model_get_path (model),
                       pmod_model_get_precision_name (model), files->config, files->tower,
                       files->preprocessor, pmod_model_get_weight_bytes (model));

  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

static void
write_model (GString *text, PmodModel *model)
{
  const PmodConfig *config = pmod_model_get_config (model);
  g_autofree char *name = g_path_get_basename (pmod_model_get_path (model));

  pmod_json_write_string (text, "name", name);
  pmod_json_write_string (text, "device", pmod_model_get_device_name (model));
  pmod_json_write_string (text, "precision", pmod_model_get_precision_name (model));
  pmod_json_write_string (text, "fallback", pmod_model_get_fallback (model));
  pmod_json_write_int (text, "weight_bytes", (gint64)pmod_model_get_weight_bytes (model));
  pmod_json_write_int (text, "load_ns", (gint64)pmod_model_get_load_ns (model));
  pmod_json_write_int (text, "kv_token_bytes", (gint64)pmod_model_get_kv_token_bytes (model));
  pmod_json_write_open (text, "routers", '[');
  for (int i = 0; i < config->n_layers; i++)
    if (config->has_router[i])
      pmod_json_write_int (text, NULL, i);
  pmod_json_write_close (text, ']');
}

char *
pmod_remote_facts_write (
    PmodModel *model, const char *tower, guint64 max_body, char **model_hash, GError **error)
{
  g_auto (Files) files = { NULL };
  g_autoptr (GString) text = g_string_new (NULL);

  if (!read_files (&files, model, tower, error))
    return NULL;
  *model_hash = hash_model (&files, model);
  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "protocol", PMOD_REMOTE_PROTOCOL);
  pmod_json_write_string (text, "trace", PMOD_TRACE_MAGIC);
  pmod_json_write_string (text, "byte_order", BYTE_ORDER_NAME);
  pmod_json_write_string (text, "version", STRATA_VERSION);
  pmod_json_write_string (text, "model", *model_hash);
  write_model (text, model);
  pmod_json_write_int (text, "max_body", (gint64)max_body);
  pmod_json_write_string (text, "config", files.config);
  pmod_json_write_string (text, "tower", files.tower);
  pmod_json_write_string (text, "preprocessor", files.preprocessor);
  pmod_json_write_close (text, '}');
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Of whatever version: what is needed to say which one it is. */
static gboolean
check_version (PmodRemoteKeys *keys)
{
  const PmodJson *protocol = pmod_remote_keys_find (keys, "protocol");
  const char *trace = pmod_remote_keys_string (keys, "trace", TRUE);
  const char *version = pmod_remote_keys_string (keys, "version", TRUE);
  const char *order = pmod_remote_keys_string (keys, "byte_order", TRUE);

  if (keys->error != NULL)
    return FALSE;
  if (protocol == NULL || protocol->type != PMOD_JSON_INTEGER || trace == NULL)
    {
      pmod_remote_keys_expect (keys, "protocol", "what pmod serve tells of itself", protocol);
      return FALSE;
    }
  if (protocol->integer == PMOD_REMOTE_PROTOCOL && strcmp (trace, PMOD_TRACE_MAGIC) == 0 &&
      g_strcmp0 (order, BYTE_ORDER_NAME) == 0)
    return TRUE;
  g_set_error (&keys->error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "expected protocol %d with traces of %s (%s endian), got %" G_GINT64_FORMAT
               " with %.20s (%.20s endian) from Strata %.20s: the same version is needed here and "
               "there",
               PMOD_REMOTE_PROTOCOL, PMOD_TRACE_MAGIC, BYTE_ORDER_NAME, protocol->integer, trace,
               order != NULL ? order : "unknown", version != NULL ? version : "unknown");
  return FALSE;
}

static void
read_routers (PmodRemoteKeys *keys, PmodConfig *config)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "routers");
  const PmodJson *value;

  memset (config->has_router, 0, sizeof config->has_router);
  if (list == NULL || list->type != PMOD_JSON_ARRAY)
    {
      pmod_remote_keys_expect (keys, "routers", "a list of layers", list);
      return;
    }
  value = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, value = pmod_json_next (value))
    if (value->type == PMOD_JSON_INTEGER && value->integer >= 0 &&
        value->integer < config->n_layers)
      config->has_router[value->integer] = TRUE;
    else
      pmod_remote_keys_expect (keys, "routers", "layers of this model", value);
}

static void
read_config (PmodRemoteFacts *self, PmodRemoteKeys *keys)
{
  const char *config = pmod_remote_keys_string (keys, "config", FALSE);
  const char *tower = pmod_remote_keys_string (keys, "tower", TRUE);
  const char *preprocessor = pmod_remote_keys_string (keys, "preprocessor", TRUE);
  g_autoptr (PmodJsonDocument) document = NULL;
  PmodRemoteKeys words = { "config.json", NULL, NULL };

  if (keys->error != NULL)
    return;
  self->config = pmod_config_parse (config, -1, tower, -1, preprocessor, -1, &keys->error);
  if (self->config == NULL)
    return;
  read_routers (keys, self->config);
  document = pmod_json_parse (config, -1, "config.json", NULL);
  words.object = document != NULL ? pmod_json_root (document) : NULL;
  self->note = g_strdup (pmod_remote_keys_string (&words, "strata_note", TRUE));
  self->about = g_strdup (pmod_remote_keys_string (&words, "strata_about", TRUE));
  g_clear_error (&words.error);
}

static void
read_all (PmodRemoteFacts *self, PmodRemoteKeys *keys)
{
  if (!check_version (keys))
    return;
  self->version = g_strdup (pmod_remote_keys_string (keys, "version", FALSE));
  self->model = g_strdup (pmod_remote_keys_string (keys, "model", FALSE));
  self->name = g_strdup (pmod_remote_keys_string (keys, "name", FALSE));
  self->device = g_strdup (pmod_remote_keys_string (keys, "device", FALSE));
  self->precision = g_strdup (pmod_remote_keys_string (keys, "precision", FALSE));
  self->fallback = g_strdup (pmod_remote_keys_string (keys, "fallback", TRUE));
  self->weight_bytes = (guint64)pmod_remote_keys_int (keys, "weight_bytes", 0, G_MAXINT64);
  self->load_ns = (guint64)pmod_remote_keys_int (keys, "load_ns", 0, G_MAXINT64);
  self->kv_token_bytes = (guint64)pmod_remote_keys_int (keys, "kv_token_bytes", 1, 1 << 30);
  self->max_body = (guint64)pmod_remote_keys_int (keys, "max_body", 0, G_MAXINT64);
  read_config (self, keys);
}

PmodRemoteFacts *
pmod_remote_facts_read (const char *text, gsize length, GError **error)
{
  g_autoptr (PmodJsonDocument) document = NULL;
  g_autoptr (PmodRemoteFacts) self = g_new0 (PmodRemoteFacts, 1);
  PmodRemoteKeys keys = { "the server's facts", NULL, NULL };

  document = pmod_json_parse (text, (gssize)length, keys.where, error);
  if (document == NULL)
    return NULL;
  keys.object = pmod_json_root (document);
  read_all (self, &keys);
  if (keys.error == NULL)
    return g_steal_pointer (&self);
  g_propagate_error (error, keys.error);
  return NULL;
}
