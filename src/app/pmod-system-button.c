/* PmodSystemButton: see pmod-system-button.h. */
#include "config.h"

#include "pmod-system-button.h"

#include <glib/gi18n.h>

struct _PmodSystemButton
{
  AdwBin parent_instance;

  PmodChat *chat;
  GtkMenuButton *button;
  GtkLabel *label;
  GtkTextView *entry;
  GtkLabel *hint;
  GtkWidget *reset;
};

enum
{
  PROP_CHAT = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodSystemButton, pmod_system_button, ADW_TYPE_BIN)

static PmodModelCard *
get_model (PmodSystemButton *self)
{
  return pmod_session_get_model (pmod_chat_get_session (self->chat));
}

static char *
dup_text (PmodSystemButton *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->entry);
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return g_strstrip (gtk_text_buffer_get_text (buffer, &start, &end, FALSE));
}

/* What a model was trained with is what it can be counted on to heed. */
static char *
describe (PmodModelCard *model)
{
  if (!model)
    return g_strdup (_ ("Read by the model before every question of this conversation."));
  if (model->single_questions && *model->system)
    return g_strdup (_ ("This small model was trained with one system prompt alone: expect another "
                        "one to do nothing, or to mislead it."));
  if (model->single_questions)
    return g_strdup (_ ("This small model was trained without a system prompt: expect one to do "
                        "nothing, or to mislead it."));
  if (*model->system)
    return g_strdup (_ ("Read before every question, instead of the text above, which the model "
                        "was trained with. How well it heeds another one differs from model to "
                        "model."));
  return g_strdup (_ ("Read before every question. The model was trained without one."));
}

static void
update (PmodSystemButton *self)
{
  const char *system = pmod_chat_get_system (self->chat);
  const char *name = system ? _ ("System prompt: this conversation\342\200\231s own")
                            : _ ("System prompt: the model\342\200\231s");

  gtk_label_set_label (self->label, system ? _ ("Own system prompt") : _ ("System prompt"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  name, -1);
  if (system)
    gtk_widget_add_css_class (GTK_WIDGET (self->label), "accent");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->label), "accent");
}

static void
shown_cb (PmodSystemButton *self)
{
  PmodModelCard *model = get_model (self);
  const char *system = pmod_chat_get_system (self->chat);
  g_autofree char *hint = describe (model);

  if (!system)
    system = model ? model->system : "";
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->entry), system, -1);
  gtk_label_set_label (self->hint, hint);
  gtk_widget_set_sensitive (self->reset, pmod_chat_get_system (self->chat) != NULL);
  gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

/* The model's own words are no change; nothing at all is one, where the model has words. */
static void
apply_cb (PmodSystemButton *self)
{
  g_autofree char *text = dup_text (self);
  PmodModelCard *model = get_model (self);

  pmod_chat_set_system (self->chat, g_str_equal (text, model ? model->system : "") ? NULL : text);
  gtk_menu_button_popdown (self->button);
}

static void
reset_cb (PmodSystemButton *self)
{
  pmod_chat_set_system (self->chat, NULL);
  gtk_menu_button_popdown (self->button);
}

/* Enter breaks the line here, as a prompt may be long; Control and Enter use it. */
static gboolean
key_cb (GtkEventControllerKey *controller,
        guint keyval,
        guint keycode,
        GdkModifierType state,
        gpointer user_data)
{
  if ((keyval != GDK_KEY_Return && keyval != GDK_KEY_KP_Enter) || !(state & GDK_CONTROL_MASK))
    return GDK_EVENT_PROPAGATE;
  apply_cb (user_data);
  return GDK_EVENT_STOP;
}

static void
set_chat (PmodSystemButton *self, PmodChat *chat)
{
  if (!g_set_object (&self->chat, chat))
    return;
  if (chat)
    {
      g_signal_connect_object (chat, "notify::system", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      update (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CHAT]);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_system_button_dispose (GObject *object)
{
  g_clear_object (&PMOD_SYSTEM_BUTTON (object)->chat);

  G_OBJECT_CLASS (pmod_system_button_parent_class)->dispose (object);
}

static void
pmod_system_button_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, PMOD_SYSTEM_BUTTON (object)->chat);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_system_button_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      set_chat (PMOD_SYSTEM_BUTTON (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_system_button_class_init (PmodSystemButtonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_system_button_dispose;
  object_class->get_property = pmod_system_button_get_property;
  object_class->set_property = pmod_system_button_set_property;

  props[PROP_CHAT] =
      g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-system-button.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodSystemButton, button);
  gtk_widget_class_bind_template_child (widget_class, PmodSystemButton, label);
  gtk_widget_class_bind_template_child (widget_class, PmodSystemButton, entry);
  gtk_widget_class_bind_template_child (widget_class, PmodSystemButton, hint);
  gtk_widget_class_bind_template_child (widget_class, PmodSystemButton, reset);
  gtk_widget_class_bind_template_callback (widget_class, shown_cb);
  gtk_widget_class_bind_template_callback (widget_class, apply_cb);
  gtk_widget_class_bind_template_callback (widget_class, reset_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_cb);
}

static void
pmod_system_button_init (PmodSystemButton *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
