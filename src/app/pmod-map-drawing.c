/* See pmod-map-drawing.h. */
#include "config.h"

#include "pmod-map-drawing.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"
#include "pmod-run-origin.h"

#define MARGIN 24
#define MAP_SIDE 720
#define TILE_SIDE 160
#define TILE_GAP 16
#define CAPTION_HEIGHT 36
#define HEADING_HEIGHT 56
#define LEGEND_HEIGHT 36
#define MIN_TEXT_WIDTH 400
#define TITLE_SIZE 19
#define TEXT_SIZE 13
#define SMALL_SIZE 12

/* How much of the picture shows through the colours of the weights. */
#define WEIGHT_ALPHA 0.85

struct _PmodMapPage
{
  PmodRun *run;
  PmodPicture *picture;
  PmodMapKind kind;
  int layer;
  gboolean has_plane;
  PmodRunPlane plane;
  double picture_width; /* shape of the picture; its pixels may be fewer */
  double picture_height;
  int n_cols; /* of the wall */
};

/* --- The page -------------------------------------------------------------------------------- */

static void
find_shape (PmodMapPage *self, int index)
{
  int width = 1, height = 1;

  if (self->picture)
    {
      width = pmod_picture_get_width (self->picture);
      height = pmod_picture_get_height (self->picture);
    }
  else
    pmod_run_get_picture_size (self->run, index, &width, &height);
  self->picture_width = MAX (width, 1);
  self->picture_height = MAX (height, 1);
}

PmodMapPage *
pmod_map_page_new (PmodRun *run, PmodPicture *picture, int plane, int layer, PmodMapKind kind)
{
  return pmod_map_page_new_of (run, 0, picture, plane, layer, kind);
}

PmodMapPage *
pmod_map_page_new_of (
    PmodRun *run, int index, PmodPicture *picture, int plane, int layer, PmodMapKind kind)
{
  PmodMapPage *self = g_new0 (PmodMapPage, 1);
  int n_layers = pmod_run_get_n_layers (run);

  self->run = g_object_ref (run);
  self->picture = picture ? g_object_ref (picture) : NULL;
  self->kind = kind;
  self->layer = CLAMP (layer, -1, n_layers - 1);
  self->has_plane = pmod_run_get_plane (run, index, plane, &self->plane) && self->plane.first >= 0;
  find_shape (self, index);
  /* About as wide as three to two, with at most as many columns as layers. */
  self->n_cols = CLAMP ((int)ceil (sqrt (1.5 * n_layers)), 1, MAX (n_layers, 1));
  return self;
}

void
pmod_map_page_free (PmodMapPage *self)
{
  g_object_unref (self->run);
  g_clear_object (&self->picture);
  g_free (self);
}

/* As large as fits into a square, on whole units; thin pictures keep a unit of the other side. */
static void
fit (const PmodMapPage *self, int side, int *width, int *height)
{
  double scale = side / MAX (self->picture_width, self->picture_height);

  *width = MAX ((int)round (self->picture_width * scale), 1);
  *height = MAX ((int)round (self->picture_height * scale), 1);
}

static int
get_n_rows (const PmodMapPage *self)
{
  return (pmod_run_get_n_layers (self->run) + self->n_cols - 1) / self->n_cols;
}

void
pmod_map_page_get_size (const PmodMapPage *self, int *width, int *height)
{
  int map_width, map_height;

  fit (self, self->layer < 0 ? TILE_SIDE : MAP_SIDE, &map_width, &map_height);
  if (self->layer >= 0)
    {
      *width = 2 * MARGIN + MAX (map_width, MIN_TEXT_WIDTH);
      *height = 2 * MARGIN + HEADING_HEIGHT + map_height + LEGEND_HEIGHT;
      return;
    }
  /* Captions need a width of their own where pictures are thin. */
  map_width = MAX (map_width, TILE_SIDE);
  *width =
      2 * MARGIN + MAX (self->n_cols * map_width + (self->n_cols - 1) * TILE_GAP, MIN_TEXT_WIDTH);
  *height = 2 * MARGIN + HEADING_HEIGHT +
            get_n_rows (self) * (map_height + CAPTION_HEIGHT + TILE_GAP) + LEGEND_HEIGHT;
}

