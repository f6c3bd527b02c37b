/* What PmodWindow has to do with models beside the one in use: the list of them, and a download. */
#include "config.h"

#include "pmod-window-private.h"

#include <glib/gi18n.h>

#include "pmod-download-words.h"
#include "pmod-models-window.h"
#include "pmod-toasts.h"

static void
models_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodWindow *self = PMOD_WINDOW (widget);

  if (!self->models_window)
    g_set_weak_pointer (&self->models_window,
                        GTK_WIDGET (pmod_models_window_new (GTK_WINDOW (self), self->session,
                                                            self->catalog, self->download)));
  gtk_window_present (GTK_WINDOW (self->models_window));
}

static void
model_anyway_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_session_open_model_anyway (PMOD_WINDOW (widget)->session,
                                  g_variant_get_string (parameter, NULL));
}

static void
unload_model_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_session_unload (PMOD_WINDOW (widget)->session);
}

void
pmod_window_install_model_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "win.models", NULL, models_action);
  gtk_widget_class_install_action (klass, "win.model-anyway", "s", model_anyway_action);
  gtk_widget_class_install_action (klass, "win.unload-model", NULL, unload_model_action);
}

/* --- The download ------------------------------------------------------------------------------
 */

static void
tell_done (PmodWindow *self)
{
  const char *folder = pmod_download_get_folder (self->download);
  g_autofree char *title =
      g_strdup_printf (_ ("%s is downloaded"), pmod_download_get_name (self->download));
  AdwToast *toast = pmod_toasts_new (title);

  if (folder)
    {
      adw_toast_set_button_label (toast, _ ("_Use It"));
      adw_toast_set_action_name (toast, "win.model");
      adw_toast_set_action_target (toast, "s", folder);
    }
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
download_state_cb (PmodWindow *self)
{
  g_autofree char *why = NULL;

  switch (pmod_download_get_state (self->download))
    {
    case PMOD_DOWNLOAD_DONE:
      tell_done (self);
      break;
    case PMOD_DOWNLOAD_FAILED:
      why = pmod_download_describe (self->download);
      pmod_toasts_add_problem (self->toasts, _ ("The download failed"), why);
      break;
    default:
      break;
    }
}

/* --- Beginning and end -------------------------------------------------------------------------
 */

void
pmod_window_start_models (PmodWindow *self)
{
  self->catalog = pmod_catalog_new (self->session);
  self->download = pmod_download_new ();
  g_signal_connect_object (self->download, "notify::state", G_CALLBACK (download_state_cb), self,
                           G_CONNECT_SWAPPED);
  g_object_set (self->model_button, "download", self->download, NULL);
  if (!self->settings)
    return;
  g_settings_bind (self->settings, "model-folders", self->catalog, "folders",
                   G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "model-server", self->download, "server",
                   G_SETTINGS_BIND_DEFAULT);
}

void
pmod_window_end_models (PmodWindow *self)
{
  GtkWindow *window = GTK_WINDOW (self->models_window);

  g_clear_weak_pointer (&self->models_window);
  if (window)
    {
      /* A key that is still being handled may hold it until after this one is gone. */
      gtk_window_set_transient_for (window, NULL);
      gtk_window_destroy (window);
    }
  g_clear_object (&self->catalog);
  g_clear_object (&self->download);
}
