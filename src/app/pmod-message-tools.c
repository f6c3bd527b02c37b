/* PmodMessageTools: see pmod-message-tools.h.
 *
 * A conversation has hundreds of these, so each button is made when it is first of use. */
#include "config.h"

#include "pmod-message-tools.h"

#include <glib/gi18n.h>

#include "pmod-chat-tokens.h"
#include "pmod-question-editor.h"
#include "pmod-run-tokens.h"
#include "pmod-version-switch.h"

/* In the order in which they stand. */
typedef enum
{
  MAPS,
  COPY,
  AGAIN,
  PROBABILITIES,
  GO_ON,
  VERSIONS,
  EDIT,
  N_TOOLS
} Tool;

struct _PmodMessageTools
{
  GtkWidget parent_instance;

  PmodChat *chat;
  PmodMessage *message;
  GtkWidget *subject; /* weak */
  GtkWidget *editor;  /* weak: while it is open */
  GtkWidget *tools[N_TOOLS];
};

G_DEFINE_FINAL_TYPE (PmodMessageTools, pmod_message_tools, GTK_TYPE_WIDGET)

/* --- What they do ---------------------------------------------------------------------------- */

static void
maps_cb (PmodMessageTools *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.show-answer", "i",
                              (int)pmod_message_get_position (self->message));
}

static void
copy_cb (PmodMessageTools *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          pmod_message_get_text (self->message));
}

static void
go_on_cb (PmodMessageTools *self)
{
  g_autoptr (PmodChat) chat = g_object_ref (self->chat);
  g_autoptr (PmodMessage) answer = g_object_ref (self->message);

  /* This row gives way to another one. */
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.write", NULL);
  pmod_chat_tokens_continue (chat, answer);
}

static gboolean
shows_tokens (PmodMessageTools *self)
{
  return pmod_chat_tokens_get_answer (pmod_chat_tokens_of (self->chat)) == self->message;
}

static void
probabilities_cb (PmodMessageTools *self)
{
  gboolean active = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self->tools[PROBABILITIES]));

  if (active != shows_tokens (self))
    pmod_chat_tokens_set_answer (pmod_chat_tokens_of (self->chat), active ? self->message : NULL);
}

/* --- Buttons --------------------------------------------------------------------------------- */

static const struct
{
  const char *icon;
  const char *name;
  const char *tooltip;
  GCallback clicked; /* NULL: has an action */
} kinds[N_TOOLS] = {
  [MAPS] = { NULL, N_ ("Show its maps"),
             N_ ("Show what was kept for this answer, without running again"),
             G_CALLBACK (maps_cb) },
  [COPY] = { "edit-copy-symbolic", N_ ("Copy the answer"), N_ ("Copy the answer"),
             G_CALLBACK (copy_cb) },
  [AGAIN] = { "view-refresh-symbolic", N_ ("Ask Again"),
              N_ ("Ask Again; This Answer Stays as Another Version"), NULL },
  [PROBABILITIES] = { "strata-chances-symbolic", N_ ("Probabilities"),
                      N_ ("Show how likely each word was, and what else could stand there "
                          "(Ctrl+T)"),
                      G_CALLBACK (probabilities_cb) },
  [GO_ON] = { "media-seek-forward-symbolic", N_ ("Continue"),
              N_ ("Go on from where this answer ended"), G_CALLBACK (go_on_cb) },
  [EDIT] = { "document-edit-symbolic", N_ ("Edit"), N_ ("Edit the Question and Ask It Anew"),
             NULL },
};

