/* The first frame of a GIF. Not through gdk-pixbuf: its loader needs minutes for a frame of 100
 * megapixels (each part of the file decodes the frame anew, or each block moves the rest of the
 * file), reads the whole animation, and forgets the colour of transparent pixels. */
#include "config.h"

#include <string.h>

#include "pmod-image-private.h"

#define MAX_CODE_BITS 12
#define MAX_CODES (1 << MAX_CODE_BITS)
#define MAX_INDEX_BITS 8

/* Reads bits out of a chain of blocks of up to 255 bytes, each preceded by its length. */
typedef struct
{
  const guint8 *data;
  gsize n_bytes;
  gsize at;
  gsize block_end;
  guint32 bits;
  int n_bits;
} Reader;

typedef struct
{
  int x;
  int y;
  int width;
  int height;
  gboolean interlaced;
  guint8 palette[256][3];
  int transparent; /* index, or -1 */
} Frame;

static gboolean
set_error (const char *name, const char *what, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", name, what);
  return FALSE;
}

static gboolean
holds (const Reader *self, gsize n)
{
  return n <= self->n_bytes - self->at;
}

static int
read_short (const Reader *self, gsize offset)
{
  const guint8 *data = self->data + self->at + offset;
  return data[0] | data[1] << 8;
}

/* --- Data ----------------------------------------------------------------------------------- */

static gboolean
read_byte (Reader *self, guint8 *byte)
{
  if (self->at >= self->block_end)
    {
      if (!holds (self, 1) || self->data[self->at] == 0)
        return FALSE;
      self->block_end = MIN (self->at + 1 + self->data[self->at], self->n_bytes);
      self->at++;
      if (self->at >= self->block_end)
        return FALSE;
    }
  *byte = self->data[self->at++];
  return TRUE;
}

/* -1 at the end. */
static int
read_code (Reader *self, int width)
{
  guint8 byte;
  while (self->n_bits < width)
    {
      if (!read_byte (self, &byte))
        return -1;
      self->bits |= (guint32)byte << self->n_bits;
      self->n_bits += 8;
    }
  int code = (int)(self->bits & ((1u << width) - 1));
  self->bits >>= width;
  self->n_bits -= width;
  return code;
}

/* LZW: a code stands for the string of an earlier code and one more index. Returns how many of
 * n_pixels indices were decoded before the data ended or stopped making sense. */
static gsize
decode_indices (Reader *reader, int index_bits, guint8 *indices, gsize n_pixels)
{
  guint16 prefix[MAX_CODES];
  guint8 last[MAX_CODES];
  guint8 string[MAX_CODES]; /* of one code, backwards */
  const int clear = 1 << index_bits;
  int width = index_bits + 1;
  int next = clear + 2;
  int previous = -1;
  guint8 first = 0;
  gsize done = 0;

  while (done < n_pixels)
    {
      int code = read_code (reader, width);
      if (code < 0 || code == clear + 1)
        break;
      if (code == clear)
        {
          width = index_bits + 1;
          next = clear + 2;
          previous = -1;
          continue;
        }
      if (code > next || (previous < 0 && code >= clear))
        break;

      int n = 0;
      int walk = code;
      if (code == next) /* the string that is about to be defined ends as it begins */
        {
          string[n++] = first;
          walk = previous;
        }
      for (; walk >= clear; walk = prefix[walk])
        string[n++] = last[walk];
      string[n++] = first = (guint8)walk;
      while (n > 0 && done < n_pixels)
        indices[done++] = string[--n];

      if (previous >= 0 && next < MAX_CODES)
        {
          prefix[next] = (guint16)previous;
          last[next] = first;
          next++;
          if (next == 1 << width && width < MAX_CODE_BITS)
            width++;
        }
      previous = code;
    }
  return done;
}

/* --- Structure ------------------------------------------------------------------------------ */

/* A palette of 2 to 256 colours at the reader's place, as flags have it. */
static gboolean
read_palette (Reader *self, guint8 flags, Frame *frame)
{
  if (!(flags & 0x80))
    return TRUE;
  gsize n_bytes = 3u << ((flags & 7) + 1);
  if (!holds (self, n_bytes))
    return FALSE;
  memset (frame->palette, 0, sizeof frame->palette);
  memcpy (frame->palette, self->data + self->at, n_bytes);
  self->at += n_bytes;
  return TRUE;
}

static void
skip_blocks (Reader *self)
{
  while (holds (self, 1) && self->data[self->at] != 0)
    self->at = MIN (self->at + 1 + self->data[self->at], self->n_bytes);
  self->at = MIN (self->at + 1, self->n_bytes);
}

