/* One token of an answer: its text, tinted and underlined by the chance that it had. Likely ones
 * are plain text; the less likely, the stronger the tint and the more broken the line, so that the
 * line alone tells as well. Knows nothing of runs. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_TOKEN_CELL (pmod_token_cell_get_type ())
G_DECLARE_FINAL_TYPE (PmodTokenCell, pmod_token_cell, PMOD, TOKEN_CELL, GtkWidget)

/* name: for screen readers; NULL: it is a sample of a legend, which takes no focus. */
GtkWidget *pmod_token_cell_new (const char *text, const char *name, double probability);

/* Signal: "activated", when it is clicked, or Enter or the space bar is pressed. */

G_END_DECLS
