/* From a picture to what the vision tower reads, and the map from its features to tokens.
 *
 * Three modes: pad (one tile, the picture centred on a square of the mean colour), square (one
 * tile, the centre of the picture) and anyres (the whole picture squeezed into one tile, then a
 * grid of tiles over the picture on black). The layout depends on the picture's size alone.
 *
 * Sizes are computed in double and truncated where the reference does so: off by one ulp is off by
 * a whole row of tokens. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-image-private.h"

/* An anyres picture on its grid, all in pixels of the grid or in cells of the map. */
typedef struct
{
  int grid_width; /* the chosen pinpoint */
  int grid_height;
  int width; /* of the resized picture, */
  int height;
  int x; /* which is pasted here */
  int y;
  int map_cols; /* cells of the whole grid */
  int map_rows;
  int first_col; /* cells left after unpad */
  int first_row;
  int cols;
  int rows;
} Anyres;

void
pmod_pixels_best_resolution (
    const PmodConfig *config, int width, int height, int *best_width, int *best_height)
{
  gint64 best_effective = 0;
  gint64 best_wasted = G_MAXINT64;
  *best_width = 0;
  *best_height = 0;
  for (int i = 0; i < config->n_pinpoints; i++)
    {
      int w = config->pinpoints[i][0];
      int h = config->pinpoints[i][1];
      double scale = MIN ((double)w / width, (double)h / height);
      gint64 scaled = (gint64)(width * scale) * (gint64)(height * scale);
      gint64 effective = MIN (scaled, (gint64)width * height);
      gint64 wasted = (gint64)w * h - effective;
      if (effective > best_effective || (effective == best_effective && wasted < best_wasted))
        {
          best_effective = effective;
          best_wasted = wasted;
          *best_width = w;
          *best_height = h;
        }
    }
}

/* Source: resize_and_pad_image. */
static void
fit_into_grid (Anyres *self, int width, int height)
{
  double scale_w = (double)self->grid_width / width;
  double scale_h = (double)self->grid_height / height;
  if (scale_w < scale_h)
    {
      self->width = self->grid_width;
      self->height = (int)MIN (ceil (height * scale_w), self->grid_height);
    }
  else
    {
      self->height = self->grid_height;
      self->width = (int)MIN (ceil (width * scale_h), self->grid_width);
    }
  self->x = (self->grid_width - self->width) / 2;
  self->y = (self->grid_height - self->height) / 2;
}

/* Source: unpad_image. Rounds down where the resizing rounds up, so that a border of the picture
 * can be lost: kept, for the checkpoints were trained like that. */
static void
unpad (Anyres *self, int width, int height)
{
  self->first_row = self->first_col = 0;
  if ((double)width / height > (double)self->map_cols / self->map_rows)
    {
      double scale = (double)self->map_cols / width;
      self->first_row = (self->map_rows - (int)(height * scale)) / 2;
    }
  else
    {
      double scale = (double)self->map_rows / height;
      self->first_col = (self->map_cols - (int)(width * scale)) / 2;
    }
  self->rows = self->map_rows - 2 * self->first_row;
  self->cols = self->map_cols - 2 * self->first_col;
}

static gboolean
anyres_init (Anyres *self, int width, int height, const PmodConfig *config, GError **error)
{
  int tile = config->vision.image_size;
  int side = tile / config->vision.patch_size;
  if (!config->unpad)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "config.json mm_patch_merge_type: expected \"spatial_unpad\" with "
                   "image_aspect_ratio \"anyres\", got another, for which the reference defines "
                   "no order of tokens");
      return FALSE;
    }
  pmod_pixels_best_resolution (config, width, height, &self->grid_width, &self->grid_height);
  if (self->grid_width < tile || self->grid_width % tile != 0 || self->grid_height < tile ||
      self->grid_height % tile != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "config.json image_grid_pinpoints: expected multiples of the tile's %d pixels, "
                   "got %d x %d",
                   tile, self->grid_width, self->grid_height);
      return FALSE;
    }
  if ((gint64)self->grid_width * self->grid_height > PMOD_IMAGE_MAX_PIXELS)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "config.json image_grid_pinpoints: expected at most %d pixels, got %d x %d",
                   PMOD_IMAGE_MAX_PIXELS, self->grid_width, self->grid_height);
      return FALSE;
    }
  fit_into_grid (self, width, height);
  self->map_cols = self->grid_width / tile * side;
  self->map_rows = self->grid_height / tile * side;
  unpad (self, width, height);
  return TRUE;
}

