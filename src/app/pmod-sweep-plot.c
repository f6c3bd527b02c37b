/* PmodSweepPlot: see pmod-sweep-plot.h. */
#include "config.h"

#include "pmod-sweep-plot.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-format.h"
#include "pmod-palette.h"
#include "pmod-plot-text.h"

#define MIN_WIDTH 260
#define MIN_HEIGHT 180
#define GAP 6
#define MARGIN 16
#define RADIUS 4.5
#define SMALL_RADIUS 2.5
#define MANY_POINTS 60
#define REACH 32 /* from the pointer to the nearest point */
#define N_STEPS 4

/* Where all moved nothing, the axis has still a length. */
#define LEAST_NATS 1e-6

typedef struct
{
  float x, y, width, height;
  double low, high; /* shares of dense; of policies their places */
  double top;       /* nats */
  double step;
  gboolean is_policy;
  gboolean rtl;
} Axes;

struct _PmodSweepPlot
{
  GtkWidget parent_instance;

  PmodSweepRun *sweep;
  GSignalGroup *signals;
  int marker;
};

enum
{
  PROP_SWEEP = 1,
  PROP_MARKER,
  N_PROPS
};

enum
{
  ACTIVATED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodSweepPlot, pmod_sweep_plot, GTK_TYPE_WIDGET)

/* --- In words -------------------------------------------------------------------------------- */

static const char *
policy_name (int policy)
{
  switch ((PmodTuningPolicy)policy)
    {
    case PMOD_TUNING_ROUTER:
      return _ ("router");
    case PMOD_TUNING_RANDOM:
      return _ ("random");
    case PMOD_TUNING_INVERSE:
      return _ ("inverse");
    case PMOD_TUNING_GRID:
      return _ ("grid");
    case PMOD_TUNING_FIRST:
      return _ ("first");
    case PMOD_TUNING_LARGEST:
      return _ ("norm");
    case PMOD_TUNING_ATTENTION:
      return _ ("attention");
    case PMOD_TUNING_LAST:
      return _ ("last");
    case PMOD_TUNING_PAINTED:
    default:
      return _ ("painted");
    }
}

/* "factor 0.30", "grid". (transfer full) */
static char *
name_point (PmodSweepRun *sweep, int i)
{
  const PmodSweepPlan *plan = pmod_sweep_run_get_plan (sweep);
  PmodSweepResult result;

  pmod_sweep_run_get_point (sweep, i, &result);
  switch (plan->of)
    {
    case PMOD_SWEEP_OF_FACTOR:
      return g_strdup_printf (_ ("Factor %.3g"), result.value);
    case PMOD_SWEEP_OF_LOWER:
      return g_strdup_printf (_ ("Never below %.3g"), result.value);
    case PMOD_SWEEP_OF_RATIO:
      return g_strdup_printf (_ ("Layer %d at %.3g"), plan->layer, result.value);
    case PMOD_SWEEP_OF_POLICY:
    default:
      return g_strdup_printf (_ ("Policy %s"), policy_name ((int)result.value));
    }
}

char *
pmod_sweep_plot_describe_point (PmodSweepRun *sweep, int i)
{
  g_autofree char *name = name_point (sweep, i);
  g_autofree char *divergence = NULL;
  PmodSweepResult result;

  pmod_sweep_run_get_point (sweep, i, &result);
  divergence = pmod_format_small (result.divergence);
  return g_strdup_printf (_ ("%s: %.1f %% of dense, KV %.1f %%, KL %s nats"), name,
                          100 * result.paper / result.paper_dense,
                          100 * result.kv_bytes / result.kv_bytes_dense, divergence);
}

static gboolean
is_same_answer (PmodSweepRun *sweep, const PmodSweepResult *result)
{
  PmodSweepResult reference;

  return pmod_sweep_run_get_reference (sweep, &reference) &&
         g_str_equal (reference.answer, result->answer);
}

