/* PmodMessageRow: see pmod-message-row.h. */
#include "config.h"

#include "pmod-message-row.h"

#include <glib/gi18n.h>

#include "pmod-answer-tail.h"
#include "pmod-format.h"
#include "pmod-message-tools.h"
#include "pmod-receipt.h"

struct _PmodMessageRow
{
  GtkListBoxRow parent_instance;

  PmodMessage *message;
  GtkWidget *bubble;
  GtkLabel *text;
  GtkLabel *note;
  GtkWidget *spinner;
  GtkWidget *receipt;
  GtkWidget *maps;
  PmodMessageTools *tools;
  GtkWidget *tail;
};

G_DEFINE_FINAL_TYPE (PmodMessageRow, pmod_message_row, GTK_TYPE_LIST_BOX_ROW)

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

  gtk_label_set_label (self->text, text);
  name = g_strdup_printf (run ? _ ("Answer: %s") : _ ("Question: %s"), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  if (!run)
    return;
  note = describe_run (run, pmod_message_get_interrupted (self->message));
  gtk_label_set_label (self->note, note);
  gtk_widget_set_visible (gtk_widget_get_parent (GTK_WIDGET (self->note)), *note != '\0');
  gtk_widget_set_visible (GTK_WIDGET (self->text), *text != '\0');
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

static void
maps_cb (PmodMessageRow *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.show-answer", "i",
                              gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (self)));
}

static void
pmod_message_row_dispose (GObject *object)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (object);

  g_clear_object (&self->message);

  G_OBJECT_CLASS (pmod_message_row_parent_class)->dispose (object);
}

static void
pmod_message_row_class_init (PmodMessageRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_row_dispose;
  g_type_ensure (PMOD_TYPE_MESSAGE_TOOLS);
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
  gtk_widget_class_bind_template_callback (widget_class, maps_cb);
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
  gtk_widget_set_visible (gtk_widget_get_parent (GTK_WIDGET (self->note)), run != NULL);
  g_object_set (self->receipt, "run", run, NULL);
  pmod_message_tools_set_message (self->tools, message, GTK_WIDGET (self->text));
  if (run)
    g_signal_connect_object (run, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
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
