/* PmodPolicyPanel: see pmod-policy-panel.h. */
#include "config.h"

#include "pmod-policy-panel.h"

#include <glib/gi18n.h>

#include "pmod-brush.h"
#include "pmod-comparison.h"
#include "pmod-drop-down.h"
#include "pmod-policy-names.h"
#include "pmod-presets.h"
#include "pmod-toasts.h"

/* The list of what to compare with. Presets are followed by settings that have no preset's name. */
enum
{
  OTHER_TRAINED,
  OTHER_DENSE,
  OTHER_QUESTION_FIRST,
  OTHER_POLICIES,
  OTHER_PRESETS = OTHER_POLICIES + PMOD_TUNING_N_POLICIES
};

struct _PmodPolicyPanel
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
  PmodTuning *tuning; /* these three are the chat's */
  PmodBrush *brush;
  PmodComparison *comparison;
  PmodPresets *presets;
  GPtrArray *shown_presets; /* PmodPreset, in the list of what to compare with */
  gboolean updating;        /* what the controls say comes from the objects, not from the user */
  GtkFileChooserNative *chooser;
  guint tick; /* an update in the next frame */

  GtkDropDown *policy;
  GtkLabel *explanation;
  GtkWidget *seed_row;
  GtkSpinButton *seed;
  GtkSwitch *question_first;
  GtkToggleButton *paint;
  GtkSpinButton *size;
  GtkDropDown *scope;
  GtkLabel *painted;
  GtkSwitch *compare;
  GtkDropDown *other;
};

enum
{
  PROP_CHAT = 1,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodPolicyPanel, pmod_policy_panel, ADW_TYPE_BIN)

/* --- What the controls show ------------------------------------------------------------------ */

/* How the painting fares in the layer that is looked at. */
static char *
describe_painted (PmodPolicyPanel *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int layer = pmod_selection_get_layer (self->selection);
  int n_vision = pmod_tuning_get_paint_size (self->tuning);
  PmodRunLayer info;
  int n_keep, n_skip;

  if (n_vision == 0)
    return g_strdup (_ ("Nothing is painted."));
  if (!run || !pmod_run_get_layer (run, layer, &info))
    return g_strdup_printf (_ ("Painted for pictures of %d parts."), n_vision);
  if (info.n_vision != n_vision)
    return g_strdup_printf (_ ("Painted for pictures of %d parts; this one has %d, and the router "
                               "chooses."),
                            n_vision, info.n_vision);
  if (!info.routed)
    return g_strdup_printf (_ ("Layer %d keeps every part, whatever is painted."), layer);
  n_keep = pmod_tuning_count_painted (self->tuning, layer, PMOD_TUNING_KEEP);
  n_skip = pmod_tuning_count_painted (self->tuning, layer, PMOD_TUNING_SKIP);
  if (n_keep > info.n_kept)
    return g_strdup_printf (_ ("Layer %d: %d painted to be kept, but its budget is %d. It keeps "
                               "those that the router scores highest."),
                            layer, n_keep, info.n_kept);
  if (n_skip > info.n_vision - info.n_kept)
    return g_strdup_printf (_ ("Layer %d: %d painted to be skipped, but it must keep %d of %d. It "
                               "skips those that the router scores lowest."),
                            layer, n_skip, info.n_kept, info.n_vision);
  return g_strdup_printf (
      _ ("Layer %d: %d painted to be kept, %d to be skipped; the router chooses "
         "the rest of its %d."),
      layer, n_keep, n_skip, info.n_kept);
}

