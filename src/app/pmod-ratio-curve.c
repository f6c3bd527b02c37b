/* PmodRatioCurve: see pmod-ratio-curve.h. */
#include "config.h"

#include "pmod-ratio-curve.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"
#include "pmod-plot-text.h"

#define MIN_WIDTH 220
#define HEIGHT 168
#define GAP 6
#define MARGIN 6
#define LANE 16 /* from the plain layers' line to the ratio 1 */

#define TRAINED_WIDTH 1.25
#define NOW_WIDTH 2.25
#define RADIUS 4.0
#define SMALL_RADIUS 2.75
#define MANY_LAYERS 24

#define STEP 0.01
#define PAGE 0.1

/* A press that moves less than this only selects. */
#define DRAG_START 3

typedef struct
{
  float x, width;
  float plain; /* y of plain layers */
  float top;   /* y of the ratio 1 */
  float bottom;
  int n_layers;
  gboolean rtl;
} Axes;

struct _PmodRatioCurve
{
  GtkWidget parent_instance;

  PmodTuning *tuning;
  PmodSelection *selection;
  GSignalGroup *tuning_signals;
  GSignalGroup *selection_signals;
  int drag_layer; /* -1: none */
  float drag_y;   /* where its point was */
};

enum
{
  PROP_TUNING = 1,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodRatioCurve, pmod_ratio_curve, GTK_TYPE_WIDGET)

static int
get_layer (PmodRatioCurve *self)
{
  return self->selection ? pmod_selection_get_layer (self->selection) : 0;
}

/* --- Axes ------------------------------------------------------------------------------------ */

static const double scale[] = { PMOD_TUNING_PLAIN, 1, 0.5, 0 };

/* With the point or comma of the other numbers. (transfer full) */
static char *
scale_text (guint i)
{
  if (scale[i] == PMOD_TUNING_PLAIN)
    return g_strdup (C_ ("a layer that skips nothing", "plain"));
  return g_strdup_printf ("%.2g", scale[i]);
}

static gboolean
find_axes (PmodRatioCurve *self, Axes *axes)
{
  int widest = 0, height = 0;

  axes->n_layers = self->tuning ? pmod_tuning_get_n_layers (self->tuning) : 0;
  axes->rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  for (guint i = 0; i < G_N_ELEMENTS (scale); i++)
    {
      int width;
      g_autofree char *text = scale_text (i);
      g_autoptr (PangoLayout) layout =
          pmod_plot_text_new (GTK_WIDGET (self), text, &width, &height);

      widest = MAX (widest, width);
    }
  axes->x = (float)(axes->rtl ? MARGIN : widest + GAP);
  axes->width = (float)(gtk_widget_get_width (GTK_WIDGET (self)) - widest - GAP - MARGIN);
  axes->plain = (float)(height / 2 + 2);
  axes->top = axes->plain + LANE;
  axes->bottom = (float)(gtk_widget_get_height (GTK_WIDGET (self)) - height - GAP);
  return axes->n_layers > 0 && axes->width > 0 && axes->bottom > axes->top;
}

static float
x_of (const Axes *axes, int layer)
{
  float share = ((float)layer + 0.5f) / (float)axes->n_layers;

  return axes->x + axes->width * (axes->rtl ? 1 - share : share);
}

static float
y_of (const Axes *axes, double ratio)
{
  if (ratio == PMOD_TUNING_PLAIN)
    return axes->plain;
  return axes->bottom - (axes->bottom - axes->top) * (float)CLAMP (ratio, 0, 1);
}

/* Half way up to the plain layers' line is plain. */
static double
ratio_at (const Axes *axes, float y)
{
  double ratio = (axes->bottom - y) / (axes->bottom - axes->top);

  if (y < (axes->plain + axes->top) / 2)
    return PMOD_TUNING_PLAIN;
  return round (CLAMP (ratio, 0, 1) / STEP) * STEP;
}

static int
layer_at (const Axes *axes, double x)
{
  double share = (x - axes->x) / axes->width;
  int layer = (int)floor ((axes->rtl ? 1 - share : share) * axes->n_layers);

  return CLAMP (layer, 0, axes->n_layers - 1);
}

/* --- In words -------------------------------------------------------------------------------- */

