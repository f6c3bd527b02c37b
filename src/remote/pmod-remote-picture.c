/* Pixels on their way. The server gets what was decoded here, not the file: so both see the same
 * picture to the last bit, and a hostile file has nobody to attack there. */
#include "config.h"

#include "pmod-remote-wire.h"

#include <string.h>

/* Photographs shrink to about two thirds; more effort gains little and takes long. */
#define LEVEL 1

#define CHUNK (64 * 1024)

/* All of it or an error. Output is never longer than it says. */
static gboolean
convert (GConverter *converter,
         const guint8 *in,
         gsize in_size,
         GByteArray *out,
         gsize max_size,
         GError **error)
{
  GConverterResult result = G_CONVERTER_CONVERTED;
  guint8 *chunk = g_malloc (CHUNK);
  gboolean done = TRUE;

  while (done && result != G_CONVERTER_FINISHED)
    {
      gsize n_read = 0, n_written = 0;

      result = g_converter_convert (converter, in, in_size, chunk, CHUNK, G_CONVERTER_INPUT_AT_END,
                                    &n_read, &n_written, error);
      done = result != G_CONVERTER_ERROR && n_written <= max_size - out->len;
      if (result != G_CONVERTER_ERROR && !done)
        g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                             "picture: more pixels than its size says");
      if (!done)
        break;
      g_byte_array_append (out, chunk, (guint)n_written);
      in += n_read;
      in_size -= n_read;
    }
  g_free (chunk);
  return done;
}

GBytes *
pmod_remote_picture_pack (const PmodImage *image, GError **error)
{
  gsize row = (gsize)pmod_image_get_width (image) * 3;
  gsize size = row * (gsize)pmod_image_get_height (image);
  const guint8 *rgb = pmod_image_get_rgb (image);
  g_autoptr (GZlibCompressor) compressor =
      g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, LEVEL);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree guint8 *differences = g_malloc (size);

  for (gsize start = 0; start < size; start += row)
    for (gsize i = 0; i < row; i++)
      differences[start + i] = (guint8)(rgb[start + i] - (i < 3 ? 0 : rgb[start + i - 3]));
  if (!convert (G_CONVERTER (compressor), differences, size, out, G_MAXUINT32, error))
    return NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

PmodImage *
pmod_remote_picture_unpack (const guint8 *bytes, gsize size, int width, int height, GError **error)
{
  gsize row = (gsize)width * 3, whole = row * (gsize)height;
  g_autoptr (GZlibDecompressor) decompressor =
      g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GError) local = NULL;

  if (!convert (G_CONVERTER (decompressor), bytes, size, out, whole, &local) || out->len != whole)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "picture: expected %" G_GSIZE_FORMAT " bytes of pixels of %d x %d, got %u%s%s",
                   whole, width, height, out->len, local != NULL ? ": " : "",
                   local != NULL ? local->message : "");
      return NULL;
    }
  for (gsize start = 0; start < whole; start += row)
    for (gsize i = 3; i < row; i++)
      out->data[start + i] = (guint8)(out->data[start + i] + out->data[start + i - 3]);
  return pmod_image_new (width, height, row, out->data);
}
