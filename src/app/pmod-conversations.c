/* PmodConversations: see pmod-conversations.h. */
#include "config.h"

#include "pmod-conversations.h"

#include <glib/gi18n.h>

#include "pmod-conversation-row.h"
#include "pmod-folder-list.h"
#include "pmod-preferences.h"
#include "pmod-shelf.h"
#include "pmod-toasts.h"

struct _PmodConversations
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodShelf *shelf;
  GtkFileChooserNative *chooser; /* while it is open */
  gint64 chosen;                 /* what is exported */
  gboolean markdown;

  GtkRevealer *problem;
  GtkLabel *problem_label;
  AdwToastOverlay *toasts;
  AdwFlap *flap;
  GtkEditable *search;
  GtkWidget *folders;
  GtkListBox *list;
  GtkLabel *nothing;
};

enum
{
  PROP_CHAT = 1,
  PROP_CONTENT,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodConversations, pmod_conversations, ADW_TYPE_BIN)

/* --- What the shelf says --------------------------------------------------------------------- */

static void
remarked_cb (PmodConversations *self, const char *title)
{
  adw_toast_overlay_add_toast (self->toasts, pmod_toasts_new (title));
}

static void
failed_cb (PmodConversations *self, const char *title, const char *message)
{
  AdwToast *toast = pmod_toasts_new (title);

  adw_toast_set_button_label (toast, _ ("Why?"));
  adw_toast_set_action_name (toast, "win.explain");
  adw_toast_set_action_target (toast, "(ss)", title, message);
  adw_toast_set_timeout (toast, 10);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
deleted_cb (PmodConversations *self, gint64 id)
{
  AdwToast *toast = pmod_toasts_new (_ ("The conversation was deleted"));

  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_action_name (toast, "conversations.undo-delete");
  adw_toast_set_action_target (toast, "x", id);
  adw_toast_set_timeout (toast, 10);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
folder_removed_cb (PmodConversations *self, gint64 id)
{
  AdwToast *toast = pmod_toasts_new (_ ("Folder deleted"));

  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_action_name (toast, "conversations.undo-remove-folder");
  adw_toast_set_action_target (toast, "x", id);
  adw_toast_set_timeout (toast, 10);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
problem_cb (PmodConversations *self)
{
  PmodStore *store = pmod_keeper_get_store (pmod_shelf_get_keeper (self->shelf));
  const char *problem = pmod_store_get_problem (store);
  g_autofree char *text = problem ? g_strdup_printf (_ ("Not saved: %s"), problem) : NULL;

  if (text)
    gtk_label_set_label (self->problem_label, text);
  gtk_revealer_set_reveal_child (self->problem, text != NULL);
}

/* --- The list -------------------------------------------------------------------------------- */

static GtkWidget *
create_row (gpointer item, gpointer user_data)
{
  PmodConversations *self = user_data;
  gboolean all = pmod_shelf_get_folder (self->shelf) == 0;
  GtkWidget *row = pmod_conversation_row_new (item, pmod_shelf_get_folders (self->shelf), all);

  pmod_conversation_row_set_shown (
      PMOD_CONVERSATION_ROW (row),
      pmod_store_item_get_id (item) ==
          pmod_keeper_get_conversation (pmod_shelf_get_keeper (self->shelf)));
  return row;
}

static void
list_cb (PmodConversations *self)
{
  gboolean searching = *pmod_shelf_get_words (self->shelf) != '\0';

  gtk_label_set_label (
      self->nothing, searching ? _ ("No conversation has these words")
                     : pmod_shelf_get_folder (self->shelf) != 0
                         ? _ ("Nothing is in this folder yet: drag a conversation here, or use its "
                              "menu")
                     : pmod_keeper_get_keeps (pmod_shelf_get_keeper (self->shelf))
                         ? _ ("What you ask is kept here")
                         : _ ("Nothing is kept, as you prefer"));
  gtk_list_box_bind_model (self->list, pmod_shelf_get_list (self->shelf), create_row, self, NULL);
}

static void
shown_cb (PmodConversations *self)
{
  gint64 shown = pmod_keeper_get_conversation (pmod_shelf_get_keeper (self->shelf));
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  for (; child; child = gtk_widget_get_next_sibling (child))
    if (PMOD_IS_CONVERSATION_ROW (child))
      {
        PmodConversationRow *row = PMOD_CONVERSATION_ROW (child);
        gint64 id = pmod_store_item_get_id (pmod_conversation_row_get_item (row));

        pmod_conversation_row_set_shown (row, id == shown);
      }
}

/* Where the list covers the picture, it has served. */
static void
row_activated_cb (PmodConversations *self, GtkListBoxRow *row)
{
  PmodStoreItem *item = pmod_conversation_row_get_item (PMOD_CONVERSATION_ROW (row));

  pmod_shelf_open_at (self->shelf, pmod_store_item_get_id (item),
                      pmod_store_item_get_message (item));
  if (adw_flap_get_folded (self->flap))
    adw_flap_set_reveal_flap (self->flap, FALSE);
}

static void
search_cb (PmodConversations *self)
{
  if (self->shelf)
    pmod_shelf_set_words (self->shelf, gtk_editable_get_text (self->search));
}

static void
stop_search_cb (PmodConversations *self)
{
  if (*gtk_editable_get_text (self->search) != '\0')
    gtk_editable_set_text (self->search, "");
  else
    adw_flap_set_reveal_flap (self->flap, FALSE);
}

static void
revealed_cb (PmodConversations *self)
{
  if (adw_flap_get_reveal_flap (self->flap))
    gtk_widget_grab_focus (GTK_WIDGET (self->search));
}

static void
open_newest_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_shelf_open_newest (PMOD_CONVERSATIONS (widget)->shelf);
}

/* --- What can be done with one --------------------------------------------------------------- */

static const char *
find_title (PmodConversations *self, gint64 id)
{
  GListModel *list = pmod_shelf_get_list (self->shelf);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (PmodStoreItem) item = g_list_model_get_item (list, i);

      if (pmod_store_item_get_id (item) == id)
        return pmod_store_item_get_title (item); /* the list holds it */
    }
  return "";
}

static void
renamed_cb (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  PmodConversations *self = user_data;
  GtkEditable *entry = GTK_EDITABLE (adw_message_dialog_get_extra_child (dialog));
  gint64 *id = g_object_get_data (G_OBJECT (dialog), "conversation");

  if (g_str_equal (response, "rename") && self->shelf)
    pmod_shelf_rename (self->shelf, *id, gtk_editable_get_text (entry));
}

static void
rename_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodConversations *self = PMOD_CONVERSATIONS (widget);
  gint64 id = g_variant_get_int64 (parameter);
  GtkWidget *entry = gtk_entry_new ();
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
      GTK_WINDOW (gtk_widget_get_root (widget)), _ ("Rename the Conversation"), NULL));

  gtk_editable_set_text (GTK_EDITABLE (entry), find_title (self, id));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Title"), -1);
  adw_message_dialog_set_extra_child (dialog, entry);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "rename", _ ("_Rename"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "rename", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "rename");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_object_set_data_full (G_OBJECT (dialog), "conversation", g_memdup2 (&id, sizeof id), g_free);
  g_signal_connect_object (dialog, "response", G_CALLBACK (renamed_cb), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}

