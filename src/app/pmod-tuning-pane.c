/* PmodTuningPane: see pmod-tuning-pane.h.
 *
 * Controls are bound to the session's tuning; what is worked out from it (badge, cost, reasons) is
 * written anew with each of its changes. */
#include "config.h"

#include "pmod-tuning-pane.h"

#include <glib/gi18n.h>

#include "pmod-drop-down.h"
#include "pmod-format.h"
#include "pmod-meter-bar.h"
#include "pmod-policy-panel.h"
#include "pmod-preset-row.h"
#include "pmod-ratio-curve.h"
#include "pmod-slider-row.h"

/* Of a prompt around a question, where none was asked yet. */
#define USUAL_TEXT_TOKENS 24

struct _PmodTuningPane
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodTuning *tuning; /* the chat's session's */
  PmodSelection *selection;
  GSignalGroup *tuning_signals;
  GSignalGroup *selection_signals;
  GPtrArray *bindings; /* GBinding, of the tuning and the controls */

  GtkWidget *badge;
  GtkLabel *badge_label;
  GtkLabel *explanation;
  GtkWidget *reset;
  GtkLabel *caption;
  GtkDropDown *schedule;
  PmodSliderRow *factor;
  PmodSliderRow *upper;
  PmodSliderRow *lower;
  GtkDropDown *norm;
  PmodSliderRow *norm_scale;
  PmodSliderRow *norm_bias;
  GtkLabel *compute_label;
  PmodMeterBar *compute_bar;
  GtkLabel *kv_label;
  PmodMeterBar *kv_bar;
  GtkLabel *answer;
  GtkWidget *asks_again;
  PmodSliderRow *temperature;
  PmodSliderRow *top_p;
  GtkWidget *top_k;
  GtkWidget *sampling_seed;
  GtkWidget *max_tokens;
};

enum
{
  PROP_CHAT = 1,
  PROP_TUNING,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodTuningPane, pmod_tuning_pane, ADW_TYPE_BIN)

/* --- What follows from the settings ---------------------------------------------------------- */

static void
update_badge (PmodTuningPane *self, const char *refused)
{
  gboolean outside = pmod_tuning_get_outside_training (self->tuning);
  const char *explanation = _ ("The routing that this model learned with.");

  if (refused)
    explanation = refused;
  else if (self->chat && pmod_chat_get_read_only (self->chat))
    explanation = _ ("A saved run is shown, and its maps stay. What is set here is for the next "
                     "picture.");
  else if (outside)
    explanation = _ ("The model never ran like this in training. What comes out is a finding, not "
                     "what the model can do.");
  gtk_label_set_label (self->badge_label, refused   ? _ ("Cannot run")
                                          : outside ? _ ("Outside training: an experiment")
                                                    : _ ("As trained"));
  gtk_label_set_label (self->explanation, explanation);
  if (outside || refused)
    gtk_widget_add_css_class (self->badge, "experiment");
  else
    gtk_widget_remove_css_class (self->badge, "experiment");
  gtk_widget_set_sensitive (self->reset, outside);
}

static void
show_cost (
    GtkLabel *label, PmodMeterBar *bar, const char *name, double used, double dense, gboolean known)
{
  double share = known && dense > 0 ? used / dense : 0;
  g_autofree char *text =
      known ? g_strdup_printf (_ ("%.0f %% of dense"), 100 * share) : g_strdup (PMOD_FORMAT_NONE);

  gtk_label_set_label (label, text);
  pmod_meter_bar_set (bar, share, known ? 1 : 0);
  gtk_accessible_update_property (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

static char *
describe_cost (const PmodTuningCost *cost)
{
  return g_strdup_printf (_ ("Worked out before the run, for the picture and the question; an "
                             "answer adds to it. Paper rule: %.3g of %.3g GFLOPs. All work, the "
                             "vision tower included: %.3g of %.3g GFLOPs."),
                          cost->paper / 1e9, cost->paper_dense / 1e9, cost->all / 1e9,
                          cost->all_dense / 1e9);
}

/* Of the prompt that is on screen, else of a picture and a short question. */
static void
update_cost (PmodTuningPane *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *details = NULL;
  PmodTuningCost cost;
  gboolean known;

  if (run && pmod_run_get_n_vision (run) > 0)
    known = pmod_tuning_predict_run (self->tuning, run, &cost, &error);
  else
    known = pmod_tuning_predict (self->tuning, pmod_tuning_get_picture_tokens (self->tuning),
                                 USUAL_TEXT_TOKENS, 1, &cost, &error);
  show_cost (self->compute_label, self->compute_bar, _ ("Compute of the next run"), cost.paper,
             cost.paper_dense, known);
  show_cost (self->kv_label, self->kv_bar, _ ("KV cache of the next run"), cost.kv_bytes,
             cost.kv_bytes_dense, known);
  details = known ? describe_cost (&cost) : NULL;
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->compute_bar), details);
  update_badge (self, !known && pmod_tuning_get_model (self->tuning) ? error->message : NULL);
}

