/* SwiGLU, and what follows a product where no product's own epilogue does it: a bias, an
 * activation, a sum. Bound by memory: SwiGLU moves 3 T F elements, the epilogue 4 bytes in and y
 * out. */
#include "cuda-private.h"

/* Eight warps; a thread takes one group of neighbours, a block a part of one row. */
#define BLOCK 256

/* Blocks (row, part of a row), with n columns by groups of so many. */
static dim3
grid_of (int64_t n_rows, int64_t n, int group)
{
  return dim3 ((unsigned)n_rows, (unsigned)((n / group + BLOCK - 1) / BLOCK));
}

/* The thread's first column. */
template <int N>
__device__ static inline int64_t
first_column (void)
{
  return ((int64_t)blockIdx.y * BLOCK + threadIdx.x) * N;
}

template <typename T, int N>
__global__ void
swiglu_kernel (T *__restrict__ y, const T *__restrict__ gate_up, int64_t n)
{
  const int64_t i = first_column<N> (), row = blockIdx.x;
  Group<T, N> gate, up, result;

  if (i >= n)
    return;
  gate = *(const Group<T, N> *)(gate_up + 2 * row * n + i);
  up = *(const Group<T, N> *)(gate_up + (2 * row + 1) * n + i);
  UNROLL
  for (int j = 0; j < N; j++)
    {
      float z = to_finite (gate.item[j]);

      store (&result.item[j], z * sigmoid (z) * to_finite (up.item[j]));
    }
  *(Group<T, N> *)(y + row * n + i) = result;
}

template <typename T>
static void
swiglu (PmodCudaBackend *self, PmodTensor *y, const PmodTensor *gate_up)
{
  constexpr int PACK = 16 / (int)sizeof (T);
  int64_t n_rows = y->shape[0], n = y->shape[1];
  bool packed = n % PACK == 0 && ((uintptr_t)y->data | (uintptr_t)gate_up->data) % 16 == 0;

  if (packed)
    PMOD_LAUNCH ((swiglu_kernel<T, PACK>), grid_of (n_rows, n, PACK), BLOCK, 0, self->stream,
                 (T *)y->data, (const T *)gate_up->data, n);
  else
    PMOD_LAUNCH ((swiglu_kernel<T, 1>), grid_of (n_rows, n, 1), BLOCK, 0, self->stream,
                 (T *)y->data, (const T *)gate_up->data, n);
  pmod_cuda_check_launch (self, "swiglu");
}

void
pmod_cuda_swiglu (PmodBackend *backend, PmodTensor *y, const PmodTensor *gate_up)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (y->shape[0] == 0 || y->shape[1] == 0)
    return;
  pmod_cuda_with (y->dtype, [&] (auto type) { swiglu<PMOD_ELEMENT (type)> (self, y, gate_up); });
}

/* --- Epilogues ------------------------------------------------------------------------------ */

/* Four columns a thread where rows are whole groups of so many. */
#define COLUMNS 4

template <typename Y, int N>
__global__ void
epilogue_kernel (Y *y, const float *product, const float *bias, int64_t n, PmodEpilogue epilogue)
{
  const int64_t i = first_column<N> (), at = blockIdx.x * n + i;
  Group<float, N> value, offset = {};
  Group<Y, N> result;

  if (i >= n)
    return;
  value = *(const Group<float, N> *)(product + at);
  if (bias)
    offset = *(const Group<float, N> *)(bias + i);
  if (epilogue == PMOD_EPILOGUE_ADD)
    result = *(const Group<Y, N> *)(y + at);
  UNROLL
  for (int j = 0; j < N; j++)
    {
      float z = value.item[j] + offset.item[j];

      if (epilogue == PMOD_EPILOGUE_ADD)
        z += to_float (result.item[j]);
      else if (epilogue == PMOD_EPILOGUE_QUICK_GELU)
        z = quick_gelu (z);
      else if (epilogue == PMOD_EPILOGUE_GELU)
        z = gelu (z);
      store (&result.item[j], z);
    }
  *(Group<Y, N> *)(y + at) = result;
}

template <typename Y>
static void
epilogue_of (PmodCudaBackend *self,
             PmodTensor *y,
             const float *product,
             const float *bias,
             PmodEpilogue epilogue)
{
  int64_t n_rows = y->shape[0], n = y->shape[1];
  uintptr_t bits = (uintptr_t)y->data | (uintptr_t)product | (uintptr_t)bias;

  if (n % COLUMNS == 0 && bits % (COLUMNS * sizeof (float)) == 0)
    PMOD_LAUNCH ((epilogue_kernel<Y, COLUMNS>), grid_of (n_rows, n, COLUMNS), BLOCK, 0,
                 self->stream, (Y *)y->data, product, bias, n, epilogue);
  else
    PMOD_LAUNCH ((epilogue_kernel<Y, 1>), grid_of (n_rows, n, 1), BLOCK, 0, self->stream,
                 (Y *)y->data, product, bias, n, epilogue);
  pmod_cuda_check_launch (self, "linear");
}

void
pmod_cuda_epilogue (PmodCudaBackend *self,
                    PmodTensor *y,
                    const float *product,
                    const float *bias,
                    PmodEpilogue epilogue)
{
  if (y->shape[0] == 0 || y->shape[1] == 0)
    return;
  pmod_cuda_with (y->dtype, [&] (auto type) {
    epilogue_of<PMOD_ELEMENT (type)> (self, y, product, bias, epilogue);
  });
}
