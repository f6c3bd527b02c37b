/* A saved run: picture, conversation, settings and trace in one file, NAME.strata, that needs no
 * model to be looked at. Bytes in, values out; nothing is ever unpacked to a disk.
 *
 * The file is a zip whose first member, manifest.json, names every other one with its size and
 * SHA-256, and says which program, device and model made the run:
 *
 *   { "schema": 1, "kind": "strata-run", "created": ISO 8601, "strata": version,
 *     "engine": { "version", "device", "precision" },
 *     "model": { "name", "config_sha256" },
 *     "picture": { "name", "width", "height", "rgb_sha256" } or null,
 *     "more_pictures": [ the same ],                    only where there are some, then schema 2
 *     "members": [ { "name", "size", "sha256" } ] }
 *
 *   run.trace           the bytes that "pmod run --trace" writes
 *   conversation.json   { "turns": [ { "question", "answer" } ] }, the last one is the trace's run
 *   settings.json       an object: what the run was asked to do
 *   picture.png         the picture's pixels, as the model got them; only where there is one
 *   picture-2.png ...   those that came with later questions, in the prompt's order
 *
 * A reader believes nothing: sizes are checked before anything is unpacked and while it is, names
 * are those above and come once, every hash is computed again. */
#pragma once

#include "pmod-image.h"

G_BEGIN_DECLS

#define PMOD_ARCHIVE_SUFFIX ".strata"
#define PMOD_ARCHIVE_MAX_MORE 15

typedef struct
{
  GBytes *trace;      /* a trace file, magic included */
  GBytes *records;    /* of trace, checked; only read */
  PmodImage *image;   /* nullable */
  char *picture_name; /* nullable */
  GPtrArray *more;    /* PmodImage, behind image; nullable */
  char **more_names;  /* of them; nullable */
  char **texts;       /* question, answer, ...; may be empty */
  char *settings;     /* JSON text, an object */

  /* Facts; each nullable where it is not known. */
  char *created;
  char *version;
  char *device;
  char *precision;
  char *model;
  char *config_sha256;
} PmodArchive;

PmodArchive *pmod_archive_new (void);
void pmod_archive_free (PmodArchive *self);

/* version and created are filled in where they are NULL; so are settings, from the trace. */
GBytes *pmod_archive_write (PmodArchive *self, GError **error);

/* As a PNG file, to the pixel. */
GBytes *pmod_archive_encode_picture (const PmodImage *image, GError **error);

/* name stands in messages. */
PmodArchive *pmod_archive_read (GBytes *bytes, const char *name, GError **error);
PmodArchive *pmod_archive_load (const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodArchive, pmod_archive_free)

G_END_DECLS
