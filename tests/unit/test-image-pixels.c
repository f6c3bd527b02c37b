/* What the vision tower reads, against the golden pixels bit for bit; how tokens are laid out,
 * against the golden table of sizes; and that a plane's rectangle is where its tokens look. */
#include <math.h>
#include <string.h>

#include "pmod-image.h"
#include "pmod-json.h"
#include "pmod-safetensors.h"

static PmodConfig *
load_config (const char *directory)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", directory, NULL);
  g_autoptr (GError) error = NULL;
  PmodConfig *config = pmod_config_load (path, NULL, &error);
  g_assert_no_error (error);
  return config;
}

static PmodImage *
load_picture (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "images", name, NULL);
  g_autoptr (GError) error = NULL;
  PmodImage *image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);
  g_assert_no_error (error);
  return image;
}

static PmodSafetensors *
open_golden (const char *directory)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "golden", directory,
                                                 "images.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  PmodSafetensors *file = pmod_safetensors_open (path, &error);
  g_assert_no_error (error);
  return file;
}

/* --- Golden pixels -------------------------------------------------------------------------- */

/* The grey level whose normalised value is nearest. */
static int
find_level (const float *table, float value)
{
  int best = 0;
  for (int i = 1; i < 256; i++)
    if (fabsf (table[i] - value) < fabsf (table[best] - value))
      best = i;
  return best;
}

/* levels: [n_tiles,3,S,S] U8; table: [3,256], level -> normalised. */
static void
compare_pixels (const char *what,
                const PmodPixels *pixels,
                const PmodSafetensorsEntry *levels,
                const float *table)
{
  g_assert_cmpint (levels->tensor.shape[0], ==, pixels->n_tiles);
  gsize plane = (gsize)(levels->tensor.shape[2] * levels->tensor.shape[3]);
  const guint8 *want = levels->tensor.data;
  gsize n_different = 0;
  int worst = 0;
  for (gsize i = 0; i < levels->n_bytes; i++)
    {
      const float *row = table + i / plane % 3 * 256;
      if (memcmp (&pixels->pixels[i], &row[want[i]], sizeof (float)) == 0)
        continue;
      n_different++;
      worst = MAX (worst, ABS (find_level (row, pixels->pixels[i]) - want[i]));
    }
  g_test_message ("%s: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                  " pixels differ in any bit, by up to %d grey levels",
                  what, n_different, levels->n_bytes, worst);
  g_assert_cmpint (worst, <=, 1);
  g_assert_cmpuint (n_different, ==, 0);
}

static void
check_picture (const PmodConfig *config, PmodSafetensors *golden, const char *file, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = load_picture (file);
  g_autoptr (PmodPixels) pixels = pmod_pixels_new (image, config, &error);
  g_assert_no_error (error);
  const float *table = pmod_safetensors_find (golden, "pixel_lut")->tensor.data;
  compare_pixels (key, pixels, pmod_safetensors_find (golden, key), table);
}

static void
test_golden_pixels (gconstpointer data)
{
  gboolean next = GPOINTER_TO_INT (data);
  g_autoptr (PmodConfig) config =
      load_config (next ? "tiny-pmod-llava-next" : "tiny-pmod-llava-v1.5");
  g_autoptr (PmodSafetensors) golden = open_golden (next ? "next" : "v1.5");
  g_assert_cmpint (config->image_mode, ==, next ? PMOD_IMAGE_ANYRES : PMOD_IMAGE_PAD);
  check_picture (config, golden, "landscape.png", "landscape.pixel_u8");
  check_picture (config, golden, "portrait.png", "portrait.pixel_u8");
  check_picture (config, golden, "square.jpg", "square.pixel_u8");
  if (next)
    return;
  config->image_mode = PMOD_IMAGE_SQUARE;
  check_picture (config, golden, "landscape.png", "landscape.square_mode_u8");
}

