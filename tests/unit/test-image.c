/* Every kind of picture file against the bytes that are to come out, and every kind of broken one
 * against its error. The files are written by tests/fixtures/pictures/make-pictures.py. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pmod-image.h"
#include "pmod-safetensors.h"

#define PICTURES "fixtures", "pictures"

static char *
get_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, PICTURES, name, NULL);
}

static GBytes *
read_fixture (const char *name)
{
  g_autofree char *path = get_path (name);
  g_autoptr (GError) error = NULL;
  char *data;
  gsize n_bytes;
  g_file_get_contents (path, &data, &n_bytes, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (data, n_bytes);
}

static void
compare (const char *name, const PmodImage *image, const PmodSafetensorsEntry *expected)
{
  g_assert_cmpint (pmod_image_get_height (image), ==, expected->tensor.shape[0]);
  g_assert_cmpint (pmod_image_get_width (image), ==, expected->tensor.shape[1]);
  const guint8 *got = pmod_image_get_rgb (image);
  const guint8 *want = expected->tensor.data;
  gsize n_different = 0;
  int worst = 0;
  for (gsize i = 0; i < expected->n_bytes; i++)
    {
      n_different += got[i] != want[i];
      worst = MAX (worst, ABS (got[i] - want[i]));
    }
  if (n_different > 0)
    g_test_message ("%s: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes differ, by up to %d",
                    name, n_different, expected->n_bytes, worst);
  g_assert_cmpuint (n_different, ==, 0);
}

/* Keys of expected.safetensors are NAME, or NAME:ignore for PMOD_IMAGE_IGNORE_EXIF. */
static void
test_kinds (void)
{
  g_autofree char *path = get_path ("expected.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) expected = pmod_safetensors_open (path, &error);
  g_assert_no_error (error);
  guint n = pmod_safetensors_get_n_entries (expected);
  g_assert_cmpuint (n, >, 90);
  for (guint i = 0; i < n; i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (expected, i);
      g_auto (GStrv) key = g_strsplit (entry->name, ":", 2);
      g_autofree char *file = get_path (key[0]);
      PmodImageFlags flags = key[1] != NULL ? PMOD_IMAGE_IGNORE_EXIF : PMOD_IMAGE_DEFAULT;
      g_autoptr (PmodImage) image = pmod_image_load (file, flags, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (pmod_image_get_path (image), ==, file);
      compare (entry->name, image, entry);
    }
  g_test_message ("%u decoded pictures, all bytes equal", n);
}

/* The JPEG that the golden values were made of. */
static void
test_golden_jpeg (void)
{
  g_autofree char *golden =
      g_test_build_filename (G_TEST_DIST, "fixtures", "golden", "v1.5", "images.safetensors", NULL);
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "images", "square.jpg", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) expected = pmod_safetensors_open (golden, &error);
  g_assert_no_error (error);
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);
  g_assert_no_error (error);
  compare ("square.jpg", image, pmod_safetensors_find (expected, "square.rgb"));
}

/* A name says nothing: a PNG called .jpg is a PNG, and bytes need no name. */
static void
test_content_decides (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) png = read_fixture ("rgb.png");
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "strata-test-XXXXXX.jpg", NULL);
  int fd = g_mkstemp (path);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, g_bytes_get_data (png, NULL),
                                      (gssize)g_bytes_get_size (png), NULL));

  g_autoptr (PmodImage) named = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_autoptr (PmodImage) unnamed = pmod_image_load_bytes (png, PMOD_IMAGE_DEFAULT, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_image_get_width (named), ==, 23);
  g_assert_null (pmod_image_get_path (unnamed));
  g_assert_cmpuint (pmod_image_get_hash (named), ==, pmod_image_get_hash (unnamed));
}

