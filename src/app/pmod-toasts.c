/* See pmod-toasts.h. */
#include "config.h"

#include "pmod-toasts.h"

#include <glib/gi18n.h>

#define PROBLEM_SECONDS 10

AdwToast *
pmod_toasts_new (const char *title)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);

  return adw_toast_new (escaped);
}

void
pmod_toasts_add (AdwToastOverlay *overlay,
                 const char *title,
                 const char *button,
                 const char *action)
{
  AdwToast *toast = pmod_toasts_new (title);

  adw_toast_set_button_label (toast, button);
  adw_toast_set_action_name (toast, action);
  adw_toast_overlay_add_toast (overlay, toast);
}

void
pmod_toasts_add_problem (AdwToastOverlay *overlay, const char *title, const char *message)
{
  AdwToast *toast = pmod_toasts_new (title);

  adw_toast_set_button_label (toast, _ ("Why?"));
  adw_toast_set_action_name (toast, "win.explain");
  adw_toast_set_action_target (toast, "(ss)", title, message);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  adw_toast_set_timeout (toast, PROBLEM_SECONDS);
  adw_toast_overlay_add_toast (overlay, toast);
}

void
pmod_toasts_show (GtkWindow *parent, const char *title, const char *message)
{
  GtkWidget *dialog = adw_message_dialog_new (parent, title, message);

  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

void
pmod_toasts_explain (GtkWindow *parent, GVariant *parameter)
{
  const char *title, *message;

  g_variant_get (parameter, "(&s&s)", &title, &message);
  pmod_toasts_show (parent, title, message);
}
