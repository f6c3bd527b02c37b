/* A conversation of 2,000 messages in the window's own pane, without a model.
 *
 *   long-chat measure LIMIT_MS     what opening, scrolling and streaming take of the main thread
 *   long-chat show FILE...         one question, and each file as an answer; waits to be closed
 *   long-chat stream FILE TOKENS_S the file as an answer that grows from Ctrl+G on; waits as well
 *
 * What the thread worked is held against the limit, for the time is also that of whoever else uses
 * the machine. Ends with 1 where something took longer, or where the list was not where it should
 * be. */
#include "config.h"

#include <adwaita.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pmod-chat-pane.h"
#include "pmod-engine.h"
#include "pmod-run-private.h"

#define N_MESSAGES 2000
#define WIDTH 400
#define HEIGHT 700
#define STEP 450 /* pixels a frame: 2,000 messages in ten seconds */
#define TOKENS_S 200
#define STREAM_S 5

typedef struct
{
  double work_ms; /* of this thread */
  double time_ms;
} Span;

static GMainLoop *loop;
static PmodChat *chat;
static GtkWidget *window;
static GtkAdjustment *adjustment;
static GtkWidget *list;

static Span
now (void)
{
  struct timespec work;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &work);
  return (Span){ (double)work.tv_sec * 1e3 + (double)work.tv_nsec / 1e6,
                 (double)g_get_monotonic_time () / 1e3 };
}

static Span
since (Span start)
{
  Span end = now ();

  return (Span){ end.work_ms - start.work_ms, end.time_ms - start.time_ms };
}

/* --- Conversations --------------------------------------------------------------------------- */

static const char *const answers[] = {
  "A yellow star.",
  "There are **three** things to see:\n\n1. a *red* circle at the left,\n2. a tree, "
  "see [what a tree is](https://example.org/tree?a=1&b=2),\n3. a `square`.\n\n"
  "The circle is the largest of them, and nothing lies before it.",
  "## What is where\n\nThe picture is divided in four:\n\n- top left: sky\n- top right: sky, and a "
  "cloud\n  - which is white\n  - and small\n- below: grass\n\n> Nothing is written anywhere.\n\n"
  "So there is little to read.",
  "It can be counted like this:\n\n```python\nfor shape in picture.shapes:\n"
  "    if shape.color == \"red\":\n        count += 1  # a comment that is longer than the "
  "window is wide, so that it scrolls\nprint(count)\n```\n\nwhich gives 4.",
  "The rocket stands on the ground, the ring is above it. Its window is round and blue, and so is "
  "the ring's stone. Behind both is a hill with two trees, one of which is half hidden. There are "
  "no people, no animals and no letters. The light comes from the left.",
};

static PmodMessage *
make_answer (const char *text)
{
  g_autoptr (PmodRun) run = pmod_run_new ();

  pmod_run_finish (run, PMOD_RUN_DONE, text, NULL);
  return pmod_message_new_answer (run, NULL);
}

static GPtrArray *
make_messages (int n)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < n / 2; i++)
    {
      g_autofree char *question = g_strdup_printf ("Question %d: what is in this picture?", i + 1);
      const char *answer = answers[(gsize)i % G_N_ELEMENTS (answers)];

      g_ptr_array_add (messages, pmod_message_new_question (question));
      g_ptr_array_add (messages, make_answer (answer));
    }
  return messages;
}

static void
open_messages (GPtrArray *messages)
{
  pmod_chat_restore (chat, NULL, messages);
}

/* --- Frames ---------------------------------------------------------------------------------- */

static Span frame_start, frame, longest;
static int n_frames;

static void
before_paint_cb (void)
{
  frame_start = now ();
}

static void
after_paint_cb (void)
{
  frame = since (frame_start);
  if (frame.work_ms > longest.work_ms)
    longest.work_ms = frame.work_ms;
  if (frame.time_ms > longest.time_ms)
    longest.time_ms = frame.time_ms;
  n_frames++;
  g_main_loop_quit (loop);
}

static void
forget_frames (void)
{
  longest = (Span){ 0, 0 };
  n_frames = 0;
}

static void
next_frame (void)
{
  gtk_widget_queue_draw (window);
  g_main_loop_run (loop);
}

static GtkWidget *
find (GtkWidget *widget, const char *css_name)
{
  GtkWidget *found = NULL;

  if (strcmp (gtk_widget_get_css_name (widget), css_name) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child && !found;
       child = gtk_widget_get_next_sibling (child))
    found = find (child, css_name);
  return found;
}