void
pmod_map_page_get_area (const PmodMapPage *self, int layer, graphene_rect_t *area)
{
  int width, height, row, col;

  fit (self, self->layer < 0 ? TILE_SIDE : MAP_SIDE, &width, &height);
  if (self->layer >= 0)
    {
      graphene_rect_init (area, MARGIN, MARGIN + HEADING_HEIGHT, (float)width, (float)height);
      return;
    }
  row = layer / self->n_cols;
  col = layer % self->n_cols;
  graphene_rect_init (area, (float)(MARGIN + col * (MAX (width, TILE_SIDE) + TILE_GAP)),
                      (float)(MARGIN + HEADING_HEIGHT + row * (height + CAPTION_HEIGHT + TILE_GAP)),
                      (float)width, (float)height);
}

/* --- Words ----------------------------------------------------------------------------------- */

static char *
describe_layer (const PmodMapPage *self, int layer)
{
  PmodRunLayer info;

  if (!pmod_run_get_layer (self->run, layer, &info) || !info.ready)
    return g_strdup (_ ("not computed"));
  if (!info.routed)
    return g_strdup_printf (_ ("plain, keeps all %d"), info.n_vision);
  if (info.never_read)
    return g_strdup_printf (_ ("%d of %d \302\267 not learned"), info.n_kept, info.n_vision);
  return g_strdup_printf (_ ("%d of %d \302\267 ratio %.2f"), info.n_kept, info.n_vision,
                          info.ratio);
}

static const char *
get_picture_name (const PmodMapPage *self)
{
  const char *name = self->picture ? pmod_picture_get_name (self->picture) : NULL;

  return name && *name ? name : _ ("Recorded picture");
}

char *
pmod_map_page_dup_title (const PmodMapPage *self)
{
  if (self->layer < 0)
    return g_strdup_printf (_ ("%s \302\267 all %d layers"), get_picture_name (self),
                            pmod_run_get_n_layers (self->run));
  return g_strdup_printf (_ ("%s \302\267 layer %d"), get_picture_name (self), self->layer);
}

static char *
dup_subtitle (const PmodMapPage *self)
{
  PmodModelCard *card = pmod_run_get_model (self->run);
  const char *policy = pmod_run_get_policy_name (self->run);
  g_autofree char *layer = self->layer < 0 ? NULL : describe_layer (self, self->layer);
  g_autoptr (GString) text = g_string_new (NULL);

  if (card && card->name)
    g_string_append_printf (text, _ ("Model %s \302\267 "), card->name);
  g_string_append_printf (text, _ ("policy %s"), policy ? policy : "router");
  if (layer)
    g_string_append_printf (text, " \302\267 %s", layer);
  return g_strdup (text->str);
}

char *
pmod_map_page_dup_description (const PmodMapPage *self)
{
  g_autofree char *subtitle = dup_subtitle (self);
  g_autoptr (GString) text = g_string_new (subtitle);

  for (int l = 0; self->layer < 0 && l < pmod_run_get_n_layers (self->run); l++)
    {
      g_autofree char *layer = describe_layer (self, l);

      g_string_append_printf (text, _ ("\nLayer %d: %s"), l, layer);
    }
  return g_strdup (text->str);
}

/* --- Text ------------------------------------------------------------------------------------ */

/* One line, cut where there is no room. Returns its width. */
static double
draw_text (cairo_t *cr,
           const char *text,
           double x,
           double y,
           double width,
           int size,
           gboolean bold,
           const GdkRGBA *ink)
{
  g_autoptr (PangoLayout) layout = pango_cairo_create_layout (cr);
  PangoFontDescription *font = pango_font_description_from_string ("Cantarell, Sans");
  int text_width, text_height;

  pango_font_description_set_absolute_size (font, size * PANGO_SCALE);
  if (bold)
    pango_font_description_set_weight (font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_text (layout, text, -1);
  pango_layout_get_pixel_size (layout, &text_width, &text_height);
  if (text_width > width)
    {
      pango_layout_set_width (layout, (int)(width * PANGO_SCALE));
      pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
    }
  gdk_cairo_set_source_rgba (cr, ink);
  cairo_move_to (cr, x, y);
  pango_cairo_show_layout (cr, layout);
  return MIN (text_width, width);
}

/* --- One map --------------------------------------------------------------------------------- */

/* Under the colours of weights the picture is grey, so that they are the legend's. */
static guint32
make_pixel (const PmodMapPage *self, const guint8 *rgb)
{
  guint32 gray = (299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2] + 500) / 1000;

  if (self->kind == PMOD_MAP_WEIGHTS)
    return gray << 16 | gray << 8 | gray;
  return (guint32)rgb[0] << 16 | (guint32)rgb[1] << 8 | rgb[2];
}