static void
update_brush (PmodPolicyPanel *self)
{
  g_autofree char *painted = describe_painted (self);

  gtk_toggle_button_set_active (self->paint, pmod_brush_get_active (self->brush));
  gtk_spin_button_set_value (self->size, pmod_brush_get_size (self->brush));
  gtk_drop_down_set_selected (self->scope, pmod_brush_get_all_layers (self->brush) ? 0 : 1);
  gtk_label_set_label (self->painted, painted);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "paint.undo",
                                 pmod_tuning_can_undo_paint (self->tuning));
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "paint.redo",
                                 pmod_tuning_can_redo_paint (self->tuning));
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "paint.erase-all",
                                 pmod_tuning_get_paint_size (self->tuning) > 0);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "paint.save",
                                 pmod_tuning_get_paint_size (self->tuning) > 0);
}

/* As trained and dense stand first anyway. */
static GPtrArray *
list_presets (PmodPolicyPanel *self)
{
  GListModel *list = pmod_presets_get_list (self->presets);
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (PmodPreset) preset = g_list_model_get_item (list, i);
      PmodPresetKind kind = pmod_preset_get_kind (preset);

      if (kind != PMOD_PRESET_TRAINED && kind != PMOD_PRESET_DENSE)
        g_ptr_array_add (found, g_steal_pointer (&preset));
    }
  return found;
}

static guint
get_other (PmodPolicyPanel *self)
{
  const char *name = pmod_comparison_get_settings_name (self->comparison);

  switch (pmod_comparison_get_kind (self->comparison))
    {
    case PMOD_COMPARISON_TRAINED:
      return OTHER_TRAINED;
    case PMOD_COMPARISON_DENSE:
      return OTHER_DENSE;
    case PMOD_COMPARISON_QUESTION_FIRST:
      return OTHER_QUESTION_FIRST;
    case PMOD_COMPARISON_POLICY:
      return OTHER_POLICIES + (guint)pmod_comparison_get_policy (self->comparison);
    default:
      break;
    }
  for (guint i = 0; name && i < self->shown_presets->len; i++)
    if (g_str_equal (pmod_preset_get_name (g_ptr_array_index (self->shown_presets, i)), name))
      return OTHER_PRESETS + i;
  return OTHER_PRESETS + self->shown_presets->len;
}

/* What follows the policies: presets, then settings that have no preset's name. */
static void
update_others (PmodPolicyPanel *self)
{
  GtkStringList *list = GTK_STRING_LIST (gtk_drop_down_get_model (self->other));
  const char *name = pmod_comparison_get_settings_name (self->comparison);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) names = NULL;
  guint n = g_list_model_get_n_items (G_LIST_MODEL (list)) - OTHER_PRESETS;
  gboolean same;

  for (guint i = 0; i < self->shown_presets->len; i++)
    g_strv_builder_add (builder, pmod_preset_get_name (g_ptr_array_index (self->shown_presets, i)));
  if (pmod_comparison_has_settings (self->comparison) &&
      (!name || (pmod_comparison_get_kind (self->comparison) == PMOD_COMPARISON_SETTINGS &&
                 get_other (self) == OTHER_PRESETS + self->shown_presets->len)))
    g_strv_builder_add (builder, name ? name : _ ("Pinned settings"));
  names = g_strv_builder_end (builder);

  /* Only where something changed, so that an open list stays as it is. */
  same = n == g_strv_length (names);
  for (guint i = 0; same && i < n; i++)
    same = g_str_equal (gtk_string_list_get_string (list, OTHER_PRESETS + i), names[i]);
  if (!same)
    gtk_string_list_splice (list, OTHER_PRESETS, n, (const char *const *)names);
}

static void
update_comparison (PmodPolicyPanel *self)
{
  update_others (self);
  gtk_drop_down_set_selected (self->other, get_other (self));
  gtk_switch_set_active (self->compare, pmod_comparison_get_active (self->comparison));
}

static void
update (PmodPolicyPanel *self)
{
  PmodTuningPolicy policy;

  if (!self->tuning)
    return;
  self->updating = TRUE;
  policy = pmod_tuning_get_policy (self->tuning);
  gtk_drop_down_set_selected (self->policy, (guint)policy);
  gtk_label_set_label (self->explanation, pmod_policy_names_explain (policy));
  gtk_widget_set_visible (self->seed_row, policy == PMOD_TUNING_RANDOM);
  gtk_spin_button_set_value (self->seed, (double)pmod_tuning_get_seed (self->tuning));
  gtk_switch_set_active (self->question_first, pmod_tuning_get_question_first (self->tuning));
  update_brush (self);
  update_comparison (self);
  self->updating = FALSE;
}

