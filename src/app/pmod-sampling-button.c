/* PmodSamplingButton: see pmod-sampling-button.h. */
#include "config.h"

#include "pmod-sampling-button.h"

#include <glib/gi18n.h>

#include "pmod-tuning.h"

struct _PmodSamplingButton
{
  AdwBin parent_instance;

  PmodTuning *tuning;
  GSignalGroup *signals;
  GBindingGroup *bindings;

  GtkMenuButton *button;
  GtkWidget *controls;
  GtkWidget *of_draws;
  GtkAdjustment *temperature;
  GtkAdjustment *top_p;
  GtkAdjustment *top_k;
  GtkAdjustment *seed;
  GtkAdjustment *longest;
  GtkLabel *summary;
};

enum
{
  PROP_TUNING = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodSamplingButton, pmod_sampling_button, ADW_TYPE_BIN)

/* Greedy, nothing has a say but the length. */
static void
update (PmodSamplingButton *self)
{
  gboolean there = self->tuning && pmod_tuning_get_model (self->tuning);
  double temperature = there ? pmod_tuning_get_temperature (self->tuning) : 0;

  gtk_widget_set_sensitive (self->controls, there);
  gtk_widget_set_sensitive (self->of_draws, temperature > 0);
  gtk_label_set_label (self->summary,
                       temperature > 0
                           ? _ ("Words are drawn by their chances. The same seed draws the same "
                                "answer.")
                           : _ ("Always the likeliest word: the same question has the same "
                                "answer."));
  if (temperature > 0)
    gtk_widget_add_css_class (GTK_WIDGET (self->button), "drawn");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->button), "drawn");
}

static void
reset_cb (PmodSamplingButton *self)
{
  if (self->tuning)
    pmod_tuning_reset_sampling (self->tuning);
}

/* One that nobody would think of. */
static void
new_seed_cb (PmodSamplingButton *self)
{
  if (self->tuning)
    pmod_tuning_set_sampling_seed (self->tuning, (guint64)g_random_int_range (1, 1000000));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_sampling_button_dispose (GObject *object)
{
  PmodSamplingButton *self = PMOD_SAMPLING_BUTTON (object);

  g_clear_object (&self->bindings);
  g_clear_object (&self->signals);
  g_clear_object (&self->tuning);

  G_OBJECT_CLASS (pmod_sampling_button_parent_class)->dispose (object);
}

static void
pmod_sampling_button_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSamplingButton *self = PMOD_SAMPLING_BUTTON (object);

  switch (id)
    {
    case PROP_TUNING:
      g_value_set_object (value, self->tuning);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_sampling_button_set_property (GObject *object,
                                   guint id,
                                   const GValue *value,
                                   GParamSpec *pspec)
{
  PmodSamplingButton *self = PMOD_SAMPLING_BUTTON (object);

  switch (id)
    {
    case PROP_TUNING:
      if (!g_set_object (&self->tuning, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->tuning);
      g_binding_group_set_source (self->bindings, self->tuning);
      update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_sampling_button_class_init (PmodSamplingButtonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_sampling_button_dispose;
  object_class->get_property = pmod_sampling_button_get_property;
  object_class->set_property = pmod_sampling_button_set_property;

  props[PROP_TUNING] = g_param_spec_object ("tuning", NULL, NULL, PMOD_TYPE_TUNING, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-sampling-button.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, button);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, controls);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, of_draws);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, temperature);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, top_p);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, top_k);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, seed);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, longest);
  gtk_widget_class_bind_template_child (widget_class, PmodSamplingButton, summary);
  gtk_widget_class_bind_template_callback (widget_class, reset_cb);
  gtk_widget_class_bind_template_callback (widget_class, new_seed_cb);
}

static void
pmod_sampling_button_init (PmodSamplingButton *self)
{
  GBindingFlags flags = G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE;

  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_TUNING);
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (update), self);
  self->bindings = g_binding_group_new ();
  g_binding_group_bind (self->bindings, "temperature", self->temperature, "value", flags);
  g_binding_group_bind (self->bindings, "top-p", self->top_p, "value", flags);
  g_binding_group_bind (self->bindings, "top-k", self->top_k, "value", flags);
  g_binding_group_bind (self->bindings, "sampling-seed", self->seed, "value", flags);
  g_binding_group_bind (self->bindings, "max-tokens", self->longest, "value", flags);
  update (self);
}
