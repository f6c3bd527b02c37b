/* The engine's side of a picture, and pictures from pixels: for the bridge only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

PmodImage *pmod_picture_get_image (PmodPicture *self);

/* The file that it was read from; as PNG where it was none. Any thread; encoding takes a while.
 * (transfer full) */
GBytes *pmod_picture_encode (PmodPicture *self, GError **error);

/* Copies rows of RGB8, row_stride bytes apart. Any thread; the picture is immutable. */
PmodPicture *
pmod_picture_new_rgb (const char *name, int width, int height, gsize row_stride, const guint8 *rgb);

G_END_DECLS
