/* PmodTrainingWindow: see pmod-training-window.h. */
#include "config.h"

#include "pmod-training-window.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "pmod-curve-view.h"

/* The run is read again at most that often. */
#define RATE_LIMIT_MS 1000

struct _PmodTrainingWindow
{
  AdwWindow parent_instance;

  GFile *file;
  GFileMonitor *monitor; /* of the folder; NULL where it cannot be watched */
  GCancellable *cancellable;
  PmodTraining *training;

  AdwWindowTitle *title;
  PmodCurveView *loss;
  PmodCurveView *accuracy;
  GtkLabel *status;
};

G_DEFINE_FINAL_TYPE (PmodTrainingWindow, pmod_training_window, ADW_TYPE_WINDOW)

/* --- What it says ---------------------------------------------------------------------------- */

/* The marked point, else the last one. */
static void
update_status (PmodTrainingWindow *self)
{
  int n_points, marker;
  const PmodTrainingPoint *points, *point;
  g_autoptr (GString) text = NULL;

  if (!self->training)
    return;
  points = pmod_training_get_points (self->training, &n_points);
  g_object_get (self->loss, "marker", &marker, NULL);
  point = &points[marker >= 0 && marker < n_points ? marker : n_points - 1];
  text = g_string_new (NULL);
  g_string_append_printf (text, _ ("Step %" G_GINT64_FORMAT), point->step);
  if (isfinite (point->loss))
    g_string_append_printf (text, _ ("  \302\267  loss %.4f"), point->loss);
  if (isfinite (point->accuracy))
    g_string_append_printf (text, _ ("  \302\267  %.1f %% right"), 100 * point->accuracy);
  gtk_label_set_label (self->status, text->str);
}

static void
marker_cb (PmodTrainingWindow *self)
{
  update_status (self);
}

/* --- Reading --------------------------------------------------------------------------------- */

/* A curve that was read stays where the file cannot be read again: it may just be renamed. */
static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodTrainingWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = pmod_training_load_finish (result, &error);

  if (training)
    {
      g_set_object (&self->training, training);
      g_object_set (self->loss, "training", training, NULL);
      g_object_set (self->accuracy, "training", training, NULL);
      update_status (self);
    }
  else if (!self->training && self->status &&
           !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    gtk_label_set_label (self->status, error->message);
}

static void
load (PmodTrainingWindow *self)
{
  pmod_training_load_async (self->file, self->cancellable, loaded_cb, g_object_ref (self));
}

/* A finished trace loses its ".part". */
static void
find_file (PmodTrainingWindow *self)
{
  g_autofree char *path = g_file_get_path (self->file);

  if (path && g_str_has_suffix (path, ".part") && !g_file_query_exists (self->file, NULL))
    {
      path[strlen (path) - strlen (".part")] = '\0';
      g_object_unref (self->file);
      self->file = g_file_new_for_path (path);
    }
}

static void
folder_changed_cb (PmodTrainingWindow *self)
{
  find_file (self);
  load (self);
}

static void
watch (PmodTrainingWindow *self)
{
  g_autoptr (GFile) folder = g_file_get_parent (self->file);

  self->monitor =
      folder ? g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, NULL) : NULL;
  if (!self->monitor)
    return;
  g_file_monitor_set_rate_limit (self->monitor, RATE_LIMIT_MS);
  g_signal_connect_object (self->monitor, "changed", G_CALLBACK (folder_changed_cb), self,
                           G_CONNECT_SWAPPED);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_training_window_dispose (GObject *object)
{
  PmodTrainingWindow *self = PMOD_TRAINING_WINDOW (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->monitor);
  g_clear_object (&self->training);
  g_clear_object (&self->file);
  self->status = NULL;

  G_OBJECT_CLASS (pmod_training_window_parent_class)->dispose (object);
}

static void
pmod_training_window_class_init (PmodTrainingWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_training_window_dispose;

  g_type_ensure (PMOD_TYPE_CURVE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-training-window.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodTrainingWindow, title);
  gtk_widget_class_bind_template_child (widget_class, PmodTrainingWindow, loss);
  gtk_widget_class_bind_template_child (widget_class, PmodTrainingWindow, accuracy);
  gtk_widget_class_bind_template_child (widget_class, PmodTrainingWindow, status);
  gtk_widget_class_bind_template_callback (widget_class, marker_cb);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
pmod_training_window_init (PmodTrainingWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
}

/* ".../demo/training/from-stage-1-step-0.trace" is the training of "demo". */
static char *
name_of (GFile *file)
{
  g_autoptr (GFile) folder = g_file_get_parent (file);
  g_autoptr (GFile) model = folder ? g_file_get_parent (folder) : NULL;
  g_autofree char *name = folder ? g_file_get_basename (folder) : NULL;

  return g_strcmp0 (name, "training") == 0 && model ? g_file_get_basename (model)
                                                    : g_file_get_basename (file);
}

PmodTrainingWindow *
pmod_training_window_new (GtkApplication *application, GFile *file)
{
  PmodTrainingWindow *self =
      g_object_new (PMOD_TYPE_TRAINING_WINDOW, "application", application, NULL);
  g_autofree char *name = name_of (file);

  self->file = g_object_ref (file);
  adw_window_title_set_subtitle (self->title, name);
  watch (self);
  load (self);
  return self;
}
