/* One part of the picture through all layers: a cell for each layer, in one row.
 *
 * A bar is the part's weight between the lowest and the highest of its layer, the line across it
 * that layer's cut; below, a full square is kept and an empty one skipped. Shows the part that is
 * pointed at or held; a click on a cell chooses its layer. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TOKEN_RIBBON (pmod_token_ribbon_get_type ())
G_DECLARE_FINAL_TYPE (PmodTokenRibbon, pmod_token_ribbon, PMOD, TOKEN_RIBBON, GtkWidget)

G_END_DECLS
