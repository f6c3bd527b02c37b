/* Smooth random numbers over a square. */
#include "pmod-scene-private.h"

void
noise_init (Noise *self, Random *random, int n)
{
  self->n = n;
  for (int i = 0; i < (n + 1) * (n + 1); i++)
    self->values[i] = (float)random_unit (random);
}

float
noise_at (const Noise *self, float u, float v)
{
  float x = u * (float)self->n, y = v * (float)self->n;
  int x0 = (int)x, y0 = (int)y, row = self->n + 1;
  float fx = x - (float)x0, fy = y - (float)y0;
  const float *at = self->values + y0 * row + x0;

  fx *= fx * (3 - 2 * fx);
  fy *= fy * (3 - 2 * fy);
  return (at[0] * (1 - fx) + at[1] * fx) * (1 - fy) + (at[row] * (1 - fx) + at[row + 1] * fx) * fy;
}