static void
test_hash (void)
{
  guint8 rgb[5 * 7 * 3] = { 0 };
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  for (gsize i = 0; i < sizeof rgb; i++)
    for (int bit = 0; bit < 8; bit++)
      {
        rgb[i] = (guint8)(1 << bit);
        g_autoptr (PmodImage) image = pmod_image_new (5, 7, 15, rgb);
        g_autoptr (PmodImage) again = pmod_image_new (5, 7, 15, rgb);
        g_autoptr (PmodImage) other = pmod_image_new (7, 5, 21, rgb);
        guint64 hash = pmod_image_get_hash (image);
        guint64 other_hash = pmod_image_get_hash (other);
        g_assert_cmpuint (hash, ==, pmod_image_get_hash (again));
        g_assert_true (g_hash_table_add (seen, g_memdup2 (&hash, sizeof hash)));
        g_assert_true (g_hash_table_add (seen, g_memdup2 (&other_hash, sizeof other_hash)));
        rgb[i] = 0;
      }
}

static void
test_row_stride (void)
{
  guint8 padded[2][10] = { { 1, 2, 3, 4, 5, 6, 99 }, { 7, 8, 9, 10, 11, 12, 99 } };
  g_autoptr (PmodImage) image = pmod_image_new (2, 2, 10, padded[0]);
  for (int i = 0; i < 12; i++)
    g_assert_cmpint (pmod_image_get_rgb (image)[i], ==, i + 1);
}

static gpointer
take_and_drop (gpointer data)
{
  for (int i = 0; i < 10000; i++)
    pmod_image_unref (pmod_image_ref (data));
  pmod_image_unref (data);
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) png = read_fixture ("rgb.png");
  PmodImage *image = pmod_image_load_bytes (png, PMOD_IMAGE_DEFAULT, &error);
  g_assert_no_error (error);
  GThread *threads[4];
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new ("image", take_and_drop, pmod_image_ref (image));
  for (int i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (pmod_image_get_height (image), ==, 17);
  pmod_image_unref (image);
}

/* --- Broken files --------------------------------------------------------------------------- */

static const char *const whole_files[] = {
  "rgb.png",         "palette-alpha.png", "420.jpg", "progressive.jpg", "lossless.webp",
  "lossy.webp",      "animated.webp",     "lzw.tif", "zip.tif",         "alpha.tif",
  "interlaced.gif",  "transparent.gif",   "rgb.bmp", "palette.bmp",     "turned-6.jpg",
  "small-frame.gif", "turned-5.webp",     "bit.tif", "turned-8.png",
};

/* Whatever the length of what is left of a file, it is the whole picture or an error. */
static void
test_every_length (void)
{
  guint n_whole = 0;
  guint n_refused = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (whole_files); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = read_fixture (whole_files[i]);
      g_autoptr (PmodImage) whole = pmod_image_load_bytes (bytes, PMOD_IMAGE_DEFAULT, &error);
      g_assert_no_error (error);
      for (gsize n = 0; n < g_bytes_get_size (bytes); n++)
        {
          g_autoptr (GError) refused = NULL;
          /* A copy of just that length, so that a read beyond it is seen. */
          g_autoptr (GBytes) part = g_bytes_new (g_bytes_get_data (bytes, NULL), n);
          g_autoptr (PmodImage) image = pmod_image_load_bytes (part, PMOD_IMAGE_DEFAULT, &refused);
          if (image == NULL)
            {
              g_assert_error (refused, PMOD_ERROR, PMOD_ERROR_FORMAT);
              n_refused++;
              continue;
            }
          g_assert_no_error (refused);
          if (pmod_image_get_hash (image) != pmod_image_get_hash (whole))
            g_test_message ("%s: half a picture from %" G_GSIZE_FORMAT " bytes", whole_files[i], n);
          g_assert_cmpuint (pmod_image_get_hash (image), ==, pmod_image_get_hash (whole));
          n_whole++;
        }
    }
  g_test_message ("%u parts refused, %u whole", n_refused, n_whole);
}