static gboolean
close_cb (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  gtk_window_destroy (GTK_WINDOW (window));
  return TRUE;
}

static void
add_key (const char *trigger, GtkShortcutFunc function)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  gtk_shortcut_controller_set_scope (GTK_SHORTCUT_CONTROLLER (controller),
                                     GTK_SHORTCUT_SCOPE_GLOBAL);
  gtk_shortcut_controller_add_shortcut (
      GTK_SHORTCUT_CONTROLLER (controller),
      gtk_shortcut_new (gtk_shortcut_trigger_parse_string (trigger),
                        gtk_callback_action_new (function, NULL, NULL)));
  gtk_widget_add_controller (window, controller);
}

static void
open_window (int width, int height)
{
  GtkWidget *pane = g_object_new (PMOD_TYPE_CHAT_PANE, "chat", chat, NULL);
  g_autoptr (GtkCssProvider) provider = gtk_css_provider_new ();
  GdkFrameClock *clock;

  gtk_css_provider_load_from_resource (provider, "/io/github/strata/Strata/style.css");
  gtk_style_context_add_provider_for_display (gdk_display_get_default (),
                                              GTK_STYLE_PROVIDER (provider),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  window = gtk_window_new ();
  gtk_window_set_title (GTK_WINDOW (window), "long-chat");
  gtk_widget_add_css_class (pane, "side");
  gtk_window_set_default_size (GTK_WINDOW (window), width, height);
  gtk_window_set_child (GTK_WINDOW (window), pane);
  add_key ("<Control>q", close_cb);
  list = find (pane, "messagelist");
  g_object_get (list, "vadjustment", &adjustment, NULL);
  gtk_window_present (GTK_WINDOW (window));
  gtk_widget_activate_action (pane, "chat.write", NULL);
  clock = gtk_widget_get_frame_clock (window);
  g_signal_connect (clock, "before-paint", G_CALLBACK (before_paint_cb), NULL);
  g_signal_connect (clock, "after-paint", G_CALLBACK (after_paint_cb), NULL);
}

static gboolean
report (const char *what, Span span, double limit)
{
  g_print ("%-42s worked %6.2f ms, took %6.2f ms\n", what, span.work_ms, span.time_ms);
  return span.work_ms <= limit;
}

static gboolean
expect (gboolean holds, const char *what)
{
  if (!holds)
    g_print ("expected, but not so: %s\n", what);
  return holds;
}

static gboolean
is_at_end (void)
{
  return gtk_adjustment_get_value (adjustment) + gtk_adjustment_get_page_size (adjustment) >=
         gtk_adjustment_get_upper (adjustment) - 1;
}

static int
count_rows (void)
{
  int n = 0;

  for (GtkWidget *row = gtk_widget_get_first_child (list); row;
       row = gtk_widget_get_next_sibling (row))
    n++;
  return n;
}

/* --- Measuring ------------------------------------------------------------------------------- */

static gboolean
measure_opening (double limit)
{
  g_autoptr (GPtrArray) messages = make_messages (N_MESSAGES);
  Span start = now ();
  gboolean fine;

  open_messages (messages);
  next_frame ();
  next_frame ();
  fine = report ("opened and drawn", since (start), limit);
  g_print ("%d messages, %d of them widgets\n", N_MESSAGES, count_rows ());
  fine &= expect (count_rows () > 3 && count_rows () < 60, "widgets for what is near only");
  return expect (is_at_end (), "the newest message is in sight") && fine;
}

/* Where a row that was in sight before stands now, beside where it should. */
static gboolean
scroll_step (double by)
{
  double value = gtk_adjustment_get_value (adjustment);
  GtkWidget *row = NULL;
  graphene_rect_t before, after;
  double moved;

  for (row = gtk_widget_get_first_child (list); row; row = gtk_widget_get_next_sibling (row))
    if (gtk_widget_compute_bounds (row, list, &before) &&
        before.origin.y + before.size.height > 0 && before.origin.y < HEIGHT / 4)
      break;
  gtk_adjustment_set_value (adjustment, value + by);
  moved = gtk_adjustment_get_value (adjustment) - value;
  next_frame ();
  if (!row || !gtk_widget_get_parent (row) || !gtk_widget_compute_bounds (row, list, &after))
    return FALSE;
  return fabs (before.origin.y - moved - after.origin.y) <= 1.5;
}

static gboolean
measure_scrolling (double limit)
{
  Span start = now ();
  gboolean fine, calm = TRUE;
  char *what;

  forget_frames ();
  while (gtk_adjustment_get_value (adjustment) > gtk_adjustment_get_lower (adjustment) + 0.5 &&
         n_frames < 4000)
    calm &= scroll_step (-STEP);
  what = g_strdup_printf ("scrolled to the start, %d frames, longest", n_frames);
  fine = report (what, longest, limit);
  g_free (what);
  g_print ("all of it: worked %.0f ms, %.2f ms a frame\n", since (start).work_ms,
           since (start).work_ms / n_frames);
  fine &= expect (calm, "what was in sight moved by as much as was scrolled");
  fine &= expect (n_frames > 300, "there was something to scroll");
  forget_frames ();
  for (int i = 0; i < 100; i++)
    calm &= scroll_step (STEP);
  fine &= report ("100 frames back, longest", longest, limit);
  return expect (calm, "and also back") && fine;
}

/* --- Streaming ------------------------------------------------------------------------------- */

static GPollFunc real_poll;
static Span woken, longest_busy;
static gboolean polling;

static int
poll_cb (GPollFD *fds, guint n_fds, int timeout)
{
  Span busy = since (woken);
  int n_ready;

  if (polling && busy.work_ms > longest_busy.work_ms)
    longest_busy.work_ms = busy.work_ms;
  if (polling && busy.time_ms > longest_busy.time_ms)
    longest_busy.time_ms = busy.time_ms;
  n_ready = real_poll (fds, n_fds, timeout);
  woken = now ();
  polling = TRUE;
  return n_ready;
}

typedef struct
{
  PmodRun *run;
  PmodTrace *trace;
  GByteArray *records;
  char *text;
  gsize at;
  int n_tokens;
  gint64 start_us;
  int tokens_s;
} Stream;

static Stream stream;

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

/* The next few letters, as a token brings them. */
static void
append_token (void)
{
  const char *text = stream.text + stream.at;
  const char *end = text;
  PmodRecordToken *token;
  g_autoptr (GBytes) bytes = NULL;

  for (int i = 0; i < 4 && *end; i++)
    end = g_utf8_next_char (end);
  token =
      pmod_trace_append (stream.trace, PMOD_RECORD_TOKEN, -1, sizeof *token + (gsize)(end - text));
  token->index = stream.n_tokens++;
  token->text_bytes = (gint32)(end - text);
  memcpy (token->alternatives, text, (gsize)(end - text));
  pmod_trace_commit (stream.trace, token);
  stream.at += (gsize)(end - text);
  bytes = g_bytes_new (stream.records->data, stream.records->len);
  g_byte_array_set_size (stream.records, 0);
  pmod_run_append (stream.run, bytes);
}

static gboolean
stream_cb (gpointer user_data)
{
  double elapsed_s = (double)(g_get_monotonic_time () - stream.start_us) / 1e6;

  while (stream.n_tokens < elapsed_s * stream.tokens_s && stream.text[stream.at])
    append_token ();
  if (stream.text[stream.at])
    return G_SOURCE_CONTINUE;
  pmod_run_finish (stream.run, PMOD_RUN_DONE, NULL, NULL);
  if (user_data)
    g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
begin_stream (const char *text, int tokens_s)
{
  GListStore *messages = G_LIST_STORE (pmod_chat_get_messages (chat));
  g_autoptr (PmodMessage) question = pmod_message_new_question ("And now?");
  g_autoptr (PmodMessage) answer = NULL;
  PmodRecordRunBegin *begin;

  stream = (Stream){ .tokens_s = tokens_s };
  stream.run = pmod_run_new ();
  stream.records = g_byte_array_new ();
  stream.trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, stream.records);
  stream.text = g_strdup (text);
  pmod_trace_begin_run (stream.trace);
  begin = pmod_trace_append (stream.trace, PMOD_RECORD_RUN_BEGIN, -1,
                             sizeof *begin + 2 * sizeof (double));
  begin->n_layers = 2;
  begin->n_tokens = 60;
  begin->context_length = 4096;
  begin->hidden = begin->n_kv_heads = begin->head_dim = begin->kv_element_bytes = 2;
  pmod_trace_commit (stream.trace, begin);
  answer = pmod_message_new_answer (stream.run, NULL);
  g_list_store_append (messages, question);
  g_list_store_append (messages, answer);
  g_signal_emit_by_name (chat, "answering", question, answer, FALSE);
  stream.start_us = g_get_monotonic_time ();
}

static void
end_stream (void)
{
  pmod_trace_free (stream.trace);
  g_byte_array_unref (stream.records);
  g_object_unref (stream.run);
  g_free (stream.text);
}

/* As many tokens as STREAM_S seconds bring, of everything that an answer may hold. */
static char *
make_long_answer (void)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; text->len < 4 * TOKENS_S * STREAM_S; i++)
    g_string_append_printf (text, "%s\n\n", answers[i % G_N_ELEMENTS (answers)]);
  g_string_truncate (text, 4 * TOKENS_S * STREAM_S);
  return g_string_free (text, FALSE);
}

