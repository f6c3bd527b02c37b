/* Children side by side, all of one width, where there is room for that; else one below the other.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_PAIR_LAYOUT (pmod_pair_layout_get_type ())
G_DECLARE_FINAL_TYPE (PmodPairLayout, pmod_pair_layout, PMOD, PAIR_LAYOUT, GtkLayoutManager)

G_END_DECLS
