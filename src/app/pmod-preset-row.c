/* PmodPresetRow: see pmod-preset-row.h.
 *
 * The list shows which preset the settings are; where they are none of them, one more line says
 * so. It stands last, so that the places of the others stay. */
#include "config.h"

#include "pmod-preset-row.h"

#include <glib/gi18n.h>

#include "pmod-drop-down.h"

struct _PmodPresetRow
{
  AdwBin parent_instance;

  PmodTuning *tuning;
  PmodPresets *presets;
  GSignalGroup *signals;
  GListStore *own;     /* one GtkStringObject, or nothing */
  GListModel *entries; /* the presets, then own */
  gboolean updating;

  GtkDropDown *drop_down;
  GtkPopover *popover;
  GtkEditable *name;
  GtkWidget *rename;
  GtkWidget *delete;
  GtkLabel *failure;
  GtkLabel *problem;
};

enum
{
  PROP_TUNING = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodPresetRow, pmod_preset_row, ADW_TYPE_BIN)

/* --- Which it is ----------------------------------------------------------------------------- */

/* Both kinds of entries have a text. */
static char *
get_entry_text (GObject *entry, gpointer user_data)
{
  if (PMOD_IS_PRESET (entry))
    return g_strdup (pmod_preset_get_name (PMOD_PRESET (entry)));
  return g_strdup (gtk_string_object_get_string (GTK_STRING_OBJECT (entry)));
}

static guint
find_entry (PmodPresetRow *self, PmodPreset *preset)
{
  guint n_entries = g_list_model_get_n_items (self->entries);

  for (guint i = 0; i < n_entries; i++)
    {
      g_autoptr (GObject) entry = g_list_model_get_item (self->entries, i);

      if (preset ? entry == (gpointer)preset : GTK_IS_STRING_OBJECT (entry))
        return i;
    }
  return GTK_INVALID_LIST_POSITION;
}

/* (nullable) The list holds it. */
static PmodPreset *
get_saved (PmodPresetRow *self)
{
  GObject *entry = gtk_drop_down_get_selected_item (self->drop_down);

  return PMOD_IS_PRESET (entry) && pmod_preset_get_kind (PMOD_PRESET (entry)) == PMOD_PRESET_SAVED
             ? PMOD_PRESET (entry)
             : NULL;
}

static void
update (PmodPresetRow *self)
{
  PmodPreset *preset = pmod_presets_find (self->presets, self->tuning);
  gboolean has_own = g_list_model_get_n_items (G_LIST_MODEL (self->own)) > 0;

  self->updating = TRUE;
  if (!preset && !has_own)
    {
      g_autoptr (GtkStringObject) text = gtk_string_object_new (_ ("Own settings"));

      g_list_store_append (self->own, text);
    }
  gtk_drop_down_set_selected (self->drop_down, find_entry (self, preset));
  if (preset && has_own)
    g_list_store_remove_all (self->own);
  self->updating = FALSE;

  gtk_widget_set_sensitive (GTK_WIDGET (self), pmod_tuning_get_model (self->tuning) != NULL);
  gtk_widget_set_sensitive (self->delete, get_saved (self) != NULL);
}

static void
tuning_changed_cb (PmodPresetRow *self, guint change)
{
  if (change & PMOD_TUNING_ROUTING)
    update (self);
}

static void
selected_cb (PmodPresetRow *self)
{
  GObject *entry = gtk_drop_down_get_selected_item (self->drop_down);

  if (!self->updating && self->tuning && PMOD_IS_PRESET (entry))
    pmod_presets_apply (self->presets, PMOD_PRESET (entry), self->tuning);
}

static void
problem_changed_cb (PmodPresetRow *self)
{
  const char *problem = pmod_presets_get_problem (self->presets);

  gtk_label_set_label (self->problem, problem ? problem : "");
  gtk_widget_set_visible (GTK_WIDGET (self->problem), problem != NULL);
}

/* --- Keeping --------------------------------------------------------------------------------- */

static void
show_failure (PmodPresetRow *self, const GError *error)
{
  gtk_label_set_label (self->failure, error ? error->message : "");
  gtk_widget_set_visible (GTK_WIDGET (self->failure), error != NULL);
}

static void
popover_shown_cb (PmodPresetRow *self)
{
  PmodPreset *saved = get_saved (self);

  show_failure (self, NULL);
  gtk_editable_set_text (self->name, saved ? pmod_preset_get_name (saved) : "");
  gtk_widget_set_visible (self->rename, saved != NULL);
  gtk_widget_grab_focus (GTK_WIDGET (self->name));
}