/* Python's h // times for positive floats. */
static int
floor_divide (int dividend, double divisor)
{
  double rest = fmod (dividend, divisor);
  double quotient = (dividend - rest) / divisor;
  double whole = floor (quotient);
  return (int)(quotient - whole > 0.5 ? whole + 1 : whole);
}

/* Features lie tile after tile: the row of cell (row, col) of the whole grid's map. */
static gint32
feature_row (const Anyres *self, int row, int col, int side, int grid_cols)
{
  int tile = 1 + row / side * grid_cols + col / side;
  return tile * side * side + row % side * side + col % side;
}

/* Fills merge from the first token behind the thumbnail on. */
static void
merge_map (PmodPixels *self, const Anyres *anyres, int side)
{
  const PmodPlane *plane = &self->planes[1];
  gint32 *to = self->merge + side * side;
  for (int row = 0; row < plane->rows; row++)
    {
      for (int col = 0; col < plane->cols; col++)
        if (self->resample_merge != NULL)
          *to++ = side * side + row * plane->cols + col;
        else
          *to++ = feature_row (anyres, anyres->first_row + row, anyres->first_col + col, side,
                               self->grid_cols);
      *to++ = -1;
    }
}

static void
shrink_map (PmodPixels *self, const Anyres *anyres, int max_num_patches, int side)
{
  PmodPlane *plane = &self->planes[1];
  if (max_num_patches == 0)
    return;
  double times = sqrt ((double)plane->rows * plane->cols / ((double)max_num_patches * side * side));
  if (times <= 1.01)
    return;

  self->resample_rows = plane->rows;
  self->resample_cols = plane->cols;
  self->resample_merge = g_new (gint32, (gsize)plane->rows * plane->cols);
  gint32 *to = self->resample_merge;
  for (int row = 0; row < plane->rows; row++)
    for (int col = 0; col < plane->cols; col++)
      *to++ = feature_row (anyres, anyres->first_row + row, anyres->first_col + col, side,
                           self->grid_cols);
  /* A side of zero cells is an error in the reference. */
  plane->rows = MAX (floor_divide (plane->rows, times), 1);
  plane->cols = MAX (floor_divide (plane->cols, times), 1);
}

static void
lay_out_anyres (PmodPixels *self, const Anyres *anyres, const PmodConfig *config)
{
  int tile = config->vision.image_size;
  int side = tile / config->vision.patch_size;
  double cell = (double)tile / side;
  self->grid_cols = anyres->grid_width / tile;
  self->grid_rows = anyres->grid_height / tile;
  self->n_tiles = 1 + self->grid_cols * self->grid_rows;
  self->planes[1] = (PmodPlane){
    .first_token = side * side,
    .rows = anyres->rows,
    .cols = anyres->cols,
    .newlines = 1,
    .x0 = (float)((anyres->first_col * cell - anyres->x) / anyres->width),
    .y0 = (float)((anyres->first_row * cell - anyres->y) / anyres->height),
    .x1 = (float)(((anyres->first_col + anyres->cols) * cell - anyres->x) / anyres->width),
    .y1 = (float)(((anyres->first_row + anyres->rows) * cell - anyres->y) / anyres->height),
  };
  shrink_map (self, anyres, config->max_num_patches, side);
  self->n_planes = self->planes[1].rows > 0 ? 2 : 1;
  self->n_tokens = side * side + self->planes[1].rows * (self->planes[1].cols + 1);
}

/* Where one tile lies over a picture of width x height of which it shows, at the given scale, the
 * part from (x, y) on. */
static void
place_tile (PmodPlane *plane, double x, double y, double edge, double width, double height)
{
  plane->x0 = (float)(x / width);
  plane->y0 = (float)(y / height);
  plane->x1 = (float)((x + edge) / width);
  plane->y1 = (float)((y + edge) / height);
}