static char *
describe_ratio (double ratio)
{
  return ratio == PMOD_TUNING_PLAIN ? g_strdup (_ ("plain")) : g_strdup_printf ("%.2f", ratio);
}

static char *
describe_value (PmodTuning *tuning, int layer)
{
  double ratio = pmod_tuning_get_ratio (tuning, layer);
  double trained = pmod_tuning_get_trained_ratio (tuning, layer);
  g_autofree char *now = describe_ratio (ratio);
  g_autofree char *before = describe_ratio (trained);

  if (!pmod_tuning_has_router (tuning, layer))
    return g_strdup (_ ("plain: it has no router"));
  if (ratio == trained)
    return g_strdup_printf (_ ("%s, as trained"), now);
  if (pmod_tuning_has_override (tuning, layer))
    return g_strdup_printf (_ ("%s by hand, trained %s"), now, before);
  return g_strdup_printf (_ ("%s, trained %s"), now, before);
}

char *
pmod_ratio_curve_describe (PmodTuning *tuning, int layer)
{
  g_autofree char *value = describe_value (tuning, layer);

  return g_strdup_printf (_ ("Layer %d: %s"), layer, value);
}

static void
update (PmodRatioCurve *self)
{
  int layer = get_layer (self);
  double ratio = self->tuning ? pmod_tuning_get_ratio (self->tuning, layer) : 0;
  g_autofree char *name = g_strdup_printf (_ ("Ratio of layer %d"), layer);
  g_autofree char *value = self->tuning ? describe_value (self->tuning, layer) : g_strdup ("");

  /* GTK 4.8 hands no value of a widget of one's own on to screen readers: it is described, too. */
  gtk_accessible_update_property (
      GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, GTK_ACCESSIBLE_PROPERTY_VALUE_NOW,
      ratio == PMOD_TUNING_PLAIN ? 1.0 : ratio, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, value,
      GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, value, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static gboolean
query_tooltip_cb (
    GtkWidget *widget, int x, int y, gboolean by_keyboard, GtkTooltip *tooltip, gpointer data)
{
  PmodRatioCurve *self = PMOD_RATIO_CURVE (widget);
  g_autofree char *text = NULL;
  Axes axes;

  if (!find_axes (self, &axes))
    return FALSE;
  text = pmod_ratio_curve_describe (self->tuning,
                                    by_keyboard ? get_layer (self) : layer_at (&axes, x));
  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
append_scale (PmodRatioCurve *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  int layer = get_layer (self);
  float step = axes->width / (float)axes->n_layers;

  if (layer < axes->n_layers)
    gtk_snapshot_append_color (
        snapshot, &palette->track,
        &GRAPHENE_RECT_INIT (x_of (axes, layer) - step / 2, 0, step, axes->bottom + 1));
  for (guint i = 0; i < G_N_ELEMENTS (scale); i++)
    {
      float y = roundf (y_of (axes, scale[i]));
      g_autofree char *text = scale_text (i);

      gtk_snapshot_append_color (snapshot, i == 3 ? &palette->dense : &palette->track,
                                 &GRAPHENE_RECT_INIT (axes->x, y, axes->width, 1));
      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text,
                             axes->rtl ? axes->x + axes->width + GAP : axes->x - GAP, y,
                             axes->rtl ? 0 : 1, 0.5f);
    }
}

/* The selected layer's number, and the ends' where they do not run into it. */
static void
append_numbers (PmodRatioCurve *self, GtkSnapshot *snapshot, const Axes *axes)
{
  int layers[] = { get_layer (self), 0, axes->n_layers - 1 };

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      g_autofree char *text = g_strdup_printf ("%d", layers[i]);

      if (layers[i] >= axes->n_layers ||
          (i > 0 && fabsf (x_of (axes, layers[i]) - x_of (axes, layers[0])) < 20))
        continue;
      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text, x_of (axes, layers[i]),
                             axes->bottom + 2, 0.5f, 0);
    }
}

static void
draw_line (PmodRatioCurve *self,
           cairo_t *cr,
           const Axes *axes,
           double (*get_ratio) (PmodTuning *, int),
           const GdkRGBA *color,
           double width)
{
  gdk_cairo_set_source_rgba (cr, color);
  cairo_set_line_width (cr, width);
  for (int l = 0; l < axes->n_layers; l++)
    cairo_line_to (cr, x_of (axes, l), y_of (axes, get_ratio (self->tuning, l)));
  cairo_stroke (cr);
}

