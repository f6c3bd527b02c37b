/* The structure of picture files, as far as decoders leave it to their caller: whether a JPEG is
 * all there, which way up a picture is, and the mark that makes a decoder multiply colours by
 * alpha. Walks bytes that may be anything: every offset is checked before it is followed. */
#include "config.h"

#include <string.h>

#include "pmod-image-private.h"

#define TIFF_TAG_ORIENTATION 274
#define TIFF_TAG_EXTRA_SAMPLES 338
#define TIFF_TYPE_SHORT 3
#define TIFF_ASSOCIATED_ALPHA 1
#define TIFF_UNASSOCIATED_ALPHA 2

#define NOT_FOUND G_MAXSIZE

typedef struct
{
  const guint8 *data;
  gsize n_bytes;
  gboolean big_endian;
} Reader;

static gboolean
holds (const Reader *self, gsize at, gsize n)
{
  return at <= self->n_bytes && n <= self->n_bytes - at;
}

static guint32
read_number (const Reader *self, gsize at, int n_bytes)
{
  guint32 value = 0;
  for (int i = 0; i < n_bytes; i++)
    value = (value << 8) | self->data[at + (self->big_endian ? i : n_bytes - 1 - i)];
  return value;
}

/* --- JPEG ----------------------------------------------------------------------------------- */

/* Index of the next marker's code, fill bytes and escaped data skipped. */
static gsize
find_marker (const Reader *self, gsize at)
{
  while (holds (self, at, 2))
    {
      const guint8 *found = memchr (self->data + at, 0xff, self->n_bytes - at - 1);
      if (found == NULL)
        break;
      at = (gsize)(found - self->data) + 1;
      if (self->data[at] != 0x00 && self->data[at] != 0xff)
        return at;
    }
  return NOT_FOUND;
}

static gboolean
has_no_length (guint8 marker)
{
  return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

gboolean
pmod_image_container_is_complete (PmodImageFormat format, GBytes *bytes)
{
  Reader reader = { .big_endian = TRUE };
  reader.data = g_bytes_get_data (bytes, &reader.n_bytes);
  if (format != PMOD_IMAGE_FORMAT_JPEG)
    return TRUE;
  gsize at = find_marker (&reader, 0);
  while (at != NOT_FOUND && reader.data[at] != 0xd9)
    {
      gsize next = at + 1;
      if (!has_no_length (reader.data[at]))
        {
          if (!holds (&reader, next, 2))
            return FALSE;
          next += read_number (&reader, next, 2);
        }
      at = find_marker (&reader, next);
    }
  return at != NOT_FOUND;
}

/* --- TIFF, and EXIF, which is one ------------------------------------------------------------ */

/* Index of the first value of a SHORT tag in the first directory. */
static gsize
find_tiff_tag (Reader *self, guint32 tag)
{
  if (!holds (self, 0, 8))
    return NOT_FOUND;
  self->big_endian = self->data[0] == 'M';
  gsize directory = read_number (self, 4, 4);
  if (!holds (self, directory, 2))
    return NOT_FOUND;
  guint32 n_entries = read_number (self, directory, 2);
  for (guint32 i = 0; i < n_entries; i++)
    {
      gsize entry = directory + 2 + (gsize)i * 12;
      if (!holds (self, entry, 12))
        return NOT_FOUND;
      guint32 n_values = read_number (self, entry + 4, 4);
      if (read_number (self, entry, 2) == tag &&
          read_number (self, entry + 2, 2) == TIFF_TYPE_SHORT && (n_values == 1 || n_values == 2))
        return entry + 8;
    }
  return NOT_FOUND;
}

int
pmod_image_container_get_exif_orientation (const guint8 *data, gsize n_bytes)
{
  Reader reader = { data, n_bytes, FALSE };
  /* Some writers keep the prefix that only JPEG needs. */
  if (n_bytes > 6 && memcmp (data, "Exif\0\0", 6) == 0)
    reader = (Reader){ data + 6, n_bytes - 6, FALSE };
  gsize at = find_tiff_tag (&reader, TIFF_TAG_ORIENTATION);
  guint32 orientation = at == NOT_FOUND ? 1 : read_number (&reader, at, 2);
  return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
}

/* --- PNG ------------------------------------------------------------------------------------ */

int
pmod_image_container_get_png_orientation (GBytes *bytes)
{
  Reader reader = { .big_endian = TRUE };
  reader.data = g_bytes_get_data (bytes, &reader.n_bytes);
  gsize at = 8;
  while (holds (&reader, at, 8))
    {
      gsize length = read_number (&reader, at, 4);
      if (memcmp (reader.data + at + 4, "eXIf", 4) == 0 && holds (&reader, at + 8, length))
        return pmod_image_container_get_exif_orientation (reader.data + at + 8, length);
      at += 12 + length;
    }
  return 1;
}

/* --- Alpha ---------------------------------------------------------------------------------- */

static GBytes *
copy_changed (GBytes *bytes, gsize at, guint8 value)
{
  gsize n_bytes;
  const guint8 *data = g_bytes_get_data (bytes, &n_bytes);
  guint8 *copy = g_memdup2 (data, n_bytes);
  copy[at] = value;
  return g_bytes_new_take (copy, n_bytes);
}

GBytes *
pmod_image_container_ignore_alpha (PmodImageFormat format, GBytes *bytes)
{
  Reader reader = { .big_endian = FALSE };
  reader.data = g_bytes_get_data (bytes, &reader.n_bytes);
  /* libtiff multiplies colours by an alpha that it is told is not multiplied in yet. */
  if (format == PMOD_IMAGE_FORMAT_TIFF)
    {
      gsize at = find_tiff_tag (&reader, TIFF_TAG_EXTRA_SAMPLES);
      if (at != NOT_FOUND && read_number (&reader, at, 2) == TIFF_UNASSOCIATED_ALPHA)
        return copy_changed (bytes, at + (reader.big_endian ? 1 : 0), TIFF_ASSOCIATED_ALPHA);
    }
  return g_bytes_ref (bytes);
}
