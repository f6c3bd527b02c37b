/* PmodQuestionEditor: see pmod-question-editor.h. */
#include "config.h"

#include "pmod-question-editor.h"

#include <glib/gi18n.h>

/* Of its words, in pixels; what is more is scrolled. */
#define MAX_HEIGHT 200

struct _PmodQuestionEditor
{
  GtkWidget parent_instance;

  PmodMessage *question;
  GtkScrolledWindow *scroller;
  GtkTextView *entry;
  GtkWidget *ask;
};

enum
{
  CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodQuestionEditor, pmod_question_editor, GTK_TYPE_WIDGET)

static char *
dup_text (PmodQuestionEditor *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->entry);
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
}

static void
close_cb (PmodQuestionEditor *self)
{
  g_signal_emit (self, signals[CLOSED], 0);
}

/* Its row goes with the question, where that is asked. */
static void
ask_cb (PmodQuestionEditor *self)
{
  g_autofree char *text = dup_text (self);

  gtk_widget_activate_action (GTK_WIDGET (self), "chat.ask-instead", "(us)",
                              pmod_message_get_position (self->question), text);
}

/* As high as its words, up to a limit. A list's row gets the least height that it asks for, which a
 * text view of its own knows only after it was that high once. */
static void
grow (PmodQuestionEditor *self)
{
  GtkTextIter end;
  GdkRectangle line;

  gtk_text_buffer_get_end_iter (gtk_text_view_get_buffer (self->entry), &end);
  gtk_text_view_get_iter_location (self->entry, &end, &line);
  gtk_scrolled_window_set_min_content_height (self->scroller,
                                              MIN (line.y + line.height, MAX_HEIGHT));
}

static void
changed_cb (PmodQuestionEditor *self)
{
  g_autofree char *text = dup_text (self);

  if (gtk_widget_get_width (GTK_WIDGET (self->entry)) > 0)
    grow (self);

  gtk_widget_set_sensitive (self->ask, *g_strchug (text) != '\0');
}

static gboolean
key_cb (GtkEventControllerKey *controller,
        guint keyval,
        guint keycode,
        GdkModifierType state,
        gpointer user_data)
{
  PmodQuestionEditor *self = user_data;

  if (keyval == GDK_KEY_Escape)
    {
      close_cb (self);
      return GDK_EVENT_STOP;
    }
  if (keyval != GDK_KEY_Return && keyval != GDK_KEY_KP_Enter)
    return GDK_EVENT_PROPAGATE;
  if (state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK))
    return GDK_EVENT_PROPAGATE;
  if (gtk_widget_get_sensitive (self->ask))
    ask_cb (self);
  return GDK_EVENT_STOP;
}

static gboolean
pmod_question_editor_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (GTK_WIDGET (PMOD_QUESTION_EDITOR (widget)->entry));
}

static void
pmod_question_editor_dispose (GObject *object)
{
  PmodQuestionEditor *self = PMOD_QUESTION_EDITOR (object);
  GtkWidget *child;

  g_clear_object (&self->question);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_question_editor_parent_class)->dispose (object);
}

static void
pmod_question_editor_class_init (PmodQuestionEditorClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_question_editor_dispose;
  widget_class->grab_focus = pmod_question_editor_grab_focus;
  signals[CLOSED] = g_signal_new ("closed", PMOD_TYPE_QUESTION_EDITOR, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-question-editor.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodQuestionEditor, scroller);
  gtk_widget_class_bind_template_child (widget_class, PmodQuestionEditor, entry);
  gtk_widget_class_bind_template_child (widget_class, PmodQuestionEditor, ask);
  gtk_widget_class_bind_template_callback (widget_class, key_cb);
  gtk_widget_class_bind_template_callback (widget_class, ask_cb);
  gtk_widget_class_bind_template_callback (widget_class, close_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "questioneditor");
}

static void
pmod_question_editor_init (PmodQuestionEditor *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_question_editor_new (PmodMessage *question, int height)
{
  PmodQuestionEditor *self = g_object_new (PMOD_TYPE_QUESTION_EDITOR, NULL);
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->entry);

  self->question = g_object_ref (question);
  gtk_scrolled_window_set_min_content_height (self->scroller, CLAMP (height, 1, MAX_HEIGHT));
  g_signal_connect_object (buffer, "changed", G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  gtk_text_buffer_set_text (buffer, pmod_message_get_text (question), -1);
  return GTK_WIDGET (self);
}
