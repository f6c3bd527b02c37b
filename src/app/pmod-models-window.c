/* PmodModelsWindow: see pmod-models-window.h. */
#include "config.h"

#include "pmod-models-window.h"

#include <glib/gi18n.h>

#include "pmod-get-page.h"
#include "pmod-model-row.h"
#include "pmod-second-window.h"

struct _PmodModelsWindow
{
  AdwWindow parent_instance;

  PmodSession *session;
  PmodMachine *machine; /* the session's */
  PmodCatalog *catalog;
  PmodDownload *download;
  gboolean updating;   /* the choices are being filled, not chosen */
  gboolean cancelling; /* the loading; until the disk has answered */

  GtkRevealer *loading;
  GtkLabel *loading_label;
  GtkProgressBar *loading_bar;
  GtkRevealer *refused;
  GtkLabel *refused_label;
  AdwViewStack *stack;
  GtkListBox *list;
  GtkWidget *server_row;
  AdwComboRow *device;
  AdwComboRow *precision;
  GtkLabel *memory;
  GtkWidget *get_page;
};

/* In the order of the rows; the last of each only where there is a card, or it is chosen. */
static const char *const devices[] = { "auto", "cpu", "cuda", NULL };
static const char *const precisions[] = { "auto", "bf16", "f32", "f16", NULL };

G_DEFINE_FINAL_TYPE (PmodModelsWindow, pmod_models_window, ADW_TYPE_WINDOW)

static guint
find (const char *const *names, const char *name)
{
  for (guint i = 0; names[i]; i++)
    if (g_str_equal (names[i], name))
      return i;
  return 0;
}

/* --- Device and precision ----------------------------------------------------------------------
 */

static void
fill (AdwComboRow *row, const char *const *labels, guint selected)
{
  g_autoptr (GtkStringList) list = gtk_string_list_new (labels);

  adw_combo_row_set_model (row, G_LIST_MODEL (list));
  adw_combo_row_set_selected (row, selected);
}

static void
update_devices (PmodModelsWindow *self)
{
  const char *cuda = pmod_machine_get_cuda_name (self->machine);
  const char *reason = pmod_machine_get_cuda_reason (self->machine);
  const char *cpu = pmod_machine_get_cpu_name (self->machine);
  guint chosen = find (devices, pmod_machine_get_device (self->machine));
  const char *labels[] = { _ ("Automatic"), _ ("Processor"), _ ("Graphics card"), NULL };
  g_autofree char *why =
      reason ? g_strdup_printf (_ ("No graphics card is used: %s"), reason) : NULL;
  g_autofree char *subtitle = NULL;

  if (!cuda && chosen < 2)
    labels[2] = NULL;
  fill (self->device, labels, chosen);
  subtitle = g_strjoin ("\n",
                        cuda && chosen != 1 ? cuda
                        : cpu               ? cpu
                                            : _ ("Looking\342\200\246"),
                        why, NULL);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->device), subtitle);
}

static void
update_precisions (PmodModelsWindow *self)
{
  const char *native = pmod_machine_get_cpu_precision (self->machine);
  gboolean on_card = pmod_machine_get_cuda_name (self->machine) &&
                     !g_str_equal (pmod_machine_get_device (self->machine), "cpu");
  g_autofree char *automatic = native && !on_card ? g_strdup_printf (_ ("Automatic (%s)"), native)
                                                  : g_strdup (_ ("Automatic"));
  guint chosen = find (precisions, pmod_machine_get_precision (self->machine));
  const char *labels[] = { automatic, _ ("bf16, 16 bits"), _ ("f32, 32 bits"),
                           _ ("f16, 16 bits, on a graphics card"), NULL };

  if (!on_card && chosen < 3)
    labels[3] = NULL;
  fill (self->precision, labels, chosen);
}

static void
machine_changed_cb (PmodModelsWindow *self)
{
  guint64 free_bytes = pmod_machine_get_free (self->machine);
  guint64 total_bytes = pmod_machine_get_total (self->machine);
  g_autofree char *room = g_format_size (free_bytes);
  g_autofree char *total = g_format_size (total_bytes);
  g_autofree char *memory = g_strdup_printf (_ ("%s of %s"), room, total);

  self->updating = TRUE;
  update_devices (self);
  update_precisions (self);
  self->updating = FALSE;
  gtk_label_set_label (self->memory, total_bytes > 0 ? memory : "\342\200\246");
}

