/* An answer's text, laid out: paragraphs, headings, lists, quotes, code.
 *
 * While it grows only the blocks that changed are touched, and one that only got longer keeps its
 * widgets. Nothing is fetched; a link opens when it is clicked or activated.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_MARKDOWN (pmod_markdown_get_type ())
G_DECLARE_FINAL_TYPE (PmodMarkdown, pmod_markdown, PMOD, MARKDOWN, GtkWidget)

/* growing: whether more will come. */
void pmod_markdown_set_text (PmodMarkdown *self, const char *text, gboolean growing);

G_END_DECLS
