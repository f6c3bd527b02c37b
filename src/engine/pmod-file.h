/* Opening of files that others wrote: regular files only, so that a pipe or a device in place of a
 * checkpoint cannot hang or drain the program. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

/* Maps a regular file of at most max_bytes, read-only. An empty file has NULL contents. A file that
 * another program cuts short while it is mapped still ends in SIGBUS at the first touch beyond its
 * new end; nothing here can prevent that. */
GMappedFile *pmod_file_map (const char *path, guint64 max_bytes, GError **error);

G_END_DECLS
