/* Shows the help: with the desktop's help viewer where there is one and the pages are installed,
 * else in a window of our own, from the same pages. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* page: its name, NULL for the first one. parent: nullable. */
void pmod_help_present (GtkWindow *parent, const char *page);

G_END_DECLS