/* --- What the user does ---------------------------------------------------------------------- */

static void
policy_chosen_cb (PmodPolicyPanel *self)
{
  guint chosen = gtk_drop_down_get_selected (self->policy);

  if (!self->updating && chosen < PMOD_TUNING_N_POLICIES)
    pmod_tuning_set_policy (self->tuning, (PmodTuningPolicy)chosen);
}

static gboolean
tick_cb (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (widget);

  self->tick = 0;
  update (self);
  return G_SOURCE_REMOVE;
}

/* A run says many things between two frames. */
static void
queue_update (PmodPolicyPanel *self)
{
  if (!self->tick)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), tick_cb, NULL, NULL);
}

static void
seed_changed_cb (PmodPolicyPanel *self)
{
  if (!self->updating)
    pmod_tuning_set_seed (self->tuning, (guint64)gtk_spin_button_get_value (self->seed));
}

static void
new_seed_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (widget);
  guint64 seed = pmod_tuning_get_seed (self->tuning);

  while (seed == pmod_tuning_get_seed (self->tuning))
    seed = (guint64)g_random_int_range (0, 1000000);
  pmod_tuning_set_seed (self->tuning, seed);
}

static void
question_first_cb (PmodPolicyPanel *self)
{
  if (!self->updating)
    pmod_tuning_set_question_first (self->tuning, gtk_switch_get_active (self->question_first));
}

static void
compare_question_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (widget);

  pmod_comparison_set_kind (self->comparison, PMOD_COMPARISON_QUESTION_FIRST);
  pmod_comparison_set_active (self->comparison, TRUE);
}

static void
brush_cb (PmodPolicyPanel *self)
{
  if (self->updating)
    return;
  pmod_brush_set_active (self->brush, gtk_toggle_button_get_active (self->paint));
  pmod_brush_set_size (self->brush, gtk_spin_button_get_value_as_int (self->size));
  pmod_brush_set_all_layers (self->brush, gtk_drop_down_get_selected (self->scope) == 0);
}

static void
undo_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_tuning_undo_paint (PMOD_POLICY_PANEL (widget)->tuning);
}

static void
redo_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_tuning_redo_paint (PMOD_POLICY_PANEL (widget)->tuning);
}

static void
erase_all_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_tuning_erase_all (PMOD_POLICY_PANEL (widget)->tuning);
}

static void
compare_cb (PmodPolicyPanel *self)
{
  if (!self->updating)
    pmod_comparison_set_active (self->comparison, gtk_switch_get_active (self->compare));
}

/* What is not said by a preset, as how words are chosen, is A's. */
static void
choose_preset (PmodPolicyPanel *self, PmodPreset *preset)
{
  g_autoptr (PmodTuning) settings = pmod_tuning_copy (self->tuning);

  pmod_presets_apply (self->presets, preset, settings);
  pmod_comparison_set_settings (self->comparison, settings, pmod_preset_get_name (preset));
}

/* Whoever comes to the list finds what was saved since. */
static void
other_entered_cb (PmodPolicyPanel *self)
{
  g_clear_object (&self->presets);
  g_clear_pointer (&self->shown_presets, g_ptr_array_unref);
  self->presets = pmod_presets_new (NULL);
  self->shown_presets = list_presets (self);
  update (self);
}

