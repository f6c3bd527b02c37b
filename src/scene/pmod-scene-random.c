/* Random numbers that are the same everywhere: no library's generator, no state but the caller's.
 */
#include "pmod-scene-private.h"

static guint64
mix (guint64 z)
{
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* mix () is one to one, so for one seed no two streams begin alike. */
void
random_init (Random *self, guint64 seed, guint64 stream)
{
  guint64 z = mix (mix (seed + 1) ^ stream);

  for (int i = 0; i < 4; i++)
    self->s[i] = mix (z += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
}

static guint64
rotate (guint64 x, int k)
{
  return (x << k) | (x >> (64 - k));
}

guint64
random_next (Random *self)
{
  guint64 *s = self->s;
  guint64 result = rotate (s[1] * 5, 7) * 9;
  guint64 t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate (s[3], 45);
  return result;
}

double
random_unit (Random *self)
{
  return (double)(random_next (self) >> 11) * 0x1p-53;
}

double
random_range (Random *self, double low, double high)
{
  return low + (high - low) * random_unit (self);
}

int
random_int (Random *self, int n)
{
  return (int)(random_unit (self) * n);
}

gboolean
random_chance (Random *self, double probability)
{
  return random_unit (self) < probability;
}

double
random_normal (Random *self)
{
  guint64 bits = random_next (self);
  int sum = 0;

  for (int i = 0; i < 8; i++)
    sum += (int)((bits >> (8 * i)) & 255);
  /* Eight uniform bytes: mean 1020, standard deviation 209. */
  return (sum - 1020) / 209.0;
}

void
random_shuffle (Random *self, int *values, int n)
{
  for (int i = n - 1; i > 0; i--)
    {
      int j = random_int (self, i + 1);
      int value = values[i];

      values[i] = values[j];
      values[j] = value;
    }
}
