/* What writing and reading a saved run share. */
#pragma once

#include "pmod-archive.h"

G_BEGIN_DECLS

#define PMOD_ARCHIVE_SCHEMA 1
#define PMOD_ARCHIVE_SCHEMA_MORE 2 /* with more than one picture */
#define PMOD_ARCHIVE_KIND "strata-run"

#define PMOD_ARCHIVE_MANIFEST "manifest.json"
#define PMOD_ARCHIVE_TRACE "run.trace"
#define PMOD_ARCHIVE_CONVERSATION "conversation.json"
#define PMOD_ARCHIVE_SETTINGS "settings.json"
#define PMOD_ARCHIVE_PICTURE "picture.png"

/* "picture-2.png" of 0. (transfer full) */
char *pmod_archive_dup_more_name (int i);

/* What a member may have unpacked. Traces of the largest published models have 3 MB. */
#define PMOD_ARCHIVE_MAX_TEXT (16 * 1024 * 1024)
#define PMOD_ARCHIVE_MAX_TRACE (256 * 1024 * 1024)
#define PMOD_ARCHIVE_MAX_PICTURE (512 * 1024 * 1024)
#define PMOD_ARCHIVE_MAX_FILE (1024 * 1024 * 1024)

/* Lower-case hexadecimal digits of the SHA-256 of a picture's pixels. (transfer full) */
char *pmod_archive_hash_pixels (const PmodImage *image);

G_END_DECLS
