/* Tensor cores, warp by warp: products of 16 x 16 by 16 x 8 tiles of BF16 or F16 with sums in F32,
 * loads of 8 x 8 matrices from shared memory into the layout that they want, and copies from global
 * to shared memory that pass by the registers. From compute capability 8.0 on; mma-emulated.h has
 * the same for the host. Layouts: PTX ISA, mma.m16n8k16 and ldmatrix.
 *
 * g = lane / 4 and p = 2 (lane % 4) place a lane's elements:
 *   a[0] A[g][p, p+1]   a[1] A[g+8][p, p+1]   a[2] A[g][p+8, p+9]   a[3] A[g+8][p+8, p+9]
 *   b[0] B[p, p+1][g]   b[1] B[p+8, p+9][g]
 *   c[0], c[1] C[g][p, p+1]   c[2], c[3] C[g+8][p, p+1] */
#pragma once

#include "launch.h"

#include <string.h>

#ifdef PMOD_CUDA_EMULATED
#include "mma-emulated.h"
#else

/* c += a . b */
template <typename T>
__device__ static inline void
mma (float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
#if __CUDA_ARCH__ >= 800
  if constexpr (std::is_same<T, __half>::value)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

/* Four matrices of 8 rows of 16 bytes in shared memory; lane 8 m + i says where row i of matrix m
 * lies. A lane gets, of each, elements p and p+1 of row g. */
__device__ static inline void
load_matrices (uint32_t to[4], const void *row)
{
#if __CUDA_ARCH__ >= 800
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"((unsigned)__cvta_generic_to_shared (row))
               : "memory");
#endif
}

/* The same turned: element g of rows p and p+1. */
__device__ static inline void
load_matrices_turned (uint32_t to[4], const void *row)
{
#if __CUDA_ARCH__ >= 800
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"((unsigned)__cvta_generic_to_shared (row))
               : "memory");
#endif
}

/* 16 bytes to shared memory, or zeros; they are there for the thread after copy_wait(). */
__device__ static inline void
copy_async (void *shared, const void *from, bool valid)
{
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   (unsigned)__cvta_generic_to_shared (shared)),
               "l"(from), "r"(valid ? 16 : 0)
               : "memory");
#endif
}

/* Ends a group of copies. */
__device__ static inline void
copy_commit (void)
{
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Waits for all groups but the N last. */
template <int N>
__device__ static inline void
copy_wait (void)
{
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

/* Two elements in one register, the first in its low half. None is too large for F16. */
template <typename T>
__device__ static inline uint32_t
pack_pair (float low, float high)
{
  uint32_t bits;

  if constexpr (std::is_same<T, __half>::value)
    {
      __half2 pair = __floats2half2_rn (low, high);

      memcpy (&bits, &pair, 4);
    }
  else
    {
      __nv_bfloat162 pair = __floats2bfloat162_rn (low, high);

      memcpy (&bits, &pair, 4);
    }
  return bits;
}
#endif

/* The first and the second of a pair. */
template <typename T>
__device__ static inline float
low_of (uint32_t pair)
{
  uint16_t bits = (uint16_t)pair;
  T value;

  memcpy (&value, &bits, 2);
  return to_float (value);
}

template <typename T>
__device__ static inline float
high_of (uint32_t pair)
{
  return low_of<T> (pair >> 16);
}
