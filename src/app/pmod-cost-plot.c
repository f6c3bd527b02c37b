/* PmodCostPlot: see pmod-cost-plot.h.
 *
 * The bars are one render node, made again when the run grows, the size or the style changes; the
 * band behind the selected layer and the words above the bars are drawn each time. */
#include "config.h"

#include "pmod-cost-plot.h"

#include <glib/gi18n.h>

#include "pmod-format.h"
#include "pmod-palette.h"
#include "pmod-plot-text.h"

#define GAP 6         /* between the words and the bars */
#define MIN_HEIGHT 96 /* of the bars */
#define MIN_SLOT 4    /* of a layer */
#define SELECTED_LINE 3

struct _PmodCostPlot
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;
  guint kind;
  int hover; /* layer under the pointer, or -1 */

  GskRenderNode *bars; /* NULL: to be made */
  int bars_width, bars_height;
  PangoLayout *words;
  char *label; /* for screen readers */
};

enum
{
  PROP_SELECTION = 1,
  PROP_KIND,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCostPlot, pmod_cost_plot, GTK_TYPE_WIDGET)

/* --- Values ---------------------------------------------------------------------------------- */

static PmodRun *
get_run (PmodCostPlot *self)
{
  return self->selection ? pmod_selection_get_run (self->selection) : NULL;
}

static int
get_n_layers (PmodCostPlot *self)
{
  PmodRun *run = get_run (self);

  return run ? pmod_run_get_n_layers (run) : 0;
}

/* FALSE where the layer has not come; dense is 0 where it is not known. */
static gboolean
get_value (PmodCostPlot *self, int layer, double *used, double *dense)
{
  PmodRun *run = get_run (self);
  PmodRun *dense_run = run ? pmod_run_get_dense_run (run) : NULL;
  PmodRunLayerCost cost, other;

  *used = *dense = 0;
  if (!run || !pmod_run_get_layer_cost (run, layer, &cost) || !cost.ready)
    return FALSE;
  switch (self->kind)
    {
    case PMOD_COST_PAPER:
    case PMOD_COST_ALL:
      *used = cost.flops[self->kind == PMOD_COST_ALL];
      *dense = cost.flops_dense[self->kind == PMOD_COST_ALL];
      break;
    case PMOD_COST_KV:
      *used = (double)cost.kv_bytes;
      *dense = (double)cost.kv_bytes_dense;
      break;
    case PMOD_COST_TIME:
    default:
      *used = (double)cost.duration_ns;
      if (dense_run && pmod_run_get_layer_cost (dense_run, layer, &other))
        *dense = (double)other.duration_ns;
    }
  return TRUE;
}

static double
find_largest (PmodCostPlot *self)
{
  double largest = 0;

  for (int l = 0; l < get_n_layers (self); l++)
    {
      double used, dense;

      if (get_value (self, l, &used, &dense))
        largest = MAX (largest, MAX (used, dense));
    }
  return largest;
}

/* --- Words ----------------------------------------------------------------------------------- */

static char *
format_value (PmodCostPlot *self, double value, double scale)
{
  switch (self->kind)
    {
    case PMOD_COST_PAPER:
    case PMOD_COST_ALL:
      return pmod_format_flops (value, scale);
    case PMOD_COST_KV:
      return pmod_format_bytes (value, scale);
    case PMOD_COST_TIME:
    default:
      return pmod_format_time ((guint64)value);
    }
}

/* "Layer 4: 12.31 MFLOPs, 58 % of dense" (transfer full) */
static char *
describe_layer (PmodCostPlot *self, int layer)
{
  PmodRunLayerCost cost;
  double used, dense;
  g_autofree char *value = NULL, *share = NULL, *known = NULL;

  if (!get_value (self, layer, &used, &dense))
    return g_strdup_printf (_ ("Layer %d, not computed yet"), layer);
  pmod_run_get_layer_cost (get_run (self), layer, &cost);
  value = format_value (self, used, MAX (used, dense));
  share = pmod_format_share (used, dense);
  if (self->kind == PMOD_COST_TIME && cost.reused)
    known = g_strdup (_ (", the rest known from before"));
  if (dense > 0)
    return g_strdup_printf (_ ("Layer %d: %s, %s of dense%s"), layer, value, share,
                            known ? known : "");
  return g_strdup_printf (_ ("Layer %d: %s%s"), layer, value, known ? known : "");
}