static void
other_chosen_cb (PmodPolicyPanel *self)
{
  guint chosen = gtk_drop_down_get_selected (self->other);

  if (self->updating || chosen == GTK_INVALID_LIST_POSITION)
    return;
  if (chosen == OTHER_TRAINED)
    pmod_comparison_set_kind (self->comparison, PMOD_COMPARISON_TRAINED);
  else if (chosen == OTHER_DENSE)
    pmod_comparison_set_kind (self->comparison, PMOD_COMPARISON_DENSE);
  else if (chosen == OTHER_QUESTION_FIRST)
    pmod_comparison_set_kind (self->comparison, PMOD_COMPARISON_QUESTION_FIRST);
  else if (chosen >= OTHER_PRESETS + self->shown_presets->len)
    pmod_comparison_set_kind (self->comparison, PMOD_COMPARISON_SETTINGS);
  else if (chosen >= OTHER_PRESETS)
    choose_preset (self, g_ptr_array_index (self->shown_presets, chosen - OTHER_PRESETS));
  else
    pmod_comparison_set_policy (self->comparison, (PmodTuningPolicy)(chosen - OTHER_POLICIES));
}

static void
pin_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (widget);

  pmod_comparison_set_settings (self->comparison, self->tuning, NULL);
}

/* --- Files ----------------------------------------------------------------------------------- */

static void
tell_problem (PmodPolicyPanel *self, const char *title, const char *message)
{
  pmod_toasts_show (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), title, message);
}

static void
file_chosen_cb (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PmodPolicyPanel *self = user_data;
  GtkFileChooser *chooser = GTK_FILE_CHOOSER (dialog);
  gboolean saves = gtk_file_chooser_get_action (chooser) == GTK_FILE_CHOOSER_ACTION_SAVE;
  g_autoptr (GFile) file = gtk_file_chooser_get_file (chooser);
  const char *path = file ? g_file_peek_path (file) : NULL;
  g_autoptr (GError) error = NULL;

  if (response == GTK_RESPONSE_ACCEPT && path)
    {
      if (saves ? !pmod_tuning_save_paint (self->tuning, path, &error)
                : !pmod_tuning_load_paint (self->tuning, path, &error))
        tell_problem (self, saves ? _ ("The painting was not saved") : _ ("This is no painting"),
                      error->message);
    }
  g_clear_object (&self->chooser);
}

