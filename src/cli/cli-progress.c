/* One line on standard error about long work. On a terminal it is drawn over itself; elsewhere a
 * new line follows each tenth. */
#include "cli.h"

#include <stdio.h>
#include <unistd.h>

#define SILENT_US G_USEC_PER_SEC /* work that takes less says nothing */
#define REDRAW_US (G_USEC_PER_SEC / 10)

struct _CliProgress
{
  gboolean enabled;
  gboolean is_terminal;
  gboolean is_shown;
  gint64 begin_us;
  gint64 drawn_us;
  gint64 tenth; /* last one printed where it is no terminal */
};

CliProgress *
cli_progress_new (gboolean always)
{
  CliProgress *self = g_new0 (CliProgress, 1);

  self->is_terminal = isatty (STDERR_FILENO);
  self->enabled = always || self->is_terminal;
  cli_progress_begin (self);
  return self;
}

void
cli_progress_begin (CliProgress *self)
{
  self->begin_us = g_get_monotonic_time ();
  self->drawn_us = 0;
  self->tenth = -1;
}

static gboolean
is_due (CliProgress *self, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();
  gint64 tenth = total > 0 ? (gint64)(10.0 * (double)done / (double)total) : 0;

  if (!self->enabled || now - self->begin_us < SILENT_US)
    return FALSE;
  if (self->is_terminal ? now - self->drawn_us < REDRAW_US : tenth == self->tenth)
    return FALSE;
  self->drawn_us = now;
  self->tenth = tenth;
  return TRUE;
}

void
cli_progress_update (
    CliProgress *self, const char *what, guint64 done, guint64 total, gboolean unit_bytes)
{
  g_autofree char *done_text = NULL;
  g_autofree char *total_text = NULL;

  if (!is_due (self, done, total))
    return;
  if (unit_bytes)
    {
      done_text = cli_format_bytes ((double)done);
      total_text = cli_format_bytes ((double)total);
    }
  else
    {
      done_text = g_strdup_printf ("%" G_GUINT64_FORMAT, done);
      total_text = g_strdup_printf ("%" G_GUINT64_FORMAT, total);
    }
  fprintf (stderr, "%s%s: %s", self->is_terminal ? "\r\033[K" : "", what, done_text);
  if (total > 0)
    fprintf (stderr, " of %s, %.0f %%", total_text, 100.0 * (double)done / (double)total);
  if (!self->is_terminal)
    fputc ('\n', stderr);
  fflush (stderr);
  self->is_shown = TRUE;
}

void
cli_progress_end (CliProgress *self)
{
  if (self->is_shown && self->is_terminal)
    {
      fputs ("\r\033[K", stderr);
      fflush (stderr);
    }
  self->is_shown = FALSE;
}

void
cli_progress_note_device (CliProgress *self, const PmodModel *model)
{
  const char *fallback = pmod_model_get_fallback (model);

  if (fallback != NULL && self->is_terminal)
    fprintf (stderr, "On the CPU, not on %s\n", fallback);
}

void
cli_progress_free (CliProgress *self)
{
  cli_progress_end (self);
  g_free (self);
}

gboolean
cli_progress_func (const char *what, guint64 done, guint64 total, gpointer user_data)
{
  cli_progress_update (user_data, what, done, total, TRUE);
  return !cli_interrupt_pending ();
}
