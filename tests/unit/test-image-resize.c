/* The resizing against Pillow's bytes, and its windows and canvases against themselves. */
#include <stdio.h>
#include <string.h>

#include "pmod-image-private.h"
#include "pmod-safetensors.h"

static PmodSafetensors *
open_golden (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "golden", "resize.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  PmodSafetensors *file = pmod_safetensors_open (path, &error);
  g_assert_no_error (error);
  return file;
}

static PmodImage *
to_image (const PmodSafetensorsEntry *entry)
{
  int height = (int)entry->tensor.shape[0];
  int width = (int)entry->tensor.shape[1];
  return pmod_image_new (width, height, (gsize)width * 3, entry->tensor.data);
}

static PmodImage *
make_noise (int width, int height, guint32 seed)
{
  GRand *rand = g_rand_new_with_seed (seed);
  gsize n_bytes = (gsize)width * height * 3;
  g_autofree guint8 *rgb = g_malloc (n_bytes);
  for (gsize i = 0; i < n_bytes; i++)
    rgb[i] = (guint8)g_rand_int_range (rand, 0, 256);
  g_rand_free (rand);
  return pmod_image_new (width, height, (gsize)width * 3, rgb);
}

static void
assert_equal (const char *what, const guint8 *got, const guint8 *want, gsize n_bytes)
{
  gsize n_different = 0;
  for (gsize i = 0; i < n_bytes; i++)
    n_different += got[i] != want[i];
  g_test_message ("%s: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes differ", what, n_different,
                  n_bytes);
  g_assert_cmpuint (n_different, ==, 0);
}

static void
test_golden (void)
{
  g_autoptr (PmodSafetensors) golden = open_golden ();
  g_autoptr (PmodImage) small = to_image (pmod_safetensors_find (golden, "src"));
  g_autoptr (PmodImage) big = to_image (pmod_safetensors_find (golden, "src_big"));
  int n_checked = 0;
  for (guint i = 0; i < pmod_safetensors_get_n_entries (golden); i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (golden, i);
      gboolean of_big = g_str_has_prefix (entry->name, "big_");
      int width, height;
      if (sscanf (entry->name + (of_big ? 4 : 0), "bicubic_w%d_h%d", &width, &height) != 2)
        continue;
      g_autoptr (PmodImage) resized = pmod_image_resize (of_big ? big : small, width, height);
      assert_equal (entry->name, pmod_image_get_rgb (resized), entry->tensor.data, entry->n_bytes);
      n_checked++;
    }
  g_assert_cmpint (n_checked, ==, 12);
}

static void
test_same_size (void)
{
  g_autoptr (PmodImage) image = make_noise (61, 43, 1);
  g_autoptr (PmodImage) same = pmod_image_resize (image, 61, 43);
  g_assert_cmpuint (pmod_image_get_hash (image), ==, pmod_image_get_hash (same));
}

/* The centre on a canvas, not resized. */
static void
test_expand_to_square (void)
{
  g_autoptr (PmodSafetensors) golden = open_golden ();
  const PmodSafetensorsEntry *source = pmod_safetensors_find (golden, "src");
  int height = (int)source->tensor.shape[0];
  int width = (int)source->tensor.shape[1];
  const guint8 *rgb = source->tensor.data;
  g_autofree guint8 *transposed = g_malloc (source->n_bytes);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      memcpy (transposed + ((gsize)x * height + y) * 3, rgb + ((gsize)y * width + x) * 3, 3);

  PmodResample spec = {
    .canvas_width = width,
    .canvas_height = width,
    .offset_y = (width - height) / 2,
    .colour = { 122, 116, 104 },
    .out_width = width,
    .out_height = width,
    .window_width = width,
    .window_height = width,
  };
  gsize n_bytes = (gsize)width * width * 3;
  g_autofree guint8 *square = g_malloc (n_bytes);
  g_autoptr (PmodImage) wide = to_image (source);
  pmod_image_resample (wide, &spec, square);
  const guint8 *want = pmod_safetensors_find (golden, "expand2square_wide")->tensor.data;
  assert_equal ("expand2square_wide", square, want, n_bytes);

  spec.offset_x = spec.offset_y;
  spec.offset_y = 0;
  g_autoptr (PmodImage) tall = pmod_image_new (height, width, (gsize)height * 3, transposed);
  pmod_image_resample (tall, &spec, square);
  want = pmod_safetensors_find (golden, "expand2square_tall")->tensor.data;
  assert_equal ("expand2square_tall", square, want, n_bytes);
}

