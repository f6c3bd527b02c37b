/* RMSNorm and LayerNorm: one block a row, which is read twice from L2 and once from memory.
 * Bytes of a call: 4 T D read, T D of y's dtype written. */
#include "cuda-private.h"

/* Eight warps: a row of 4096 is 16 elements a thread, and short rows still fill a warp or two. */
#define BLOCK 256

/* Up to so many rows most of a card has none, and a row's own time counts: then the widest block.
 */
#define FEW_ROWS 32

/* N elements at once. */
template <typename Y, int N>
__global__ void
__launch_bounds__ (WIDE_BLOCK) rmsnorm_kernel (Y *__restrict__ y,
                                               const float *__restrict__ x,
                                               const float *__restrict__ w,
                                               int64_t d,
                                               float eps)
{
  __shared__ float scratch[WARP];
  const Group<float, N> *row = (const Group<float, N> *)(x + blockIdx.x * d);
  const Group<float, N> *weights = (const Group<float, N> *)w;
  Group<Y, N> *to = (Group<Y, N> *)(y + blockIdx.x * d);
  float sum = 0, r;

  for (int64_t i = threadIdx.x; i < d / N; i += blockDim.x)
    {
      Group<float, N> value = row[i];

      UNROLL
      for (int j = 0; j < N; j++)
        sum += value.item[j] * value.item[j];
    }
  r = 1 / sqrtf (block_sum (sum, scratch) / (float)d + eps);
  for (int64_t i = threadIdx.x; i < d / N; i += blockDim.x)
    {
      Group<float, N> value = row[i], weight = weights[i];
      Group<Y, N> result;

      UNROLL
      for (int j = 0; j < N; j++)
        store (&result.item[j], value.item[j] * r * weight.item[j]);
      to[i] = result;
    }
}

template <typename Y>
static void
rmsnorm (PmodCudaBackend *self, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps)
{
  int64_t d = x->shape[1];
  unsigned n_rows = (unsigned)x->shape[0], n_threads = n_rows <= FEW_ROWS ? WIDE_BLOCK : BLOCK;
  const float *from = (const float *)x->data, *weight = (const float *)w->data;
  Y *to = (Y *)y->data;

  if (pmod_cuda_in_quads (x, d) && pmod_cuda_in_quads (w, d) && (uintptr_t)to % sizeof (Quad) == 0)
    PMOD_LAUNCH ((rmsnorm_kernel<Y, 4>), n_rows, n_threads, 0, self->stream, to, from, weight, d,
                 eps);
  else
    PMOD_LAUNCH ((rmsnorm_kernel<Y, 1>), n_rows, n_threads, 0, self->stream, to, from, weight, d,
                 eps);
  pmod_cuda_check_launch (self, "rmsnorm");
}

void
pmod_cuda_rmsnorm (
    PmodBackend *backend, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (x->shape[0] == 0)
    return;
  pmod_cuda_with (y->dtype, [&] (auto type) { rmsnorm<PMOD_ELEMENT (type)> (self, y, x, w, eps); });
}

/* y may be x: a row is read before it is written, by the same threads. */
template <typename Y>
__global__ void
layernorm_kernel (Y *y, const float *x, const float *w, const float *b, int64_t d, float eps)
{
  __shared__ float scratch[WARP];
  const float *row = x + blockIdx.x * d;
  float sum = 0, mean, r;

  for (int64_t i = threadIdx.x; i < d; i += blockDim.x)
    sum += row[i];
  mean = block_sum (sum, scratch) / (float)d;
  sum = 0;
  for (int64_t i = threadIdx.x; i < d; i += blockDim.x)
    sum += (row[i] - mean) * (row[i] - mean);
  r = 1 / sqrtf (block_sum (sum, scratch) / (float)d + eps);
  for (int64_t i = threadIdx.x; i < d; i += blockDim.x)
    store (&y[blockIdx.x * d + i], (row[i] - mean) * r * w[i] + b[i]);
}

void
pmod_cuda_layernorm (PmodBackend *backend,
                     PmodTensor *y,
                     const PmodTensor *x,
                     const PmodTensor *w,
                     const PmodTensor *b,
                     float eps)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_rows = (unsigned)x->shape[0];
  const float *from = (const float *)x->data, *weight = (const float *)w->data;
  const float *bias = (const float *)b->data;

  if (n_rows == 0)
    return;
  pmod_cuda_with (y->dtype, [&] (auto type) {
    typedef PMOD_ELEMENT (type) Y;

    PMOD_LAUNCH (layernorm_kernel<Y>, n_rows, BLOCK, 0, self->stream, (Y *)y->data, from, weight,
                 bias, x->shape[1], eps);
  });
  pmod_cuda_check_launch (self, "layernorm");
}
