/* PmodDetailPane: see pmod-detail-pane.h. */
#include "config.h"

#include "pmod-detail-pane.h"

#include <glib/gi18n.h>

#include "pmod-cost-plot.h"
#include "pmod-drop-down.h"
#include "pmod-map-words.h"
#include "pmod-timeline.h"
#include "pmod-token-ribbon.h"
#include "pmod-weight-histogram.h"

struct _PmodDetailPane
{
  AdwBin parent_instance;

  PmodSelection *selection;
  GtkWidget *cost_kind;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodDetailPane, pmod_detail_pane, ADW_TYPE_BIN)

/* The bars count as the meters do, unless they show something else. */
static void
rule_cb (PmodDetailPane *self)
{
  GtkDropDown *kinds = GTK_DROP_DOWN (self->cost_kind);
  guint rule;

  g_object_get (self->selection, "rule", &rule, NULL);
  if (gtk_drop_down_get_selected (kinds) <= PMOD_COST_ALL)
    gtk_drop_down_set_selected (kinds, rule == PMOD_FLOPS_ALL ? PMOD_COST_ALL : PMOD_COST_PAPER);
}

static void
pmod_detail_pane_dispose (GObject *object)
{
  PmodDetailPane *self = PMOD_DETAIL_PANE (object);

  g_clear_object (&self->selection);

  G_OBJECT_CLASS (pmod_detail_pane_parent_class)->dispose (object);
}

static void
pmod_detail_pane_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodDetailPane *self = PMOD_DETAIL_PANE (object);

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
pmod_detail_pane_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodDetailPane *self = PMOD_DETAIL_PANE (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      if (self->selection)
        {
          g_signal_connect_object (self->selection, "notify::rule", G_CALLBACK (rule_cb), self,
                                   G_CONNECT_SWAPPED);
          rule_cb (self);
        }
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_detail_pane_class_init (PmodDetailPaneClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_detail_pane_dispose;
  object_class->get_property = pmod_detail_pane_get_property;
  object_class->set_property = pmod_detail_pane_set_property;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_COST_PLOT);
  g_type_ensure (PMOD_TYPE_MAP_WORDS);
  g_type_ensure (PMOD_TYPE_TIMELINE);
  g_type_ensure (PMOD_TYPE_TOKEN_RIBBON);
  g_type_ensure (PMOD_TYPE_WEIGHT_HISTOGRAM);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-detail-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodDetailPane, cost_kind);
  gtk_widget_class_set_css_name (widget_class, "detailpane");
}

static void
pmod_detail_pane_init (PmodDetailPane *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_drop_down_set_name (self->cost_kind, _ ("Which cost"));
}