/* The floats themselves. */
static void
test_golden_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-v1.5");
  g_autoptr (PmodSafetensors) golden = open_golden ("v1.5");
  g_autoptr (PmodImage) image = load_picture ("landscape.png");
  g_autoptr (PmodPixels) pixels = pmod_pixels_new (image, config, &error);
  g_assert_no_error (error);
  const PmodSafetensorsEntry *values = pmod_safetensors_find (golden, "landscape.pixel_values");
  g_assert_cmpmem (pixels->pixels, values->n_bytes, values->tensor.data, values->n_bytes);
}

/* --- Layout --------------------------------------------------------------------------------- */

static int
get_int (const PmodJson *row, const char *key, guint index)
{
  const PmodJson *value = pmod_json_find (row, key);
  g_assert_nonnull (value);
  if (value->type == PMOD_JSON_INTEGER)
    return (int)value->integer;
  g_assert_cmpint (value->type, ==, PMOD_JSON_ARRAY);
  value = pmod_json_first (value);
  for (guint i = 0; i < index; i++)
    value = pmod_json_next (value);
  return (int)value->integer;
}

/* Each token of the map stands for the cell that tile order and the offset of unpad say. */
static void
check_merge (const PmodPixels *pixels, int offset_col, int offset_row)
{
  for (int i = 0; i < 576; i++)
    g_assert_cmpint (pixels->merge[i], ==, i);
  if (pixels->n_planes == 1)
    return;
  const PmodPlane *map = &pixels->planes[1];
  g_assert_cmpint (map->first_token, ==, 576);
  const gint32 *token = pixels->merge + map->first_token;
  for (int row = 0; row < map->rows; row++)
    {
      for (int col = 0; col < map->cols; col++)
        {
          int y = row + offset_row;
          int x = col + offset_col;
          int tile = 1 + y / 24 * pixels->grid_cols + x / 24;
          g_assert_cmpint (*token++, ==, tile * 576 + y % 24 * 24 + x % 24);
        }
      g_assert_cmpint (*token++, ==, -1);
    }
  g_assert_true (token == pixels->merge + pixels->n_tokens);
}

static void
check_row (const PmodConfig *config, const PmodJson *row)
{
  g_autoptr (GError) error = NULL;
  int width = get_int (row, "size", 0);
  int height = get_int (row, "size", 1);
  int best_width, best_height;
  pmod_pixels_best_resolution (config, width, height, &best_width, &best_height);
  g_assert_cmpint (best_width, ==, get_int (row, "best", 0));
  g_assert_cmpint (best_height, ==, get_int (row, "best", 1));

  g_autoptr (PmodPixels) pixels = pmod_pixels_new_layout (width, height, config, &error);
  g_assert_no_error (error);
  g_assert_null (pixels->pixels);
  g_assert_cmpint (pixels->grid_cols * 336, ==, best_width);
  g_assert_cmpint (pixels->grid_rows * 336, ==, best_height);
  g_assert_cmpint (pixels->n_tiles, ==, 1 + pixels->grid_cols * pixels->grid_rows);
  g_assert_cmpint (pixels->n_tokens, ==, get_int (row, "image_tokens", 0));
  const PmodPlane *map = &pixels->planes[1];
  int cols = get_int (row, "unpadded", 0);
  int rows = get_int (row, "unpadded", 1);
  g_assert_cmpint (pixels->n_planes, ==, rows > 0 ? 2 : 1);
  g_assert_cmpint (map->rows, ==, rows);
  g_assert_cmpint (map->cols, ==, cols);
  if (rows == 0 || cols == 0)
    return;

  int offset_col = get_int (row, "unpad_offset", 0);
  int offset_row = get_int (row, "unpad_offset", 1);
  check_merge (pixels, offset_col, offset_row);
  /* From the golden placement of the picture in the grid's pixels. */
  double scale_x = get_int (row, "resized", 0);
  double scale_y = get_int (row, "resized", 1);
  double x0 = (offset_col * 14 - get_int (row, "paste", 0)) / scale_x;
  double y0 = (offset_row * 14 - get_int (row, "paste", 1)) / scale_y;
  g_assert_cmpfloat_with_epsilon (map->x0, x0, 1e-4);
  g_assert_cmpfloat_with_epsilon (map->y0, y0, 1e-4);
  g_assert_cmpfloat_with_epsilon (map->x1, x0 + cols * 14 / scale_x, 1e-4);
  g_assert_cmpfloat_with_epsilon (map->y1, y0 + rows * 14 / scale_y, 1e-4);
}