static void
device_chosen_cb (PmodModelsWindow *self)
{
  guint i = adw_combo_row_get_selected (self->device);

  if (!self->updating && i < G_N_ELEMENTS (devices) - 1)
    pmod_machine_set_device (self->machine, devices[i]);
}

static void
precision_chosen_cb (PmodModelsWindow *self)
{
  guint i = adw_combo_row_get_selected (self->precision);

  if (!self->updating && i < G_N_ELEMENTS (precisions) - 1)
    pmod_machine_set_precision (self->machine, precisions[i]);
}

/* --- Loading -----------------------------------------------------------------------------------
 */

static void
update_progress (PmodModelsWindow *self)
{
  double progress = pmod_session_get_progress (self->session);
  g_autofree char *text = g_strdup_printf (_ ("Loading the model, %d %%"), (int)(100 * progress));

  gtk_progress_bar_set_fraction (self->loading_bar, progress);
  gtk_label_set_label (self->loading_label, self->cancelling ? _ ("Cancelling\342\200\246") : text);
}

static void
update_loading (PmodModelsWindow *self)
{
  gboolean loading = pmod_session_get_state (self->session) == PMOD_SESSION_LOADING;

  self->cancelling = self->cancelling && loading;
  update_progress (self);
  gtk_revealer_set_reveal_child (self->loading, loading);
  if (loading)
    gtk_revealer_set_reveal_child (self->refused, FALSE);
}

static void
refused_cb (PmodModelsWindow *self, const char *message)
{
  PmodModelCard *card = pmod_session_get_model (self->session);
  g_autofree char *stays =
      card ? g_strdup_printf (_ ("%s stays in use."), card->name) : g_strdup ("");
  g_autofree char *text = g_strdup_printf (_ ("This model cannot be used: %s. %s"), message, stays);

  gtk_label_set_label (self->refused_label, text);
  gtk_revealer_set_reveal_child (self->refused, TRUE);
  pmod_catalog_refresh (self->catalog);
}

static void
close_refused_cb (PmodModelsWindow *self)
{
  gtk_revealer_set_reveal_child (self->refused, FALSE);
}

/* Another one takes other memory than the one before. */
static void
model_changed_cb (PmodModelsWindow *self)
{
  pmod_catalog_refresh (self->catalog);
}

static void
download_state_cb (PmodModelsWindow *self)
{
  if (!pmod_download_get_busy (self->download))
    pmod_catalog_refresh (self->catalog);
}

static GtkWidget *
create_row (gpointer item, gpointer user_data)
{
  PmodModelsWindow *self = user_data;

  return pmod_model_row_new (item, self->catalog, self->session, self->download);
}

/* --- Actions -----------------------------------------------------------------------------------
 */

static void
ask_parent (GtkWidget *widget, const char *action, GVariant *parameter)
{
  GtkWindow *parent = gtk_window_get_transient_for (GTK_WINDOW (widget));

  if (parent)
    gtk_widget_activate_action_variant (GTK_WIDGET (parent), action, parameter);
}

static void
use_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PMOD_MODELS_WINDOW (widget)->cancelling = FALSE;
  ask_parent (widget, "win.model", parameter);
}

static void
use_anyway_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PMOD_MODELS_WINDOW (widget)->cancelling = FALSE;
  ask_parent (widget, "win.model-anyway", parameter);
}

static void
unload_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  ask_parent (widget, "win.unload-model", NULL);
}

static void
folder_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  ask_parent (widget, "win.model-folder", NULL);
}

static void
server_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  ask_parent (widget, "win.connect-server", NULL);
}

static void
cancel_loading_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodModelsWindow *self = PMOD_MODELS_WINDOW (widget);

  self->cancelling = TRUE;
  update_progress (self);
  pmod_session_cancel_loading (self->session);
}

static void
get_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  adw_view_stack_set_visible_child_name (PMOD_MODELS_WINDOW (widget)->stack, "get");
}

