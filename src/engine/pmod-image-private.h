/* What the files that make up PmodImage share. Not for anyone else. */
#pragma once

#include "pmod-image.h"

G_BEGIN_DECLS

/* Takes owner, which holds rgb [H,W,3] U8 and is let go of by release. */
PmodImage *pmod_image_new_take (
    int width, int height, const guint8 *rgb, gpointer owner, GDestroyNotify release);

/* The bytes of a regular file that is not too large for a picture. */
GBytes *pmod_image_read_file (const char *path, GError **error);

/* Before it is handed out. */
void pmod_image_set_path (PmodImage *self, const char *path);

/* --- Decoding ------------------------------------------------------------------------------- */

typedef enum
{
  PMOD_IMAGE_FORMAT_UNKNOWN,
  PMOD_IMAGE_FORMAT_PNG,
  PMOD_IMAGE_FORMAT_JPEG,
  PMOD_IMAGE_FORMAT_WEBP,
  PMOD_IMAGE_FORMAT_TIFF,
  PMOD_IMAGE_FORMAT_GIF,
  PMOD_IMAGE_FORMAT_BMP,
} PmodImageFormat;

/* What a decoder hands over: pixels as the file stores them, to be turned by orientation. */
typedef struct
{
  int width;
  int height;
  int n_channels;  /* 3, or 4 with an alpha that is not multiplied in */
  gsize stride;    /* bytes from row to row */
  guint8 *pixels;  /* inside owner, and nobody else's */
  int orientation; /* as in EXIF: 1 .. 8 */
  gpointer owner;
  GDestroyNotify release;
} PmodImageRaw;

/* The pixels of an encoded picture; name stands at the beginning of error messages. */
PmodImage *
pmod_image_decode (GBytes *bytes, const char *name, PmodImageFlags flags, GError **error);

/* Sets an error and returns FALSE where a picture is larger than allowed. */
gboolean pmod_image_check_size (gint64 width, gint64 height, const char *name, GError **error);

/* Decoders of one family each. format_name is for messages. */
gboolean pmod_image_decode_pixbuf (GBytes *bytes,
                                   PmodImageFormat format,
                                   const char *format_name,
                                   const char *name,
                                   PmodImageRaw *raw,
                                   GError **error);
gboolean pmod_image_decode_gif (GBytes *bytes, const char *name, PmodImageRaw *raw, GError **error);
gboolean
pmod_image_decode_webp (GBytes *bytes, const char *name, PmodImageRaw *raw, GError **error);

/* --- Containers: what is read from a file's structure, no pixel decoded --------------------- */

/* FALSE where a JPEG has no end-of-image marker; TRUE for the other formats, whose decoders tell.
 */
gboolean pmod_image_container_is_complete (PmodImageFormat format, GBytes *bytes);

/* The orientation in a PNG's eXIf chunk, 1 without one. */
int pmod_image_container_get_png_orientation (GBytes *bytes);

/* The orientation in a block of EXIF data, 1 without one. */
int pmod_image_container_get_exif_orientation (const guint8 *data, gsize n_bytes);

/* The same file (transfer full), changed where needed so that its decoder leaves the colours of
 * transparent pixels alone. */
GBytes *pmod_image_container_ignore_alpha (PmodImageFormat format, GBytes *bytes);

/* --- Resizing ------------------------------------------------------------------------------- */

/* A picture that lies on a larger canvas of one colour, resized as a whole, of which only a window
 * is wanted. Neither the canvas nor the rest of the result is ever built, so that a picture of
 * 1 x 1000000 costs no more than its own pixels. */
typedef struct
{
  int canvas_width;
  int canvas_height;
  int offset_x; /* of the picture on the canvas; the picture lies inside */
  int offset_y;
  guint8 colour[3];
  gint64 out_width; /* of the whole result */
  gint64 out_height;
  gint64 window_x;
  gint64 window_y;
  int window_width;
  int window_height;
} PmodResample;

/* rgb: [window_height, window_width, 3] U8. */
void pmod_image_resample (const PmodImage *self, const PmodResample *spec, guint8 *rgb);

G_END_DECLS
