/* A bar of two lengths: what was used, before what a dense model would have used. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define PMOD_TYPE_METER_BAR (pmod_meter_bar_get_type ())
G_DECLARE_FINAL_TYPE (PmodMeterBar, pmod_meter_bar, PMOD, METER_BAR, GtkWidget)

/* Shares of the bar's length, 0 .. 1. */
void pmod_meter_bar_set (PmodMeterBar *self, double used, double dense);

G_END_DECLS
