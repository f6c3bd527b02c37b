/* What the user prefers of all windows' looks: light or dark, and whether anything moves. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* From now on, as long as settings lives. */
void pmod_appearance_follow (GSettings *settings);

G_END_DECLS