static void
update_value (PmodSweepPlot *self)
{
  int n = self->sweep ? pmod_sweep_run_get_n_points (self->sweep) : 0;
  g_autofree char *text = NULL;
  PmodSweepResult result;

  if (self->sweep && pmod_sweep_run_get_point (self->sweep, self->marker, &result))
    {
      g_autofree char *point = pmod_sweep_plot_describe_point (self->sweep, self->marker);

      text = g_strdup_printf (_ ("%s. Answer: %s"), point, result.answer);
    }
  else
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%d point", "%d points", n), n);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double)MAX (n - 1, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double)MAX (self->marker, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

/* --- Axes ------------------------------------------------------------------------------------ */

static double
x_value (const Axes *axes, const PmodSweepResult *result, int i)
{
  return axes->is_policy ? i : result->paper / result->paper_dense;
}

/* Of the points that are there; a little more than they need, on both sides. */
static void
find_range (PmodSweepPlot *self, Axes *axes)
{
  PmodSweepResult result;
  double most = LEAST_NATS;

  axes->low = axes->is_policy ? -0.5 : 1;
  axes->high = axes->is_policy ? pmod_sweep_run_get_n_settings (self->sweep) - 0.5 : 0;
  for (int i = -1; i < 0 || pmod_sweep_run_get_point (self->sweep, i, &result); i++)
    {
      if (i < 0 && !pmod_sweep_run_get_reference (self->sweep, &result))
        continue;
      most = MAX (most, result.divergence);
      if (!axes->is_policy)
        {
          axes->low = MIN (axes->low, x_value (axes, &result, i));
          axes->high = MAX (axes->high, x_value (axes, &result, i));
        }
    }
  if (!axes->is_policy)
    {
      axes->low = MAX (floor (axes->low * 20 - 0.2) / 20, 0);
      axes->high = MAX (ceil (axes->high * 20 + 0.2) / 20, axes->low + 0.05);
    }
  axes->step = pmod_plot_round_step (most, N_STEPS);
  axes->top = axes->step * ceil (most / axes->step - 1e-9);
}

static gboolean
find_axes (PmodSweepPlot *self, Axes *axes)
{
  PmodSweepResult result;
  int widest = 0, height = 0;

  if (!self->sweep || !pmod_sweep_run_get_reference (self->sweep, &result))
    return FALSE;
  axes->is_policy = pmod_sweep_run_get_plan (self->sweep)->of == PMOD_SWEEP_OF_POLICY;
  axes->rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  find_range (self, axes);
  for (int i = 0; i * axes->step <= axes->top * (1 + 1e-9); i++)
    {
      g_autofree char *text = pmod_plot_number (i * axes->step, axes->step);
      int width;
      g_autoptr (PangoLayout) layout =
          pmod_plot_text_new (GTK_WIDGET (self), text, &width, &height);

      widest = MAX (widest, width);
    }
  axes->x = (float)(axes->rtl ? MARGIN : widest + GAP);
  axes->width = (float)(gtk_widget_get_width (GTK_WIDGET (self)) - widest - GAP - MARGIN);
  /* Two lines above: what the axis is, and where the trained setting stands. */
  axes->y = (float)(2 * height + GAP);
  axes->height =
      (float)gtk_widget_get_height (GTK_WIDGET (self)) - axes->y - 2 * (float)height - 2 * GAP;
  return axes->width > 0 && axes->height > 0;
}

static float
x_of (const Axes *axes, double value)
{
  float share = (float)((value - axes->low) / (axes->high - axes->low));

  return axes->x + axes->width * (axes->rtl ? 1 - share : share);
}

static float
y_of (const Axes *axes, double nats)
{
  return axes->y + axes->height * (float)(1 - CLAMP (nats / axes->top, 0, 1));
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
append_values (PmodSweepPlot *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  float edge = axes->rtl ? axes->x + axes->width : axes->x;

  pmod_plot_text_append (GTK_WIDGET (self), snapshot, _ ("KL to the trained setting, nats"), edge,
                         0, axes->rtl ? 1 : 0, 0);
  for (int i = 0; i * axes->step <= axes->top * (1 + 1e-9); i++)
    {
      float y = roundf (y_of (axes, i * axes->step));
      g_autofree char *text = pmod_plot_number (i * axes->step, axes->step);

      gtk_snapshot_append_color (snapshot, i == 0 ? &palette->dense : &palette->track,
                                 &GRAPHENE_RECT_INIT (axes->x, y, axes->width, 1));
      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text, axes->rtl ? edge + GAP : edge - GAP,
                             y, axes->rtl ? 0 : 1, 0.5f);
    }
}

static void
append_costs (PmodSweepPlot *self, GtkSnapshot *snapshot, const Axes *axes)
{
  float y = axes->y + axes->height + GAP;
  PmodSweepResult result;
  double step = axes->high - axes->low > 0.4 ? 0.1 : 0.05;
  int width, height;
  g_autoptr (PangoLayout) layout = pmod_plot_text_new (GTK_WIDGET (self), "100 %", &width, &height);

  if (axes->is_policy)
    {
      for (int i = 0; pmod_sweep_run_get_point (self->sweep, i, &result); i++)
        pmod_plot_text_append (GTK_WIDGET (self), snapshot, policy_name ((int)result.value),
                               x_of (axes, i), y, 0.5f, 0);
      pmod_plot_text_append (GTK_WIDGET (self), snapshot, _ ("All keep the same number"),
                             axes->x + axes->width / 2, y + (float)height, 0.5f, 0);
      return;
    }
  /* Where they would touch, every other one, or fewer. */
  while (step < 1 && axes->width * (float)(step / (axes->high - axes->low)) < (float)width * 1.3f)
    step *= 2;
  for (double value = ceil (axes->low / step - 1e-9) * step; value <= axes->high + 1e-9;
       value += step)
    {
      g_autofree char *text = g_strdup_printf (_ ("%.0f %%"), 100 * value);

      pmod_plot_text_append (GTK_WIDGET (self), snapshot, text, x_of (axes, value), y, 0.5f, 0);
    }
  pmod_plot_text_append (GTK_WIDGET (self), snapshot, _ ("Compute of the prompt, of dense"),
                         axes->x + axes->width / 2, y + (float)height, 0.5f, 0);
}

/* Where the trained setting is, which moved nothing. */
static void
append_reference (PmodSweepPlot *self, GtkSnapshot *snapshot, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  PmodSweepResult reference;
  float x;

  if (axes->is_policy)
    return;
  pmod_sweep_run_get_reference (self->sweep, &reference);
  x = roundf (x_of (axes, x_value (axes, &reference, 0)));
  gtk_snapshot_append_color (snapshot, &palette->dense,
                             &GRAPHENE_RECT_INIT (x, axes->y, 1, axes->height));
  pmod_plot_text_append (GTK_WIDGET (self), snapshot, _ ("trained"), x, axes->y - 2, 0.5f, 1);
}

static void
draw_points (PmodSweepPlot *self, cairo_t *cr, const Axes *axes)
{
  const PmodPalette *palette = pmod_palette_get ();
  double small = pmod_sweep_run_get_n_settings (self->sweep) > MANY_POINTS ? SMALL_RADIUS : RADIUS;
  PmodSweepResult result;

  gdk_cairo_set_source_rgba (cr, &palette->used);
  cairo_set_line_width (cr, 1.5);
  for (int i = 0; !axes->is_policy && pmod_sweep_run_get_point (self->sweep, i, &result); i++)
    cairo_line_to (cr, x_of (axes, x_value (axes, &result, i)), y_of (axes, result.divergence));
  cairo_stroke (cr);
  for (int i = 0; pmod_sweep_run_get_point (self->sweep, i, &result); i++)
    {
      double radius = i == self->marker ? RADIUS * 1.5 : small;

      cairo_arc (cr, x_of (axes, x_value (axes, &result, i)), y_of (axes, result.divergence),
                 radius, 0, 2 * G_PI);
      gdk_cairo_set_source_rgba (cr, is_same_answer (self->sweep, &result) ? &palette->used
                                                                           : &palette->pending);
      cairo_fill_preserve (cr);
      gdk_cairo_set_source_rgba (cr, &palette->used);
      cairo_stroke (cr);
    }
}

static void
pmod_sweep_plot_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodSweepPlot *self = PMOD_SWEEP_PLOT (widget);
  cairo_t *cr;
  Axes axes;

  if (!find_axes (self, &axes))
    return;
  append_values (self, snapshot, &axes);
  append_costs (self, snapshot, &axes);
  append_reference (self, snapshot, &axes);
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (axes.x - MARGIN, axes.y - MARGIN,
                                                                 axes.width + 2 * MARGIN,
                                                                 axes.height + 2 * MARGIN));
  draw_points (self, cr, &axes);
  cairo_destroy (cr);
}

