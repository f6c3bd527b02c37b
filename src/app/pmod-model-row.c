/* PmodModelRow: see pmod-model-row.h. */
#include "config.h"

#include "pmod-model-row.h"

#include <glib/gi18n.h>

#include "pmod-download-words.h"
#include "pmod-model-delete.h"

struct _PmodModelRow
{
  AdwExpanderRow parent_instance;

  PmodModelEntry *entry;
  PmodCatalog *catalog;
  PmodSession *session;
  PmodDownload *download; /* the window's */
  PmodDownload *check;    /* of this model's files; NULL until asked for */

  GtkImage *icon;
  GtkButton *button;
  GtkLabel *note;
  GtkGrid *sum;
  GtkLabel *verdict;
  GtkGrid *facts;
  GtkWidget *checking;
  GtkProgressBar *check_bar;
  GtkLabel *checked;
  GtkFlowBox *buttons;
};

G_DEFINE_FINAL_TYPE (PmodModelRow, pmod_model_row, ADW_TYPE_EXPANDER_ROW)

/* --- Words ----------------------------------------------------------------------------------- */

static char *
describe_parameters (guint64 n)
{
  if (n < 1000 * 1000)
    return g_strdup_printf (_ ("%.1f thousand parameters"), (double)n / 1e3);
  if (n < 1000 * 1000 * 1000)
    return g_strdup_printf (_ ("%.1f million parameters"), (double)n / 1e6);
  return g_strdup_printf (_ ("%.2f billion parameters"), (double)n / 1e9);
}

/* "A small model of drawings · 5.7 million parameters · 8 layers, 6 routed · 144 vision tokens" */
static char *
describe_shape (const PmodModelSheet *sheet)
{
  g_autofree char *parameters = describe_parameters (sheet->n_parameters);
  g_autofree char *layers =
      g_strdup_printf (_ ("%d layers, %d routed"), sheet->n_layers, sheet->n_routed);
  g_autofree char *vision =
      sheet->n_vision > 0
          ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%d vision token", "%d vision tokens",
                                          (gulong)sheet->n_vision),
                             sheet->n_vision)
          : g_strdup (_ ("no pictures"));

  return g_strjoin (" \302\267 ", parameters, layers, vision, sheet->about, NULL);
}

static char *
describe_fit (const PmodModelSheet *sheet)
{
  g_autofree char *needed = g_format_size (sheet->needed);
  g_autofree char *room = g_format_size (sheet->free);

  if (pmod_model_sheet_get_fit (sheet) == PMOD_FIT_YES)
    return g_strdup_printf (_ ("Fits: takes %s, %s are free"), needed, room);
  return g_strdup_printf (_ ("Does not fit: takes %s, only %s are free"), needed, room);
}

static gboolean
is_used (PmodModelRow *self)
{
  return pmod_catalog_is_used (self->catalog, self->entry);
}

static char *
describe_use (PmodModelRow *self)
{
  PmodModelCard *card = pmod_session_get_model (self->session);

  return g_strdup_printf (_ ("In use, in %s"), card->precision);
}

static char *
describe_unfinished (PmodModelRow *self)
{
  g_autofree char *there_text = NULL;
  g_autofree char *total_text = NULL;
  guint64 there, total;

  pmod_model_entry_get_bytes (self->entry, &there, &total);
  there_text = g_format_size (there);
  total_text = g_format_size (total);
  return g_strdup_printf (_ ("Not complete: %s of %s are there"), there_text, total_text);
}

static char *
describe (PmodModelRow *self)
{
  PmodModelSheet *sheet = pmod_model_entry_get_sheet (self->entry);
  g_autofree char *shape = NULL;
  g_autofree char *state = NULL;

  if (pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_UNFINISHED)
    return describe_unfinished (self);
  if (!sheet)
    return g_strdup (_ ("Reading\342\200\246"));
  if (sheet->error && !is_used (self))
    return g_strdup_printf (_ ("Cannot be used: %s"), sheet->error);
  state = is_used (self) ? describe_use (self) : describe_fit (sheet);
  if (sheet->error)
    return g_steal_pointer (&state);
  shape = describe_shape (sheet);
  return g_strdup_printf ("%s\n%s", shape, state);
}

