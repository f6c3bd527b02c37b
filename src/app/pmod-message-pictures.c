/* PmodMessagePictures: see pmod-message-pictures.h. */
#include "config.h"

#include "pmod-message-pictures.h"

#include <glib/gi18n.h>

#include "pmod-picture-thumb.h"
#include "pmod-token-layout.h"

struct _PmodMessagePictures
{
  GtkWidget parent_instance;

  PmodMessage *message;
};

G_DEFINE_FINAL_TYPE (PmodMessagePictures, pmod_message_pictures, GTK_TYPE_WIDGET)

static void
show_cb (GtkWidget *button, gpointer user_data)
{
  PmodMessagePictures *self = user_data;
  guint index = 0;

  while ((button = gtk_widget_get_prev_sibling (button)))
    index++;
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-picture", "(uu)",
                              pmod_message_get_position (self->message), index);
}

static GtkWidget *
create_button (PmodMessagePictures *self, PmodPicture *picture)
{
  g_autofree char *label = g_strdup_printf (_ ("Look at %s"), pmod_picture_get_name (picture));
  GtkWidget *button = gtk_button_new ();

  gtk_button_set_child (GTK_BUTTON (button), pmod_picture_thumb_new (picture));
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_add_css_class (button, "picture");
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  -1);
  g_signal_connect_object (button, "clicked", G_CALLBACK (show_cb), self, 0);
  return button;
}

static void
pmod_message_pictures_dispose (GObject *object)
{
  GtkWidget *child;

  g_clear_object (&PMOD_MESSAGE_PICTURES (object)->message);

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_message_pictures_parent_class)->dispose (object);
}

static void
pmod_message_pictures_class_init (PmodMessagePicturesClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_pictures_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-pictures.ui");
  gtk_widget_class_set_layout_manager_type (widget_class, PMOD_TYPE_TOKEN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "messagepictures");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
pmod_message_pictures_init (PmodMessagePictures *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
pmod_message_pictures_add (GtkBox *box, PmodMessage *message)
{
  GPtrArray *pictures = pmod_message_get_pictures (message);
  PmodMessagePictures *self;

  if (!pictures)
    return;
  self = g_object_new (PMOD_TYPE_MESSAGE_PICTURES, NULL);
  self->message = g_object_ref (message);
  for (guint i = 0; i < pictures->len; i++)
    {
      GtkWidget *button = create_button (self, pictures->pdata[i]);

      pmod_token_layout_mark (button, TRUE, FALSE);
      gtk_widget_set_parent (button, GTK_WIDGET (self));
    }
  gtk_box_prepend (box, GTK_WIDGET (self));
}
