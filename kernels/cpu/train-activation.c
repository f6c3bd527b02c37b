/* Activations that keep their input, their gradients, and arithmetic on whole tensors. */
#include "train.h"

/* Elements of one item. */
#define BLOCK 4096

void
LEVEL (pmod_cpu_fill) (PmodBackend *backend, PmodTensor *x, float value)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = pmod_tensor_n_elements (x);
  bool parallel = n > PARALLEL_MIN;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i += VW)
    put (x->data, i, n, vf_set (value));
}

void
LEVEL (pmod_cpu_blend) (PmodBackend *backend, PmodTensor *y, float a, const PmodTensor *x, float b)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = pmod_tensor_n_elements (y);
  bool parallel = n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i += VW)
    put (y->data, i, n, vf_set (a) * get (y->data, i, n) + vf_set (b) * get (x->data, i, n));
}

/* silu' (g) = s (1 + g (1 - s)), s = sigmoid (g). */
void
LEVEL (pmod_cpu_swiglu_backward) (PmodBackend *backend,
                                  PmodTensor *dgate_up,
                                  const PmodTensor *dy,
                                  const PmodTensor *gate_up)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = dy->shape[0], n = dy->shape[1];
  bool parallel = n_rows * n > PARALLEL_MIN / 16;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_rows; t++)
    for (int64_t i = 0; i < n; i += VW)
      {
        int64_t gate_at = 2 * t * n + i, up_at = gate_at + n, end = 2 * t * n + n;
        vf gate = vf_get_until (gate_up->data, gate_up->dtype, gate_at, end);
        vf up = vf_get_until (gate_up->data, gate_up->dtype, up_at, end + n);
        vf d = get (dy->data, t * n + i, t * n + n), s = vf_sigmoid (gate), one = vf_set (1);

        put (dgate_up->data, gate_at, end, d * up * s * (one + gate * (one - s)));
        put (dgate_up->data, up_at, end + n, d * gate * s);
      }
}

INLINE vf
quick_gelu_slope (vf z)
{
  vf one = vf_set (1), scaled = vf_set (1.702f) * z, s = vf_sigmoid (scaled);

  return s * (one + scaled * (one - s));
}

/* Phi (z) + z phi (z), lane by lane as vf_gelu() is. */
INLINE vf
gelu_slope (vf z)
{
  float lanes[VW];

  vf_store (lanes, z);
  for (int i = 0; i < VW; i++)
    {
      float v = lanes[i];

      lanes[i] = 0.5f * (1.0f + erff (v * 0.70710678f)) + v * 0.39894228f * expf (-0.5f * v * v);
    }
  return vf_load (lanes);
}

void
LEVEL (pmod_cpu_activation) (PmodBackend *backend,
                             PmodTensor *y,
                             const PmodTensor *z,
                             PmodEpilogue function)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = pmod_tensor_n_elements (z), n_items = (n + BLOCK - 1) / BLOCK;
  bool parallel = n > PARALLEL_MIN / 16;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t item = 0; item < n_items; item++)
    {
      int64_t end = min_i64 (n, item * BLOCK + BLOCK);

      for (int64_t i = item * BLOCK; i < end; i += VW)
        {
          vf v = vf_get_until (z->data, z->dtype, i, end);

          vf_put_until (y->data, y->dtype, i, end,
                        function == PMOD_EPILOGUE_GELU ? vf_gelu (v)
                                                       : v * vf_sigmoid (vf_set (1.702f) * v));
        }
    }
}

void
LEVEL (pmod_cpu_activation_backward) (PmodBackend *backend,
                                      PmodTensor *dz,
                                      const PmodTensor *dy,
                                      const PmodTensor *z,
                                      PmodEpilogue function)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = pmod_tensor_n_elements (z), n_items = (n + BLOCK - 1) / BLOCK;
  bool parallel = n > PARALLEL_MIN / 16;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t item = 0; item < n_items; item++)
    {
      int64_t end = min_i64 (n, item * BLOCK + BLOCK);

      for (int64_t i = item * BLOCK; i < end; i += VW)
        {
          vf v = vf_get_until (z->data, z->dtype, i, end);
          vf slope = function == PMOD_EPILOGUE_GELU ? gelu_slope (v) : quick_gelu_slope (v);

          put (dz->data, i, end, slope * get (dy->data, i, end));
        }
    }
}