static void
pmod_sweep_plot_measure (GtkWidget *widget,
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

/* --- Choosing -------------------------------------------------------------------------------- */

static void
set_marker (PmodSweepPlot *self, int marker)
{
  int n = self->sweep ? pmod_sweep_run_get_n_points (self->sweep) : 0;

  marker = CLAMP (marker, -1, n - 1);
  if (self->marker == marker)
    return;
  self->marker = marker;
  update_value (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MARKER]);
}

/* The nearest point within reach, or -1. */
static int
find_point (PmodSweepPlot *self, double x, double y)
{
  double least = REACH * REACH;
  PmodSweepResult result;
  int found = -1;
  Axes axes;

  if (!find_axes (self, &axes))
    return -1;
  for (int i = 0; pmod_sweep_run_get_point (self->sweep, i, &result); i++)
    {
      double dx = x_of (&axes, x_value (&axes, &result, i)) - x;
      double dy = y_of (&axes, result.divergence) - y;

      if (dx * dx + dy * dy < least)
        {
          least = dx * dx + dy * dy;
          found = i;
        }
    }
  return found;
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodSweepPlot *self = user_data;
  int point = find_point (self, x, y);

  /* What was chosen last stays, so that its answer can be read. */
  if (point >= 0)
    set_marker (self, point);
}

