/* What each layer cost, as bars in front of what it would cost in a dense model.
 *
 * Property "kind": PmodCostKind. Clicks and arrow keys select a layer of the selection. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_COST_PAPER,
  PMOD_COST_ALL,
  PMOD_COST_KV,
  PMOD_COST_TIME, /* dense: only where a dense run is known */
  PMOD_N_COSTS
} PmodCostKind;

#define PMOD_TYPE_COST_PLOT (pmod_cost_plot_get_type ())
G_DECLARE_FINAL_TYPE (PmodCostPlot, pmod_cost_plot, PMOD, COST_PLOT, GtkWidget)

G_END_DECLS
