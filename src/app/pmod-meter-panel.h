/* What the run costs, against a dense model: compute, KV cache, and how full the context is. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_METER_PANEL (pmod_meter_panel_get_type ())
G_DECLARE_FINAL_TYPE (PmodMeterPanel, pmod_meter_panel, PMOD, METER_PANEL, GtkWidget)

G_END_DECLS
