/* What GtkDropDown leaves out: a name for screen readers. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A drop-down's button is what takes the focus, and it has no name of its own. */
void pmod_drop_down_set_name (GtkWidget *drop_down, const char *name);

G_END_DECLS
