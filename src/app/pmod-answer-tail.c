/* PmodAnswerTail: see pmod-answer-tail.h.
 *
 * The tokens' widgets, hundreds under a long answer, are made when somebody wants to see them. */
#include "config.h"

#include "pmod-answer-tail.h"

#include "pmod-chat-tokens.h"
#include "pmod-run-tokens.h"
#include "pmod-token-view.h"

struct _PmodAnswerTail
{
  GtkWidget parent_instance;

  PmodChat *chat;
  PmodMessage *answer;
  PmodChatTokens *shown;

  GtkWidget *buttons;
  GtkWidget *go_on;
  GtkWidget *probabilities;
  GtkWidget *tokens; /* NULL: not shown */
};

G_DEFINE_FINAL_TYPE (PmodAnswerTail, pmod_answer_tail, GTK_TYPE_WIDGET)

static void
update_tokens (PmodAnswerTail *self)
{
  gboolean shown = pmod_chat_tokens_get_answer (self->shown) == self->answer;

  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->probabilities), shown);
  if (shown == (self->tokens != NULL))
    return;
  if (shown)
    {
      self->tokens = pmod_token_view_new (self->chat, self->answer);
      gtk_widget_set_parent (self->tokens, GTK_WIDGET (self));
    }
  else
    g_clear_pointer (&self->tokens, gtk_widget_unparent);
}

static void
update (PmodAnswerTail *self)
{
  PmodRun *run = pmod_message_get_run (self->answer);
  gboolean can_go_on = pmod_chat_can_continue (self->chat, self->answer);
  gboolean has_tokens = pmod_run_is_finished (run) && pmod_run_count_answer_tokens (run) > 0;

  gtk_widget_set_visible (self->go_on, can_go_on);
  gtk_widget_set_visible (self->probabilities, has_tokens);
  gtk_widget_set_visible (self->buttons, can_go_on || has_tokens);
}

static void
go_on_cb (PmodAnswerTail *self)
{
  g_autoptr (PmodChat) chat = g_object_ref (self->chat);
  g_autoptr (PmodMessage) answer = g_object_ref (self->answer);

  /* This row gives way to another one. */
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.write", NULL);
  pmod_chat_tokens_continue (chat, answer);
}

static void
toggled_cb (PmodAnswerTail *self)
{
  gboolean active = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self->probabilities));

  if (active != (pmod_chat_tokens_get_answer (self->shown) == self->answer))
    pmod_chat_tokens_set_answer (self->shown, active ? self->answer : NULL);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_answer_tail_dispose (GObject *object)
{
  PmodAnswerTail *self = PMOD_ANSWER_TAIL (object);
  GtkWidget *child;

  self->tokens = NULL;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);
  g_clear_object (&self->shown);
  g_clear_object (&self->answer);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_answer_tail_parent_class)->dispose (object);
}

static void
pmod_answer_tail_class_init (PmodAnswerTailClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_answer_tail_dispose;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-answer-tail.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodAnswerTail, buttons);
  gtk_widget_class_bind_template_child (widget_class, PmodAnswerTail, go_on);
  gtk_widget_class_bind_template_child (widget_class, PmodAnswerTail, probabilities);
  gtk_widget_class_bind_template_callback (widget_class, go_on_cb);
  gtk_widget_class_bind_template_callback (widget_class, toggled_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "answertail");
}

static void
pmod_answer_tail_init (PmodAnswerTail *self)
{
  GtkBoxLayout *layout;

  gtk_widget_init_template (GTK_WIDGET (self));
  layout = GTK_BOX_LAYOUT (gtk_widget_get_layout_manager (GTK_WIDGET (self)));
  gtk_orientable_set_orientation (GTK_ORIENTABLE (layout), GTK_ORIENTATION_VERTICAL);
  gtk_box_layout_set_spacing (layout, 6);
}

void
pmod_answer_tail_set_answer (PmodAnswerTail *self, PmodChat *chat, PmodMessage *answer)
{
  PmodRun *run = pmod_message_get_run (answer);

  g_return_if_fail (PMOD_IS_ANSWER_TAIL (self));
  g_return_if_fail (PMOD_IS_CHAT (chat));

  gtk_widget_set_visible (GTK_WIDGET (self), run != NULL); /* a question has no room for it */
  if (!run)
    return;
  self->chat = g_object_ref (chat);
  self->answer = g_object_ref (answer);
  self->shown = g_object_ref (pmod_chat_tokens_of (chat));
  g_signal_connect_object (run, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::busy", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_chat_get_messages (chat), "items-changed", G_CALLBACK (update),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_chat_get_session (chat), "notify::model", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->shown, "notify::answer", G_CALLBACK (update_tokens), self,
                           G_CONNECT_SWAPPED);
  update (self);
  update_tokens (self);
}
