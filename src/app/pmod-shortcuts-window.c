/* PmodShortcutsWindow: see pmod-shortcuts-window.h. */
#include "config.h"

#include "pmod-shortcuts-window.h"

#include "pmod-second-window.h"
#include "pmod-shortcut-row.h"

struct _PmodShortcutsWindow
{
  AdwPreferencesWindow parent_instance;
};

G_DEFINE_FINAL_TYPE (PmodShortcutsWindow, pmod_shortcuts_window, ADW_TYPE_PREFERENCES_WINDOW)

static void
pmod_shortcuts_window_class_init (PmodShortcutsWindowClass *klass)
{
  g_type_ensure (PMOD_TYPE_SHORTCUT_ROW);
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass),
                                               "/io/github/strata/Strata/pmod-shortcuts-window.ui");
}

static void
pmod_shortcuts_window_init (PmodShortcutsWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

PmodShortcutsWindow *
pmod_shortcuts_window_get (GtkWindow *parent)
{
  PmodShortcutsWindow *self = pmod_second_window_find (PMOD_TYPE_SHORTCUTS_WINDOW, parent);

  if (!self)
    {
      self = g_object_new (PMOD_TYPE_SHORTCUTS_WINDOW, NULL);
      pmod_second_window_attach (GTK_WINDOW (self), parent);
    }
  return self;
}