static void
test_geometry (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "golden", "anyres_geometry.json", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-next");
  g_autoptr (PmodJsonDocument) golden = pmod_json_load (path, 1 << 24, &error);
  g_assert_no_error (error);
  const PmodJson *rows = pmod_json_find (pmod_json_root (golden), "rows");
  g_assert_cmpuint (rows->n_children, ==, 288);
  const PmodJson *row = pmod_json_first (rows);
  for (guint i = 0; i < rows->n_children; i++, row = pmod_json_next (row))
    check_row (config, row);
  g_test_message ("%u sizes", rows->n_children);
}

static void
test_pad_layout (void)
{
  static const struct
  {
    int width, height;
    float x0, y0, x1, y1;
  } cases[] = {
    { 400, 400, 0, 0, 1, 1 },
    { 500, 300, 0, -100 / 300.f, 1, 400 / 300.f },
    { 300, 501, -100 / 300.f, 0, 401 / 300.f, 1 },
    { 1000, 1, 0, -499, 1, 501 },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-v1.5");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PmodPixels) pixels =
          pmod_pixels_new_layout (cases[i].width, cases[i].height, config, &error);
      g_assert_no_error (error);
      g_assert_cmpint (pixels->n_tiles, ==, 1);
      g_assert_cmpint (pixels->n_tokens, ==, 576);
      g_assert_cmpint (pixels->n_planes, ==, 1);
      g_assert_cmpint (pixels->planes[0].rows, ==, 24);
      g_assert_cmpint (pixels->planes[0].cols, ==, 24);
      g_assert_cmpint (pixels->planes[0].newlines, ==, 0);
      g_assert_cmpfloat_with_epsilon (pixels->planes[0].x0, cases[i].x0, 1e-4);
      g_assert_cmpfloat_with_epsilon (pixels->planes[0].y0, cases[i].y0, 1e-4);
      g_assert_cmpfloat_with_epsilon (pixels->planes[0].x1, cases[i].x1, 1e-4);
      g_assert_cmpfloat_with_epsilon (pixels->planes[0].y1, cases[i].y1, 1e-4);
      check_merge (pixels, 0, 0);
    }
}

/* Numbers by the reference: 72 x 20 cells, at most 2 * 576; and no shrink where it is below 1 %. */
static void
test_max_num_patches (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-next");
  config->max_num_patches = 2;
  g_autoptr (PmodPixels) pixels = pmod_pixels_new_layout (260, 900, config, &error);
  g_assert_no_error (error);
  const PmodPlane *map = &pixels->planes[1];
  g_assert_cmpint (pixels->resample_rows, ==, 72);
  g_assert_cmpint (pixels->resample_cols, ==, 20);
  g_assert_cmpint (map->rows, ==, 64);
  g_assert_cmpint (map->cols, ==, 17);
  g_assert_cmpint (pixels->n_tokens, ==, 1728);
  for (int row = 0; row < 72; row++)
    for (int col = 0; col < 20; col++)
      g_assert_cmpint (pixels->resample_merge[row * 20 + col], ==,
                       (1 + row / 24) * 576 + row % 24 * 24 + col + 2);
  for (int row = 0; row < 64; row++)
    for (int col = 0; col < 18; col++)
      g_assert_cmpint (pixels->merge[576 + row * 18 + col], ==,
                       col < 17 ? 576 + row * 17 + col : -1);

  config->max_num_patches = 4;
  g_autoptr (PmodPixels) whole = pmod_pixels_new_layout (400, 400, config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (whole->n_tokens, ==, 2928);
  g_assert_null (whole->resample_merge);
}

/* --- Planes --------------------------------------------------------------------------------- */

/* Red rises with x, green with y. */
static PmodImage *
make_ramps (int width, int height)
{
  g_autofree guint8 *rgb = g_malloc0 ((gsize)width * height * 3);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        rgb[((gsize)y * width + x) * 3] = (guint8)lround (255 * (x + 0.5) / width);
        rgb[((gsize)y * width + x) * 3 + 1] = (guint8)lround (255 * (y + 0.5) / height);
        rgb[((gsize)y * width + x) * 3 + 2] = 255;
      }
  return pmod_image_new (width, height, (gsize)width * 3, rgb);
}

