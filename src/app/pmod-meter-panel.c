/* PmodMeterPanel: see pmod-meter-panel.h. */
#include "config.h"

#include "pmod-meter-panel.h"

#include <glib/gi18n.h>

#include "pmod-column-layout.h"
#include "pmod-meter-bar.h"

struct _PmodMeterPanel
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;

  GtkWidget *rule;
  GtkLabel *flops_label;
  GtkLabel *kv_label;
  GtkLabel *context_label;
  PmodMeterBar *flops_bar;
  PmodMeterBar *kv_bar;
  PmodMeterBar *context_bar;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMeterPanel, pmod_meter_panel, GTK_TYPE_WIDGET)

static int
percent (double part, double whole)
{
  return whole > 0 ? (int)(100 * part / whole + 0.5) : 0;
}

/* "59 % of dense: 4.92 TFLOPs", in the unit that suits the dense figure. */
static char *
format_flops (const PmodRunCost *cost)
{
  static const char *const units[] = { N_ ("MFLOPs"), N_ ("GFLOPs"), N_ ("TFLOPs") };
  double scale = 1e6;
  guint unit = 0;

  while (unit + 1 < G_N_ELEMENTS (units) && cost->dense >= 1000 * scale)
    {
      unit++;
      scale *= 1000;
    }
  return g_strdup_printf (_ ("%d %% of dense: %.2f %s"), percent (cost->used, cost->dense),
                          cost->used / scale, _ (units[unit]));
}

static char *
format_bytes (const PmodRunCost *cost)
{
  double scale = cost->dense >= 1024 * 1024 ? 1024 * 1024 : 1024;
  const char *unit = scale > 1024 ? _ ("MiB") : _ ("KiB");

  return g_strdup_printf (_ ("%d %% of dense: %.1f %s"), percent (cost->used, cost->dense),
                          cost->used / scale, unit);
}

static void
show (GtkLabel *label, PmodMeterBar *bar, const char *name, const char *text)
{
  gtk_label_set_label (label, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text, -1);
}

static void
show_cost (GtkLabel *label,
           PmodMeterBar *bar,
           const char *name,
           const PmodRunCost *cost,
           char *(*format) (const PmodRunCost *))
{
  g_autofree char *text = cost->dense > 0 ? format (cost) : g_strdup ("\342\200\223");

  show (label, bar, name, text);
  pmod_meter_bar_set (bar, cost->total > 0 ? cost->used / cost->total : 0,
                      cost->total > 0 ? cost->dense / cost->total : 0);
}

static void
update (PmodMeterPanel *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  guint chosen = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->rule));
  PmodFlopsRule rule = chosen == 1 ? PMOD_FLOPS_ALL : PMOD_FLOPS_PAPER;
  PmodRunCost flops = { 0 };
  PmodRunCost kv = { 0 };
  int n_tokens = run ? pmod_run_get_n_tokens (run) : 0;
  int context_length = run ? pmod_run_get_context_length (run) : 0;
  g_autofree char *context = NULL;

  if (run)
    {
      flops = pmod_run_get_flops (run, rule);
      kv = pmod_run_get_kv (run);
    }
  show_cost (self->flops_label, self->flops_bar, _ ("Compute"), &flops, format_flops);
  show_cost (self->kv_label, self->kv_bar, _ ("KV cache"), &kv, format_bytes);
  context = context_length > 0 ? g_strdup_printf (_ ("%d of %d tokens"), n_tokens, context_length)
                               : g_strdup ("\342\200\223");
  show (self->context_label, self->context_bar, _ ("Context"), context);
  pmod_meter_bar_set (self->context_bar, context_length > 0 ? (double)n_tokens / context_length : 0,
                      0);
}

static void
rule_changed_cb (PmodMeterPanel *self)
{
  update (self);
}

static void
pmod_meter_panel_dispose (GObject *object)
{
  PmodMeterPanel *self = PMOD_METER_PANEL (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_meter_panel_parent_class)->dispose (object);
}

static void
pmod_meter_panel_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMeterPanel *self = PMOD_METER_PANEL (object);

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
pmod_meter_panel_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMeterPanel *self = PMOD_METER_PANEL (object);

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
pmod_meter_panel_class_init (PmodMeterPanelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_meter_panel_dispose;
  object_class->get_property = pmod_meter_panel_get_property;
  object_class->set_property = pmod_meter_panel_set_property;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_METER_BAR);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-meter-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, rule);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, flops_label);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, kv_label);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, context_label);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, flops_bar);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, kv_bar);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, context_bar);
  gtk_widget_class_bind_template_callback (widget_class, rule_changed_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, PMOD_TYPE_COLUMN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "meterpanel");
}

static void
pmod_meter_panel_init (PmodMeterPanel *self)
{
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  /* A drop-down's button is what takes the focus, and it has no name of its own. */
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_widget_get_first_child (self->rule)),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("How compute is counted"), -1);
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (update), self);
}
