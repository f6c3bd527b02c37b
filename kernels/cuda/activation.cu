/* SwiGLU, and what follows a product where no product's own epilogue does it: a bias, an
 * activation, a sum. Bound by memory: SwiGLU moves 3 T F elements, the epilogue 4 bytes in and y
 * out. */
#include "cuda-private.h"

/* Eight warps a block; each thread takes one element after another, a grid apart. */
#define BLOCK 256

template <typename T>
__global__ void
swiglu_kernel (T *y, const T *gate_up, int64_t n_rows, int64_t n_features)
{
  int64_t n = n_rows * n_features, stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      int64_t gate_at = i + i / n_features * n_features;
      float gate = to_float (gate_up[gate_at]), up = to_float (gate_up[gate_at + n_features]);

      store (&y[i], gate * sigmoid (gate) * up);
    }
}

void
pmod_cuda_swiglu (PmodBackend *backend, PmodTensor *y, const PmodTensor *gate_up)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_rows = y->shape[0], n_features = y->shape[1], n = n_rows * n_features;

  if (n == 0)
    return;
  if (y->dtype == PMOD_DTYPE_F32)
    PMOD_LAUNCH (swiglu_kernel<float>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
                 (float *)y->data, (const float *)gate_up->data, n_rows, n_features);
  else
    PMOD_LAUNCH (swiglu_kernel<__nv_bfloat16>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
                 (__nv_bfloat16 *)y->data, (const __nv_bfloat16 *)gate_up->data, n_rows,
                 n_features);
  pmod_cuda_check_launch (self, "swiglu");
}

/* --- Epilogues ------------------------------------------------------------------------------ */

template <typename Y>
__global__ void
epilogue_kernel (Y *y,
                 const float *product,
                 const float *bias,
                 int64_t n_rows,
                 int64_t n_out,
                 PmodEpilogue epilogue)
{
  int64_t n = n_rows * n_out, stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float value = product[i] + (bias ? bias[i % n_out] : 0);

      if (epilogue == PMOD_EPILOGUE_ADD)
        value += to_float (y[i]);
      else if (epilogue == PMOD_EPILOGUE_QUICK_GELU)
        value = quick_gelu (value);
      else if (epilogue == PMOD_EPILOGUE_GELU)
        value = gelu (value);
      store (&y[i], value);
    }
}

void
pmod_cuda_epilogue (PmodCudaBackend *self,
                    PmodTensor *y,
                    const float *product,
                    const float *bias,
                    PmodEpilogue epilogue)
{
  int64_t n_rows = y->shape[0], n_out = y->shape[1], n = n_rows * n_out;

  if (n == 0)
    return;
  if (y->dtype == PMOD_DTYPE_F32)
    PMOD_LAUNCH (epilogue_kernel<float>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
                 (float *)y->data, product, bias, n_rows, n_out, epilogue);
  else
    PMOD_LAUNCH (epilogue_kernel<__nv_bfloat16>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
                 (__nv_bfloat16 *)y->data, product, bias, n_rows, n_out, epilogue);
  pmod_cuda_check_launch (self, "linear");
}
