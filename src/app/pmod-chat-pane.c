/* PmodChatPane: see pmod-chat-pane.h. */
#include "config.h"

#include "pmod-chat-pane.h"

#include <glib/gi18n.h>

#include "pmod-attachments.h"
#include "pmod-branch-actions.h"
#include "pmod-composer-bar.h"
#include "pmod-context-meter.h"
#include "pmod-sampling-button.h"
#include "pmod-message-list.h"
#include "pmod-speaker.h"

struct _PmodChatPane
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodContextMeter *meter; /* the chat's; nullable */
  gboolean read_only;
  gboolean says;     /* the entry's description is a sentence of the answer */
  guint describe_id; /* the entry is to be described as usual again; 0: it is */

  GtkStack *stack;
  PmodMessageList *list;
  PmodSpeaker *speaker;
  GtkLabel *title;
  GtkLabel *hint;
  GtkBox *questions;
  GtkTextView *entry;
  GtkWidget *placeholder;
  GtkStack *buttons;
  GtkWidget *send;
  GtkWidget *sampling;
};

enum
{
  PROP_CHAT = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodChatPane, pmod_chat_pane, ADW_TYPE_BIN)

/* --- Entry ----------------------------------------------------------------------------------- */

static char *
dup_entry_text (PmodChatPane *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->entry);
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
}

static void
update_send (PmodChatPane *self)
{
  g_autofree char *text = dup_entry_text (self);

  gtk_widget_set_visible (self->placeholder, *text == '\0');
  if (self->meter)
    pmod_context_meter_set_draft (self->meter, text);
  gtk_widget_set_sensitive (self->send,
                            !self->read_only && *g_strchug (text) != '\0' &&
                                (!self->meter || pmod_context_meter_get_fits (self->meter)));
}

static void
send_cb (PmodChatPane *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->entry);
  g_autofree char *text = dup_entry_text (self);

  if (self->meter && !pmod_context_meter_get_settled (self->meter))
    {
      /* What is typed from here on is the next question. */
      if (self->read_only || pmod_chat_get_busy (self->chat))
        return;
      g_object_set (self->list, "follow", TRUE, NULL);
      gtk_text_buffer_set_text (buffer, "", 0);
      pmod_branch_actions_ask (GTK_WIDGET (self), PMOD_BRANCH_END, text, buffer);
      return;
    }
  if (self->meter && !pmod_context_meter_get_fits (self->meter))
    return;
  g_object_set (self->list, "follow", TRUE, NULL);
  if (self->chat && pmod_chat_ask (self->chat, text))
    gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->entry), "", 0);
  gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

/* Where nothing is written, the question before is gone back to. */
static gboolean
edit_last (PmodChatPane *self)
{
  g_autofree char *text = dup_entry_text (self);

  return *text == '\0' && gtk_widget_activate_action (GTK_WIDGET (self), "chat.edit-last", NULL);
}

/* Enter sends; with Shift it breaks the line as usual. */
static gboolean
entry_key_cb (GtkEventControllerKey *controller,
              guint keyval,
              guint keycode,
              GdkModifierType state,
              gpointer user_data)
{
  if (keyval == GDK_KEY_Up && !(state & gtk_accelerator_get_default_mod_mask ()))
    return edit_last (user_data);
  if (keyval != GDK_KEY_Return && keyval != GDK_KEY_KP_Enter)
    return GDK_EVENT_PROPAGATE;
  if (state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK))
    return GDK_EVENT_PROPAGATE;
  send_cb (user_data);
  return GDK_EVENT_STOP;
}

static void
write_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gtk_widget_grab_focus (GTK_WIDGET (PMOD_CHAT_PANE (widget)->entry));
}

static void
show_message_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_message_list_show (PMOD_CHAT_PANE (widget)->list, g_variant_get_uint32 (parameter));
}

static void
show_answer_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pmod_chat_show_answer (PMOD_CHAT_PANE (widget)->chat, (guint)g_variant_get_int32 (parameter));
}

/* --- For screen readers ---------------------------------------------------------------------- */

