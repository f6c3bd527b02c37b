/* PmodMeterBar: see pmod-meter-bar.h. */
#include "config.h"

#include "pmod-meter-bar.h"

#include "pmod-palette.h"

#define THICKNESS 8

struct _PmodMeterBar
{
  GtkWidget parent_instance;

  double used;
  double dense;
};

G_DEFINE_FINAL_TYPE (PmodMeterBar, pmod_meter_bar, GTK_TYPE_WIDGET)

static void
append_part (GtkWidget *widget, GtkSnapshot *snapshot, double share, const GdkRGBA *color)
{
  graphene_rect_t rect;
  float width = (float)gtk_widget_get_width (widget);
  float length = width * (float)CLAMP (share, 0, 1);

  if (gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL)
    graphene_rect_init (&rect, width - length, 0, length, THICKNESS);
  else
    graphene_rect_init (&rect, 0, 0, length, THICKNESS);
  gtk_snapshot_append_color (snapshot, color, &rect);
}

static void
pmod_meter_bar_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodMeterBar *self = PMOD_METER_BAR (widget);
  const PmodPalette *palette = pmod_palette_get ();
  graphene_rect_t all;
  GskRoundedRect clip;

  graphene_rect_init (&all, 0, 0, (float)gtk_widget_get_width (widget), THICKNESS);
  gsk_rounded_rect_init_from_rect (&clip, &all, THICKNESS / 2.f);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  append_part (widget, snapshot, 1, &palette->track);
  append_part (widget, snapshot, self->dense, &palette->dense);
  append_part (widget, snapshot, self->used, &palette->used);
  gtk_snapshot_pop (snapshot);
}

static void
pmod_meter_bar_measure (GtkWidget *widget,
                        GtkOrientation orientation,
                        int for_size,
                        int *minimum,
                        int *natural,
                        int *minimum_baseline,
                        int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? 40 : THICKNESS;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 160 : THICKNESS;
}

static void
pmod_meter_bar_class_init (PmodMeterBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = pmod_meter_bar_snapshot;
  widget_class->measure = pmod_meter_bar_measure;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-meter-bar.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_METER);
  gtk_widget_class_set_css_name (widget_class, "meterbar");
}

static void
pmod_meter_bar_init (PmodMeterBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, 100.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, 0.0, -1);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}

void
pmod_meter_bar_set (PmodMeterBar *self, double used, double dense)
{
  g_return_if_fail (PMOD_IS_METER_BAR (self));

  if (self->used == used && self->dense == dense)
    return;
  self->used = used;
  self->dense = dense;
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_NOW,
                                  100 * CLAMP (used, 0, 1), -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
