/* From the bytes of a picture file to a PmodImage.
 *
 * The format is told by the bytes alone, never by a name, and only the decoders of the formats
 * listed here ever see a file: whatever else gdk-pixbuf has loaders for (SVG, XPM, icons) is
 * refused by what it is. */
#include "config.h"

#include <string.h>

#include "pmod-image-private.h"

#define EXPECTED "expected a picture (PNG, JPEG, WebP, TIFF, GIF or BMP)"
#define TEXT_BYTES 512 /* enough to tell text from data */
#define TURN_BLOCK 64  /* rows of the result turned at once, so that reads share cache lines */

typedef struct
{
  const char *name;
  PmodImageFormat format; /* UNKNOWN: known, but not read */
  gsize offset;
  gsize length;
  const char *magic;
} Signature;

/* In order: the first that fits is taken. */
static const Signature signatures[] = {
  { "PNG", PMOD_IMAGE_FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n" },
  { "JPEG", PMOD_IMAGE_FORMAT_JPEG, 0, 3, "\xff\xd8\xff" },
  { "WebP", PMOD_IMAGE_FORMAT_WEBP, 8, 4, "WEBP" },
  { "TIFF", PMOD_IMAGE_FORMAT_TIFF, 0, 4, "II*\0" },
  { "TIFF", PMOD_IMAGE_FORMAT_TIFF, 0, 4, "MM\0*" },
  { "GIF", PMOD_IMAGE_FORMAT_GIF, 0, 6, "GIF87a" },
  { "GIF", PMOD_IMAGE_FORMAT_GIF, 0, 6, "GIF89a" },
  { "BMP", PMOD_IMAGE_FORMAT_BMP, 0, 2, "BM" },
  { "an AVIF picture", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 7, "ftypavi" },
  { "a HEIC picture", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 7, "ftyphei" },
  { "a HEIF picture", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 7, "ftypmif" },
  { "a video", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 4, "ftyp" },
  { "a video", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "\x1a\x45\xdf\xa3" },
  { "a JPEG XL picture", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 2, "\xff\x0a" },
  { "a JPEG XL picture", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 4, "JXL " },
  { "a JPEG 2000 picture", PMOD_IMAGE_FORMAT_UNKNOWN, 4, 4, "jP  " },
  { "a BigTIFF picture", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "II+\0" },
  { "a Photoshop document", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "8BPS" },
  { "an icon", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "\0\0\1\0" },
  { "a PDF document", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 5, "%PDF-" },
  { "a PostScript document", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "%!PS" },
  { "a ZIP archive", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 4, "PK\3\4" },
  { "gzip data", PMOD_IMAGE_FORMAT_UNKNOWN, 0, 2, "\x1f\x8b" },
};

static const Signature *
find_signature (const guint8 *data, gsize n_bytes)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signatures); i++)
    {
      const Signature *it = &signatures[i];
      if (n_bytes >= it->offset + it->length &&
          memcmp (data + it->offset, it->magic, it->length) == 0)
        return it;
    }
  return NULL;
}

/* NULL where it is none. */
static const char *
describe_text (const guint8 *data, gsize n_bytes)
{
  const char *text = (const char *)data;
  const char *end;
  gssize n = (gssize)MIN (n_bytes, TEXT_BYTES);
  gboolean valid = g_utf8_validate (text, n, &end);
  /* The cut may have split a character, of up to 4 bytes. */
  if (!valid && (n_bytes <= TEXT_BYTES || text + n - end >= 4))
    return NULL;
  if (g_strstr_len (text, n, "<svg") != NULL)
    return "an SVG drawing";
  if (g_strstr_len (text, n, "<html") != NULL || g_strstr_len (text, n, "<!DOCTYPE html") != NULL)
    return "a web page";
  return "text";
}

/* Sets the error that says what the file is instead. */
static void
refuse (
    const Signature *signature, const guint8 *data, gsize n_bytes, const char *name, GError **error)
{
  g_autoptr (GString) got = g_string_new (signature != NULL ? signature->name : NULL);
  if (n_bytes == 0)
    g_string_assign (got, "an empty file");
  else if (signature == NULL && describe_text (data, n_bytes) != NULL)
    g_string_assign (got, describe_text (data, n_bytes));
  else if (signature == NULL)
    {
      g_string_assign (got, "a file that begins with");
      for (gsize i = 0; i < MIN (n_bytes, 8); i++)
        g_string_append_printf (got, " %02x", data[i]);
    }
  g_set_error (error, PMOD_ERROR, signature != NULL ? PMOD_ERROR_UNSUPPORTED : PMOD_ERROR_FORMAT,
               "%s: " EXPECTED ", got %s", name, got->str);
}

