/* The side's page of measurements: the selected layer's weights, one part's way through the
 * layers, what each layer cost, and when the run did what. */
#pragma once

#include <adwaita.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_DETAIL_PANE (pmod_detail_pane_get_type ())
G_DECLARE_FINAL_TYPE (PmodDetailPane, pmod_detail_pane, PMOD, DETAIL_PANE, AdwBin)

G_END_DECLS