/* Round: by the schedule. A square on its corner: by hand. Hollow: there is no router to move. */
static void
draw_point (PmodRatioCurve *self, cairo_t *cr, const Axes *axes, int layer)
{
  const PmodPalette *palette = pmod_palette_get ();
  double r = axes->n_layers > MANY_LAYERS ? SMALL_RADIUS : RADIUS;
  double x = x_of (axes, layer), y = y_of (axes, pmod_tuning_get_ratio (self->tuning, layer));

  cairo_new_sub_path (cr);
  if (!pmod_tuning_has_router (self->tuning, layer))
    {
      gdk_cairo_set_source_rgba (cr, &palette->mark);
      cairo_set_line_width (cr, 1.25);
      cairo_arc (cr, x, y, r - 0.5, 0, 2 * G_PI);
      cairo_stroke (cr);
      return;
    }
  gdk_cairo_set_source_rgba (cr, &palette->used);
  if (pmod_tuning_has_override (self->tuning, layer))
    {
      r *= 1.5;
      cairo_move_to (cr, x, y - r);
      cairo_line_to (cr, x + r, y);
      cairo_line_to (cr, x, y + r);
      cairo_line_to (cr, x - r, y);
      cairo_close_path (cr);
    }
  else
    cairo_arc (cr, x, y, r, 0, 2 * G_PI);
  cairo_fill (cr);
}

static void
pmod_ratio_curve_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodRatioCurve *self = PMOD_RATIO_CURVE (widget);
  const PmodPalette *palette = pmod_palette_get ();
  cairo_t *cr;
  Axes axes;

  if (!find_axes (self, &axes))
    return;
  append_scale (self, snapshot, &axes);
  append_numbers (self, snapshot, &axes);
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (axes.x - 2 * (float)RADIUS, 0,
                                                                 axes.width + 4 * (float)RADIUS,
                                                                 axes.bottom + 2 * (float)RADIUS));
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  draw_line (self, cr, &axes, pmod_tuning_get_trained_ratio, &palette->mark, TRAINED_WIDTH);
  draw_line (self, cr, &axes, pmod_tuning_get_ratio, &palette->used, NOW_WIDTH);
  for (int l = 0; l < axes.n_layers; l++)
    draw_point (self, cr, &axes, l);
  cairo_destroy (cr);
}

static void
pmod_ratio_curve_measure (GtkWidget *widget,
                          GtkOrientation orientation,
                          int for_size,
                          int *minimum,
                          int *natural,
                          int *minimum_baseline,
                          int *natural_baseline)
{
  *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? MIN_WIDTH : HEIGHT;
}

/* --- Mouse ----------------------------------------------------------------------------------- */

static void
drag_begin_cb (GtkGestureDrag *gesture, double x, double y, gpointer user_data)
{
  PmodRatioCurve *self = user_data;
  Axes axes;
  int layer;

  self->drag_layer = -1;
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (!find_axes (self, &axes))
    return;
  layer = layer_at (&axes, x);
  if (self->selection)
    pmod_selection_set_layer (self->selection, layer);
  if (!pmod_tuning_has_router (self->tuning, layer))
    return;
  self->drag_layer = layer;
  self->drag_y = y_of (&axes, pmod_tuning_get_ratio (self->tuning, layer));
}

/* By as much as the pointer moves, so that a point does not jump to where it was pressed. */
static void
drag_update_cb (GtkGestureDrag *gesture, double dx, double dy, gpointer user_data)
{
  PmodRatioCurve *self = user_data;
  Axes axes;

  if (self->drag_layer < 0 || !find_axes (self, &axes) ||
      (fabs (dy) < DRAG_START && !pmod_tuning_has_override (self->tuning, self->drag_layer)))
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  pmod_tuning_set_ratio (self->tuning, self->drag_layer,
                         ratio_at (&axes, self->drag_y + (float)dy));
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodRatioCurve *self = user_data;
  Axes axes;

  if (n_press == 2 && find_axes (self, &axes))
    pmod_tuning_clear_ratio (self->tuning, layer_at (&axes, x));
}

