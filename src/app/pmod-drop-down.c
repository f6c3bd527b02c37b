/* See pmod-drop-down.h. */
#include "config.h"

#include "pmod-drop-down.h"

void
pmod_drop_down_set_name (GtkWidget *drop_down, const char *name)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_widget_get_first_child (drop_down)),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}
