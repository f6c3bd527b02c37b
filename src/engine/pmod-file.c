/* See pmod-file.h. Knows nothing of what is in the files. */
#include "pmod-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
check_regular (int fd, const char *path, guint64 max_bytes, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot read: %s", path,
                   g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (st.st_mode))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: expected a file, got a %s", path,
                   S_ISDIR (st.st_mode) ? "directory" : "device, pipe or socket");
      return FALSE;
    }
  if ((guint64)st.st_size > max_bytes)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: expected at most %" G_GUINT64_FORMAT " bytes, got %" G_GUINT64_FORMAT, path,
                   max_bytes, (guint64)st.st_size);
      return FALSE;
    }
  return TRUE;
}

GMappedFile *
pmod_file_map (const char *path, guint64 max_bytes, GError **error)
{
  g_autoptr (GError) local = NULL;
  GMappedFile *map = NULL;
  /* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot open: %s", path,
                   g_strerror (errno));
      return NULL;
    }
  if (check_regular (fd, path, max_bytes, error))
    {
      map = g_mapped_file_new_from_fd (fd, FALSE, &local);
      if (!map)
        g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot map: %s", path, local->message);
    }
  close (fd);
  return map;
}
