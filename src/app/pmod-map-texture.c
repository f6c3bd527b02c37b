/* PmodMapTexture: see pmod-map-texture.h.
 *
 * Pixels are written once each, already blended: the texture has nothing under it but the
 * picture. Lines are one pixel of the widget wide and lie on the side of what is skipped, so that
 * a kept part is seen whole. */
#include "config.h"

#include "pmod-map-texture.h"

#include <math.h>

#include "pmod-palette.h"
#include "pmod-run-weights.h"

#define N_SHADES 256 /* of the ramp; more than an eye tells apart */

typedef struct
{
  guint32 *pixels; /* as pmod_palette_to_pixel() makes them */
  int width;
  int height;
  int line; /* width of a line */
} Canvas;

typedef struct
{
  int x0, y0, x1, y1;
} Box;

/* --- Geometry -------------------------------------------------------------------------------- */

static int
place (double from, double to, int i, int n, double start, double length, int scale)
{
  return (int)round ((start + (from + (to - from) * i / n) * length) * scale);
}

static Box
get_box (const PmodRunPlane *grid, const graphene_rect_t *area, int scale, int row, int col)
{
  double x = area->origin.x, y = area->origin.y;
  double w = area->size.width, h = area->size.height;

  return (Box){ place (grid->x0, grid->x1, col, grid->cols, x, w, scale),
                place (grid->y0, grid->y1, row, grid->rows, y, h, scale),
                place (grid->x0, grid->x1, col + 1, grid->cols, x, w, scale),
                place (grid->y0, grid->y1, row + 1, grid->rows, y, h, scale) };
}

void
pmod_map_get_cell (const PmodRunPlane *grid,
                   const graphene_rect_t *area,
                   int scale,
                   int cell,
                   graphene_rect_t *bounds)
{
  Box box = get_box (grid, area, scale, cell / grid->cols, cell % grid->cols);

  graphene_rect_init (bounds, (float)box.x0 / (float)scale, (float)box.y0 / (float)scale,
                      (float)(box.x1 - box.x0) / (float)scale,
                      (float)(box.y1 - box.y0) / (float)scale);
}

/* --- Pixels ---------------------------------------------------------------------------------- */

/* What is seen where one colour lies over another, both over the picture. */
static GdkRGBA
blend (const GdkRGBA *over, const GdkRGBA *under)
{
  float a = over->alpha + under->alpha * (1 - over->alpha);
  float share = a > 0 ? over->alpha / a : 0;

  return (GdkRGBA){ over->red * share + under->red * (1 - share),
                    over->green * share + under->green * (1 - share),
                    over->blue * share + under->blue * (1 - share), a };
}

static void
fill (Canvas *canvas, Box box, guint32 pixel)
{
  box.x0 = CLAMP (box.x0, 0, canvas->width);
  box.x1 = CLAMP (box.x1, 0, canvas->width);
  box.y0 = CLAMP (box.y0, 0, canvas->height);
  box.y1 = CLAMP (box.y1, 0, canvas->height);
  for (int y = box.y0; y < box.y1; y++)
    for (int x = box.x0; x < box.x1; x++)
      canvas->pixels[(gsize)y * canvas->width + x] = pixel;
}

/* --- What is drawn --------------------------------------------------------------------------- */

static int
get_token (const PmodMap *map, int row, int col)
{
  return pmod_run_plane_get_token (&map->grid, row, col);
}

static gboolean
is_kept (const PmodMap *map, int row, int col)
{
  return pmod_run_is_kept (map->run, map->layer, get_token (map, row, col));
}

static double
get_share (const PmodMap *map, int row, int col)
{
  int token = get_token (map, row, col);
  int n_routed, n_kept;

  if (map->view == PMOD_VIEW_WEIGHTS)
    return pmod_run_get_weight_share (map->run, map->layer, token);
  n_kept = pmod_run_count_kept (map->run, token, &n_routed);
  return n_routed > 0 ? (double)n_kept / n_routed : 1;
}

