/* What could have stood at a place: a token, and a bar as long as its chance. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-run-tokens.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHANCE_ROW (pmod_chance_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodChanceRow, pmod_chance_row, PMOD, CHANCE_ROW, GtkListBoxRow)

/* is_said: it is what stands there. can_choose: an answer can go on from it. */
GtkWidget *pmod_chance_row_new (const PmodRunChance *chance, gboolean is_said, gboolean can_choose);

G_END_DECLS