/* Changed bytes give a picture or an error, never anything else. */
static void
test_changed_bytes (void)
{
  GRand *rand = g_rand_new_with_seed (11);
  guint n_decoded = 0;
  guint n_refused = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (whole_files); i++)
    for (int round = 0; round < 1000; round++)
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (GBytes) bytes = read_fixture (whole_files[i]);
        gsize n_bytes = g_bytes_get_size (bytes);
        g_autofree guint8 *changed = g_memdup2 (g_bytes_get_data (bytes, NULL), n_bytes);
        for (int k = 0; k < 1 + round % 4; k++)
          changed[g_rand_int_range (rand, 0, (gint32)n_bytes)] =
              (guint8)g_rand_int_range (rand, 0, 256);
        g_autoptr (GBytes) damaged = g_bytes_new (changed, n_bytes);
        g_autoptr (PmodImage) image = pmod_image_load_bytes (damaged, PMOD_IMAGE_DEFAULT, &error);
        g_assert_true ((image == NULL) == (error != NULL));
        g_assert_true (image != NULL || error->domain == PMOD_ERROR);
        image != NULL ? n_decoded++ : n_refused++;
      }
  g_rand_free (rand);
  g_test_message ("%u decoded, %u refused", n_decoded, n_refused);
}

typedef struct
{
  const char *what;
  const char *bytes;
  gsize n_bytes;
  PmodErrorCode code;
  const char *message;
} Broken;

#define BYTES(literal) literal, sizeof literal - 1

