/* See ops-gradient.h. */
#include "ops-gradient.h"

#include <string.h>

double *
gradient_of (OpCase *self, double *x, int64_t n, GradientLoss loss, const void *data)
{
  const double step = 1e-4;
  double *want = op_doubles (self, n);

  for (int64_t i = 0; i < n; i++)
    {
      double value = x[i], above;

      x[i] = value + step;
      above = loss (data);
      x[i] = value - step;
      want[i] = (above - loss (data)) / (2 * step);
      x[i] = value;
    }
  return want;
}

double *
gradient_added (
    OpCase *self, const double *before, double *x, int64_t n, GradientLoss loss, const void *data)
{
  double *want = gradient_of (self, x, n, loss, data);

  for (int64_t i = 0; i < n; i++)
    want[i] += before[i];
  return want;
}

PmodTensor
gradient_exact (OpCase *self, double **values, double sd, int n0, int n1)
{
  PmodTensor rounded = op_random (self, values, self->act, 0, sd, 2, n0, n1);
  PmodTensor tensor = op_poison (self, PMOD_DTYPE_F32, 2, n0, n1);

  for (int64_t i = 0; i < (int64_t)n0 * n1; i++)
    ((float *)tensor.data)[i] = (float)op_get (&rounded, i);
  return tensor;
}

PmodTensor
gradient_copy (OpCase *self, const PmodTensor *from)
{
  PmodTensor copy = *from;

  copy.data = op_bytes (self, pmod_tensor_bytes (from));
  memcpy (copy.data, from->data, pmod_tensor_bytes (from));
  return copy;
}
