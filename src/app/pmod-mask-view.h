/* The picture with the selected layer's mask over it: kept parts clear, skipped ones dimmed.
 *
 * Draws what PmodSelection points at; knows neither the model nor the other views. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MASK_VIEW (pmod_mask_view_get_type ())
G_DECLARE_FINAL_TYPE (PmodMaskView, pmod_mask_view, PMOD, MASK_VIEW, GtkWidget)

G_END_DECLS
