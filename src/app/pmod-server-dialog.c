/* PmodServerDialog: see pmod-server-dialog.h. */
#include "config.h"

#include "pmod-server-dialog.h"

#include <glib/gi18n.h>

#include "pmod-second-window.h"

#define MAX_REMEMBERED 6

struct _PmodServerDialog
{
  AdwWindow parent_instance;

  PmodSession *session;
  GSettings *settings; /* nullable */
  gboolean connecting; /* and what the session loads is what was asked for here */

  AdwEntryRow *address;
  GtkMenuButton *recent;
  AdwPasswordEntryRow *token;
  GtkLabel *problem;
  GtkSpinner *spinner;
  GtkWidget *connect;
};

G_DEFINE_FINAL_TYPE (PmodServerDialog, pmod_server_dialog, ADW_TYPE_WINDOW)

/* --- What is shown --------------------------------------------------------------------------- */

static void
update (PmodServerDialog *self)
{
  const char *address = gtk_editable_get_text (GTK_EDITABLE (self->address));

  gtk_widget_set_sensitive (self->connect, !self->connecting && *address);
  /* Not insensitive: a text that has the focus would lose it without a word. */
  gtk_editable_set_editable (GTK_EDITABLE (self->address), !self->connecting);
  gtk_editable_set_editable (GTK_EDITABLE (self->token), !self->connecting);
  gtk_spinner_set_spinning (self->spinner, self->connecting);
}

static void
set_problem (PmodServerDialog *self, const char *problem)
{
  gtk_label_set_label (self->problem, problem ? problem : "");
  gtk_widget_set_visible (GTK_WIDGET (self->problem), problem != NULL);
}

/* What was wrong may be right now. */
static void
edited_cb (PmodServerDialog *self)
{
  set_problem (self, NULL);
  update (self);
}

/* --- Addresses that were used ---------------------------------------------------------------- */

static char **
dup_remembered (PmodServerDialog *self)
{
  return self->settings ? g_settings_get_strv (self->settings, "servers") : NULL;
}

/* The newest first. */
static void
remember (PmodServerDialog *self, const char *address)
{
  g_auto (GStrv) before = dup_remembered (self);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();

  if (!self->settings)
    return;
  g_ptr_array_add (all, (gpointer)address);
  for (int i = 0; before[i] && all->len < MAX_REMEMBERED; i++)
    if (!g_str_equal (before[i], address))
      g_ptr_array_add (all, before[i]);
  g_ptr_array_add (all, NULL);
  g_settings_set_strv (self->settings, "servers", (const char *const *)all->pdata);
}

static void
show_remembered (PmodServerDialog *self)
{
  g_auto (GStrv) addresses = dup_remembered (self);
  g_autoptr (GMenu) menu = g_menu_new ();

  for (int i = 0; addresses && addresses[i]; i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (addresses[i], NULL);

      g_menu_item_set_action_and_target (item, "server.use", "s", addresses[i]);
      g_menu_append_item (menu, item);
    }
  if (addresses && addresses[0])
    gtk_editable_set_text (GTK_EDITABLE (self->address), addresses[0]);
  gtk_menu_button_set_menu_model (self->recent, G_MENU_MODEL (menu));
  gtk_widget_set_visible (GTK_WIDGET (self->recent), addresses && addresses[0] && addresses[1]);
}

static void
use_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodServerDialog *self = PMOD_SERVER_DIALOG (widget);

  gtk_editable_set_text (GTK_EDITABLE (self->address), g_variant_get_string (parameter, NULL));
  gtk_widget_grab_focus (GTK_WIDGET (self->token));
}

/* --- Connecting ------------------------------------------------------------------------------ */

static void
connect_cb (PmodServerDialog *self)
{
  const char *token = gtk_editable_get_text (GTK_EDITABLE (self->token));
  g_autofree char *address =
      g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->address))));

  if (!*address || self->connecting)
    return;
  set_problem (self, NULL);
  self->connecting = TRUE;
  update (self);
  /* Who types a machine's name and port means this. */
  if (!pmod_session_is_address (address))
    {
      g_autofree char *whole = g_strconcat ("http://", address, NULL);

      pmod_session_open_server (self->session, whole, *token ? token : NULL);
    }
  else
    pmod_session_open_server (self->session, address, *token ? token : NULL);
}

static void
refused_cb (PmodServerDialog *self, const char *message)
{
  if (!self->connecting)
    return;
  self->connecting = FALSE;
  update (self);
  set_problem (self, message);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->problem), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  message, -1);
  gtk_widget_grab_focus (GTK_WIDGET (self->token));
}

static void
model_cb (PmodServerDialog *self)
{
  PmodModelCard *card = pmod_session_get_model (self->session);

  if (!self->connecting || !card || !card->server)
    return;
  self->connecting = FALSE;
  remember (self, card->server);
  gtk_window_close (GTK_WINDOW (self));
}

static gboolean
close_request_cb (PmodServerDialog *self)
{
  if (self->connecting)
    pmod_session_cancel_loading (self->session);
  self->connecting = FALSE;
  return FALSE;
}

/* libadwaita 1.2 gives what stands beside a password no names. */
static void
name_beside_token (GtkWidget *widget)
{
  if (GTK_IS_BUTTON (widget))
    gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                    _ ("Show or hide the token"), -1);
  else if (GTK_IS_IMAGE (widget))
    gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                    _ ("Token"), -1);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child && !GTK_IS_BUTTON (widget);
       child = gtk_widget_get_next_sibling (child))
    name_beside_token (child);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_server_dialog_dispose (GObject *object)
{
  PmodServerDialog *self = PMOD_SERVER_DIALOG (object);

  g_clear_object (&self->session);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (pmod_server_dialog_parent_class)->dispose (object);
}

static void
pmod_server_dialog_class_init (PmodServerDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_server_dialog_dispose;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-server-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, address);
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, recent);
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, token);
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, problem);
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, spinner);
  gtk_widget_class_bind_template_child (widget_class, PmodServerDialog, connect);
  gtk_widget_class_bind_template_callback (widget_class, connect_cb);
  gtk_widget_class_bind_template_callback (widget_class, edited_cb);
  gtk_widget_class_bind_template_callback (widget_class, close_request_cb);
  gtk_widget_class_install_action (widget_class, "server.use", "s", use_action);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
pmod_server_dialog_init (PmodServerDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

PmodServerDialog *
pmod_server_dialog_new (GtkWindow *parent, PmodSession *session, GSettings *settings)
{
  PmodServerDialog *self = g_object_new (PMOD_TYPE_SERVER_DIALOG, NULL);

  pmod_second_window_attach (GTK_WINDOW (self), parent);
  self->session = g_object_ref (session);
  g_set_object (&self->settings, settings);
  g_signal_connect_object (session, "model-refused", G_CALLBACK (refused_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "notify::model", G_CALLBACK (model_cb), self,
                           G_CONNECT_SWAPPED);
  show_remembered (self);
  update (self);
  name_beside_token (GTK_WIDGET (self->token));
  /* What is asked for comes first, not the way out. */
  gtk_widget_grab_focus (GTK_WIDGET (self->address));
  return self;
}
