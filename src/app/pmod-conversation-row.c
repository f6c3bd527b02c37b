/* PmodConversationRow: see pmod-conversation-row.h. */
#include "config.h"

#include "pmod-conversation-row.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-folder.h"

struct _PmodConversationRow
{
  GtkListBoxRow parent_instance;

  PmodStoreItem *item;
  GListModel *folders;
  gboolean names_folder;
  gboolean shown;
  GtkLabel *title;
  GtkLabel *day;
  GtkLabel *excerpt;
  GtkMenuButton *menu;
};

G_DEFINE_FINAL_TYPE (PmodConversationRow, pmod_conversation_row, GTK_TYPE_LIST_BOX_ROW)

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe_day (gint64 created_us)
{
  g_autoptr (GDateTime) then = g_date_time_new_from_unix_local (created_us / G_TIME_SPAN_SECOND);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GDateTime) yesterday = g_date_time_add_days (now, -1);
  g_autofree char *day = NULL;
  g_autofree char *today = g_date_time_format (now, "%F");
  g_autofree char *before = g_date_time_format (yesterday, "%F");

  if (!then)
    return g_strdup ("");
  day = g_date_time_format (then, "%F");
  if (g_str_equal (day, today))
    return g_date_time_format (then, _ ("Today, %H:%M"));
  if (g_str_equal (day, before))
    return g_date_time_format (then, _ ("Yesterday, %H:%M"));
  if (g_date_time_compare (then, now) > 0)
    return g_date_time_format (then, _ ("%x, by a clock that was ahead"));
  return g_date_time_format (then, "%x");
}

/* What was found stands out. */
static char *
make_markup (const char *excerpt)
{
  g_autofree char *escaped = g_markup_escape_text (excerpt, -1);
  GString *markup = g_string_new (escaped);

  g_string_replace (markup, "\342\201\250", "<b>", 0);
  g_string_replace (markup, "\342\201\251", "</b>", 0);
  g_string_replace (markup, "\n", " ", 0);
  return g_string_free (markup, FALSE);
}

static void
update (PmodConversationRow *self)
{
  const char *title = pmod_store_item_get_title (self->item);
  const char *excerpt = pmod_store_item_get_excerpt (self->item);
  const char *folder = self->names_folder ? pmod_store_item_get_folder_name (self->item) : NULL;
  g_autofree char *day = describe_day (pmod_store_item_get_created_us (self->item));
  g_autofree char *markup = excerpt ? make_markup (excerpt) : NULL;
  g_autofree char *place = NULL;
  g_autofree char *name = NULL;

  gtk_label_set_label (self->title, title);
  place = folder ? g_strdup_printf ("%s \302\267 %s", day, folder) : g_strdup (day);
  gtk_label_set_label (self->day, place);
  gtk_widget_set_visible (GTK_WIDGET (self->excerpt), excerpt != NULL);
  if (excerpt && pango_parse_markup (markup, -1, 0, NULL, NULL, NULL, NULL))
    gtk_label_set_markup (self->excerpt, markup);
  else if (excerpt)
    gtk_label_set_text (self->excerpt, excerpt);
  name = g_strdup_printf (self->shown ? _ ("Conversation: %s, %s, shown now")
                                      : _ ("Conversation: %s, %s"),
                          title, place);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

/* --- Its menu -------------------------------------------------------------------------------- */

static void
append_entry (GMenu *menu, const char *label, const char *action, gint64 id)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);

  g_menu_item_set_action_and_target (item, action, "x", id);
  g_menu_append_item (menu, item);
}

static void
append_move (GMenu *menu, const char *label, gint64 id, gint64 folder)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);

  g_menu_item_set_action_and_target (item, "conversations.move", "(xx)", id, folder);
  g_menu_append_item (menu, item);
}

/* A name is no place for a mnemonic. */
static char *
escape_mnemonic (const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, "_", -1);

  return g_strjoinv ("__", parts);
}

/* Where it lies is left out. */
static GMenuModel *
make_folder_menu (PmodConversationRow *self)
{
  gint64 id = pmod_store_item_get_id (self->item);
  gint64 inside = pmod_store_item_get_folder (self->item);
  g_autoptr (GMenu) folders = g_menu_new ();
  g_autoptr (GMenu) others = g_menu_new ();
  GMenu *menu = g_menu_new ();

  for (guint i = 0; i < g_list_model_get_n_items (self->folders); i++)
    {
      g_autoptr (PmodFolder) folder = g_list_model_get_item (self->folders, i);
      g_autofree char *label = escape_mnemonic (pmod_folder_get_name (folder));

      if (pmod_folder_get_id (folder) != inside)
        append_move (folders, label, id, pmod_folder_get_id (folder));
    }
  if (inside != 0)
    append_move (others, _ ("_Out of the Folder"), id, 0);
  append_entry (others, _ ("_New Folder"), "conversations.new-folder", id);
  g_menu_append_section (menu, NULL, G_MENU_MODEL (folders));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (others));
  return G_MENU_MODEL (menu);
}