/* Focus stays in the list: on the next one, else on the search. */
static void
delete_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodConversations *self = PMOD_CONVERSATIONS (widget);
  GtkWidget *focus = gtk_root_get_focus (gtk_widget_get_root (widget));
  GtkWidget *row = focus ? gtk_widget_get_ancestor (focus, PMOD_TYPE_CONVERSATION_ROW) : NULL;
  GtkWidget *next = row ? gtk_widget_get_next_sibling (row) : NULL;

  if (row && !next)
    next = gtk_widget_get_prev_sibling (row);
  if (row)
    gtk_widget_grab_focus (PMOD_IS_CONVERSATION_ROW (next) ? next : GTK_WIDGET (self->search));
  pmod_shelf_delete (self->shelf, g_variant_get_int64 (parameter));
}

static void
undo_delete_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_shelf_undo_delete (PMOD_CONVERSATIONS (widget)->shelf, g_variant_get_int64 (parameter));
}

/* --- Folders --------------------------------------------------------------------------------- */

static void
move_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gint64 id, folder;

  g_variant_get (parameter, "(xx)", &id, &folder);
  pmod_shelf_move (PMOD_CONVERSATIONS (widget)->shelf, id, folder);
}

/* Its name can be typed as soon as it is there. */
static void
new_folder_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_shelf_add_folder (PMOD_CONVERSATIONS (widget)->shelf, _ ("New Folder"),
                         g_variant_get_int64 (parameter));
}