/* Also what goes on with one that is not complete. */
static void
repair_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodModelsWindow *self = PMOD_MODELS_WINDOW (widget);

  pmod_download_repair (self->download, g_variant_get_string (parameter, NULL));
  adw_view_stack_set_visible_child_name (self->stack, "get");
}

static void
remove_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodModelsWindow *self = PMOD_MODELS_WINDOW (widget);

  pmod_catalog_remove_folder (self->catalog, g_variant_get_string (parameter, NULL));
  pmod_catalog_refresh (self->catalog);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_models_window_dispose (GObject *object)
{
  PmodModelsWindow *self = PMOD_MODELS_WINDOW (object);

  if (self->list)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  self->list = NULL;
  g_clear_object (&self->download);
  g_clear_object (&self->catalog);
  g_clear_object (&self->machine);
  g_clear_object (&self->session);

  G_OBJECT_CLASS (pmod_models_window_parent_class)->dispose (object);
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, loading);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, loading_label);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, loading_bar);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, refused);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, refused_label);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, stack);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, list);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, server_row);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, device);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, precision);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, memory);
  gtk_widget_class_bind_template_child (klass, PmodModelsWindow, get_page);
  gtk_widget_class_bind_template_callback (klass, device_chosen_cb);
  gtk_widget_class_bind_template_callback (klass, precision_chosen_cb);
  gtk_widget_class_bind_template_callback (klass, close_refused_cb);
}

static void
pmod_models_window_class_init (PmodModelsWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_models_window_dispose;

  g_type_ensure (PMOD_TYPE_GET_PAGE);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-models-window.ui");
  bind_children (widget_class);
  gtk_widget_class_install_action (widget_class, "models.use", "s", use_action);
  gtk_widget_class_install_action (widget_class, "models.use-anyway", "s", use_anyway_action);
  gtk_widget_class_install_action (widget_class, "models.unload", NULL, unload_action);
  gtk_widget_class_install_action (widget_class, "models.folder", NULL, folder_action);
  gtk_widget_class_install_action (widget_class, "models.server", NULL, server_action);
  gtk_widget_class_install_action (widget_class, "models.cancel-loading", NULL,
                                   cancel_loading_action);
  gtk_widget_class_install_action (widget_class, "models.get", NULL, get_action);
  gtk_widget_class_install_action (widget_class, "models.repair", "s", repair_action);
  gtk_widget_class_install_action (widget_class, "models.remove", "s", remove_action);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
pmod_models_window_init (PmodModelsWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
connect_all (PmodModelsWindow *self)
{
  g_signal_connect_object (self->machine, "changed", G_CALLBACK (machine_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::state", G_CALLBACK (update_loading), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::progress", G_CALLBACK (update_progress), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::model", G_CALLBACK (model_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "model-refused", G_CALLBACK (refused_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->download, "notify::state", G_CALLBACK (download_state_cb), self,
                           G_CONNECT_SWAPPED);
}

/* Whoever adds the action has the row shown. */
static gboolean
has_action (GtkWindow *window, const char *wanted)
{
  GtkWidgetClass *klass = GTK_WIDGET_GET_CLASS (window);
  const GVariantType *type;
  const char *name, *property;
  GType owner;

  for (guint i = 0; gtk_widget_class_query_action (klass, i, &owner, &name, &type, &property); i++)
    if (g_str_equal (name, wanted))
      return TRUE;
  return FALSE;
}

PmodModelsWindow *
pmod_models_window_new (GtkWindow *parent,
                        PmodSession *session,
                        PmodCatalog *catalog,
                        PmodDownload *download)
{
  PmodModelsWindow *self = g_object_new (PMOD_TYPE_MODELS_WINDOW, NULL);

  pmod_second_window_attach (GTK_WINDOW (self), parent);
  self->session = g_object_ref (session);
  self->machine = g_object_ref (pmod_session_get_machine (session));
  self->catalog = g_object_ref (catalog);
  self->download = g_object_ref (download);
  gtk_widget_set_visible (self->server_row, has_action (parent, "win.connect-server"));
  g_object_set (self->get_page, "download", download, NULL);
  gtk_list_box_bind_model (self->list, pmod_catalog_get_entries (catalog), create_row, self, NULL);
  connect_all (self);
  machine_changed_cb (self);
  update_loading (self);
  pmod_catalog_refresh (catalog);
  return self;
}
