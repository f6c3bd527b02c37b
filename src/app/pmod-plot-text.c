/* See pmod-plot-text.h. */
#include "config.h"

#include "pmod-plot-text.h"

#include <math.h>

/* Of the text's own colour. */
#define STRENGTH 0.7f

PangoLayout *
pmod_plot_text_new (GtkWidget *widget, const char *text, int *width, int *height)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (widget, text);

  pango_layout_get_pixel_size (layout, width, height);
  return layout;
}

void
pmod_plot_text_get_color (GtkWidget *widget, GdkRGBA *color)
{
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), color);
  color->alpha *= STRENGTH;
}

double
pmod_plot_round_step (double whole, int n)
{
  static const double steps[] = { 1, 2, 5 };
  double power = pow (10, floor (log10 (whole / n)));

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (steps[i] * power * n >= whole * (1 - 1e-9))
      return steps[i] * power;
  return 10 * power;
}

void
pmod_plot_text_append (GtkWidget *widget,
                       GtkSnapshot *snapshot,
                       const char *text,
                       float x,
                       float y,
                       float align_x,
                       float align_y)
{
  int width, height;
  g_autoptr (PangoLayout) layout = pmod_plot_text_new (widget, text, &width, &height);
  graphene_point_t place = GRAPHENE_POINT_INIT (roundf (x - (float)width * align_x),
                                                roundf (y - (float)height * align_y));
  GdkRGBA color;

  pmod_plot_text_get_color (widget, &color);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &place);
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
}
