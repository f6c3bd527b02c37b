/* PmodFrameLog: what the main thread's time goes to, line by line in a file.
 *
 * Not a widget and never seen: strata --frame-log. Times are those of g_get_monotonic_time(), in
 * microseconds; the manual page lists the lines. While it is there, the window's frame clock ticks
 * without pause, so that every gap between two ticks is time in which nothing could be drawn. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-session.h"

G_BEGIN_DECLS

typedef struct _PmodFrameLog PmodFrameLog;

/* One at a time. NULL and an error where the file cannot be written. */
PmodFrameLog *pmod_frame_log_new (GFile *file, PmodSession *session, GError **error);
void pmod_frame_log_free (PmodFrameLog *self);

/* From when it is on the screen to its end, which must come before that of the log. */
void pmod_frame_log_follow (PmodFrameLog *self, GtkWidget *window);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodFrameLog, pmod_frame_log_free)

G_END_DECLS
