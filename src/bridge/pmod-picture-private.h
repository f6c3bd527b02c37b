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

/* Several that are asked about together, in the order in which they were shown: to whoever shows it
 * it is the first of them. Of one, that one. pictures: PmodPicture, each alone. (transfer full) */
PmodPicture *pmod_picture_join (GPtrArray *pictures);
guint pmod_picture_get_n_parts (PmodPicture *self); /* one alone is its own part */
PmodPicture *pmod_picture_get_part (PmodPicture *self, guint i);

/* Whether both are of the same parts; nullable. */
gboolean pmod_picture_is_same (PmodPicture *a, PmodPicture *b);

/* PmodImage, of all parts; NULL of NULL. (transfer full) */
GPtrArray *pmod_picture_collect_images (PmodPicture *self);

G_END_DECLS
