/* Export and import of conversations. See pmod-store-exchange.h. */
#include "config.h"

#include "pmod-store-exchange.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "pmod-engine.h"

#define SCHEMA 1

static const char *const role_names[] = { "user", "assistant", "system" };

/* By PmodStoreState; growing is written as partial. */
static const char *const state_names[] = { "complete", "partial", "partial", "stopped", "failed" };

/* --- Export ---------------------------------------------------------------------------------- */

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  if (value)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_bytes (JsonBuilder *builder, const char *name, GBytes *bytes)
{
  gsize size = 0;
  gconstpointer data = bytes ? g_bytes_get_data (bytes, &size) : NULL;
  g_autofree char *text = bytes ? g_base64_encode (data, size) : NULL;

  add_string (builder, name, text);
}

/* Places stand for ids, which differ from store to store. */
static void
add_place (JsonBuilder *builder, const char *name, GPtrArray *messages, gint64 id)
{
  json_builder_set_member_name (builder, name);
  for (guint i = 0; i < messages->len; i++)
    if (((PmodStoreMessage *)messages->pdata[i])->id == id)
      {
        json_builder_add_int_value (builder, i);
        return;
      }
  json_builder_add_null_value (builder);
}

static gboolean
add_picture (JsonBuilder *builder, PmodStoreDb *db, const char *hash, GError **error)
{
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = pmod_store_db_get_picture (db, hash, &name, error);

  if (!bytes)
    return FALSE;
  json_builder_begin_object (builder);
  add_string (builder, "hash", hash);
  add_string (builder, "name", name);
  add_bytes (builder, "bytes", bytes);
  json_builder_end_object (builder);
  return TRUE;
}

/* Each once, in the order in which messages show them. */
static gboolean
add_pictures (JsonBuilder *builder, PmodStoreDb *db, GPtrArray *messages, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  json_builder_set_member_name (builder, "pictures");
  json_builder_begin_array (builder);
  for (guint i = 0; i < messages->len; i++)
    {
      char **hashes = ((PmodStoreMessage *)messages->pdata[i])->pictures;

      for (int j = 0; hashes[j]; j++)
        if (g_hash_table_add (seen, hashes[j]) && !add_picture (builder, db, hashes[j], error))
          return FALSE;
    }
  json_builder_end_array (builder);
  return TRUE;
}

static gboolean
add_message (JsonBuilder *builder,
             PmodStoreDb *db,
             GPtrArray *messages,
             PmodStoreMessage *message,
             GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) trace = pmod_store_db_get_trace (db, message->id, &local);

  if (local)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  json_builder_begin_object (builder);
  add_place (builder, "parent", messages, message->parent);
  add_string (builder, "role", role_names[message->role]);
  add_string (builder, "state", state_names[message->state]);
  add_int (builder, "created_us", message->created_us);
  add_string (builder, "text", message->text);
  add_string (builder, "model", message->model);
  add_string (builder, "settings", message->settings);
  add_string (builder, "error", message->error);
  json_builder_set_member_name (builder, "pictures");
  json_builder_begin_array (builder);
  for (int i = 0; message->pictures[i]; i++)
    json_builder_add_string_value (builder, message->pictures[i]);
  json_builder_end_array (builder);
  add_bytes (builder, "trace", trace);
  json_builder_end_object (builder);
  return TRUE;
}

static char *
to_text (JsonBuilder *builder)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = NULL;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

char *
pmod_store_export_json (PmodStoreDb *db, gint64 id, GError **error)
{
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, id, error);
  g_autoptr (GPtrArray) messages =
      conversation ? pmod_store_db_list_messages (db, id, error) : NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!messages)
    return NULL;
  json_builder_begin_object (builder);
  add_int (builder, "strata_conversation", SCHEMA);
  add_string (builder, "uuid", conversation->uuid);
  add_string (builder, "title", conversation->title);
  if (conversation->system)
    add_string (builder, "system", conversation->system);
  if (conversation->folder_name)
    add_string (builder, "folder", conversation->folder_name);
  add_int (builder, "created_us", conversation->created_us);
  add_place (builder, "leaf", messages, conversation->leaf);
  if (!add_pictures (builder, db, messages, error))
    return NULL;
  json_builder_set_member_name (builder, "messages");
  json_builder_begin_array (builder);
  for (guint i = 0; i < messages->len; i++)
    if (!add_message (builder, db, messages, messages->pdata[i], error))
      return NULL;
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return to_text (builder);
}

