/* PmodMeterPanel: see pmod-meter-panel.h. */
#include "config.h"

#include "pmod-meter-panel.h"

#include <glib/gi18n.h>

#include "pmod-column-layout.h"
#include "pmod-drop-down.h"
#include "pmod-format.h"
#include "pmod-meter-bar.h"

struct _PmodMeterPanel
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;
  GBindingGroup *bindings;

  GtkWidget *rule;
  GtkLabel *flops_label;
  GtkLabel *kv_label;
  GtkLabel *context_label;
  PmodMeterBar *flops_bar;
  PmodMeterBar *kv_bar;
  PmodMeterBar *context_bar;
  GtkLabel *first_label;
  GtkLabel *speed_label;
  GtkLabel *memory_label;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMeterPanel, pmod_meter_panel, GTK_TYPE_WIDGET)

/* "59 % of dense: 4.92 TFLOPs", in the unit that suits the dense figure. */
static char *
format_cost (const PmodRunCost *cost, char *(*format) (double, double))
{
  g_autofree char *share = pmod_format_share (cost->used, cost->dense);
  g_autofree char *value = format (cost->used, cost->dense);

  return g_strdup_printf (_ ("%s of dense: %s"), share, value);
}

static void
show (GtkLabel *label, PmodMeterBar *bar, const char *name, const char *text)
{
  gtk_label_set_label (label, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

/* "57 % of dense, 5 % now: 0.63 GFLOPs": what an earlier run had left was needed, but not done
 * again; of a picture that was known there is no tower's work in it at all. */
static void
add_reuse (GtkLabel *label, PmodMeterBar *bar, PmodRun *run, const PmodRunCost *all)
{
  g_autofree char *share = pmod_format_share (all->used, all->dense);
  g_autofree char *now = pmod_format_share (pmod_run_get_done_flops (run), all->dense);
  g_autofree char *value = pmod_format_flops (all->used, all->dense);
  g_autofree char *text = g_strdup_printf (_ ("%s of dense, %s now: %s"), share, now, value);

  show (label, bar, _ ("Compute"), text);
}

static void
show_cost (GtkLabel *label,
           PmodMeterBar *bar,
           const char *name,
           const PmodRunCost *cost,
           char *(*format) (double, double))
{
  g_autofree char *text =
      cost->dense > 0 ? format_cost (cost, format) : g_strdup (PMOD_FORMAT_NONE);

  show (label, bar, name, text);
  pmod_meter_bar_set (bar, cost->total > 0 ? cost->used / cost->total : 0,
                      cost->total > 0 ? cost->dense / cost->total : 0);
}

/* Takes value and dense, the latter NULL where it was not measured. */
static void
show_measured (GtkLabel *label, char *value, char *dense)
{
  g_autofree char *text =
      dense ? g_strdup_printf (_ ("%s \302\267 dense %s"), value, dense) : g_strdup (value);

  gtk_label_set_label (label, text);
  g_free (value);
  g_free (dense);
}

/* Weights weigh the same however much is skipped; without their figure there is none of memory. */
static void
show_memory (PmodMeterPanel *self, PmodRun *run, const PmodRunCost *kv)
{
  double weights = run ? (double)pmod_run_get_weight_bytes (run) : 0;
  PmodRunCost memory = { weights + kv->used, weights + kv->dense, 0 };
  g_autofree char *text = weights > 0 && memory.dense > 0 ? format_cost (&memory, pmod_format_bytes)
                                                          : g_strdup (PMOD_FORMAT_NONE);

  gtk_label_set_label (self->memory_label, text);
}

static void
show_times (PmodMeterPanel *self, PmodRun *run)
{
  PmodRun *dense = run ? pmod_run_get_dense_run (run) : NULL;

  show_measured (self->first_label,
                 pmod_format_time_or_none (run ? pmod_run_get_first_token_ns (run) : 0),
                 dense ? pmod_format_time_or_none (pmod_run_get_first_token_ns (dense)) : NULL);
  show_measured (self->speed_label,
                 pmod_format_speed (run ? pmod_run_get_tokens_per_second (run) : 0),
                 dense ? pmod_format_speed (pmod_run_get_tokens_per_second (dense)) : NULL);
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
  show_cost (self->flops_label, self->flops_bar, _ ("Compute"), &flops, pmod_format_flops);
  if (run && rule == PMOD_FLOPS_ALL && pmod_run_get_n_reused (run) > 0)
    add_reuse (self->flops_label, self->flops_bar, run, &flops);
  show_cost (self->kv_label, self->kv_bar, _ ("KV cache"), &kv, pmod_format_bytes);
  context = context_length > 0 ? g_strdup_printf (_ ("%d of %d tokens"), n_tokens, context_length)
                               : g_strdup (PMOD_FORMAT_NONE);
  show (self->context_label, self->context_bar, _ ("Context"), context);
  pmod_meter_bar_set (self->context_bar, context_length > 0 ? (double)n_tokens / context_length : 0,
                      0);
  show_times (self, run);
  show_memory (self, run, &kv);
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

  g_clear_object (&self->bindings);
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
      g_binding_group_set_source (self->bindings, self->selection);
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
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, first_label);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, speed_label);
  gtk_widget_class_bind_template_child (widget_class, PmodMeterPanel, memory_label);
  gtk_widget_class_bind_template_callback (widget_class, rule_changed_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, PMOD_TYPE_COLUMN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "meterpanel");
}

static void
pmod_meter_panel_init (PmodMeterPanel *self)
{
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_drop_down_set_name (self->rule, _ ("How compute is counted"));
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (update), self);
  self->bindings = g_binding_group_new ();
  g_binding_group_bind (self->bindings, "rule", self->rule, "selected",
                        G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
}