/* scrolls: the user reads something else meanwhile. */
static gboolean
measure_stream (const char *what, gboolean scrolls, double limit)
{
  g_autoptr (GMainLoop) streaming = g_main_loop_new (NULL, FALSE);
  g_autofree char *text = make_long_answer ();
  double value;
  Span start = now ();
  gboolean fine;

  begin_stream (text, TOKENS_S * (scrolls ? 4 : 1));
  if (scrolls)
    gtk_adjustment_set_value (adjustment, gtk_adjustment_get_value (adjustment) - HEIGHT / 6);
  next_frame ();
  value = gtk_adjustment_get_value (adjustment);
  longest_busy = (Span){ 0, 0 };
  polling = FALSE;
  forget_frames ();
  g_timeout_add (5, stream_cb, streaming);
  g_main_loop_run (streaming);
  fine = report (what, longest_busy, limit);
  g_print ("%d tokens, %d frames, %.0f %% of the thread\n", stream.n_tokens, n_frames,
           100 * since (start).work_ms / since (start).time_ms);
  next_frame ();
  fine &= expect (n_frames > STREAM_S, "frames while it streams");
  fine &= expect (scrolls || is_at_end (), "the end stays in sight");
  fine &= expect (!scrolls || gtk_adjustment_get_value (adjustment) == value,
                  "what is read does not move");
  end_stream ();
  return fine;
}

