/* PmodFolderRow: see pmod-folder-row.h. */
#include "config.h"

#include "pmod-folder-row.h"

#include <glib/gi18n.h>

#include "pmod-store.h"

struct _PmodFolderRow
{
  GtkListBoxRow parent_instance;

  PmodFolder *folder; /* nullable */
  gboolean shown;
  GtkImage *icon;
  GtkLabel *name;
  GtkEditable *entry;
  GtkLabel *count;
  GtkMenuButton *menu;
};

G_DEFINE_FINAL_TYPE (PmodFolderRow, pmod_folder_row, GTK_TYPE_LIST_BOX_ROW)

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe (PmodFolderRow *self)
{
  guint n = self->folder ? pmod_folder_get_n_conversations (self->folder) : 0;

  if (!self->folder)
    return g_strdup (_ ("Folder: all conversations"));
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "Folder: %s, %u conversation",
                                       "Folder: %s, %u conversations", n),
                          pmod_folder_get_name (self->folder), n);
}

static void
update (PmodFolderRow *self)
{
  guint n = self->folder ? pmod_folder_get_n_conversations (self->folder) : 0;
  g_autofree char *count = n > 0 ? g_strdup_printf ("%u", n) : g_strdup ("");
  g_autofree char *what = describe (self);
  g_autofree char *name =
      self->shown ? g_strdup_printf (_ ("%s, shown now"), what) : g_strdup (what);

  gtk_label_set_label (self->name, self->folder ? pmod_folder_get_name (self->folder) : _ ("All"));
  gtk_label_set_label (self->count, count);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

/* --- Its name, in place ---------------------------------------------------------------------- */

static gboolean
is_editing (PmodFolderRow *self)
{
  return gtk_widget_get_visible (GTK_WIDGET (self->entry));
}

/* First back to the label, so that the entry's loss of the focus finds nothing to end. */
static void
end_editing (PmodFolderRow *self, gboolean keep)
{
  g_autofree char *name = g_strdup (gtk_editable_get_text (self->entry));

  if (!is_editing (self))
    return;
  gtk_widget_set_visible (GTK_WIDGET (self->entry), FALSE);
  if (keep)
    gtk_widget_activate_action (GTK_WIDGET (self), "folders.rename", "(xs)",
                                pmod_folder_row_get_id (self), name);
}

static void
entry_activate_cb (PmodFolderRow *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  end_editing (self, TRUE);
}

/* A window that is left, be it for a menu that closes, leaves the focus where it is. */
static void
entry_leave_cb (PmodFolderRow *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root ? gtk_root_get_focus (root) : NULL;

  if (!focus || !gtk_widget_is_ancestor (focus, GTK_WIDGET (self->entry)))
    end_editing (self, TRUE);
}

static gboolean
entry_key_cb (PmodFolderRow *self, guint keyval)
{
  if (keyval != GDK_KEY_Escape)
    return GDK_EVENT_PROPAGATE;
  end_editing (self, FALSE);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  return GDK_EVENT_STOP;
}

void
pmod_folder_row_edit (PmodFolderRow *self)
{
  g_return_if_fail (PMOD_IS_FOLDER_ROW (self));

  if (!self->folder || is_editing (self))
    return;
  gtk_editable_set_text (self->entry, pmod_folder_get_name (self->folder));
  gtk_widget_set_visible (GTK_WIDGET (self->entry), TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

/* --- Menu, keys, drops ----------------------------------------------------------------------- */

static void
rename_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_folder_row_edit (PMOD_FOLDER_ROW (widget));
}

static void
delete_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gint64 id = pmod_folder_row_get_id (PMOD_FOLDER_ROW (widget));

  if (id != 0)
    gtk_widget_activate_action (widget, "folders.delete", "x", id);
}

static void
menu_cb (PmodFolderRow *self)
{
  if (self->folder)
    gtk_menu_button_popup (self->menu);
}

static gboolean
popup_cb (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  menu_cb (PMOD_FOLDER_ROW (widget));
  return GDK_EVENT_STOP;
}

static gboolean
drop_cb (PmodFolderRow *self, const GValue *value)
{
  PmodStoreItem *item = g_value_get_object (value);

  if (pmod_store_item_get_folder (item) != pmod_folder_row_get_id (self))
    gtk_widget_activate_action (GTK_WIDGET (self), "folders.move", "(xx)",
                                pmod_store_item_get_id (item), pmod_folder_row_get_id (self));
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_folder_row_dispose (GObject *object)
{
  g_clear_object (&PMOD_FOLDER_ROW (object)->folder);

  G_OBJECT_CLASS (pmod_folder_row_parent_class)->dispose (object);
}

static void
pmod_folder_row_class_init (PmodFolderRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_folder_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-folder-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodFolderRow, icon);
  gtk_widget_class_bind_template_child (widget_class, PmodFolderRow, name);
  gtk_widget_class_bind_template_child (widget_class, PmodFolderRow, entry);
  gtk_widget_class_bind_template_child (widget_class, PmodFolderRow, count);
  gtk_widget_class_bind_template_child (widget_class, PmodFolderRow, menu);
  gtk_widget_class_bind_template_callback (widget_class, menu_cb);
  gtk_widget_class_bind_template_callback (widget_class, entry_activate_cb);
  gtk_widget_class_bind_template_callback (widget_class, entry_leave_cb);
  gtk_widget_class_bind_template_callback (widget_class, entry_key_cb);
  gtk_widget_class_install_action (widget_class, "folder.rename", NULL, rename_action);
  gtk_widget_class_install_action (widget_class, "folder.delete", NULL, delete_action);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_F2, 0, "folder.rename", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Delete, 0, "folder.delete", NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Menu, 0, popup_cb, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_F10, GDK_SHIFT_MASK, popup_cb, NULL);
}

static void
pmod_folder_row_init (PmodFolderRow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (PMOD_TYPE_STORE_ITEM, GDK_ACTION_MOVE);

  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_object (target, "drop", G_CALLBACK (drop_cb), self, G_CONNECT_SWAPPED);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}

GtkWidget *
pmod_folder_row_new (PmodFolder *folder)
{
  PmodFolderRow *self = g_object_new (PMOD_TYPE_FOLDER_ROW, NULL);

  gtk_widget_set_visible (GTK_WIDGET (self->menu), folder != NULL);
  gtk_image_set_from_icon_name (self->icon, folder ? "folder-symbolic" : "view-list-symbolic");
  if (folder)
    {
      self->folder = g_object_ref (folder);
      g_signal_connect_object (folder, "notify", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
    }
  update (self);
  return GTK_WIDGET (self);
}

gint64
pmod_folder_row_get_id (PmodFolderRow *self)
{
  g_return_val_if_fail (PMOD_IS_FOLDER_ROW (self), 0);
  return self->folder ? pmod_folder_get_id (self->folder) : 0;
}

void
pmod_folder_row_set_shown (PmodFolderRow *self, gboolean shown)
{
  g_return_if_fail (PMOD_IS_FOLDER_ROW (self));

  self->shown = shown;
  if (shown)
    gtk_widget_add_css_class (GTK_WIDGET (self), "shown");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "shown");
  update (self);
}
