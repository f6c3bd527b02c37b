/* PmodWindow: see pmod-window.h. */
#include "config.h"

#include "pmod-window.h"

#include <glib/gi18n.h>

#include "pmod-camera-button.h"
#include "pmod-camera-page.h"
#include "pmod-chat-pane.h"
#include "pmod-chat.h"
#include "pmod-detail-pane.h"
#include "pmod-export-dialog.h"
#include "pmod-inspector.h"
#include "pmod-live-bar.h"
#include "pmod-live.h"
#include "pmod-model-button.h"
#include "pmod-picture-opener.h"
#include "pmod-selection.h"
#include "pmod-sweep-window.h"
#include "pmod-training-window.h"
#include "pmod-tuning-pane.h"
#include "pmod-welcome.h"

struct _PmodWindow
{
  AdwApplicationWindow parent_instance;

  GSettings *settings; /* nullable */
  PmodSession *session;
  PmodChat *chat;
  PmodSelection *selection;
  PmodLive *live;
  PmodPictureOpener *opener;
  PmodExporter *exporter;
  GtkFileChooserNative *folder_chooser;
  GtkWidget *sweep_window; /* weak: while it is open */

  AdwToastOverlay *toasts;
  AdwLeaflet *leaflet;
  GtkWidget *side;
  GtkStack *pages;
  GtkWidget *chat_pane;
  GtkStack *stack;
  GtkRevealer *loading;
  GtkLabel *loading_label;
  GtkProgressBar *loading_bar;
  GtkRevealer *remark;
  GtkLabel *remark_label;
};

enum
{
  PROP_SESSION = 1,
  PROP_CHAT,
  PROP_SELECTION,
  PROP_LIVE,
  PROP_PANE,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodWindow, pmod_window, ADW_TYPE_APPLICATION_WINDOW)

/* --- Toasts ---------------------------------------------------------------------------------- */

static void
add_toast (PmodWindow *self, const char *title, const char *button, const char *action)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  AdwToast *toast = adw_toast_new (escaped);

  adw_toast_set_button_label (toast, button);
  adw_toast_set_action_name (toast, action);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

/* Why something did not work is more than a toast has room for. */
static void
add_problem (PmodWindow *self, const char *title, const char *message)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  AdwToast *toast = adw_toast_new (escaped);

  adw_toast_set_button_label (toast, _ ("Why?"));
  adw_toast_set_action_name (toast, "win.explain");
  adw_toast_set_action_target (toast, "(ss)", title, message);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  adw_toast_set_timeout (toast, 10);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
explain_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  const char *title, *message;
  GtkWidget *dialog;

  g_variant_get (parameter, "(&s&s)", &title, &message);
  dialog = adw_message_dialog_new (GTK_WINDOW (widget), title, message);
  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

/* --- Pictures -------------------------------------------------------------------------------- */

static void
open_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);
  g_autoptr (GFile) folder = NULL;
  g_autofree char *path =
      self->settings ? g_settings_get_string (self->settings, "last-folder") : NULL;

  if (path && *path && g_file_test (path, G_FILE_TEST_IS_DIR))
    folder = g_file_new_for_path (path);
  pmod_picture_opener_choose (self->opener, GTK_WINDOW (self), folder);
}

static void
open_uri_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autoptr (GFile) file = g_file_new_for_uri (g_variant_get_string (parameter, NULL));

  pmod_picture_opener_open (PMOD_WINDOW (widget)->opener, file);
}

static void
paste_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (!pmod_picture_opener_paste (self->opener, gtk_widget_get_clipboard (widget)))
    add_toast (self, _ ("The clipboard has no picture"), NULL, NULL);
}

static void
screenshot_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_picture_opener_take_screenshot (PMOD_WINDOW (widget)->opener);
}

/* Before the entry sees Ctrl+V: a picture goes to the window, text stays with the entry. */
static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodWindow *self = user_data;

  if ((keyval == GDK_KEY_v || keyval == GDK_KEY_V) &&
      (state & gtk_accelerator_get_default_mod_mask ()) == GDK_CONTROL_MASK)
    return pmod_picture_opener_paste (self->opener, gtk_widget_get_clipboard (GTK_WIDGET (self)));
  if (keyval == GDK_KEY_Escape && pmod_chat_get_busy (self->chat))
    {
      pmod_chat_stop (self->chat);
      return GDK_EVENT_STOP;
    }
  return GDK_EVENT_PROPAGATE;
}

