/* A drawing as pixels: cropped to its ink, square, in sizes that halve. Not here: where drawings
 * come from, how they are painted. */
#include "pmod-scene-private.h"

#include <string.h>

/* Alpha below this is no ink: the haze of soft shadows would make boxes too large. */
#define INK_ALPHA 24

typedef struct
{
  int x0, y0, x1, y1;
} Box;

static gboolean
find_ink (const guint8 *argb, int width, int height, int stride, Box *box)
{
  *box = (Box){ width, height, 0, 0 };
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (argb[(gsize)y * stride + 4 * (gsize)x + 3] >= INK_ALPHA)
        {
          box->x0 = MIN (box->x0, x);
          box->x1 = MAX (box->x1, x + 1);
          box->y0 = MIN (box->y0, y);
          box->y1 = MAX (box->y1, y + 1);
        }
  return box->x1 > box->x0;
}

/* Cairo's pixels are words: blue comes first in memory on little-endian machines. */
static void
read_pixel (const guint8 *at, float out[4])
{
  guint32 word;

  memcpy (&word, at, sizeof word);
  out[0] = (float)((word >> 16) & 255);
  out[1] = (float)((word >> 8) & 255);
  out[2] = (float)(word & 255);
  out[3] = (float)(word >> 24);
}

/* The square around the ink, at (u, v) in 0 .. SPRITE_SIZE of it, between four pixels. */
static void
sample (const guint8 *argb, int stride, const Box *box, int side, double u, double v, float out[4])
{
  double x = (box->x0 + box->x1 - side) / 2.0 + u * side / SPRITE_SIZE - 0.5;
  double y = (box->y0 + box->y1 - side) / 2.0 + v * side / SPRITE_SIZE - 0.5;
  int x0 = (int)(x + 4096) - 4096, y0 = (int)(y + 4096) - 4096;

  memset (out, 0, 4 * sizeof *out);
  for (int k = 0; k < 4; k++)
    {
      int px = x0 + (k & 1), py = y0 + (k >> 1);
      float weight = (float)(((k & 1) ? x - x0 : 1 - x + x0) * ((k >> 1) ? y - y0 : 1 - y + y0));
      float pixel[4];

      if (px < box->x0 || py < box->y0 || px >= box->x1 || py >= box->y1)
        continue;
      read_pixel (argb + (gsize)py * stride + 4 * (gsize)px, pixel);
      for (int c = 0; c < 4; c++)
        out[c] += weight * pixel[c];
    }
}

static void
halve (const guint8 *from, guint8 *to, int side)
{
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < 4; c++)
        {
          const guint8 *at = from + 4 * (gsize)(2 * y * 2 * side + 2 * x) + c;

          to[4 * (y * side + x) + c] =
              (guint8)((at[0] + at[4] + at[8 * side] + at[8 * side + 4] + 2) / 4);
        }
}

static void
find_mean (Sprite *self)
{
  double sum[4] = { 0 };

  for (int i = 0; i < SPRITE_SIZE * SPRITE_SIZE; i++)
    for (int c = 0; c < 4; c++)
      sum[c] += self->levels[0][4 * i + c];
  for (int c = 0; c < 3; c++)
    self->mean[c] = (guint8)(sum[3] > 0 ? 255 * sum[c] / sum[3] : 0);
}

Sprite *
sprite_new (const guint8 *argb, int width, int height, int stride)
{
  Sprite *self;
  Box box;
  int side;

  if (!find_ink (argb, width, height, stride, &box))
    return NULL;
  side = MAX (box.x1 - box.x0, box.y1 - box.y0);
  self = g_new0 (Sprite, 1);
  self->ink_w = MAX (1, (box.x1 - box.x0) * SPRITE_SIZE / side);
  self->ink_h = MAX (1, (box.y1 - box.y0) * SPRITE_SIZE / side);
  self->ink_x = (SPRITE_SIZE - self->ink_w) / 2;
  self->ink_y = (SPRITE_SIZE - self->ink_h) / 2;
  for (int level = 0; level < SPRITE_LEVELS; level++)
    self->levels[level] = g_malloc (4 * (gsize)(SPRITE_SIZE >> level) * (SPRITE_SIZE >> level));
  for (int y = 0; y < SPRITE_SIZE; y++)
    for (int x = 0; x < SPRITE_SIZE; x++)
      {
        float pixel[4];

        sample (argb, stride, &box, side, x + 0.5, y + 0.5, pixel);
        for (int c = 0; c < 4; c++)
          self->levels[0][4 * (y * SPRITE_SIZE + x) + c] = (guint8)(pixel[c] + 0.5f);
      }
  for (int level = 1; level < SPRITE_LEVELS; level++)
    halve (self->levels[level - 1], self->levels[level], SPRITE_SIZE >> level);
  find_mean (self);
  return self;
}

void
sprite_free (Sprite *self)
{
  if (self == NULL)
    return;
  for (int level = 0; level < SPRITE_LEVELS; level++)
    g_free (self->levels[level]);
  g_free (self);
}
