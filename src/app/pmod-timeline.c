/* PmodTimeline: see pmod-timeline.h.
 *
 * From top to bottom: words about the marked stage, ticks where something was known from before
 * and took no time, the stages, the axis, and what each group of stages took. All but the words
 * and the marks is one render node. */
#include "config.h"

#include "pmod-timeline.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-format.h"
#include "pmod-palette.h"
#include "pmod-plot-text.h"
#include "pmod-span-words.h"

#define GAP 6
#define LANE 22
#define TICK_WIDTH 2
#define TICK_HEIGHT 5
#define MARK 2 /* below a marked stage */
#define DOT 8  /* of the legend */
#define MIN_WIDTH 160
#define N_STEPS 4 /* of the axis, at most */

typedef enum
{
  GROUP_PICTURE,
  GROUP_LAYERS,
  GROUP_ANSWER,
  N_GROUPS
} Group;

struct _PmodTimeline
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;
  int marker; /* index of a span, or -1 */

  GskRenderNode *plot; /* NULL: to be made */
  int plot_width;
  PangoLayout *words;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodTimeline, pmod_timeline, GTK_TYPE_WIDGET)

/* --- Spans ----------------------------------------------------------------------------------- */

static PmodRun *
get_run (PmodTimeline *self)
{
  return self->selection ? pmod_selection_get_run (self->selection) : NULL;
}

static const PmodRunSpan *
get_spans (PmodTimeline *self, int *n_spans)
{
  PmodRun *run = get_run (self);

  *n_spans = 0;
  return run ? pmod_run_get_spans (run, n_spans) : NULL;
}

static guint64
get_end (PmodTimeline *self)
{
  int n_spans;
  const PmodRunSpan *spans = get_spans (self, &n_spans);

  return n_spans > 0 ? spans[n_spans - 1].start_ns + spans[n_spans - 1].duration_ns : 0;
}

static Group
group_of (const PmodRunSpan *span)
{
  switch (span->kind)
    {
    case PMOD_SPAN_PREPROCESS:
    case PMOD_SPAN_VISION:
    case PMOD_SPAN_PROJECTOR:
      return GROUP_PICTURE;
    case PMOD_SPAN_TOKEN:
      return GROUP_ANSWER;
    case PMOD_SPAN_LAYER:
    case PMOD_SPAN_HEAD:
    default:
      return GROUP_LAYERS;
    }
}

/* What a group took, or that all of it was known; NULL where there is none. (transfer full) */
static char *
describe_group (PmodTimeline *self, Group group)
{
  int n_spans, n_reused = 0;
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  guint64 sum_ns = 0;

  for (int i = 0; i < n_spans; i++)
    if (group_of (&spans[i]) == group)
      {
        sum_ns += spans[i].duration_ns;
        n_reused += spans[i].reused;
      }
  if (sum_ns > 0)
    return pmod_format_time (sum_ns);
  return n_reused > 0 ? g_strdup (_ ("reused")) : NULL;
}

/* --- Words ----------------------------------------------------------------------------------- */

static char *
describe_all (PmodTimeline *self)
{
  int n_spans;
  g_autofree char *end = pmod_format_time (get_end (self));

  get_spans (self, &n_spans);
  if (n_spans == 0)
    return g_strdup (_ ("No run yet"));
  return g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%d stage in %s", "%d stages in %s", (gulong)n_spans), n_spans,
      end);
}

static void
update_words (PmodTimeline *self)
{
  int n_spans;
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  g_autofree char *all = describe_all (self);
  g_autofree char *marked = NULL, *label = NULL;

  if (self->marker >= 0 && self->marker < n_spans)
    marked = pmod_span_describe (get_run (self), &spans[self->marker]);
  label = marked ? g_strdup_printf (_ ("Timeline, %s. %s"), all, marked)
                 : g_strdup_printf (_ ("Timeline, %s"), all);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double)MAX (n_spans - 1, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double)MAX (self->marker, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, marked ? marked : all, -1);
  if (!self->words)
    self->words = gtk_widget_create_pango_layout (GTK_WIDGET (self), NULL);
  pango_layout_set_text (self->words, marked ? marked : all, -1);
  pango_layout_set_ellipsize (self->words, PANGO_ELLIPSIZE_END);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Places ---------------------------------------------------------------------------------- */

static int
get_line (PmodTimeline *self)
{
  int height;

  pango_layout_get_pixel_size (self->words, NULL, &height);
  return height;
}

