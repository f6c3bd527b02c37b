/* PmodCurveView: see pmod-curve-view.h. */
#include "config.h"

#include "pmod-curve-view.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"

/* Around the plot: what stands there is the axes' numbers. */
#define LEFT 52
#define RIGHT 12
#define TOP 10
#define BOTTOM 24
#define MIN_WIDTH 260
#define MIN_HEIGHT 120

#define LINE_WIDTH 2
#define DOT_RADIUS 4.5

struct _PmodCurveView
{
  GtkWidget parent_instance;

  PmodTraining *training;
  gboolean accuracy;
  int marker;
};

enum
{
  PROP_TRAINING = 1,
  PROP_ACCURACY,
  PROP_MARKER,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCurveView, pmod_curve_view, GTK_TYPE_WIDGET)

/* --- Points ---------------------------------------------------------------------------------- */

static const PmodTrainingPoint *
get_points (PmodCurveView *self, int *n_points)
{
  *n_points = 0;
  return self->training ? pmod_training_get_points (self->training, n_points) : NULL;
}

static double
value_of (PmodCurveView *self, const PmodTrainingPoint *point)
{
  return self->accuracy ? point->accuracy : point->loss;
}

/* Of what is drawn; FALSE where nothing is. */
static gboolean
find_range (PmodCurveView *self, double *low, double *high)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);

  *low = INFINITY;
  *high = -INFINITY;
  for (int i = 0; i < n_points; i++)
    {
      double value = value_of (self, &points[i]);

      if (!isfinite (value))
        continue;
      *low = MIN (*low, value);
      *high = MAX (*high, value);
    }
  return *low <= *high;
}

/* --- Axes ------------------------------------------------------------------------------------ */

typedef struct
{
  float x, y, width, height; /* of the plot itself */
  gboolean rtl;
  double last_step;
  double top; /* the value at the upper edge; 0 is at the lower one */
} Axes;

/* 1, 2 or 5 times a power of ten, so that n of them at most make up whole. */
static double
round_step (double whole, int n)
{
  static const double steps[] = { 1, 2, 5 };
  double power = pow (10, floor (log10 (whole / n)));

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (steps[i] * power * n >= whole * (1 - 1e-9))
      return steps[i] * power;
  return 10 * power;
}

static gboolean
find_axes (PmodCurveView *self, Axes *axes)
{
  GtkWidget *widget = GTK_WIDGET (self);
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  double low, high, step;

  if (!find_range (self, &low, &high))
    return FALSE;
  axes->rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  axes->x = axes->rtl ? RIGHT : LEFT;
  axes->y = TOP;
  axes->width = (float)gtk_widget_get_width (widget) - LEFT - RIGHT;
  axes->height = (float)gtk_widget_get_height (widget) - TOP - BOTTOM;
  axes->last_step = MAX ((double)points[n_points - 1].step, 1);
  axes->top = 1;
  if (!self->accuracy && high > 0)
    {
      step = round_step (high, 4);
      axes->top = step * ceil (high / step - 1e-9);
    }
  return axes->width > 0 && axes->height > 0;
}

static float
x_of (const Axes *axes, double step)
{
  double share = step / axes->last_step;

  return axes->x + axes->width * (float)(axes->rtl ? 1 - share : share);
}

static float
y_of (const Axes *axes, double value)
{
  return axes->y + axes->height * (float)(1 - CLAMP (value / axes->top, 0, 1));
}

/* --- Drawing --------------------------------------------------------------------------------- */

/* Beside (x, y): to its left or right, or centred below. */
static void
append_text (
    PmodCurveView *self, GtkSnapshot *snapshot, const char *text, float x, float y, float align)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  GdkRGBA color;
  int width, height;

  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  color.alpha *= 0.7f;
  pango_layout_get_pixel_size (layout, &width, &height);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot,
                          &GRAPHENE_POINT_INIT (roundf (x - (float)width * align), roundf (y)));
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
}

