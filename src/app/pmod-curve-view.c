/* PmodCurveView: see pmod-curve-view.h. */
#include "config.h"

#include "pmod-curve-view.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"
#include "pmod-plot-text.h"

/* Between the axes' numbers and the plot, and around all of it. */
#define GAP 8
#define MARGIN 12

#define MIN_WIDTH 260
#define MIN_HEIGHT 120

#define LINE_WIDTH 2
#define DOT_RADIUS 4.5

typedef struct
{
  float x, y, width, height; /* of the plot itself */
  gboolean rtl;
  double last_step;
  double top; /* the value at the upper edge; 0 is at the lower one */
} Axes;

struct _PmodCurveView
{
  GtkWidget parent_instance;

  PmodTraining *training;
  gboolean accuracy;
  int marker;
  GskRenderNode *plot; /* everything but the marker; NULL: to be drawn */
  Axes axes;           /* of the plot */
  int plot_width, plot_height;
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

/* The largest value that is drawn, and the first and the last point that have one; FALSE where
 * nothing is. */
static gboolean
find_range (PmodCurveView *self,
            double *largest,
            const PmodTrainingPoint **first,
            const PmodTrainingPoint **last)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);

  *first = *last = NULL;
  *largest = 0;
  for (int i = 0; i < n_points; i++)
    if (isfinite (value_of (self, &points[i])))
      {
        *first = *first ? *first : &points[i];
        *last = &points[i];
        *largest = MAX (*largest, value_of (self, &points[i]));
      }
  return *first != NULL;
}

/* --- Axes ------------------------------------------------------------------------------------ */

static char *
format_value (PmodCurveView *self, double value)
{
  return self->accuracy ? g_strdup_printf (_ ("%.0f %%"), 100 * value)
                        : g_strdup_printf ("%g", value);
}

static double
value_step (PmodCurveView *self, double top)
{
  return self->accuracy ? 0.25 : pmod_plot_round_step (top, 4);
}

/* As wide as the widest number beside it, as high as a line below. */
static void
place_plot (PmodCurveView *self, Axes *axes)
{
  GtkWidget *widget = GTK_WIDGET (self);
  double step = value_step (self, axes->top);
  int widest = 0, height = 0;

  for (int i = 0; i * step <= axes->top * (1 + 1e-9); i++)
    {
      g_autofree char *text = format_value (self, i * step);
      int width;
      g_autoptr (PangoLayout) layout =
          pmod_plot_text_new (GTK_WIDGET (self), text, &width, &height);

      widest = MAX (widest, width);
    }
  axes->x = (float)(axes->rtl ? MARGIN : widest + GAP);
  axes->y = (float)(height / 2 + 2);
  axes->width = (float)(gtk_widget_get_width (widget) - widest - GAP - MARGIN);
  axes->height = (float)gtk_widget_get_height (widget) - axes->y - (float)height - GAP / 2;
}

static gboolean
find_axes (PmodCurveView *self, Axes *axes)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points), *first, *last;
  double largest, step;

  if (!find_range (self, &largest, &first, &last))
    return FALSE;
  axes->rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  axes->last_step = MAX ((double)points[n_points - 1].step, 1);
  axes->top = 1;
  if (!self->accuracy && largest > 0)
    {
      step = pmod_plot_round_step (largest, 4);
      axes->top = step * ceil (largest / step - 1e-9);
    }
  place_plot (self, axes);
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

static void
append_line (
    GtkSnapshot *snapshot, const GdkRGBA *color, float x, float y, float width, float height)
{
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (x, y, width, height));
}

static void
append_values (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  double step = value_step (self, axes->top);

  for (int i = 0; i * step <= axes->top * (1 + 1e-9); i++)
    {
      float y = roundf (y_of (axes, i * step));
      g_autofree char *text = format_value (self, i * step);

      append_line (snapshot, i == 0 ? &palette->dense : &palette->track, axes->x, y, axes->width,
                   1);
      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text,
                             axes->rtl ? axes->x + axes->width + GAP : axes->x - GAP, y,
                             axes->rtl ? 0 : 1, 0.5f);
    }
}

