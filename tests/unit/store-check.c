/* See store-check.h. */
#include "config.h"

#include "store-check.h"

#include <glib/gstdio.h>

void
store_check_remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        store_check_remove_folder (path);
      else
        g_unlink (path);
    }
  g_rmdir (folder);
}

void
store_check_limit_files (rlim_t limit)
{
  struct rlimit rlimit;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &rlimit), ==, 0);
  rlimit.rlim_cur = limit;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &rlimit), ==, 0);
}

int
store_check_compare_times (const gint64 *a, const gint64 *b)
{
  return *a < *b ? -1 : *a > *b;
}

gboolean
store_check_keep_going (gpointer data)
{
  return G_SOURCE_CONTINUE;
}