/* --- Programs -------------------------------------------------------------------------------- */

static int
measure (double limit)
{
  gboolean fine;

  open_window (WIDTH, HEIGHT);
  for (int i = 0; i < 3; i++)
    next_frame ();
  real_poll = g_main_context_get_poll_func (NULL);
  g_main_context_set_poll_func (NULL, poll_cb);
  fine = measure_opening (4 * limit);
  fine &= measure_stream ("streaming at the end, longest stretch", FALSE, limit);
  fine &= measure_stream ("streaming out of sight, longest stretch", TRUE, limit);
  fine &= measure_scrolling (limit);
  pmod_chat_clear (chat);
  gtk_window_destroy (GTK_WINDOW (window));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return fine ? 0 : 1;
}

static gboolean
go_cb (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  g_autofree char *text = g_steal_pointer (&stream.text);

  begin_stream (text, stream.tokens_s);
  g_timeout_add (5, stream_cb, NULL);
  return TRUE;
}

static int
show (int n_files, char *files[], int tokens_s)
{
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *size = g_strdup (g_getenv ("LONG_CHAT_SIZE"));
  int width = WIDTH, height = HEIGHT;

  if (size)
    {
      width = atoi (size);
      height = strchr (size, 'x') ? atoi (strchr (size, 'x') + 1) : HEIGHT;
    }
  for (int i = 0; i < n_files; i++)
    {
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (files[i], &text, NULL, NULL));
      if (tokens_s == 0)
        {
          g_ptr_array_add (messages, pmod_message_new_question ("What is *this*?"));
          g_ptr_array_add (messages, make_answer (text));
          continue;
        }
      open_window (width, height);
      add_key ("<Control>g", go_cb);
      stream = (Stream){ .text = g_steal_pointer (&text), .tokens_s = tokens_s };
    }
  if (tokens_s == 0)
    {
      open_messages (messages);
      open_window (width, height);
    }
  while (g_list_model_get_n_items (gtk_window_get_toplevels ()) > 0)
    g_main_context_iteration (NULL, TRUE);
  return 0;
}

int
main (int argc, char *argv[])
{
  g_autoptr (PmodSession) session = NULL;
  int code = 2;

  adw_init ();
  loop = g_main_loop_new (NULL, FALSE);
  session = pmod_session_new ();
  chat = pmod_chat_new (session);
  if (argc == 3 && strcmp (argv[1], "measure") == 0)
    code = measure (g_ascii_strtod (argv[2], NULL));
  else if (argc >= 3 && strcmp (argv[1], "show") == 0)
    code = show (argc - 2, argv + 2, 0);
  else if (argc == 4 && strcmp (argv[1], "stream") == 0)
    code = show (1, argv + 2, atoi (argv[3]));
  g_clear_object (&adjustment);
  g_assert_finalize_object (chat);
  g_main_loop_unref (loop);
  return code;
}
