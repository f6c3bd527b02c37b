/* PmodApplication: see pmod-application.h.
 *
 * A second start hands its arguments to the first and leaves. */
#include "config.h"

#include "pmod-application.h"

#include <glib/gi18n.h>

#include "pmod-about.h"
#include "pmod-appearance.h"
#include "pmod-conversations.h"
#include "pmod-frame-log.h"
#include "pmod-help.h"
#include "pmod-palette.h"
#include "pmod-preferences-window.h"
#include "pmod-preferences.h"
#include "pmod-sampling-memory.h"
#include "pmod-session.h"
#include "pmod-shortcuts-window.h"
#include "pmod-window.h"

struct _PmodApplication
{
  AdwApplication parent_instance;

  PmodSession *session;
  GSettings *settings; /* NULL where the schema is not installed */
  GtkCssProvider *accent;
  PmodFrameLog *frame_log; /* NULL unless asked for */
};

G_DEFINE_FINAL_TYPE (PmodApplication, pmod_application, ADW_TYPE_APPLICATION)

/* --- Style ----------------------------------------------------------------------------------- */

static void
update_accent (PmodApplication *self)
{
  g_autofree char *css = pmod_palette_to_css ();

  gtk_css_provider_load_from_data (self->accent, css, -1);
}

static void
follow_style (PmodApplication *self)
{
  /* Tab walks over the messages; it should not leave each of them marked. */
  g_object_set (gtk_settings_get_default (), "gtk-label-select-on-focus", FALSE, NULL);
  self->accent = gtk_css_provider_new ();
  update_accent (self);
  gtk_style_context_add_provider_for_display (gdk_display_get_default (),
                                              GTK_STYLE_PROVIDER (self->accent),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  g_signal_connect_object (adw_style_manager_get_default (), "notify::dark",
                           G_CALLBACK (update_accent), self, G_CONNECT_SWAPPED);
}

/* --- Settings -------------------------------------------------------------------------------- */

static void
bind_machine (PmodApplication *self)
{
  PmodMachine *machine = pmod_session_get_machine (self->session);

  g_settings_bind (self->settings, "device", machine, "device", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (self->settings, "precision", machine, "precision", G_SETTINGS_BIND_DEFAULT);
}

static void
open_first_model (PmodApplication *self, const char *model)
{
  g_autofree char *remembered = NULL;

  if (self->settings && g_settings_get_boolean (self->settings, PMOD_PREFERENCE_LAST_MODEL))
    remembered = g_settings_get_string (self->settings, "model");
  if (!model)
    model = remembered && *remembered ? remembered : "demo";
  pmod_session_open_model (self->session, model);
}

/* --- Actions --------------------------------------------------------------------------------- */

static gboolean
quit_cb (gpointer user_data)
{
  /* Held: a window takes those that belong to it along. */
  GList *windows = g_list_copy (gtk_application_get_windows (user_data));

  for (GList *l = windows; l; l = l->next)
    g_object_ref (l->data);
  for (GList *l = windows; l; l = l->next)
    gtk_window_close (l->data);
  if (!windows)
    g_application_quit (user_data);
  g_list_free_full (windows, g_object_unref);
  return G_SOURCE_REMOVE;
}

/* Not at once: a key that is still being handled holds the window that it went to, which GTK would
 * then let go of after the one that it stands over. */
static void
quit_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, quit_cb, g_object_ref (user_data), g_object_unref);
}

/* What a window of words stands over; the bus may ask for one before there is any. */
static GtkWindow *
find_parent (PmodApplication *self)
{
  if (!gtk_application_get_active_window (GTK_APPLICATION (self)))
    g_application_activate (G_APPLICATION (self));
  return gtk_application_get_active_window (GTK_APPLICATION (self));
}

static void
about_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  PmodApplication *self = PMOD_APPLICATION (user_data);

  pmod_about_present (find_parent (self), self->session);
}

static void
help_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  pmod_help_present (find_parent (user_data), NULL);
}

static void
shortcuts_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  gtk_window_present (GTK_WINDOW (pmod_shortcuts_window_get (find_parent (user_data))));
}

static void
preferences_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  PmodApplication *self = PMOD_APPLICATION (user_data);

  gtk_window_present (
      GTK_WINDOW (pmod_preferences_window_get (find_parent (self), self->settings)));
}

