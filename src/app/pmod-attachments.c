/* PmodAttachments: see pmod-attachments.h. */
#include "config.h"

#include "pmod-attachments.h"

#include <glib/gi18n.h>

#include "pmod-picture-thumb.h"

struct _PmodAttachments
{
  AdwBin parent_instance;

  PmodChat *chat;
  GtkBox *box; /* a thumbnail for each, in the list's order */
};

enum
{
  PROP_CHAT = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodAttachments, pmod_attachments, ADW_TYPE_BIN)

static guint
count (PmodAttachments *self)
{
  return g_list_model_get_n_items (pmod_chat_get_attached (self->chat));
}

/* (nullable) */
static GtkWidget *
get_item (PmodAttachments *self, guint position)
{
  GtkWidget *item = gtk_widget_get_first_child (GTK_WIDGET (self->box));

  while (item && position-- > 0)
    item = gtk_widget_get_next_sibling (item);
  return item;
}

/* The next one has the focus then, or the entry. */
static void
remove_item (PmodAttachments *self, GtkWidget *item)
{
  guint position = 0;

  for (GtkWidget *before = gtk_widget_get_prev_sibling (item); before;
       before = gtk_widget_get_prev_sibling (before))
    position++;
  pmod_chat_detach (self->chat, position);
  item = get_item (self, MIN (position, MAX (count (self), 1) - 1));
  if (item)
    gtk_widget_child_focus (item, GTK_DIR_TAB_FORWARD);
  else
    gtk_widget_activate_action (GTK_WIDGET (self), "chat.write", NULL);
}

static void
remove_cb (GtkWidget *button, gpointer user_data)
{
  remove_item (user_data, gtk_widget_get_parent (button));
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodAttachments *self = user_data;
  GtkWidget *item = gtk_widget_get_focus_child (GTK_WIDGET (self->box));

  if (!item ||
      (keyval != GDK_KEY_Delete && keyval != GDK_KEY_KP_Delete && keyval != GDK_KEY_BackSpace))
    return GDK_EVENT_PROPAGATE;
  remove_item (self, item);
  return GDK_EVENT_STOP;
}

static GtkWidget *
make_item (PmodAttachments *self, guint position)
{
  g_autoptr (PmodPicture) picture =
      g_list_model_get_item (pmod_chat_get_attached (self->chat), position);
  g_autofree char *label = g_strdup_printf (_ ("Remove %s"), pmod_picture_get_name (picture));
  GtkWidget *item = gtk_overlay_new ();
  GtkWidget *button = gtk_button_new_from_icon_name ("window-close-symbolic");

  gtk_widget_set_halign (button, GTK_ALIGN_END);
  gtk_widget_set_valign (button, GTK_ALIGN_START);
  gtk_widget_add_css_class (button, "circular");
  gtk_widget_add_css_class (button, "osd");
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  -1);
  g_signal_connect_object (button, "clicked", G_CALLBACK (remove_cb), self, 0);
  gtk_overlay_set_child (GTK_OVERLAY (item), pmod_picture_thumb_new (picture));
  gtk_overlay_add_overlay (GTK_OVERLAY (item), button);
  return item;
}

static void
items_changed_cb (PmodAttachments *self, guint position, guint removed, guint added)
{
  GtkWidget *before = position > 0 ? get_item (self, position - 1) : NULL;

  for (guint i = 0; i < removed; i++)
    gtk_box_remove (self->box, get_item (self, position));
  for (guint i = 0; i < added; i++)
    {
      GtkWidget *item = make_item (self, position + i);

      gtk_box_insert_child_after (self->box, item, before);
      before = item;
    }
  gtk_widget_set_visible (GTK_WIDGET (self), count (self) > 0);
}

static void
set_chat (PmodAttachments *self, PmodChat *chat)
{
  if (!g_set_object (&self->chat, chat))
    return;
  if (chat)
    {
      g_signal_connect_object (pmod_chat_get_attached (chat), "items-changed",
                               G_CALLBACK (items_changed_cb), self, G_CONNECT_SWAPPED);
      items_changed_cb (self, 0, 0, count (self));
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CHAT]);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_attachments_dispose (GObject *object)
{
  g_clear_object (&PMOD_ATTACHMENTS (object)->chat);

  G_OBJECT_CLASS (pmod_attachments_parent_class)->dispose (object);
}

static void
pmod_attachments_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, PMOD_ATTACHMENTS (object)->chat);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_attachments_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      set_chat (PMOD_ATTACHMENTS (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_attachments_class_init (PmodAttachmentsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_attachments_dispose;
  object_class->get_property = pmod_attachments_get_property;
  object_class->set_property = pmod_attachments_set_property;

  props[PROP_CHAT] =
      g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-attachments.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodAttachments, box);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_css_name (widget_class, "attachments");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
pmod_attachments_init (PmodAttachments *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