static PmodStoreMessage *
find_message (GPtrArray *messages, gint64 id)
{
  for (guint i = 0; i < messages->len; i++)
    if (((PmodStoreMessage *)messages->pdata[i])->id == id)
      return messages->pdata[i];
  return NULL;
}

/* A question is quoted, so that its own marks do not mix with ours. */
static void
append_markdown (GString *text, PmodStoreDb *db, PmodStoreMessage *message)
{
  g_auto (GStrv) lines = g_strsplit (message->text, "\n", -1);

  for (int i = 0; message->pictures[i]; i++)
    {
      g_autofree char *name = NULL;
      g_autoptr (GBytes) bytes = pmod_store_db_get_picture (db, message->pictures[i], &name, NULL);

      g_string_append_printf (text, "*%s*\n\n", bytes ? name : message->pictures[i]);
    }
  for (int i = 0; lines[i]; i++)
    g_string_append_printf (text, "%s%s\n", message->role == PMOD_STORE_ASSISTANT ? "" : "> ",
                            lines[i]);
  if (message->state != PMOD_STORE_COMPLETE)
    g_string_append_printf (text, "\n*(%s)*\n", state_names[message->state]);
  g_string_append_c (text, '\n');
}

char *
pmod_store_export_markdown (PmodStoreDb *db, gint64 id, GError **error)
{
  g_autoptr (PmodStoreConversation) conversation = pmod_store_db_get (db, id, error);
  g_autoptr (GPtrArray) messages =
      conversation ? pmod_store_db_list_messages (db, id, error) : NULL;
  g_autoptr (GPtrArray) branch = g_ptr_array_new ();
  GString *text;

  if (!messages)
    return NULL;
  for (PmodStoreMessage *message = find_message (messages, conversation->leaf); message;
       message = find_message (messages, message->parent))
    g_ptr_array_insert (branch, 0, message);
  text = g_string_new (NULL);
  g_strdelimit (conversation->title, "\n\r", ' ');
  g_string_append_printf (text, "# %s\n\n", conversation->title);
  for (guint i = 0; i < branch->len; i++)
    append_markdown (text, db, branch->pdata[i]);
  return g_string_free (text, FALSE);
}

/* --- Import ---------------------------------------------------------------------------------- */

static gboolean
refuse (GError **error, const char *where, const char *expected)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "conversation: %s: expected %s", where,
               expected);
  return FALSE;
}

