/* The map in words, with a button that copies them. Made only while it can be seen. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MAP_WORDS (pmod_map_words_get_type ())
G_DECLARE_FINAL_TYPE (PmodMapWords, pmod_map_words, PMOD, MAP_WORDS, GtkWidget)

G_END_DECLS