/* --- Keys ------------------------------------------------------------------------------------ */

/* Above 1 comes plain, and plain comes down to 1. */
static void
move (PmodRatioCurve *self, double by)
{
  int layer = get_layer (self);
  double ratio = pmod_tuning_get_ratio (self->tuning, layer);

  if (!pmod_tuning_has_router (self->tuning, layer))
    {
      gtk_widget_error_bell (GTK_WIDGET (self));
      return;
    }
  if (ratio == PMOD_TUNING_PLAIN)
    ratio = by < 0 ? 1 : ratio;
  else if (ratio >= 1 && by > 0)
    ratio = PMOD_TUNING_PLAIN;
  else
    ratio = round (CLAMP (ratio + by, 0, 1) / STEP) * STEP;
  pmod_tuning_set_ratio (self->tuning, layer, ratio);
}

static void
select_layer (PmodRatioCurve *self, int layer)
{
  if (self->selection && layer >= 0 && layer < pmod_tuning_get_n_layers (self->tuning))
    pmod_selection_set_layer (self->selection, layer);
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodRatioCurve *self = user_data;
  int after = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;

  if (!self->tuning || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      select_layer (self, get_layer (self) - after);
      break;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      select_layer (self, get_layer (self) + after);
      break;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      select_layer (self, 0);
      break;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      select_layer (self, pmod_tuning_get_n_layers (self->tuning) - 1);
      break;
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      move (self, STEP);
      break;
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      move (self, -STEP);
      break;
    case GDK_KEY_Page_Up:
    case GDK_KEY_KP_Page_Up:
      move (self, PAGE);
      break;
    case GDK_KEY_Page_Down:
    case GDK_KEY_KP_Page_Down:
      move (self, -PAGE);
      break;
    case GDK_KEY_Delete:
    case GDK_KEY_KP_Delete:
    case GDK_KEY_BackSpace:
      pmod_tuning_clear_ratio (self->tuning, get_layer (self));
      break;
    default:
      return GDK_EVENT_PROPAGATE;
    }
  return GDK_EVENT_STOP;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_ratio_curve_dispose (GObject *object)
{
  PmodRatioCurve *self = PMOD_RATIO_CURVE (object);

  g_clear_object (&self->tuning_signals);
  g_clear_object (&self->selection_signals);
  g_clear_object (&self->tuning);
  g_clear_object (&self->selection);

  G_OBJECT_CLASS (pmod_ratio_curve_parent_class)->dispose (object);
}

static void
pmod_ratio_curve_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodRatioCurve *self = PMOD_RATIO_CURVE (object);

  switch (id)
    {
    case PROP_TUNING:
      g_value_set_object (value, self->tuning);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_ratio_curve_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodRatioCurve *self = PMOD_RATIO_CURVE (object);

  switch (id)
    {
    case PROP_TUNING:
      if (!g_set_object (&self->tuning, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->tuning_signals, self->tuning);
      break;
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->selection_signals, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  update (self);
  g_object_notify_by_pspec (object, pspec);
}

static void
pmod_ratio_curve_class_init (PmodRatioCurveClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_ratio_curve_dispose;
  object_class->get_property = pmod_ratio_curve_get_property;
  object_class->set_property = pmod_ratio_curve_set_property;
  widget_class->snapshot = pmod_ratio_curve_snapshot;
  widget_class->measure = pmod_ratio_curve_measure;

  props[PROP_TUNING] = g_param_spec_object ("tuning", NULL, NULL, PMOD_TYPE_TUNING, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-ratio-curve.ui");
  gtk_widget_class_bind_template_callback (widget_class, drag_begin_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_update_cb);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, query_tooltip_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_widget_class_set_css_name (widget_class, "ratiocurve");
}

static void
pmod_ratio_curve_init (PmodRatioCurve *self)
{
  self->drag_layer = -1;
  self->tuning_signals = g_signal_group_new (PMOD_TYPE_TUNING);
  self->selection_signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, 1.0, -1);
  g_signal_group_connect_swapped (self->tuning_signals, "changed", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->selection_signals, "notify::layer", G_CALLBACK (update),
                                  self);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}