/* --- The sum and the facts ---------------------------------------------------------------------
 */

static void
clear_grid (GtkGrid *grid)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (grid))))
    gtk_grid_remove (grid, child);
}

static GtkWidget *
new_label (const char *text, double xalign, const char *style)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), (float)xalign);
  gtk_label_set_yalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_widget_add_css_class (label, style);
  return label;
}

/* Read as one by who cannot see that they stand side by side. */
static void
relate (GtkWidget *value, GtkWidget *name)
{
  gtk_accessible_update_relation (GTK_ACCESSIBLE (value), GTK_ACCESSIBLE_RELATION_LABELLED_BY, name,
                                  NULL, -1);
}

static void
add_bytes (PmodModelRow *self, int row, const char *name, guint64 bytes, gboolean is_result)
{
  g_autofree char *text = g_format_size (bytes);
  GtkWidget *label = new_label (name, 0, is_result ? "heading" : "dim-label");
  GtkWidget *value = new_label (text, 1, "numeric");

  if (is_result)
    gtk_widget_add_css_class (value, "heading");
  gtk_grid_attach (self->sum, label, 0, row, 1, 1);
  gtk_grid_attach (self->sum, value, 1, row, 1, 1);
}

static void
update_sum (PmodModelRow *self, const PmodModelSheet *sheet)
{
  g_autofree char *weights = g_strdup_printf (_ ("Weights, in %s"), sheet->precision);
  g_autofree char *kv = g_strdup_printf (_ ("+ KV cache of all %d tokens"), sheet->context_length);
  g_autofree char *room = g_strdup_printf (_ ("Free on %s"), sheet->device);

  add_bytes (self, 0, weights, sheet->weights, FALSE);
  add_bytes (self, 1, kv, sheet->kv, FALSE);
  add_bytes (self, 2, _ ("+ Working memory"), sheet->scratch, FALSE);
  add_bytes (self, 3, _ ("= Needed"), sheet->needed, TRUE);
  add_bytes (self, 4, room, sheet->free, FALSE);
}

static void
add_fact (PmodModelRow *self, int *row, const char *name, const char *text)
{
  GtkWidget *label, *value;

  if (!text)
    return;
  label = new_label (name, 0, "dim-label");
  value = new_label (text, 0, "numeric");
  gtk_label_set_selectable (GTK_LABEL (value), TRUE);
  gtk_widget_set_hexpand (value, TRUE);
  relate (value, label);
  gtk_grid_attach (self->facts, label, 0, *row, 1, 1);
  gtk_grid_attach (self->facts, value, 1, (*row)++, 1, 1);
}

static char *
describe_tower (const PmodModelSheet *sheet)
{
  if (sheet->tower && !*sheet->tower)
    return g_strdup (_ ("none: the model takes no pictures"));
  return sheet->tower ? g_strdup (sheet->tower) : g_strdup (_ ("in the checkpoint"));
}

static void
update_facts (PmodModelRow *self, const PmodModelSheet *sheet)
{
  g_autofree char *disk = g_format_size (sheet->disk_bytes);
  g_autofree char *files =
      sheet->dtypes ? g_strdup_printf ("%s, %s", disk, sheet->dtypes) : g_strdup (disk);
  g_autofree char *pictures =
      sheet->n_vision > 0 ? g_strdup_printf (_ ("%d \303\227 %d pixels, %d vision tokens"),
                                             sheet->image_size, sheet->image_size, sheet->n_vision)
                          : NULL;
  g_autofree char *tower = sheet->error ? NULL : describe_tower (sheet);
  int row = 0;

  add_fact (self, &row, _ ("On the disk"), files);
  add_fact (self, &row, _ ("A tile"), pictures);
  add_fact (self, &row, _ ("Vision tower"), tower);
  add_fact (self, &row, _ ("Licence"), sheet->licence);
  add_fact (self, &row, _ ("From"), sheet->origin);
  add_fact (self, &row, _ ("Folder"), pmod_model_entry_get_path (self->entry));
}