/* GTK asks the display where the pointer is whenever a tooltip is given to what is visible. */
static GtkWidget *
create_button (PmodMessageTools *self, Tool tool)
{
  GType type = tool == PROBABILITIES ? GTK_TYPE_TOGGLE_BUTTON : GTK_TYPE_BUTTON;
  GtkWidget *button = g_object_new (type, "visible", FALSE, "valign", GTK_ALIGN_CENTER,
                                    "tooltip-text", _ (kinds[tool].tooltip), NULL);

  gtk_widget_add_css_class (button, "flat");
  gtk_widget_add_css_class (button, "tool");
  if (kinds[tool].icon)
    {
      gtk_button_set_icon_name (GTK_BUTTON (button), kinds[tool].icon);
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                      _ (kinds[tool].name), -1);
    }
  else
    {
      gtk_widget_add_css_class (button, "caption");
      gtk_button_set_label (GTK_BUTTON (button), _ (kinds[tool].name));
      gtk_label_set_ellipsize (GTK_LABEL (gtk_button_get_child (GTK_BUTTON (button))),
                               PANGO_ELLIPSIZE_END);
    }
  if (kinds[tool].clicked)
    g_signal_connect_object (button, tool == PROBABILITIES ? "toggled" : "clicked",
                             kinds[tool].clicked, self, G_CONNECT_SWAPPED);
  else
    {
      /* In this order: GTK warns of an action that lacks its target. */
      gtk_actionable_set_action_target (GTK_ACTIONABLE (button), "u",
                                        pmod_message_get_position (self->message));
      gtk_actionable_set_action_name (GTK_ACTIONABLE (button),
                                      tool == EDIT ? "chat.edit" : "chat.ask-again-at");
    }
  return button;
}

static GtkWidget *
create_versions (PmodMessageTools *self)
{
  GtkWidget *versions = g_object_new (PMOD_TYPE_VERSION_SWITCH, "hexpand", TRUE, "halign",
                                      GTK_ALIGN_END, "valign", GTK_ALIGN_CENTER, NULL);

  pmod_version_switch_set_message (PMOD_VERSION_SWITCH (versions), self->message);
  return versions;
}

static void
show_tool (PmodMessageTools *self, Tool tool, gboolean visible)
{
  GtkWidget *before = NULL;

  if (!self->tools[tool] && visible)
    {
      for (int i = tool - 1; i >= 0 && !before; i--)
        before = self->tools[i];
      self->tools[tool] = tool == VERSIONS ? create_versions (self) : create_button (self, tool);
      gtk_widget_insert_after (self->tools[tool], GTK_WIDGET (self), before);
    }
  if (self->tools[tool])
    gtk_widget_set_visible (self->tools[tool], visible);
}

/* --- State ----------------------------------------------------------------------------------- */

static void
update_versions (PmodMessageTools *self)
{
  show_tool (self, VERSIONS, pmod_message_get_n_versions (self->message) > 1);
}

/* The button stays where it is and can be pressed, so that the focus does not go. */
static void
update_shown (PmodMessageTools *self)
{
  if (self->tools[MAPS])
    gtk_button_set_label (GTK_BUTTON (self->tools[MAPS]), pmod_message_get_shown (self->message)
                                                              ? _ ("Its maps are shown")
                                                              : _ (kinds[MAPS].name));
}

static void
update_tokens (PmodMessageTools *self)
{
  if (self->tools[PROBABILITIES])
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->tools[PROBABILITIES]),
                                  shows_tokens (self));
}

static void
update_answer (PmodMessageTools *self)
{
  PmodRun *run = pmod_message_get_run (self->message);
  gboolean finished = pmod_run_is_finished (run);

  show_tool (self, MAPS, finished && pmod_run_has_maps (run));
  show_tool (self, COPY, finished && *pmod_run_get_text (run) != '\0');
  show_tool (self, AGAIN, finished);
  show_tool (self, PROBABILITIES, finished && pmod_run_count_answer_tokens (run) > 0);
  show_tool (self, GO_ON, finished && pmod_chat_can_continue (self->chat, self->message));
  update_shown (self);
  update_tokens (self);
}

