/* PmodWelcome: see pmod-welcome.h. */
#include "config.h"

#include "pmod-welcome.h"

#include "pmod-picture.h"
#include "pmod-sample-button.h"

struct _PmodWelcome
{
  GtkWidget parent_instance;

  GtkFlowBox *samples;
};

G_DEFINE_FINAL_TYPE (PmodWelcome, pmod_welcome, GTK_TYPE_WIDGET)

static void
add_samples (PmodWelcome *self)
{
  g_autoptr (GListModel) samples = pmod_picture_list_samples ();

  for (guint i = 0; i < g_list_model_get_n_items (samples); i++)
    {
      g_autoptr (GFile) file = g_list_model_get_item (samples, i);
      GtkWidget *child;

      gtk_flow_box_append (self->samples, pmod_sample_button_new (file));
      child = GTK_WIDGET (gtk_flow_box_get_child_at_index (self->samples, (int)i));
      gtk_widget_set_focusable (child, FALSE);
    }
}

static void
pmod_welcome_dispose (GObject *object)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_welcome_parent_class)->dispose (object);
}

static void
pmod_welcome_class_init (PmodWelcomeClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_welcome_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-welcome.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodWelcome, samples);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
}

static void
pmod_welcome_init (PmodWelcome *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  add_samples (self);
}