static void
set_accels (PmodApplication *self)
{
  static const struct
  {
    const char *action;
    const char *accels[3];
  } table[] = {
    { "app.quit", { "<Control>q", NULL } },
    { "app.preferences", { "<Control>comma", NULL } },
    { "app.help", { "F1", NULL } },
    { "app.shortcuts", { "<Control>question", NULL } },
    { "win.open", { "<Control>o", NULL } },
    { "win.add-picture", { "<Control><Shift>a", NULL } },
    { "win.export", { "<Control>e", NULL } },
    { "win.screenshot", { "<Control><Shift>o", NULL } },
    { "win.toggle-camera", { "<Control>l", NULL } },
    { "win.freeze", { "<Control><Shift>l", NULL } },
    { "win.new", { "<Control>n", NULL } },
    { "win.ask-again", { "<Control>Return", "<Control>KP_Enter", NULL } },
    { "win.probabilities", { "<Control>t", NULL } },
    { "win.reset-routing", { "<Control>r", NULL } },
    { "win.toggle-chat", { "F9", NULL } },
    { "win.compare", { "<Control>d", NULL } },
    { "win.conversations", { "<Control><Shift>s", NULL } },
    { "win.models", { "<Control>m", NULL } },
    { "win.full-screen", { "F11", NULL } },
    { "window.close", { "<Control>w", NULL } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), table[i].action,
                                           table[i].accels);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
    { "quit", quit_action },
    { "about", about_action },
    { "help", help_action },
    { "shortcuts", shortcuts_action },
    { "preferences", preferences_action },
  };
  PmodApplication *self = PMOD_APPLICATION (application);

  G_APPLICATION_CLASS (pmod_application_parent_class)->startup (application);

  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  g_type_ensure (PMOD_TYPE_CONVERSATIONS); /* the window's template has one */
  set_accels (self);
  follow_style (self);
  self->settings = pmod_preferences_new ();
  if (self->settings)
    pmod_appearance_follow (self->settings);
  else
    g_action_map_remove_action (G_ACTION_MAP (self), "preferences");
  self->session = pmod_session_new ();
  if (self->settings)
    {
      pmod_sampling_memory_attach (pmod_session_get_tuning (self->session), self->settings);
      bind_machine (self);
    }
}

/* The one that was used last, those of trainings apart; NULL: none. */
static PmodWindow *
find_window (PmodApplication *self)
{
  for (GList *l = gtk_application_get_windows (GTK_APPLICATION (self)); l; l = l->next)
    if (PMOD_IS_WINDOW (l->data))
      return l->data;
  return NULL;
}

/* bare: nothing else is to be shown in it. */
static PmodWindow *
ensure_window (PmodApplication *self, const char *model, gboolean bare)
{
  PmodWindow *window = find_window (self);

  if (window)
    {
      if (model)
        pmod_session_open_model (self->session, model);
      return window;
    }
  open_first_model (self, model);
  window = pmod_window_new (GTK_APPLICATION (self), self->session, self->settings);
  if (bare && self->settings &&
      g_settings_get_boolean (self->settings, PMOD_PREFERENCE_LAST_CONVERSATION))
    pmod_window_open_last_conversation (window);
  return window;
}

static void
start_frame_log (PmodApplication *self, GApplicationCommandLine *line, const char *path)
{
  g_autoptr (GFile) file = g_application_command_line_create_file_for_arg (line, path);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->frame_log, pmod_frame_log_free);
  self->frame_log = pmod_frame_log_new (file, self->session, &error);
  if (!self->frame_log)
    g_application_command_line_printerr (line, "strata: %s\n", error->message);
}

/* A film's path is relative to where the second start was made, as a model's is. */
static char *
resolve_camera (GApplicationCommandLine *line, const char *source)
{
  g_autoptr (GFile) file = NULL;
  g_autofree char *path = NULL;

  if (!g_str_has_prefix (source, "file:"))
    return g_strdup (source);
  file = g_application_command_line_create_file_for_arg (line, source + strlen ("file:"));
  path = g_file_get_path (file);
  return g_strconcat ("file:", path, NULL);
}

/* Relative to where the second start was made, too. */
static void
open_arguments (PmodWindow *window, GApplicationCommandLine *line, char **arguments, int n)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < n; i++)
    g_ptr_array_add (files, g_application_command_line_create_file_for_arg (line, arguments[i]));
  pmod_window_open_files (window, (GFile **)files->pdata, n);
}

