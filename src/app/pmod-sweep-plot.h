/* A sweep as a picture: what each setting costs, against how far it moves the next word.
 *
 * A point is chosen with the pointer or the keys; to press it, or Enter, is the signal "activated".
 * Filled points give the trained setting's answer, hollow ones another. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-sweep-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SWEEP_PLOT (pmod_sweep_plot_get_type ())
G_DECLARE_FINAL_TYPE (PmodSweepPlot, pmod_sweep_plot, PMOD, SWEEP_PLOT, GtkWidget)

/* Property "sweep"; NULL: nothing is drawn. */
void pmod_sweep_plot_set_sweep (PmodSweepPlot *self, PmodSweepRun *sweep);

/* Property "marker": the chosen point, or -1. */
int pmod_sweep_plot_get_marker (PmodSweepPlot *self);

/* All that is known of a point but its answer. (transfer full) */
char *pmod_sweep_plot_describe_point (PmodSweepRun *sweep, int i);

G_END_DECLS