/* Sizes in headers: 60000 x 60000, 20000 x 20000 and 2000000 x 1. */
static const Broken broken[] = {
  { "empty", BYTES (""), PMOD_ERROR_FORMAT, "got an empty file" },
  { "text", BYTES ("not a picture\n"), PMOD_ERROR_FORMAT, "got text" },
  { "utf-8", BYTES ("kein Bild: \xc3\xa4\xc3\xb6"), PMOD_ERROR_FORMAT, "got text" },
  { "page", BYTES ("<!DOCTYPE html><html>"), PMOD_ERROR_FORMAT, "got a web page" },
  { "svg", BYTES ("<?xml version='1.0'?><svg width='9' height='9'></svg>"), PMOD_ERROR_FORMAT,
    "got an SVG drawing" },
  { "pdf", BYTES ("%PDF-1.7\n"), PMOD_ERROR_UNSUPPORTED, "got a PDF document" },
  { "heic",
    BYTES ("\0\0\0\x18"
           "ftypheic"),
    PMOD_ERROR_UNSUPPORTED, "got a HEIC picture" },
  { "icon", BYTES ("\0\0\1\0\1\0"), PMOD_ERROR_UNSUPPORTED, "got an icon" },
  { "data", BYTES ("\x01\xfe\x02\xfd"), PMOD_ERROR_FORMAT, "begins with 01 fe 02 fd" },
  { "png without chunks", BYTES ("\x89PNG\r\n\x1a\n"), PMOD_ERROR_FORMAT,
    "PNG: Premature end-of-file" },
  { "png, enormous",
    BYTES ("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\2\0\0\0\x0f\xb0\xe2\x15"
           "\0\0\0\0IDAT\x35\xaf\x06\x1e"),
    PMOD_ERROR_UNSUPPORTED, "got 60000 x 60000" },
  { "jpeg, only its start", BYTES ("\xff\xd8\xff\xe0\0\x10JFIF"), PMOD_ERROR_FORMAT,
    "truncated JPEG: expected an end-of-image marker" },
  { "jpeg, no pixels", BYTES ("\xff\xd8\xff\xd9"), PMOD_ERROR_FORMAT, "JPEG" },
  { "webp, only its start", BYTES ("RIFF\x40\0\0\0WEBPVP8 "), PMOD_ERROR_FORMAT,
    "damaged WebP: it is truncated" },
  { "gif, enormous", BYTES ("GIF89a\x60\xea\x60\xea\0\0\0,\0\0\0\0\x60\xea\x60\xea\0\2\2\x44\1\0;"),
    PMOD_ERROR_UNSUPPORTED, "got 60000 x 60000" },
  { "gif, a frame of nothing", BYTES ("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\0\0\0\0\0\2\2\x44\1\0;"),
    PMOD_ERROR_FORMAT, "its first frame's header makes no sense" },
  { "gif, 20 bits an index", BYTES ("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\x14\2\x44\1\0;"),
    PMOD_ERROR_FORMAT, "its first frame's header makes no sense" },
  { "gif without a frame", BYTES ("GIF89a\1\0\1\0\0\0\0;"), PMOD_ERROR_FORMAT,
    "truncated GIF: it ends before its first frame" },
  { "bmp, enormous",
    BYTES ("BM\0\1\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x20\x4e\0\0\x20\x4e\0\0\1\0\x18\0"
           "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    PMOD_ERROR_UNSUPPORTED, "got 20000 x 20000" },
  { "bmp, too wide",
    BYTES ("BM\0\1\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x80\x84\x1e\0\1\0\0\0\1\0\x18\0"
           "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    PMOD_ERROR_UNSUPPORTED, "got 2000000 x 1" },
  { "tiff, no directory", BYTES ("II*\0\xff\xff\xff\xff"), PMOD_ERROR_FORMAT, "TIFF" },
  { "tiff, enormous",
    BYTES ("II*\0\x08\0\0\0\x08\0"
           "\0\1\3\0\1\0\0\0\x20\x4e\0\0\1\1\3\0\1\0\0\0\x20\x4e\0\0"
           "\2\1\3\0\1\0\0\0\x08\0\0\0\3\1\3\0\1\0\0\0\1\0\0\0"
           "\6\1\3\0\1\0\0\0\1\0\0\0\x11\1\4\0\1\0\0\0\x08\0\0\0"
           "\x15\1\3\0\1\0\0\0\1\0\0\0\x17\1\4\0\1\0\0\0\x10\0\0\0\0\0\0\0"),
    PMOD_ERROR_UNSUPPORTED, "got 20000 x 20000" },
};

static void
test_broken (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = g_bytes_new (broken[i].bytes, broken[i].n_bytes);
      PmodImage *image = pmod_image_load_bytes (bytes, PMOD_IMAGE_DEFAULT, &error);
      g_assert_null (image);
      g_test_message ("%s: %s", broken[i].what, error->message);
      g_assert_error (error, PMOD_ERROR, (int)broken[i].code);
      g_assert_nonnull (strstr (error->message, broken[i].message));
    }
}

static void
expect_io_error (const char *path, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_no_file (void)
{
  g_autofree char *directory = g_dir_make_tmp ("strata-test-XXXXXX", NULL);
  g_autofree char *missing = g_build_filename (directory, "missing.png", NULL);
  g_autofree char *pipe = g_build_filename (directory, "pipe", NULL);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  expect_io_error (missing, "No such file");
  expect_io_error (directory, "got a directory");
  expect_io_error (pipe, "not a regular one");
  expect_io_error ("/dev/zero", "not a regular one");
  g_unlink (pipe);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/kinds", test_kinds);
  g_test_add_func ("/image/golden-jpeg", test_golden_jpeg);
  g_test_add_func ("/image/content-decides", test_content_decides);
  g_test_add_func ("/image/hash", test_hash);
  g_test_add_func ("/image/row-stride", test_row_stride);
  g_test_add_func ("/image/threads", test_threads);
  g_test_add_func ("/image/every-length", test_every_length);
  g_test_add_func ("/image/changed-bytes", test_changed_bytes);
  g_test_add_func ("/image/broken", test_broken);
  g_test_add_func ("/image/no-file", test_no_file);
  return g_test_run ();
}
