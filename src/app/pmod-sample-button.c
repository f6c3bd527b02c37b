/* PmodSampleButton: see pmod-sample-button.h. */
#include "config.h"

#include "pmod-sample-button.h"

#include <glib/gi18n.h>

#include "pmod-picture.h"

struct _PmodSampleButton
{
  GtkButton parent_instance;

  GtkPicture *thumbnail;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (PmodSampleButton, pmod_sample_button, GTK_TYPE_BUTTON)

/* A cancelled load may outlive the button: only then is it not touched. */
static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPicture) picture = pmod_picture_load_finish (result, &error);
  g_autoptr (GdkTexture) texture = NULL;
  GBytes *pixels;
  int width, height;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!picture)
    {
      gtk_widget_set_visible (GTK_WIDGET (user_data), FALSE);
      return;
    }
  pixels = pmod_picture_get_pixels (picture, &width, &height);
  texture = gdk_memory_texture_new (width, height, GDK_MEMORY_R8G8B8, pixels, (gsize)width * 3);
  gtk_picture_set_paintable (PMOD_SAMPLE_BUTTON (user_data)->thumbnail, GDK_PAINTABLE (texture));
}

static void
pmod_sample_button_dispose (GObject *object)
{
  PmodSampleButton *self = PMOD_SAMPLE_BUTTON (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);

  G_OBJECT_CLASS (pmod_sample_button_parent_class)->dispose (object);
}

static void
pmod_sample_button_class_init (PmodSampleButtonClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_sample_button_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-sample-button.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodSampleButton, thumbnail);
}

static void
pmod_sample_button_init (PmodSampleButton *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
}

GtkWidget *
pmod_sample_button_new (PmodSample *sample)
{
  PmodSampleButton *self = g_object_new (PMOD_TYPE_SAMPLE_BUTTON, NULL);
  GFile *file = pmod_sample_get_file (sample);
  const char *title = pmod_sample_get_title (sample);
  g_autofree char *uri = g_file_get_uri (file);
  g_autofree char *label = g_strdup_printf (_ ("Sample picture: %s"), title);

  gtk_widget_set_tooltip_text (GTK_WIDGET (self), title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_actionable_set_action_target (GTK_ACTIONABLE (self), "s", uri);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self), "win.open-uri");
  pmod_picture_load_file_async (file, self->cancellable, loaded_cb, self);
  return GTK_WIDGET (self);
}
