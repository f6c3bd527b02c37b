/* PmodVersionSwitch: see pmod-version-switch.h. */
#include "config.h"

#include "pmod-version-switch.h"

#include <glib/gi18n.h>

struct _PmodVersionSwitch
{
  GtkWidget parent_instance;

  PmodMessage *message;
  GSignalGroup *signals;
  GtkWidget *previous;
  GtkLabel *label;
  GtkWidget *next;
};

enum
{
  PROP_MESSAGE = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodVersionSwitch, pmod_version_switch, GTK_TYPE_WIDGET)

/* Where no version is, the button leads nowhere; else it is as free as the action is. */
static void
point_at (PmodVersionSwitch *self, GtkWidget *button, gboolean there, guint version)
{
  GtkActionable *actionable = GTK_ACTIONABLE (button);

  if (!there)
    {
      gtk_actionable_set_action_name (actionable, NULL);
      gtk_widget_set_sensitive (button, FALSE);
      return;
    }
  gtk_actionable_set_action_target (actionable, "(uu)", pmod_message_get_position (self->message),
                                    version);
  gtk_actionable_set_action_name (actionable, "chat.show-version");
}

static void
update (PmodVersionSwitch *self)
{
  guint n = self->message ? pmod_message_get_n_versions (self->message) : 1;
  guint version = self->message ? pmod_message_get_version (self->message) : 0;
  g_autofree char *text = NULL, *name = NULL;

  gtk_widget_set_visible (GTK_WIDGET (self), n > 1);
  if (n < 2)
    return;
  text = g_strdup_printf (_ ("%u of %u"), version + 1, n);
  name = g_strdup_printf (_ ("Version %u of %u"), version + 1, n);
  gtk_label_set_label (self->label, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  point_at (self, self->previous, version > 0, version - 1);
  point_at (self, self->next, version + 1 < n, version + 1);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_version_switch_dispose (GObject *object)
{
  PmodVersionSwitch *self = PMOD_VERSION_SWITCH (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->message);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_version_switch_parent_class)->dispose (object);
}

static void
pmod_version_switch_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_MESSAGE:
      g_value_set_object (value, PMOD_VERSION_SWITCH (object)->message);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_version_switch_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_MESSAGE:
      pmod_version_switch_set_message (PMOD_VERSION_SWITCH (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_version_switch_class_init (PmodVersionSwitchClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_version_switch_dispose;
  object_class->get_property = pmod_version_switch_get_property;
  object_class->set_property = pmod_version_switch_set_property;

  props[PROP_MESSAGE] =
      g_param_spec_object ("message", NULL, NULL, PMOD_TYPE_MESSAGE,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-version-switch.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodVersionSwitch, previous);
  gtk_widget_class_bind_template_child (widget_class, PmodVersionSwitch, label);
  gtk_widget_class_bind_template_child (widget_class, PmodVersionSwitch, next);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "versionswitch");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
pmod_version_switch_init (PmodVersionSwitch *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_MESSAGE);
  g_signal_group_connect_swapped (self->signals, "notify::n-versions", G_CALLBACK (update), self);
}

/* --- Public ---------------------------------------------------------------------------------- */

void
pmod_version_switch_set_message (PmodVersionSwitch *self, PmodMessage *message)
{
  g_return_if_fail (PMOD_IS_VERSION_SWITCH (self));

  if (!g_set_object (&self->message, message))
    return;
  g_signal_group_set_target (self->signals, message);
  update (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MESSAGE]);
}

PmodMessage *
pmod_version_switch_get_message (PmodVersionSwitch *self)
{
  g_return_val_if_fail (PMOD_IS_VERSION_SWITCH (self), NULL);
  return self->message;
}

void
pmod_version_switch_take_focus (PmodVersionSwitch *self, gboolean forward)
{
  g_return_if_fail (PMOD_IS_VERSION_SWITCH (self));

  if (!gtk_widget_grab_focus (forward ? self->next : self->previous))
    gtk_widget_grab_focus (forward ? self->previous : self->next);
}
