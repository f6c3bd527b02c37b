/* PmodMessageRow: see pmod-message-row.h.
 *
 * Of what a message can have, only what it has is a widget: rows are made while the list scrolls.
 */
#include "config.h"

#include "pmod-message-row.h"

#include <glib/gi18n.h>

#include "pmod-chat-tokens.h"
#include "pmod-format.h"
#include "pmod-message-pictures.h"
#include "pmod-markdown.h"
#include "pmod-message-tools.h"
#include "pmod-receipt.h"
#include "pmod-token-view.h"

struct _PmodMessageRow
{
  GtkWidget parent_instance;

  PmodChat *chat;
  PmodMessage *message;
  guint tick; /* an update that waits for the next frame */
  gint64 due_us;
  GtkWidget *bubble;
  GtkWidget *words;   /* a question's label, or an answer's markdown */
  GtkWidget *note;    /* of an answer, as all below; NULL: nothing was to be said of it yet */
  GtkWidget *spinner; /* beside it */
  GtkWidget *receipt; /* NULL: the answer is not there yet */
  GtkWidget *tools;   /* of a question, too */
  GtkWidget *tokens;  /* NULL: not shown */
};

G_DEFINE_FINAL_TYPE (PmodMessageRow, pmod_message_row, GTK_TYPE_WIDGET)

/* Of the main thread's time a growing text takes a quarter at most, however long it gets. */
#define REST_FACTOR 3
/* What a question's label is asked to be wide at least, in letters. */
#define MAX_LEAST_CHARS 14

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

/* --- What it is made of ---------------------------------------------------------------------- */

/* A label lays out its text for the least width that it is asked to have, too: into as few lines as
 * can be, and yet never wider than its words are. */
static GtkWidget *
create_question (const char *text)
{
  int n_chars = (int)CLAMP (g_utf8_strlen (text, 2 * MAX_LEAST_CHARS) / 2, 2, MAX_LEAST_CHARS);

  return g_object_new (GTK_TYPE_LABEL, "label", text, "xalign", 0.0f, "wrap", TRUE, "wrap-mode",
                       PANGO_WRAP_WORD_CHAR, "width-chars", n_chars, "selectable", TRUE, NULL);
}

static void
create_note (PmodMessageRow *self)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  self->spinner = gtk_spinner_new ();
  gtk_box_append (GTK_BOX (line), self->spinner);
  self->note = g_object_new (GTK_TYPE_LABEL, "hexpand", TRUE, "xalign", 0.0f, "wrap", TRUE,
                             "wrap-mode", PANGO_WRAP_WORD_CHAR, NULL);
  gtk_widget_add_css_class (self->note, "caption");
  gtk_widget_add_css_class (self->note, "dim-label");
  gtk_widget_add_css_class (self->note, "numeric");
  gtk_box_append (GTK_BOX (line), self->note);
  gtk_box_insert_child_after (GTK_BOX (self->bubble), line, self->words);
}

static void
update_note (PmodMessageRow *self, PmodRun *run)
{
  g_autofree char *note = describe_run (run, pmod_message_get_interrupted (self->message));
  gboolean runs = !pmod_run_is_finished (run);

  if (!self->note && *note == '\0')
    return;
  if (!self->note)
    create_note (self);
  gtk_label_set_label (GTK_LABEL (self->note), note);
  gtk_widget_set_visible (gtk_widget_get_parent (self->note), *note != '\0');
  gtk_widget_set_visible (self->spinner, runs);
  gtk_spinner_set_spinning (GTK_SPINNER (self->spinner), runs);
  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    gtk_widget_add_css_class (self->note, "error");
}

static void
update_receipt (PmodMessageRow *self, PmodRun *run)
{
  if (self->receipt || pmod_run_get_phase (run) != PMOD_RUN_DONE)
    return;
  self->receipt = g_object_new (PMOD_TYPE_RECEIPT, "run", run, NULL);
  gtk_box_insert_child_after (GTK_BOX (self->bubble), self->receipt,
                              self->note ? gtk_widget_get_parent (self->note) : self->words);
}

