/* What every kernel file includes: CUDA's names, and the ways to launch and to reduce.
 *
 * The same sources are built twice: by nvcc for the device, and by the host's compiler against
 * emulated/emulate.h, which runs the blocks one after another and a block's threads as fibers. So
 * the logic of every kernel is tested on machines without a GPU, in host memory, by the tests of
 * the CPU backend. What differs is here and in gemm-*.cu, chosen by PMOD_CUDA_EMULATED. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <type_traits>

#ifdef PMOD_CUDA_EMULATED
#include "emulate.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define PMOD_SHARED_DYNAMIC(type, name)                                                            \
  extern __shared__ __align__ (16) unsigned char pmod_dynamic_shared[];                            \
  type *name = (type *)(void *)pmod_dynamic_shared

/* kernel<<<grid, block, shared bytes, stream>>> (...) */
#define PMOD_LAUNCH(kernel, grid, block, shared, stream, ...)                                      \
  kernel<<<grid, block, shared, stream>>> (__VA_ARGS__)
#endif

#define WARP 32
#define FULL_WARP 0xffffffffu

/* The largest block, for sums and orders that have only one. Its kernels say so with
 * __launch_bounds__, or might be given more registers than a block of it has. */
#define WIDE_BLOCK 1024

/* Before loops over arrays that must stay in registers. The host's compiler does not know it. */
#ifdef PMOD_CUDA_EMULATED
#define UNROLL
#else
#define UNROLL _Pragma ("unroll")
#endif

/* N neighbours, which are read and written at once. */
template <typename T, int N> struct alignas (sizeof (T) * N) Group
{
  T item[N];
};

/* 16 bytes, the most that one thread moves at once. */
template <typename T> using Pack = Group<T, 16 / sizeof (T)>;

typedef Pack<float> Quad;

/* --- Numbers ------------------------------------------------------------------------------ */

/* F32, BF16 and F16 are read as float and written rounded to nearest even. F16 ends at 65504:
 * what is larger and still finite is stored as that, so that one value that overflows does not make
 * a row of NaN of the products after it. */
#define F16_MAX 65504.0f

__device__ static inline float
to_float (float value)
{
  return value;
}

__device__ static inline float
to_float (__nv_bfloat16 value)
{
  return __bfloat162float (value);
}

__device__ static inline float
to_float (__half value)
{
  return __half2float (value);
}

__device__ static inline void
store (float *to, float value)
{
  *to = value;
}

__device__ static inline void
store (__nv_bfloat16 *to, float value)
{
  *to = __float2bfloat16_rn (value);
}

__device__ static inline void
store (__half *to, float value)
{
  float clamped = fminf (fmaxf (value, -F16_MAX), F16_MAX);

  *to = __float2half_rn (fabsf (value) < INFINITY ? clamped : value);
}

/* The same of what a library's product stored, which knows no such end: an infinity of F16 was a
 * number once. */
template <typename T>
__device__ static inline float
to_finite (T value)
{
  return to_float (value);
}

template <>
__device__ inline float
to_finite (__half value)
{
  float wide = to_float (value);

  return isnan (wide) ? wide : fminf (fmaxf (wide, -F16_MAX), F16_MAX);
}

__device__ static inline float
sigmoid (float value)
{
  return 1 / (1 + expf (-value));
}

/* v Phi (v), exact with erf. */
__device__ static inline float
gelu (float value)
{
  return 0.5f * value * (1 + erff (value * 0.70710678f));
}

__device__ static inline float
quick_gelu (float value)
{
  return value * sigmoid (1.702f * value);
}

/* --- Reductions --------------------------------------------------------------------------- */

/* All lanes get the result; all must call. The order is fixed, so are the bits. */
__device__ static inline float
warp_sum (float value)
{
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    value += __shfl_xor_sync (FULL_WARP, value, lane);
  return value;
}

__device__ static inline float
warp_max (float value)
{
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    value = fmaxf (value, __shfl_xor_sync (FULL_WARP, value, lane));
  return value;
}

/* Over a block of whole warps, at most 1024 threads; scratch [WARP] shared. All threads get the
 * result; all must call. scratch may be used again after the call. */
__device__ static inline float
block_sum (float value, float *scratch)
{
  unsigned warp = threadIdx.x / WARP, n_warps = (blockDim.x + WARP - 1) / WARP;

  value = warp_sum (value);
  if (threadIdx.x % WARP == 0)
    scratch[warp] = value;
  __syncthreads ();
  value = warp_sum (threadIdx.x % WARP < n_warps ? scratch[threadIdx.x % WARP] : 0);
  __syncthreads ();
  return value;
}

__device__ static inline float
block_max (float value, float *scratch)
{
  unsigned warp = threadIdx.x / WARP, n_warps = (blockDim.x + WARP - 1) / WARP;

  value = warp_max (value);
  if (threadIdx.x % WARP == 0)
    scratch[warp] = value;
  __syncthreads ();
  value = warp_max (threadIdx.x % WARP < n_warps ? scratch[threadIdx.x % WARP] : -INFINITY);
  __syncthreads ();
  return value;
}

/* Over a block of a power of two of threads, as a tree, whose order is fixed; for sums in F64, as
 * the CPU takes them, and whole numbers. scratch [blockDim.x] shared may be used again after the
 * call. All threads get the result; all must call. */
template <typename T>
__device__ static inline T
tree_sum (T value, T *scratch)
{
  scratch[threadIdx.x] = value;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2)
    {
      /* The upper half must be there. */
      __syncthreads ();
      if (threadIdx.x < half)
        scratch[threadIdx.x] += scratch[threadIdx.x + half];
    }
  /* The last step is there, and after the next barrier all have read it. */
  __syncthreads ();
  value = scratch[0];
  __syncthreads ();
  return value;
}

/* The sum up to and with the own lane's value; all lanes must call. */
__device__ static inline int
warp_scan (int value)
{
  int lane = (int)(threadIdx.x % WARP);

  for (int step = 1; step < WARP; step *= 2)
    {
      int before = __shfl_up_sync (FULL_WARP, value, step);

      value += lane >= step ? before : 0;
    }
  return value;
}

/* The sum of the values of the threads before this one, and of all threads in *total. A block of
 * WIDE_BLOCK threads, all of which must call; scratch [WARP] shared may be used again after. */
__device__ static inline int
wide_block_scan (int value, int *scratch, int *total)
{
  static_assert (WIDE_BLOCK == WARP * WARP, "one warp scans the sums of all warps");
  int lane = (int)(threadIdx.x % WARP), warp = (int)(threadIdx.x / WARP);
  int sum = warp_scan (value), sums, before;

  if (lane == WARP - 1)
    scratch[warp] = sum;
  __syncthreads ();
  sums = warp_scan (scratch[lane]);
  *total = __shfl_sync (FULL_WARP, sums, WARP - 1);
  before = __shfl_sync (FULL_WARP, sums, warp > 0 ? warp - 1 : 0);
  /* All have read scratch. */
  __syncthreads ();
  return (warp > 0 ? before : 0) + sum - value;
}