/* What could be done about a model that does not fit. */
static const char *
find_advice (PmodModelRow *self, const PmodModelSheet *sheet)
{
  PmodModelCard *card = pmod_session_get_model (self->session);

  if (sheet->error || is_used (self) || pmod_model_sheet_get_fit (sheet) == PMOD_FIT_YES)
    return NULL;
  if (card && sheet->needed <= sheet->free + card->weight_bytes)
    return _ ("It fits once the model that is in use is unloaded.");
  if (pmod_model_sheet_get_fit (sheet) == PMOD_FIT_TIGHT)
    return _ ("The machine has that much, but other programs use it. Loading it anyway may make "
              "everything slow, or end this or another program. A short conversation needs less "
              "than the whole KV cache.");
  return _ ("The machine does not have that much.");
}

/* --- Buttons -----------------------------------------------------------------------------------
 */

static void
add_button (PmodModelRow *self, const char *label, const char *action, const char *target)
{
  GtkWidget *button = gtk_button_new_with_label (label);
  GtkWidget *child = gtk_flow_box_child_new ();
  g_autofree char *name =
      g_strdup_printf ("%s, %s", label, pmod_model_entry_get_name (self->entry));

  if (target)
    gtk_actionable_set_action_target (GTK_ACTIONABLE (button), "s", target);
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), action);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  gtk_widget_set_focusable (child, FALSE);
  gtk_flow_box_child_set_child (GTK_FLOW_BOX_CHILD (child), button);
  gtk_flow_box_append (self->buttons, child);
}

static void
update_buttons (PmodModelRow *self, const PmodModelSheet *sheet)
{
  const char *model = pmod_model_entry_get_model (self->entry);
  const char *path = pmod_model_entry_get_path (self->entry);
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->buttons))))
    gtk_flow_box_remove (self->buttons, child);
  if (is_used (self))
    add_button (self, _ ("Load Again"), "models.use", model);
  else if (sheet && pmod_model_sheet_get_fit (sheet) == PMOD_FIT_TIGHT)
    add_button (self, _ ("Load Anyway"), "models.use-anyway", model);
  if (pmod_model_entry_is_pulled (self->entry))
    {
      add_button (self, _ ("Verify"), "row.check", NULL);
      add_button (self, _ ("Repair"), "models.repair", path);
    }
  if (pmod_model_entry_is_own (self->entry))
    add_button (self, _ ("Delete\342\200\246"), "row.delete", NULL);
  if (pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_FOLDER && !is_used (self))
    add_button (self, _ ("Take Off the List"), "models.remove", path);
  gtk_widget_set_visible (GTK_WIDGET (self->buttons),
                          gtk_widget_get_first_child (GTK_WIDGET (self->buttons)) != NULL);
}

static const char *
get_button_label (PmodModelRow *self)
{
  if (pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_UNFINISHED)
    return _ ("Go On");
  return is_used (self) ? _ ("Unload") : _ ("Use");
}

static void
update_button (PmodModelRow *self, const PmodModelSheet *sheet)
{
  const char *label = get_button_label (self);
  g_autofree char *name =
      g_strdup_printf ("%s, %s", label, pmod_model_entry_get_name (self->entry));
  gboolean unfinished = pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_UNFINISHED;
  gboolean can = is_used (self) || (sheet && pmod_model_sheet_get_fit (sheet) == PMOD_FIT_YES);

  if (unfinished)
    can = !pmod_download_get_busy (self->download);
  gtk_button_set_label (self->button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  name, -1);
  gtk_widget_set_sensitive (GTK_WIDGET (self->button), can);
}

static const char *
get_icon (PmodModelRow *self, const PmodModelSheet *sheet)
{
  if (pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_UNFINISHED)
    return "folder-download-symbolic";
  if (is_used (self))
    return "object-select-symbolic";
  if (sheet && pmod_model_sheet_get_fit (sheet) != PMOD_FIT_YES)
    return "dialog-warning-symbolic";
  return "drive-harddisk-symbolic";
}

/* --- All of it ---------------------------------------------------------------------------------
 */

static void
set_text (GtkLabel *label, const char *text)
{
  gtk_label_set_label (label, text ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (label), text != NULL);
}

