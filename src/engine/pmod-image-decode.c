/* From the bytes of a picture file to RGB8.
 *
 * The format is told by the bytes alone, never by a name, and only loaders for the formats listed
 * here are started: what else gdk-pixbuf may have installed (SVG, XPM, thumbnailers of video)
 * never sees a file. Sizes are checked before any pixel is allocated. */
#include "config.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#include "pmod-image-private.h"

#define EXPECTED "PNG, JPEG, WebP, TIFF, GIF, BMP or PNM"
#define CHUNK_BYTES (64 * 1024)

typedef struct
{
  const char *name;
  const char *loader; /* gdk-pixbuf's name of it; NULL: known, but not read */
  gsize offset;
  gsize length;
  const char *magic;
} Signature;

/* In order: the first that fits is taken. */
static const Signature signatures[] = {
  { "PNG", "png", 0, 8, "\x89PNG\r\n\x1a\n" },
  { "JPEG", "jpeg", 0, 3, "\xff\xd8\xff" },
  { "WebP", "webp", 8, 4, "WEBP" },
  { "TIFF", "tiff", 0, 4, "II*\0" },
  { "TIFF", "tiff", 0, 4, "MM\0*" },
  { "GIF", "gif", 0, 6, "GIF87a" },
  { "GIF", "gif", 0, 6, "GIF89a" },
  { "BMP", "bmp", 0, 2, "BM" },
  { "PNM", "pnm", 0, 2, "P1" },
  { "PNM", "pnm", 0, 2, "P2" },
  { "PNM", "pnm", 0, 2, "P3" },
  { "PNM", "pnm", 0, 2, "P4" },
  { "PNM", "pnm", 0, 2, "P5" },
  { "PNM", "pnm", 0, 2, "P6" },
  { "an AVIF picture", NULL, 4, 8, "ftypavif" },
  { "a HEIC picture", NULL, 4, 7, "ftyphei" },
  { "a HEIF picture", NULL, 4, 7, "ftypmif" },
  { "a video", NULL, 4, 4, "ftyp" },
  { "a video", NULL, 0, 4, "\x1a\x45\xdf\xa3" },
  { "a JPEG XL picture", NULL, 0, 2, "\xff\x0a" },
  { "a JPEG XL picture", NULL, 4, 4, "JXL " },
  { "a JPEG 2000 picture", NULL, 4, 4, "jP  " },
  { "a big TIFF picture", NULL, 0, 4, "II+\0" },
  { "a Photoshop document", NULL, 0, 4, "8BPS" },
  { "an icon", NULL, 0, 4, "\0\0\1\0" },
  { "a PDF document", NULL, 0, 5, "%PDF-" },
  { "a PostScript document", NULL, 0, 4, "%!PS" },
  { "a ZIP archive", NULL, 0, 4, "PK\3\4" },
  { "gzip data", NULL, 0, 2, "\x1f\x8b" },
  { "an SVG drawing", NULL, 0, 4, "<svg" },
  { "a web page", NULL, 0, 9, "<!DOCTYPE" },
  { "a web page", NULL, 0, 5, "<html" },
};

/* What gdk-pixbuf's callbacks find out. */
typedef struct
{
  int width; /* of the file, 0 before it is known */
  int height;
  gboolean too_large;
  int rows; /* up to the lowest one decoded */
} Progress;

static gboolean
has_signature (const Signature *signature, const guint8 *data, gsize n_bytes)
{
  return n_bytes >= signature->offset + signature->length &&
         memcmp (data + signature->offset, signature->magic, signature->length) == 0;
}

static const Signature *
find_signature (const guint8 *data, gsize n_bytes)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signatures); i++)
    if (has_signature (&signatures[i], data, n_bytes))
      return &signatures[i];
  return NULL;
}

static gboolean
is_text (const guint8 *data, gsize n_bytes)
{
  const char *end;
  gsize n = MIN (n_bytes, 512);
  if (memchr (data, 0, n) != NULL)
    return FALSE;
  /* The cut at n may have split a character. */
  return g_utf8_validate ((const char *)data, (gssize)n, &end) ||
         (n < n_bytes && (const char *)data + n - end < 4);
}

/* (transfer full) */
static char *
describe_unknown (const guint8 *data, gsize n_bytes)
{
  if (is_text (data, n_bytes))
    return g_strdup (g_strstr_len ((const char *)data, (gssize)MIN (n_bytes, 512), "<svg") != NULL
                         ? "an SVG drawing"
                         : "text");
  GString *text = g_string_new ("a file that begins with the bytes");
  for (gsize i = 0; i < MIN (n_bytes, 8); i++)
    g_string_append_printf (text, " %02x", data[i]);
  return g_string_free (text, FALSE);
}

static const Signature *
identify (const guint8 *data, gsize n_bytes, const char *name, GError **error)
{
  if (n_bytes == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: expected a picture (" EXPECTED "), got an empty file", name);
      return NULL;
    }
  const Signature *signature = find_signature (data, n_bytes);
  if (signature != NULL && signature->loader != NULL)
    return signature;

  g_autofree char *got =
      signature != NULL ? g_strdup (signature->name) : describe_unknown (data, n_bytes);
  g_set_error (error, PMOD_ERROR, signature != NULL ? PMOD_ERROR_UNSUPPORTED : PMOD_ERROR_FORMAT,
               "%s: expected a picture (" EXPECTED "), got %s", name, got);
  return NULL;
}

/* --- gdk-pixbuf ----------------------------------------------------------------------------- */

