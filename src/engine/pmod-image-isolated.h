/* Pictures decoded in a process of their own, which has no files, no network and little memory:
 * for pictures that come from anywhere. A file that crashes, hangs or takes over a decoder becomes
 * an error. The results are those of pmod_image_load(), to the byte.
 *
 * There is no falling back: without the program nothing is decoded. It is pmod-picture-decoder,
 * from the build tree for programs that run there, else where it was installed. */
#pragma once

#include <gio/gio.h>

#include "pmod-image.h"

G_BEGIN_DECLS

typedef struct
{
  const char *program; /* NULL: as above */
  guint timeout_ms;    /* 0: a minute */
} PmodImageIsolation;

/* Both block; isolation and cancellable may be NULL. PMOD_ERROR_CANCELLED where it was. */
PmodImage *pmod_image_load_isolated (const char *path,
                                     PmodImageFlags flags,
                                     const PmodImageIsolation *isolation,
                                     GCancellable *cancellable,
                                     GError **error);
PmodImage *pmod_image_load_bytes_isolated (GBytes *bytes,
                                           PmodImageFlags flags,
                                           const PmodImageIsolation *isolation,
                                           GCancellable *cancellable,
                                           GError **error);

/* As pmod_image_load_isolated(); *bytes is what was decoded, where there is no error. */
PmodImage *pmod_image_load_isolated_keeping (const char *path,
                                             PmodImageFlags flags,
                                             const PmodImageIsolation *isolation,
                                             GCancellable *cancellable,
                                             GBytes **bytes,
                                             GError **error);

G_END_DECLS
