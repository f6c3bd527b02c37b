/* The library's own drawings: shapes and characters, as white stencils. They are drawn once, so
 * that making a scene needs neither Cairo nor Pango and is the same on every thread. */
#include "pmod-scene-private.h"

#include <math.h>
#include <pango/pangocairo.h>

#define DRAW_SIZE 160

/* Those that a machine lacks are left out: what is drawn then differs between machines. */
static const char *const font_names[FONT_COUNT] = {
  "DejaVu Sans",      "DejaVu Sans Bold",      "DejaVu Serif", "DejaVu Serif Bold",
  "DejaVu Sans Mono", "DejaVu Sans Mono Bold", "Cantarell",    "Cantarell Bold",
};

static void
trace_polygon (cairo_t *cr, const double (*points)[2], int n)
{
  for (int i = 0; i < n; i++)
    cairo_line_to (cr, points[i][0], points[i][1]);
  cairo_close_path (cr);
}

static void
trace_star (cairo_t *cr)
{
  for (int i = 0; i < 10; i++)
    {
      double radius = i % 2 ? 0.2 : 0.5, angle = G_PI * i / 5;

      cairo_line_to (cr, 0.5 + radius * sin (angle), 0.5 - radius * cos (angle));
    }
  cairo_close_path (cr);
}

static void
trace_heart (cairo_t *cr)
{
  cairo_move_to (cr, 0.5, 0.95);
  cairo_curve_to (cr, 0.2, 0.72, 0, 0.55, 0, 0.32);
  cairo_curve_to (cr, 0, 0.02, 0.4, 0, 0.5, 0.26);
  cairo_curve_to (cr, 0.6, 0, 1, 0.02, 1, 0.32);
  cairo_curve_to (cr, 1, 0.55, 0.8, 0.72, 0.5, 0.95);
}

/* In the order of the names of shapes. */
static void
trace_shape (cairo_t *cr, int shape)
{
  static const double triangle[][2] = { { 0.5, 0.05 }, { 1, 0.95 }, { 0, 0.95 } };
  static const double diamond[][2] = { { 0.5, 0 }, { 0.86, 0.5 }, { 0.5, 1 }, { 0.14, 0.5 } };

  switch (shape)
    {
    case 0:
      cairo_arc (cr, 0.5, 0.5, 0.5, 0, 2 * G_PI);
      break;
    case 1:
      cairo_rectangle (cr, 0.04, 0.04, 0.92, 0.92);
      break;
    case 2:
      trace_polygon (cr, triangle, 3);
      break;
    case 3:
      trace_star (cr);
      break;
    case 4:
      trace_heart (cr);
      break;
    case 5:
      trace_polygon (cr, diamond, 4);
      break;
    case 6:
      cairo_rectangle (cr, 0.34, 0, 0.32, 1);
      cairo_rectangle (cr, 0, 0.34, 1, 0.32);
      break;
    default:
      cairo_arc (cr, 0.5, 0.5, 0.5, 0, 2 * G_PI);
      cairo_new_sub_path (cr);
      cairo_arc_negative (cr, 0.5, 0.5, 0.26, 2 * G_PI, 0);
    }
}

static Sprite *
finish (cairo_t *cr)
{
  cairo_surface_t *surface = cairo_get_target (cr);
  Sprite *sprite;

  cairo_surface_flush (surface);
  sprite = sprite_new (cairo_image_surface_get_data (surface), DRAW_SIZE, DRAW_SIZE,
                       cairo_image_surface_get_stride (surface));
  cairo_destroy (cr);
  return sprite;
}

static cairo_t *
begin (void)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, DRAW_SIZE, DRAW_SIZE);
  cairo_t *cr = cairo_create (surface);

  cairo_surface_destroy (surface);
  cairo_set_source_rgb (cr, 1, 1, 1);
  return cr;
}

static Sprite *
draw_shape (int shape)
{
  cairo_t *cr = begin ();

  cairo_scale (cr, DRAW_SIZE, DRAW_SIZE);
  trace_shape (cr, shape);
  cairo_fill (cr);
  return finish (cr);
}

static Sprite *
draw_character (PangoContext *context, const PangoFontDescription *font, int character)
{
  PangoLayout *layout = pango_layout_new (context);
  cairo_t *cr = begin ();
  const char text[2] = { scene_character (character), '\0' };

  pango_layout_set_font_description (layout, font);
  pango_layout_set_text (layout, text, 1);
  cairo_move_to (cr, 20, 0);
  pango_cairo_show_layout (cr, layout);
  g_object_unref (layout);
  return finish (cr);
}

/* FALSE where the font map would put another family in the font's place. */
static gboolean
has_font (PangoContext *context, const PangoFontDescription *font)
{
  PangoFont *found = pango_context_load_font (context, font);
  PangoFontDescription *description;
  gboolean same;

  if (found == NULL)
    return FALSE;
  description = pango_font_describe (found);
  same = g_strcmp0 (pango_font_description_get_family (description),
                    pango_font_description_get_family (font)) == 0;
  pango_font_description_free (description);
  g_object_unref (found);
  return same;
}

void
scene_glyphs_draw (PmodSceneArt *art)
{
  PangoFontMap *map = pango_cairo_font_map_new ();
  PangoContext *context = pango_font_map_create_context (map);

  for (int shape = 0; shape < PMOD_SCENE_N_SHAPES; shape++)
    art->shapes[shape] = draw_shape (shape);
  for (int i = 0; i <= FONT_COUNT && (i < FONT_COUNT || art->n_fonts == 0); i++)
    {
      PangoFontDescription *font =
          pango_font_description_from_string (i < FONT_COUNT ? font_names[i] : "Sans");

      pango_font_description_set_absolute_size (font, 100 * PANGO_SCALE);
      if (i == FONT_COUNT || has_font (context, font))
        {
          for (int c = 0; c < PMOD_SCENE_N_CHARACTERS; c++)
            art->glyphs[art->n_fonts][c] = draw_character (context, font, c);
          art->n_fonts++;
        }
      pango_font_description_free (font);
    }
  g_object_unref (context);
  g_object_unref (map);
}