/* The list is made anew under the drop-down, whose choice moves with it and means nothing then. */
static void
save_cb (PmodPresetRow *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPreset) preset = NULL;

  self->updating = TRUE;
  preset =
      pmod_presets_save (self->presets, gtk_editable_get_text (self->name), self->tuning, &error);
  update (self);
  show_failure (self, error);
  if (preset)
    gtk_popover_popdown (self->popover);
}

static void
rename_cb (PmodPresetRow *self)
{
  PmodPreset *saved = get_saved (self);
  g_autoptr (GError) error = NULL;

  self->updating = TRUE;
  if (saved &&
      pmod_presets_rename (self->presets, saved, gtk_editable_get_text (self->name), &error))
    gtk_popover_popdown (self->popover);
  update (self);
  show_failure (self, error);
}

/* The settings stay, as one's own: whoever did not mean it saves them again. */
static void
delete_cb (PmodPresetRow *self)
{
  PmodPreset *saved = get_saved (self);
  g_autoptr (GError) error = NULL;

  self->updating = TRUE;
  if (saved && !pmod_presets_delete (self->presets, saved, &error))
    {
      gtk_label_set_label (self->problem, error->message);
      gtk_widget_set_visible (GTK_WIDGET (self->problem), TRUE);
    }
  update (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_preset_row_dispose (GObject *object)
{
  PmodPresetRow *self = PMOD_PRESET_ROW (object);

  g_clear_object (&self->signals);
  g_clear_object (&self->tuning);
  g_clear_object (&self->entries);
  g_clear_object (&self->own);
  g_clear_object (&self->presets);

  G_OBJECT_CLASS (pmod_preset_row_parent_class)->dispose (object);
}

static void
pmod_preset_row_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_TUNING)
    g_value_set_object (value, PMOD_PRESET_ROW (object)->tuning);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
pmod_preset_row_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodPresetRow *self = PMOD_PRESET_ROW (object);

  switch (id)
    {
    case PROP_TUNING:
      if (!g_set_object (&self->tuning, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->tuning);
      if (self->tuning)
        update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_preset_row_class_init (PmodPresetRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_preset_row_dispose;
  object_class->get_property = pmod_preset_row_get_property;
  object_class->set_property = pmod_preset_row_set_property;

  props[PROP_TUNING] = g_param_spec_object ("tuning", NULL, NULL, PMOD_TYPE_TUNING, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-preset-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, drop_down);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, popover);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, name);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, rename);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, delete);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, failure);
  gtk_widget_class_bind_template_child (widget_class, PmodPresetRow, problem);
  gtk_widget_class_bind_template_callback (widget_class, selected_cb);
  gtk_widget_class_bind_template_callback (widget_class, popover_shown_cb);
  gtk_widget_class_bind_template_callback (widget_class, save_cb);
  gtk_widget_class_bind_template_callback (widget_class, rename_cb);
  gtk_widget_class_bind_template_callback (widget_class, delete_cb);
  gtk_widget_class_set_css_name (widget_class, "presetrow");
}

static void
pmod_preset_row_init (PmodPresetRow *self)
{
  g_autoptr (GListStore) lists = g_list_store_new (G_TYPE_LIST_MODEL);
  g_autoptr (GtkExpression) expression = gtk_cclosure_expression_new (
      G_TYPE_STRING, NULL, 0, NULL, G_CALLBACK (get_entry_text), NULL, NULL);

  self->updating = TRUE;
  self->presets = pmod_presets_new (NULL);
  self->own = g_list_store_new (GTK_TYPE_STRING_OBJECT);
  g_list_store_append (lists, pmod_presets_get_list (self->presets));
  g_list_store_append (lists, self->own);
  self->entries =
      G_LIST_MODEL (gtk_flatten_list_model_new (G_LIST_MODEL (g_steal_pointer (&lists))));
  self->signals = g_signal_group_new (PMOD_TYPE_TUNING);
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_drop_down_set_expression (self->drop_down, expression);
  gtk_drop_down_set_model (self->drop_down, self->entries);
  self->updating = FALSE;

  pmod_drop_down_set_name (GTK_WIDGET (self->drop_down), _ ("Preset"));
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (tuning_changed_cb), self);
  g_signal_connect_object (self->presets, "notify::problem", G_CALLBACK (problem_changed_cb), self,
                           G_CONNECT_SWAPPED);
  problem_changed_cb (self);
}
