/* Puts one thing on the canvas: which drawing, and all that varies about it. Not here: where things
 * go. */
#include "pmod-scene-private.h"

#include <math.h>

/* Squared distances of colours as the eye weighs the channels; found by looking. */
#define CLEAR_COLOUR (175 * 175)
#define CLEAR_NOUN (120 * 120)

static int
distance (const guint8 a[3], const guint8 b[3])
{
  static const int weights[3] = { 2, 4, 1 };
  int sum = 0;

  for (int c = 0; c < 3; c++)
    sum += weights[c] * (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

/* A colour that can be told from what lies behind the box; the farthest if none is far. */
static int
pick_colour (PmodScene *self, const PmodSceneObject *box)
{
  int order[PMOD_SCENE_N_COLOURS], best = -1, farthest = -1;
  guint8 mean[3];

  canvas_mean (&self->canvas, box->x, box->y, box->w, box->h, mean);
  for (int i = 0; i < PMOD_SCENE_N_COLOURS; i++)
    order[i] = i;
  random_shuffle (&self->random, order, PMOD_SCENE_N_COLOURS);
  for (int i = 0; i < PMOD_SCENE_N_COLOURS; i++)
    {
      int far = distance (scene_colours[order[i]], mean);

      if (order[i] == self->background)
        continue;
      if (far >= CLEAR_COLOUR)
        return order[i];
      if (far > farthest)
        {
          farthest = far;
          best = order[i];
        }
    }
  return best;
}

static void
fill_jittered (Random *random, int colour_idx, guint8 fill[3])
{
  for (int c = 0; c < 3; c++)
    {
      int value = scene_colours[colour_idx][c] + random_int (random, 25) - 12;

      fill[c] = (guint8)CLAMP (value, 0, 255);
    }
}

/* Black or white, whichever is farther from what lies behind. */
static void
set_outline (Stroke *stroke, const guint8 behind[3])
{
  guint8 fill = behind[0] + behind[1] + behind[2] > 3 * 128 ? 15 : 250;

  stroke->outline = MAX (1, (int)(stroke->size / 36));
  for (int c = 0; c < 3; c++)
    stroke->outline_fill[c] = fill;
}

/* Hue turned by up to 12 degrees, saturation and brightness changed: one matrix, since all three
 * keep grey grey. */
static void
vary_colours (Random *random, Stroke *stroke)
{
  double turn = random_range (random, -0.21, 0.21);
  double saturation = random_range (random, 0.7, 1.25);
  double light = random_range (random, 0.8, 1.12);
  double keep = saturation * cos (turn), swap = saturation * sin (turn) / sqrt (3);
  double grey = (1 - keep) / 3;

  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 3; column++)
      {
        double value = grey;

        if (column == row)
          value += keep;
        else
          value += column == (row + 1) % 3 ? -swap : swap;
        stroke->colour[row][column] = (float)(light * value);
      }
}

static void
vary (Random *random, Stroke *stroke, const guint8 behind[3])
{
  stroke->angle = random_chance (random, 0.4) ? random_range (random, -0.26, 0.26) : 0;
  if (random_chance (random, 0.1))
    set_outline (stroke, behind);
  if (random_chance (random, 0.15))
    stroke->shadow = random_range (random, 0.2, 0.5);
  if (random_chance (random, 0.1))
    stroke->bias = 0.8;
}

/* The box shrinks to the ink where the drawing stands upright. */
static void
tighten (const Sprite *sprite, const Stroke *stroke, PmodSceneObject *object)
{
  double scale = stroke->size / SPRITE_SIZE;

  if (stroke->angle != 0)
    return;
  object->x = (int)floor (stroke->x + sprite->ink_x * scale);
  object->y = (int)floor (stroke->y + sprite->ink_y * scale);
  object->w = (int)ceil (sprite->ink_w * scale);
  object->h = (int)ceil (sprite->ink_h * scale);
}

void
scene_place (PmodScene *self, PmodSceneObject *object)
{
  Random *random = &self->random;
  const Sprite *sprite;
  Stroke stroke;
  guint8 behind[3];

  stroke_init (&stroke);
  stroke.x = object->x;
  stroke.y = object->y;
  stroke.size = object->w;
  canvas_mean (&self->canvas, object->x, object->y, object->w, object->h, behind);
  vary (random, &stroke, behind);
  if (object->class_idx < PMOD_SCENE_N_SHAPES)
    {
      sprite = self->art->shapes[object->class_idx];
      object->colour_idx = pick_colour (self, object);
      stroke.solid = TRUE;
      fill_jittered (random, object->colour_idx, stroke.fill);
    }
  else
    {
      sprite = scene_art_sprite (self->art, object->style_idx, object->class_idx);
      stroke.flip = random_chance (random, 0.5);
      if (random_chance (random, 0.7))
        vary_colours (random, &stroke);
      if (distance (sprite->mean, behind) < CLEAR_NOUN)
        set_outline (&stroke, behind);
    }
  canvas_paint (
      &self->canvas, sprite, &stroke,
      (Ink){ (gint16)object->class_idx, (gint8)object->colour_idx, (gint8)object->cell_idx });
  tighten (sprite, &stroke, object);
}

static double
letter_scale (const Sprite *sprite, int height)
{
  return (double)height / sprite->ink_h;
}

int
lettering_width (const PmodSceneArt *art, const Lettering *lettering)
{
  double width = (lettering->n - 1) * 0.15 * lettering->height;

  for (int i = 0; i < lettering->n; i++)
    {
      const Sprite *sprite = art->glyphs[lettering->font][lettering->characters[i]];

      width += sprite->ink_w * letter_scale (sprite, lettering->height);
    }
  return (int)ceil (width);
}

void
scene_place_text (PmodScene *self, const Lettering *lettering, PmodSceneObject *object)
{
  double x = object->x;
  Stroke stroke;

  stroke_init (&stroke);
  object->colour_idx = pick_colour (self, object);
  stroke.solid = TRUE;
  fill_jittered (&self->random, object->colour_idx, stroke.fill);
  stroke.bias = random_chance (&self->random, 0.1) ? 0.6 : 0;
  for (int i = 0; i < lettering->n; i++)
    {
      int character = lettering->characters[i];
      const Sprite *sprite = self->art->glyphs[lettering->font][character];
      double scale = letter_scale (sprite, lettering->height);

      stroke.size = SPRITE_SIZE * scale;
      stroke.x = x - sprite->ink_x * scale;
      stroke.y = object->y - sprite->ink_y * scale;
      canvas_paint (&self->canvas, sprite, &stroke,
                    (Ink){ (gint16)(PMOD_SCENE_N_SHAPES + character), (gint8)object->colour_idx,
                           (gint8)object->cell_idx });
      x += sprite->ink_w * scale + 0.15 * lettering->height;
      object->text[i] = scene_character (character);
    }
}

int
scene_pick_class (PmodScene *self)
{
  int n = (int)self->art->nouns->len;

  if (n == 0 || random_chance (&self->random, 0.2))
    return random_int (&self->random, PMOD_SCENE_N_SHAPES);
  return FIRST_NOUN + random_int (&self->random, n);
}

/* Any style that has the noun; reading the tables made sure that one does. */
int
scene_pick_style (PmodScene *self, int class_idx)
{
  int n = (int)self->art->styles->len, start;

  if (class_idx < FIRST_NOUN)
    return -1;
  start = random_int (&self->random, n);
  while (scene_art_sprite (self->art, start, class_idx) == NULL)
    start = random_int (&self->random, n);
  return start;
}
