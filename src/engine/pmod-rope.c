/* See the header. */
#include "pmod-rope.h"

#include <math.h>

float *
pmod_rope_new_table (const PmodConfig *config)
{
  int dh = config->head_dim;
  gint64 n = config->context_length;
  float *table = g_new (float, n *dh);

  for (int i = 0; i < dh / 2; i++)
    {
      float inverse = 1 / powf ((float)config->rope_theta, (float)(2 * i) / (float)dh);

      for (gint64 p = 0; p < n; p++)
        {
          float angle = (float)p * inverse;

          table[p * dh + i] = (float)cos (angle);
          table[p * dh + dh / 2 + i] = (float)sin (angle);
        }
    }
  return table;
}