static int
pmod_application_command_line (GApplication *application, GApplicationCommandLine *line)
{
  PmodApplication *self = PMOD_APPLICATION (application);
  GVariantDict *options = g_application_command_line_get_options_dict (line);
  g_auto (GStrv) arguments = g_application_command_line_get_arguments (line, NULL);
  const char *model = NULL;
  const char *frame_log = NULL;
  const char *camera = NULL;
  g_autofree char *model_path = NULL;
  guint n_arguments;
  PmodWindow *window;

  if (g_variant_dict_lookup (options, "model", "^&ay", &model))
    {
      /* Relative to where the second start was made, if it is a folder there. */
      g_autoptr (GFile) file = g_application_command_line_create_file_for_arg (line, model);

      /* An address is for the session alone: nobody is to look there for a folder. */
      if (!pmod_session_is_address (model) &&
          g_file_query_file_type (file, G_FILE_QUERY_INFO_NONE, NULL) == G_FILE_TYPE_DIRECTORY)
        model_path = g_file_get_path (file);
      else
        model_path = g_strdup (model);
    }
  if (g_variant_dict_lookup (options, "frame-log", "^&ay", &frame_log))
    start_frame_log (self, line, frame_log);
  g_variant_dict_lookup (options, "camera", "^&ay", &camera);
  n_arguments = g_strv_length (arguments);
  window = ensure_window (self, model_path, n_arguments <= 1 && !camera);
  if (self->frame_log)
    pmod_frame_log_follow (self->frame_log, GTK_WIDGET (window));
  if (n_arguments > 1)
    open_arguments (window, line, arguments + 1, (int)n_arguments - 1);
  if (camera)
    {
      g_autofree char *source = resolve_camera (line, camera);

      pmod_window_start_camera (window, source);
    }
  gtk_window_present (GTK_WINDOW (window));
  return 0;
}

static void
pmod_application_activate (GApplication *application)
{
  gtk_window_present (GTK_WINDOW (ensure_window (PMOD_APPLICATION (application), NULL, TRUE)));
}

/* Asked for over the bus; a command line comes as one. */
static void
pmod_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  PmodWindow *window = ensure_window (PMOD_APPLICATION (application), NULL, FALSE);

  pmod_window_open_files (window, files, n_files);
  gtk_window_present (GTK_WINDOW (window));
}

static void
pmod_application_shutdown (GApplication *application)
{
  PmodApplication *self = PMOD_APPLICATION (application);

  /* Ends the engine's thread while everything that it may wake is still there. */
  g_clear_pointer (&self->frame_log, pmod_frame_log_free);
  g_clear_object (&self->session);
  g_clear_object (&self->settings);
  g_clear_object (&self->accent);

  G_APPLICATION_CLASS (pmod_application_parent_class)->shutdown (application);
}

static void
pmod_application_class_init (PmodApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  application_class->startup = pmod_application_startup;
  application_class->activate = pmod_application_activate;
  application_class->open = pmod_application_open;
  application_class->command_line = pmod_application_command_line;
  application_class->shutdown = pmod_application_shutdown;
}

static void
pmod_application_init (PmodApplication *self)
{
  g_application_add_main_option (
      G_APPLICATION (self), "model", 'm', G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME,
      _ ("Use the model in this folder, or an installed one by its name"), _ ("MODEL"));
  g_application_add_main_option (
      G_APPLICATION (self), "frame-log", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME,
      _ ("Write what the window\342\200\231s time goes to into this file"), _ ("FILE"));
  g_application_add_main_option (
      G_APPLICATION (self), "camera", 'c', G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME,
      _ ("Begin live with this camera, \"file:FILM\", \"portal\" or \"test\""), _ ("CAMERA"));
  g_application_set_option_context_parameter_string (G_APPLICATION (self), _ ("[PICTURE]"));
}

PmodApplication *
pmod_application_new (void)
{
  return g_object_new (PMOD_TYPE_APPLICATION, "application-id", STRATA_APP_ID, "flags",
                       G_APPLICATION_HANDLES_COMMAND_LINE | G_APPLICATION_HANDLES_OPEN,
                       "resource-base-path", "/io/github/strata/Strata", NULL);
}
