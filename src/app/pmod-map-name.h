/* What the picture with its map is called and described as, for screen readers.
 *
 * Not a widget. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

/* picture: nullable, where only its run is there. (transfer full) */
char *pmod_map_name_new (PmodSelection *selection, PmodPicture *picture);

/* All that the selection's map shows, in whole sentences; widget: whose language reads it.
 * (transfer full) */
char *pmod_map_name_describe (PmodSelection *selection, GtkWidget *widget);

/* Name and description of that widget. With a part held, where keys have gone to, that one is
 * described. */
void pmod_map_name_update (GtkWidget *widget, PmodSelection *selection, PmodPicture *picture);

G_END_DECLS
