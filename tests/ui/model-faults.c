/* To be preloaded: a machine with as much memory as the file says that STRATA_MEMINFO names, in the
 * words of /proc/meminfo, and a disk that gives no weights while the file is there that STRATA_HOLD
 * names. Both may change at any time. */

/* Both of open and open64, as they are called. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *
find_next (const char *name)
{
  return dlsym (RTLD_NEXT, name);
}

static const char *
get_path (const char *path)
{
  const char *other = getenv ("STRATA_MEMINFO");

  return other && strcmp (path, "/proc/meminfo") == 0 ? other : path;
}

static void
wait_for_weights (const char *path)
{
  static const char weights[] = ".safetensors";
  const char *hold = getenv ("STRATA_HOLD");
  size_t length = strlen (path);

  if (hold && length > sizeof weights - 1 &&
      strcmp (path + length - (sizeof weights - 1), weights) == 0)
    while (access (hold, F_OK) == 0)
      usleep (10 * 1000);
}

FILE *
fopen (const char *restrict path, const char *restrict mode)
{
  static FILE *(*real) (const char *, const char *);

  if (!real)
    *(void **)&real = find_next ("fopen");
  return real (get_path (path), mode);
}

FILE *
fopen64 (const char *restrict path, const char *restrict mode)
{
  return fopen (path, mode);
}

int
open (const char *path, int flags, ...)
{
  static int (*real) (const char *, int, ...);
  int mode = 0;
  va_list list;

  va_start (list, flags);
  if (flags & (O_CREAT | O_TMPFILE))
    mode = va_arg (list, int);
  va_end (list);
  if (!real)
    *(void **)&real = find_next ("open");
  wait_for_weights (path);
  return real (path, flags, mode);
}

/* The same where an offset has 64 bits anyway. */
int open64 (const char *path, int flags, ...) __attribute__ ((alias ("open")));