static void
describe_entry (PmodChatPane *self, const char *description)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->entry), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  description, -1);
}

/* They say what changes of the object that has the focus: this is where it is while an answer
 * comes. */
static void
sentence_cb (PmodChatPane *self)
{
  if (!gtk_widget_has_focus (GTK_WIDGET (self->entry)))
    return;
  self->says = TRUE;
  describe_entry (self, pmod_speaker_get_sentence (self->speaker));
}

static gboolean
describe_again_cb (gpointer user_data)
{
  PmodChatPane *self = user_data;

  self->describe_id = 0;
  if (gtk_widget_has_focus (GTK_WIDGET (self->entry)))
    return G_SOURCE_REMOVE;
  self->says = FALSE;
  describe_entry (self, _ ("Enter sends, Shift and Enter break the line"));
  return G_SOURCE_REMOVE;
}

/* Later, when it is no longer what has the focus and nobody says it. */
static void
entry_left_cb (PmodChatPane *self)
{
  if (self->says && self->describe_id == 0)
    self->describe_id = g_idle_add_full (G_PRIORITY_LOW, describe_again_cb, self, NULL);
}

/* --- Messages -------------------------------------------------------------------------------- */

static void
update_messages (PmodChatPane *self)
{
  guint n_messages = g_list_model_get_n_items (pmod_chat_get_messages (self->chat));

  gtk_stack_set_visible_child_name (self->stack, n_messages > 0 ? "messages" : "empty");
}

static void
update_busy (PmodChatPane *self)
{
  gtk_stack_set_visible_child_name (self->buttons,
                                    pmod_chat_get_busy (self->chat) ? "stop" : "send");
}

static void
question_clicked_cb (GtkButton *button, gpointer user_data)
{
  PmodChatPane *self = user_data;

  pmod_chat_ask (self->chat, gtk_button_get_label (button));
  gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

/* Of a saved run the conversation is over. */
static void
update_read_only (PmodChatPane *self)
{
  self->read_only = pmod_chat_get_read_only (self->chat);
  gtk_widget_set_sensitive (GTK_WIDGET (self->entry), !self->read_only);
  gtk_label_set_label (GTK_LABEL (self->placeholder), self->read_only
                                                          ? _ ("A saved run: it cannot be asked")
                                                          : _ ("Ask a question"));
  update_send (self);
}

/* What stands where no question was asked yet. */
static void
update_empty (PmodChatPane *self)
{
  PmodModelCard *model = pmod_session_get_model (pmod_chat_get_session (self->chat));
  gboolean has_picture = pmod_chat_get_picture (self->chat) != NULL;
  gboolean live = pmod_chat_get_live (self->chat);
  const char *hint = _ ("The answer appears here as the model writes it.");
  g_autofree char *alone = NULL;

  if (pmod_chat_get_read_only (self->chat))
    {
      gtk_label_set_label (self->title, _ ("A Saved Run"));
      gtk_label_set_label (self->hint, _ ("It came without questions and answers."));
      return;
    }
  if (live)
    hint = _ ("A question freezes the picture as it is then, and is answered about it.");
  else if (!has_picture)
    hint = _ ("Open one, then ask about it here.");
  else if (model && model->single_questions)
    hint = alone = g_strdup_printf (
        "%s %s", hint,
        _ ("This model takes each question on its own: it forgets the ones before."));
  gtk_label_set_label (self->title,
                       has_picture || live ? _ ("Ask About the Picture") : _ ("No Picture Yet"));
  gtk_label_set_label (self->hint, hint);
}

/* A sample picture brings questions that the bundled model can answer. */
static void
picture_changed_cb (PmodChatPane *self)
{
  PmodPicture *picture = pmod_chat_get_picture (self->chat);
  const char *const *questions = picture ? pmod_picture_get_questions (picture) : NULL;
  GtkWidget *child;

  update_empty (self);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->questions))))
    gtk_box_remove (self->questions, child);
  for (int i = 0; questions && questions[i]; i++)
    {
      GtkWidget *button = gtk_button_new_with_label (questions[i]);

      gtk_widget_set_halign (button, GTK_ALIGN_CENTER);
      gtk_widget_add_css_class (button, "suggestion");
      g_signal_connect_object (button, "clicked", G_CALLBACK (question_clicked_cb), self, 0);
      gtk_box_append (self->questions, button);
    }
  if (picture)
    gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