static PmodResample
plan_pad (int width, int height, const PmodVisionConfig *vision)
{
  int edge = MAX (width, height);
  PmodResample plan = {
    .canvas_width = edge,
    .canvas_height = edge,
    .offset_x = (edge - width) / 2,
    .offset_y = (edge - height) / 2,
    .out_width = vision->image_size,
    .out_height = vision->image_size,
    .window_width = vision->image_size,
    .window_height = vision->image_size,
  };
  for (int c = 0; c < 3; c++)
    plan.colour[c] = (guint8)CLAMP ((double)vision->image_mean[c] * 255, 0, 255);
  return plan;
}

/* Source: CLIPImageProcessor: shortest edge to the tile's, then the centre. */
static PmodResample
plan_square (int width, int height, const PmodVisionConfig *vision)
{
  gint64 edge = vision->image_size;
  gint64 longest = (gint64)((double)(edge * MAX (width, height)) / MIN (width, height));
  PmodResample plan = {
    .canvas_width = width,
    .canvas_height = height,
    .out_width = width <= height ? edge : longest,
    .out_height = width <= height ? longest : edge,
    .window_width = (int)edge,
    .window_height = (int)edge,
  };
  plan.window_x = (plan.out_width - edge) / 2;
  plan.window_y = (plan.out_height - edge) / 2;
  return plan;
}

static void
lay_out_single (PmodPixels *self, int width, int height, const PmodConfig *config)
{
  PmodPlane *plane = &self->planes[0];
  if (config->image_mode == PMOD_IMAGE_PAD)
    {
      PmodResample plan = plan_pad (width, height, &config->vision);
      place_tile (plane, -plan.offset_x, -plan.offset_y, plan.canvas_width, width, height);
    }
  else if (config->image_mode == PMOD_IMAGE_SQUARE)
    {
      PmodResample plan = plan_square (width, height, &config->vision);
      place_tile (plane, (double)plan.window_x, (double)plan.window_y, plan.window_width,
                  (double)plan.out_width, (double)plan.out_height);
    }
  else
    place_tile (plane, 0, 0, 1, 1, 1);
}

static gboolean
check_config (const PmodConfig *config, int width, int height, GError **error)
{
  if (!config->has_vision)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "a picture was given: expected a checkpoint with a vision tower, got one for "
                 "text only");
  else if (config->vision_keep_cls)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "config.json mm_vision_select_feature: expected \"patch\", got \"cls_patch\"");
  else if (width < 1 || height < 1 || width > PMOD_IMAGE_MAX_SIDE || height > PMOD_IMAGE_MAX_SIDE)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                 "size of a picture: expected 1 to %d a side, got %d x %d", PMOD_IMAGE_MAX_SIDE,
                 width, height);
  else
    return TRUE;
  return FALSE;
}

PmodPixels *
pmod_pixels_new_layout (int width, int height, const PmodConfig *config, GError **error)
{
  if (!check_config (config, width, height, error))
    return NULL;
  Anyres anyres;
  gboolean is_anyres = config->image_mode == PMOD_IMAGE_ANYRES;
  if (is_anyres && !anyres_init (&anyres, width, height, config, error))
    return NULL;

  int side = config->vision.image_size / config->vision.patch_size;
  PmodPixels *self = g_new0 (PmodPixels, 1);
  self->n_tiles = self->grid_rows = self->grid_cols = self->n_planes = 1;
  self->n_tokens = side * side;
  self->planes[0].rows = self->planes[0].cols = side;
  lay_out_single (self, width, height, config);
  if (is_anyres)
    lay_out_anyres (self, &anyres, config);

  self->merge = g_new (gint32, self->n_tokens);
  for (int i = 0; i < side * side; i++)
    self->merge[i] = i;
  if (is_anyres)
    merge_map (self, &anyres, side);
  return self;
}

/* --- Pixels --------------------------------------------------------------------------------- */

/* byte -> normalised pixel, with the roundings of CLIPImageProcessor: to F32 after the product,
 * after the difference and after the quotient. */