static void
activate (PmodSweepPlot *self)
{
  if (self->marker >= 0)
    g_signal_emit (self, signals[ACTIVATED], 0, self->marker);
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodSweepPlot *self = user_data;
  int point = find_point (self, x, y);

  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (point < 0)
    return;
  set_marker (self, point);
  activate (self);
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodSweepPlot *self = user_data;
  int after = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;
  int n = self->sweep ? pmod_sweep_run_get_n_points (self->sweep) : 0;

  if (n == 0 || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      set_marker (self, CLAMP (self->marker - after, 0, n - 1));
      break;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      set_marker (self, CLAMP (self->marker + after, 0, n - 1));
      break;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      set_marker (self, 0);
      break;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      set_marker (self, n - 1);
      break;
    case GDK_KEY_Return:
    case GDK_KEY_KP_Enter:
    case GDK_KEY_space:
      activate (self);
      break;
    default:
      return GDK_EVENT_PROPAGATE;
    }
  return GDK_EVENT_STOP;
}

static void
sweep_changed_cb (PmodSweepPlot *self)
{
  update_value (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_sweep_plot_dispose (GObject *object)
{
  PmodSweepPlot *self = PMOD_SWEEP_PLOT (object);

  g_clear_object (&self->signals);
  g_clear_object (&self->sweep);

  G_OBJECT_CLASS (pmod_sweep_plot_parent_class)->dispose (object);
}

static void
pmod_sweep_plot_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSweepPlot *self = PMOD_SWEEP_PLOT (object);

  switch (id)
    {
    case PROP_SWEEP:
      g_value_set_object (value, self->sweep);
      break;
    case PROP_MARKER:
      g_value_set_int (value, self->marker);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_sweep_plot_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodSweepPlot *self = PMOD_SWEEP_PLOT (object);

  switch (id)
    {
    case PROP_SWEEP:
      pmod_sweep_plot_set_sweep (self, g_value_get_object (value));
      break;
    case PROP_MARKER:
      set_marker (self, g_value_get_int (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_sweep_plot_class_init (PmodSweepPlotClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_sweep_plot_dispose;
  object_class->get_property = pmod_sweep_plot_get_property;
  object_class->set_property = pmod_sweep_plot_set_property;
  widget_class->snapshot = pmod_sweep_plot_snapshot;
  widget_class->measure = pmod_sweep_plot_measure;

  props[PROP_SWEEP] = g_param_spec_object ("sweep", NULL, NULL, PMOD_TYPE_SWEEP_RUN, flags);
  props[PROP_MARKER] = g_param_spec_int ("marker", NULL, NULL, -1, G_MAXINT, -1, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* (int): that point's setting is wanted. */
  signals[ACTIVATED] = g_signal_new ("activated", PMOD_TYPE_SWEEP_PLOT, G_SIGNAL_RUN_LAST, 0, NULL,
                                     NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-sweep-plot.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_widget_class_set_css_name (widget_class, "sweepplot");
}

static void
pmod_sweep_plot_init (PmodSweepPlot *self)
{
  self->marker = -1;
  self->signals = g_signal_group_new (PMOD_TYPE_SWEEP_RUN);
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (sweep_changed_cb), self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Points of the sweep"), -1);
  update_value (self);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}

void
pmod_sweep_plot_set_sweep (PmodSweepPlot *self, PmodSweepRun *sweep)
{
  g_return_if_fail (PMOD_IS_SWEEP_PLOT (self));

  if (!g_set_object (&self->sweep, sweep))
    return;
  g_signal_group_set_target (self->signals, sweep);
  set_marker (self, -1);
  sweep_changed_cb (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SWEEP]);
}

int
pmod_sweep_plot_get_marker (PmodSweepPlot *self)
{
  g_return_val_if_fail (PMOD_IS_SWEEP_PLOT (self), -1);
  return self->marker;
}