static void
append_line (
    GtkSnapshot *snapshot, const GdkRGBA *color, float x, float y, float width, float height)
{
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (x, y, width, height));
}

static void
append_values (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  double step = self->accuracy ? 0.25 : round_step (axes->top, 4);

  for (int i = 0; i * step <= axes->top * (1 + 1e-9); i++)
    {
      float y = roundf (y_of (axes, i * step));
      g_autofree char *text = self->accuracy ? g_strdup_printf ("%d %%", (int)round (i * 25))
                                             : g_strdup_printf ("%g", i * step);

      append_line (snapshot, i == 0 ? &pmod_palette_get ()->dense : &pmod_palette_get ()->track,
                   axes->x, y, axes->width, 1);
      append_text (self, snapshot, text, axes->rtl ? axes->x + axes->width + 8 : axes->x - 8, y - 9,
                   axes->rtl ? 0 : 1);
    }
}

static void
append_steps (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  double step = round_step (axes->last_step, axes->width > 480 ? 8 : 4);

  for (int i = 0; i * step <= axes->last_step * (1 + 1e-9); i++)
    {
      g_autofree char *text = g_strdup_printf ("%.0f", i * step);

      append_text (self, snapshot, text, x_of (axes, i * step), axes->y + axes->height + 4, 0.5f);
    }
}

/* Where a stage begins, and the curve without a break in each. */
static void
append_curve (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  graphene_rect_t area =
      GRAPHENE_RECT_INIT (axes->x - LINE_WIDTH, axes->y - LINE_WIDTH, axes->width + 2 * LINE_WIDTH,
                          axes->height + 2 * LINE_WIDTH);
  cairo_t *cr;

  for (int i = 0; i < n_points; i++)
    if (!isfinite (points[i].loss) && points[i].step > 0)
      append_line (snapshot, &palette->dense, roundf (x_of (axes, (double)points[i].step)), axes->y,
                   1, axes->height);
  cr = gtk_snapshot_append_cairo (snapshot, &area);
  gdk_cairo_set_source_rgba (cr, &palette->used);
  cairo_set_line_width (cr, LINE_WIDTH);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  for (int i = 0; i < n_points; i++)
    {
      double value = value_of (self, &points[i]);

      if (!isfinite (points[i].loss))
        cairo_new_sub_path (cr);
      if (isfinite (value))
        cairo_line_to (cr, x_of (axes, (double)points[i].step), y_of (axes, value));
    }
  cairo_stroke (cr);
  cairo_destroy (cr);
}

static void
append_marker (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  GskRoundedRect dot;
  double value;
  float x, y;

  if (self->marker < 0 || self->marker >= n_points)
    return;
  x = roundf (x_of (axes, (double)points[self->marker].step));
  append_line (snapshot, &palette->mark, x, axes->y, 1, axes->height);
  value = value_of (self, &points[self->marker]);
  if (!isfinite (value))
    return;
  y = y_of (axes, value);
  gsk_rounded_rect_init_from_rect (
      &dot,
      &GRAPHENE_RECT_INIT (x - (float)DOT_RADIUS, y - (float)DOT_RADIUS, 2 * (float)DOT_RADIUS,
                           2 * (float)DOT_RADIUS),
      (float)DOT_RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &dot);
  gtk_snapshot_append_color (snapshot, &palette->used, &dot.bounds);
  gtk_snapshot_pop (snapshot);
}

static void
pmod_curve_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodCurveView *self = PMOD_CURVE_VIEW (widget);
  Axes axes;

  if (!find_axes (self, &axes))
    return;
  append_values (self, snapshot, &axes);
  append_steps (self, snapshot, &axes);
  append_curve (self, snapshot, &axes);
  append_marker (self, snapshot, &axes);
}

static void
pmod_curve_view_measure (GtkWidget *widget,
                         GtkOrientation orientation,
                         int for_size,
                         int *minimum,
                         int *natural,
                         int *minimum_baseline,
                         int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? MIN_WIDTH : MIN_HEIGHT;
  *natural = 2 * *minimum;
}

