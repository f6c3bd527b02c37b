/* A tile of queries of one head against a tile of keys, in F32, and a step of the softmax over it:
 * what the files that go through tiles without tensor cores share. */
#pragma once

#include "attention.h"

/* Keys in a tile: each lane of a row has four of them, lane + 16 j. 16 FMAs an element then need
 * 8 words of shared memory, which keeps the loads below the arithmetic. */
#define TILE_KEYS 64
#define THREAD_KEYS (TILE_KEYS / ROW_LANES)

/* Elements of the keys that are in shared memory at a time. */
#define KEY_COLUMNS 32

/* Four words more a row: rows that are read together lie in different banks. */
#define PAD 4

/* D is the width rounded up to 64, 128 or 256. Shared memory then, in KiB: queries 17, 33, 32.5;
 * the stage 9, 12.25, 10.25. That is below the 48 KiB that need no opt-in, for which 256 has half
 * the rows, and half the values at a time. */
template <int D> struct Tile
{
  static constexpr int ROWS = D > 128 ? 32 : 64;
  static constexpr int THREADS = ROWS / THREAD_ROWS * ROW_LANES;

  /* Values in shared memory at a time. */
  static constexpr int VALUES = D > 128 ? 8 : 16;

  /* The stage holds, in floats, KEY_COLUMNS columns of all keys; later the numerators of ROW_LANES
   * keys, row after row of each key, and then values. */
  static constexpr int PART_STRIDE = ROWS + PAD;
  static constexpr int PARTS = ROW_LANES * PART_STRIDE;
  static constexpr int KEY_STAGE = TILE_KEYS * (KEY_COLUMNS + PAD);
  static constexpr int VALUE_STAGE = PARTS + VALUES * D;
  static constexpr int STAGE = KEY_STAGE > VALUE_STAGE ? KEY_STAGE : VALUE_STAGE;
  static constexpr int SHARED = (ROWS * (D + PAD) + STAGE) * (int)sizeof (float);
  static_assert (SHARED <= 48 * 1024, "more shared memory than a launch gets without asking");
};

/* score += q . k over KEY_COLUMNS elements. queries points to the thread's first row, keys to its
 * first key. */
template <int D>
__device__ static inline void
add_scores (float score[THREAD_ROWS][THREAD_KEYS], const float *queries, const float *keys)
{
  UNROLL
  for (int i = 0; i < KEY_COLUMNS; i += 4)
    {
      Quad q[THREAD_ROWS], k[THREAD_KEYS];

      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        q[r] = *(const Quad *)(queries + r * (D + PAD) + i);
      UNROLL
      for (int j = 0; j < THREAD_KEYS; j++)
        k[j] = *(const Quad *)(keys + j * ROW_LANES * (KEY_COLUMNS + PAD) + i);
      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        UNROLL
      for (int j = 0; j < THREAD_KEYS; j++)
        UNROLL
      for (int l = 0; l < 4; l++)
        score[r][j] += q[r].item[l] * k[j].item[l];
    }
}

/* Scores of one row become numerators in place; keys from n on are hidden. sum is of this lane's
 * keys alone. Returns what earlier sums are to be multiplied by. */
template <typename T>
__device__ static inline float
softmax_step (float score[THREAD_KEYS], int64_t n, float scale, float *max, float *sum)
{
  int lane = threadIdx.x % ROW_LANES;
  float largest = *max, base, factor;

  UNROLL
  for (int j = 0; j < THREAD_KEYS; j++)
    {
      score[j] = lane + j * ROW_LANES < n ? score[j] * scale : -INFINITY;
      largest = fmaxf (largest, score[j]);
    }
  for (int i = ROW_LANES / 2; i > 0; i /= 2)
    largest = fmaxf (largest, __shfl_xor_sync (FULL_WARP, largest, i));
  base = softmax_base (largest);
  factor = exp2f (*max - base);
  *max = largest;
  *sum *= factor;
  UNROLL
  for (int j = 0; j < THREAD_KEYS; j++)
    {
      score[j] = numerator<T> (score[j], base);
      *sum += score[j];
    }
  return factor;
}

/* Scores of the tile's keys, of which n are there. The stage is free before and after. */
template <typename T, int D>
__device__ static inline void
score_tile (float score[THREAD_ROWS][THREAD_KEYS],
            const AttentionJob<T> &job,
            const float *queries,
            float *stage,
            const T *keys,
            int64_t n)
{
  const int lane = threadIdx.x % ROW_LANES, row = threadIdx.x / ROW_LANES * THREAD_ROWS;

  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    UNROLL
  for (int j = 0; j < THREAD_KEYS; j++)
    score[r][j] = 0;
  for (int column = 0; column < job.width; column += KEY_COLUMNS)
    {
      load_tile<TILE_KEYS, KEY_COLUMNS, KEY_COLUMNS + PAD, Tile<D>::THREADS> (
          stage, keys, job.width, n, column, job.width, job.packed);
      /* The stage, and before the first tile the queries, are written by all threads. */
      __syncthreads ();
      add_scores<D> (score, queries + row * (D + PAD) + column, stage + lane * (KEY_COLUMNS + PAD));
      /* The stage is about to be written again. */
      __syncthreads ();
    }
}