static void
file_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (widget);
  gboolean saves = g_str_equal (name, "paint.save");

  if (self->chooser)
    return;
  self->chooser = gtk_file_chooser_native_new (
      saves ? _ ("Save the Painting") : _ ("Open a Painting"),
      GTK_WINDOW (gtk_widget_get_root (widget)),
      saves ? GTK_FILE_CHOOSER_ACTION_SAVE : GTK_FILE_CHOOSER_ACTION_OPEN,
      saves ? _ ("_Save") : _ ("_Open"), _ ("_Cancel"));
  if (saves)
    gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (self->chooser), _ ("painting.json"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (file_chosen_cb), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
set_up (PmodPolicyPanel *self)
{
  static const char *const of_brush[] = { "notify::active", "notify::size", "notify::all-layers" };

  if (!self->chat || !self->selection || self->tuning)
    return;
  self->tuning = pmod_session_get_tuning (pmod_chat_get_session (self->chat));
  self->brush = pmod_brush_get (self->chat);
  self->comparison = pmod_comparison_get (self->chat);
  g_signal_connect_object (self->tuning, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  for (gsize i = 0; i < G_N_ELEMENTS (of_brush); i++)
    g_signal_connect_object (self->brush, of_brush[i], G_CALLBACK (update), self,
                             G_CONNECT_SWAPPED);
  g_signal_connect_object (self->comparison, "notify::active", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->comparison, "changed", G_CALLBACK (queue_update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "notify::layer", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "run-changed", G_CALLBACK (queue_update), self,
                           G_CONNECT_SWAPPED);
  update (self);
}

static void
pmod_policy_panel_dispose (GObject *object)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (object);

  if (self->chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  if (self->tick)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  self->tuning = NULL;
  g_clear_object (&self->presets);
  g_clear_pointer (&self->shown_presets, g_ptr_array_unref);
  g_clear_object (&self->selection);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_policy_panel_parent_class)->dispose (object);
}

static void
pmod_policy_panel_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_policy_panel_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodPolicyPanel *self = PMOD_POLICY_PANEL (object);

  switch (id)
    {
    case PROP_CHAT:
      if (g_set_object (&self->chat, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_SELECTION:
      if (g_set_object (&self->selection, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
  set_up (self);
}

static void
install_actions (GtkWidgetClass *klass)
{
  gtk_widget_class_install_action (klass, "policy.new-seed", NULL, new_seed_action);
  gtk_widget_class_install_action (klass, "policy.compare-question", NULL, compare_question_action);
  gtk_widget_class_install_action (klass, "policy.pin", NULL, pin_action);
  gtk_widget_class_install_action (klass, "paint.undo", NULL, undo_action);
  gtk_widget_class_install_action (klass, "paint.redo", NULL, redo_action);
  gtk_widget_class_install_action (klass, "paint.erase-all", NULL, erase_all_action);
  gtk_widget_class_install_action (klass, "paint.open", NULL, file_action);
  gtk_widget_class_install_action (klass, "paint.save", NULL, file_action);
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_set_template_from_resource (klass,
                                               "/io/github/strata/Strata/pmod-policy-panel.ui");
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, policy);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, explanation);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, seed_row);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, seed);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, question_first);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, paint);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, size);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, scope);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, painted);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, compare);
  gtk_widget_class_bind_template_child (klass, PmodPolicyPanel, other);
  gtk_widget_class_bind_template_callback (klass, policy_chosen_cb);
  gtk_widget_class_bind_template_callback (klass, seed_changed_cb);
  gtk_widget_class_bind_template_callback (klass, question_first_cb);
  gtk_widget_class_bind_template_callback (klass, brush_cb);
  gtk_widget_class_bind_template_callback (klass, compare_cb);
  gtk_widget_class_bind_template_callback (klass, other_chosen_cb);
  gtk_widget_class_bind_template_callback (klass, other_entered_cb);
}

static void
pmod_policy_panel_class_init (PmodPolicyPanelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_policy_panel_dispose;
  object_class->get_property = pmod_policy_panel_get_property;
  object_class->set_property = pmod_policy_panel_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  install_actions (widget_class);
  bind_children (widget_class);
  gtk_widget_class_set_css_name (widget_class, "policypanel");
}

static void
fill_lists (PmodPolicyPanel *self)
{
  g_autoptr (GtkStringList) policies = gtk_string_list_new (NULL);
  g_autoptr (GtkStringList) others = gtk_string_list_new (NULL);

  gtk_string_list_append (others, _ ("As trained"));
  gtk_string_list_append (others, _ ("Dense: nothing skipped"));
  gtk_string_list_append (others, _ ("The other order of words and picture"));
  for (int i = 0; i < PMOD_TUNING_N_POLICIES; i++)
    {
      gtk_string_list_append (policies, pmod_policy_names_get ((PmodTuningPolicy)i));
      gtk_string_list_append (others, pmod_policy_names_get ((PmodTuningPolicy)i));
    }
  gtk_drop_down_set_model (self->policy, G_LIST_MODEL (policies));
  gtk_drop_down_set_model (self->other, G_LIST_MODEL (others));
}

static void
pmod_policy_panel_init (PmodPolicyPanel *self)
{
  self->updating = TRUE;
  gtk_widget_init_template (GTK_WIDGET (self));
  self->presets = pmod_presets_new (NULL);
  self->shown_presets = list_presets (self);
  fill_lists (self);
  pmod_drop_down_set_name (GTK_WIDGET (self->policy), _ ("Who chooses what is kept"));
  pmod_drop_down_set_name (GTK_WIDGET (self->scope), _ ("Which layers the brush paints"));
  pmod_drop_down_set_name (GTK_WIDGET (self->other), _ ("What to compare with"));
  self->updating = FALSE;
}