static void
update_caption (PmodTuningPane *self)
{
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;
  g_autofree char *text = NULL;

  if (pmod_tuning_get_n_layers (self->tuning) > 0)
    text = pmod_ratio_curve_describe (self->tuning, layer);
  gtk_label_set_label (self->caption, text ? text : "");
}

static void
update_reasons (PmodTuningPane *self)
{
  const char *no_bounds =
      pmod_tuning_uses_bounds (self->tuning) ? NULL : _ ("Only the two decays have bounds");

  pmod_slider_row_set_reason (self->factor, pmod_tuning_uses_factor (self->tuning)
                                                ? NULL
                                                : _ ("Dense: no layer is routed"));
  pmod_slider_row_set_reason (self->upper, no_bounds);
  pmod_slider_row_set_reason (self->lower, no_bounds);
}

/* The last message that is an answer. (transfer full) (nullable) */
static PmodMessage *
get_last_answer (PmodTuningPane *self)
{
  GListModel *messages = pmod_chat_get_messages (self->chat);
  guint n_messages = g_list_model_get_n_items (messages);
  g_autoptr (PmodMessage) message =
      n_messages > 0 ? g_list_model_get_item (messages, n_messages - 1) : NULL;

  return message && pmod_message_get_run (message) ? g_steal_pointer (&message) : NULL;
}

static void
update_answer (PmodTuningPane *self)
{
  g_autoptr (PmodMessage) message = self->chat ? get_last_answer (self) : NULL;
  const char *words = message ? pmod_message_get_text (message) : "";
  g_autofree char *text = NULL;

  if (!message)
    text = g_strdup (_ ("Nothing was asked yet."));
  else if (*words)
    text = g_strdup_printf (_ ("Answer: %s"), words);
  else
    text = g_strdup (_ ("Answer: none yet"));
  gtk_label_set_label (self->answer, text);
}

static void
update_marks (PmodTuningPane *self)
{
  PmodTuning *tuning = self->tuning;
  g_autoptr (PmodTuning) trained = pmod_tuning_copy (tuning);

  pmod_tuning_reset (trained);
  pmod_slider_row_set_mark (self->factor, pmod_tuning_get_factor (trained));
  pmod_slider_row_set_mark (self->upper, pmod_tuning_get_upper (trained));
  pmod_slider_row_set_mark (self->lower, pmod_tuning_get_lower (trained));
  pmod_slider_row_set_mark (self->norm_scale, pmod_tuning_get_norm_scale (trained));
  pmod_slider_row_set_mark (self->norm_bias, pmod_tuning_get_norm_bias (trained));
}

static void
tuning_changed_cb (PmodTuningPane *self, guint change)
{
  if (change & PMOD_TUNING_MODEL)
    update_marks (self);
  if (!(change & PMOD_TUNING_ROUTING))
    return;
  update_reasons (self);
  update_caption (self);
  update_cost (self);
}

static void
run_changed_cb (PmodTuningPane *self)
{
  if (!self->tuning)
    return;
  update_cost (self);
  update_answer (self);
}

static void
layer_changed_cb (PmodTuningPane *self)
{
  if (self->tuning)
    update_caption (self);
}

/* --- Controls -------------------------------------------------------------------------------- */

static void
reset_cb (PmodTuningPane *self)
{
  pmod_tuning_reset (self->tuning);
}

static void
reset_sampling_cb (PmodTuningPane *self)
{
  pmod_tuning_reset_sampling (self->tuning);
}

static void
sweep_cb (PmodTuningPane *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "win.sweep", NULL);
}

static void
bind (PmodTuningPane *self, const char *property, gpointer control, const char *value)
{
  g_ptr_array_add (self->bindings, g_object_ref (g_object_bind_property (
                                       self->tuning, property, control, value,
                                       G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE)));
}

static void
bind_row (PmodTuningPane *self, const char *property, PmodSliderRow *row)
{
  bind (self, property, pmod_slider_row_get_adjustment (row), "value");
}

static void
unbind (gpointer binding)
{
  g_binding_unbind (binding);
  g_object_unref (binding);
}

static void
bind_controls (PmodTuningPane *self)
{
  bind (self, "schedule", self->schedule, "selected");
  bind_row (self, "factor", self->factor);
  bind_row (self, "upper", self->upper);
  bind_row (self, "lower", self->lower);
  bind (self, "norm", self->norm, "selected");
  bind_row (self, "norm-scale", self->norm_scale);
  bind_row (self, "norm-bias", self->norm_bias);
  bind_row (self, "temperature", self->temperature);
  bind_row (self, "top-p", self->top_p);
  bind (self, "top-k", gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (self->top_k)), "value");
  bind (self, "sampling-seed",
        gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (self->sampling_seed)), "value");
  bind (self, "max-tokens", gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (self->max_tokens)),
        "value");
  g_ptr_array_add (self->bindings, g_object_ref (g_object_bind_property (
                                       self->chat, "asks-again", self->asks_again, "active",
                                       G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE)));
}