static int
get_lane_top (PmodTimeline *self)
{
  return get_line (self) + GAP + TICK_HEIGHT + 1;
}

/* It can grow for a while before the axis changes. */
static double
get_step (PmodTimeline *self)
{
  return pmod_plot_round_step (MAX ((double)get_end (self), 1e6), N_STEPS);
}

static double
get_last (PmodTimeline *self)
{
  double step = get_step (self);

  return step * MAX (ceil ((double)get_end (self) / step), 1);
}

static float
x_of (PmodTimeline *self, double ns)
{
  float width = (float)gtk_widget_get_width (GTK_WIDGET (self));
  float x = width * (float)(ns / get_last (self));

  return gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? width - x : x;
}

/* The answer's stages are lower: they are told from the others without colours. */
static int
height_of (Group group, int whole)
{
  return group == GROUP_ANSWER ? whole * 5 / 8 : whole;
}

/* At least a pixel wide; ticks are wider. */
static graphene_rect_t
place_span (PmodTimeline *self, const PmodRunSpan *span)
{
  float a = x_of (self, (double)span->start_ns);
  float b = x_of (self, (double)(span->start_ns + span->duration_ns));
  float left = MIN (a, b), width = fabsf (b - a);
  int top = get_lane_top (self), height;

  if (span->reused)
    return GRAPHENE_RECT_INIT (left - TICK_WIDTH / 2.f, (float)(top - TICK_HEIGHT - 1), TICK_WIDTH,
                               TICK_HEIGHT);
  /* A line of the background between two stages that are wide enough. */
  width = MAX (width >= 4 ? width - 1 : width, 1);
  height = height_of (group_of (span), LANE);
  return GRAPHENE_RECT_INIT (left, (float)(top + LANE - height), width, (float)height);
}

/* The nearest span, of those under y's lane first. */
static int
span_at (PmodTimeline *self, double x, double y)
{
  int n_spans, nearest = -1;
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  gboolean wants_reused = y < get_lane_top (self);
  double smallest = G_MAXDOUBLE;

  for (int i = 0; i < n_spans; i++)
    {
      graphene_rect_t place = place_span (self, &spans[i]);
      double left = (double)place.origin.x, right = left + (double)place.size.width;
      double away = x < left ? left - x : x > right ? x - right : 0;

      if (spans[i].reused != wants_reused)
        away += 1e4;
      if (away < smallest)
        {
          smallest = away;
          nearest = i;
        }
    }
  return nearest;
}

/* --- Drawing --------------------------------------------------------------------------------- */

static const GdkRGBA *
get_color (Group group)
{
  const PmodPalette *palette = pmod_palette_get ();

  switch (group)
    {
    case GROUP_PICTURE:
      return &palette->dense;
    case GROUP_ANSWER:
      return &palette->plain;
    case GROUP_LAYERS:
    case N_GROUPS:
    default:
      return &palette->used;
    }
}

static int
append_text (
    PmodTimeline *self, GtkSnapshot *snapshot, const char *text, float x, float y, float align)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  GdkRGBA color;
  int width, all = gtk_widget_get_width (GTK_WIDGET (self));
  float left;

  pango_layout_get_pixel_size (layout, &width, NULL);
  left = CLAMP (roundf (x - (float)width * align), 0, (float)MAX (all - width, 0));
  pmod_plot_text_get_color (GTK_WIDGET (self), &color);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (left, y));
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
  return width;
}

/* Round numbers only. */
static char *
format_tick (double ns)
{
  return ns < 1e9 ? g_strdup_printf (_ ("%g ms"), ns / 1e6)
                  : g_strdup_printf (_ ("%g s"), ns / 1e9);
}

static void
append_axis (PmodTimeline *self, GtkSnapshot *snapshot)
{
  double step = get_step (self), last = get_last (self);
  float y = (float)(get_lane_top (self) + LANE + MARK + 2);

  for (int i = 0; i * step <= last * (1 + 1e-9); i++)
    {
      g_autofree char *text = i == 0 ? g_strdup ("0") : format_tick (i * step);

      append_text (self, snapshot, text, x_of (self, i * step), y, 0.5f);
    }
}

