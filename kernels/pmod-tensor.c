/* Sizes, names, views and widening of tensors. Knows nothing of backends. */
#include "pmod-tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t
pmod_dtype_size (PmodDtype dtype)
{
  switch (dtype)
    {
    case PMOD_DTYPE_F32:
    case PMOD_DTYPE_I32:
      return 4;
    case PMOD_DTYPE_BF16:
    case PMOD_DTYPE_F16:
      return 2;
    case PMOD_DTYPE_I64:
      return 8;
    case PMOD_DTYPE_U8:
      return 1;
    }
  return 0;
}

const char *
pmod_dtype_name (PmodDtype dtype)
{
  switch (dtype)
    {
    case PMOD_DTYPE_F32:
      return "F32";
    case PMOD_DTYPE_BF16:
      return "BF16";
    case PMOD_DTYPE_F16:
      return "F16";
    case PMOD_DTYPE_I32:
      return "I32";
    case PMOD_DTYPE_I64:
      return "I64";
    case PMOD_DTYPE_U8:
      return "U8";
    }
  return "?";
}

int64_t
pmod_tensor_n_elements (const PmodTensor *self)
{
  int64_t n = 1;

  for (int i = 0; i < self->n_dims; i++)
    n *= self->shape[i];
  return n;
}

size_t
pmod_tensor_bytes (const PmodTensor *self)
{
  return (size_t)pmod_tensor_n_elements (self) * pmod_dtype_size (self->dtype);
}

PmodTensor
pmod_tensor_1d (void *data, PmodDtype dtype, int64_t n0)
{
  return (PmodTensor){ .data = data, .dtype = dtype, .n_dims = 1, .shape = { n0 } };
}

PmodTensor
pmod_tensor_2d (void *data, PmodDtype dtype, int64_t n0, int64_t n1)
{
  return (PmodTensor){ .data = data, .dtype = dtype, .n_dims = 2, .shape = { n0, n1 } };
}

PmodTensor
pmod_tensor_3d (void *data, PmodDtype dtype, int64_t n0, int64_t n1, int64_t n2)
{
  return (PmodTensor){ .data = data, .dtype = dtype, .n_dims = 3, .shape = { n0, n1, n2 } };
}

PmodTensor
pmod_tensor_rows (const PmodTensor *self, int64_t first, int64_t n)
{
  PmodTensor rows = *self;
  int64_t row = 1;

  for (int i = 1; i < self->n_dims; i++)
    row *= self->shape[i];
  rows.data = (char *)self->data + (size_t)(first * row) * pmod_dtype_size (self->dtype);
  rows.shape[0] = n;
  return rows;
}

static float
widen_f16 (uint16_t half)
{
  uint32_t rest = half & 0x7fff, bits = (uint32_t)(half & 0x8000) << 16;
  float value;

  if (rest < 0x400) /* zero or subnormal: counts of 2^-24 */
    return ldexpf (bits ? -(float)rest : (float)rest, -24);
  if (rest >= 0x7c00)
    bits |= 0x7f800000u | (rest & 0x3ff) << 13;
  else
    bits |= (rest << 13) + ((127 - 15) << 23);
  memcpy (&value, &bits, sizeof value);
  return value;
}

void
pmod_widen (float *to, const void *from, PmodDtype dtype, int64_t n)
{
  const char *bytes = from;

  if (dtype == PMOD_DTYPE_F32)
    {
      memmove (to, from, (size_t)n * sizeof *to);
      return;
    }
  /* From the end, so that nothing is overwritten unread. */
  for (int64_t i = n; i-- > 0;)
    {
      uint16_t half;
      uint32_t bits;

      memcpy (&half, bytes + 2 * i, sizeof half);
      bits = (uint32_t)half << 16;
      if (dtype == PMOD_DTYPE_BF16)
        memcpy (&to[i], &bits, sizeof bits);
      else
        to[i] = widen_f16 (half);
    }
}

uint16_t
pmod_narrow_f16 (float value)
{
  uint32_t bits, sign, rest, shift, half;

  memcpy (&bits, &value, sizeof bits);
  sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest >= 0x7f800000)
    return (uint16_t)(sign | 0x7c00 | (rest > 0x7f800000 ? 0x200 : 0));
  if (rest >= 0x477ff000) /* what would round to 65536 */
    return (uint16_t)(sign | 0x7bff);
  if (rest >= 0x38800000) /* 2^-14 and above: 13 bits fall away */
    return (uint16_t)(sign | (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13);
  if (rest < 0x33000000) /* below 2^-25 */
    return (uint16_t)sign;
  /* Counts of 2^-24. */
  shift = 126 - (rest >> 23);
  rest = (rest & 0x7fffff) | 0x800000;
  half = (1u << (shift - 1)) - 1 + (rest >> shift & 1);
  return (uint16_t)(sign | (rest + half) >> shift);
}

/* Appends to text, which has room for n_bytes and holds *length already; stops at the end. */
static void __attribute__ ((format (printf, 4, 5)))
append (char *text, size_t n_bytes, size_t *length, const char *format, ...)
{
  va_list args;
  int n;

  if (*length >= n_bytes)
    return;
  va_start (args, format);
  n = vsnprintf (text + *length, n_bytes - *length, format, args);
  va_end (args);
  if (n > 0)
    *length += (size_t)n;
}

const char *
pmod_tensor_describe (const PmodTensor *self, char *text, size_t n_bytes)
{
  size_t length = 0;

  append (text, n_bytes, &length, "%s [", pmod_dtype_name (self->dtype));
  for (int i = 0; i < self->n_dims && i < PMOD_TENSOR_MAX_DIMS; i++)
    append (text, n_bytes, &length, "%s%" PRId64, i ? "," : "", self->shape[i]);
  append (text, n_bytes, &length, "]");
  return text;
}
