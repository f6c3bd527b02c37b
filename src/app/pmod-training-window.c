/* PmodTrainingWindow: see pmod-training-window.h. */
#include "config.h"

#include "pmod-training-window.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-curve-view.h"
#include "pmod-records.h"

/* The run is read again at most that often. */
#define RATE_LIMIT_MS 1000

struct _PmodTrainingWindow
{
  AdwWindow parent_instance;

  GFile *file;
  GFileMonitor *monitor; /* of the folder; NULL where it cannot be watched */
  GCancellable *cancellable;
  PmodTraining *training;
  gboolean loading;
  gboolean changed; /* since the reading began that is going on, or the last one */
  guint wait_id;    /* until the next reading may begin */

  AdwWindowTitle *title;
  PmodCurveView *loss;
  PmodCurveView *accuracy;
  GtkLabel *status;
};

G_DEFINE_FINAL_TYPE (PmodTrainingWindow, pmod_training_window, ADW_TYPE_WINDOW)

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe (const PmodTrainingPoint *point)
{
  g_autofree char *step = g_strdup_printf ("%" G_GINT64_FORMAT, point->step);
  double percent = 100 * point->accuracy;

  if (isfinite (point->loss) && isfinite (point->accuracy))
    return g_strdup_printf (_ ("Step %s  \302\267  loss %.4f  \302\267  %.1f %% right"), step,
                            point->loss, percent);
  if (isfinite (point->loss))
    return g_strdup_printf (_ ("Step %s  \302\267  loss %.4f"), step, point->loss);
  if (isfinite (point->accuracy))
    return g_strdup_printf (_ ("Step %s  \302\267  %.1f %% right"), step, percent);
  return g_strdup_printf (_ ("Step %s"), step);
}

/* The marked point, else the last one. */
static void
update_status (PmodTrainingWindow *self)
{
  int n_points, marker;
  const PmodTrainingPoint *points;
  g_autofree char *text = NULL;

  if (!self->training)
    return;
  points = pmod_training_get_points (self->training, &n_points);
  g_object_get (self->loss, "marker", &marker, NULL);
  text = describe (&points[marker >= 0 && marker < n_points ? marker : n_points - 1]);
  gtk_label_set_label (self->status, text);
}

/* --- Reading --------------------------------------------------------------------------------- */

static void load (PmodTrainingWindow *self);

static gboolean
waited_cb (gpointer user_data)
{
  PmodTrainingWindow *self = user_data;

  self->wait_id = 0;
  if (self->changed)
    load (self);
  return G_SOURCE_REMOVE;
}

/* What was read stays where the files cannot be read again. */
static void
show (PmodTrainingWindow *self, PmodTraining *training, const GError *error)
{
  if (training)
    {
      g_set_object (&self->training, training);
      g_object_set (self->loss, "training", training, NULL);
      g_object_set (self->accuracy, "training", training, NULL);
      update_status (self);
    }
  else if (!self->training)
    gtk_label_set_label (self->status, error->message);
}

/* A window that was closed meanwhile has cancelled the reading. */
static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = pmod_training_load_finish (result, &error);
  PmodTrainingWindow *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  show (self, training, error);
  self->loading = FALSE;
  self->wait_id = g_timeout_add (RATE_LIMIT_MS, waited_cb, self);
}

/* One reading at a time; what changes meanwhile is read after it. */
static void
load (PmodTrainingWindow *self)
{
  self->loading = TRUE;
  self->changed = FALSE;
  pmod_training_load_async (self->file, self->cancellable, loaded_cb, self);
}

static void
folder_changed_cb (PmodTrainingWindow *self, GFile *file)
{
  g_autofree char *name = g_file_get_basename (file);

  if (!pmod_records_is_trace (name))
    return;
  self->changed = TRUE;
  if (!self->loading && !self->wait_id)
    load (self);
}

static void
watch (PmodTrainingWindow *self)
{
  g_autoptr (GFile) folder = g_file_get_parent (self->file);

  self->monitor =
      folder ? g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, NULL) : NULL;
  if (self->monitor)
    g_signal_connect_object (self->monitor, "changed", G_CALLBACK (folder_changed_cb), self,
                             G_CONNECT_SWAPPED);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_training_window_dispose (GObject *object)
{
  PmodTrainingWindow *self = PMOD_TRAINING_WINDOW (object);

  g_clear_handle_id (&self->wait_id, g_source_remove);
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->monitor);
  g_clear_object (&self->training);
  g_clear_object (&self->file);

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
  gtk_widget_class_bind_template_callback (widget_class, update_status);
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
pmod_training_window_new (GtkWindow *main, GFile *file)
{
  PmodTrainingWindow *self = g_object_new (PMOD_TYPE_TRAINING_WINDOW, "application",
                                           gtk_window_get_application (main), NULL);
  g_autofree char *name = name_of (file);
  /* Of a task switcher; the header bar shows both lines. */
  g_autofree char *title = g_strdup_printf (_ ("Training of %s"), name);

  gtk_window_set_title (GTK_WINDOW (self), title);
  /* Not over it: a training is followed for hours, beside whatever else is done. */
  g_signal_connect_object (main, "destroy", G_CALLBACK (gtk_window_destroy), self,
                           G_CONNECT_SWAPPED);
  self->file = g_object_ref (file);
  adw_window_title_set_subtitle (self->title, name);
  watch (self);
  load (self);
  return self;
}