static void
opener_remarked_cb (PmodWindow *self, const char *title)
{
  add_toast (self, title, NULL, NULL);
}

static void
training_cb (PmodWindow *self, GFile *file)
{
  gtk_window_present (
      GTK_WINDOW (pmod_training_window_new (gtk_window_get_application (GTK_WINDOW (self)), file)));
}

static void
file_opened_cb (PmodWindow *self, GFile *file)
{
  g_autoptr (GFile) folder = g_file_get_parent (file);
  g_autofree char *path = folder ? g_file_get_path (folder) : NULL;

  if (self->settings && path)
    g_settings_set_string (self->settings, "last-folder", path);
}

/* --- Export ---------------------------------------------------------------------------------- */

static void
export_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  gtk_window_present (GTK_WINDOW (pmod_export_dialog_new (GTK_WINDOW (self), self->exporter)));
}

static void
connect_exporter (PmodWindow *self)
{
  self->exporter = pmod_exporter_new (self->chat, self->selection);
  g_signal_connect_object (self->exporter, "exported", G_CALLBACK (opener_remarked_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->exporter, "failed", G_CALLBACK (add_problem), self,
                           G_CONNECT_SWAPPED);
}

/* --- Camera ---------------------------------------------------------------------------------- */

static void
camera_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_live_start (PMOD_WINDOW (widget)->live, g_variant_get_string (parameter, NULL));
}

static void
camera_again_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_live_start_again (PMOD_WINDOW (widget)->live);
}

static void
camera_off_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_live_stop (PMOD_WINDOW (widget)->live);
}

static void
toggle_camera_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (pmod_live_get_active (self->live))
    pmod_live_stop (self->live);
  else
    pmod_live_start_again (self->live);
}

static void
freeze_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  pmod_live_set_frozen (self->live, !pmod_live_get_frozen (self->live));
}

/* --- Conversation ---------------------------------------------------------------------------- */

static void
new_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  pmod_chat_clear (self->chat);
  if (pmod_chat_can_undo (self->chat))
    add_toast (self, _ ("New conversation"), _ ("_Undo"), "win.undo");
}

static void
undo_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_undo (PMOD_WINDOW (widget)->chat);
}

static void
ask_again_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_ask_again (PMOD_WINDOW (widget)->chat);
}

static void
reset_routing_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_tuning_reset (pmod_session_get_tuning (PMOD_WINDOW (widget)->session));
}

static void
sweep_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (!self->sweep_window)
    g_set_weak_pointer (&self->sweep_window, GTK_WIDGET (pmod_sweep_window_new (
                                                 GTK_WINDOW (self), self->chat, self->selection)));
  gtk_window_present (GTK_WINDOW (self->sweep_window));
}

static void
stop_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_stop (PMOD_WINDOW (widget)->chat);
}

static void
update_stack (PmodWindow *self)
{
  gboolean shown = pmod_chat_get_shown (self->chat) || pmod_chat_get_run (self->chat);
  PmodRun *run = pmod_chat_get_run (self->chat);

  /* Words alone leave the welcome in place: there is no map to show. */
  if (run && !pmod_chat_get_shown (self->chat) && !pmod_run_has_maps (run))
    shown = FALSE;
  if (shown)
    gtk_stack_set_visible_child_name (self->stack, "inspector");
  else
    gtk_stack_set_visible_child_name (self->stack,
                                      pmod_live_get_active (self->live) ? "camera" : "welcome");
}

static void
picture_changed_cb (PmodWindow *self)
{
  PmodPicture *picture = pmod_chat_get_picture (self->chat);
  g_autofree char *title =
      picture ? g_strdup_printf (_ ("%s \342\200\223 Strata"), pmod_picture_get_name (picture))
              : g_strdup (_ ("Strata"));

  gtk_window_set_title (GTK_WINDOW (self), title);
  update_stack (self);
  if (picture && pmod_chat_can_undo (self->chat))
    add_toast (self, _ ("New conversation"), _ ("_Undo"), "win.undo");
}

