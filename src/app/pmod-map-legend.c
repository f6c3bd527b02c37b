/* PmodMapLegend: see pmod-map-legend.h. */
#include "config.h"

#include "pmod-map-legend.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"

#define N_STEPS 64   /* of a ramp without steps of its own */
#define MAX_STEPS 16 /* more routed layers than these make a ramp, too */

struct _PmodMapLegend
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;

  GtkLabel *low;
  GtkWidget *ramp; /* an empty place between them */
  GtkLabel *high;
  int n_steps; /* 0: no ramp; 2 of the mask */
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMapLegend, pmod_map_legend, GTK_TYPE_WIDGET)

/* --- What it says ---------------------------------------------------------------------------- */

static int
count_routed (PmodRun *run)
{
  int n_routed = 0;

  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer info;

      n_routed += pmod_run_get_layer (run, l, &info) && info.routed && info.ready;
    }
  return n_routed;
}

static void
set_texts (PmodMapLegend *self, int n_steps, const char *low, const char *high)
{
  g_autofree char *label = n_steps > 0 ? g_strdup_printf (_ ("Legend: from %s to %s"), low, high)
                                       : g_strdup_printf (_ ("Legend: %s"), low);

  self->n_steps = n_steps;
  gtk_label_set_label (self->low, low);
  gtk_label_set_label (self->high, high);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
show_weights (PmodMapLegend *self, PmodRun *run, int layer, const PmodRunLayer *info)
{
  g_autofree char *low_text = NULL;
  g_autofree char *high_text = NULL;
  float low, high;

  if (!info->routed)
    {
      set_texts (self, 0, _ ("No router, no weights"), "");
      return;
    }
  pmod_run_get_weight_range (run, layer, &low, &high);
  if (low == high)
    {
      low_text = g_strdup_printf (_ ("All weights are %.3f"), low);
      set_texts (self, 0, low_text, "");
      return;
    }
  low_text = g_strdup_printf (_ ("Weight %.3f"), low);
  high_text = g_strdup_printf ("%.3f", high);
  set_texts (self, N_STEPS, low_text, high_text);
}

static void
show_depth (PmodMapLegend *self, PmodRun *run)
{
  int n_routed = count_routed (run);
  g_autofree char *high = g_strdup_printf (
      g_dngettext (NULL, "%d routed layer", "all %d routed layers", n_routed), n_routed);

  set_texts (self, n_routed <= MAX_STEPS ? n_routed + 1 : N_STEPS, _ ("Kept by none"), high);
}

static void
update (PmodMapLegend *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;
  PmodRunLayer info;

  if (!run || !pmod_run_get_layer (run, layer, &info) || !info.ready)
    {
      set_texts (self, 0, "", "");
      return;
    }
  switch (pmod_selection_get_view (self->selection))
    {
    case PMOD_VIEW_WEIGHTS:
      show_weights (self, run, layer, &info);
      break;
    case PMOD_VIEW_DEPTH:
      show_depth (self, run);
      break;
    case PMOD_VIEW_PICTURE:
      set_texts (self, 0, _ ("As it is"), "");
      break;
    case PMOD_VIEW_MASK:
    default:
      set_texts (self, 2, _ ("Skipped"), _ ("Kept"));
    }
}

/* --- Drawing --------------------------------------------------------------------------------- */

static GdkRGBA
get_color (PmodMapLegend *self, int step)
{
  const PmodPalette *palette = pmod_palette_get ();

  if (pmod_selection_get_view (self->selection) == PMOD_VIEW_MASK)
    return step == 0 ? palette->legend_skipped : palette->legend_kept;
  return pmod_palette_get_ramp ((double)step / (self->n_steps - 1));
}

static void
snapshot_ramp (PmodMapLegend *self, GtkSnapshot *snapshot, const graphene_rect_t *bounds)
{
  gboolean rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  const GdkRGBA *line = &pmod_palette_get ()->dense;
  GskRoundedRect clip;

  gsk_rounded_rect_init_from_rect (&clip, bounds, 3);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  for (int i = 0; i < self->n_steps; i++)
    {
      int at = rtl ? self->n_steps - 1 - i : i;
      float left = floorf (bounds->size.width * (float)at / (float)self->n_steps);
      float right = floorf (bounds->size.width * (float)(at + 1) / (float)self->n_steps);
      GdkRGBA color = get_color (self, i);

      gtk_snapshot_append_color (snapshot, &color,
                                 &GRAPHENE_RECT_INIT (bounds->origin.x + left, bounds->origin.y,
                                                      right - left, bounds->size.height));
    }
  gtk_snapshot_pop (snapshot);
  gtk_snapshot_append_border (snapshot, &clip, (float[4]){ 1, 1, 1, 1 },
                              (GdkRGBA[4]){ *line, *line, *line, *line });
}

static void
pmod_map_legend_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodMapLegend *self = PMOD_MAP_LEGEND (widget);
  graphene_rect_t bounds;

  if (self->n_steps > 1 && self->selection &&
      gtk_widget_compute_bounds (self->ramp, widget, &bounds))
    snapshot_ramp (self, snapshot, &bounds);
  GTK_WIDGET_CLASS (pmod_map_legend_parent_class)->snapshot (widget, snapshot);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_map_legend_dispose (GObject *object)
{
  PmodMapLegend *self = PMOD_MAP_LEGEND (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_map_legend_parent_class)->dispose (object);
}

static void
pmod_map_legend_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMapLegend *self = PMOD_MAP_LEGEND (object);

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
pmod_map_legend_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMapLegend *self = PMOD_MAP_LEGEND (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_map_legend_class_init (PmodMapLegendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_map_legend_dispose;
  object_class->get_property = pmod_map_legend_get_property;
  object_class->set_property = pmod_map_legend_set_property;
  widget_class->snapshot = pmod_map_legend_snapshot;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-map-legend.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMapLegend, low);
  gtk_widget_class_bind_template_child (widget_class, PmodMapLegend, ramp);
  gtk_widget_class_bind_template_child (widget_class, PmodMapLegend, high);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "maplegend");
}

static void
pmod_map_legend_init (PmodMapLegend *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::view", G_CALLBACK (update), self);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}
