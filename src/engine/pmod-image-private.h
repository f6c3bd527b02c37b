/* What the files that make up PmodImage share. Not for anyone else. */
#pragma once

#include "pmod-image.h"

G_BEGIN_DECLS

/* Takes owner, which holds rgb [H,W,3] U8 and is let go of by release. */
PmodImage *pmod_image_new_take (
    int width, int height, const guint8 *rgb, gpointer owner, GDestroyNotify release);

/* The pixels of an encoded picture; name stands at the beginning of error messages. */
PmodImage *
pmod_image_decode (GBytes *bytes, const char *name, PmodImageFlags flags, GError **error);

/* A picture that lies on a larger canvas of one colour, resized as a whole, of which only a window
 * is wanted. Neither the canvas nor the rest of the result is ever built, so that a picture of
 * 1 x 1000000 costs no more than its own pixels. */
typedef struct
{
  int canvas_width;
  int canvas_height;
  int offset_x; /* of the picture on the canvas; the picture lies inside */
  int offset_y;
  guint8 colour[3];
  gint64 out_width; /* of the whole result */
  gint64 out_height;
  gint64 window_x;
  gint64 window_y;
  int window_width;
  int window_height;
} PmodResample;

/* rgb: [window_height, window_width, 3] U8. */
void pmod_image_resample (const PmodImage *self, const PmodResample *spec, guint8 *rgb);

G_END_DECLS
