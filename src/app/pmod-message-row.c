/* PmodMessageRow: see pmod-message-row.h. */
#include "config.h"

#include "pmod-message-row.h"

#include <glib/gi18n.h>

#include "pmod-answer-tail.h"
#include "pmod-format.h"
#include "pmod-message-pictures.h"
#include "pmod-message-tools.h"
#include "pmod-markdown.h"
#include "pmod-receipt.h"

struct _PmodMessageRow
{
  AdwBin parent_instance;

  PmodMessage *message;
  guint position;
  guint tick; /* an update that waits for the next frame */
  gint64 due_us;
  GtkWidget *bubble;
  GtkLabel *text;
  PmodMarkdown *markdown;
  GtkLabel *note;
  GtkWidget *spinner;
  GtkWidget *receipt;
  GtkWidget *copy;
  GtkWidget *maps;
  PmodMessageTools *tools;
  GtkWidget *tail;
};

G_DEFINE_FINAL_TYPE (PmodMessageRow, pmod_message_row, ADW_TYPE_BIN)

/* Of the main thread's time a growing text takes a quarter at most, however long it gets. */
#define REST_FACTOR 3

static char *
describe_stopped (PmodRun *run)
{
  int n_new = pmod_run_get_n_new_tokens (run);
  g_autofree char *time =
      pmod_format_time (pmod_run_get_prefill_ns (run) + pmod_run_get_decode_ns (run));

  if (n_new == 0)
    return g_strdup (_ ("Stopped"));
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "Stopped \302\267 %d token in %s",
                                       "Stopped \302\267 %d tokens in %s", (gulong)n_new),
                          n_new, time);
}

static char *
describe_run (PmodRun *run, gboolean interrupted)
{
  switch (pmod_run_get_phase (run))
    {
    case PMOD_RUN_WAITING:
      return g_strdup (_ ("Waiting\342\200\246"));
    case PMOD_RUN_READING:
      return g_strdup_printf (_ ("Reading, layer %d of %d\342\200\246"),
                              pmod_run_get_n_layers_ready (run), pmod_run_get_n_layers (run));
    case PMOD_RUN_ANSWERING:
      return g_strdup (_ ("Answering\342\200\246"));
    case PMOD_RUN_STOPPED:
      if (interrupted)
        return g_strdup (_ ("Interrupted: the program ended before the answer did"));
      return describe_stopped (run);
    case PMOD_RUN_FAILED:
      return g_strdup_printf (_ ("No answer: %s"), pmod_run_get_error (run));
    case PMOD_RUN_DONE: /* the receipt tells */
    default:
      return g_strdup ("");
    }
}

static void
update (PmodMessageRow *self)
{
  PmodRun *run = pmod_message_get_run (self->message);
  const char *text = pmod_message_get_text (self->message);
  g_autofree char *note = NULL;
  g_autofree char *name = NULL;

  if (!run)
    gtk_label_set_label (self->text, text);
  name = g_strdup_printf (run ? _ ("Answer: %s") : _ ("Question: %s"), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  if (!run)
    return;
  note = describe_run (run, pmod_message_get_interrupted (self->message));
  gtk_label_set_label (self->note, note);
  gtk_widget_set_visible (gtk_widget_get_parent (GTK_WIDGET (self->note)), *note != '\0');
  pmod_markdown_set_text (self->markdown, text, !pmod_run_is_finished (run));
  gtk_widget_set_visible (GTK_WIDGET (self->markdown), *text != '\0');
  gtk_widget_set_visible (self->copy, pmod_run_is_finished (run) && *text != '\0');
  gtk_widget_set_visible (self->maps, pmod_run_is_finished (run) && pmod_run_has_maps (run));
  gtk_widget_set_visible (self->spinner, !pmod_run_is_finished (run));
  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    gtk_widget_add_css_class (GTK_WIDGET (self->note), "error");
}

/* The button stays where it is and can be pressed, so that the focus does not go. */
static void
update_shown (PmodMessageRow *self)
{
  gboolean shown = pmod_message_get_shown (self->message);

  gtk_button_set_label (GTK_BUTTON (self->maps),
                        shown ? _ ("Its maps are shown") : _ ("Show its maps"));
  if (shown)
    gtk_widget_add_css_class (self->bubble, "shown");
  else
    gtk_widget_remove_css_class (self->bubble, "shown");
}

/* --- Growing texts --------------------------------------------------------------------------- */

static gboolean
tick_cb (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (widget);
  gint64 start_us = g_get_monotonic_time ();

  if (start_us < self->due_us)
    return G_SOURCE_CONTINUE;
  self->tick = 0;
  update (self);
  self->due_us = start_us + (1 + REST_FACTOR) * (g_get_monotonic_time () - start_us);
  return G_SOURCE_REMOVE;
}

/* Once a frame at most. What nobody sees is brought up to date when it is seen. */
static void
changed_cb (PmodMessageRow *self)
{
  PmodRun *run = pmod_message_get_run (self->message);

  if (pmod_run_is_finished (run) || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    update (self);
  else if (self->tick == 0)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), tick_cb, NULL, NULL);
}

