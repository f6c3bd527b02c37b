/* Pictures that look like photographs and show nothing that has a name: leaves of all sizes that
 * hide each other as things before a camera do, each of its own colour, grain and shading. Such
 * "dead leaves" have the statistics of photographs (Lee, Mumford, Huang 2001: Occlusion Models for
 * Natural Images). */
#include "pmod-scene-private.h"

#include <math.h>

#define N_NOISES 4
#define N_COLOURS 6

typedef struct
{
  Noise *noises; /* [N_NOISES], coarse to fine */
  float palette[N_COLOURS][3];
  float light[2]; /* the direction from which it comes, and how strongly */
  float contrast; /* of the leaves' grain */
  float softness; /* of their edges, in pixels */
  float blur;     /* how much softer what lies far behind is */
  int n_strands;  /* blades, hairs or twigs in front */
} World;

typedef struct
{
  float x, y, radius; /* in pixels */
  float co, si, aspect;
  float lobes[2][2]; /* of the second and third harmonic of the outline */
  gboolean straight; /* a box instead of a blob */
  float colour[3];
  float grain[N_NOISES];
  float grain_co, grain_si, grain_scale, grain_stretch;
  float shade, edge;
} Leaf;

static float
between (Random *random, double low, double high)
{
  return (float)random_range (random, low, high);
}

/* Near a hue, and muted more often than not, as the world is; black and white at the ends. */
static void
pick_colour (Random *random, double hue, double saturation, float rgb[3])
{
  double value = random_range (random, 15, 250);

  hue = fmod (hue + random_range (random, 6, 7.5), 6);
  saturation *= random_unit (random);
  for (int c = 0; c < 3; c++)
    {
      double wheel = fabs (fmod (hue + 2 * c, 6) - 3) - 1;

      rgb[c] = (float)(value * (1 - saturation + saturation * CLAMP (wheel, 0, 1)));
    }
}

static void
world_init (World *self, Random *random)
{
  static const int cells[N_NOISES] = { 3, 8, 17, 32 };
  double angle = random_range (random, 0, 2 * G_PI), strength = random_range (random, 0, 0.6);
  double hue = random_range (random, 0, 6);
  double saturation = random_chance (random, 0.15) ? 0 : random_range (random, 0.1, 0.9);

  self->noises = g_new (Noise, N_NOISES);
  for (int i = 0; i < N_NOISES; i++)
    noise_init (&self->noises[i], random, cells[i]);
  for (int i = 0; i < N_COLOURS; i++)
    {
      if (random_chance (random, 0.35))
        hue = random_range (random, 0, 6);
      pick_colour (random, hue, saturation, self->palette[i]);
    }
  self->light[0] = (float)(cos (angle) * strength);
  self->light[1] = (float)(sin (angle) * strength);
  self->contrast = between (random, 0.1, 1.2);
  self->softness = between (random, 0.7, 2.5);
  self->blur = random_chance (random, 0.5) ? between (random, 2, 30) : 1;
  self->n_strands = random_chance (random, 0.35) ? 30 + random_int (random, 300) : 0;
}

/* Forth and back, so that what repeats has no seam. */
static float
mirrored (float value)
{
  float folded = fabsf (value - 2 * floorf (value / 2 + 0.5f));

  return MIN (folded, 0.99999f);
}

/* far: 1 for what lies behind everything, 0 in front. */
static void
leaf_init (Leaf *self, const World *world, Random *random, float size, float radius, float far)
{
  float contrast = world->contrast * (random_chance (random, 0.3) ? 0.1f : 1);
  double angle = random_range (random, 0, 2 * G_PI), turn = random_range (random, 0, 2 * G_PI);
  const float *colour = world->palette[random_int (random, N_COLOURS)];

  self->x = between (random, -0.1, 1.1) * size;
  self->y = between (random, -0.1, 1.1) * size;
  self->radius = radius;
  self->co = (float)cos (angle);
  self->si = (float)sin (angle);
  self->aspect = between (random, 0.15, 1);
  self->straight = random_chance (random, 0.25);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      self->lobes[i][j] = between (random, -0.2, 0.2);
  for (int c = 0; c < 3; c++)
    self->colour[c] = colour[c] * between (random, 0.75, 1.25) + between (random, -12, 12);
  for (int i = 0; i < N_NOISES; i++)
    self->grain[i] = between (random, 0, 90) * contrast;
  self->grain_co = (float)cos (turn);
  self->grain_si = (float)sin (turn);
  self->grain_scale = between (random, 0.5, 3) / size;
  self->grain_stretch = random_chance (random, 0.4) ? between (random, 0.05, 0.4) : 1;
  self->shade = between (random, -0.5, 0.5);
  self->edge = world->softness * powf (world->blur, far);
}

/* How far inside its outline a pixel lies, in pixels; x and y are from its middle, along its axes.
 */
static float
leaf_depth (const Leaf *self, float x, float y)
{
  float u = x, v = y / self->aspect, distance = sqrtf (u * u + v * v) + 1e-6f;
  float co = u / distance, si = v / distance, wave;

  if (self->straight)
    return MIN (self->radius - fabsf (x), self->radius * self->aspect - fabsf (y));
  wave = 1 + self->lobes[0][0] * (2 * co * co - 1) + self->lobes[0][1] * 2 * co * si +
         self->lobes[1][0] * co * (4 * co * co - 3) + self->lobes[1][1] * si * (3 - 4 * si * si);
  return (self->radius * wave - distance) * self->aspect;
}

