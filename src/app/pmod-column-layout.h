/* Children side by side in columns of one width: in as few rows as fit, of
 * lengths as even as can be. Not a widget.
 *
 * GtkFlowBox would do, but keyboard focus cannot leave it where its children take none. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_COLUMN_LAYOUT (pmod_column_layout_get_type ())
G_DECLARE_FINAL_TYPE (PmodColumnLayout, pmod_column_layout, PMOD, COLUMN_LAYOUT, GtkLayoutManager)

G_END_DECLS
