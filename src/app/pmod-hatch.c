/* See pmod-hatch.h. */
#include "config.h"

#include "pmod-hatch.h"

#include "pmod-palette.h"

#define STEP 12.0
#define WIDTH 1.5

static void
add_lines (cairo_t *cr, PmodHatch hatch, const graphene_rect_t *bounds)
{
  double x = bounds->origin.x, y = bounds->origin.y;
  double w = bounds->size.width, h = bounds->size.height;

  cairo_new_path (cr);
  for (double at = 0; at < w + h; at += STEP)
    {
      double from = hatch == PMOD_HATCH_FIRST ? x + at : x + at - h;

      cairo_move_to (cr, from, y);
      cairo_line_to (cr, hatch == PMOD_HATCH_FIRST ? from - h : from + h, y + h);
    }
}

/* Light lines on dark ones are seen over any picture. */
void
pmod_hatch_fill (cairo_t *cr, PmodHatch hatch, const graphene_rect_t *bounds, gboolean outlined)
{
  static const double dashes[] = { 6, 4 };
  const PmodPalette *palette = pmod_palette_get ();
  const GdkRGBA *color = hatch == PMOD_HATCH_FIRST ? &palette->hatch_first : &palette->hatch_second;
  cairo_path_t *outline = cairo_copy_path (cr);

  cairo_save (cr);
  cairo_clip (cr);
  add_lines (cr, hatch, bounds);
  gdk_cairo_set_source_rgba (cr, &palette->hatch_under);
  cairo_set_line_width (cr, WIDTH + 1.5);
  cairo_stroke_preserve (cr);
  if (hatch == PMOD_HATCH_SECOND)
    cairo_set_dash (cr, dashes, G_N_ELEMENTS (dashes), 0);
  gdk_cairo_set_source_rgba (cr, color);
  cairo_set_line_width (cr, WIDTH);
  cairo_stroke (cr);
  cairo_restore (cr);

  cairo_new_path (cr);
  cairo_append_path (cr, outline);
  cairo_path_destroy (outline);
  gdk_cairo_set_source_rgba (cr, color);
  cairo_set_line_width (cr, 1);
  if (outlined)
    cairo_stroke (cr);
  cairo_new_path (cr);
}