/* (nullable) says whether null is as good. */
static gboolean
read_string (JsonObject *object,
             const char *where,
             const char *name,
             gboolean nullable,
             char **value,
             GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  g_autofree char *place = g_strdup_printf ("%s \"%s\"", where, name);

  if (node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    *value = g_strdup (json_node_get_string (node));
  else if (!nullable || !node || !JSON_NODE_HOLDS_NULL (node))
    return refuse (error, place, nullable ? "text or null" : "text");
  return TRUE;
}

static gboolean
read_int (JsonObject *object, const char *where, const char *name, gint64 *value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  g_autofree char *place = g_strdup_printf ("%s \"%s\"", where, name);

  if (!node || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return refuse (error, place, "a whole number");
  *value = json_node_get_int (node);
  return TRUE;
}

/* As pmod_store_db_add_whole() counts: from 1, 0 for null. */
static gboolean
read_place (JsonObject *object,
            const char *where,
            const char *name,
            guint n_places,
            gint64 *value,
            GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  g_autofree char *place = g_strdup_printf ("%s \"%s\"", where, name);

  *value = 0;
  if (node && JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!read_int (object, where, name, value, error))
    return FALSE;
  if (*value < 0 || *value >= n_places)
    return refuse (error, place, "the place of an earlier message, or null");
  ++*value;
  return TRUE;
}

static gboolean
read_bytes (JsonObject *object,
            const char *where,
            const char *name,
            gboolean nullable,
            GBytes **bytes,
            GError **error)
{
  g_autofree char *text = NULL;
  guchar *data;
  gsize size;

  if (!read_string (object, where, name, nullable, &text, error))
    return FALSE;
  if (!text)
    return TRUE;
  data = g_base64_decode (text, &size);
  *bytes = g_bytes_new_take (data, size);
  return TRUE;
}

static gboolean
read_name (JsonObject *object,
           const char *where,
           const char *name,
           const char *const *names,
           guint n_names,
           int *value,
           GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *place = g_strdup_printf ("%s \"%s\"", where, name);
  g_autofree char *expected = NULL;

  if (!read_string (object, where, name, FALSE, &text, error))
    return FALSE;
  /* From the end: "partial" is PMOD_STORE_PARTIAL. */
  for (int i = (int)n_names - 1; i >= 0; i--)
    if (g_str_equal (text, names[i]))
      {
        *value = i;
        return TRUE;
      }
  expected = g_strdup_printf ("\"%s\" or its like", names[0]);
  return refuse (error, place, expected);
}

static JsonArray *
get_array (JsonObject *object, const char *where, const char *name, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  g_autofree char *place = g_strdup_printf ("%s \"%s\"", where, name);

  if (node && JSON_NODE_HOLDS_ARRAY (node))
    return json_node_get_array (node);
  refuse (error, place, "a list");
  return NULL;
}

static JsonObject *
get_object (JsonArray *array, guint i, const char *where, GError **error)
{
  JsonNode *node = json_array_get_element (array, i);

  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  refuse (error, where, "an object");
  return NULL;
}

static GPtrArray *
read_pictures (JsonObject *root, GError **error)
{
  g_autoptr (GPtrArray) pictures =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_picture_free);
  JsonArray *array = get_array (root, "the file's", "pictures", error);

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      g_autofree char *where = g_strdup_printf ("picture %u's", i);
      g_autofree char *sum = NULL;
      JsonObject *object = get_object (array, i, where, error);
      PmodStorePicture *picture = g_new0 (PmodStorePicture, 1);

      g_ptr_array_add (pictures, picture);
      if (!object || !read_string (object, where, "hash", FALSE, &picture->hash, error) ||
          !read_string (object, where, "name", FALSE, &picture->name, error) ||
          !read_bytes (object, where, "bytes", FALSE, &picture->bytes, error))
        return NULL;
      sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, picture->bytes);
      if (!g_str_equal (sum, picture->hash))
        {
          refuse (error, where, "bytes whose SHA-256 is the hash");
          return NULL;
        }
    }
  return array ? g_steal_pointer (&pictures) : NULL;
}

static gboolean
has_picture (GPtrArray *pictures, const char *hash)
{
  for (guint i = 0; i < pictures->len; i++)
    if (g_str_equal (((PmodStorePicture *)pictures->pdata[i])->hash, hash))
      return TRUE;
  return FALSE;
}

static gboolean
read_shown (JsonObject *object,
            const char *where,
            GPtrArray *pictures,
            PmodStoreMessage *message,
            GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonArray *array = get_array (object, where, "pictures", error);

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      const char *hash = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

      if (!hash || !has_picture (pictures, hash))
        return refuse (error, where, "hashes of the file's pictures");
      g_strv_builder_add (builder, hash);
    }
  message->pictures = g_strv_builder_end (builder);
  return array != NULL;
}

/* The records must be readable before they are kept. */
static gboolean
read_trace (JsonObject *object, const char *where, PmodStoreMessage *message, GError **error)
{
  g_autoptr (GBytes) records = NULL;

  if (!read_bytes (object, where, "trace", TRUE, &message->trace, error))
    return FALSE;
  if (!message->trace)
    return TRUE;
  records = pmod_trace_unpack (message->trace, error);
  if (!records)
    g_prefix_error (error, "conversation: %s \"trace\": ", where);
  return records != NULL;
}

