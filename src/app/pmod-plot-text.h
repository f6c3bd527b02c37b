/* The words on a plot: quiet, and placed by whichever of their corners or edges is wanted. And the
 * steps of its axes. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Of the text's own colour. */
#define PMOD_PLOT_TEXT_STRENGTH 0.7f

/* In widget's font; its size in pixels. (transfer full) */
PangoLayout *pmod_plot_text_new (GtkWidget *widget, const char *text, int *width, int *height);

/* Of words that stand back, and of ticks: numbers stand beside what is drawn, not before it. */
void pmod_plot_text_get_color (GtkWidget *widget, GdkRGBA *color);

/* 1, 2 or 5 times a power of ten, so that n of them at most make up whole. */
double pmod_plot_round_step (double whole, int n);

/* A multiple of step as a tick has it: as many decimals as step needs, and where these are many, a
 * power of ten. (transfer full) */
char *pmod_plot_number (double value, double step);

/* align: which part of the text stands at x and at y, 0 its beginning, 1 its end. */
void pmod_plot_text_append (GtkWidget *widget,
                            GtkSnapshot *snapshot,
                            const char *text,
                            float x,
                            float y,
                            float align_x,
                            float align_y);

G_END_DECLS
