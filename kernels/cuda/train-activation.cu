/* Activations that keep their input, their gradients, and arithmetic on whole tensors. All are
 * bound by memory; a thread takes one element after another, a grid apart. Bytes an element: fill
 * 4, blend 12, activation z read and y written, its gradient 8 and z; for each element of dy
 * swiglu_backward reads 4 and two of act, and writes 8. */
#include "cuda-train.h"

/* Eight warps; no thread waits for another. */
#define BLOCK 256

/* --- Arithmetic ----------------------------------------------------------------------------- */

__global__ void
fill_kernel (float *x, int64_t n, float value)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    x[i] = value;
}

void
pmod_cuda_fill (PmodBackend *backend, PmodTensor *x, float value)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = pmod_tensor_n_elements (x);

  if (n == 0)
    return;
  PMOD_LAUNCH (fill_kernel, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream, (float *)x->data, n,
               value);
  pmod_cuda_check_launch (self, "fill");
}

/* y may be x. */
__global__ void
blend_kernel (float *y, const float *x, int64_t n, float a, float b)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    y[i] = a * y[i] + b * x[i];
}

void
pmod_cuda_blend (PmodBackend *backend, PmodTensor *y, float a, const PmodTensor *x, float b)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = pmod_tensor_n_elements (y);

  if (n == 0)
    return;
  PMOD_LAUNCH (blend_kernel, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream, (float *)y->data,
               (const float *)x->data, n, a, b);
  pmod_cuda_check_launch (self, "blend");
}

/* --- SwiGLU --------------------------------------------------------------------------------- */

/* silu' (g) = s (1 + g (1 - s)), s = sigmoid (g). */
template <typename T>
__global__ void
swiglu_backward_kernel (float *__restrict__ dgate_up,
                        const float *__restrict__ dy,
                        const T *__restrict__ gate_up,
                        int64_t n_rows,
                        int64_t n_features)
{
  int64_t n = n_rows * n_features, stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      int64_t gate_at = i + i / n_features * n_features, up_at = gate_at + n_features;
      float gate = to_finite (gate_up[gate_at]), up = to_finite (gate_up[up_at]);
      float d = dy[i], s = sigmoid (gate);

      dgate_up[gate_at] = d * up * s * (1 + gate * (1 - s));
      dgate_up[up_at] = d * gate * s;
    }
}

template <typename T>
static void
swiglu_backward (PmodCudaBackend *self,
                 PmodTensor *dgate_up,
                 const PmodTensor *dy,
                 const PmodTensor *gate_up)
{
  int64_t n_rows = dy->shape[0], n_features = dy->shape[1], n = n_rows * n_features;

  if (n == 0)
    return;
  PMOD_LAUNCH (swiglu_backward_kernel<T>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
               (float *)dgate_up->data, (const float *)dy->data, (const T *)gate_up->data, n_rows,
               n_features);
  pmod_cuda_check_launch (self, "swiglu_backward");
}

void
pmod_cuda_swiglu_backward (PmodBackend *backend,
                           PmodTensor *dgate_up,
                           const PmodTensor *dy,
                           const PmodTensor *gate_up)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  pmod_cuda_with (gate_up->dtype, [&] (auto type) {
    swiglu_backward<PMOD_ELEMENT (type)> (self, dgate_up, dy, gate_up);
  });
}

/* --- Functions of one input ----------------------------------------------------------------- */

/* y may be z where both are of one dtype. */
template <typename Y, typename Z>
__global__ void
activation_kernel (Y *y, const Z *z, int64_t n, PmodEpilogue function)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float v = to_float (z[i]);

      store (&y[i], function == PMOD_EPILOGUE_GELU ? gelu (v) : quick_gelu (v));
    }
}

template <typename Y, typename Z>
static void
activate (PmodCudaBackend *self, PmodTensor *y, const PmodTensor *z, PmodEpilogue function)
{
  int64_t n = pmod_tensor_n_elements (z);

  if (n == 0)
    return;
  PMOD_LAUNCH ((activation_kernel<Y, Z>), pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
               (Y *)y->data, (const Z *)z->data, n, function);
  pmod_cuda_check_launch (self, "activation");
}

void
pmod_cuda_activation (PmodBackend *backend,
                      PmodTensor *y,
                      const PmodTensor *z,
                      PmodEpilogue function)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (y->dtype == z->dtype)
    pmod_cuda_with (y->dtype, [&] (auto type) {
      activate<PMOD_ELEMENT (type), PMOD_ELEMENT (type)> (self, y, z, function);
    });
  else if (y->dtype == PMOD_DTYPE_F32)
    pmod_cuda_with (
        z->dtype, [&] (auto type) { activate<float, PMOD_ELEMENT (type)> (self, y, z, function); });
  else
    pmod_cuda_with (
        y->dtype, [&] (auto type) { activate<PMOD_ELEMENT (type), float> (self, y, z, function); });
}

__device__ static inline float
quick_gelu_slope (float z)
{
  float scaled = 1.702f * z, s = sigmoid (scaled);

  return s * (1 + scaled * (1 - s));
}

/* Phi (z) + z phi (z). */
__device__ static inline float
gelu_slope (float z)
{
  return 0.5f * (1 + erff (z * 0.70710678f)) + z * 0.39894228f * expf (-0.5f * z * z);
}

/* dz may be dy. */
template <typename Z>
__global__ void
activation_backward_kernel (
    float *dz, const float *dy, const Z *z, int64_t n, PmodEpilogue function)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float v = to_float (z[i]);

      dz[i] = dy[i] * (function == PMOD_EPILOGUE_GELU ? gelu_slope (v) : quick_gelu_slope (v));
    }
}

template <typename Z>
static void
activation_backward (PmodCudaBackend *self,
                     PmodTensor *dz,
                     const PmodTensor *dy,
                     const PmodTensor *z,
                     PmodEpilogue function)
{
  int64_t n = pmod_tensor_n_elements (z);

  if (n == 0)
    return;
  PMOD_LAUNCH (activation_backward_kernel<Z>, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
               (float *)dz->data, (const float *)dy->data, (const Z *)z->data, n, function);
  pmod_cuda_check_launch (self, "activation_backward");
}

void
pmod_cuda_activation_backward (PmodBackend *backend,
                               PmodTensor *dz,
                               const PmodTensor *dy,
                               const PmodTensor *z,
                               PmodEpilogue function)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  pmod_cuda_with (z->dtype, [&] (auto type) {
    activation_backward<PMOD_ELEMENT (type)> (self, dz, dy, z, function);
  });
}