/* For the tooltip: the same with the dense figure. (transfer full) */
static char *
explain_layer (PmodCostPlot *self, int layer)
{
  double used, dense;
  g_autofree char *text = describe_layer (self, layer);
  g_autofree char *other = NULL;

  if (!get_value (self, layer, &used, &dense))
    return g_steal_pointer (&text);
  if (dense <= 0)
    return g_strdup_printf (_ ("%s\nDense: not run"), text);
  other = format_value (self, dense, MAX (used, dense));
  return g_strdup_printf (_ ("%s\nDense: %s"), text, other);
}

static int
get_told_layer (PmodCostPlot *self)
{
  if (self->hover >= 0 && self->hover < get_n_layers (self))
    return self->hover;
  return self->selection ? pmod_selection_get_layer (self->selection) : 0;
}

static void
update_words (PmodCostPlot *self)
{
  static const char *const kinds[] = { N_ ("Compute by the paper rule"), N_ ("Compute, all work"),
                                       N_ ("KV cache"), N_ ("Time") };
  int n_layers = get_n_layers (self);
  int selected = self->selection ? pmod_selection_get_layer (self->selection) : 0;
  g_autofree char *shown = NULL, *said = NULL, *label = NULL;

  if (n_layers > 0)
    {
      shown = describe_layer (self, get_told_layer (self));
      said = describe_layer (self, selected);
    }
  else
    shown = g_strdup (_ ("No run yet"));
  label = g_strdup_printf (_ ("%s by layer. %s"), _ (kinds[self->kind]), said ? said : shown);
  if (self->words && g_strcmp0 (label, self->label) == 0 &&
      g_strcmp0 (shown, pango_layout_get_text (self->words)) == 0)
    return;
  g_free (self->label);
  self->label = g_strdup (label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double)MAX (n_layers - 1, 0),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double)selected,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, said ? said : shown, -1);
  if (!self->words)
    self->words = gtk_widget_create_pango_layout (GTK_WIDGET (self), NULL);
  pango_layout_set_text (self->words, shown, -1);
  pango_layout_set_ellipsize (self->words, PANGO_ELLIPSIZE_END);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Places ---------------------------------------------------------------------------------- */

static int
get_words_height (PmodCostPlot *self)
{
  int height;

  pango_layout_get_pixel_size (self->words, NULL, &height);
  return height + GAP;
}

/* A layer's part of the width, from its left edge. Whole pixels, so that bars are sharp. */
static void
get_slot (PmodCostPlot *self, int layer, int *x, int *width)
{
  int n_layers = get_n_layers (self);
  int all = gtk_widget_get_width (GTK_WIDGET (self));
  int at = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? n_layers - 1 - layer
                                                                            : layer;

  *x = at * all / n_layers;
  *width = (at + 1) * all / n_layers - *x;
}

