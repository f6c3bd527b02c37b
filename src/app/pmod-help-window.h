/* Shows the pages of the help where the desktop has no viewer for them. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_HELP_WINDOW (pmod_help_window_get_type ())
G_DECLARE_FINAL_TYPE (PmodHelpWindow, pmod_help_window, PMOD, HELP_WINDOW, AdwWindow)

/* The one that pmod_second_window_find() finds, or a new one over parent (nullable), with this page
 * (NULL: the first one).
 * (transfer none) */
PmodHelpWindow *pmod_help_window_get (GtkWindow *parent, const char *page);

G_END_DECLS
