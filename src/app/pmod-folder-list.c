/* PmodFolderList: see pmod-folder-list.h. */
#include "config.h"

#include "pmod-folder-list.h"

#include "pmod-folder-row.h"
#include "pmod-folder.h"

struct _PmodFolderList
{
  AdwBin parent_instance;

  PmodShelf *shelf;
  gint64 added; /* whose name is typed as soon as it is listed; 0: none */
  GtkListBox *list;
};

enum
{
  PROP_SHELF = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodFolderList, pmod_folder_list, ADW_TYPE_BIN)

/* --- Rows ------------------------------------------------------------------------------------ */

static PmodFolderRow *
find_row (PmodFolderList *self, gint64 id)
{
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  for (; child; child = gtk_widget_get_next_sibling (child))
    if (PMOD_IS_FOLDER_ROW (child) && pmod_folder_row_get_id (PMOD_FOLDER_ROW (child)) == id)
      return PMOD_FOLDER_ROW (child);
  return NULL;
}

/* The first of the list, which is no folder, stands for all conversations. */
static GtkWidget *
create_row (gpointer item, gpointer user_data)
{
  PmodFolderList *self = user_data;
  PmodFolder *folder = PMOD_IS_FOLDER (item) ? item : NULL;
  GtkWidget *row = pmod_folder_row_new (folder);

  pmod_folder_row_set_shown (PMOD_FOLDER_ROW (row), pmod_shelf_get_folder (self->shelf) ==
                                                        (folder ? pmod_folder_get_id (folder) : 0));
  return row;
}

static void
shown_cb (PmodFolderList *self)
{
  gint64 shown = pmod_shelf_get_folder (self->shelf);
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  for (; child; child = gtk_widget_get_next_sibling (child))
    if (PMOD_IS_FOLDER_ROW (child))
      pmod_folder_row_set_shown (PMOD_FOLDER_ROW (child),
                                 pmod_folder_row_get_id (PMOD_FOLDER_ROW (child)) == shown);
}

/* After the list box, which has made the rows. */
static void
folders_cb (PmodFolderList *self)
{
  GListModel *folders = pmod_shelf_get_folders (self->shelf);
  PmodFolderRow *added = self->added ? find_row (self, self->added) : NULL;

  gtk_widget_set_visible (GTK_WIDGET (self), g_list_model_get_n_items (folders) > 0);
  if (!added)
    return;
  self->added = 0;
  pmod_folder_row_edit (added);
}

static void
added_cb (PmodFolderList *self, gint64 id)
{
  self->added = id;
  folders_cb (self);
}

static void
row_activated_cb (PmodFolderList *self, GtkListBoxRow *row)
{
  pmod_shelf_set_folder (self->shelf, pmod_folder_row_get_id (PMOD_FOLDER_ROW (row)));
}

/* --- Actions of rows ------------------------------------------------------------------------- */

static void
rename_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  const char *name;
  gint64 id;

  g_variant_get (parameter, "(x&s)", &id, &name);
  pmod_shelf_rename_folder (PMOD_FOLDER_LIST (widget)->shelf, id, name);
}

/* Focus stays in the list: on the one before, which there always is. */
static void
delete_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  PmodFolderList *self = PMOD_FOLDER_LIST (widget);
  gint64 id = g_variant_get_int64 (parameter);
  PmodFolderRow *row = find_row (self, id);

  if (row)
    gtk_widget_grab_focus (gtk_widget_get_prev_sibling (GTK_WIDGET (row)));
  pmod_shelf_remove_folder (self->shelf, id);
}

static void
move_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  gint64 id, folder;

  g_variant_get (parameter, "(xx)", &id, &folder);
  pmod_shelf_move (PMOD_FOLDER_LIST (widget)->shelf, id, folder);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static GListModel *
make_model (PmodShelf *shelf)
{
  g_autoptr (GListStore) all = g_list_store_new (G_TYPE_OBJECT);
  g_autoptr (GObject) first = g_object_new (G_TYPE_OBJECT, NULL);
  GListStore *parts = g_list_store_new (G_TYPE_LIST_MODEL);

  g_list_store_append (all, first);
  g_list_store_append (parts, all);
  g_list_store_append (parts, pmod_shelf_get_folders (shelf));
  return G_LIST_MODEL (gtk_flatten_list_model_new (G_LIST_MODEL (parts)));
}

static void
set_shelf (PmodFolderList *self, PmodShelf *shelf)
{
  g_autoptr (GListModel) model = NULL;

  if (!shelf || self->shelf)
    return;
  self->shelf = g_object_ref (shelf);
  model = make_model (shelf);
  gtk_list_box_bind_model (self->list, model, create_row, self, NULL);
  g_signal_connect_object (model, "items-changed", G_CALLBACK (folders_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (shelf, "notify::folder", G_CALLBACK (shown_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (shelf, "folder-added", G_CALLBACK (added_cb), self, G_CONNECT_SWAPPED);
  folders_cb (self);
}

static void
pmod_folder_list_dispose (GObject *object)
{
  PmodFolderList *self = PMOD_FOLDER_LIST (object);

  if (self->list)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  self->list = NULL;
  g_clear_object (&self->shelf);

  G_OBJECT_CLASS (pmod_folder_list_parent_class)->dispose (object);
}

static void
pmod_folder_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_SHELF:
      g_value_set_object (value, PMOD_FOLDER_LIST (object)->shelf);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_folder_list_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_SHELF:
      set_shelf (PMOD_FOLDER_LIST (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_folder_list_class_init (PmodFolderListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_folder_list_dispose;
  object_class->get_property = pmod_folder_list_get_property;
  object_class->set_property = pmod_folder_list_set_property;

  props[PROP_SHELF] = g_param_spec_object ("shelf", NULL, NULL, PMOD_TYPE_SHELF,
                                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-folder-list.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodFolderList, list);
  gtk_widget_class_bind_template_callback (widget_class, row_activated_cb);
  gtk_widget_class_install_action (widget_class, "folders.rename", "(xs)", rename_action);
  gtk_widget_class_install_action (widget_class, "folders.delete", "x", delete_action);
  gtk_widget_class_install_action (widget_class, "folders.move", "(xx)", move_action);
}

static void
pmod_folder_list_init (PmodFolderList *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
