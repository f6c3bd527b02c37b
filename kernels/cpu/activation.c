/* SwiGLU. Bytes: T*F*3 elements. The exponential is the cost, some 20 vector instructions. */
#include "simd.h"

INLINE void
swiglu_span (void *y,
             const void *gate_up,
             PmodDtype dtype,
             int64_t n_features,
             int64_t row,
             int64_t first,
             int64_t end)
{
  for (int64_t i = first; i < end; i += VW)
    {
      int64_t gate_at = row * 2 * n_features + i, up_at = gate_at + n_features;
      vf gate = vf_get_until (gate_up, dtype, gate_at, gate_at - i + end);
      vf up = vf_get_until (gate_up, dtype, up_at, up_at - i + end);

      vf_put_until (y, dtype, row * n_features + i, row * n_features + end,
                    gate * vf_sigmoid (gate) * up);
    }
}

void
LEVEL (pmod_cpu_swiglu) (PmodBackend *backend, PmodTensor *y, const PmodTensor *gate_up)
{
  /* Rows are cut into spans so that a decode step's one row is shared too. */
  enum
  {
    SPAN = 2048
  };
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = y->shape[0], n_features = y->shape[1];
  int64_t n_spans = (n_features + SPAN - 1) / SPAN, n_items = n_rows * n_spans;
  bool parallel = n_rows * n_features > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t item = 0; item < n_items; item++)
    {
      int64_t row = item / n_spans, first = item % n_spans * SPAN;
      int64_t end = min_i64 (n_features, first + SPAN);

      if (y->dtype == PMOD_DTYPE_F32)
        swiglu_span (y->data, gate_up->data, PMOD_DTYPE_F32, n_features, row, first, end);
      else
        swiglu_span (y->data, gate_up->data, PMOD_DTYPE_BF16, n_features, row, first, end);
    }
}
