/* Weights packed into panels, and which product multiplies with them: our own for few rows, where
 * memory is the limit, and for small products; oneDNN for the rest. */
#include "cpu-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Up to this many rows our own product reads the weights as fast as memory gives them, and needs
 * no primitive: a decode step creates nothing. */
#define FEW_ROWS 6

/* Below this many multiply-adds creating a primitive (0.1 to 2 ms for each new T, and every
 * routed layer has its own) costs more than oneDNN gains. One thread, processor time, GFLOP/s of
 * our own product and oneDNN's: bf16 T 144, 4096x4096 220 and 221; T 634 204 and 217; f32 T 144
 * 104 and 110. */
#define SMALL_PRODUCT ((int64_t)1 << 27)

/* --- Matrices ----------------------------------------------------------------------------- */

void
pmod_cpu_matrix_shape (PmodCpuMatrix *w, int64_t n_out, int64_t n_in, PmodDtype act)
{
  int64_t per_unit = act == PMOD_DTYPE_F32 ? 1 : 2;

  *w = (PmodCpuMatrix){ .base = { .n_out = n_out, .n_in = n_in, .act = act } };
  w->n_units = (n_in + per_unit - 1) / per_unit;
  w->n_padded = (w->n_units + UNIT_BLOCK - 1) / UNIT_BLOCK * UNIT_BLOCK;
  w->n_panels = (n_out + PANEL - 1) / PANEL;
  /* Cannot overflow: fewer than 2^48 weights, and padding adds less than 2^10-fold. */
  w->base.n_bytes = (size_t)w->n_panels * (size_t)w->n_padded * PANEL * 4;
}

PmodCpuMatrix *
pmod_cpu_matrix_alloc (PmodBackend *backend, int64_t n_out, int64_t n_in, PmodDtype act)
{
  PmodCpuMatrix *w = calloc (1, sizeof *w);

  if (!w)
    {
      pmod_backend_fail (backend, "no memory for a matrix");
      return NULL;
    }
  pmod_cpu_matrix_shape (w, n_out, n_in, act);
  w->data = pmod_cpu_alloc (backend, w->base.n_bytes);
  if (!w->data)
    {
      free (w);
      return NULL;
    }
  return w;
}

PmodMatrix *
pmod_cpu_matrix_new (
    PmodBackend *backend, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_out = 0;
  PmodCpuMatrix *w;

  for (int i = 0; i < n_parts; i++)
    n_out += parts[i].n_out;
  w = pmod_cpu_matrix_alloc (backend, n_out, n_in, act);
  if (!w)
    return NULL;
#pragma omp parallel for num_threads(self->n_threads) schedule(static)
  for (int64_t panel = 0; panel < w->n_panels; panel++)
    self->kernels->pack_panel (w, panel, parts, n_parts);
  return &w->base;
}

/* A good 32-bit mix of a counter (two rounds of multiply and xor-shift), so that every weight is
 * a function of its place alone and threads need no common state. */
static inline uint32_t
mix (uint32_t n)
{
  n = (n ^ (n >> 16)) * 0x7feb352du;
  n = (n ^ (n >> 15)) * 0x846ca68bu;
  return n ^ (n >> 16);
}

static inline float
uniform (uint32_t bits, float scale)
{
  return (float)(int32_t)bits * (scale * 0x1p-31f);
}

/* The BF16 bits of a finite value, truncated: these weights have no value to be true to. */
static inline uint32_t
truncate_bf16 (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, 4);
  return bits >> 16;
}

/* One row of 64 units, unit of K; outputs from column on. Padding is zero. */
static void
fill_units (uint32_t *to, const PmodCpuMatrix *w, int64_t unit, int64_t column, uint32_t seed)
{
  float scale = 1.0f / sqrtf ((float)w->base.n_in);
  bool f32 = w->base.act == PMOD_DTYPE_F32, odd = 2 * unit + 1 >= w->base.n_in;

  for (uint32_t i = 0; i < PANEL; i++)
    {
      uint32_t bits = mix (seed + i);
      float value = uniform (bits, scale);

      if (f32)
        memcpy (&to[i], &value, 4);
      else
        to[i] =
            truncate_bf16 (value) | (odd ? 0 : truncate_bf16 (uniform (mix (bits), scale)) << 16);
      if (column + i >= w->base.n_out)
        to[i] = 0;
    }
}

PmodMatrix *
pmod_cpu_matrix_new_random (
    PmodBackend *backend, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  PmodCpuMatrix *w = pmod_cpu_matrix_alloc (backend, n_out, n_in, act);

  if (!w)
    return NULL;
#pragma omp parallel for num_threads(self->n_threads) schedule(static)
  for (int64_t panel = 0; panel < w->n_panels; panel++)
    for (int64_t unit = 0; unit < w->n_padded; unit++)
      {
        uint64_t at = (uint64_t)(panel * w->n_padded + unit);
        uint32_t *to = (uint32_t *)w->data + at * PANEL;
        uint32_t base = mix ((uint32_t)(seed ^ seed >> 32)) ^ mix ((uint32_t)(at >> 26));

        if (unit < w->n_units)
          fill_units (to, w, unit, panel * PANEL, base + (uint32_t)at * PANEL);
        else
          memset (to, 0, PANEL * 4);
      }
  return &w->base;
}

void
pmod_cpu_matrix_free (PmodBackend *backend, PmodMatrix *matrix)
{
  PmodCpuMatrix *w = (PmodCpuMatrix *)matrix;

  if (w->transposed)
    pmod_cpu_matrix_free (backend, &w->transposed->base);
  pmod_cpu_release (backend, w->data);
  free (w);
}

/* --- The product -------------------------------------------------------------------------- */

void
pmod_cpu_linear (PmodBackend *backend,
                 PmodTensor *y,
                 const PmodTensor *x,
                 const PmodMatrix *matrix,
                 const PmodTensor *bias,
                 PmodEpilogue epilogue)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  const PmodCpuMatrix *w = (const PmodCpuMatrix *)matrix;
  int64_t n_tokens = x->shape[0];
  bool fast =
      matrix->act == PMOD_DTYPE_F32 ? self->kernels->onednn_f32 : self->kernels->onednn_bf16;

  if (fast && self->onednn && n_tokens > FEW_ROWS &&
      n_tokens * matrix->n_in > SMALL_PRODUCT / matrix->n_out &&
      pmod_onednn_linear (self->onednn, backend, y, x, w, bias, epilogue))
    return;
  self->kernels->product (self, y, x, w, bias, epilogue);
}