static gboolean
is_too_large (gint64 width, gint64 height)
{
  return width > PMOD_IMAGE_MAX_SIDE || height > PMOD_IMAGE_MAX_SIDE ||
         width * height > PMOD_IMAGE_MAX_PIXELS;
}

static void
size_prepared_cb (GdkPixbufLoader *loader, int width, int height, gpointer user_data)
{
  Progress *progress = user_data;
  progress->width = width;
  progress->height = height;
  progress->too_large = is_too_large (width, height);
  /* The loaders take a size of zero as the wish to stop, and allocate nothing. */
  if (progress->too_large)
    gdk_pixbuf_loader_set_size (loader, 0, 0);
}

static void
area_updated_cb (GdkPixbufLoader *loader, int x, int y, int width, int height, gpointer user_data)
{
  Progress *progress = user_data;
  progress->rows = MAX (progress->rows, y + height);
}

/* Whether the caller may go on; all errors of the loader end up here. */
static gboolean
translate_error (GError *cause,
                 const Progress *progress,
                 const Signature *signature,
                 const char *name,
                 GError **error)
{
  g_autoptr (GError) owned = cause;
  if (progress->too_large)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "%s: expected a picture of at most %d pixels and %d a side, got %d x %d", name,
                 PMOD_IMAGE_MAX_PIXELS, PMOD_IMAGE_MAX_SIDE, progress->width, progress->height);
  else if (g_error_matches (owned, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "%s: no memory for a picture of %d x %d",
                 name, progress->width, progress->height);
  else if (owned != NULL)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: damaged %s: %s", name, signature->name,
                 owned->message);
  else
    return TRUE;
  return FALSE;
}

static GdkPixbufLoader *
create_loader (const Signature *signature, Progress *progress, const char *name, GError **error)
{
  g_autoptr (GError) cause = NULL;
  GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type (signature->loader, &cause);
  if (loader == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "%s: gdk-pixbuf has no loader for %s here: %s", name, signature->name,
                   cause->message);
      return NULL;
    }
  g_signal_connect (loader, "size-prepared", G_CALLBACK (size_prepared_cb), progress);
  g_signal_connect (loader, "area-updated", G_CALLBACK (area_updated_cb), progress);
  return loader;
}

static gboolean
feed (GdkPixbufLoader *loader, const guint8 *data, gsize n_bytes, GError **error)
{
  gboolean written = TRUE;
  for (gsize at = 0; written && at < n_bytes; at += CHUNK_BYTES)
    written = gdk_pixbuf_loader_write (loader, data + at, MIN (CHUNK_BYTES, n_bytes - at), error);
  /* A loader must be closed whatever happened; its second error says less than the first. */
  return gdk_pixbuf_loader_close (loader, written ? error : NULL) && written;
}

/* (transfer full): the whole picture, or an error. */
static GdkPixbuf *
run_loader (
    const Signature *signature, const guint8 *data, gsize n_bytes, const char *name, GError **error)
{
  Progress progress = { 0 };
  g_autoptr (GdkPixbufLoader) loader = create_loader (signature, &progress, name, error);
  if (loader == NULL)
    return NULL;

  GError *cause = NULL;
  feed (loader, data, n_bytes, &cause);
  if (!translate_error (cause, &progress, signature, name, error))
    return NULL;

  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  int height = pixbuf != NULL ? gdk_pixbuf_get_height (pixbuf) : progress.height;
  if (pixbuf == NULL || progress.rows < height)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: truncated %s: expected %d rows, got %d", name, signature->name, height,
                   progress.rows);
      return NULL;
    }
  return g_object_ref (pixbuf);
}

/* --- Pixels --------------------------------------------------------------------------------- */

/* Moves the rows together inside the pixbuf's own memory, alpha left out. */
static guint8 *
pack_rgb (GdkPixbuf *pixbuf)
{
  int width = gdk_pixbuf_get_width (pixbuf);
  int height = gdk_pixbuf_get_height (pixbuf);
  int n_channels = gdk_pixbuf_get_n_channels (pixbuf);
  gsize stride = (gsize)gdk_pixbuf_get_rowstride (pixbuf);
  guint8 *rgb = gdk_pixbuf_get_pixels (pixbuf);
  guint8 *to = rgb;
  for (int y = 0; y < height; y++)
    {
      const guint8 *from = rgb + y * stride;
      if (n_channels == 3)
        memmove (to, from, (gsize)width * 3);
      else
        for (int x = 0; x < width; x++)
          for (int c = 0; c < 3; c++)
            to[x * 3 + c] = from[x * 4 + c];
      to += (gsize)width * 3;
    }
  return rgb;
}

PmodImage *
pmod_image_decode (GBytes *bytes, const char *name, PmodImageFlags flags, GError **error)
{
  gsize n_bytes;
  const guint8 *data = g_bytes_get_data (bytes, &n_bytes);
  const Signature *signature = identify (data, n_bytes, name, error);
  if (signature == NULL)
    return NULL;
  g_autoptr (GdkPixbuf) pixbuf = run_loader (signature, data, n_bytes, name, error);
  if (pixbuf == NULL)
    return NULL;
  if (!(flags & PMOD_IMAGE_IGNORE_EXIF))
    {
      g_autoptr (GdkPixbuf) turned = gdk_pixbuf_apply_embedded_orientation (pixbuf);
      g_set_object (&pixbuf, turned);
    }
  int width = gdk_pixbuf_get_width (pixbuf);
  int height = gdk_pixbuf_get_height (pixbuf);
  const guint8 *rgb = pack_rgb (pixbuf);
  return pmod_image_new_take (width, height, rgb, g_steal_pointer (&pixbuf), g_object_unref);
}
