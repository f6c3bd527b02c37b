/* RMSNorm and LayerNorm: one block a row, which is read twice from L2 and once from memory.
 * Bytes of a call: 4 T D read, T D of y's dtype written. */
#include "cuda-private.h"

/* Eight warps: a row of 4096 is 16 elements a thread, and short rows still fill a warp or two. */
#define BLOCK 256

template <typename Y>
__global__ void
rmsnorm_kernel (Y *y, const float *x, const float *w, int64_t d, float eps)
{
  __shared__ float scratch[WARP];
  const float *row = x + blockIdx.x * d;
  float sum = 0, r;

  for (int64_t i = threadIdx.x; i < d; i += blockDim.x)
    sum += row[i] * row[i];
  r = 1 / sqrtf (block_sum (sum, scratch) / (float)d + eps);
  for (int64_t i = threadIdx.x; i < d; i += blockDim.x)
    store (&y[blockIdx.x * d + i], row[i] * r * w[i]);
}

void
pmod_cuda_rmsnorm (
    PmodBackend *backend, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_rows = (unsigned)x->shape[0];
  const float *from = (const float *)x->data, *weight = (const float *)w->data;

  if (n_rows == 0)
    return;
  if (y->dtype == PMOD_DTYPE_F32)
    PMOD_LAUNCH (rmsnorm_kernel<float>, n_rows, BLOCK, 0, self->stream, (float *)y->data, from,
                 weight, x->shape[1], eps);
  else
    PMOD_LAUNCH (rmsnorm_kernel<__nv_bfloat16>, n_rows, BLOCK, 0, self->stream,
                 (__nv_bfloat16 *)y->data, from, weight, x->shape[1], eps);
  pmod_cuda_check_launch (self, "rmsnorm");
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
  if (y->dtype == PMOD_DTYPE_F32)
    PMOD_LAUNCH (layernorm_kernel<float>, n_rows, BLOCK, 0, self->stream, (float *)y->data, from,
                 weight, bias, x->shape[1], eps);
  else
    PMOD_LAUNCH (layernorm_kernel<__nv_bfloat16>, n_rows, BLOCK, 0, self->stream,
                 (__nv_bfloat16 *)y->data, from, weight, bias, x->shape[1], eps);
  pmod_cuda_check_launch (self, "layernorm");
}