/* A surface of the picture's pixels; the same one for every map, so that a file holds it once.
 * side: no longer than that. */
static cairo_surface_t *
create_picture (const PmodMapPage *self, int side)
{
  int width, height, stride;
  const guint8 *rgb;
  cairo_surface_t *surface, *small;
  guint8 *data;
  double scale;
  cairo_t *cr;

  rgb = g_bytes_get_data (pmod_picture_get_pixels (self->picture, &width, &height), NULL);
  surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  if (cairo_surface_status (surface) != CAIRO_STATUS_SUCCESS)
    return surface;
  data = cairo_image_surface_get_data (surface);
  stride = cairo_image_surface_get_stride (surface);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      *(guint32 *)(data + (gsize)y * stride + (gsize)x * 4) =
          make_pixel (self, rgb + ((gsize)y * width + x) * 3);
  cairo_surface_mark_dirty (surface);
  scale = (double)side / MAX (width, height);
  if (scale >= 1)
    return surface;
  small = cairo_image_surface_create (CAIRO_FORMAT_RGB24, MAX ((int)round (width * scale), 1),
                                      MAX ((int)round (height * scale), 1));
  cr = cairo_create (small);
  cairo_scale (cr, (double)cairo_image_surface_get_width (small) / width,
               (double)cairo_image_surface_get_height (small) / height);
  cairo_set_source_surface (cr, surface, 0, 0);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return small;
}

static void
draw_picture (cairo_t *cr, cairo_surface_t *picture, const graphene_rect_t *area)
{
  if (!picture)
    {
      gdk_cairo_set_source_rgba (cr, &pmod_palette_get_print ()->paper);
      cairo_paint (cr);
      return;
    }
  cairo_save (cr);
  cairo_translate (cr, area->origin.x, area->origin.y);
  cairo_scale (cr, (double)area->size.width / cairo_image_surface_get_width (picture),
               (double)area->size.height / cairo_image_surface_get_height (picture));
  cairo_set_source_surface (cr, picture, 0, 0);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_restore (cr);
}

static double
place (double from, double to, int i, int n, double start, double length)
{
  return round (2 * (start + (from + (to - from) * i / n) * length)) / 2;
}

static void
get_cell (const PmodMapPage *self, const graphene_rect_t *area, int row, int col, double cell[4])
{
  const PmodRunPlane *plane = &self->plane;
  double left = area->origin.x, top = area->origin.y;
  double width = area->size.width, height = area->size.height;

  cell[0] = place (plane->x0, plane->x1, col, plane->cols, left, width);
  cell[1] = place (plane->y0, plane->y1, row, plane->rows, top, height);
  cell[2] = place (plane->x0, plane->x1, col + 1, plane->cols, left, width) - cell[0];
  cell[3] = place (plane->y0, plane->y1, row + 1, plane->rows, top, height) - cell[1];
}

static int
get_token (const PmodMapPage *self, int row, int col)
{
  return pmod_run_plane_get_token (&self->plane, row, col);
}

static gboolean
is_kept (const PmodMapPage *self, int layer, int row, int col)
{
  return pmod_run_is_kept (self->run, layer, get_token (self, row, col));
}

/* One path, so that no seams are drawn between cells. */
static void
draw_skipped (const PmodMapPage *self, cairo_t *cr, int layer, const graphene_rect_t *area)
{
  for (int row = 0; row < self->plane.rows; row++)
    for (int col = 0; col < self->plane.cols; col++)
      if (!is_kept (self, layer, row, col))
        {
          double cell[4];

          get_cell (self, area, row, col, cell);
          cairo_rectangle (cr, cell[0], cell[1], cell[2], cell[3]);
        }
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get_print ()->dim);
  cairo_fill (cr);
}