static void
fill_table (float table[3][256], const PmodVisionConfig *vision)
{
  for (int c = 0; c < 3; c++)
    for (int byte = 0; byte < 256; byte++)
      {
        float scaled = (float)(byte * vision->rescale_factor);
        float centred = scaled - vision->image_mean[c];
        table[c][byte] = centred / vision->image_std[c];
      }
}

/* One tile out of rgb, whose rows are row_pixels long. */
static void
normalise_tile (const guint8 *rgb, gsize row_pixels, int edge, float table[3][256], float *to)
{
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < edge; y++)
      for (int x = 0; x < edge; x++)
        *to++ = table[c][rgb[(y * row_pixels + x) * 3 + c]];
}

static void
paint_grid (PmodPixels *self, const PmodImage *image, const PmodConfig *config, float table[3][256])
{
  int edge = config->vision.image_size;
  Anyres anyres = { .grid_width = self->grid_cols * edge, .grid_height = self->grid_rows * edge };
  fit_into_grid (&anyres, pmod_image_get_width (image), pmod_image_get_height (image));
  g_autoptr (PmodImage) resized = pmod_image_resize (image, anyres.width, anyres.height);
  const guint8 *rgb = pmod_image_get_rgb (resized);
  gsize row = (gsize)anyres.grid_width * 3;
  g_autofree guint8 *black = g_malloc0 (row * anyres.grid_height);
  for (int y = 0; y < anyres.height; y++)
    memcpy (black + (y + anyres.y) * row + (gsize)anyres.x * 3, rgb + (gsize)y * anyres.width * 3,
            (gsize)anyres.width * 3);

  for (int tile = 0; tile < self->n_tiles - 1; tile++)
    {
      gsize x = (gsize)(tile % self->grid_cols) * edge;
      gsize y = (gsize)(tile / self->grid_cols) * edge;
      normalise_tile (black + y * row + x * 3, (gsize)anyres.grid_width, edge, table,
                      self->pixels + (gsize)(1 + tile) * 3 * edge * edge);
    }
}

static PmodResample
plan_thumbnail (int width, int height, const PmodVisionConfig *vision)
{
  return (PmodResample){
    .canvas_width = width,
    .canvas_height = height,
    .out_width = vision->image_size,
    .out_height = vision->image_size,
    .window_width = vision->image_size,
    .window_height = vision->image_size,
  };
}

PmodPixels *
pmod_pixels_new (const PmodImage *image, const PmodConfig *config, GError **error)
{
  g_return_val_if_fail (image != NULL && config != NULL, NULL);

  int width = pmod_image_get_width (image);
  int height = pmod_image_get_height (image);
  g_autoptr (PmodPixels) self = pmod_pixels_new_layout (width, height, config, error);
  if (self == NULL)
    return NULL;

  int edge = config->vision.image_size;
  gsize tile_pixels = (gsize)edge * edge;
  self->pixels = g_try_malloc_n (self->n_tiles * tile_pixels, 3 * sizeof (float));
  if (self->pixels == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY,
                   "no memory for the pixels of %d tiles of %d x %d", self->n_tiles, edge, edge);
      return NULL;
    }
  float table[3][256];
  fill_table (table, &config->vision);

  PmodResample plan =
      config->image_mode == PMOD_IMAGE_PAD      ? plan_pad (width, height, &config->vision)
      : config->image_mode == PMOD_IMAGE_SQUARE ? plan_square (width, height, &config->vision)
                                                : plan_thumbnail (width, height, &config->vision);
  g_autofree guint8 *rgb = g_malloc (tile_pixels * 3);
  pmod_image_resample (image, &plan, rgb);
  normalise_tile (rgb, (gsize)edge, edge, table, self->pixels);
  if (config->image_mode == PMOD_IMAGE_ANYRES)
    paint_grid (self, image, config, table);
  return g_steal_pointer (&self);
}

void
pmod_pixels_free (PmodPixels *self)
{
  if (self == NULL)
    return;
  g_free (self->merge);
  g_free (self->resample_merge);
  g_free (self->pixels);
  g_free (self);
}
