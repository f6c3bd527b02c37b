/* A number with its name: a slider to try, an entry to be exact, and the reason where neither would
 * do anything. Knows no tuning: its adjustment is bound to one. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_SLIDER_ROW (pmod_slider_row_get_type ())
G_DECLARE_FINAL_TYPE (PmodSliderRow, pmod_slider_row, PMOD, SLIDER_ROW, AdwBin)

GtkAdjustment *pmod_slider_row_get_adjustment (PmodSliderRow *self);

/* Why it does nothing now; NULL: it does something. */
void pmod_slider_row_set_reason (PmodSliderRow *self, const char *reason);

/* A mark on the slider, where the trained value is. */
void pmod_slider_row_set_mark (PmodSliderRow *self, double value);

/* The wheel over control, a slider or an entry, scrolls the page and leaves its number alone. */
void pmod_slider_row_pass_wheel (GtkWidget *control);

G_END_DECLS
