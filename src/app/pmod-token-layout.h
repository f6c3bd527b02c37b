/* Children one behind the other like the words of a text, in as many lines as they need. Not a
 * widget. Knows tokens' cells by two marks alone: which have a space before them, and which end
 * their line. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_TOKEN_LAYOUT (pmod_token_layout_get_type ())
G_DECLARE_FINAL_TYPE (PmodTokenLayout, pmod_token_layout, PMOD, TOKEN_LAYOUT, GtkLayoutManager)

/* Of a child, before it is shown. */
void pmod_token_layout_mark (GtkWidget *child, gboolean after_space, gboolean ends_line);

G_END_DECLS