/* A line where kept meets skipped, on the skipped side; thin where cells are small. */
static void
draw_edges (const PmodMapPage *self, cairo_t *cr, int layer, const graphene_rect_t *area)
{
  for (int row = 0; row < self->plane.rows; row++)
    for (int col = 0; col < self->plane.cols; col++)
      {
        gboolean kept = is_kept (self, layer, row, col);
        double cell[4], line;

        get_cell (self, area, row, col, cell);
        line = CLAMP (MIN (cell[2], cell[3]) / 12, 0.5, 1);
        if (col + 1 < self->plane.cols && kept != is_kept (self, layer, row, col + 1))
          cairo_rectangle (cr, cell[0] + cell[2] - (kept ? 0 : line), cell[1], line, cell[3]);
        if (row + 1 < self->plane.rows && kept != is_kept (self, layer, row + 1, col))
          cairo_rectangle (cr, cell[0], cell[1] + cell[3] - (kept ? 0 : line), cell[2], line);
      }
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get_print ()->edge);
  cairo_fill (cr);
}

/* As the window's strip of layers colours them. */
static void
draw_weights (const PmodMapPage *self, cairo_t *cr, int layer, const graphene_rect_t *area)
{
  const PmodPalette *palette = pmod_palette_get_print ();
  float low, high;

  pmod_run_get_weight_range (self->run, layer, &low, &high);
  for (int row = 0; row < self->plane.rows; row++)
    for (int col = 0; col < self->plane.cols; col++)
      {
        float weight = pmod_run_get_weight (self->run, layer, get_token (self, row, col));
        double share = high > low ? (weight - low) / (high - low) : 1;
        GdkRGBA color = palette->skipped;
        double cell[4];

        if (is_kept (self, layer, row, col))
          color = pmod_palette_mix (&palette->kept_low, &palette->kept_high, share);
        color.alpha = WEIGHT_ALPHA;
        get_cell (self, area, row, col, cell);
        gdk_cairo_set_source_rgba (cr, &color);
        cairo_rectangle (cr, cell[0], cell[1], cell[2], cell[3]);
        cairo_fill (cr);
      }
}

static void
draw_map (const PmodMapPage *self, cairo_t *cr, int layer, cairo_surface_t *picture)
{
  graphene_rect_t area;
  PmodRunLayer info;
  gboolean ready;

  pmod_map_page_get_area (self, layer, &area);
  ready = pmod_run_get_layer (self->run, layer, &info) && info.ready;
  cairo_save (cr);
  cairo_rectangle (cr, area.origin.x, area.origin.y, area.size.width, area.size.height);
  cairo_clip (cr);
  draw_picture (cr, picture, &area);
  if (!ready)
    {
      gdk_cairo_set_source_rgba (cr, &pmod_palette_get_print ()->pending);
      cairo_paint (cr);
    }
  else if (info.routed && self->has_plane && self->kind == PMOD_MAP_WEIGHTS)
    draw_weights (self, cr, layer, &area);
  else if (info.routed && self->has_plane)
    {
      draw_skipped (self, cr, layer, &area);
      draw_edges (self, cr, layer, &area);
    }
  cairo_restore (cr);
}

/* --- Legend ---------------------------------------------------------------------------------- */

/* A swatch on white, and what it means. Returns where the next one may begin. */
static double
draw_swatch (cairo_t *cr, const GdkRGBA *color, const char *text, double x, double y)
{
  const PmodPrintInks *inks = pmod_palette_get_inks ();

  cairo_rectangle (cr, x, y + 2, 14, 14);
  gdk_cairo_set_source_rgba (cr, color);
  cairo_fill_preserve (cr);
  gdk_cairo_set_source_rgba (cr, &inks->faint);
  cairo_set_line_width (cr, 0.5);
  cairo_stroke (cr);
  return x + 20 + draw_text (cr, text, x + 20, y, 200, SMALL_SIZE, FALSE, &inks->faint) + 18;
}

