/* What lies behind the objects, and pictures that show nothing that has a name. */
#include "pmod-scene-private.h"

#include <math.h>

typedef struct
{
  float rgb[3];
} Colour;

static Colour
jittered (Random *random, int colour_idx, double reach)
{
  Colour colour;

  for (int c = 0; c < 3; c++)
    {
      double value = scene_colours[colour_idx][c] + random_range (random, -reach, reach);

      colour.rgb[c] = (float)CLAMP (value, 0, 255);
    }
  return colour;
}

static Colour
mixed (Colour a, Colour b, float part)
{
  for (int c = 0; c < 3; c++)
    a.rgb[c] += part * (b.rgb[c] - a.rgb[c]);
  return a;
}

static void
put (Canvas *canvas, int at, Colour colour)
{
  for (int c = 0; c < 3; c++)
    canvas->rgb[3 * at + c] = (guint8)(colour.rgb[c] + 0.5f);
}

static void
paint_plain (Canvas *canvas, Colour colour)
{
  for (int i = 0; i < canvas->size * canvas->size; i++)
    put (canvas, i, colour);
}

static void
paint_gradient (Canvas *canvas, Random *random, Colour a, Colour b)
{
  double angle = random_range (random, 0, 2 * G_PI), co = cos (angle), si = sin (angle);
  double reach = fabs (co) + fabs (si);

  for (int y = 0; y < canvas->size; y++)
    for (int x = 0; x < canvas->size; x++)
      {
        double u = (x + 0.5) / canvas->size - 0.5, v = (y + 0.5) / canvas->size - 0.5;

        put (canvas, y * canvas->size + x, mixed (a, b, (float)((u * co + v * si) / reach + 0.5)));
      }
}

/* Stripes at any angle, or with `checks` two sets of them across each other. */
static void
paint_stripes (Canvas *canvas, Random *random, Colour a, Colour b, gboolean checks)
{
  double angle = checks ? 0 : random_range (random, 0, G_PI), co = cos (angle), si = sin (angle);
  double width = random_range (random, 0.05, 0.2) * canvas->size,
         start = random_unit (random) * width;

  for (int y = 0; y < canvas->size; y++)
    for (int x = 0; x < canvas->size; x++)
      {
        int band = (int)floor ((x * co + y * si + start) / width);
        int other = checks ? (int)floor ((y + start) / width) : 0;

        put (canvas, y * canvas->size + x, ((band + other) & 1) ? a : b);
      }
}

static void
paint_clouds (Canvas *canvas, Random *random)
{
  Noise noises[3];

  for (int c = 0; c < 3; c++)
    noise_init (&noises[c], random, 4);
  for (int y = 0; y < canvas->size; y++)
    for (int x = 0; x < canvas->size; x++)
      for (int c = 0; c < 3; c++)
        canvas->rgb[3 * (y * canvas->size + x) + c] =
            (guint8)(255 * noise_at (&noises[c], (float)x / (float)canvas->size,
                                     (float)y / (float)canvas->size));
}

static void
add_grain (Canvas *canvas, Random *random, double strength)
{
  for (int i = 0; i < canvas->size * canvas->size; i++)
    {
      int grain = (int)(strength * random_normal (random));

      for (int c = 0; c < 3; c++)
        canvas->rgb[3 * i + c] = (guint8)CLAMP (canvas->rgb[3 * i + c] + grain, 0, 255);
    }
}

Background
background_paint (Canvas *canvas, Random *random)
{
  int first = random_int (random, PMOD_SCENE_N_COLOURS);
  int second = (first + 1 + random_int (random, PMOD_SCENE_N_COLOURS - 1)) % PMOD_SCENE_N_COLOURS;
  double kind = random_unit (random);
  Background background = { first, kind < 0.45 };
  Colour a = jittered (random, first, 12), b = jittered (random, second, 12);
  /* Bands of strong contrast would hide what lies on them. */
  Colour near_a = mixed (a, b, (float)random_range (random, 0.15, 0.5));

  if (kind < 0.45)
    paint_plain (canvas, a);
  else if (kind < 0.65)
    paint_gradient (canvas, random, a, b);
  else if (kind < 0.80)
    paint_clouds (canvas, random);
  else
    paint_stripes (canvas, random, a, near_a, kind > 0.90);
  if (!background.plain)
    background.colour_idx = -1;
  if (random_chance (random, 0.4))
    add_grain (canvas, random, random_range (random, 2, 9));
  return background;
}

/* Several octaves of noise through a palette of three colours; stretched one way it is grass,
 * water or wood, with a horizon it is a landscape. */
static void
paint_octaves (Canvas *canvas, Random *random, float stretch, float horizon)
{
  static const int cells[4] = { 3, 7, 15, 32 };
  Noise *noises = g_new (Noise, 4);
  Colour palette[3];

  for (int i = 0; i < 4; i++)
    noise_init (&noises[i], random, cells[i]);
  for (int i = 0; i < 3; i++)
    palette[i] = jittered (random, random_int (random, PMOD_SCENE_N_COLOURS), 50);
  for (int y = 0; y < canvas->size; y++)
    for (int x = 0; x < canvas->size; x++)
      {
        float u = (float)x / (float)canvas->size, v = (float)y / (float)canvas->size;
        float sum = 0, weight = 0.5f;
        int low;

        for (int i = 0; i < 4; i++, weight *= 0.6f)
          sum += weight * noise_at (&noises[i], u * stretch, v);
        sum = CLAMP ((sum / 1.088f - 0.2f) / 0.6f + (v - 0.5f) * horizon, 0, 0.999f) * 2;
        low = (int)sum;
        put (canvas, y * canvas->size + x,
             mixed (palette[low], palette[low + 1], sum - (float)low));
      }
  g_free (noises);
}

void
texture_paint (Canvas *canvas, Random *random)
{
  double kind = random_unit (random);

  if (kind < 0.3)
    paint_octaves (canvas, random, 1, 0);
  else if (kind < 0.45)
    paint_octaves (canvas, random, (float)random_range (random, 0.05, 0.3), 0);
  else if (kind < 0.7)
    paint_octaves (canvas, random, 1, (float)random_range (random, 1, 3));
  else if (kind < 0.85)
    background_paint (canvas, random);
  else
    paint_clouds (canvas, random);
  if (random_chance (random, 0.5))
    add_grain (canvas, random, random_range (random, 5, 60));
}
