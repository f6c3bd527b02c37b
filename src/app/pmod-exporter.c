/* PmodExporter: see pmod-exporter.h. */
#include "config.h"

#include "pmod-exporter.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-routing-file.h"
#include "pmod-run-origin.h"

struct _PmodExporter
{
  GObject parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
  GCancellable *cancellable; /* of everything that is written */
};

enum
{
  EXPORTED,
  FAILED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodExporter, pmod_exporter, G_TYPE_OBJECT)

static void
pmod_exporter_dispose (GObject *object)
{
  PmodExporter *self = PMOD_EXPORTER (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->selection);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_exporter_parent_class)->dispose (object);
}

static void
pmod_exporter_class_init (PmodExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pmod_exporter_dispose;

  /* (title) */
  signals[EXPORTED] = g_signal_new ("exported", PMOD_TYPE_EXPORTER, G_SIGNAL_RUN_LAST, 0, NULL,
                                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  /* (title, message) */
  signals[FAILED] = g_signal_new ("failed", PMOD_TYPE_EXPORTER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
pmod_exporter_init (PmodExporter *self)
{
  self->cancellable = g_cancellable_new ();
}

/* --- What can be exported -------------------------------------------------------------------- */

const char *
pmod_exporter_get_reason (PmodExporter *self, PmodExportKind kind)
{
  PmodRun *run;
  PmodRunLayer info;

  g_return_val_if_fail (PMOD_IS_EXPORTER (self), NULL);

  run = pmod_selection_get_run (self->selection);
  if (!run || !pmod_run_has_begun (run))
    return _ ("There is nothing to export yet: open a picture first.");
  if (!pmod_run_is_finished (run))
    return _ ("The model is still at work; what it makes can be exported when it is done.");
  if (kind != PMOD_EXPORT_RUN && !pmod_run_has_maps (run))
    return _ ("This run has no maps: no layer chose among parts of a picture.");
  if (kind == PMOD_EXPORT_LAYER &&
      (!pmod_run_get_layer (run, pmod_selection_get_layer (self->selection), &info) || !info.ready))
    return _ ("The run was stopped before it came to this layer.");
  return NULL;
}

/* The picture's name without its ending, fit for a file. */
static char *
dup_stem (PmodExporter *self)
{
  PmodPicture *picture = pmod_chat_get_picture (self->chat);
  const char *name = picture ? pmod_picture_get_name (picture) : "";
  char *stem = g_strdup (*name ? name : _ ("run"));
  char *dot = strrchr (stem, '.');

  if (dot && dot > stem)
    *dot = '\0';
  return g_strdelimit (stem, "/\\\n\r\t", '-');
}

char *
pmod_exporter_suggest_name (PmodExporter *self, PmodExportKind kind, const char *format)
{
  g_autofree char *stem = NULL;

  g_return_val_if_fail (PMOD_IS_EXPORTER (self), NULL);

  stem = dup_stem (self);
  switch (kind)
    {
    case PMOD_EXPORT_LAYER:
      return g_strdup_printf ("%s-layer-%d.%s", stem, pmod_selection_get_layer (self->selection),
                              format);
    case PMOD_EXPORT_WALL:
      return g_strdup_printf ("%s-layers.%s", stem, format);
    case PMOD_EXPORT_ROUTING:
      /* numpy's arrays come packed. */
      return g_strdup_printf ("%s-routing.%s", stem, g_str_equal (format, "npy") ? "npz" : format);
    default:
      return g_strdup_printf ("%s.%s", stem, format);
    }
}

/* --- Writing --------------------------------------------------------------------------------- */

typedef struct
{
  PmodExporter *exporter;
  GFile *file;
  PmodExportKind kind;
} Writing;

static void
writing_free (Writing *writing)
{
  g_object_unref (writing->exporter);
  g_object_unref (writing->file);
  g_free (writing);
}

static void
written_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Writing *writing = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_file_get_basename (writing->file);
  g_autofree char *name = g_filename_display_name (base);
  g_autofree char *title = NULL;
  gboolean done;

  if (writing->kind == PMOD_EXPORT_ROUTING)
    done = pmod_routing_file_write_finish (result, &error);
  else if (writing->kind == PMOD_EXPORT_RUN)
    done = pmod_bundle_save_finish (result, &error);
  else
    done = pmod_map_export_finish (result, &error);

  title = g_strdup_printf (done ? _ ("Exported %s") : _ ("%s could not be written"), name);
  if (done)
    g_signal_emit (writing->exporter, signals[EXPORTED], 0, title);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_signal_emit (writing->exporter, signals[FAILED], 0, title, error->message);
  g_application_release (g_application_get_default ());
  writing_free (writing);
}

static PmodMapFormat
map_format (const char *format)
{
  if (g_str_equal (format, "svg"))
    return PMOD_MAP_SVG;
  return g_str_equal (format, "pdf") ? PMOD_MAP_PDF : PMOD_MAP_PNG;
}

void
pmod_exporter_write (
    PmodExporter *self, PmodExportKind kind, const char *format, PmodMapKind map, GFile *file)
{
  PmodRun *run;
  PmodPicture *picture;
  Writing *writing;
  int index;

  g_return_if_fail (PMOD_IS_EXPORTER (self));
  g_return_if_fail (pmod_exporter_get_reason (self, kind) == NULL);

  run = pmod_selection_get_run (self->selection);
  index = pmod_selection_get_picture (self->selection);
  picture = pmod_chat_get_picture (self->chat);
  writing = g_new0 (Writing, 1);
  writing->exporter = g_object_ref (self);
  writing->file = g_object_ref (file);
  writing->kind = kind;
  /* Whoever closes the window at once still gets the file. */
  g_application_hold (g_application_get_default ());
  if (kind == PMOD_EXPORT_ROUTING)
    pmod_routing_file_write_async (run, format, file, self->cancellable, written_cb, writing);
  else if (kind == PMOD_EXPORT_RUN)
    {
      g_auto (GStrv) texts = pmod_chat_dup_turns (self->chat);

      pmod_bundle_save_async (run, picture, (const char *const *)texts, file, self->cancellable,
                              written_cb, writing);
    }
  else
    pmod_map_export_async (
        pmod_map_page_new_of (
            run, index, index > 0 || !picture ? pmod_run_get_shown (run, index) : picture,
            pmod_selection_get_plane (self->selection),
            kind == PMOD_EXPORT_WALL ? -1 : pmod_selection_get_layer (self->selection), map),
        map_format (format), file, self->cancellable, written_cb, writing);
}

PmodSelection *
pmod_exporter_get_selection (PmodExporter *self)
{
  g_return_val_if_fail (PMOD_IS_EXPORTER (self), NULL);
  return self->selection;
}

PmodExporter *
pmod_exporter_new (PmodChat *chat, PmodSelection *selection)
{
  PmodExporter *self = g_object_new (PMOD_TYPE_EXPORTER, NULL);

  self->chat = g_object_ref (chat);
  self->selection = g_object_ref (selection);
  return self;
}