static int
layer_at (PmodCostPlot *self, double x)
{
  for (int l = 0; l < get_n_layers (self); l++)
    {
      int left, width;

      get_slot (self, l, &left, &width);
      if (x >= left && x < left + width)
        return l;
    }
  return -1;
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
append_bar (GtkSnapshot *snapshot, const GdkRGBA *color, int x, int width, int top, int height)
{
  if (height > 0)
    gtk_snapshot_append_color (
        snapshot, color, &GRAPHENE_RECT_INIT ((float)x, (float)top, (float)width, (float)height));
}

static void
append_outline (GtkSnapshot *snapshot, const GdkRGBA *color, int x, int width, int top, int height)
{
  GskRoundedRect outline;
  const float one[4] = { 1, 1, 0, 1 }; /* the bar is below */
  const GdkRGBA colors[4] = { *color, *color, *color, *color };

  if (height <= 0)
    return;
  gsk_rounded_rect_init_from_rect (
      &outline, &GRAPHENE_RECT_INIT ((float)x, (float)top, (float)width, (float)height), 0);
  gtk_snapshot_append_border (snapshot, &outline, one, colors);
}

static void
append_layer (PmodCostPlot *self, GtkSnapshot *snapshot, int layer, double largest)
{
  const PmodPalette *palette = pmod_palette_get ();
  int top = get_words_height (self);
  int height = gtk_widget_get_height (GTK_WIDGET (self)) - top - SELECTED_LINE;
  int x, width, margin, used_height, dense_height;
  double used, dense;
  GdkRGBA ink;

  pmod_plot_text_get_color (GTK_WIDGET (self), &ink);
  get_slot (self, layer, &x, &width);
  margin = width >= 12 ? width / 6 : width >= 6 ? 1 : 0;
  if (!get_value (self, layer, &used, &dense) || largest <= 0)
    {
      append_bar (snapshot, &palette->track, x + margin, width - 2 * margin, top + height - 1, 1);
      return;
    }
  used_height = (int)(height * used / largest + 0.5);
  dense_height = (int)(height * dense / largest + 0.5);
  append_bar (snapshot, &palette->track, x + margin, width - 2 * margin,
              top + height - dense_height, dense_height - used_height);
  append_outline (snapshot, &ink, x + margin, width - 2 * margin, top + height - dense_height,
                  dense_height - used_height);
  append_bar (snapshot, &palette->used, x + margin, width - 2 * margin, top + height - used_height,
              MAX (used_height, 1));
}

static GskRenderNode *
ensure_bars (PmodCostPlot *self)
{
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int height = gtk_widget_get_height (GTK_WIDGET (self));
  double largest;
  GtkSnapshot *snapshot;

  if (self->bars && self->bars_width == width && self->bars_height == height)
    return self->bars;
  g_clear_pointer (&self->bars, gsk_render_node_unref);
  largest = find_largest (self);
  snapshot = gtk_snapshot_new ();
  for (int l = 0; l < get_n_layers (self); l++)
    append_layer (self, snapshot, l, largest);
  self->bars = gtk_snapshot_free_to_node (snapshot);
  self->bars_width = width;
  self->bars_height = height;
  return self->bars;
}

static void
append_selected (PmodCostPlot *self, GtkSnapshot *snapshot)
{
  const PmodPalette *palette = pmod_palette_get ();
  int top = get_words_height (self);
  int height = gtk_widget_get_height (GTK_WIDGET (self));
  int selected = pmod_selection_get_layer (self->selection);
  int x, width;

  if (selected >= get_n_layers (self))
    return;
  get_slot (self, selected, &x, &width);
  append_bar (snapshot, &palette->track, x, width, top, height - top - SELECTED_LINE);
  append_bar (snapshot, &palette->used, x, width, height - SELECTED_LINE + 1, SELECTED_LINE - 1);
}

static void
pmod_cost_plot_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodCostPlot *self = PMOD_COST_PLOT (widget);
  GdkRGBA color;
  GskRenderNode *bars;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
  pango_layout_set_width (self->words, gtk_widget_get_width (widget) * PANGO_SCALE);
  gtk_snapshot_append_layout (snapshot, self->words, &color);
  if (get_n_layers (self) == 0)
    return;
  append_selected (self, snapshot);
  bars = ensure_bars (self);
  if (bars)
    gtk_snapshot_append_node (snapshot, bars);
}

static void
drop_bars (GtkWidget *widget)
{
  g_clear_pointer (&PMOD_COST_PLOT (widget)->bars, gsk_render_node_unref);
  gtk_widget_queue_draw (widget);
}

static void
pmod_cost_plot_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  PmodCostPlot *self = PMOD_COST_PLOT (widget);

  GTK_WIDGET_CLASS (pmod_cost_plot_parent_class)->css_changed (widget, change);
  g_clear_object (&self->words);
  drop_bars (widget);
  update_words (self);
}

static void
pmod_cost_plot_direction_changed (GtkWidget *widget, GtkTextDirection previous)
{
  GTK_WIDGET_CLASS (pmod_cost_plot_parent_class)->direction_changed (widget, previous);
  g_clear_object (&PMOD_COST_PLOT (widget)->words);
  drop_bars (widget);
  update_words (PMOD_COST_PLOT (widget));
}