/* Mean over one patch, as a share of full scale. */
static double
read_patch (const PmodPixels *pixels, const PmodVisionConfig *vision, int feature, int channel)
{
  int edge = vision->image_size;
  int p = vision->patch_size;
  int side = edge / p;
  const float *tile = pixels->pixels + (gsize)(feature / (side * side)) * 3 * edge * edge +
                      (gsize)channel * edge * edge;
  int row = feature % (side * side) / side;
  int col = feature % side;
  double sum = 0;
  for (int y = 0; y < p; y++)
    for (int x = 0; x < p; x++)
      sum += tile[(row * p + y) * edge + col * p + x];
  return sum / (p * p) * vision->image_std[channel] + vision->image_mean[channel];
}

/* Every token that lies inside the picture sees the place that its plane names. */
static void
check_planes (const PmodConfig *config, int width, int height)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = make_ramps (width, height);
  g_autoptr (PmodPixels) pixels = pmod_pixels_new (image, config, &error);
  g_assert_no_error (error);
  double worst = 0;
  int n_checked = 0;
  for (int i = 0; i < pixels->n_planes; i++)
    {
      const PmodPlane *plane = &pixels->planes[i];
      double cell_x = (double)(plane->x1 - plane->x0) / plane->cols;
      double cell_y = (double)(plane->y1 - plane->y0) / plane->rows;
      for (int row = 0; row < plane->rows; row++)
        for (int col = 0; col < plane->cols; col++)
          {
            double x = plane->x0 + (col + 0.5) * cell_x;
            double y = plane->y0 + (row + 0.5) * cell_y;
            /* Two pixels of the tile around the edge see the padding through the filter. */
            double rim_x = cell_x * 0.5 + 2 * cell_x / config->vision.patch_size;
            double rim_y = cell_y * 0.5 + 2 * cell_y / config->vision.patch_size;
            if (x < rim_x || x > 1 - rim_x || y < rim_y || y > 1 - rim_y)
              continue;
            int token = plane->first_token + row * (plane->cols + plane->newlines) + col;
            int feature = pixels->merge[token];
            worst = MAX (worst, fabs (read_patch (pixels, &config->vision, feature, 0) - x));
            worst = MAX (worst, fabs (read_patch (pixels, &config->vision, feature, 1) - y));
            n_checked++;
          }
    }
  g_test_message ("%d x %d: %d tokens, off by at most %.5f of a side", width, height, n_checked,
                  worst);
  g_assert_cmpint (n_checked, >, 50);
  /* Two roundings to 1/255, and half a pixel of the smallest picture. */
  g_assert_cmpfloat (worst, <, 1.0 / 255 + 0.5 / MIN (width, height));
}

static void
test_planes (void)
{
  static const int sizes[][2] = { { 500, 300 },  { 260, 900 }, { 336, 336 },
                                  { 1100, 700 }, { 333, 401 }, { 900, 250 } };
  g_autoptr (PmodConfig) next = load_config ("tiny-pmod-llava-next");
  g_autoptr (PmodConfig) pad = load_config ("tiny-pmod-llava-v1.5");
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      check_planes (next, sizes[i][0], sizes[i][1]);
      pad->image_mode = PMOD_IMAGE_PAD;
      check_planes (pad, sizes[i][0], sizes[i][1]);
      pad->image_mode = PMOD_IMAGE_SQUARE;
      check_planes (pad, sizes[i][0], sizes[i][1]);
    }
}

/* --- Odd pictures and configurations -------------------------------------------------------- */

/* Where the reference fails (1 x 1) or mixes up its axes (3 x 3): one colour in, that colour out.
 */
