/* PNG, JPEG, TIFF and BMP through gdk-pixbuf's loaders, without a main loop, on any thread.
 * Sizes are checked before the loader allocates a pixel, and a picture of which rows are missing
 * is an error, where the loaders would shrug. */
#include "config.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

#include "pmod-image-private.h"

/* What the loader's signals tell. */
typedef struct
{
  const char *name;
  GError *refused; /* the size is over the limit */
  int top;         /* rows decoded: top .. bottom */
  int bottom;
} Progress;

static const char *
get_loader_type (PmodImageFormat format)
{
  switch (format)
    {
    case PMOD_IMAGE_FORMAT_PNG:
      return "png";
    case PMOD_IMAGE_FORMAT_JPEG:
      return "jpeg";
    case PMOD_IMAGE_FORMAT_TIFF:
      return "tiff";
    default:
      return "bmp";
    }
}

static void
size_prepared_cb (GdkPixbufLoader *loader, int width, int height, gpointer user_data)
{
  Progress *progress = user_data;
  /* The loaders take a size of zero as the wish to stop, and allocate nothing. */
  if (progress->refused == NULL &&
      !pmod_image_check_size (width, height, progress->name, &progress->refused))
    gdk_pixbuf_loader_set_size (loader, 0, 0);
}

static void
area_updated_cb (GdkPixbufLoader *loader, int x, int y, int width, int height, gpointer user_data)
{
  Progress *progress = user_data;
  progress->top = MIN (progress->top, y);
  progress->bottom = MAX (progress->bottom, y + height);
}

static void
feed (GdkPixbufLoader *loader, GBytes *bytes, GError **error)
{
  gboolean written = gdk_pixbuf_loader_write_bytes (loader, bytes, error);
  /* A loader must be closed whatever happened; its second error says less than the first. */
  gdk_pixbuf_loader_close (loader, written ? error : NULL);
}

static gboolean
set_error (const GError *cause, const char *format_name, const char *name, GError **error)
{
  gboolean memory = g_error_matches (cause, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY);
  g_set_error (error, PMOD_ERROR, memory ? PMOD_ERROR_MEMORY : PMOD_ERROR_FORMAT, "%s: %s %s: %s",
               name, memory ? "no memory for this" : "damaged or unusual", format_name,
               cause->message);
  return FALSE;
}

static gboolean
is_whole (GdkPixbuf *pixbuf,
          const Progress *progress,
          const char *format_name,
          const char *name,
          GError **error)
{
  int height = pixbuf != NULL ? gdk_pixbuf_get_height (pixbuf) : 0;
  if (height > 0 && progress->top <= 0 && progress->bottom >= height)
    return TRUE;
  if (height == 0)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: truncated %s: it ends before its pixels", name, format_name);
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: truncated %s: expected %d rows, got %d",
                 name, format_name, height, MAX (progress->bottom - progress->top, 0));
  return FALSE;
}

/* (transfer full) */
static GdkPixbuf *
run_loader (GdkPixbufLoader *loader,
            GBytes *bytes,
            const char *format_name,
            const char *name,
            GError **error)
{
  Progress progress = { .name = name, .top = G_MAXINT };
  g_signal_connect (loader, "size-prepared", G_CALLBACK (size_prepared_cb), &progress);
  g_signal_connect (loader, "area-updated", G_CALLBACK (area_updated_cb), &progress);

  g_autoptr (GError) cause = NULL;
  feed (loader, bytes, &cause);
  if (progress.refused != NULL)
    {
      g_propagate_error (error, progress.refused);
      return NULL;
    }
  if (cause != NULL)
    {
      set_error (cause, format_name, name, error);
      return NULL;
    }
  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  return is_whole (pixbuf, &progress, format_name, name, error) ? g_object_ref (pixbuf) : NULL;
}

gboolean
pmod_image_decode_pixbuf (GBytes *bytes,
                          PmodImageFormat format,
                          const char *format_name,
                          const char *name,
                          PmodImageRaw *raw,
                          GError **error)
{
  if (!pmod_image_container_is_complete (format, bytes))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: truncated %s: expected an end-of-image marker, got the end of the file",
                   name, format_name);
      return FALSE;
    }
  g_autoptr (GError) cause = NULL;
  g_autoptr (GdkPixbufLoader) loader =
      gdk_pixbuf_loader_new_with_type (get_loader_type (format), &cause);
  if (loader == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "%s: gdk-pixbuf has no loader for %s here: %s", name, format_name,
                   cause->message);
      return FALSE;
    }
  g_autoptr (GBytes) without_alpha = pmod_image_container_ignore_alpha (format, bytes);
  GdkPixbuf *pixbuf = run_loader (loader, without_alpha, format_name, name, error);
  if (pixbuf == NULL)
    return FALSE;

  const char *orientation = gdk_pixbuf_get_option (pixbuf, "orientation");
  raw->width = gdk_pixbuf_get_width (pixbuf);
  raw->height = gdk_pixbuf_get_height (pixbuf);
  raw->n_channels = gdk_pixbuf_get_n_channels (pixbuf);
  raw->stride = (gsize)gdk_pixbuf_get_rowstride (pixbuf);
  raw->pixels = gdk_pixbuf_get_pixels (pixbuf);
  raw->orientation = orientation != NULL ? atoi (orientation) : 1;
  if (format == PMOD_IMAGE_FORMAT_PNG)
    raw->orientation = pmod_image_container_get_png_orientation (bytes);
  raw->owner = pixbuf;
  raw->release = g_object_unref;
  return TRUE;
}
