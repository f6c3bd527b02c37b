/* PmodFrameLog: see pmod-frame-log.h.
 *
 * Main thread only. Lines are collected and written between runs, so that writing is not what is
 * measured. */
#include "config.h"

#include "pmod-frame-log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Shorter ones cannot make a frame late and would be most of the file. */
#define MIN_BUSY_US 2000

struct _PmodFrameLog
{
  GOutputStream *stream;
  PmodSession *session;
  GString *lines; /* not written yet */

  GPollFunc poll;
  gint64 woken_us; /* when the loop's last wait ended; 0: none has */
  gint64 woken_waited_us;
  gboolean running;
  int schedstat; /* of the main thread; -1: none */

  GtkWidget *window;
  GdkFrameClock *clock;
  gint64 tick_us; /* of the frame that is being made, or of the last one */
  gint64 gap_us;
  gint64 tick_waited_us;
  gint64 gap_waited_us;
  gboolean painted;
};

/* A loop's wait has no data of its own. */
static PmodFrameLog *the_log;

/* For how long the thread so far was ready and the processor with others: the second number of
 * proc(5)'s schedstat. 0 where the kernel does not tell. */
static gint64
get_waited_us (PmodFrameLog *self)
{
  char text[96];
  ssize_t n = self->schedstat >= 0 ? pread (self->schedstat, text, sizeof text - 1, 0) : 0;
  char *second;

  if (n <= 0)
    return 0;
  text[n] = '\0';
  second = strchr (text, ' ');
  return second ? g_ascii_strtoll (second, NULL, 10) / 1000 : 0;
}

static void
flush (PmodFrameLog *self)
{
  g_output_stream_write_all (self->stream, self->lines->str, self->lines->len, NULL, NULL, NULL);
  g_string_truncate (self->lines, 0);
}

static void
mark (PmodFrameLog *self, const char *what)
{
  g_string_append_printf (self->lines, "%s %" G_GINT64_FORMAT "\n", what, g_get_monotonic_time ());
}

/* --- The loop -------------------------------------------------------------------------------- */

/* From one wait's end to the next one's begin the main thread answers nobody. */
static int
poll_cb (GPollFD *fds, guint n_fds, int timeout)
{
  gint64 now_us = g_get_monotonic_time ();
  int n_ready;

  if (the_log->woken_us && now_us - the_log->woken_us >= MIN_BUSY_US)
    g_string_append_printf (the_log->lines,
                            "busy %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                            the_log->woken_us, now_us - the_log->woken_us,
                            get_waited_us (the_log) - the_log->woken_waited_us);
  if (!the_log->running && the_log->lines->len > 0)
    flush (the_log);
  n_ready = the_log->poll (fds, n_fds, timeout);
  the_log->woken_us = g_get_monotonic_time ();
  the_log->woken_waited_us = get_waited_us (the_log);
  return n_ready;
}

/* --- Runs and models ------------------------------------------------------------------------- */

static void
state_changed_cb (PmodFrameLog *self)
{
  gboolean running = pmod_session_get_state (self->session) == PMOD_SESSION_THINKING;

  if (running != self->running)
    mark (self, running ? "run-begin" : "run-end");
  self->running = running;
}

static void
model_changed_cb (PmodFrameLog *self)
{
  mark (self, "model");
}

/* --- Frames ---------------------------------------------------------------------------------- */

static void
before_paint_cb (PmodFrameLog *self)
{
  gint64 now_us = g_get_monotonic_time ();

  self->gap_us = self->tick_us ? now_us - self->tick_us : 0;
  self->tick_us = now_us;
  self->gap_waited_us = get_waited_us (self) - self->tick_waited_us;
  self->tick_waited_us += self->gap_waited_us;
}

static void
after_paint_cb (PmodFrameLog *self)
{
  gint64 now_us = g_get_monotonic_time ();

  if (!self->painted)
    mark (self, "window");
  self->painted = TRUE;
  g_string_append_printf (self->lines,
                          "frame %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                          " %" G_GINT64_FORMAT "\n",
                          self->tick_us, self->gap_us, self->gap_waited_us, now_us - self->tick_us);
}

static void
forget_clock (PmodFrameLog *self)
{
  if (!self->clock)
    return;
  g_signal_handlers_disconnect_by_data (self->clock, self);
  gdk_frame_clock_end_updating (self->clock);
  g_clear_object (&self->clock);
  self->tick_us = 0;
}

static void
mapped_cb (PmodFrameLog *self)
{
  forget_clock (self);
  self->clock = g_object_ref (gtk_widget_get_frame_clock (self->window));
  g_signal_connect_swapped (self->clock, "before-paint", G_CALLBACK (before_paint_cb), self);
  g_signal_connect_swapped (self->clock, "after-paint", G_CALLBACK (after_paint_cb), self);
  gdk_frame_clock_begin_updating (self->clock);
}

static void
window_gone_cb (gpointer data, GObject *window)
{
  PmodFrameLog *self = data;

  self->window = NULL;
}

static void
forget_window (PmodFrameLog *self)
{
  forget_clock (self);
  if (!self->window)
    return;
  g_signal_handlers_disconnect_by_data (self->window, self);
  g_object_weak_unref (G_OBJECT (self->window), window_gone_cb, self);
  self->window = NULL;
}

void
pmod_frame_log_follow (PmodFrameLog *self, GtkWidget *window)
{
  g_return_if_fail (GTK_IS_WINDOW (window));

  if (self->window == window)
    return;
  forget_window (self);
  self->window = window;
  g_object_weak_ref (G_OBJECT (window), window_gone_cb, self);
  g_signal_connect_swapped (window, "map", G_CALLBACK (mapped_cb), self);
  g_signal_connect_swapped (window, "unmap", G_CALLBACK (forget_clock), self);
  if (gtk_widget_get_mapped (window))
    mapped_cb (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

PmodFrameLog *
pmod_frame_log_new (GFile *file, PmodSession *session, GError **error)
{
  GFileOutputStream *stream = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, error);
  PmodFrameLog *self;

  g_return_val_if_fail (the_log == NULL, NULL);

  if (!stream)
    return NULL;
  self = g_new0 (PmodFrameLog, 1);
  self->stream = G_OUTPUT_STREAM (stream);
  self->session = g_object_ref (session);
  self->lines = g_string_new (NULL);
  self->schedstat = open ("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  mark (self, "begin");
  g_signal_connect_swapped (session, "notify::state", G_CALLBACK (state_changed_cb), self);
  g_signal_connect_swapped (session, "notify::model", G_CALLBACK (model_changed_cb), self);
  the_log = self;
  self->poll = g_main_context_get_poll_func (NULL);
  g_main_context_set_poll_func (NULL, poll_cb);
  return self;
}

void
pmod_frame_log_free (PmodFrameLog *self)
{
  g_main_context_set_poll_func (NULL, self->poll);
  the_log = NULL;
  forget_window (self);
  g_signal_handlers_disconnect_by_data (self->session, self);
  g_object_unref (self->session);
  flush (self);
  g_output_stream_close (self->stream, NULL, NULL);
  g_object_unref (self->stream);
  if (self->schedstat >= 0)
    close (self->schedstat);
  g_string_free (self->lines, TRUE);
  g_free (self);
}