static void
undo_remove_folder_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_shelf_undo_remove_folder (PMOD_CONVERSATIONS (widget)->shelf,
                                 g_variant_get_int64 (parameter));
}

/* --- Files ----------------------------------------------------------------------------------- */

static void
chosen_cb (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PmodConversations *self = user_data;
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  gboolean saves =
      gtk_file_chooser_get_action (GTK_FILE_CHOOSER (dialog)) == GTK_FILE_CHOOSER_ACTION_SAVE;

  g_clear_object (&self->chooser);
  if (response != GTK_RESPONSE_ACCEPT || !file)
    return;
  if (saves)
    pmod_shelf_export (self->shelf, self->chosen, self->markdown, file);
  else
    pmod_shelf_import (self->shelf, file);
}

static void
choose (PmodConversations *self, GtkFileChooserAction action, const char *title, const char *accept)
{
  self->chooser = gtk_file_chooser_native_new (
      title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), action, accept, _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (chosen_cb), self, 0);
}

static void export(PmodConversations *self, gint64 id, gboolean markdown)
{
  g_autofree char *name = NULL;

  if (self->chooser)
    return;
  self->chosen = id;
  self->markdown = markdown;
  name = g_strdup_printf ("%s.%s", find_title (self, id), markdown ? "md" : "json");
  g_strdelimit (name, "/\\:", '-');
  choose (self, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("Export the Conversation"), _ ("_Save"));
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (self->chooser), name);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

static void
export_json_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  export(PMOD_CONVERSATIONS (widget), g_variant_get_int64 (parameter), FALSE);
}

static void
export_markdown_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  export(PMOD_CONVERSATIONS (widget), g_variant_get_int64 (parameter), TRUE);
}