/* A canvas and a window that are only imagined give the bytes of real ones. */
static void
test_canvas_and_window (void)
{
  GRand *rand = g_rand_new_with_seed (4);
  for (guint32 round = 0; round < 200; round++)
    {
      int width = g_rand_int_range (rand, 1, 60);
      int height = g_rand_int_range (rand, 1, 60);
      g_autoptr (PmodImage) image = make_noise (width, height, round);
      PmodResample spec = {
        .offset_x = g_rand_int_range (rand, 0, 50),
        .offset_y = g_rand_int_range (rand, 0, 50),
        .out_width = g_rand_int_range (rand, 1, 90),
        .out_height = g_rand_int_range (rand, 1, 90),
      };
      spec.canvas_width = spec.offset_x + width + g_rand_int_range (rand, 0, 50);
      spec.canvas_height = spec.offset_y + height + g_rand_int_range (rand, 0, 50);
      spec.window_x = g_rand_int_range (rand, 0, (gint32)spec.out_width);
      spec.window_y = g_rand_int_range (rand, 0, (gint32)spec.out_height);
      spec.window_width = g_rand_int_range (rand, 1, (gint32)(spec.out_width - spec.window_x) + 1);
      spec.window_height =
          g_rand_int_range (rand, 1, (gint32)(spec.out_height - spec.window_y) + 1);
      gsize stride = (gsize)spec.canvas_width * 3;
      g_autofree guint8 *canvas = g_malloc (stride * spec.canvas_height);
      for (int c = 0; c < 3; c++)
        spec.colour[c] = (guint8)g_rand_int_range (rand, 0, 256);
      for (gsize i = 0; i < stride * spec.canvas_height; i++)
        canvas[i] = spec.colour[i % 3];
      for (int y = 0; y < height; y++)
        memcpy (canvas + (spec.offset_y + y) * stride + (gsize)spec.offset_x * 3,
                pmod_image_get_rgb (image) + (gsize)y * width * 3, (gsize)width * 3);

      g_autoptr (PmodImage) real =
          pmod_image_new (spec.canvas_width, spec.canvas_height, stride, canvas);
      g_autoptr (PmodImage) whole =
          pmod_image_resize (real, (int)spec.out_width, (int)spec.out_height);
      gsize row_bytes = (gsize)spec.window_width * 3;
      g_autofree guint8 *window = g_malloc (row_bytes * spec.window_height);
      pmod_image_resample (image, &spec, window);
      for (int y = 0; y < spec.window_height; y++)
        g_assert_cmpmem (window + y * row_bytes, row_bytes,
                         pmod_image_get_rgb (whole) +
                             ((y + spec.window_y) * spec.out_width + spec.window_x) * 3,
                         row_bytes);
    }
  g_rand_free (rand);
}

/* Sums of weights are 1: one colour stays that colour, however thin or large the picture. */
static void
test_one_colour (void)
{
  static const int sizes[][4] = {
    { 1, 1, 336, 336 },   { 1, 1000, 336, 336 }, { 1000, 1, 336, 336 }, { 1, 70000, 20, 31 },
    { 70000, 1, 31, 20 }, { 2, 3, 700, 500 },    { 3000, 40, 1, 1 },    { 999, 777, 14, 14 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gsize n_pixels = (gsize)sizes[i][0] * sizes[i][1];
      g_autofree guint8 *rgb = g_malloc (n_pixels * 3);
      for (gsize k = 0; k < n_pixels; k++)
        memcpy (rgb + k * 3, (guint8[]){ 255, 93, 0 }, 3);
      g_autoptr (PmodImage) image =
          pmod_image_new (sizes[i][0], sizes[i][1], (gsize)sizes[i][0] * 3, rgb);
      g_autoptr (PmodImage) resized = pmod_image_resize (image, sizes[i][2], sizes[i][3]);
      for (int k = 0; k < sizes[i][2] * sizes[i][3]; k++)
        g_assert_cmpmem (pmod_image_get_rgb (resized) + k * 3, 3, ((guint8[]){ 255, 93, 0 }), 3);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-resize/golden", test_golden);
  g_test_add_func ("/image-resize/same-size", test_same_size);
  g_test_add_func ("/image-resize/expand-to-square", test_expand_to_square);
  g_test_add_func ("/image-resize/canvas-and-window", test_canvas_and_window);
  g_test_add_func ("/image-resize/one-colour", test_one_colour);
  return g_test_run ();
}
