/* PmodReceipt: see pmod-receipt.h.
 *
 * Says nothing before its run is finished. The table is there while it is open. */
#include "config.h"

#include "pmod-receipt.h"

#include "pmod-receipt-lines.h"
#include "pmod-receipt-table.h"

struct _PmodReceipt
{
  GtkWidget parent_instance;

  PmodRun *run;
  GSignalGroup *signals;
  GtkExpander *expander;
  GtkLabel *summary;
};

enum
{
  PROP_RUN = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodReceipt, pmod_receipt, GTK_TYPE_WIDGET)

static void
update (PmodReceipt *self)
{
  gboolean done = self->run && pmod_run_get_phase (self->run) == PMOD_RUN_DONE;
  g_autofree char *summary = NULL, *description = NULL;

  gtk_widget_set_visible (GTK_WIDGET (self), done);
  if (!done)
    return;
  summary = pmod_receipt_summary (self->run);
  description = pmod_receipt_description (self->run);
  gtk_label_set_label (self->summary, summary);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->expander), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  description, -1);
}

static void
expanded_cb (PmodReceipt *self)
{
  gboolean expanded = gtk_expander_get_expanded (self->expander);

  if (expanded && self->run)
    gtk_expander_set_child (self->expander, pmod_receipt_table_new (self->run));
  else
    gtk_expander_set_child (self->expander, NULL);
}

/* Asked for when it is shown: whenever a tooltip is given, GTK asks the display where the pointer
 * is. */
static gboolean
tooltip_cb (GtkWidget *summary, int x, int y, gboolean keyboard, GtkTooltip *tooltip, gpointer data)
{
  PmodReceipt *self = data;
  g_autofree char *description = pmod_receipt_description (self->run);

  gtk_tooltip_set_text (tooltip, description);
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_receipt_dispose (GObject *object)
{
  PmodReceipt *self = PMOD_RECEIPT (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->run);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_receipt_parent_class)->dispose (object);
}

static void
pmod_receipt_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodReceipt *self = PMOD_RECEIPT (object);

  switch (id)
    {
    case PROP_RUN:
      g_value_set_object (value, self->run);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_receipt_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodReceipt *self = PMOD_RECEIPT (object);

  switch (id)
    {
    case PROP_RUN:
      if (!g_set_object (&self->run, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->run);
      update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_receipt_class_init (PmodReceiptClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_receipt_dispose;
  object_class->get_property = pmod_receipt_get_property;
  object_class->set_property = pmod_receipt_set_property;

  props[PROP_RUN] = g_param_spec_object ("run", NULL, NULL, PMOD_TYPE_RUN, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-receipt.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodReceipt, expander);
  gtk_widget_class_bind_template_child (widget_class, PmodReceipt, summary);
  gtk_widget_class_bind_template_callback (widget_class, expanded_cb);
  gtk_widget_class_bind_template_callback (widget_class, tooltip_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "receipt");
}

static void
pmod_receipt_init (PmodReceipt *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_RUN);
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (update), self);
}