/* A long list has as many menus as were looked at. */
static void
create_menu (GtkMenuButton *button, gpointer user_data)
{
  PmodConversationRow *self = user_data;
  gint64 id = pmod_store_item_get_id (self->item);
  g_autoptr (GMenu) menu = g_menu_new ();
  g_autoptr (GMenuModel) folders = make_folder_menu (self);

  append_entry (menu, _ ("_Rename\342\200\246"), "conversations.rename", id);
  append_entry (menu, _ ("_Export as JSON\342\200\246"), "conversations.export-json", id);
  append_entry (menu, _ ("Export as _Markdown\342\200\246"), "conversations.export-markdown", id);
  g_menu_append_submenu (menu, _ ("Move _to"), folders);
  append_entry (menu, _ ("_Delete"), "conversations.delete", id);
  gtk_menu_button_set_menu_model (button, G_MENU_MODEL (menu));
}

static void
menu_cb (PmodConversationRow *self)
{
  gtk_menu_button_popup (self->menu);
}

static gboolean
activate_cb (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  PmodConversationRow *self = PMOD_CONVERSATION_ROW (widget);
  const char *action;

  g_variant_get (arguments, "(&s)", &action);
  gtk_widget_activate_action (widget, action, "x", pmod_store_item_get_id (self->item));
  return GDK_EVENT_STOP;
}

static gboolean
popup_cb (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  menu_cb (PMOD_CONVERSATION_ROW (widget));
  return GDK_EVENT_STOP;
}

/* --- Dragging -------------------------------------------------------------------------------- */

static GdkContentProvider *
drag_prepare_cb (PmodConversationRow *self)
{
  return gdk_content_provider_new_typed (PMOD_TYPE_STORE_ITEM, self->item);
}

static void
drag_begin_cb (PmodConversationRow *self, GdkDrag *drag, GtkDragSource *source)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (GTK_WIDGET (self));
  g_autoptr (GdkPaintable) now = gdk_paintable_get_current_image (paintable);

  gtk_drag_source_set_icon (source, now, 12, 12);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_conversation_row_dispose (GObject *object)
{
  g_clear_object (&PMOD_CONVERSATION_ROW (object)->item);
  g_clear_object (&PMOD_CONVERSATION_ROW (object)->folders);

  G_OBJECT_CLASS (pmod_conversation_row_parent_class)->dispose (object);
}

static void
pmod_conversation_row_class_init (PmodConversationRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_conversation_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-conversation-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodConversationRow, title);
  gtk_widget_class_bind_template_child (widget_class, PmodConversationRow, day);
  gtk_widget_class_bind_template_child (widget_class, PmodConversationRow, excerpt);
  gtk_widget_class_bind_template_child (widget_class, PmodConversationRow, menu);
  gtk_widget_class_bind_template_callback (widget_class, menu_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_prepare_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_begin_cb);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_F2, 0, activate_cb, "(s)",
                                "conversations.rename");
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Delete, 0, activate_cb, "(s)",
                                "conversations.delete");
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Menu, 0, popup_cb, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_F10, GDK_SHIFT_MASK, popup_cb, NULL);
}

static void
pmod_conversation_row_init (PmodConversationRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_create_popup_func (self->menu, create_menu, self, NULL);
}

GtkWidget *
pmod_conversation_row_new (PmodStoreItem *item, GListModel *folders, gboolean names_folder)
{
  PmodConversationRow *self = g_object_new (PMOD_TYPE_CONVERSATION_ROW, NULL);

  self->item = g_object_ref (item);
  self->folders = g_object_ref (folders);
  self->names_folder = names_folder;
  g_signal_connect_object (item, "notify::folder-name", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (item, "notify::title", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}

PmodStoreItem *
pmod_conversation_row_get_item (PmodConversationRow *self)
{
  g_return_val_if_fail (PMOD_IS_CONVERSATION_ROW (self), NULL);
  return self->item;
}

void
pmod_conversation_row_set_shown (PmodConversationRow *self, gboolean shown)
{
  g_return_if_fail (PMOD_IS_CONVERSATION_ROW (self));

  if (self->shown == shown)
    return;
  self->shown = shown;
  if (shown)
    gtk_widget_add_css_class (GTK_WIDGET (self), "shown");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "shown");
  update (self);
}
