/* PmodWeightHistogram: see pmod-weight-histogram.h. Counted again only when the layer or its
 * records change. */
#include "config.h"

#include "pmod-weight-histogram.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-format.h"
#include "pmod-palette.h"
#include "pmod-run-weights.h"

#define CUT_OVERHANG 4 /* of the cut's line above the highest bar */

struct _PmodWeightHistogram
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;

  GtkWidget *chart; /* an empty place */
  GtkLabel *low;
  GtkLabel *cut;
  GtkLabel *high;
  GtkLabel *text;

  PmodRunWeights weights; /* n_most 0: none */
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodWeightHistogram, pmod_weight_histogram, GTK_TYPE_WIDGET)

/* --- What it says ---------------------------------------------------------------------------- */

static void
append_doubts (GString *text, const PmodRunLayer *info)
{
  if (info->n_ties > 1)
    g_string_append_printf (
        text,
        g_dngettext (NULL, " %d part ties at the cut: the lower place in the picture decides.",
                     " %d parts tie at the cut: the lower place in the picture decides.",
                     info->n_ties),
        info->n_ties);
  else
    g_string_append (text, _ (" No ties."));
  if (info->n_saturated > 0)
    g_string_append_printf (text,
                            g_dngettext (NULL, " %d weight is saturated.",
                                         " %d weights are saturated.", info->n_saturated),
                            info->n_saturated);
  else
    g_string_append (text, _ (" None is saturated."));
}

static char *
describe (PmodWeightHistogram *self, int layer, const PmodRunLayer *info)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!info->ready)
    return g_strdup_printf (_ ("Layer %d: not computed yet."), layer);
  if (!info->routed)
    return g_strdup_printf (_ ("Layer %d has no router: nothing is weighed."), layer);
  g_string_append_printf (text, _ ("Layer %d: from %.3f to %.3f."), layer, self->weights.low,
                          self->weights.high);
  if (self->weights.has_cut && info->margin > 0)
    {
      g_autofree char *margin = pmod_format_small (info->margin);

      g_string_append_printf (text, _ (" Cut at %.4f, %s above the first skipped."),
                              self->weights.cut, margin);
    }
  else if (self->weights.has_cut)
    g_string_append_printf (text, _ (" Cut at %.4f, without a margin."), self->weights.cut);
  else if (!info->by_router)
    g_string_append (text, _ (" Another rule than the weights chose: there is no cut."));
  else
    g_string_append (text, _ (" Nothing is skipped: there is no cut."));
  append_doubts (text, info);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
update_numbers (PmodWeightHistogram *self)
{
  gboolean there = self->weights.n_most > 0;
  g_autofree char *low = g_strdup_printf ("%.3f", self->weights.low);
  g_autofree char *high = g_strdup_printf ("%.3f", self->weights.high);
  g_autofree char *cut = g_strdup_printf (_ ("cut %.3f"), self->weights.cut);

  gtk_label_set_label (self->low, there ? low : "");
  gtk_label_set_label (self->high, there ? high : "");
  gtk_label_set_label (self->cut, there && self->weights.has_cut ? cut : "");
}

