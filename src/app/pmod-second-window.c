/* Windows beside the main one: see pmod-second-window.h. */
#include "config.h"

#include "pmod-second-window.h"

void
pmod_second_window_attach (GtkWindow *self, GtkWindow *parent)
{
  g_return_if_fail (GTK_IS_WINDOW (self));

  /* Asked for over the bus, before there is any. */
  if (!parent)
    return;
  gtk_window_set_transient_for (self, parent);
  gtk_window_set_destroy_with_parent (self, TRUE);
  if (gtk_window_get_modal (parent))
    gtk_window_set_modal (self, TRUE);
  gtk_window_set_application (self, gtk_window_get_application (parent));
}
