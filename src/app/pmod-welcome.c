/* PmodWelcome: see pmod-welcome.h. */
#include "config.h"

#include "pmod-welcome.h"

#include "pmod-sample-button.h"

#define N_COLUMNS 4 /* as many as fit into the narrowest window */

struct _PmodWelcome
{
  AdwBin parent_instance;

  GtkGrid *samples;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (PmodWelcome, pmod_welcome, ADW_TYPE_BIN)

/* A cancelled list may come after the widget is gone: only then is it not touched. */
static void
samples_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GListModel) samples = pmod_sample_list_finish (result, NULL);
  PmodWelcome *self = user_data;

  for (guint i = 0; samples && i < g_list_model_get_n_items (samples); i++)
    {
      g_autoptr (PmodSample) sample = g_list_model_get_item (samples, i);

      gtk_grid_attach (self->samples, pmod_sample_button_new (sample), (int)(i % N_COLUMNS),
                       (int)(i / N_COLUMNS), 1, 1);
    }
}

static void
pmod_welcome_dispose (GObject *object)
{
  PmodWelcome *self = PMOD_WELCOME (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);

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
}

static void
pmod_welcome_init (PmodWelcome *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
  pmod_sample_list_async (self->cancellable, samples_listed_cb, self);
}
