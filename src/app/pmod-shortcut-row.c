/* PmodShortcutRow: see pmod-shortcut-row.h. */
#include "config.h"

#include "pmod-shortcut-row.h"

struct _PmodShortcutRow
{
  AdwActionRow parent_instance;

  char *accelerator;
};

enum
{
  PROP_ACCELERATOR = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodShortcutRow, pmod_shortcut_row, ADW_TYPE_ACTION_ROW)

/* "Ctrl+Q", "Left, Right": what the drawn keys say. (transfer full) */
static char *
describe (const char *accelerators)
{
  g_auto (GStrv) all = g_strsplit (accelerators, " ", 0);
  GString *text = g_string_new (NULL);

  for (char **one = all; *one; one++)
    {
      GdkModifierType modifiers;
      guint key;
      g_autofree char *label = NULL;

      if (!gtk_accelerator_parse (*one, &key, &modifiers))
        continue;
      label = gtk_accelerator_get_label (key, modifiers);
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", label);
    }
  return g_string_free (text, FALSE);
}

static void
set_accelerator (PmodShortcutRow *self, const char *accelerator)
{
  g_autofree char *description = describe (accelerator ? accelerator : "");

  g_free (self->accelerator);
  self->accelerator = g_strdup (accelerator);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  description, -1);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ACCELERATOR]);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_shortcut_row_finalize (GObject *object)
{
  g_free (PMOD_SHORTCUT_ROW (object)->accelerator);

  G_OBJECT_CLASS (pmod_shortcut_row_parent_class)->finalize (object);
}

static void
pmod_shortcut_row_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ACCELERATOR:
      g_value_set_string (value, PMOD_SHORTCUT_ROW (object)->accelerator);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_shortcut_row_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ACCELERATOR:
      set_accelerator (PMOD_SHORTCUT_ROW (object), g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_shortcut_row_class_init (PmodShortcutRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_shortcut_row_finalize;
  object_class->get_property = pmod_shortcut_row_get_property;
  object_class->set_property = pmod_shortcut_row_set_property;

  props[PROP_ACCELERATOR] =
      g_param_spec_string ("accelerator", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass),
                                               "/io/github/strata/Strata/pmod-shortcut-row.ui");
}

static void
pmod_shortcut_row_init (PmodShortcutRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
