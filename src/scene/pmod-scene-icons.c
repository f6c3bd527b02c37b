/* Icons of one style, from the icons.json of its package to sprites. Not here: which icons. */
#include "pmod-scene-private.h"

#include <json-glib/json-glib.h>
#include <librsvg/rsvg.h>
#include <string.h>

/* Larger than a sprite, because the ink is cut out of it. */
#define RENDER_SIZE 160

static double
number_of (JsonObject *icon, JsonObject *set, const char *member, double fallback)
{
  if (icon != NULL && json_object_has_member (icon, member))
    return json_object_get_double_member (icon, member);
  return json_object_get_double_member_with_default (set, member, fallback);
}

static char *
svg_of (JsonObject *icon, JsonObject *set)
{
  double w = number_of (icon, set, "width", 16), h = number_of (icon, set, "height", 16);
  double left = number_of (icon, set, "left", 0), top = number_of (icon, set, "top", 0);
  char numbers[4][G_ASCII_DTOSTR_BUF_SIZE];
  const double values[4] = { left, top, w, h };

  for (int i = 0; i < 4; i++)
    g_ascii_dtostr (numbers[i], sizeof numbers[i], values[i]);
  return g_strdup_printf ("<svg xmlns=\"http://www.w3.org/2000/svg\" "
                          "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"%d\" "
                          "height=\"%d\" viewBox=\"%s %s %s %s\">%s</svg>",
                          RENDER_SIZE, RENDER_SIZE, numbers[0], numbers[1], numbers[2], numbers[3],
                          json_object_get_string_member_with_default (icon, "body", ""));
}

static Sprite *
render (const char *svg, const char *style, const char *name, GError **error)
{
  g_autoptr (GError) why = NULL;
  RsvgHandle *handle;
  const RsvgRectangle whole = { 0, 0, RENDER_SIZE, RENDER_SIZE };
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_ARGB32, RENDER_SIZE, RENDER_SIZE);
  cairo_t *cr = cairo_create (surface);
  Sprite *sprite = NULL;

  handle = rsvg_handle_new_from_data ((const guint8 *)svg, strlen (svg), &why);
  if (handle != NULL && rsvg_handle_render_document (handle, cr, &whole, &why))
    {
      cairo_surface_flush (surface);
      sprite = sprite_new (cairo_image_surface_get_data (surface), RENDER_SIZE, RENDER_SIZE,
                           cairo_image_surface_get_stride (surface));
    }
  if (sprite == NULL)
    g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT, "style %s, icon \"%s\": %s",
                 style, name, why != NULL ? why->message : "expected a drawing, got an empty one");
  g_clear_object (&handle);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return sprite;
}

static JsonObject *
open_set (JsonParser *parser, const char *path, GError **error)
{
  g_autoptr (GError) why = NULL;
  JsonNode *root;
  JsonNode *icons = NULL;

  if (!json_parser_load_from_file (parser, path, &why))
    {
      g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO, "%s: %s", path, why->message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    icons = json_object_get_member (json_node_get_object (root), "icons");
  if (icons == NULL || !JSON_NODE_HOLDS_OBJECT (icons))
    {
      g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                   "%s: expected an object with the object \"icons\"", path);
      return NULL;
    }
  return json_node_get_object (root);
}

gboolean
scene_icons_read (
    PmodSceneArt *art, const char *cache, int style_idx, char **icon_names, GError **error)
{
  const char *style = g_ptr_array_index (art->styles, (guint)style_idx);
  g_autofree char *path = g_build_filename (cache, style, "icons.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  JsonObject *set = open_set (parser, path, error);
  JsonObject *icons;

  if (set == NULL)
    return FALSE;
  icons = json_object_get_object_member (set, "icons");
  for (guint i = 0; i < art->nouns->len; i++)
    {
      Sprite *sprite = NULL;

      if (strcmp (icon_names[i], "-") != 0)
        {
          JsonNode *node = json_object_get_member (icons, icon_names[i]);
          g_autofree char *svg = NULL;

          if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
            {
              g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                           "%s: expected the icon \"%s\", got none", path, icon_names[i]);
              return FALSE;
            }
          svg = svg_of (json_node_get_object (node), set);
          sprite = render (svg, style, icon_names[i], error);
          if (sprite == NULL)
            return FALSE;
        }
      g_ptr_array_add (art->sprites, sprite);
    }
  return TRUE;
}