static void
draw_scale (cairo_t *cr, double x, double y, double width)
{
  const PmodPalette *palette = pmod_palette_get_print ();
  const GdkRGBA *low = &palette->kept_low, *high = &palette->kept_high;
  cairo_pattern_t *pattern = cairo_pattern_create_linear (x, 0, x + width, 0);

  cairo_pattern_add_color_stop_rgb (pattern, 0, low->red, low->green, low->blue);
  cairo_pattern_add_color_stop_rgb (pattern, 1, high->red, high->green, high->blue);
  cairo_rectangle (cr, x, y + 2, width, 14);
  cairo_set_source (cr, pattern);
  cairo_fill (cr);
  cairo_pattern_destroy (pattern);
}

static void
draw_legend (const PmodMapPage *self, cairo_t *cr, double y)
{
  const PmodPalette *palette = pmod_palette_get_print ();
  const PmodPrintInks *inks = pmod_palette_get_inks ();
  g_autofree char *range = NULL;
  double x = MARGIN;
  float low, high;

  if (self->kind == PMOD_MAP_KEPT)
    {
      x = draw_swatch (cr, &palette->dim, _ ("skipped"), x, y);
      draw_swatch (cr, &inks->page, _ ("kept: as bright as the picture"), x, y);
      return;
    }
  x = draw_swatch (cr, &palette->skipped, _ ("skipped"), x, y);
  draw_scale (cr, x, y, 90);
  if (self->layer >= 0)
    {
      pmod_run_get_weight_range (self->run, self->layer, &low, &high);
      range = g_strdup_printf (_ ("kept, weight %.3f to %.3f"), low, high);
    }
  else
    range = g_strdup (_ ("kept, its layer\342\200\231s lowest to highest weight"));
  draw_text (cr, range, x + 98, y, 280, SMALL_SIZE, FALSE, &inks->faint);
}

/* --- The whole page -------------------------------------------------------------------------- */

static void
draw_heading (const PmodMapPage *self, cairo_t *cr, int width)
{
  const PmodPrintInks *inks = pmod_palette_get_inks ();
  g_autofree char *title = pmod_map_page_dup_title (self);
  g_autofree char *subtitle = dup_subtitle (self);

  draw_text (cr, title, MARGIN, MARGIN - 4, width - 2 * MARGIN, TITLE_SIZE, TRUE, &inks->ink);
  draw_text (cr, subtitle, MARGIN, MARGIN + 24, width - 2 * MARGIN, TEXT_SIZE, FALSE, &inks->faint);
}

static void
draw_caption (const PmodMapPage *self, cairo_t *cr, int layer)
{
  const PmodPrintInks *inks = pmod_palette_get_inks ();
  g_autofree char *name = g_strdup_printf (_ ("Layer %d"), layer);
  g_autofree char *text = describe_layer (self, layer);
  graphene_rect_t area;
  double y;

  pmod_map_page_get_area (self, layer, &area);
  y = area.origin.y + area.size.height + 3;
  draw_text (cr, name, area.origin.x, y, TILE_SIDE, SMALL_SIZE, TRUE, &inks->ink);
  draw_text (cr, text, area.origin.x, y + 16, TILE_SIDE, SMALL_SIZE, FALSE, &inks->faint);
}

void
pmod_map_page_draw (const PmodMapPage *self, cairo_t *cr)
{
  cairo_surface_t *picture =
      self->picture ? create_picture (self, self->layer < 0 ? 2 * TILE_SIDE : G_MAXINT) : NULL;
  int width, height;

  pmod_map_page_get_size (self, &width, &height);
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get_inks ()->page);
  cairo_paint (cr);
  draw_heading (self, cr, width);
  if (self->layer >= 0)
    draw_map (self, cr, self->layer, picture);
  for (int l = 0; self->layer < 0 && l < pmod_run_get_n_layers (self->run); l++)
    {
      draw_map (self, cr, l, picture);
      draw_caption (self, cr, l);
    }
  draw_legend (self, cr, height - MARGIN - 20);
  if (picture)
    cairo_surface_destroy (picture);
}
