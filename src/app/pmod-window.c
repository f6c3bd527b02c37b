/* PmodWindow: see pmod-window.h. */
#include "config.h"

#include "pmod-window-private.h"

#include <glib/gi18n.h>

#include "pmod-camera-button.h"
#include "pmod-camera-page.h"
#include "pmod-chat-pane.h"
#include "pmod-detail-pane.h"
#include "pmod-inspector.h"
#include "pmod-live-bar.h"
#include "pmod-model-button.h"
#include "pmod-preferences.h"
#include "pmod-run-origin.h"
#include "pmod-toasts.h"
#include "pmod-training-window.h"
#include "pmod-tuning-pane.h"
#include "pmod-welcome.h"

/* As in the template. */
#define SIDE_WIDTH 360

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

static void
add_toast (PmodWindow *self, const char *title, const char *button, const char *action)
{
  pmod_toasts_add (self->toasts, title, button, action);
}

static void
add_problem (PmodWindow *self, const char *title, const char *message)
{
  pmod_toasts_add_problem (self->toasts, title, message);
}

/* --- Pictures -------------------------------------------------------------------------------- */

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
  gtk_window_present (GTK_WINDOW (pmod_training_window_new (GTK_WINDOW (self), file)));
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
connect_exporter (PmodWindow *self)
{
  self->exporter = pmod_exporter_new (self->chat, self->selection);
  g_signal_connect_object (self->exporter, "exported", G_CALLBACK (opener_remarked_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->exporter, "failed", G_CALLBACK (add_problem), self,
                           G_CONNECT_SWAPPED);
}

/* --- Conversation ---------------------------------------------------------------------------- */

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

/* What a question brings is looked at when its maps come. */
static void
answering_cb (PmodWindow *self, PmodMessage *question, PmodMessage *answer, gboolean again)
{
  GPtrArray *brought = pmod_message_get_pictures (question);
  int n = 0;

  while (pmod_run_get_shown (pmod_message_get_run (answer), n))
    n++;
  if (brought && !again)
    pmod_selection_set_picture (self->selection, n - (int)brought->len);
}

/* --- Models ---------------------------------------------------------------------------------- */

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
  /* Without any model the remark says it, for as long as it is so; who asks for a server is told
   * there. */
  if (pmod_session_get_model (self->session) && !self->server_dialog)
    add_problem (self, _ ("This model cannot be used"), message);
}

/* --- The side and its pages ------------------------------------------------------------------- */

const char *
pmod_window_get_pane (PmodWindow *self)
{
  /* The action asks before the template is there. */
  if (!self->leaflet || !self->pages || !gtk_stack_get_visible_child_name (self->pages))
    return "picture";
  if (g_strcmp0 (adw_leaflet_get_visible_child_name (self->leaflet), "picture") == 0 &&
      adw_leaflet_get_folded (self->leaflet))
    return "picture";
  return gtk_stack_get_visible_child_name (self->pages);
}

void
pmod_window_set_pane (PmodWindow *self, const char *name)
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

/* Beside the picture the side is as wide as it must be and no wider: the leaflet goes by the least
 * width when it unfolds, but gives more to whoever would like more. */
static int
get_side_width (PmodWindow *self, gboolean folded)
{
  return folded ? G_MAXINT : SIDE_WIDTH;
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
  g_settings_bind (self->settings, PMOD_PREFERENCE_MIRROR, pmod_live_get_camera (self->live),
                   "mirrored", G_SETTINGS_BIND_DEFAULT);
  pmod_preferences_bind_choice (self->settings, PMOD_PREFERENCE_COMPUTE_RULE, self->selection,
                                "rule");
}

static void
pmod_window_dispose (GObject *object)
{
  PmodWindow *self = PMOD_WINDOW (object);

  if (self->folder_chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->folder_chooser));
  g_clear_object (&self->folder_chooser);
  pmod_window_end_models (self);
  g_clear_object (&self->exporter);
  g_clear_object (&self->opener);
  g_clear_object (&self->adder);
  g_clear_object (&self->selection);
  g_clear_object (&self->live);
  g_clear_object (&self->chat);
  g_clear_weak_pointer (&self->sweep_window);
  g_clear_weak_pointer (&self->server_dialog);
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
      g_value_set_string (value, pmod_window_get_pane (self));
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
      pmod_window_set_pane (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
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
  gtk_widget_class_bind_template_child (klass, PmodWindow, model_button);
  gtk_widget_class_bind_template_callback (klass, key_pressed_cb);
  gtk_widget_class_bind_template_callback (klass, pane_changed_cb);
  gtk_widget_class_bind_template_callback (klass, folded_cb);
  gtk_widget_class_bind_template_callback (klass, get_side_width);
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

  pmod_window_install_actions (GTK_WIDGET_CLASS (klass));
  pmod_window_install_model_actions (GTK_WIDGET_CLASS (klass));
  bind_children (GTK_WIDGET_CLASS (klass));
}

static void
pmod_window_init (PmodWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
connect_opener (PmodWindow *self, PmodPictureOpener *opener)
{
  g_signal_connect_object (opener, "failed", G_CALLBACK (add_problem), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (opener, "remarked", G_CALLBACK (opener_remarked_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (opener, "opened", G_CALLBACK (file_opened_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (opener, "training", G_CALLBACK (training_cb), self, G_CONNECT_SWAPPED);
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
  connect_opener (self, self->opener);
  connect_opener (self, self->adder);
  g_signal_connect_object (self->chat, "answering", G_CALLBACK (answering_cb), self,
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
  self->adder = pmod_picture_opener_new_adding (self->chat);
  pmod_picture_opener_set_adder (self->opener, self->adder, self->chat_pane);
  pmod_picture_opener_accept_drops (self->opener, GTK_WIDGET (self));
  connect_exporter (self);
  pmod_window_start_models (self);
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
pmod_window_open_files (PmodWindow *self, GFile **files, int n_files)
{
  g_return_if_fail (PMOD_IS_WINDOW (self));
  g_return_if_fail (n_files > 0);

  pmod_picture_opener_open_first (self->opener, files[0], (guint)n_files);
}

void
pmod_window_open_last_conversation (PmodWindow *self)
{
  g_return_if_fail (PMOD_IS_WINDOW (self));

  gtk_widget_activate_action (GTK_WIDGET (self->leaflet), "conversations.open-newest", NULL);
}
