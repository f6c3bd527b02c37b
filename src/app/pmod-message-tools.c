/* PmodMessageTools: see pmod-message-tools.h. */
#include "config.h"

#include "pmod-message-tools.h"

#include "pmod-question-editor.h"
#include "pmod-version-switch.h"

struct _PmodMessageTools
{
  GtkWidget parent_instance;

  PmodMessage *message;
  GtkWidget *subject; /* weak */
  GtkWidget *editor;  /* weak: while it is open */
  PmodVersionSwitch *versions;
  GtkWidget *edit;
  GtkWidget *again;
};

G_DEFINE_FINAL_TYPE (PmodMessageTools, pmod_message_tools, GTK_TYPE_WIDGET)

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
  gtk_widget_grab_focus (self->edit);
}

void
pmod_message_tools_edit (PmodMessageTools *self)
{
  GtkWidget *editor;

  g_return_if_fail (PMOD_IS_MESSAGE_TOOLS (self));

  if (!self->message || pmod_message_get_run (self->message) || !self->subject || self->editor ||
      !gtk_widget_get_sensitive (self->edit))
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

static void
pmod_message_tools_dispose (GObject *object)
{
  PmodMessageTools *self = PMOD_MESSAGE_TOOLS (object);
  GtkWidget *child;

  g_clear_object (&self->message);
  g_clear_weak_pointer (&self->subject);
  g_clear_weak_pointer (&self->editor);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_message_tools_parent_class)->dispose (object);
}

static void
pmod_message_tools_class_init (PmodMessageToolsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_tools_dispose;
  g_type_ensure (PMOD_TYPE_VERSION_SWITCH);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-tools.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMessageTools, versions);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageTools, edit);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageTools, again);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "messagetools");
}

static void
pmod_message_tools_init (PmodMessageTools *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
pmod_message_tools_set_message (PmodMessageTools *self, PmodMessage *message, GtkWidget *subject)
{
  PmodRun *run = message ? pmod_message_get_run (message) : NULL;
  GtkActionable *button = GTK_ACTIONABLE (run ? self->again : self->edit);

  g_return_if_fail (PMOD_IS_MESSAGE_TOOLS (self));

  close_editor (self);
  g_set_object (&self->message, message);
  g_set_weak_pointer (&self->subject, subject);
  pmod_version_switch_set_message (self->versions, message);
  gtk_widget_set_visible (self->edit, message && !run);
  gtk_widget_set_visible (self->again, run != NULL);
  if (!message)
    return;
  /* In this order: GTK warns of an action that lacks its target. */
  gtk_actionable_set_action_target (button, "u", pmod_message_get_position (message));
  gtk_actionable_set_action_name (button, run ? "chat.ask-again-at" : "chat.edit");
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
