/* PmodExportDialog: see pmod-export-dialog.h. */
#include "config.h"

#include "pmod-export-dialog.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-second-window.h"

struct _PmodExportDialog
{
  AdwWindow parent_instance;

  PmodExporter *exporter;
  GtkFileChooserNative *chooser;

  AdwActionRow *layer_row;
  GtkCheckButton *layer;
  GtkCheckButton *wall;
  GtkCheckButton *routing;
  GtkCheckButton *run;
  GtkWidget *format_row;
  GtkStack *formats;
  GtkToggleButton *svg;
  GtkToggleButton *pdf;
  GtkToggleButton *npy;
  GtkToggleButton *json;
  GtkWidget *map_row;
  GtkToggleButton *weights;
  GtkLabel *reason;
  GtkWidget *export;
};

G_DEFINE_FINAL_TYPE (PmodExportDialog, pmod_export_dialog, ADW_TYPE_WINDOW)

/* --- What is chosen -------------------------------------------------------------------------- */

static PmodExportKind
get_kind (PmodExportDialog *self)
{
  if (gtk_check_button_get_active (self->wall))
    return PMOD_EXPORT_WALL;
  if (gtk_check_button_get_active (self->routing))
    return PMOD_EXPORT_ROUTING;
  return gtk_check_button_get_active (self->run) ? PMOD_EXPORT_RUN : PMOD_EXPORT_LAYER;
}

static const char *
get_format (PmodExportDialog *self)
{
  switch (get_kind (self))
    {
    case PMOD_EXPORT_RUN:
      return "strata";
    case PMOD_EXPORT_ROUTING:
      if (gtk_toggle_button_get_active (self->npy))
        return "npy";
      return gtk_toggle_button_get_active (self->json) ? "json" : "csv";
    default:
      if (gtk_toggle_button_get_active (self->svg))
        return "svg";
      return gtk_toggle_button_get_active (self->pdf) ? "pdf" : "png";
    }
}

static void
update (PmodExportDialog *self)
{
  PmodExportKind kind = get_kind (self);
  const char *reason;
  g_autofree char *subtitle = NULL;
  gboolean is_map = kind == PMOD_EXPORT_LAYER || kind == PMOD_EXPORT_WALL;

  if (!self->exporter)
    return;
  reason = pmod_exporter_get_reason (self->exporter, kind);
  subtitle =
      g_strdup_printf (_ ("Layer %d over the picture"),
                       pmod_selection_get_layer (pmod_exporter_get_selection (self->exporter)));
  adw_action_row_set_subtitle (self->layer_row, subtitle);
  gtk_stack_set_visible_child_name (self->formats, is_map ? "maps" : "data");
  /* Rows stay where they are: nothing jumps under the pointer. */
  gtk_widget_set_sensitive (self->format_row, kind != PMOD_EXPORT_RUN);
  gtk_widget_set_sensitive (self->map_row, is_map);
  gtk_label_set_label (self->reason, reason ? reason : "");
  gtk_widget_set_visible (GTK_WIDGET (self->reason), reason != NULL);
  gtk_widget_set_sensitive (self->export, reason == NULL);
}

/* --- Where to -------------------------------------------------------------------------------- */

/* A name without an ending gets one, unless that file is there: nobody was asked about it. */
static GFile *
complete_name (GFile *file, const char *suggested)
{
  g_autofree char *base = g_file_get_basename (file);
  g_autofree char *uri = g_file_get_uri (file);
  g_autofree char *longer_uri = g_strconcat (uri, strrchr (suggested, '.'), NULL);
  g_autoptr (GFile) longer = g_file_new_for_uri (longer_uri);

  return strchr (base, '.') || g_file_query_exists (longer, NULL) ? g_object_ref (file)
                                                                  : g_steal_pointer (&longer);
}

static void
chosen_cb (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PmodExportDialog *self = user_data;
  PmodExportKind kind = get_kind (self);
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  g_autofree char *suggested = NULL;
  g_autoptr (GFile) complete = NULL;

  g_clear_object (&self->chooser);
  /* The run may have changed meanwhile. */
  if (response != GTK_RESPONSE_ACCEPT || !file || pmod_exporter_get_reason (self->exporter, kind))
    return;
  suggested = pmod_exporter_suggest_name (self->exporter, kind, get_format (self));
  complete = complete_name (file, suggested);
  pmod_exporter_write (
      self->exporter, kind, get_format (self),
      gtk_toggle_button_get_active (self->weights) ? PMOD_MAP_WEIGHTS : PMOD_MAP_KEPT, complete);
  gtk_window_close (GTK_WINDOW (self));
}

static void
export_cb (PmodExportDialog *self)
{
  g_autofree char *name = NULL;

  if (self->chooser || pmod_exporter_get_reason (self->exporter, get_kind (self)))
    return;
  name = pmod_exporter_suggest_name (self->exporter, get_kind (self), get_format (self));
  self->chooser = gtk_file_chooser_native_new (
      _ ("Save As"), GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (self->chooser), name);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (chosen_cb), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_export_dialog_dispose (GObject *object)
{
  PmodExportDialog *self = PMOD_EXPORT_DIALOG (object);

  if (self->chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  g_clear_object (&self->exporter);

  G_OBJECT_CLASS (pmod_export_dialog_parent_class)->dispose (object);
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_set_template_from_resource (klass,
                                               "/io/github/strata/Strata/pmod-export-dialog.ui");
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, layer_row);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, layer);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, wall);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, routing);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, run);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, format_row);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, formats);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, svg);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, pdf);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, npy);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, json);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, map_row);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, weights);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, reason);
  gtk_widget_class_bind_template_child (klass, PmodExportDialog, export);
  gtk_widget_class_bind_template_callback (klass, update);
  gtk_widget_class_bind_template_callback (klass, export_cb);
}

static void
pmod_export_dialog_class_init (PmodExportDialogClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pmod_export_dialog_dispose;

  bind_children (GTK_WIDGET_CLASS (klass));
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close",
                                       NULL);
}

static void
pmod_export_dialog_init (PmodExportDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

PmodExportDialog *
pmod_export_dialog_new (GtkWindow *parent, PmodExporter *exporter)
{
  PmodExportDialog *self = g_object_new (PMOD_TYPE_EXPORT_DIALOG, NULL);
  PmodSelection *selection = pmod_exporter_get_selection (exporter);

  pmod_second_window_attach (GTK_WINDOW (self), parent);
  self->exporter = g_object_ref (exporter);
  g_signal_connect_object (selection, "run-changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "notify::layer", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  update (self);
  /* The choices come first, not the way out. */
  gtk_widget_grab_focus (GTK_WIDGET (self->layer));
  return self;
}