/* --- Models ---------------------------------------------------------------------------------- */

static void
choose_model (PmodWindow *self, const char *name_or_path)
{
  if (self->settings)
    g_settings_set_string (self->settings, "model", name_or_path);
  pmod_session_open_model (self->session, name_or_path);
}

static void
model_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  choose_model (PMOD_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

static void
folder_chosen_cb (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PmodWindow *self = user_data;
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  const char *path = file ? g_file_peek_path (file) : NULL;

  g_clear_object (&self->folder_chooser);
  if (response == GTK_RESPONSE_ACCEPT && path)
    choose_model (self, path);
}

static void
model_folder_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (self->folder_chooser)
    return;
  self->folder_chooser = gtk_file_chooser_native_new (
      _ ("Choose a Model\342\200\231s Folder"), GTK_WINDOW (self),
      GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Open"), _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->folder_chooser), TRUE);
  g_signal_connect_object (self->folder_chooser, "response", G_CALLBACK (folder_chosen_cb), self,
                           0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->folder_chooser));
}

static void
cancel_loading_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_session_cancel_loading (PMOD_WINDOW (widget)->session);
}

static void
update_progress (PmodWindow *self)
{
  double progress = pmod_session_get_progress (self->session);
  g_autofree char *text = g_strdup_printf (_ ("Loading the model, %d %%"), (int)(100 * progress));

  gtk_progress_bar_set_fraction (self->loading_bar, progress);
  gtk_label_set_label (self->loading_label, text);
}

static void
update_state (PmodWindow *self)
{
  PmodSessionState state = pmod_session_get_state (self->session);
  PmodModelCard *card = pmod_session_get_model (self->session);
  g_autofree char *remark = NULL;

  update_progress (self);
  gtk_revealer_set_reveal_child (self->loading, state == PMOD_SESSION_LOADING);
  if (state == PMOD_SESSION_ERROR)
    remark = g_strdup_printf (_ ("No model is loaded. %s"), pmod_session_get_error (self->session));
  else if (card)
    remark = g_strdup (card->note);
  if (remark)
    gtk_label_set_label (self->remark_label, remark);
  gtk_revealer_set_reveal_child (self->remark, remark != NULL);
}

static void
model_refused_cb (PmodWindow *self, const char *message)
{
  /* Without any model the remark says it, for as long as it is so. */
  if (pmod_session_get_model (self->session))
    add_problem (self, _ ("This model cannot be used"), message);
}

/* --- The side and its pages ------------------------------------------------------------------- */

static const char *
get_pane (PmodWindow *self)
{
  /* The action asks before the template is there. */
  if (!self->leaflet || !self->pages || !gtk_stack_get_visible_child_name (self->pages))
    return "picture";
  if (g_strcmp0 (adw_leaflet_get_visible_child_name (self->leaflet), "picture") == 0 &&
      adw_leaflet_get_folded (self->leaflet))
    return "picture";
  return gtk_stack_get_visible_child_name (self->pages);
}

static void
set_pane (PmodWindow *self, const char *name)
{
  if (g_strcmp0 (name, "picture") == 0)
    {
      adw_leaflet_set_visible_child_name (self->leaflet, "picture");
      return;
    }
  gtk_widget_set_visible (self->side, TRUE);
  gtk_stack_set_visible_child_name (self->pages, name);
  adw_leaflet_set_visible_child_name (self->leaflet, "side");
}

static void
pane_changed_cb (PmodWindow *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PANE]);
}

/* Where there is room for one side only, the other one takes its place. */
static void
toggle_chat_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (adw_leaflet_get_folded (self->leaflet))
    set_pane (self, g_str_equal (get_pane (self), "chat") ? "picture" : "chat");
  else
    gtk_widget_set_visible (self->side, !gtk_widget_get_visible (self->side));
  gtk_widget_activate_action (self->chat_pane, "chat.write", NULL);
}