static void
copy_cb (PmodMessageRow *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          pmod_message_get_text (self->message));
}

static void
maps_cb (PmodMessageRow *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.show-answer", "i", (int)self->position);
}

/* --- Focus ----------------------------------------------------------------------------------- */

/* The row itself, then what is in it; backwards the other way round. */
static gboolean
pmod_message_row_focus (GtkWidget *widget, GtkDirectionType direction)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (widget);
  GtkWidget *inside = gtk_widget_get_focus_child (widget);
  gboolean forward = direction == GTK_DIR_TAB_FORWARD;

  if (!forward && direction != GTK_DIR_TAB_BACKWARD)
    return FALSE;
  if (inside)
    return gtk_widget_child_focus (inside, direction) ||
           (!forward && gtk_widget_grab_focus (widget));
  if (gtk_widget_is_focus (widget))
    return forward && gtk_widget_child_focus (self->bubble, direction);
  return (!forward && gtk_widget_child_focus (self->bubble, direction)) ||
         gtk_widget_grab_focus (widget);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_message_row_dispose (GObject *object)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (object);

  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  g_clear_object (&self->message);

  G_OBJECT_CLASS (pmod_message_row_parent_class)->dispose (object);
}

static void
pmod_message_row_class_init (PmodMessageRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_row_dispose;
  g_type_ensure (PMOD_TYPE_MESSAGE_TOOLS);
  widget_class->focus = pmod_message_row_focus;
  g_type_ensure (PMOD_TYPE_MARKDOWN);
  g_type_ensure (PMOD_TYPE_RECEIPT);
  g_type_ensure (PMOD_TYPE_ANSWER_TAIL);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, bubble);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, text);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, note);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, spinner);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, receipt);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, maps);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, tools);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, tail);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, markdown);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, copy);
  gtk_widget_class_bind_template_callback (widget_class, maps_cb);
  gtk_widget_class_bind_template_callback (widget_class, copy_cb);
  gtk_widget_class_set_css_name (widget_class, "messagerow");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LIST_ITEM);
}

static void
pmod_message_row_init (PmodMessageRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_message_row_new (PmodMessage *message)
{
  PmodMessageRow *self = g_object_new (PMOD_TYPE_MESSAGE_ROW, NULL);
  PmodRun *run = pmod_message_get_run (message);

  self->message = g_object_ref (message);
  gtk_widget_add_css_class (self->bubble, run ? "answer" : "question");
  gtk_widget_set_halign (self->bubble, run ? GTK_ALIGN_FILL : GTK_ALIGN_END);
  gtk_widget_set_visible (GTK_WIDGET (self->text), run == NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->markdown), run != NULL);
  gtk_widget_set_visible (gtk_widget_get_parent (GTK_WIDGET (self->note)), run != NULL);
  g_object_set (self->receipt, "run", run, NULL);
  pmod_message_pictures_add (GTK_BOX (self->bubble), message);
  pmod_message_tools_set_message (self->tools, message, GTK_WIDGET (self->text));
  if (run)
    g_signal_connect_object (run, "changed", G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (message, "notify::shown", G_CALLBACK (update_shown), self,
                           G_CONNECT_SWAPPED);
  update (self);
  update_shown (self);
  return GTK_WIDGET (self);
}

void
pmod_message_row_set_chat (PmodMessageRow *self, PmodChat *chat)
{
  g_return_if_fail (PMOD_IS_MESSAGE_ROW (self));

  pmod_answer_tail_set_answer (PMOD_ANSWER_TAIL (self->tail), chat, self->message);
}

void
pmod_message_row_set_position (PmodMessageRow *self, guint position, guint n_messages)
{
  g_return_if_fail (PMOD_IS_MESSAGE_ROW (self));

  self->position = position;
  gtk_accessible_update_relation (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_RELATION_POS_IN_SET,
                                  (int)position + 1, GTK_ACCESSIBLE_RELATION_SET_SIZE,
                                  (int)n_messages, -1);
}

PmodMessage *
pmod_message_row_get_message (PmodMessageRow *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE_ROW (self), NULL);
  return self->message;
}

gboolean
pmod_message_row_get_editing (PmodMessageRow *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE_ROW (self), FALSE);
  return pmod_message_tools_get_editing (self->tools);
}
