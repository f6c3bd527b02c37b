/* PmodMapWords: see pmod-map-words.h. */
#include "config.h"

#include "pmod-map-words.h"

#include <glib/gi18n.h>

#include "pmod-late-text.h"
#include "pmod-map-name.h"

struct _PmodMapWords
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;

  GtkLabel *text;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMapWords, pmod_map_words, GTK_TYPE_WIDGET)

static void
update (GtkWidget *widget)
{
  PmodMapWords *self = PMOD_MAP_WORDS (widget);
  g_autofree char *text = NULL;
  const char *shown;

  if (!self->selection || !gtk_widget_get_mapped (widget))
    return;
  text = pmod_map_name_describe (self->selection, widget);
  shown = *text ? text : _ ("There is no map to describe.");
  if (!g_str_equal (shown, gtk_label_get_label (self->text)))
    gtk_label_set_label (self->text, shown);
}

static void
queue_update (PmodMapWords *self)
{
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    pmod_late_text_queue (GTK_WIDGET (self), update);
}

static void
pmod_map_words_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (pmod_map_words_parent_class)->map (widget);
  update (widget);
}

static void
copy_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodMapWords *self = PMOD_MAP_WORDS (widget);
  g_autofree char *text = NULL;

  if (!self->selection)
    return;
  text = pmod_map_name_describe (self->selection, widget);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_map_words_dispose (GObject *object)
{
  PmodMapWords *self = PMOD_MAP_WORDS (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_map_words_parent_class)->dispose (object);
}

static void
pmod_map_words_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMapWords *self = PMOD_MAP_WORDS (object);

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
pmod_map_words_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMapWords *self = PMOD_MAP_WORDS (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      queue_update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_map_words_class_init (PmodMapWordsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_map_words_dispose;
  object_class->get_property = pmod_map_words_get_property;
  object_class->set_property = pmod_map_words_set_property;
  widget_class->map = pmod_map_words_map;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_install_action (widget_class, "words.copy", NULL, copy_action);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-map-words.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMapWords, text);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "mapwords");
}

static void
pmod_map_words_init (PmodMapWords *self)
{
  static const char *const told[] = { "run-changed", "notify::layer", "notify::picture",
                                      "notify::plane", "notify::view" };
  GtkLayoutManager *layout;

  gtk_widget_init_template (GTK_WIDGET (self));
  layout = gtk_widget_get_layout_manager (GTK_WIDGET (self));
  gtk_orientable_set_orientation (GTK_ORIENTABLE (layout), GTK_ORIENTATION_VERTICAL);
  gtk_box_layout_set_spacing (GTK_BOX_LAYOUT (layout), 6);
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_group_connect_swapped (self->signals, told[i], G_CALLBACK (queue_update), self);
}
