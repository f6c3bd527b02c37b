/* What can be chosen once and for all. Everything takes effect at once and is remembered. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_PREFERENCES_WINDOW (pmod_preferences_window_get_type ())
G_DECLARE_FINAL_TYPE (
    PmodPreferencesWindow, pmod_preferences_window, PMOD, PREFERENCES_WINDOW, AdwPreferencesWindow)

/* The one that pmod_second_window_find() finds, or a new one over parent (nullable).
 * (transfer none) */
PmodPreferencesWindow *pmod_preferences_window_get (GtkWindow *parent, GSettings *settings);

G_END_DECLS