static void
import_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodConversations *self = PMOD_CONVERSATIONS (widget);

  if (self->chooser)
    return;
  choose (self, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Import a Conversation"), _ ("_Open"));
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
set_chat (PmodConversations *self, PmodChat *chat)
{
  g_autoptr (PmodStore) store = NULL;
  g_autoptr (PmodKeeper) keeper = NULL;
  g_autoptr (GSettings) settings = pmod_preferences_new ();

  if (!chat || self->chat)
    return;
  self->chat = g_object_ref (chat);
  store = pmod_store_new (NULL);
  keeper = pmod_keeper_new (chat, store);
  self->shelf = pmod_shelf_new (keeper);
  if (settings)
    g_settings_bind (settings, PMOD_PREFERENCE_KEEP, keeper, "keeps", G_SETTINGS_BIND_GET);
  g_signal_connect_object (keeper, "notify::keeps", G_CALLBACK (list_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->shelf, "failed", G_CALLBACK (failed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->shelf, "remarked", G_CALLBACK (remarked_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->shelf, "deleted", G_CALLBACK (deleted_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->shelf, "folder-removed", G_CALLBACK (folder_removed_cb), self,
                           G_CONNECT_SWAPPED);
  g_object_set (self->folders, "shelf", self->shelf, NULL);
  g_signal_connect_object (self->shelf, "notify::list", G_CALLBACK (list_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (keeper, "notify::conversation", G_CALLBACK (shown_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (store, "notify::problem", G_CALLBACK (problem_cb), self,
                           G_CONNECT_SWAPPED);
  list_cb (self);
}

/* A window's own action, so that its key and its button are anywhere in the window. */
static void
pmod_conversations_root (GtkWidget *widget)
{
  PmodConversations *self = PMOD_CONVERSATIONS (widget);
  GtkRoot *root;

  GTK_WIDGET_CLASS (pmod_conversations_parent_class)->root (widget);
  root = gtk_widget_get_root (widget);
  if (G_IS_ACTION_MAP (root))
    {
      g_autoptr (GPropertyAction) action =
          g_property_action_new ("conversations", self->flap, "reveal-flap");

      g_action_map_add_action (G_ACTION_MAP (root), G_ACTION (action));
    }
}

static void
pmod_conversations_unroot (GtkWidget *widget)
{
  GtkRoot *root = gtk_widget_get_root (widget);

  if (G_IS_ACTION_MAP (root))
    g_action_map_remove_action (G_ACTION_MAP (root), "conversations");
  GTK_WIDGET_CLASS (pmod_conversations_parent_class)->unroot (widget);
}

static void
pmod_conversations_dispose (GObject *object)
{
  PmodConversations *self = PMOD_CONVERSATIONS (object);

  if (self->chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  if (self->list)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  self->list = NULL;
  g_clear_object (&self->shelf);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_conversations_parent_class)->dispose (object);
}

static void
pmod_conversations_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodConversations *self = PMOD_CONVERSATIONS (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_CONTENT:
      g_value_set_object (value, adw_flap_get_content (self->flap));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_conversations_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodConversations *self = PMOD_CONVERSATIONS (object);

  switch (id)
    {
    case PROP_CHAT:
      set_chat (self, g_value_get_object (value));
      break;
    case PROP_CONTENT:
      adw_flap_set_content (self->flap, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *klass)
{
  g_type_ensure (PMOD_TYPE_FOLDER_LIST);
  gtk_widget_class_set_template_from_resource (klass,
                                               "/io/github/strata/Strata/pmod-conversations.ui");
  gtk_widget_class_bind_template_child (klass, PmodConversations, problem);
  gtk_widget_class_bind_template_child (klass, PmodConversations, problem_label);
  gtk_widget_class_bind_template_child (klass, PmodConversations, toasts);
  gtk_widget_class_bind_template_child (klass, PmodConversations, flap);
  gtk_widget_class_bind_template_child (klass, PmodConversations, search);
  gtk_widget_class_bind_template_child (klass, PmodConversations, folders);
  gtk_widget_class_bind_template_child (klass, PmodConversations, list);
  gtk_widget_class_bind_template_child (klass, PmodConversations, nothing);
  gtk_widget_class_bind_template_callback (klass, row_activated_cb);
  gtk_widget_class_bind_template_callback (klass, search_cb);
  gtk_widget_class_bind_template_callback (klass, stop_search_cb);
  gtk_widget_class_bind_template_callback (klass, revealed_cb);
}

static void
pmod_conversations_class_init (PmodConversationsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_conversations_dispose;
  object_class->get_property = pmod_conversations_get_property;
  object_class->set_property = pmod_conversations_set_property;
  widget_class->root = pmod_conversations_root;
  widget_class->unroot = pmod_conversations_unroot;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_CONTENT] = g_param_spec_object ("content", NULL, NULL, GTK_TYPE_WIDGET, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_install_action (widget_class, "conversations.open-newest", NULL,
                                   open_newest_action);
  gtk_widget_class_install_action (widget_class, "conversations.rename", "x", rename_action);
  gtk_widget_class_install_action (widget_class, "conversations.delete", "x", delete_action);
  gtk_widget_class_install_action (widget_class, "conversations.undo-delete", "x",
                                   undo_delete_action);
  gtk_widget_class_install_action (widget_class, "conversations.move", "(xx)", move_action);
  gtk_widget_class_install_action (widget_class, "conversations.new-folder", "x",
                                   new_folder_action);
  gtk_widget_class_install_action (widget_class, "conversations.undo-remove-folder", "x",
                                   undo_remove_folder_action);
  gtk_widget_class_install_action (widget_class, "conversations.export-json", "x",
                                   export_json_action);
  gtk_widget_class_install_action (widget_class, "conversations.export-markdown", "x",
                                   export_markdown_action);
  gtk_widget_class_install_action (widget_class, "conversations.import", NULL, import_action);
  bind_children (widget_class);
}

static void
pmod_conversations_init (PmodConversations *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
