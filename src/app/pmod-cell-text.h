/* A part of the picture in words, as the selected layer and view have it. Not a widget; called by
 * those that show or say it. */
#pragma once

#include "pmod-selection.h"

G_BEGIN_DECLS

/* NULL where the cell is no part that a router may have skipped, or nothing is known of it yet.
 * (transfer full) (nullable) */
char *pmod_cell_text_new (PmodSelection *selection, int cell);

G_END_DECLS