static gboolean
read_message (JsonObject *object,
              const char *where,
              guint place,
              GPtrArray *pictures,
              PmodStoreMessage *message,
              GError **error)
{
  int role = 0, state = 0;

  if (!read_place (object, where, "parent", place, &message->parent, error) ||
      !read_name (object, where, "role", role_names, G_N_ELEMENTS (role_names), &role, error) ||
      !read_name (object, where, "state", state_names, G_N_ELEMENTS (state_names), &state, error) ||
      !read_int (object, where, "created_us", &message->created_us, error) ||
      !read_string (object, where, "text", FALSE, &message->text, error) ||
      !read_string (object, where, "model", TRUE, &message->model, error) ||
      !read_string (object, where, "settings", TRUE, &message->settings, error) ||
      !read_string (object, where, "error", TRUE, &message->error, error) ||
      !read_shown (object, where, pictures, message, error) ||
      !read_trace (object, where, message, error))
    return FALSE;
  message->role = (PmodStoreRole)role;
  message->state = (PmodStoreState)state;
  return TRUE;
}

static GPtrArray *
read_messages (JsonObject *root, GPtrArray *pictures, GError **error)
{
  g_autoptr (GPtrArray) messages =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_message_free);
  JsonArray *array = get_array (root, "the file's", "messages", error);

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      g_autofree char *where = g_strdup_printf ("message %u's", i);
      JsonObject *object = get_object (array, i, where, error);
      PmodStoreMessage *message = g_new0 (PmodStoreMessage, 1);

      g_ptr_array_add (messages, message);
      if (!object || !read_message (object, where, i, pictures, message, error))
        return NULL;
    }
  return array ? g_steal_pointer (&messages) : NULL;
}

static JsonObject *
check_root (JsonParser *parser, GError **error)
{
  JsonNode *node = json_parser_get_root (parser);
  JsonObject *root = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  gint64 schema;

  if (!root || !json_object_has_member (root, "strata_conversation"))
    {
      refuse (error, "the file", "one that Strata has exported");
      return NULL;
    }
  if (!read_int (root, "the file's", "strata_conversation", &schema, error))
    return NULL;
  if (schema == SCHEMA)
    return root;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "conversation: expected schema %d, got %" G_GINT64_FORMAT, SCHEMA, schema);
  return NULL;
}

gboolean
pmod_store_import_json (
    PmodStoreDb *db, const char *text, gssize length, gint64 *id, GError **error)
{
  /* Strict where json-glib is not: nesting that would fill the stack, members that stand twice. */
  g_autoptr (PmodJsonDocument) strict = pmod_json_parse (text, length, "conversation", error);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (PmodStoreConversation) conversation = g_new0 (PmodStoreConversation, 1);
  g_autoptr (GPtrArray) pictures = NULL, messages = NULL;
  JsonObject *root;

  if (!strict || !json_parser_load_from_data (parser, text, length, error))
    return FALSE;
  root = check_root (parser, error);
  if (!root || !read_string (root, "the file's", "uuid", FALSE, &conversation->uuid, error) ||
      !read_string (root, "the file's", "title", FALSE, &conversation->title, error) ||
      !read_int (root, "the file's", "created_us", &conversation->created_us, error) ||
      (json_object_has_member (root, "folder") &&
       !read_string (root, "the file's", "folder", FALSE, &conversation->folder_name, error)))
    return FALSE;
  if (json_object_has_member (root, "system") &&
      !read_string (root, "the file's", "system", FALSE, &conversation->system, error))
    return FALSE;
  if (!g_uuid_string_is_valid (conversation->uuid))
    return refuse (error, "the file's \"uuid\"", "a UUID");
  pictures = read_pictures (root, error);
  messages = pictures ? read_messages (root, pictures, error) : NULL;
  if (!messages ||
      !read_place (root, "the file's", "leaf", messages->len, &conversation->leaf, error) ||
      !pmod_store_db_add_whole (db, conversation, messages, pictures, error))
    return FALSE;
  *id = conversation->id;
  return TRUE;
}