static void
pmod_cost_plot_measure (GtkWidget *widget,
                        GtkOrientation orientation,
                        int for_size,
                        int *minimum,
                        int *natural,
                        int *minimum_baseline,
                        int *natural_baseline)
{
  PmodCostPlot *self = PMOD_COST_PLOT (widget);

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = *natural = MAX (get_n_layers (self) * MIN_SLOT, 120);
  else
    *minimum = *natural = get_words_height (self) + MIN_HEIGHT + SELECTED_LINE;
}

/* --- Input ----------------------------------------------------------------------------------- */

static void
set_hover (PmodCostPlot *self, int layer)
{
  if (self->hover == layer)
    return;
  self->hover = layer;
  update_words (self);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  set_hover (user_data, layer_at (user_data, x));
}

static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  set_hover (user_data, -1);
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodCostPlot *self = user_data;
  int layer = layer_at (self, x);

  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (layer >= 0)
    pmod_selection_set_layer (self->selection, layer);
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodCostPlot *self = user_data;
  int forward = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;

  if (!self->selection || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      layer -= forward;
      break;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      layer += forward;
      break;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      layer = 0;
      break;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      layer = get_n_layers (self) - 1;
      break;
    default:
      return GDK_EVENT_PROPAGATE;
    }
  pmod_selection_set_layer (self->selection, layer);
  return GDK_EVENT_STOP;
}

static gboolean
pmod_cost_plot_query_tooltip (
    GtkWidget *widget, int x, int y, gboolean keyboard, GtkTooltip *tooltip)
{
  PmodCostPlot *self = PMOD_COST_PLOT (widget);
  int layer = keyboard ? pmod_selection_get_layer (self->selection) : layer_at (self, x);
  g_autofree char *text = NULL;

  if (layer < 0 || layer >= get_n_layers (self))
    return FALSE;
  text = explain_layer (self, layer);
  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
run_changed_cb (PmodCostPlot *self)
{
  if (!gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  drop_bars (GTK_WIDGET (self));
  update_words (self);
}

/* What nobody saw change is caught up with. */
static void
pmod_cost_plot_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (pmod_cost_plot_parent_class)->map (widget);
  run_changed_cb (PMOD_COST_PLOT (widget));
}

static void
pmod_cost_plot_dispose (GObject *object)
{
  PmodCostPlot *self = PMOD_COST_PLOT (object);

  g_clear_pointer (&self->bars, gsk_render_node_unref);
  g_clear_object (&self->words);
  g_clear_pointer (&self->label, g_free);
  g_clear_object (&self->signals);
  g_clear_object (&self->selection);

  G_OBJECT_CLASS (pmod_cost_plot_parent_class)->dispose (object);
}

static void
pmod_cost_plot_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCostPlot *self = PMOD_COST_PLOT (object);

  switch (id)
    {
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    case PROP_KIND:
      g_value_set_uint (value, self->kind);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_cost_plot_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCostPlot *self = PMOD_COST_PLOT (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      break;
    case PROP_KIND:
      /* A drop-down that chooses nothing says so with a number beyond its items. */
      self->kind = MIN (g_value_get_uint (value), PMOD_N_COSTS - 1);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  run_changed_cb (self);
  g_object_notify_by_pspec (object, pspec);
}

static void
pmod_cost_plot_class_init (PmodCostPlotClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_cost_plot_dispose;
  object_class->get_property = pmod_cost_plot_get_property;
  object_class->set_property = pmod_cost_plot_set_property;
  widget_class->map = pmod_cost_plot_map;
  widget_class->snapshot = pmod_cost_plot_snapshot;
  widget_class->measure = pmod_cost_plot_measure;
  widget_class->css_changed = pmod_cost_plot_css_changed;
  widget_class->direction_changed = pmod_cost_plot_direction_changed;
  widget_class->query_tooltip = pmod_cost_plot_query_tooltip;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  props[PROP_KIND] = g_param_spec_uint ("kind", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-cost-plot.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, leave_cb);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_widget_class_set_css_name (widget_class, "costplot");
}

static void
pmod_cost_plot_init (PmodCostPlot *self)
{
  self->hover = -1;
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  update_words (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (run_changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer", G_CALLBACK (update_words), self);
  pmod_palette_follow (GTK_WIDGET (self), drop_bars);
}