/* The buttons of a narrow window lead to both sides. */
static void
folded_cb (PmodWindow *self)
{
  gtk_widget_set_visible (self->side, TRUE);
  pane_changed_cb (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
bind_settings (PmodWindow *self)
{
  g_settings_bind (self->settings, "window-width", self, "default-width", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "window-height", self, "default-height",
                   G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "window-maximized", self, "maximized", G_SETTINGS_BIND_DEFAULT);
}

static void
pmod_window_dispose (GObject *object)
{
  PmodWindow *self = PMOD_WINDOW (object);

  if (self->folder_chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->folder_chooser));
  g_clear_object (&self->folder_chooser);
  g_clear_object (&self->exporter);
  g_clear_object (&self->opener);
  g_clear_object (&self->selection);
  g_clear_object (&self->live);
  g_clear_object (&self->chat);
  g_clear_weak_pointer (&self->sweep_window);
  g_clear_object (&self->session);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (pmod_window_parent_class)->dispose (object);
}

static void
pmod_window_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodWindow *self = PMOD_WINDOW (object);

  switch (id)
    {
    case PROP_SESSION:
      g_value_set_object (value, self->session);
      break;
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    case PROP_LIVE:
      g_value_set_object (value, self->live);
      break;
    case PROP_PANE:
      g_value_set_string (value, get_pane (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_window_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodWindow *self = PMOD_WINDOW (object);

  switch (id)
    {
    case PROP_PANE:
      set_pane (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
install_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.open", NULL, open_action);
  gtk_widget_class_install_action (klass, "win.open-uri", "s", open_uri_action);
  gtk_widget_class_install_action (klass, "win.paste", NULL, paste_action);
  gtk_widget_class_install_action (klass, "win.export", NULL, export_action);
  gtk_widget_class_install_action (klass, "win.screenshot", NULL, screenshot_action);
  gtk_widget_class_install_action (klass, "win.camera", "s", camera_action);
  gtk_widget_class_install_action (klass, "win.camera-again", NULL, camera_again_action);
  gtk_widget_class_install_action (klass, "win.camera-off", NULL, camera_off_action);
  gtk_widget_class_install_action (klass, "win.toggle-camera", NULL, toggle_camera_action);
  gtk_widget_class_install_action (klass, "win.freeze", NULL, freeze_action);
  gtk_widget_class_install_action (klass, "win.new", NULL, new_action);
  gtk_widget_class_install_action (klass, "win.undo", NULL, undo_action);
  gtk_widget_class_install_action (klass, "win.ask-again", NULL, ask_again_action);
  gtk_widget_class_install_action (klass, "win.stop", NULL, stop_action);
  gtk_widget_class_install_action (klass, "win.reset-routing", NULL, reset_routing_action);
  gtk_widget_class_install_action (klass, "win.sweep", NULL, sweep_action);
  gtk_widget_class_install_action (klass, "win.model", "s", model_action);
  gtk_widget_class_install_action (klass, "win.model-folder", NULL, model_folder_action);
  gtk_widget_class_install_action (klass, "win.cancel-loading", NULL, cancel_loading_action);
  gtk_widget_class_install_action (klass, "win.explain", "(ss)", explain_action);
  gtk_widget_class_install_action (klass, "win.toggle-chat", NULL, toggle_chat_action);
  gtk_widget_class_install_property_action (klass, "win.pane", "pane");
  gtk_widget_class_install_property_action (klass, "win.full-screen", "fullscreened");
}

static void
bind_children (GtkWidgetClass *klass)
{
  g_type_ensure (PMOD_TYPE_CAMERA_BUTTON);
  g_type_ensure (PMOD_TYPE_CAMERA_PAGE);
  g_type_ensure (PMOD_TYPE_CHAT_PANE);
  g_type_ensure (PMOD_TYPE_DETAIL_PANE);
  g_type_ensure (PMOD_TYPE_INSPECTOR);
  g_type_ensure (PMOD_TYPE_LIVE_BAR);
  g_type_ensure (PMOD_TYPE_MODEL_BUTTON);
  g_type_ensure (PMOD_TYPE_TUNING_PANE);
  g_type_ensure (PMOD_TYPE_WELCOME);
  gtk_widget_class_set_template_from_resource (klass, "/io/github/strata/Strata/pmod-window.ui");
  gtk_widget_class_bind_template_child (klass, PmodWindow, toasts);
  gtk_widget_class_bind_template_child (klass, PmodWindow, leaflet);
  gtk_widget_class_bind_template_child (klass, PmodWindow, side);
  gtk_widget_class_bind_template_child (klass, PmodWindow, pages);
  gtk_widget_class_bind_template_child (klass, PmodWindow, chat_pane);
  gtk_widget_class_bind_template_child (klass, PmodWindow, stack);
  gtk_widget_class_bind_template_child (klass, PmodWindow, loading);
  gtk_widget_class_bind_template_child (klass, PmodWindow, loading_label);
  gtk_widget_class_bind_template_child (klass, PmodWindow, loading_bar);
  gtk_widget_class_bind_template_child (klass, PmodWindow, remark);
  gtk_widget_class_bind_template_child (klass, PmodWindow, remark_label);
  gtk_widget_class_bind_template_callback (klass, key_pressed_cb);
  gtk_widget_class_bind_template_callback (klass, pane_changed_cb);
  gtk_widget_class_bind_template_callback (klass, folded_cb);
}

static void
pmod_window_class_init (PmodWindowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_window_dispose;
  object_class->get_property = pmod_window_get_property;
  object_class->set_property = pmod_window_set_property;

  props[PROP_SESSION] = g_param_spec_object ("session", NULL, NULL, PMOD_TYPE_SESSION, flags);
  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  props[PROP_LIVE] = g_param_spec_object ("live", NULL, NULL, PMOD_TYPE_LIVE, flags);
  /* What a window too narrow for both sides shows: "picture", or the side's page ("chat",
   * "routing", "details"). In a wide one, the page beside the picture. */
  props[PROP_PANE] =
      g_param_spec_string ("pane", NULL, NULL, "picture",
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  install_actions (GTK_WIDGET_CLASS (klass));
  bind_children (GTK_WIDGET_CLASS (klass));
}

static void
pmod_window_init (PmodWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
connect_session (PmodWindow *self)
{
  g_signal_connect_object (self->session, "notify::state", G_CALLBACK (update_state), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::model", G_CALLBACK (update_state), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::progress", G_CALLBACK (update_progress), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "model-refused", G_CALLBACK (model_refused_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->opener, "failed", G_CALLBACK (add_problem), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->opener, "remarked", G_CALLBACK (opener_remarked_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->opener, "opened", G_CALLBACK (file_opened_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->opener, "training", G_CALLBACK (training_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::picture", G_CALLBACK (picture_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::run", G_CALLBACK (update_stack), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::shown", G_CALLBACK (update_stack), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->live, "notify::active", G_CALLBACK (update_stack), self,
                           G_CONNECT_SWAPPED);
  g_object_bind_property (self->chat, "run", self->selection, "run", G_BINDING_SYNC_CREATE);
  update_state (self);
}

PmodWindow *
pmod_window_new (GtkApplication *application, PmodSession *session, GSettings *settings)
{
  PmodWindow *self = g_object_new (PMOD_TYPE_WINDOW, "application", application, NULL);
  g_autoptr (PmodCamera) camera = pmod_camera_new ();

  g_set_object (&self->settings, settings);
  self->session = g_object_ref (session);
  self->chat = pmod_chat_new (session);
  self->live = pmod_live_new (camera, self->chat);
  self->selection = pmod_selection_new ();
  self->opener = pmod_picture_opener_new (self->chat);
  pmod_picture_opener_accept_drops (self->opener, GTK_WIDGET (self));
  connect_exporter (self);
  if (settings)
    bind_settings (self);
  connect_session (self);
  for (int i = PROP_SESSION; i <= PROP_LIVE; i++)
    g_object_notify_by_pspec (G_OBJECT (self), props[i]);
  return self;
}

void
pmod_window_start_camera (PmodWindow *self, const char *source)
{
  g_return_if_fail (PMOD_IS_WINDOW (self));

  pmod_live_start (self->live, source);
}

void
pmod_window_open_file (PmodWindow *self, GFile *file)
{
  g_return_if_fail (PMOD_IS_WINDOW (self));

  pmod_picture_opener_open (self->opener, file);
}
