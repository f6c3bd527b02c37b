/* Enough of CUDA's C++ for our kernels on a host without it: see launch.h.
 *
 * The threads of a block are fibers of one system thread. Each runs until it waits for others - at
 * a barrier or a shuffle - and then the next one does, so that every order which the barriers
 * demand is kept and nothing runs at the same time. A block whose threads wait for ever (a barrier
 * that some of them never reach) ends the program with a message: on a device it would hang.
 * Dynamic shared memory is filled with NaN before each block, since a device clears nothing. */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <tuple>

#include "emulated-runtime.h"
#include "pmod-tensor.h"

/* --- Words -------------------------------------------------------------------------------- */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__ ((aligned (n)))
/* One block at a time runs, so its variables may be static. */
#define __shared__ static

struct dim3
{
  unsigned x, y, z;

  constexpr dim3 (unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x (x_), y (y_), z (z_) {}
};

typedef struct
{
  uint16_t bits;
} __nv_bfloat16;

typedef struct
{
  uint16_t bits;
} __half;

static inline float
__bfloat162float (__nv_bfloat16 value)
{
  uint32_t bits = (uint32_t)value.bits << 16;
  float result;

  memcpy (&result, &bits, 4);
  return result;
}

static inline __nv_bfloat16
__float2bfloat16_rn (float value)
{
  __nv_bfloat16 result;
  uint32_t bits;

  memcpy (&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    result.bits = (uint16_t)((bits >> 16) | 0x40);
  else
    result.bits = (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
  return result;
}

/* By the definition of F16, a NaN with its bits. */
static inline float
__half2float (__half value)
{
  uint32_t sign = (uint32_t)(value.bits & 0x8000u) << 16, mantissa = value.bits & 1023u, bits;
  int exponent = (value.bits >> 10) & 31;
  float result;

  if (exponent == 0)
    return sign ? -ldexpf ((float)mantissa, -24) : ldexpf ((float)mantissa, -24);
  bits = sign | mantissa << 13 | (exponent == 31 ? 0x7f800000u : (uint32_t)(exponent + 112) << 23);
  memcpy (&result, &bits, 4);
  return result;
}

/* What is too large becomes infinite, unlike in pmod_narrow_f16(). */
static inline __half
__float2half_rn (float value)
{
  __half result;

  if (fabsf (value) >= 65520 && fabsf (value) < INFINITY)
    value = value < 0 ? -INFINITY : INFINITY;
  result.bits = pmod_narrow_f16 (value);
  return result;
}

/* --- Threads ------------------------------------------------------------------------------ */

/* Of the fiber that runs: one launch at a time does, whoever asks. */
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

/* Waits until all threads of the block that have not ended are here. */
void __syncthreads (void);

/* The same of the calling warp's lanes in mask. */
void __syncwarp (unsigned mask = 0xffffffffu);

/* What lane `from` of the warp gave; every lane of mask must call. */
uint32_t pmod_emulate_shuffle (unsigned mask, uint32_t value, int from);
unsigned __ballot_sync (unsigned mask, int predicate);

static inline int
pmod_emulate_lane (void)
{
  return (int)(threadIdx.x % 32);
}

template <typename T>
static inline T
pmod_emulate_shuffle_any (unsigned mask, T value, int from)
{
  uint32_t bits;
  static_assert (sizeof value == 4, "shuffles are of 4 bytes");

  memcpy (&bits, &value, 4);
  bits = pmod_emulate_shuffle (mask, bits, from);
  memcpy (&value, &bits, 4);
  return value;
}

template <typename T>
static inline T
__shfl_sync (unsigned mask, T value, int lane)
{
  return pmod_emulate_shuffle_any (mask, value, lane % 32);
}

template <typename T>
static inline T
__shfl_xor_sync (unsigned mask, T value, int lane)
{
  return pmod_emulate_shuffle_any (mask, value, pmod_emulate_lane () ^ lane);
}

/* A lane that has none before it gets its own. */
template <typename T>
static inline T
__shfl_up_sync (unsigned mask, T value, unsigned n)
{
  int lane = pmod_emulate_lane ();

  return pmod_emulate_shuffle_any (mask, value, lane >= (int)n ? lane - (int)n : lane);
}

template <typename T>
static inline T
__shfl_down_sync (unsigned mask, T value, unsigned n)
{
  int lane = pmod_emulate_lane ();

  return pmod_emulate_shuffle_any (mask, value, lane + (int)n < 32 ? lane + (int)n : lane);
}

static inline int
__popc (unsigned value)
{
  return __builtin_popcount (value);
}

static inline int
__ffs (int value)
{
  return __builtin_ffs (value);
}

/* Fibers do not run at the same time, so plain arithmetic is atomic. */
template <typename T>
static inline T
atomicAdd (T *to, T value)
{
  T old = *to;

  *to = old + value;
  return old;
}

/* --- Launches ----------------------------------------------------------------------------- */

/* Runs body as every thread of the grid. n_shared bytes of dynamic shared memory. */
void
pmod_emulate_launch (dim3 grid, dim3 block, size_t n_shared, const std::function<void ()> &body);

/* The same when the stream gets there. */
void pmod_emulate_submit (
    dim3 grid, dim3 block, size_t n_shared, cudaStream_t stream, std::function<void ()> body);

/* The kernel with its arguments as they are now. */
template <typename... P, typename... A>
static inline std::function<void ()>
pmod_emulate_bind (void (*kernel) (P...), A... arguments)
{
  std::tuple<P...> kept (arguments...);

  return [kernel, kept] { std::apply (kernel, kept); };
}

/* Of the launch that runs. */
void *pmod_emulate_dynamic_shared (void);

#define PMOD_SHARED_DYNAMIC(type, name) type *name = (type *)pmod_emulate_dynamic_shared ()

#define PMOD_LAUNCH(kernel, grid, block, shared, stream, ...)                                      \
  pmod_emulate_submit (grid, block, shared, stream, pmod_emulate_bind (kernel, __VA_ARGS__))