static void
draw_cells (Canvas *canvas, const PmodMap *map, const graphene_rect_t *area, int scale)
{
  guint32 shades[N_SHADES];
  guint32 dim = pmod_palette_to_pixel (&pmod_palette_get ()->dim);

  for (int i = 0; i < N_SHADES; i++)
    {
      GdkRGBA color = pmod_palette_get_ramp ((double)i / (N_SHADES - 1));

      shades[i] = pmod_palette_to_pixel (&color);
    }
  for (int row = 0; row < map->grid.rows; row++)
    for (int col = 0; col < map->grid.cols; col++)
      {
        Box box = get_box (&map->grid, area, scale, row, col);

        if (map->view != PMOD_VIEW_MASK)
          fill (canvas, box, shades[(int)(get_share (map, row, col) * (N_SHADES - 1) + 0.5)]);
        else if (!is_kept (map, row, col))
          fill (canvas, box, dim);
      }
}

/* The line between two neighbours, of which the one before (left of, above) is kept or not. */
static void
draw_border (Canvas *canvas, Box box, gboolean vertical, gboolean kept, const guint32 pixels[2])
{
  int line = canvas->line;

  for (int side = 0; side < 2; side++)
    {
      gboolean before = (side == 0) != kept; /* side 0 is the skipped one's */
      Box where = box;

      if (pixels[side] == 0)
        continue;
      if (vertical)
        {
          where.x0 = before ? box.x1 - line : box.x1;
          where.x1 = where.x0 + line;
        }
      else
        {
          where.y0 = before ? box.y1 - line : box.y1;
          where.y1 = where.y0 + line;
        }
      fill (canvas, where, pixels[side]);
    }
}

/* A line where kept meets skipped: the map is read by shape too. Over a ramp that goes from dark to
 * light a second, dark line makes it stand out. */
static void
draw_borders (Canvas *canvas, const PmodMap *map, const graphene_rect_t *area, int scale)
{
  const PmodPalette *palette = pmod_palette_get ();
  GdkRGBA edge =
      map->view == PMOD_VIEW_MASK ? blend (&palette->edge, &palette->dim) : palette->outline_light;
  guint32 pixels[2] = { pmod_palette_to_pixel (&edge),
                        map->view == PMOD_VIEW_MASK
                            ? 0
                            : pmod_palette_to_pixel (&palette->outline_dark) };

  for (int row = 0; row < map->grid.rows; row++)
    for (int col = 0; col < map->grid.cols; col++)
      {
        Box box = get_box (&map->grid, area, scale, row, col);
        gboolean kept = is_kept (map, row, col);

        if (col + 1 < map->grid.cols && kept != is_kept (map, row, col + 1))
          draw_border (canvas, box, TRUE, kept, pixels);
        if (row + 1 < map->grid.rows && kept != is_kept (map, row + 1, col))
          draw_border (canvas, box, FALSE, kept, pixels);
      }
}

GdkTexture *
pmod_map_texture_new (const PmodMap *map,
                      const graphene_rect_t *area,
                      const graphene_rect_t *frame,
                      int scale)
{
  Canvas canvas = { NULL, (int)round (frame->size.width * (float)scale),
                    (int)round (frame->size.height * (float)scale), scale };
  graphene_rect_t inside = *area;
  gsize size = (gsize)canvas.width * canvas.height * sizeof *canvas.pixels;
  g_autoptr (GBytes) bytes = NULL;

  canvas.pixels = g_malloc0 (size);
  graphene_rect_offset (&inside, -frame->origin.x, -frame->origin.y);
  draw_cells (&canvas, map, &inside, scale);
  if (map->view != PMOD_VIEW_DEPTH)
    draw_borders (&canvas, map, &inside, scale);
  bytes = g_bytes_new_take (canvas.pixels, size);
  return gdk_memory_texture_new (canvas.width, canvas.height, PMOD_PALETTE_PIXELS, bytes,
                                 (gsize)canvas.width * sizeof *canvas.pixels);
}
