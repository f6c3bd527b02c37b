/* What keys do to a picture that has the focus: walk from part to part, hold one, show the picture
 * alone, move what is seen.
 *
 * Not a widget; changes the selection only. Called by PmodMaskView. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

/* Whether the key means something here. */
gboolean pmod_map_keys_press (PmodSelection *selection, guint keyval, GdkModifierType state);
void pmod_map_keys_release (PmodSelection *selection, guint keyval);

G_END_DECLS