set_chat (PmodChatPane *self, PmodChat *chat)
{
  GListModel *messages;

  if (!g_set_object (&self->chat, chat))
    return;
  if (chat)
    {
      messages = pmod_chat_get_messages (chat);
      g_object_set (self->list, "chat", chat, NULL);
      g_object_set (self->speaker, "chat", chat, NULL);
      g_signal_connect_object (messages, "items-changed", G_CALLBACK (update_messages), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::busy", G_CALLBACK (update_busy), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::picture", G_CALLBACK (picture_changed_cb), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (update_read_only), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (update_empty), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::live", G_CALLBACK (update_empty), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (pmod_chat_get_session (chat), "notify::model",
                               G_CALLBACK (update_empty), self, G_CONNECT_SWAPPED);
      pmod_branch_actions_follow (GTK_WIDGET (self), chat);
      self->meter = pmod_context_meter_get (chat);
      g_signal_connect_object (self->meter, "changed", G_CALLBACK (update_send), self,
                               G_CONNECT_SWAPPED);
      g_object_set (self->sampling, "tuning",
                    pmod_session_get_tuning (pmod_chat_get_session (chat)), NULL);
      update_messages (self);
      update_busy (self);
      update_read_only (self);
      picture_changed_cb (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CHAT]);
}

static void
pmod_chat_pane_dispose (GObject *object)
{
  PmodChatPane *self = PMOD_CHAT_PANE (object);

  g_clear_handle_id (&self->describe_id, g_source_remove);
  if (self->list)
    g_object_set (self->list, "chat", NULL, NULL);
  self->list = NULL;
  self->meter = NULL;
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_chat_pane_parent_class)->dispose (object);
}

static void
pmod_chat_pane_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodChatPane *self = PMOD_CHAT_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_chat_pane_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodChatPane *self = PMOD_CHAT_PANE (object);

  switch (id)
    {
    case PROP_CHAT:
      set_chat (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_chat_pane_class_init (PmodChatPaneClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_chat_pane_dispose;
  object_class->get_property = pmod_chat_pane_get_property;
  object_class->set_property = pmod_chat_pane_set_property;

  props[PROP_CHAT] =
      g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_ATTACHMENTS);
  g_type_ensure (PMOD_TYPE_COMPOSER_BAR);
  g_type_ensure (PMOD_TYPE_SAMPLING_BUTTON);
  g_type_ensure (PMOD_TYPE_MESSAGE_LIST);
  g_type_ensure (PMOD_TYPE_SPEAKER);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-chat-pane.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, stack);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, list);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, speaker);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, questions);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, title);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, hint);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, entry);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, placeholder);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, buttons);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, send);
  gtk_widget_class_bind_template_child (widget_class, PmodChatPane, sampling);
  gtk_widget_class_bind_template_callback (widget_class, send_cb);
  gtk_widget_class_bind_template_callback (widget_class, entry_key_cb);
  gtk_widget_class_bind_template_callback (widget_class, entry_left_cb);
  gtk_widget_class_bind_template_callback (widget_class, sentence_cb);
  gtk_widget_class_install_action (widget_class, "chat.write", NULL, write_action);
  pmod_branch_actions_install (widget_class);
  gtk_widget_class_install_action (widget_class, "chat.show-answer", "i", show_answer_action);
  gtk_widget_class_install_action (widget_class, "chat.show-message", "u", show_message_action);
  gtk_widget_class_set_css_name (widget_class, "chatpane");
}

static void
pmod_chat_pane_init (PmodChatPane *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_object (gtk_text_view_get_buffer (self->entry), "changed",
                           G_CALLBACK (update_send), self, G_CONNECT_SWAPPED);
  update_send (self);
}
