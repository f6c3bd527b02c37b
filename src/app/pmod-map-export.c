/* See pmod-map-export.h. */
#include "config.h"

#include "pmod-map-export.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <string.h>

#include "pmod-output.h"

#define PNG_SCALE 2

typedef struct
{
  PmodMapPage *page;
  PmodMapFormat format;
  GFile *file;
} Job;

static void
job_free (Job *job)
{
  pmod_map_page_free (job->page);
  g_object_unref (job->file);
  g_free (job);
}

static cairo_status_t
append_cb (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *
create_surface (PmodMapFormat format, int width, int height, GByteArray *bytes)
{
  cairo_surface_t *surface;

  switch (format)
    {
    case PMOD_MAP_SVG:
      surface = cairo_svg_surface_create_for_stream (append_cb, bytes, width, height);
      cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
      return surface;
    case PMOD_MAP_PDF:
      return cairo_pdf_surface_create_for_stream (append_cb, bytes, width, height);
    default:
      return cairo_image_surface_create (CAIRO_FORMAT_RGB24, PNG_SCALE * width, PNG_SCALE * height);
    }
}

/* Cairo's SVG draws letters as shapes: what they say goes into the elements that readers know. */
static void
add_svg_words (const PmodMapPage *page, GByteArray *bytes)
{
  g_autofree char *title = pmod_map_page_dup_title (page);
  g_autofree char *description = pmod_map_page_dup_description (page);
  g_autofree char *words =
      g_markup_printf_escaped ("\n<title>%s</title>\n<desc>%s</desc>", title, description);
  const char *text = (const char *)bytes->data;
  const char *tag = g_strstr_len (text, bytes->len, "<svg");
  const char *end = tag ? memchr (tag, '>', bytes->len - (gsize)(tag - text)) : NULL;
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  gsize before;

  if (!end)
    return;
  before = (gsize)(end + 1 - text);
  g_byte_array_append (whole, bytes->data, (guint)before);
  g_byte_array_append (whole, (const guint8 *)words, (guint)strlen (words));
  g_byte_array_append (whole, bytes->data + before, (guint)(bytes->len - before));
  g_byte_array_set_size (bytes, 0);
  g_byte_array_append (bytes, whole->data, whole->len);
}

static void
set_pdf_words (const PmodMapPage *page, cairo_surface_t *surface)
{
  g_autofree char *title = pmod_map_page_dup_title (page);
  g_autofree char *description = pmod_map_page_dup_description (page);

  cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_TITLE, title);
  cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_SUBJECT, description);
  cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_CREATOR, "Strata " STRATA_VERSION);
}

GBytes *
pmod_map_export (const PmodMapPage *page, PmodMapFormat format, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  cairo_surface_t *surface;
  cairo_status_t status;
  int width, height;
  cairo_t *cr;

  pmod_map_page_get_size (page, &width, &height);
  surface = create_surface (format, width, height, bytes);
  if (format == PMOD_MAP_PDF)
    set_pdf_words (page, surface);
  cr = cairo_create (surface);
  if (format == PMOD_MAP_PNG)
    cairo_scale (cr, PNG_SCALE, PNG_SCALE);
  pmod_map_page_draw (page, cr);
  status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS && format == PMOD_MAP_PNG)
    status = cairo_surface_write_to_png_stream (surface, append_cb, bytes);
  cairo_surface_finish (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  if (status != CAIRO_STATUS_SUCCESS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "map of %d x %d: cannot be drawn: %s",
                   width, height, cairo_status_to_string (status));
      return NULL;
    }
  if (format == PMOD_MAP_SVG)
    add_svg_words (page, bytes);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static void
export_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;
  g_autoptr (GBytes) bytes = pmod_map_export (job->page, job->format, &error);

  if (bytes && pmod_output_write (job->file, bytes, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
pmod_map_export_async (PmodMapPage *page,
                       PmodMapFormat format,
                       GFile *file,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Job *job = g_new0 (Job, 1);

  job->page = page;
  job->format = format;
  job->file = g_object_ref (file);
  g_task_set_task_data (task, job, (GDestroyNotify)job_free);
  g_task_run_in_thread (task, export_thread);
}

gboolean
pmod_map_export_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
