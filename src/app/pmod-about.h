/* The window that says what this program is, whose work is in it and under which licences. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-session.h"

G_BEGIN_DECLS

/* parent: nullable. */
void pmod_about_present (GtkWindow *parent, PmodSession *session);

G_END_DECLS