static void
set_chat (PmodTuningPane *self, PmodChat *chat)
{
  PmodTuning *tuning = chat ? pmod_session_get_tuning (pmod_chat_get_session (chat)) : NULL;
  GObject *object = G_OBJECT (self);

  if (self->chat)
    {
      g_signal_handlers_disconnect_by_func (pmod_chat_get_messages (self->chat), update_answer,
                                            self);
      g_signal_handlers_disconnect_by_func (self->chat, run_changed_cb, self);
    }
  if (!g_set_object (&self->chat, chat))
    return;
  g_ptr_array_set_size (self->bindings, 0);
  g_set_object (&self->tuning, tuning);
  g_signal_group_set_target (self->tuning_signals, self->tuning);
  g_object_notify_by_pspec (object, props[PROP_CHAT]);
  g_object_notify_by_pspec (object, props[PROP_TUNING]);
  if (!chat)
    return;
  g_signal_connect_object (pmod_chat_get_messages (chat), "items-changed",
                           G_CALLBACK (update_answer), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (run_changed_cb), self,
                           G_CONNECT_SWAPPED);
  bind_controls (self);
  tuning_changed_cb (self, PMOD_TUNING_MODEL | PMOD_TUNING_ROUTING);
  update_answer (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_tuning_pane_dispose (GObject *object)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  g_clear_pointer (&self->bindings, g_ptr_array_unref);
  g_clear_object (&self->tuning_signals);
  g_clear_object (&self->selection_signals);
  g_clear_object (&self->selection);
  g_clear_object (&self->tuning);
  g_clear_object (&self->chat);
  G_OBJECT_CLASS (pmod_tuning_pane_parent_class)->dispose (object);
}

static void
pmod_tuning_pane_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_TUNING:
      g_value_set_object (value, self->tuning);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_tuning_pane_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodTuningPane *self = PMOD_TUNING_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      set_chat (self, g_value_get_object (value));
      break;
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->selection_signals, self->selection);
      run_changed_cb (self);
      layer_changed_cb (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, badge);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, badge_label);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, explanation);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, reset);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, caption);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, schedule);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, factor);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, upper);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, lower);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, norm);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, norm_scale);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, norm_bias);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, compute_label);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, compute_bar);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, kv_label);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, kv_bar);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, answer);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, asks_again);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, temperature);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, top_p);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, top_k);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, sampling_seed);
  gtk_widget_class_bind_template_child (klass, PmodTuningPane, max_tokens);
  gtk_widget_class_bind_template_callback (klass, reset_cb);
  gtk_widget_class_bind_template_callback (klass, reset_sampling_cb);
  gtk_widget_class_bind_template_callback (klass, sweep_cb);
}

static void
pmod_tuning_pane_class_init (PmodTuningPaneClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_tuning_pane_dispose;
  object_class->get_property = pmod_tuning_pane_get_property;
  object_class->set_property = pmod_tuning_pane_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_TUNING] = g_param_spec_object ("tuning", NULL, NULL, PMOD_TYPE_TUNING,
                                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_POLICY_PANEL);
  g_type_ensure (PMOD_TYPE_METER_BAR);
  g_type_ensure (PMOD_TYPE_PRESET_ROW);
  g_type_ensure (PMOD_TYPE_RATIO_CURVE);
  g_type_ensure (PMOD_TYPE_SLIDER_ROW);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-tuning-pane.ui");
  bind_children (widget_class);
  gtk_widget_class_set_css_name (widget_class, "tuningpane");
}

static void
pmod_tuning_pane_init (PmodTuningPane *self)
{
  self->bindings = g_ptr_array_new_with_free_func (unbind);
  self->tuning_signals = g_signal_group_new (PMOD_TYPE_TUNING);
  self->selection_signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_slider_row_pass_wheel (self->top_k);
  pmod_slider_row_pass_wheel (self->sampling_seed);
  pmod_slider_row_pass_wheel (self->max_tokens);
  pmod_drop_down_set_name (GTK_WIDGET (self->schedule), _ ("Schedule"));
  pmod_drop_down_set_name (GTK_WIDGET (self->norm), _ ("Function of the routers"));
  g_signal_group_connect_swapped (self->tuning_signals, "changed", G_CALLBACK (tuning_changed_cb),
                                  self);
  g_signal_group_connect_swapped (self->selection_signals, "run-changed",
                                  G_CALLBACK (run_changed_cb), self);
  g_signal_group_connect_swapped (self->selection_signals, "notify::layer",
                                  G_CALLBACK (layer_changed_cb), self);
}
