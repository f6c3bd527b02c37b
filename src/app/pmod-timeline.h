/* When a run did what: its stages along an axis of time, while it grows and after.
 *
 * Pointer and arrow keys walk over the stages; a click on a layer selects it. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TIMELINE (pmod_timeline_get_type ())
G_DECLARE_FINAL_TYPE (PmodTimeline, pmod_timeline, PMOD, TIMELINE, GtkWidget)

G_END_DECLS