static void
append_legend (PmodTimeline *self, GtkSnapshot *snapshot)
{
  static const char *const names[] = { N_ ("Picture %s"), N_ ("Layers %s"), N_ ("Answer %s") };
  gboolean rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int line = get_line (self);
  int y = get_lane_top (self) + LANE + MARK + 2 + line + GAP;
  int x = 0;

  for (int group = 0; group < N_GROUPS; group++)
    {
      g_autofree char *time = describe_group (self, (Group)group);
      g_autofree char *text = time ? g_strdup_printf (_ (names[group]), time) : NULL;
      int dot_height = height_of ((Group)group, DOT);
      int dot = rtl ? width - x - DOT : x;
      int text_x = rtl ? width - x - DOT - 4 : x + DOT + 4;

      if (!text)
        continue;
      gtk_snapshot_append_color (snapshot, get_color ((Group)group),
                                 &GRAPHENE_RECT_INIT ((float)dot,
                                                      (float)(y + (line + DOT) / 2 - dot_height),
                                                      DOT, (float)dot_height));
      x += DOT + 4 + append_text (self, snapshot, text, (float)text_x, (float)y, rtl ? 1 : 0) + 12;
    }
}

static GskRenderNode *
ensure_plot (PmodTimeline *self)
{
  const PmodPalette *palette = pmod_palette_get ();
  GdkRGBA ink;
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int n_spans;
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  GtkSnapshot *snapshot;

  if (self->plot && self->plot_width == width)
    return self->plot;
  g_clear_pointer (&self->plot, gsk_render_node_unref);
  pmod_plot_text_get_color (GTK_WIDGET (self), &ink);
  snapshot = gtk_snapshot_new ();
  gtk_snapshot_append_color (
      snapshot, &palette->track,
      &GRAPHENE_RECT_INIT (0, (float)get_lane_top (self), (float)width, LANE));
  for (int i = 0; i < n_spans; i++)
    {
      graphene_rect_t place = place_span (self, &spans[i]);

      gtk_snapshot_append_color (snapshot,
                                 spans[i].reused ? &ink : get_color (group_of (&spans[i])), &place);
    }
  append_axis (self, snapshot);
  append_legend (self, snapshot);
  self->plot = gtk_snapshot_free_to_node (snapshot);
  self->plot_width = width;
  return self->plot;
}

/* Below the marked stage, and around it. */
static void
append_marks (PmodTimeline *self, GtkSnapshot *snapshot)
{
  const PmodPalette *palette = pmod_palette_get ();
  int n_spans;
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  int selected = pmod_selection_get_layer (self->selection);
  float y = (float)(get_lane_top (self) + LANE + 1);

  for (int i = 0; i < n_spans; i++)
    {
      gboolean is_selected =
          spans[i].kind == PMOD_SPAN_LAYER && spans[i].layer == selected && !spans[i].reused;
      graphene_rect_t place;

      if (i != self->marker && !is_selected)
        continue;
      place = place_span (self, &spans[i]);
      if (i == self->marker)
        gtk_snapshot_append_color (snapshot, &palette->hover, &place);
      if (is_selected)
        gtk_snapshot_append_color (snapshot, &palette->used,
                                   &GRAPHENE_RECT_INIT (place.origin.x, y, place.size.width, MARK));
    }
}

static void
pmod_timeline_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodTimeline *self = PMOD_TIMELINE (widget);
  GdkRGBA color;
  int n_spans;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
  pango_layout_set_width (self->words, gtk_widget_get_width (widget) * PANGO_SCALE);
  gtk_snapshot_append_layout (snapshot, self->words, &color);
  get_spans (self, &n_spans);
  if (n_spans == 0)
    return;
  gtk_snapshot_append_node (snapshot, ensure_plot (self));
  append_marks (self, snapshot);
}

static void
drop_plot (GtkWidget *widget)
{
  g_clear_pointer (&PMOD_TIMELINE (widget)->plot, gsk_render_node_unref);
  gtk_widget_queue_draw (widget);
}

static void
restyle (PmodTimeline *self)
{
  g_clear_object (&self->words);
  drop_plot (GTK_WIDGET (self));
  update_words (self);
}

static void
pmod_timeline_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  GTK_WIDGET_CLASS (pmod_timeline_parent_class)->css_changed (widget, change);
  restyle (PMOD_TIMELINE (widget));
}

static void
pmod_timeline_direction_changed (GtkWidget *widget, GtkTextDirection previous)
{
  GTK_WIDGET_CLASS (pmod_timeline_parent_class)->direction_changed (widget, previous);
  restyle (PMOD_TIMELINE (widget));
}