static void
append_steps (PmodCurveView *self, GtkSnapshot *snapshot, const Axes *axes)
{
  double step = pmod_plot_round_step (axes->last_step, axes->width > 480 ? 8 : 4);

  for (int i = 0; i * step <= axes->last_step * (1 + 1e-9); i++)
    {
      g_autofree char *text = g_strdup_printf ("%.0f", i * step);

      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text, x_of (axes, i * step),
                             axes->y + axes->height + GAP / 2, 0.5f, 0);
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
  cairo_set_line_cap (cr, CAIRO_LINE_CAP_ROUND);
  for (int i = 0; i < n_points; i++)
    {
      double value = value_of (self, &points[i]);

      float x = x_of (axes, (double)points[i].step), y = y_of (axes, value);

      if (!isfinite (points[i].loss) || !isfinite (value))
        cairo_new_sub_path (cr);
      if (!isfinite (value))
        continue;
      /* A line to itself is a dot: a stage's first point is seen before it has a second. */
      if (!cairo_has_current_point (cr))
        cairo_move_to (cr, x, y);
      cairo_line_to (cr, x, y);
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

/* Node and axes are made again only when the training, the size or the style changes. FALSE where
 * there is nothing to draw. */
static gboolean
ensure_plot (PmodCurveView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  GtkSnapshot *snapshot;

  if (self->plot && self->plot_width == width && self->plot_height == height)
    return TRUE;
  g_clear_pointer (&self->plot, gsk_render_node_unref);
  if (!find_axes (self, &self->axes))
    return FALSE;
  snapshot = gtk_snapshot_new ();
  append_values (self, snapshot, &self->axes);
  append_steps (self, snapshot, &self->axes);
  append_curve (self, snapshot, &self->axes);
  self->plot = gtk_snapshot_free_to_node (snapshot);
  self->plot_width = width;
  self->plot_height = height;
  return TRUE;
}

static void
drop_plot (GtkWidget *widget)
{
  g_clear_pointer (&PMOD_CURVE_VIEW (widget)->plot, gsk_render_node_unref);
  gtk_widget_queue_draw (widget);
}

static void
pmod_curve_view_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  GTK_WIDGET_CLASS (pmod_curve_view_parent_class)->css_changed (widget, change);
  drop_plot (widget);
}

static void
pmod_curve_view_direction_changed (GtkWidget *widget, GtkTextDirection previous)
{
  GTK_WIDGET_CLASS (pmod_curve_view_parent_class)->direction_changed (widget, previous);
  drop_plot (widget);
}

static void
pmod_curve_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodCurveView *self = PMOD_CURVE_VIEW (widget);

  if (!ensure_plot (self))
    return;
  gtk_snapshot_append_node (snapshot, self->plot);
  append_marker (self, snapshot, &self->axes);
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

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe_point (PmodCurveView *self, const PmodTrainingPoint *point)
{
  g_autofree char *step = g_strdup_printf ("%" G_GINT64_FORMAT, point->step);
  double value = value_of (self, point);

  if (!isfinite (value))
    return g_strdup_printf (_ ("Step %s"), step);
  return self->accuracy ? g_strdup_printf (_ ("%.1f percent at step %s"), 100 * value, step)
                        : g_strdup_printf (_ ("%.3g at step %s"), value, step);
}

static void
update_label (PmodCurveView *self)
{
  const PmodTrainingPoint *first, *last;
  g_autofree char *label = NULL, *from = NULL, *to = NULL;
  double largest;

  if (find_range (self, &largest, &first, &last))
    {
      from = describe_point (self, first);
      to = describe_point (self, last);
      label = g_strdup_printf (self->accuracy ? _ ("Right, %s, %s") : _ ("Loss, %s, %s"), from, to);
    }
  else
    label = g_strdup (self->accuracy ? _ ("Right, not measured") : _ ("Loss, no values"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

/* What a screen reader says when the marker moves. */
static void
update_value (PmodCurveView *self)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  g_autofree char *text = self->marker >= 0 && self->marker < n_points
                              ? describe_point (self, &points[self->marker])
                              : g_strdup (_ ("No step is marked"));

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double)MAX (n_points - 1, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double)MAX (self->marker, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

/* --- The marker ------------------------------------------------------------------------------ */

static void
set_marker (PmodCurveView *self, int marker)
{
  if (self->marker == marker)
    return;
  self->marker = marker;
  update_value (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MARKER]);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodCurveView *self = user_data;
  int n_points, nearest = -1;
  const PmodTrainingPoint *points = get_points (self, &n_points);

  if (!ensure_plot (self))
    return;
  for (int i = 0; i < n_points; i++)
    if (isfinite (points[i].loss) &&
        (nearest < 0 || fabs (x_of (&self->axes, (double)points[i].step) - x) <
                            fabs (x_of (&self->axes, (double)points[nearest].step) - x)))
      nearest = i;
  set_marker (self, nearest);
}

/* Then the newest point is told of again, while the run goes on. */
static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  set_marker (user_data, -1);
}

/* The next point that has a loss, stages' beginnings being stepped over; marker where there is
 * none. direction: 1 or -1, in steps. Without a marker the walk begins outside. */
static int
find_next (PmodCurveView *self, int from, int direction)
{
  int n_points;
  const PmodTrainingPoint *points = get_points (self, &n_points);

  if (from < 0 || from >= n_points)
    from = direction > 0 ? -1 : n_points;
  for (int i = from + direction; i >= 0 && i < n_points; i += direction)
    if (isfinite (points[i].loss))
      return i;
  return self->marker;
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

  if (state & (GDK_CONTROL_MASK | GDK_ALT_MASK))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      set_marker (self, find_next (self, self->marker, -forward));
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
      set_marker (self, find_next (self, -1, -1));
      return GDK_EVENT_STOP;
    default:
      return GDK_EVENT_PROPAGATE;
    }
}

/* A marker keeps its step when a longer run is read; one that is no more goes. */
static gboolean
set_training (PmodCurveView *self, PmodTraining *training)
{
  int n_points, marker = -1;
  const PmodTrainingPoint *points = get_points (self, &n_points);
  gint64 step = self->marker >= 0 && self->marker < n_points ? points[self->marker].step : -1;

  if (!g_set_object (&self->training, training))
    return FALSE;
  points = get_points (self, &n_points);
  for (int i = 0; i < n_points && step >= 0; i++)
    if (points[i].step == step && isfinite (points[i].loss))
      marker = i;
  set_marker (self, marker);
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_curve_view_dispose (GObject *object)
{
  PmodCurveView *self = PMOD_CURVE_VIEW (object);

  g_clear_pointer (&self->plot, gsk_render_node_unref);
  g_clear_object (&self->training);

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
      if (!set_training (self, g_value_get_object (value)))
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
  update_value (self);
  drop_plot (GTK_WIDGET (self));
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
  widget_class->css_changed = pmod_curve_view_css_changed;
  widget_class->direction_changed = pmod_curve_view_direction_changed;

  props[PROP_TRAINING] = g_param_spec_object ("training", NULL, NULL, PMOD_TYPE_TRAINING, flags);
  props[PROP_ACCURACY] = g_param_spec_boolean ("accuracy", NULL, NULL, FALSE, flags);
  props[PROP_MARKER] = g_param_spec_int ("marker", NULL, NULL, -1, G_MAXINT, -1, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-curve-view.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, leave_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_widget_class_set_css_name (widget_class, "curveview");
}

static void
pmod_curve_view_init (PmodCurveView *self)
{
  self->marker = -1;
  gtk_widget_init_template (GTK_WIDGET (self));
  update_label (self);
  update_value (self);
  pmod_palette_follow (GTK_WIDGET (self), drop_plot);
}
