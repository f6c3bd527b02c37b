/* PmodSliderRow: see pmod-slider-row.h. */
#include "config.h"

#include "pmod-slider-row.h"

struct _PmodSliderRow
{
  AdwBin parent_instance;

  char *title;
  GtkAdjustment *adjustment;

  GtkWidget *controls;
  GtkScale *scale;
  GtkWidget *spin;
  GtkLabel *reason;
};

enum
{
  PROP_TITLE = 1,
  PROP_ADJUSTMENT,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodSliderRow, pmod_slider_row, ADW_TYPE_BIN)

/* Both say the row's name, as either may be where the focus comes to. */
static void
set_title (PmodSliderRow *self, const char *title)
{
  g_free (self->title);
  self->title = g_strdup (title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->scale), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  self->title ? self->title : "", -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->spin), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  self->title ? self->title : "", -1);
}

static void
pmod_slider_row_dispose (GObject *object)
{
  PmodSliderRow *self = PMOD_SLIDER_ROW (object);

  g_clear_object (&self->adjustment);
  g_clear_pointer (&self->title, g_free);

  G_OBJECT_CLASS (pmod_slider_row_parent_class)->dispose (object);
}

static void
pmod_slider_row_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSliderRow *self = PMOD_SLIDER_ROW (object);

  switch (id)
    {
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_ADJUSTMENT:
      g_value_set_object (value, self->adjustment);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_slider_row_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodSliderRow *self = PMOD_SLIDER_ROW (object);

  switch (id)
    {
    case PROP_TITLE:
      set_title (self, g_value_get_string (value));
      g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_ADJUSTMENT:
      if (g_set_object (&self->adjustment, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_slider_row_class_init (PmodSliderRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_slider_row_dispose;
  object_class->get_property = pmod_slider_row_get_property;
  object_class->set_property = pmod_slider_row_set_property;

  props[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, flags);
  props[PROP_ADJUSTMENT] =
      g_param_spec_object ("adjustment", NULL, NULL, GTK_TYPE_ADJUSTMENT, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-slider-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodSliderRow, controls);
  gtk_widget_class_bind_template_child (widget_class, PmodSliderRow, scale);
  gtk_widget_class_bind_template_child (widget_class, PmodSliderRow, spin);
  gtk_widget_class_bind_template_child (widget_class, PmodSliderRow, reason);
  gtk_widget_class_set_css_name (widget_class, "sliderrow");
}

static void
pmod_slider_row_init (PmodSliderRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_slider_row_pass_wheel (GTK_WIDGET (self->scale));
  pmod_slider_row_pass_wheel (self->spin);
}

GtkAdjustment *
pmod_slider_row_get_adjustment (PmodSliderRow *self)
{
  g_return_val_if_fail (PMOD_IS_SLIDER_ROW (self), NULL);
  return self->adjustment;
}

void
pmod_slider_row_set_reason (PmodSliderRow *self, const char *reason)
{
  g_return_if_fail (PMOD_IS_SLIDER_ROW (self));

  gtk_widget_set_sensitive (self->controls, reason == NULL);
  gtk_label_set_label (self->reason, reason ? reason : "");
  gtk_widget_set_visible (GTK_WIDGET (self->reason), reason != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->scale), reason == NULL);
}

void
pmod_slider_row_set_mark (PmodSliderRow *self, double value)
{
  g_return_if_fail (PMOD_IS_SLIDER_ROW (self));

  gtk_scale_clear_marks (self->scale);
  gtk_scale_add_mark (self->scale, value, GTK_POS_BOTTOM, NULL);
}

/* Whoever scrolls the page with the pointer over a row would else change the settings unseen. */
void
pmod_slider_row_pass_wheel (GtkWidget *control)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (control);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (GTK_IS_EVENT_CONTROLLER_SCROLL (controller))
        gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_NONE);
    }
}
