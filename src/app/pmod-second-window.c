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

/* The one that parent is or stands over, however far. */
static GtkWindow *
find_under (GType type, GtkWindow *parent)
{
  GtkWindow *over = NULL;

  for (GtkWindow *window = parent; window; window = gtk_window_get_transient_for (window))
    {
      if (G_TYPE_CHECK_INSTANCE_TYPE (window, type))
        {
          if (over)
            gtk_window_close (over);
          return window;
        }
      over = window;
    }
  return NULL;
}

gpointer
pmod_second_window_find (GType type, GtkWindow *parent)
{
  g_autoptr (GList) windows = gtk_window_list_toplevels ();
  GtkWindow *under = find_under (type, parent);

  for (GList *l = windows; l && !under; l = l->next)
    if (G_TYPE_CHECK_INSTANCE_TYPE (l->data, type) &&
        gtk_window_get_transient_for (l->data) == parent)
      return l->data;
  return under;
}