static void
update (PmodMessageRow *self)
{
  PmodRun *run = pmod_message_get_run (self->message);
  const char *text = pmod_message_get_text (self->message);
  g_autofree char *name = NULL;

  name = g_strdup_printf (run ? _ ("Answer: %s") : _ ("Question: %s"), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  if (!run)
    return;
  pmod_markdown_set_text (PMOD_MARKDOWN (self->words), text, !pmod_run_is_finished (run));
  gtk_widget_set_visible (self->words, *text != '\0');
  update_note (self, run);
  update_receipt (self, run);
}

static void
update_shown (PmodMessageRow *self)
{
  if (pmod_message_get_shown (self->message))
    gtk_widget_add_css_class (self->bubble, "shown");
  else
    gtk_widget_remove_css_class (self->bubble, "shown");
}

/* Hundreds of widgets under a long answer, made when somebody wants to see them. */
static void
update_tokens (PmodMessageRow *self)
{
  gboolean shown = pmod_chat_tokens_get_answer (pmod_chat_tokens_of (self->chat)) == self->message;

  if (shown && !self->tokens)
    {
      self->tokens = pmod_token_view_new (self->chat, self->message);
      gtk_box_append (GTK_BOX (self->bubble), self->tokens);
    }
  else if (!shown && self->tokens)
    {
      gtk_box_remove (GTK_BOX (self->bubble), self->tokens);
      self->tokens = NULL;
    }
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

/* --- Size ------------------------------------------------------------------------------------ */

/* A question's bubble is as wide as its words. Said by "halign", GTK would look for the width that
 * fits its height, with a dozen layouts of the text. */
static int
get_bubble_width (PmodMessageRow *self, int width)
{
  int minimum, natural;

  gtk_widget_measure (self->bubble, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, &natural, NULL, NULL);
  return pmod_message_get_run (self->message) || pmod_message_row_get_editing (self)
             ? width
             : CLAMP (natural, MIN (minimum, width), width);
}

static void
pmod_message_row_measure (GtkWidget *widget,
                          GtkOrientation orientation,
                          int for_size,
                          int *minimum,
                          int *natural,
                          int *minimum_baseline,
                          int *natural_baseline)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (widget);

  if (orientation == GTK_ORIENTATION_VERTICAL && for_size >= 0)
    for_size = get_bubble_width (self, for_size);
  gtk_widget_measure (self->bubble, orientation, for_size, minimum, natural, NULL, NULL);
}

static void
pmod_message_row_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (widget);
  int taken = get_bubble_width (self, width);
  gboolean left = pmod_message_get_run (self->message) == NULL &&
                  gtk_widget_get_direction (widget) == GTK_TEXT_DIR_LTR;
  GtkAllocation box = { left ? width - taken : 0, 0, taken, height };

  gtk_widget_size_allocate (self->bubble, &box, -1);
}

static GtkSizeRequestMode
pmod_message_row_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_message_row_dispose (GObject *object)
{
  PmodMessageRow *self = PMOD_MESSAGE_ROW (object);

  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  g_clear_pointer (&self->bubble, gtk_widget_unparent);
  g_clear_object (&self->message);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_message_row_parent_class)->dispose (object);
}

static void
pmod_message_row_class_init (PmodMessageRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_message_row_dispose;
  widget_class->focus = pmod_message_row_focus;
  widget_class->measure = pmod_message_row_measure;
  widget_class->size_allocate = pmod_message_row_size_allocate;
  widget_class->get_request_mode = pmod_message_row_get_request_mode;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodMessageRow, bubble);
  gtk_widget_class_set_css_name (widget_class, "messagerow");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LIST_ITEM);
}

static void
pmod_message_row_init (PmodMessageRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
follow_answer (PmodMessageRow *self, PmodRun *run)
{
  g_signal_connect_object (run, "changed", G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->message, "notify::shown", G_CALLBACK (update_shown), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_chat_tokens_of (self->chat), "notify::answer",
                           G_CALLBACK (update_tokens), self, G_CONNECT_SWAPPED);
  update_shown (self);
  update_tokens (self);
}

GtkWidget *
pmod_message_row_new (PmodChat *chat, PmodMessage *message)
{
  PmodMessageRow *self = g_object_new (PMOD_TYPE_MESSAGE_ROW, NULL);
  PmodRun *run = pmod_message_get_run (message);

  self->chat = g_object_ref (chat);
  self->message = g_object_ref (message);
  gtk_widget_add_css_class (self->bubble, run ? "answer" : "question");
  pmod_message_pictures_add (GTK_BOX (self->bubble), message);
  self->words = run ? g_object_new (PMOD_TYPE_MARKDOWN, NULL)
                    : create_question (pmod_message_get_text (message));
  gtk_box_append (GTK_BOX (self->bubble), self->words);
  self->tools = pmod_message_tools_new (chat, message, self->words);
  gtk_box_append (GTK_BOX (self->bubble), self->tools);
  update (self);
  if (run)
    follow_answer (self, run);
  return GTK_WIDGET (self);
}

void
pmod_message_row_set_position (PmodMessageRow *self, guint position, guint n_messages)
{
  g_return_if_fail (PMOD_IS_MESSAGE_ROW (self));

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
  return pmod_message_tools_get_editing (PMOD_MESSAGE_TOOLS (self->tools));
}
