/* Paints drawings onto pixels and remembers whose ink lies where. Not here: what is painted and
 * where. Its arithmetic is its own, so that the same picture has the same bytes anywhere. */
#include "pmod-scene-private.h"

#include <math.h>
#include <string.h>

#define PATCH PMOD_SCENE_PATCH

/* A drawing at its size and angle, with a margin for what lies around it. */
typedef struct
{
  int x, y; /* of the first pixel, on the canvas */
  int side;
  guint8 *rgba; /* [side, side, 4], premultiplied */
} Layer;

void
stroke_init (Stroke *self)
{
  memset (self, 0, sizeof *self);
  for (int c = 0; c < 3; c++)
    self->colour[c][c] = 1;
}

static guint8
clamp_byte (float value)
{
  return value <= 0 ? 0 : value >= 255 ? 255 : (guint8)(value + 0.5f);
}

/* Between four pixels of a level; nothing lies beyond its edge. */
static void
sample (const guint8 *level, int side, double x, double y, float out[4])
{
  int x0 = (int)floor (x), y0 = (int)floor (y);
  float fx = (float)(x - x0), fy = (float)(y - y0);

  memset (out, 0, 4 * sizeof *out);
  for (int k = 0; k < 4; k++)
    {
      int px = x0 + (k & 1), py = y0 + (k >> 1);
      float weight = ((k & 1) ? fx : 1 - fx) * ((k >> 1) ? fy : 1 - fy);

      if (px < 0 || py < 0 || px >= side || py >= side)
        continue;
      for (int c = 0; c < 4; c++)
        out[c] += weight * level[4 * (py * side + px) + c];
    }
}

static void
recolour (const Stroke *stroke, float pixel[4])
{
  float from[3] = { pixel[0], pixel[1], pixel[2] };

  for (int c = 0; c < 3; c++)
    if (stroke->solid)
      pixel[c] = pixel[3] * stroke->fill[c] / 255.0f;
    else
      pixel[c] = CLAMP (stroke->colour[c][0] * from[0] + stroke->colour[c][1] * from[1] +
                            stroke->colour[c][2] * from[2],
                        0, pixel[3]);
}

/* Turning would carry corners out of the square: the drawing shrinks so that they stay inside. */
static Layer
render (const Sprite *sprite, const Stroke *stroke)
{
  double turn = fabs (cos (stroke->angle)) + fabs (sin (stroke->angle));
  double scale = SPRITE_SIZE * turn / stroke->size;
  int level = CLAMP ((int)floor (log2 (scale) + 0.5 + stroke->bias), 0, SPRITE_LEVELS - 1);
  int margin = stroke->outline + 1, level_side = SPRITE_SIZE >> level;
  double step = scale / (1 << level);
  double co = cos (stroke->angle) * step, si = sin (stroke->angle) * step;
  Layer layer = { (int)floor (stroke->x) - margin, (int)floor (stroke->y) - margin };
  double cx = stroke->x + stroke->size / 2 - layer.x, cy = stroke->y + stroke->size / 2 - layer.y;

  layer.side = (int)ceil (stroke->size) + 2 * margin + 1;
  layer.rgba = g_malloc (4 * (gsize)layer.side * layer.side);
  for (int y = 0; y < layer.side; y++)
    for (int x = 0; x < layer.side; x++)
      {
        double dx = x + 0.5 - cx, dy = y + 0.5 - cy;
        double u = co * dx + si * dy, v = co * dy - si * dx;
        float pixel[4];
        guint8 *to = layer.rgba + 4 * (y * layer.side + x);

        sample (sprite->levels[level], level_side, (stroke->flip ? -u : u) + level_side / 2.0 - 0.5,
                v + level_side / 2.0 - 0.5, pixel);
        recolour (stroke, pixel);
        for (int c = 0; c < 4; c++)
          to[c] = clamp_byte (pixel[c]);
      }
  return layer;
}

/* The greatest alpha within `reach` pixels, along rows and then along columns. */
static guint8 *
widen (const Layer *layer, int reach)
{
  int side = layer->side;
  g_autofree guint8 *rows = g_malloc0 ((gsize)side * side);
  guint8 *wide = g_malloc0 ((gsize)side * side);

  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int k = MAX (0, x - reach); k <= MIN (side - 1, x + reach); k++)
        rows[y * side + x] = MAX (rows[y * side + x], layer->rgba[4 * (y * side + k) + 3]);
  for (int y = 0; y < side; y++)
    for (int k = MAX (0, y - reach); k <= MIN (side - 1, y + reach); k++)
      for (int x = 0; x < side; x++)
        wide[y * side + x] = MAX (wide[y * side + x], rows[k * side + x]);
  return wide;
}

static gboolean
inside (const Canvas *self, int x, int y)
{
  return x >= 0 && y >= 0 && x < self->size && y < self->size;
}

