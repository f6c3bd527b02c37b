/* PmodMessagePictures: see pmod-message-pictures.h. */
#include "config.h"

#include "pmod-message-pictures.h"

#include <glib/gi18n.h>

#include "pmod-picture-thumb.h"
#include "pmod-token-layout.h"

struct _PmodMessagePictures
{
  GtkWidget parent_instance;
};

G_DEFINE_FINAL_TYPE (PmodMessagePictures, pmod_message_pictures, GTK_TYPE_WIDGET)

static void
pmod_message_pictures_dispose (GObject *object)
{
  GtkWidget *child;

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
  GtkWidget *self;

  if (!pictures)
    return;
  self = g_object_new (PMOD_TYPE_MESSAGE_PICTURES, NULL);
  for (guint i = 0; i < pictures->len; i++)
    {
      GtkWidget *thumb = pmod_picture_thumb_new (pictures->pdata[i]);

      pmod_token_layout_mark (thumb, TRUE, FALSE);
      gtk_widget_set_parent (thumb, self);
    }
  gtk_box_prepend (box, self);
}
