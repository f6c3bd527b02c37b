/* The selected layer's weights as a histogram: how many tokens have which, where the cut lies, and
 * what is doubtful about it in words. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_WEIGHT_HISTOGRAM (pmod_weight_histogram_get_type ())
G_DECLARE_FINAL_TYPE (PmodWeightHistogram, pmod_weight_histogram, PMOD, WEIGHT_HISTOGRAM, GtkWidget)

G_END_DECLS