static void
update (PmodWeightHistogram *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int layer = pmod_selection_get_layer (self->selection);
  PmodRunLayer info = { 0 };
  g_autofree char *text = NULL;

  if (!run || !pmod_run_get_layer (run, layer, &info) ||
      !pmod_run_count_weights (run, layer, &self->weights))
    self->weights = (PmodRunWeights){ 0 };
  text = describe (self, layer, &info);
  update_numbers (self);
  gtk_label_set_label (self->text, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Drawing --------------------------------------------------------------------------------- */

/* The lowest weight is where reading begins. */
static void
mirror (PmodWeightHistogram *self, const graphene_rect_t *chart, graphene_rect_t *rect)
{
  if (gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL)
    rect->origin.x = 2 * chart->origin.x + chart->size.width - rect->origin.x - rect->size.width;
}

static void
append_bar (PmodWeightHistogram *self,
            GtkSnapshot *snapshot,
            const graphene_rect_t *chart,
            graphene_rect_t bar,
            const GdkRGBA *color)
{
  mirror (self, chart, &bar);
  gtk_snapshot_append_color (snapshot, color, &bar);
}

static void
snapshot_bin (PmodWeightHistogram *self,
              GtkSnapshot *snapshot,
              const graphene_rect_t *chart,
              int bin)
{
  const PmodPalette *palette = pmod_palette_get ();
  float left = floorf (chart->size.width * (float)bin / PMOD_WEIGHT_BINS);
  float right = floorf (chart->size.width * (float)(bin + 1) / PMOD_WEIGHT_BINS);
  float unit = (chart->size.height - CUT_OVERHANG) / (float)self->weights.n_most;
  float skipped = ceilf ((float)self->weights.skipped[bin] * unit);
  float all = ceilf ((float)(self->weights.skipped[bin] + self->weights.kept[bin]) * unit);
  float bottom = chart->origin.y + chart->size.height;

  left += chart->origin.x;
  right += chart->origin.x;
  append_bar (self, snapshot, chart,
              GRAPHENE_RECT_INIT (left, bottom - skipped, right - left - 1, skipped),
              &palette->unused);
  append_bar (self, snapshot, chart,
              GRAPHENE_RECT_INIT (left, bottom - all, right - left - 1, all - skipped),
              &palette->used);
}

/* From the first skipped weight to the last kept one, which is the line. */
static void
snapshot_cut (PmodWeightHistogram *self, GtkSnapshot *snapshot, const graphene_rect_t *chart)
{
  const PmodPalette *palette = pmod_palette_get ();
  double range = (double)self->weights.high - self->weights.low;
  double cut = range > 0 ? ((double)self->weights.cut - self->weights.low) / range : 0.5;
  double below = range > 0 ? ((double)self->weights.below - self->weights.low) / range : 0.5;
  float at = chart->origin.x + (float)round (cut * (chart->size.width - 2));
  float from = chart->origin.x + (float)round (below * (chart->size.width - 2));

  if (from < at)
    append_bar (self, snapshot, chart,
                GRAPHENE_RECT_INIT (from, chart->origin.y, at - from, chart->size.height),
                &palette->margin);
  append_bar (self, snapshot, chart,
              GRAPHENE_RECT_INIT (at, chart->origin.y, 2, chart->size.height), &palette->ink);
}

static void
pmod_weight_histogram_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodWeightHistogram *self = PMOD_WEIGHT_HISTOGRAM (widget);
  graphene_rect_t chart;

  GTK_WIDGET_CLASS (pmod_weight_histogram_parent_class)->snapshot (widget, snapshot);
  if (!gtk_widget_compute_bounds (self->chart, widget, &chart))
    return;
  gtk_snapshot_append_color (snapshot, &pmod_palette_get ()->dense,
                             &GRAPHENE_RECT_INIT (chart.origin.x,
                                                  chart.origin.y + chart.size.height,
                                                  chart.size.width, 1));
  if (self->weights.n_most == 0)
    return;
  for (int bin = 0; bin < PMOD_WEIGHT_BINS; bin++)
    snapshot_bin (self, snapshot, &chart, bin);
  if (self->weights.has_cut)
    snapshot_cut (self, snapshot, &chart);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_weight_histogram_dispose (GObject *object)
{
  PmodWeightHistogram *self = PMOD_WEIGHT_HISTOGRAM (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_weight_histogram_parent_class)->dispose (object);
}

static void
pmod_weight_histogram_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodWeightHistogram *self = PMOD_WEIGHT_HISTOGRAM (object);

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
pmod_weight_histogram_set_property (GObject *object,
                                    guint id,
                                    const GValue *value,
                                    GParamSpec *pspec)
{
  PmodWeightHistogram *self = PMOD_WEIGHT_HISTOGRAM (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      if (self->selection)
        update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_weight_histogram_class_init (PmodWeightHistogramClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_weight_histogram_dispose;
  object_class->get_property = pmod_weight_histogram_get_property;
  object_class->set_property = pmod_weight_histogram_set_property;
  widget_class->snapshot = pmod_weight_histogram_snapshot;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-weight-histogram.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodWeightHistogram, chart);
  gtk_widget_class_bind_template_child (widget_class, PmodWeightHistogram, low);
  gtk_widget_class_bind_template_child (widget_class, PmodWeightHistogram, cut);
  gtk_widget_class_bind_template_child (widget_class, PmodWeightHistogram, high);
  gtk_widget_class_bind_template_child (widget_class, PmodWeightHistogram, text);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "weighthistogram");
}

static void
pmod_weight_histogram_init (PmodWeightHistogram *self)
{
  static const char *const told[] = { "run-changed", "notify::layer" };

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_orientable_set_orientation (
      GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))), GTK_ORIENTATION_VERTICAL);
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_group_connect_swapped (self->signals, told[i], G_CALLBACK (update), self);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}
