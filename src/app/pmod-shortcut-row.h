/* What a key does, and the key. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Properties: "accelerator", as GTK writes it; several are parted by spaces. */
#define PMOD_TYPE_SHORTCUT_ROW (pmod_shortcut_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodShortcutRow, pmod_shortcut_row, PMOD, SHORTCUT_ROW, AdwActionRow)

G_END_DECLS