static float
leaf_grain (const Leaf *self, const World *world, float x, float y)
{
  float u = (x * self->grain_co - y * self->grain_si) * self->grain_scale;
  float v = (x * self->grain_si + y * self->grain_co) * self->grain_scale * self->grain_stretch;
  float sum = 0;

  u = mirrored (u);
  v = mirrored (v);
  for (int i = 0; i < N_NOISES; i++)
    sum += self->grain[i] * (noise_at (&world->noises[i], u, v) - 0.5f);
  return sum;
}

static void
leaf_paint (const Leaf *self, const World *world, Canvas *canvas)
{
  float reach = self->radius * 1.5f + self->edge;
  int left = MAX (0, (int)(self->x - reach)),
      right = MIN (canvas->size, (int)(self->x + reach) + 1);
  int top = MAX (0, (int)(self->y - reach)),
      bottom = MIN (canvas->size, (int)(self->y + reach) + 1);

  for (int py = top; py < bottom; py++)
    for (int px = left; px < right; px++)
      {
        float dx = (float)px - self->x, dy = (float)py - self->y;
        float x = dx * self->co + dy * self->si, y = dy * self->co - dx * self->si;
        float cover = leaf_depth (self, x, y) / self->edge;
        guint8 *pixel = canvas->rgb + 3 * (py * canvas->size + px);
        float grain, lit;

        if (cover <= 0)
          continue;
        cover = MIN (cover, 1);
        grain = leaf_grain (self, world, dx, dy);
        lit = 1 + (dx * world->light[0] + dy * world->light[1]) / reach +
              self->shade * (1 - (x * x + y * y) / (reach * reach));
        for (int c = 0; c < 3; c++)
          {
            float value = (self->colour[c] + grain) * lit;

            pixel[c] = (guint8)CLAMP (pixel[c] + cover * (value - pixel[c]), 0, 255);
          }
      }
}

/* The light of the whole, darker corners, and what a sensor adds. */
static void
expose (Canvas *canvas, Random *random)
{
  float slope_x = between (random, -0.4, 0.4), slope_y = between (random, -0.4, 0.4);
  float corners = random_chance (random, 0.4) ? between (random, 0, 0.9) : 0;
  float cast[3], noise = between (random, 0, 7);

  for (int c = 0; c < 3; c++)
    cast[c] = between (random, 0.85, 1.15);
  for (int py = 0; py < canvas->size; py++)
    for (int px = 0; px < canvas->size; px++)
      {
        float u = (float)px / (float)canvas->size - 0.5f,
              v = (float)py / (float)canvas->size - 0.5f;
        float lit = 1 + slope_x * u + slope_y * v - corners * (u * u + v * v);
        float speck = noise * (float)random_normal (random);
        guint8 *pixel = canvas->rgb + 3 * (py * canvas->size + px);

        for (int c = 0; c < 3; c++)
          pixel[c] = (guint8)CLAMP (pixel[c] * lit * cast[c] + speck, 0, 255);
      }
}

/* Long and thin, most of them along one direction, bent by the lobes of their outlines. */
static void
paint_strands (Canvas *canvas, const World *world, Random *random)
{
  float size = (float)canvas->size, width = between (random, 0.01, 0.05);
  double along = random_range (random, 0, G_PI), spread = random_range (random, 0.1, 1);

  for (int i = 0; i < world->n_strands; i++)
    {
      double angle = along + spread * random_normal (random);
      Leaf leaf;

      leaf_init (&leaf, world, random, size, size * between (random, 0.05, 0.4),
                 random_chance (random, 0.3) ? 0.5f : 0);
      leaf.co = (float)cos (angle);
      leaf.si = (float)sin (angle);
      leaf.aspect = width * between (random, 0.5, 1.5);
      leaf.edge = MIN (leaf.edge, 1.5f);
      leaf_paint (&leaf, world, canvas);
    }
}

/* Sizes whose number falls with their cube, so that no size is special; the smallest varies. */
void
lifelike_paint (Canvas *canvas, Random *random)
{
  World world;
  float size = (float)canvas->size, smallest = between (random, 0.015, 0.15) * size;
  int n = 15 + random_int (random, random_chance (random, 0.5) ? 40 : 260);

  world_init (&world, random);
  for (int i = 0; i < canvas->size * canvas->size; i++)
    for (int c = 0; c < 3; c++)
      canvas->rgb[3 * i + c] = (guint8)CLAMP (world.palette[0][c], 0, 255);
  for (int i = 0; i < n; i++)
    {
      /* The first are what lies behind everything. */
      float radius = i < 8 ? size * between (random, 0.4, 1)
                           : MIN (smallest / sqrtf (between (random, 0.001, 1)), 0.5f * size);
      Leaf leaf;

      leaf_init (&leaf, &world, random, size, radius, 1 - (float)i / (float)n);
      leaf_paint (&leaf, &world, canvas);
    }
  paint_strands (canvas, &world, random);
  if (random_chance (random, 0.3))
    canvas_blur (canvas);
  expose (canvas, random);
  g_free (world.noises);
}
