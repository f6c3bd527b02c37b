/* JSON from a server. json-glib reads it; before that its depth is measured here, because that
 * reader goes down by recursion and a hostile text could take its stack away. */
#include "pmod-hub-private.h"

#include <string.h>

#define MAX_DEPTH 64

static gboolean
is_shallow (const char *text, gsize length)
{
  gboolean in_string = FALSE;
  guint depth = 0;

  for (gsize i = 0; i < length; i++)
    {
      if (in_string && text[i] == '\\')
        i++;
      else if (text[i] == '"')
        in_string = !in_string;
      else if (!in_string && (text[i] == '[' || text[i] == '{') && ++depth > MAX_DEPTH)
        return FALSE;
      else if (!in_string && (text[i] == ']' || text[i] == '}') && depth > 0)
        depth--;
    }
  return TRUE;
}

JsonNode *
pmod_hub_json_parse (GBytes *bytes, const char *what, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local = NULL;
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);
  JsonNode *root;

  if (length == 0 || !g_utf8_validate (text, (gssize)length, NULL) || !is_shallow (text, length) ||
      !json_parser_load_from_data (parser, text, (gssize)length, &local) ||
      (root = json_parser_get_root (parser)) == NULL)
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT, "%s: expected JSON, got %s", what,
                   length == 0 ? "nothing" : "something else");
      return NULL;
    }
  return json_node_ref (root);
}

const char *
pmod_hub_json_string (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

gint64
pmod_hub_json_size (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_INT64 || json_node_get_int (node) < 0)
    return -1;
  return json_node_get_int (node);
}

JsonObject *
pmod_hub_json_object (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}
