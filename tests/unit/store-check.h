/* What the tests of what is kept on disk share: a folder that goes, a loop that waits, a disk that
 * is full. */
#pragma once

#include <glib.h>
#include <sys/resource.h>

G_BEGIN_DECLS

/* With all that is in it. */
void store_check_remove_folder (const char *folder);

/* No file may grow beyond limit: what a full disk does, without one. RLIM_INFINITY: as before. */
void store_check_limit_files (rlim_t limit);

/* Of gint64, for g_array_sort(). */
int store_check_compare_times (const gint64 *a, const gint64 *b);

/* For a timer that only makes the main loop turn. */
gboolean store_check_keep_going (gpointer data);

/* Runs the main loop until what holds, for a minute at most. */
#define store_check_wait(what)                                                                     \
  do                                                                                               \
    {                                                                                              \
      gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;                              \
      guint timer = g_timeout_add (10, store_check_keep_going, NULL);                              \
                                                                                                   \
      while (!(what) && g_get_monotonic_time () < end)                                             \
        g_main_context_iteration (NULL, TRUE);                                                     \
      g_source_remove (timer);                                                                     \
      g_assert_true (what);                                                                        \
    }                                                                                              \
  while (0)

G_END_DECLS