static void
pmod_timeline_measure (GtkWidget *widget,
                       GtkOrientation orientation,
                       int for_size,
                       int *minimum,
                       int *natural,
                       int *minimum_baseline,
                       int *natural_baseline)
{
  PmodTimeline *self = PMOD_TIMELINE (widget);

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = *natural = MIN_WIDTH;
  else
    *minimum = *natural = get_lane_top (self) + LANE + MARK + 2 + 2 * get_line (self) + GAP;
}

/* --- The marker ------------------------------------------------------------------------------ */

static void
set_marker (PmodTimeline *self, int marker)
{
  if (self->marker == marker)
    return;
  self->marker = marker;
  update_words (self);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  set_marker (user_data, span_at (user_data, x, y));
}

static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  set_marker (user_data, -1);
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodTimeline *self = user_data;
  int n_spans, at = span_at (self, x, y);
  const PmodRunSpan *spans = get_spans (self, &n_spans);

  gtk_widget_grab_focus (GTK_WIDGET (self));
  set_marker (self, at);
  if (at >= 0 && spans[at].kind == PMOD_SPAN_LAYER)
    pmod_selection_set_layer (self->selection, spans[at].layer);
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodTimeline *self = user_data;
  int forward = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;
  int n_spans, marker = self->marker;

  get_spans (self, &n_spans);
  if (n_spans == 0 || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      marker -= forward;
      break;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      marker += forward;
      break;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      marker = 0;
      break;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      marker = n_spans - 1;
      break;
    default:
      return GDK_EVENT_PROPAGATE;
    }
  set_marker (self, CLAMP (marker, 0, n_spans - 1));
  return GDK_EVENT_STOP;
}

static gboolean
pmod_timeline_query_tooltip (
    GtkWidget *widget, int x, int y, gboolean keyboard, GtkTooltip *tooltip)
{
  PmodTimeline *self = PMOD_TIMELINE (widget);
  int n_spans, at = keyboard ? self->marker : span_at (self, x, y);
  const PmodRunSpan *spans = get_spans (self, &n_spans);
  g_autofree char *text = NULL, *start = NULL, *what = NULL;

  if (at < 0 || at >= n_spans)
    return FALSE;
  what = pmod_span_describe (get_run (self), &spans[at]);
  start = pmod_format_time (spans[at].start_ns);
  text = g_strdup_printf (_ ("%s\nBegan after %s"), what, start);
  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
run_changed_cb (PmodTimeline *self)
{
  int n_spans;

  if (!gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  get_spans (self, &n_spans);
  if (self->marker >= n_spans)
    self->marker = -1;
  drop_plot (GTK_WIDGET (self));
  update_words (self);
}

/* What nobody saw change is caught up with. */
static void
pmod_timeline_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (pmod_timeline_parent_class)->map (widget);
  run_changed_cb (PMOD_TIMELINE (widget));
}

static void
pmod_timeline_dispose (GObject *object)
{
  PmodTimeline *self = PMOD_TIMELINE (object);

  g_clear_pointer (&self->plot, gsk_render_node_unref);
  g_clear_object (&self->words);
  g_clear_object (&self->signals);
  g_clear_object (&self->selection);

  G_OBJECT_CLASS (pmod_timeline_parent_class)->dispose (object);
}

static void
pmod_timeline_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodTimeline *self = PMOD_TIMELINE (object);

  switch (id)
    {
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_timeline_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodTimeline *self = PMOD_TIMELINE (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      run_changed_cb (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_timeline_class_init (PmodTimelineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_timeline_dispose;
  object_class->get_property = pmod_timeline_get_property;
  object_class->set_property = pmod_timeline_set_property;
  widget_class->map = pmod_timeline_map;
  widget_class->snapshot = pmod_timeline_snapshot;
  widget_class->measure = pmod_timeline_measure;
  widget_class->css_changed = pmod_timeline_css_changed;
  widget_class->direction_changed = pmod_timeline_direction_changed;
  widget_class->query_tooltip = pmod_timeline_query_tooltip;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-timeline.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, leave_cb);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_widget_class_set_css_name (widget_class, "timeline");
}

static void
pmod_timeline_init (PmodTimeline *self)
{
  self->marker = -1;
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  update_words (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (run_changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer",
                                  G_CALLBACK (gtk_widget_queue_draw), self);
  pmod_palette_follow (GTK_WIDGET (self), drop_plot);
}
