/* PmodTuningPane: see pmod-tuning-pane.h. */
#include "config.h"

#include "pmod-tuning-pane.h"

#include <glib/gi18n.h>

#include "pmod-policy-panel.h"

struct _PmodTuningPane
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
};

enum
{
  PROP_CHAT = 1,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodTuningPane, pmod_tuning_pane, ADW_TYPE_BIN)

static void
pmod_tuning_pane_dispose (GObject *object)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  g_clear_object (&self->selection);
  g_clear_object (&self->chat);
  G_OBJECT_CLASS (pmod_tuning_pane_parent_class)->dispose (object);
}

static void
pmod_tuning_pane_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_tuning_pane_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      if (g_set_object (&self->chat, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_SELECTION:
      if (g_set_object (&self->selection, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_tuning_pane_class_init (PmodTuningPaneClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_tuning_pane_dispose;
  object_class->get_property = pmod_tuning_pane_get_property;
  object_class->set_property = pmod_tuning_pane_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_POLICY_PANEL);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-tuning-pane.ui");
  gtk_widget_class_set_css_name (widget_class, "tuningpane");
}

static void
pmod_tuning_pane_init (PmodTuningPane *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