static void
follow_answer (PmodMessageTools *self)
{
  PmodRun *run = pmod_message_get_run (self->message);
  PmodChatTokens *tokens = pmod_chat_tokens_of (self->chat);
  PmodSession *session = pmod_chat_get_session (self->chat);
  GListModel *messages = pmod_chat_get_messages (self->chat);
  struct
  {
    gpointer object;
    const char *signal;
    GCallback callback;
  } wanted[] = {
    { run, "changed", G_CALLBACK (update_answer) },
    { self->chat, "notify::busy", G_CALLBACK (update_answer) },
    { self->chat, "notify::read-only", G_CALLBACK (update_answer) },
    { messages, "items-changed", G_CALLBACK (update_answer) },
    { session, "notify::model", G_CALLBACK (update_answer) },
    { tokens, "notify::answer", G_CALLBACK (update_tokens) },
    { self->message, "notify::shown", G_CALLBACK (update_shown) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_signal_connect_object (wanted[i].object, wanted[i].signal, wanted[i].callback, self,
                             G_CONNECT_SWAPPED);
  update_answer (self);
}

/* --- Editing --------------------------------------------------------------------------------- */

static void
close_editor (PmodMessageTools *self)
{
  GtkWidget *editor = self->editor;

  if (!editor)
    return;
  g_clear_weak_pointer (&self->editor);
  if (self->subject)
    gtk_widget_set_visible (self->subject, TRUE);
  gtk_widget_set_visible (GTK_WIDGET (self), TRUE);
  gtk_box_remove (GTK_BOX (gtk_widget_get_parent (editor)), editor);
}

static void
closed_cb (PmodMessageTools *self)
{
  close_editor (self);
  gtk_widget_grab_focus (self->tools[EDIT]);
}

void
pmod_message_tools_edit (PmodMessageTools *self)
{
  GtkWidget *editor;

  g_return_if_fail (PMOD_IS_MESSAGE_TOOLS (self));

  if (!self->tools[EDIT] || !self->subject || self->editor ||
      !gtk_widget_get_sensitive (self->tools[EDIT]))
    return;
  editor = pmod_question_editor_new (self->message, gtk_widget_get_height (self->subject));
  g_signal_connect_object (editor, "closed", G_CALLBACK (closed_cb), self, G_CONNECT_SWAPPED);
  gtk_box_insert_child_after (GTK_BOX (gtk_widget_get_parent (self->subject)), editor,
                              self->subject);
  g_set_weak_pointer (&self->editor, editor);
  gtk_widget_set_visible (self->subject, FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
  gtk_widget_grab_focus (editor);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_message_tools_dispose (GObject *object)
{
  PmodMessageTools *self = PMOD_MESSAGE_TOOLS (object);
  GtkWidget *child;

  g_clear_object (&self->message);
  g_clear_object (&self->chat);
  g_clear_weak_pointer (&self->subject);
  g_clear_weak_pointer (&self->editor);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);
  for (int i = 0; i < N_TOOLS; i++)
    self->tools[i] = NULL;

  G_OBJECT_CLASS (pmod_message_tools_parent_class)->dispose (object);
}

static void
pmod_message_tools_class_init (PmodMessageToolsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_tools_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-tools.ui");
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "messagetools");
}

static void
pmod_message_tools_init (PmodMessageTools *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_message_tools_new (PmodChat *chat, PmodMessage *message, GtkWidget *subject)
{
  PmodMessageTools *self = g_object_new (PMOD_TYPE_MESSAGE_TOOLS, NULL);

  self->chat = g_object_ref (chat);
  self->message = g_object_ref (message);
  g_set_weak_pointer (&self->subject, subject);
  if (pmod_message_get_run (message))
    follow_answer (self);
  else
    {
      gtk_widget_set_halign (GTK_WIDGET (self), GTK_ALIGN_END);
      show_tool (self, EDIT, TRUE);
    }
  g_signal_connect_object (message, "notify::n-versions", G_CALLBACK (update_versions), self,
                           G_CONNECT_SWAPPED);
  update_versions (self);
  return GTK_WIDGET (self);
}

PmodMessage *
pmod_message_tools_get_message (PmodMessageTools *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE_TOOLS (self), NULL);
  return self->message;
}

gboolean
pmod_message_tools_get_editing (PmodMessageTools *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE_TOOLS (self), FALSE);
  return self->editor != NULL;
}