gboolean
pmod_image_check_size (gint64 width, gint64 height, const char *name, GError **error)
{
  if (width > 0 && height > 0 && width <= PMOD_IMAGE_MAX_SIDE && height <= PMOD_IMAGE_MAX_SIDE &&
      width * height <= PMOD_IMAGE_MAX_PIXELS)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "%s: expected a picture of at most %d pixels and %d a side, got %" G_GINT64_FORMAT
               " x %" G_GINT64_FORMAT,
               name, PMOD_IMAGE_MAX_PIXELS, PMOD_IMAGE_MAX_SIDE, width, height);
  return FALSE;
}

/* Moves the rows together inside the decoder's own memory, alpha left out. */
static void
pack (PmodImageRaw *raw)
{
  guint8 *to = raw->pixels;
  for (int y = 0; y < raw->height; y++)
    {
      const guint8 *from = raw->pixels + y * raw->stride;
      if (raw->n_channels == 3)
        memmove (to, from, (gsize)raw->width * 3);
      else
        for (int x = 0; x < raw->width; x++)
          for (int c = 0; c < 3; c++)
            to[x * 3 + c] = from[x * 4 + c];
      to += (gsize)raw->width * 3;
    }
}

/* NULL where there is no memory. EXIF's orientations 2, 3, 7 and 8 mirror the stored x, 3, 4, 6 and
 * 7 the stored y, and from 5 on the axes are swapped. */
static guint8 *
turn (const PmodImageRaw *raw)
{
  int o = raw->orientation;
  gboolean mirror_x = o == 2 || o == 3 || o == 7 || o == 8;
  gboolean mirror_y = o == 3 || o == 4 || o == 6 || o == 7;
  gssize along_x = mirror_x ? -raw->n_channels : raw->n_channels;
  gssize along_y = mirror_y ? -(gssize)raw->stride : (gssize)raw->stride;
  const guint8 *from = raw->pixels + (mirror_x ? (gsize)(raw->width - 1) * raw->n_channels : 0) +
                       (mirror_y ? (raw->height - 1) * raw->stride : 0);
  int width = o >= 5 ? raw->height : raw->width;
  int height = o >= 5 ? raw->width : raw->height;
  gssize step_x = o >= 5 ? along_y : along_x;
  gssize step_y = o >= 5 ? along_x : along_y;

  guint8 *rgb = g_try_malloc_n ((gsize)width * height, 3);
  for (int block = 0; rgb != NULL && block < height; block += TURN_BLOCK)
    for (int x = 0; x < width; x++)
      for (int y = block; y < MIN (block + TURN_BLOCK, height); y++)
        memcpy (rgb + ((gsize)y * width + x) * 3, from + y * step_y + x * step_x, 3);
  return rgb;
}

static PmodImage *
finish (PmodImageRaw *raw, const char *name, GError **error)
{
  if (raw->orientation <= 1 || raw->orientation > 8)
    {
      pack (raw);
      return pmod_image_new_take (raw->width, raw->height, raw->pixels, raw->owner, raw->release);
    }
  guint8 *rgb = turn (raw);
  raw->release (raw->owner);
  if (rgb == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY,
                   "%s: no memory to turn a picture of %d x %d", name, raw->width, raw->height);
      return NULL;
    }
  int width = raw->orientation >= 5 ? raw->height : raw->width;
  int height = raw->orientation >= 5 ? raw->width : raw->height;
  return pmod_image_new_take (width, height, rgb, rgb, g_free);
}

static gboolean
decode_raw (
    GBytes *bytes, const Signature *signature, const char *name, PmodImageRaw *raw, GError **error)
{
  switch (signature->format)
    {
    case PMOD_IMAGE_FORMAT_WEBP:
      return pmod_image_decode_webp (bytes, name, raw, error);
    case PMOD_IMAGE_FORMAT_GIF:
      return pmod_image_decode_gif (bytes, name, raw, error);
    default:
      return pmod_image_decode_pixbuf (bytes, signature->format, signature->name, name, raw, error);
    }
}

PmodImage *
pmod_image_decode (GBytes *bytes, const char *name, PmodImageFlags flags, GError **error)
{
  gsize n_bytes;
  const guint8 *data = g_bytes_get_data (bytes, &n_bytes);
  const Signature *signature = find_signature (data, n_bytes);
  if (signature == NULL || signature->format == PMOD_IMAGE_FORMAT_UNKNOWN)
    {
      refuse (signature, data, n_bytes, name, error);
      return NULL;
    }
  PmodImageRaw raw = { 0 };
  if (!decode_raw (bytes, signature, name, &raw, error))
    {
      if (raw.owner != NULL)
        raw.release (raw.owner);
      return NULL;
    }
  /* TIFF's own orientation is not EXIF: every reader applies it. */
  if ((flags & PMOD_IMAGE_IGNORE_EXIF) && signature->format != PMOD_IMAGE_FORMAT_TIFF)
    raw.orientation = 1;
  return finish (&raw, name, error);
}