static void
test_thin (void)
{
  static const int sizes[][2] = { { 1, 1 },    { 3, 3 },    { 3, 2 },     { 1, 3 },
                                  { 1, 1000 }, { 1000, 1 }, { 1, 40000 }, { 40000, 1 } };
  static const PmodImageMode modes[] = { PMOD_IMAGE_PAD, PMOD_IMAGE_SQUARE, PMOD_IMAGE_ANYRES };
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-next");
  for (gsize i = 0; i < G_N_ELEMENTS (sizes) * G_N_ELEMENTS (modes); i++)
    {
      g_autoptr (GError) error = NULL;
      const int *size = sizes[i / G_N_ELEMENTS (modes)];
      config->image_mode = modes[i % G_N_ELEMENTS (modes)];
      gsize n_bytes = (gsize)size[0] * size[1] * 3;
      g_autofree guint8 *white = g_malloc (n_bytes);
      memset (white, 255, n_bytes);
      g_autoptr (PmodImage) image = pmod_image_new (size[0], size[1], (gsize)size[0] * 3, white);
      g_autoptr (PmodPixels) pixels = pmod_pixels_new (image, config, &error);
      g_assert_no_error (error);
      float mean = config->vision.image_mean[0];
      float full =
          ((float)(255 * config->vision.rescale_factor) - mean) / config->vision.image_std[0];
      gsize centre = 168 * 336 + 168;
      /* Of 1000 rows of padding and more only one is white: too little to see. */
      if (config->image_mode != PMOD_IMAGE_PAD || MAX (size[0], size[1]) <= 3)
        g_assert_cmpfloat (pixels->pixels[centre], ==, full);
      for (gsize k = 0; k < (gsize)pixels->n_tiles * 3 * 336 * 336; k++)
        g_assert_true (isfinite (pixels->pixels[k]));
    }
}

static void
expect_error (
    const PmodConfig *config, int width, int height, PmodErrorCode code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (pmod_pixels_new_layout (width, height, config, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, PMOD_ERROR, (int)code);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_refused (void)
{
  g_autoptr (PmodConfig) config = load_config ("tiny-pmod-llava-next");
  expect_error (config, 0, 5, PMOD_ERROR_ARGUMENT, "got 0 x 5");
  expect_error (config, 5, 2000000, PMOD_ERROR_ARGUMENT, "got 5 x 2000000");
  config->unpad = FALSE;
  expect_error (config, 5, 5, PMOD_ERROR_UNSUPPORTED, "mm_patch_merge_type");
  config->unpad = TRUE;
  config->pinpoints[0][0] = 330;
  expect_error (config, 5, 5, PMOD_ERROR_UNSUPPORTED, "got 330 x 672");
  config->pinpoints[0][0] = config->pinpoints[0][1] = 64 * 336;
  expect_error (config, 64 * 336, 64 * 336, PMOD_ERROR_UNSUPPORTED, "got 21504 x 21504");
  config->n_pinpoints = 0;
  expect_error (config, 5, 5, PMOD_ERROR_UNSUPPORTED, "image_grid_pinpoints");
  config->vision_keep_cls = TRUE;
  expect_error (config, 5, 5, PMOD_ERROR_UNSUPPORTED, "cls_patch");
  config->has_vision = FALSE;
  expect_error (config, 5, 5, PMOD_ERROR_UNSUPPORTED, "vision tower");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/image-pixels/golden/v1.5", GINT_TO_POINTER (FALSE), test_golden_pixels);
  g_test_add_data_func ("/image-pixels/golden/next", GINT_TO_POINTER (TRUE), test_golden_pixels);
  g_test_add_func ("/image-pixels/golden/values", test_golden_values);
  g_test_add_func ("/image-pixels/geometry", test_geometry);
  g_test_add_func ("/image-pixels/pad-layout", test_pad_layout);
  g_test_add_func ("/image-pixels/max-num-patches", test_max_num_patches);
  g_test_add_func ("/image-pixels/planes", test_planes);
  g_test_add_func ("/image-pixels/thin", test_thin);
  g_test_add_func ("/image-pixels/refused", test_refused);
  return g_test_run ();
}
