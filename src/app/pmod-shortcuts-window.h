/* Every key, by where it counts, with a search. GTK's own window of them is as wide as its columns
 * and does not fold for a narrow screen. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_SHORTCUTS_WINDOW (pmod_shortcuts_window_get_type ())
G_DECLARE_FINAL_TYPE (
    PmodShortcutsWindow, pmod_shortcuts_window, PMOD, SHORTCUTS_WINDOW, AdwPreferencesWindow)

/* parent: see pmod_second_window_attach(). The one that is there already, if
 * pmod_second_window_find() finds it. (transfer none) */
PmodShortcutsWindow *pmod_shortcuts_window_get (GtkWindow *parent);

G_END_DECLS
