/* PmodPreferencesWindow: see pmod-preferences-window.h. Only binds rows to keys; what follows from
 * a key is done where it is used. */
#include "config.h"

#include "pmod-preferences-window.h"

#include "pmod-preferences.h"
#include "pmod-second-window.h"

struct _PmodPreferencesWindow
{
  AdwPreferencesWindow parent_instance;

  GtkWidget *color_scheme;
  GtkWidget *reduce_motion;
  GtkWidget *last_model;
  GtkWidget *last_conversation;
  GtkWidget *keep;
  GtkWidget *compute_rule;
  GtkWidget *mirror;
};

G_DEFINE_FINAL_TYPE (PmodPreferencesWindow, pmod_preferences_window, ADW_TYPE_PREFERENCES_WINDOW)

static void
pmod_preferences_window_class_init (PmodPreferencesWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (
      widget_class, "/io/github/strata/Strata/pmod-preferences-window.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, color_scheme);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, reduce_motion);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, last_model);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, last_conversation);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, keep);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, compute_rule);
  gtk_widget_class_bind_template_child (widget_class, PmodPreferencesWindow, mirror);
}

static void
pmod_preferences_window_init (PmodPreferencesWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
bind (GSettings *settings, const char *key, GtkWidget *toggle)
{
  g_settings_bind (settings, key, toggle, "active", G_SETTINGS_BIND_DEFAULT);
}

PmodPreferencesWindow *
pmod_preferences_window_get (GtkWindow *parent, GSettings *settings)
{
  PmodPreferencesWindow *self = pmod_second_window_find (PMOD_TYPE_PREFERENCES_WINDOW, parent);

  if (self)
    return self;
  self = g_object_new (PMOD_TYPE_PREFERENCES_WINDOW, NULL);
  pmod_second_window_attach (GTK_WINDOW (self), parent);
  pmod_preferences_bind_choice (settings, PMOD_PREFERENCE_COLOR_SCHEME, self->color_scheme,
                                "selected");
  bind (settings, PMOD_PREFERENCE_REDUCE_MOTION, self->reduce_motion);
  bind (settings, PMOD_PREFERENCE_LAST_MODEL, self->last_model);
  bind (settings, PMOD_PREFERENCE_LAST_CONVERSATION, self->last_conversation);
  bind (settings, PMOD_PREFERENCE_KEEP, self->keep);
  pmod_preferences_bind_choice (settings, PMOD_PREFERENCE_COMPUTE_RULE, self->compute_rule,
                                "selected");
  bind (settings, PMOD_PREFERENCE_MIRROR, self->mirror);
  return self;
}