/* Up to the first frame's header. */
static void
read_extensions (Reader *self, Frame *frame)
{
  while (holds (self, 2) && self->data[self->at] == 0x21)
    {
      gboolean control = self->data[self->at + 1] == 0xf9;
      self->at += 2;
      if (control && holds (self, 5) && (self->data[self->at + 1] & 1))
        frame->transparent = self->data[self->at + 4];
      skip_blocks (self);
    }
}

static gboolean
read_header (Reader *self, Frame *frame, int *width, int *height)
{
  /* Without any palette the indices are greys. */
  for (int i = 0; i < 256; i++)
    memset (frame->palette[i], i, 3);
  if (!holds (self, 13))
    return FALSE;
  *width = read_short (self, 6);
  *height = read_short (self, 8);
  guint8 flags = self->data[10];
  self->at = 13;
  if (!read_palette (self, flags, frame))
    return FALSE;
  read_extensions (self, frame);
  if (!holds (self, 10) || self->data[self->at] != ',')
    return FALSE;
  frame->x = read_short (self, 1);
  frame->y = read_short (self, 3);
  frame->width = read_short (self, 5);
  frame->height = read_short (self, 7);
  flags = self->data[self->at + 9];
  frame->interlaced = (flags & 0x40) != 0;
  self->at += 10;
  /* A frame larger than its screen enlarges it. */
  *width = MAX (*width, frame->x + frame->width);
  *height = MAX (*height, frame->y + frame->height);
  return read_palette (self, flags, frame) && holds (self, 1);
}

/* --- Pixels --------------------------------------------------------------------------------- */

static void
paint_row (const Frame *frame, const guint8 *indices, int row, PmodImageRaw *raw)
{
  guint8 *to = raw->pixels + (gsize)(frame->y + row) * raw->stride + (gsize)frame->x * 3;
  for (int x = 0; x < frame->width; x++)
    memcpy (to + x * 3, frame->palette[indices[x]], 3);
}

/* The rows of an interlaced frame come in four passes. */
static void
paint (const Frame *frame, const guint8 *indices, PmodImageRaw *raw)
{
  static const int first[] = { 0, 4, 2, 1 };
  static const int step[] = { 8, 8, 4, 2 };
  for (int pass = 0; pass < (frame->interlaced ? 4 : 1); pass++)
    for (int row = first[pass]; row < frame->height; row += frame->interlaced ? step[pass] : 1)
      {
        paint_row (frame, indices, row, raw);
        indices += frame->width;
      }
}

static gboolean
decode_frame (
    Reader *reader, const Frame *frame, const char *name, PmodImageRaw *raw, GError **error)
{
  int index_bits = reader->data[reader->at++];
  if (index_bits < 1 || index_bits > MAX_INDEX_BITS || frame->width == 0 || frame->height == 0)
    return set_error (name, "damaged GIF: its first frame's header makes no sense", error);

  gsize n_pixels = (gsize)frame->width * frame->height;
  g_autofree guint8 *indices = g_try_malloc (n_pixels);
  raw->pixels = raw->owner = g_try_malloc_n (raw->height, raw->stride);
  raw->release = g_free;
  if (indices == NULL || raw->pixels == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "%s: no memory for a picture of %d x %d",
                   name, raw->width, raw->height);
      return FALSE;
    }
  gsize done = decode_indices (reader, index_bits, indices, n_pixels);
  if (done < n_pixels)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: truncated GIF: expected %d rows, got %d", name, frame->height,
                   (int)(done / frame->width));
      return FALSE;
    }
  /* Around a small frame, what the reference puts there. */
  const guint8 *around = frame->palette[MAX (frame->transparent, 0)];
  if (frame->width < raw->width || frame->height < raw->height)
    for (gsize i = 0; i < (gsize)raw->width * raw->height; i++)
      memcpy (raw->pixels + i * 3, around, 3);
  paint (frame, indices, raw);
  return TRUE;
}

gboolean
pmod_image_decode_gif (GBytes *bytes, const char *name, PmodImageRaw *raw, GError **error)
{
  Reader reader = { 0 };
  Frame frame = { .transparent = -1 };
  reader.data = g_bytes_get_data (bytes, &reader.n_bytes);
  if (!read_header (&reader, &frame, &raw->width, &raw->height))
    return set_error (name, "truncated GIF: it ends before its first frame", error);
  if (!pmod_image_check_size (raw->width, raw->height, name, error))
    return FALSE;
  raw->n_channels = 3;
  raw->stride = (gsize)raw->width * 3;
  raw->orientation = 1;
  return decode_frame (&reader, &frame, name, raw, error);
}
