/* What the windows beside the main one have in common. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Lets self stand over parent, with which it goes; the program's keys, to quit for one, work in it.
 * Over a modal window it is modal, too: it would get no input otherwise. */
void pmod_second_window_attach (GtkWindow *self, GtkWindow *parent);

/* The one of that type which stands over parent (nullable), or which parent is or stands over
 * itself; then what stands between closes. NULL: there is none. (transfer none) */
gpointer pmod_second_window_find (GType type, GtkWindow *parent);

G_END_DECLS
