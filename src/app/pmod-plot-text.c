/* See pmod-plot-text.h. */
#include "config.h"

#include "pmod-plot-text.h"

#include <math.h>

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
  color->alpha *= PMOD_PLOT_TEXT_STRENGTH;
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

char *
pmod_plot_number (double value, double step)
{
  static const char *const digits[] = {
    "\342\201\260", "\302\271",     "\302\262",     "\302\263",     "\342\201\264",
    "\342\201\265", "\342\201\266", "\342\201\267", "\342\201\270", "\342\201\271",
  };
  int exponent = (int)floor (log10 (step) + 1e-9);
  g_autofree char *power = NULL;
  g_autoptr (GString) raised = NULL;

  if (value == 0)
    return g_strdup ("0");
  if (exponent >= -4)
    return g_strdup_printf ("%.*f", MAX (-exponent, 0), value);
  raised = g_string_new (NULL);
  power = g_strdup_printf ("%d", -exponent);
  for (const char *digit = power; *digit; digit++)
    g_string_append (raised, digits[*digit - '0']);
  /* Fifteen times ten to the minus six. */
  return g_strdup_printf ("%.0f\302\267"
                          "10\342\201\273%s",
                          value / pow (10, exponent), raised->str);
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
