/* RMSNorm and LayerNorm: rows of F32 to rows of the compute dtype. Sums in F32 over VW lanes.
 * Bytes: T*D*4 read (twice, the second time from cache), T*D*2 or *4 written. */
#include "simd.h"

INLINE void
rmsnorm_row (
    void *y, PmodDtype dtype, int64_t row, const float *x, const float *w, int64_t n, float eps)
{
  vf squares = vf_set (0), scale;

  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = vf_get_until (x, PMOD_DTYPE_F32, i, n);

      squares += value * value;
    }
  scale = vf_set (1.0f / sqrtf (vf_sum (squares) / (float)n + eps));
  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = vf_get_until (x, PMOD_DTYPE_F32, i, n) * scale;

      vf_put_until (y, dtype, row * n + i, row * n + n,
                    value * vf_get_until (w, PMOD_DTYPE_F32, i, n));
    }
}

void
LEVEL (pmod_cpu_rmsnorm) (
    PmodBackend *backend, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = x->shape[0], n = x->shape[1];
  bool parallel = n_rows > 1 && n_rows * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t row = 0; row < n_rows; row++)
    {
      const float *from = (const float *)x->data + row * n;

      if (y->dtype == PMOD_DTYPE_F32)
        rmsnorm_row (y->data, PMOD_DTYPE_F32, row, from, w->data, n, eps);
      else
        rmsnorm_row (y->data, PMOD_DTYPE_BF16, row, from, w->data, n, eps);
    }
}

/* The variance is summed from differences to the mean: E[x^2] - mean^2 cancels where |mean| is
 * large beside the spread, as in CLIP's residual stream. */
INLINE void
layernorm_row (void *y,
               PmodDtype dtype,
               int64_t row,
               const float *x,
               const float *w,
               const float *b,
               int64_t n,
               float eps)
{
  vf sum = vf_set (0), squares = vf_set (0), mean, scale;
  vi lanes = vi_lanes ();

  for (int64_t i = 0; i < n; i += VW)
    sum += vf_get_until (x, PMOD_DTYPE_F32, i, n);
  mean = vf_set (vf_sum (sum) / (float)n);
  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = vf_get_until (x, PMOD_DTYPE_F32, i, n) - mean;

      value = vf_select (lanes < (int32_t)min_i64 (n - i, VW), value, vf_set (0));
      squares += value * value;
    }
  scale = vf_set (1.0f / sqrtf (vf_sum (squares) / (float)n + eps));
  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = (vf_get_until (x, PMOD_DTYPE_F32, i, n) - mean) * scale;

      value =
          value * vf_get_until (w, PMOD_DTYPE_F32, i, n) + vf_get_until (b, PMOD_DTYPE_F32, i, n);
      vf_put_until (y, dtype, row * n + i, row * n + n, value);
    }
}

void
LEVEL (pmod_cpu_layernorm) (PmodBackend *backend,
                            PmodTensor *y,
                            const PmodTensor *x,
                            const PmodTensor *w,
                            const PmodTensor *b,
                            float eps)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = x->shape[0], n = x->shape[1];
  bool parallel = n_rows > 1 && n_rows * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t row = 0; row < n_rows; row++)
    {
      const float *from = (const float *)x->data + row * n;

      if (y->dtype == PMOD_DTYPE_F32)
        layernorm_row (y->data, PMOD_DTYPE_F32, row, from, w->data, b->data, n, eps);
      else
        layernorm_row (y->data, PMOD_DTYPE_BF16, row, from, w->data, b->data, n, eps);
    }
}
