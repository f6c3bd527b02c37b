/* PmodApplication: see pmod-application.h.
 *
 * A second start hands its arguments to the first and leaves. */
#include "config.h"

#include "pmod-application.h"

#include <glib/gi18n.h>

#include "pmod-conversations.h"
#include "pmod-frame-log.h"
#include "pmod-palette.h"
#include "pmod-session.h"
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

/* Run from where it was built, the program has no installed schema: it then forgets. */
static GSettings *
open_settings (void)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema =
      source ? g_settings_schema_source_lookup (source, STRATA_APP_ID, TRUE) : NULL;

  return schema ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

static void
open_first_model (PmodApplication *self, const char *model)
{
  g_autofree char *remembered =
      self->settings ? g_settings_get_string (self->settings, "model") : NULL;

  if (!model)
    model = remembered && *remembered ? remembered : "demo";
  pmod_session_open_model (self->session, model);
}

/* --- Actions --------------------------------------------------------------------------------- */

static void
quit_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  g_autoptr (GList) windows = g_list_copy (gtk_application_get_windows (user_data));

  for (GList *l = windows; l; l = l->next)
    gtk_window_close (l->data);
  if (!windows)
    g_application_quit (user_data);
}

static void
about_action (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GtkWindow *window = gtk_application_get_active_window (user_data);

  adw_show_about_window (
      window, "application-name", _ ("Strata"), "application-icon", STRATA_APP_ID, "version",
      STRATA_VERSION, "developer-name", _ ("The Strata developers"), "license-type",
      GTK_LICENSE_APACHE_2_0, "comments",
      _ ("Ask a p-MoD model about a picture and see, layer by layer, which parts of it the model "
         "kept. A kept part is not proof that the answer used it. The paper\342\200\231s FLOPs "
         "leave out attention\342\200\231s products and the vision tower."),
      NULL);
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
    { "win.open", { "<Control>o", NULL } },
    { "win.export", { "<Control>e", NULL } },
    { "win.screenshot", { "<Control><Shift>o", NULL } },
    { "win.toggle-camera", { "<Control>l", NULL } },
    { "win.freeze", { "<Control><Shift>l", NULL } },
    { "win.new", { "<Control>n", NULL } },
    { "win.ask-again", { "<Control>Return", "<Control>KP_Enter", NULL } },
    { "win.reset-routing", { "<Control>r", NULL } },
    { "win.toggle-chat", { "F9", NULL } },
    { "win.compare", { "<Control>d", NULL } },
    { "win.conversations", { "<Control><Shift>s", NULL } },
    { "win.full-screen", { "F11", NULL } },
    { "win.show-help-overlay", { "<Control>question", NULL } },
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
  };
  PmodApplication *self = PMOD_APPLICATION (application);

  G_APPLICATION_CLASS (pmod_application_parent_class)->startup (application);

  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  g_type_ensure (PMOD_TYPE_CONVERSATIONS); /* the window's template has one */
  set_accels (self);
  follow_style (self);
  self->settings = open_settings ();
  self->session = pmod_session_new ();
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

static PmodWindow *
ensure_window (PmodApplication *self, const char *model)
{
  PmodWindow *window = find_window (self);

  if (window)
    {
      if (model)
        pmod_session_open_model (self->session, model);
      return window;
    }
  open_first_model (self, model);
  return pmod_window_new (GTK_APPLICATION (self), self->session, self->settings);
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
  window = ensure_window (self, model_path);
  if (self->frame_log)
    pmod_frame_log_follow (self->frame_log, GTK_WIDGET (window));
  if (arguments[0] && arguments[1])
    {
      g_autoptr (GFile) file = g_application_command_line_create_file_for_arg (line, arguments[1]);

      pmod_window_open_file (window, file);
    }
  if (g_variant_dict_lookup (options, "camera", "^&ay", &camera))
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
  gtk_window_present (GTK_WINDOW (ensure_window (PMOD_APPLICATION (application), NULL)));
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
                       G_APPLICATION_HANDLES_COMMAND_LINE, "resource-base-path",
                       "/io/github/strata/Strata", NULL);
}
