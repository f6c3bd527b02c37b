/* Products of tiles in shared memory on tensor cores, for a warp that has 16 rows of the result:
 * what attention of training does with queries, keys and gradients. */
#pragma once

#include "mma.h"

/* 8 elements are 16 bytes, a row of an 8 x 8 matrix. */
#define MMA_CHUNK 8

/* Rows of a warp. */
#define MMA_ROWS 16

/* Where a chunk of a row of a tile of D columns lies. The eight rows of a matrix are read at once
 * and begin at the same bank: so chunks change places from row to row. */
template <int D>
__device__ static inline int
mma_place (int row, int chunk)
{
  return row * D + (chunk ^ (row & 7)) * MMA_CHUNK;
}

/* N rows to shared memory by N_THREADS; zeros from row n on and after the width. They are there
 * after copy_wait() and a barrier. */
template <typename T, int D, int N, int N_THREADS>
__device__ static inline void
copy_rows (T *to, const T *from, int64_t stride, int64_t n, int width)
{
  constexpr int CHUNKS = D / MMA_CHUNK;

  UNROLL
  for (int i = threadIdx.x; i < N * CHUNKS; i += N_THREADS)
    {
      int row = i / CHUNKS, chunk = i % CHUNKS;
      bool valid = row < n && chunk * MMA_CHUNK < width;

      /* What is not read must be an address all the same. */
      copy_async (to + mma_place<D> (row, chunk),
                  valid ? from + row * stride + chunk * MMA_CHUNK : from, valid);
    }
}

/* product = a . b^T of MMA_ROWS rows of a, from row on, and N rows of b: [i] are columns 8 i on. */
template <typename T, int D, int N>
__device__ static inline void
multiply_rows (float product[N / 8][4], const T *a, int row, const T *b)
{
  const int lane = threadIdx.x % WARP;
  const int b_row = lane % 8 + lane / 16 * 8, b_chunk = lane / 8 % 2;

  UNROLL
  for (int i = 0; i < N / 8; i++)
    UNROLL
  for (int j = 0; j < 4; j++)
    product[i][j] = 0;
  UNROLL
  for (int k = 0; k < D / 16; k++)
    {
      uint32_t left[4];

      load_matrices (left, a + mma_place<D> (row + lane % 16, k * 2 + lane / 16));
      UNROLL
      for (int i = 0; i < N / 16; i++)
        {
          uint32_t right[4];

          load_matrices (right, b + mma_place<D> (i * 16 + b_row, k * 2 + b_chunk));
          mma<T> (product[2 * i], left, right[0], right[1]);
          mma<T> (product[2 * i + 1], left, right[2], right[3]);
        }
    }
}

/* sum += part . b, of N rows of b. */
template <typename T, int D, int N>
__device__ static inline void
add_rows (float sum[D / 8][4], const uint32_t part[N / 16][4], const T *b)
{
  const int lane = threadIdx.x % WARP;

  UNROLL
  for (int k = 0; k < N / 16; k++)
    UNROLL
  for (int i = 0; i < D / 16; i++)
    {
      uint32_t right[4];

      load_matrices_turned (right, b + mma_place<D> (k * 16 + lane % 16, i * 2 + lane / 16));
      mma<T> (sum[2 * i], part[k], right[0], right[1]);
      mma<T> (sum[2 * i + 1], part[k], right[2], right[3]);
    }
}

/* A product's sums as factors of the next one; what is too large for F16 becomes its largest. */
template <typename T, int N>
__device__ static inline void
pack_rows (uint32_t part[N / 16][4], const float product[N / 8][4])
{
  UNROLL
  for (int i = 0; i < N / 8; i++)
    UNROLL
  for (int r = 0; r < 2; r++)
    {
      float low = product[i][2 * r], high = product[i][2 * r + 1];

      if constexpr (std::is_same<T, __half>::value)
        {
          /* NaN would become a number here. */
          low = isnan (low) ? low : fminf (fmaxf (low, -F16_MAX), F16_MAX);
          high = isnan (high) ? high : fminf (fmaxf (high, -F16_MAX), F16_MAX);
        }
      part[i / 2][i % 2 * 2 + r] = pack_pair<T> (low, high);
    }
}

/* The four lanes of a row. */
__device__ static inline float
quad_max (float value)
{
  value = fmaxf (value, __shfl_xor_sync (FULL_WARP, value, 1));
  return fmaxf (value, __shfl_xor_sync (FULL_WARP, value, 2));
}

__device__ static inline float
quad_sum (float value)
{
  value += __shfl_xor_sync (FULL_WARP, value, 1);
  return value + __shfl_xor_sync (FULL_WARP, value, 2);
}