/* --- The marker ------------------------------------------------------------------------------ */

static void
set_marker (PmodCurveView *self, int marker)
{
  if (self->marker == marker)
    return;
  self->marker = marker;
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MARKER]);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodCurveView *self = user_data;
  int n_points, nearest = -1;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  Axes axes;

  if (!find_axes (self, &axes))
    return;
  for (int i = 0; i < n_points; i++)
    if (isfinite (points[i].loss) &&
        (nearest < 0 || fabs (x_of (&axes, (double)points[i].step) - x) <
                            fabs (x_of (&axes, (double)points[nearest].step) - x)))
      nearest = i;
  set_marker (self, nearest);
}

/* Stages' beginnings are stepped over. */
static int
find_next (PmodCurveView *self, int from, int direction)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);

  for (int i = from + direction; i >= 0 && i < n_points; i += direction)
    if (isfinite (points[i].loss))
      return i;
  return from;
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodCurveView *self = user_data;
  int forward = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;
  int n_points;

  get_points (self, &n_points);
  if (n_points == 0 || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      set_marker (self, find_next (self, self->marker < 0 ? n_points : self->marker, -forward));
      return GDK_EVENT_STOP;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      set_marker (self, find_next (self, self->marker, forward));
      return GDK_EVENT_STOP;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      set_marker (self, find_next (self, -1, 1));
      return GDK_EVENT_STOP;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      set_marker (self, find_next (self, n_points, -1));
      return GDK_EVENT_STOP;
    default:
      return GDK_EVENT_PROPAGATE;
    }
}

/* --- What it says ---------------------------------------------------------------------------- */

static void
update_label (PmodCurveView *self)
{
  g_autofree char *label = NULL;
  double low, high;

  if (!find_range (self, &low, &high))
    label = g_strdup (self->accuracy ? _ ("Right answers, not measured") : _ ("Loss, no values"));
  else if (self->accuracy)
    label = g_strdup_printf (_ ("Right answers, from %.1f to %.1f percent"), 100 * low, 100 * high);
  else
    label = g_strdup_printf (_ ("Loss, from %.3g to %.3g"), high, low);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_curve_view_dispose (GObject *object)
{
  g_clear_object (&PMOD_CURVE_VIEW (object)->training);

  G_OBJECT_CLASS (pmod_curve_view_parent_class)->dispose (object);
}

static void
pmod_curve_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCurveView *self = PMOD_CURVE_VIEW (object);

  switch (id)
    {
    case PROP_TRAINING:
      g_value_set_object (value, self->training);
      break;
    case PROP_ACCURACY:
      g_value_set_boolean (value, self->accuracy);
      break;
    case PROP_MARKER:
      g_value_set_int (value, self->marker);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_curve_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCurveView *self = PMOD_CURVE_VIEW (object);

  switch (id)
    {
    case PROP_TRAINING:
      if (!g_set_object (&self->training, g_value_get_object (value)))
        return;
      break;
    case PROP_ACCURACY:
      self->accuracy = g_value_get_boolean (value);
      break;
    case PROP_MARKER:
      set_marker (self, g_value_get_int (value));
      return;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (object, pspec);
}

static void
pmod_curve_view_class_init (PmodCurveViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_curve_view_dispose;
  object_class->get_property = pmod_curve_view_get_property;
  object_class->set_property = pmod_curve_view_set_property;
  widget_class->snapshot = pmod_curve_view_snapshot;
  widget_class->measure = pmod_curve_view_measure;

  props[PROP_TRAINING] = g_param_spec_object ("training", NULL, NULL, PMOD_TYPE_TRAINING, flags);
  props[PROP_ACCURACY] = g_param_spec_boolean ("accuracy", NULL, NULL, FALSE, flags);
  props[PROP_MARKER] = g_param_spec_int ("marker", NULL, NULL, -1, G_MAXINT, -1, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-curve-view.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "curveview");
}

static void
pmod_curve_view_init (PmodCurveView *self)
{
  self->marker = -1;
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}