static void
update (PmodModelRow *self)
{
  PmodModelSheet *sheet = pmod_model_entry_get_sheet (self->entry);
  g_autofree char *subtitle = describe (self);
  g_autofree char *name =
      g_strdup_printf ("%s: %s", pmod_model_entry_get_name (self->entry), subtitle);

  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (self), subtitle);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  gtk_image_set_from_icon_name (self->icon, get_icon (self, sheet));
  update_button (self, sheet);
  update_buttons (self, sheet);
  clear_grid (self->sum);
  clear_grid (self->facts);
  gtk_widget_set_visible (GTK_WIDGET (self->sum), sheet && !sheet->error);
  set_text (self->note, sheet ? sheet->note : NULL);
  set_text (self->verdict, sheet ? find_advice (self, sheet) : NULL);
  if (sheet && !sheet->error)
    update_sum (self, sheet);
  if (sheet)
    update_facts (self, sheet);
}

/* --- Comparing with hashes ---------------------------------------------------------------------
 */

static void
check_changed_cb (PmodModelRow *self)
{
  gboolean busy = pmod_download_get_busy (self->check);
  g_autofree char *text = pmod_download_describe (self->check);

  gtk_widget_set_visible (self->checking, busy);
  gtk_progress_bar_set_fraction (self->check_bar,
                                 MAX (pmod_download_get_fraction (self->check), 0));
  set_text (self->checked, pmod_download_get_state (self->check) == PMOD_DOWNLOAD_STOPPED
                               ? _ ("Stopped before every file was compared.")
                               : text);
}

static void
check_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodModelRow *self = PMOD_MODEL_ROW (widget);

  if (!self->check)
    {
      self->check = pmod_download_new ();
      g_signal_connect_object (self->check, "changed", G_CALLBACK (check_changed_cb), self,
                               G_CONNECT_SWAPPED);
    }
  pmod_download_check (self->check, pmod_model_entry_get_path (self->entry));
}

static void
delete_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodModelRow *self = PMOD_MODEL_ROW (widget);

  pmod_model_delete_ask (GTK_WINDOW (gtk_widget_get_root (widget)), self->catalog, self->entry);
}

static void
stop_check_cb (PmodModelRow *self)
{
  pmod_download_stop (self->check);
}

static void
button_cb (PmodModelRow *self)
{
  if (pmod_model_entry_get_kind (self->entry) == PMOD_ENTRY_UNFINISHED)
    gtk_widget_activate_action (GTK_WIDGET (self), "models.repair", "s",
                                pmod_model_entry_get_path (self->entry));
  else if (is_used (self))
    gtk_widget_activate_action (GTK_WIDGET (self), "models.unload", NULL);
  else
    gtk_widget_activate_action (GTK_WIDGET (self), "models.use", "s",
                                pmod_model_entry_get_model (self->entry));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_model_row_dispose (GObject *object)
{
  PmodModelRow *self = PMOD_MODEL_ROW (object);

  g_clear_object (&self->check);
  g_clear_object (&self->download);
  g_clear_object (&self->session);
  g_clear_object (&self->catalog);
  g_clear_object (&self->entry);

  G_OBJECT_CLASS (pmod_model_row_parent_class)->dispose (object);
}

static void
pmod_model_row_class_init (PmodModelRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_model_row_dispose;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-model-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, icon);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, button);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, note);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, sum);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, verdict);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, facts);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, checking);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, check_bar);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, checked);
  gtk_widget_class_bind_template_child (widget_class, PmodModelRow, buttons);
  gtk_widget_class_bind_template_callback (widget_class, button_cb);
  gtk_widget_class_bind_template_callback (widget_class, stop_check_cb);
  gtk_widget_class_install_action (widget_class, "row.check", NULL, check_action);
  gtk_widget_class_install_action (widget_class, "row.delete", NULL, delete_action);
}

static void
pmod_model_row_init (PmodModelRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_model_row_new (PmodModelEntry *entry,
                    PmodCatalog *catalog,
                    PmodSession *session,
                    PmodDownload *download)
{
  PmodModelRow *self = g_object_new (PMOD_TYPE_MODEL_ROW, NULL);

  self->entry = g_object_ref (entry);
  self->catalog = g_object_ref (catalog);
  self->session = g_object_ref (session);
  self->download = g_object_ref (download);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), pmod_model_entry_get_name (entry));
  g_signal_connect_object (entry, "notify::sheet", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "notify::model", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (download, "notify::state", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}
