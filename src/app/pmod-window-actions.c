/* The window's actions: what menus, buttons and keys ask of it. */
#include "config.h"

#include "pmod-window-private.h"

#include <glib/gi18n.h>

#include "pmod-chat-tokens.h"
#include "pmod-comparison.h"
#include "pmod-export-dialog.h"
#include "pmod-server-dialog.h"
#include "pmod-sweep-window.h"
#include "pmod-toasts.h"

static void
explain_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_toasts_explain (GTK_WINDOW (widget), parameter);
}

static void
choose_picture (PmodWindow *self, PmodPictureOpener *opener)
{
  g_autoptr (GFile) folder = NULL;
  g_autofree char *path =
      self->settings ? g_settings_get_string (self->settings, "last-folder") : NULL;

  if (path && *path && g_file_test (path, G_FILE_TEST_IS_DIR))
    folder = g_file_new_for_path (path);
  pmod_picture_opener_choose (opener, GTK_WINDOW (self), folder);
}

static void
open_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  choose_picture (PMOD_WINDOW (widget), PMOD_WINDOW (widget)->opener);
}

static void
add_picture_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  choose_picture (PMOD_WINDOW (widget), PMOD_WINDOW (widget)->adder);
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
    pmod_toasts_add (self->toasts, _ ("The clipboard has no picture"), NULL, NULL);
}

static void
screenshot_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_picture_opener_take_screenshot (PMOD_WINDOW (widget)->opener);
}

/* --- Export ---------------------------------------------------------------------------------- */

static void
export_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  gtk_window_present (GTK_WINDOW (pmod_export_dialog_new (GTK_WINDOW (self), self->exporter)));
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
    pmod_toasts_add (self->toasts, _ ("New conversation"), _ ("_Undo"), "win.undo");
}

static void
undo_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_undo (PMOD_WINDOW (widget)->chat);
}

static void
probabilities_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_tokens_toggle_last (PMOD_WINDOW (widget)->chat);
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

/* (uu): a question's position, and which of the pictures that it brought. */
static void
show_picture_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);
  guint position, index;
  int picture;

  g_variant_get (parameter, "(uu)", &position, &index);
  if (!pmod_chat_show_brought (self->chat, position, index, &picture))
    {
      gtk_widget_error_bell (widget);
      return;
    }
  pmod_selection_set_picture (self->selection, picture);
  if (adw_leaflet_get_folded (self->leaflet))
    pmod_window_set_pane (self, "picture");
}

static void
compare_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_comparison_toggle (pmod_comparison_get (PMOD_WINDOW (widget)->chat));
}

/* Where there is room for one side only, the other one takes its place. */
static void
toggle_chat_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (adw_leaflet_get_folded (self->leaflet))
    pmod_window_set_pane (self,
                          g_str_equal (pmod_window_get_pane (self), "chat") ? "picture" : "chat");
  else
    gtk_widget_set_visible (self->side, !gtk_widget_get_visible (self->side));
  gtk_widget_activate_action (self->chat_pane, "chat.write", NULL);
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
  if (response != GTK_RESPONSE_ACCEPT || !path)
    return;
  pmod_catalog_add_folder (self->catalog, path);
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
connect_server_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (!self->server_dialog)
    g_set_weak_pointer (
        &self->server_dialog,
        GTK_WIDGET (pmod_server_dialog_new (GTK_WINDOW (self), self->session, self->settings)));
  gtk_window_present (GTK_WINDOW (self->server_dialog));
}

static void
cancel_loading_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_session_cancel_loading (PMOD_WINDOW (widget)->session);
}

void
pmod_window_install_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.open", NULL, open_action);
  gtk_widget_class_install_action (klass, "win.add-picture", NULL, add_picture_action);
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
  gtk_widget_class_install_action (klass, "win.probabilities", NULL, probabilities_action);
  gtk_widget_class_install_action (klass, "win.stop", NULL, stop_action);
  gtk_widget_class_install_action (klass, "win.show-picture", "(uu)", show_picture_action);
  gtk_widget_class_install_action (klass, "win.compare", NULL, compare_action);
  gtk_widget_class_install_action (klass, "win.reset-routing", NULL, reset_routing_action);
  gtk_widget_class_install_action (klass, "win.sweep", NULL, sweep_action);
  gtk_widget_class_install_action (klass, "win.model", "s", model_action);
  gtk_widget_class_install_action (klass, "win.model-folder", NULL, model_folder_action);
  gtk_widget_class_install_action (klass, "win.connect-server", NULL, connect_server_action);
  gtk_widget_class_install_action (klass, "win.cancel-loading", NULL, cancel_loading_action);
  gtk_widget_class_install_action (klass, "win.explain", "(ss)", explain_action);
  gtk_widget_class_install_action (klass, "win.toggle-chat", NULL, toggle_chat_action);
  gtk_widget_class_install_property_action (klass, "win.pane", "pane");
  gtk_widget_class_install_property_action (klass, "win.full-screen", "fullscreened");
}
