/* A growing text, cut into whole sentences: for who hears it and cannot look back.
 *
 * Unicode's boundaries as Pango finds them, but not after "Mr." or a single letter. A sentence is
 * whole when it is certain where it ends: when the next one has begun, a line has ended, or its
 * mark cannot be part of a number or an abbreviation. No widgets. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* text: UTF-8. from: where to begin, in bytes; set to behind the last whole sentence. growing: more
 * may come, so that what has no end yet is left. Without the space around them; empty ones are left
 * out. (transfer full) */
char **pmod_sentences_split (const char *text, gboolean growing, gsize *from);

G_END_DECLS
