/* PmodMessageRow: see pmod-message-row.h. */
#include "config.h"

#include "pmod-message-row.h"

#include <glib/gi18n.h>

struct _PmodMessageRow
{
  GtkListBoxRow parent_instance;

  PmodMessage *message;
  GtkWidget *bubble;
  GtkLabel *text;
  GtkLabel *note;
  GtkWidget *spinner;
};

G_DEFINE_FINAL_TYPE (PmodMessageRow, pmod_message_row, GTK_TYPE_LIST_BOX_ROW)

static char *
describe_done (PmodRun *run)
{
  int n_new = pmod_run_get_n_new_tokens (run);
  guint64 ns = pmod_run_get_prefill_ns (run) + pmod_run_get_decode_ns (run);
  g_autofree char *time = ns >= 1000000000 ? g_strdup_printf (_ ("%.1f s"), (double)ns / 1e9)
                                           : g_strdup_printf (_ ("%.0f ms"), (double)ns / 1e6);
  g_autofree char *tokens = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%d token in %s", "%d tokens in %s", n_new), n_new, time);

  if (pmod_run_get_n_reused (run) > 0)
    return g_strdup_printf (_ ("%s \302\267 picture reused"), tokens);
  return g_steal_pointer (&tokens);
}

static void
explain_reuse (PmodMessageRow *self, PmodRun *run)
{
  int n_prompt = pmod_run_get_n_prompt_tokens (run);
  int n_reused = pmod_run_get_n_reused (run);
  g_autofree char *text = NULL;

  if (n_reused > 0)
    text = g_strdup_printf (_ ("%d of the prompt\342\200\231s %d tokens were known from before"),
                            n_reused, n_prompt);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->note), text);
}

static char *
describe_run (PmodRun *run)
{
  g_autofree char *done = NULL;

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
      done = describe_done (run);
      return pmod_run_get_n_new_tokens (run) > 0 ? g_strdup_printf (_ ("Stopped \302\267 %s"), done)
                                                 : g_strdup (_ ("Stopped"));
    case PMOD_RUN_FAILED:
      return g_strdup_printf (_ ("No answer: %s"), pmod_run_get_error (run));
    case PMOD_RUN_DONE:
    default:
      return describe_done (run);
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
  note = describe_run (run);
  gtk_label_set_label (self->note, note);
  explain_reuse (self, run);
  gtk_widget_set_visible (GTK_WIDGET (self->text), *text != '\0');
  gtk_widget_set_visible (self->spinner, !pmod_run_is_finished (run));
  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    gtk_widget_add_css_class (GTK_WIDGET (self->note), "error");
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
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, bubble);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, text);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, note);
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, spinner);
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
  if (run)
    g_signal_connect_object (run, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}