static void
blend (guint8 *pixel, const guint8 *colour, float alpha)
{
  for (int c = 0; c < 3; c++)
    pixel[c] = clamp_byte ((float)pixel[c] * (1 - alpha) + (float)colour[c] * alpha);
}

static void
paint_shadow (Canvas *self, const Layer *layer, double strength)
{
  static const guint8 black[3];
  int shift = 1 + layer->side / 24;

  for (int y = 0; y < layer->side; y++)
    for (int x = 0; x < layer->side; x++)
      {
        int px = layer->x + x + shift, py = layer->y + y + shift;

        if (inside (self, px, py))
          blend (self->rgb + 3 * (py * self->size + px), black,
                 (float)strength * layer->rgba[4 * (y * layer->side + x) + 3] / 255.0f);
      }
}

static void
paint_outline (Canvas *self, const Layer *layer, const Stroke *stroke)
{
  g_autofree guint8 *wide = widen (layer, stroke->outline);

  for (int y = 0; y < layer->side; y++)
    for (int x = 0; x < layer->side; x++)
      if (inside (self, layer->x + x, layer->y + y))
        blend (self->rgb + 3 * ((layer->y + y) * self->size + layer->x + x), stroke->outline_fill,
               wide[y * layer->side + x] / 255.0f);
}

static void
paint_ink (Canvas *self, const Layer *layer, guint8 ink)
{
  for (int y = 0; y < layer->side; y++)
    for (int x = 0; x < layer->side; x++)
      {
        const guint8 *from = layer->rgba + 4 * (y * layer->side + x);
        int at = (layer->y + y) * self->size + layer->x + x;

        if (from[3] == 0 || !inside (self, layer->x + x, layer->y + y))
          continue;
        for (int c = 0; c < 3; c++)
          {
            int value = from[c] + (self->rgb[3 * at + c] * (255 - from[3]) + 127) / 255;

            self->rgb[3 * at + c] = (guint8)MIN (value, 255);
          }
        if (from[3] > 127)
          self->ink[at] = ink;
      }
}

void
canvas_paint (Canvas *self, const Sprite *sprite, const Stroke *stroke, Ink ink)
{
  Layer layer = render (sprite, stroke);

  g_assert (self->n_inks < MAX_INKS);
  self->inks[self->n_inks++] = ink;
  if (stroke->shadow > 0)
    paint_shadow (self, &layer, stroke->shadow);
  if (stroke->outline > 0)
    paint_outline (self, &layer, stroke);
  paint_ink (self, &layer, (guint8)self->n_inks);
  g_free (layer.rgba);
}

/* Of the part of the box that lies on the canvas. */
void
canvas_mean (const Canvas *self, int x, int y, int w, int h, guint8 mean[3])
{
  int sum[3] = { 0 }, n = 0;

  for (int py = MAX (y, 0); py < MIN (y + h, self->size); py++)
    for (int px = MAX (x, 0); px < MIN (x + w, self->size); px++, n++)
      for (int c = 0; c < 3; c++)
        sum[c] += self->rgb[3 * (py * self->size + px) + c];
  for (int c = 0; c < 3; c++)
    mean[c] = (guint8)(n > 0 ? sum[c] / n : 0);
}

/* Each pixel becomes the mean of the nine around it. */
void
canvas_blur (Canvas *self)
{
  int size = self->size;
  g_autofree guint8 *from = g_memdup2 (self->rgb, 3 * (gsize)size * size);

  for (int y = 1; y < size - 1; y++)
    for (int i = 3; i < 3 * (size - 1); i++)
      {
        const guint8 *at = from + 3 * (gsize)y * size + i;
        int sum = 4;

        for (int row = -1; row <= 1; row++)
          sum += at[3 * row * size - 3] + at[3 * row * size] + at[3 * row * size + 3];
        self->rgb[3 * y * size + i] = (guint8)(sum / 9);
      }
}

static PmodScenePatch
label_patch (const Canvas *self, int x0, int y0)
{
  int counts[MAX_INKS + 1] = { 0 };
  int best = 0;
  PmodScenePatch patch = { -1, -1, -1, 0 };

  for (int y = y0; y < y0 + PATCH; y++)
    for (int x = x0; x < x0 + PATCH; x++)
      counts[self->ink[y * self->size + x]]++;
  patch.cover = (guint8)(PATCH * PATCH - counts[0]);
  for (int ink = 1; ink <= self->n_inks; ink++)
    if (best == 0 || counts[ink] > counts[best])
      best = ink;
  if (best > 0 && counts[best] * 10 >= PATCH * PATCH)
    {
      patch.class_idx = self->inks[best - 1].class_idx;
      patch.colour_idx = self->inks[best - 1].colour_idx;
      patch.cell_idx = self->inks[best - 1].cell_idx;
    }
  return patch;
}

void
canvas_patches (const Canvas *self, PmodScenePatch *patches)
{
  int side = self->size / PATCH;

  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      patches[y * side + x] = label_patch (self, x * PATCH, y * PATCH);
}
