/* What the files of attention share: the arguments, loads of rows, and the pieces of a softmax. */
#pragma once

#include "cuda-private.h"

/* Heads up to this width are supported: the sums of a row's columns are in registers. */
#define MAX_WIDTH 256

/* Exponentials are of base two: scales hold this. */
#define LOG2_E 1.44269504f

/* In tiles a half warp shares THREAD_ROWS rows, so a row's maximum needs four shuffles and its
 * numerators never leave the warp. */
#define ROW_LANES 16
#define THREAD_ROWS 4

template <typename T> struct AttentionJob
{
  const T *__restrict__ q, *__restrict__ k, *__restrict__ v;
  T *__restrict__ out;
  const int32_t *__restrict__ step; /* added to kv_len, or NULL; for few queries only */
  int64_t n_tokens, capacity, kv_len;
  int n_heads, n_kv_heads, width;
  bool causal;
  bool packed; /* rows begin at multiples of 16 bytes and are whole packs */
  float scale; /* of scores, times log2 (e) */
};

__host__ __device__ static inline int64_t
min_i64 (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* How many keys query t sees. */
template <typename T>
__device__ static inline int64_t
n_visible (const AttentionJob<T> &job, int64_t t)
{
  return job.causal ? job.kv_len - job.n_tokens + t + 1 : job.kv_len;
}

/* --- Loads --------------------------------------------------------------------------------- */

/* Of one row of width elements, those from column on; zeros after its end. */
template <typename T>
__device__ static inline Pack<T>
load_pack (const T *row, int column, int width, bool packed)
{
  Pack<T> pack;

  if (packed && column < width)
    return *(const Pack<T> *)(row + column);
  UNROLL
  for (int i = 0; i < 16 / (int)sizeof (T); i++)
    if (column + i < width)
      pack.item[i] = row[column + i];
    else
      store (&pack.item[i], 0.0f);
  return pack;
}

template <typename T>
__device__ static inline Pack<T>
zero_pack (void)
{
  Pack<T> pack;

  UNROLL
  for (int i = 0; i < 16 / (int)sizeof (T); i++)
    store (&pack.item[i], 0.0f);
  return pack;
}

/* N_ROWS x N_COLUMNS, those of each row from column on, to shared memory as F32, by a whole block
 * of N_THREADS. Rows from n_rows on are zero: what lies there in a cache was never written and may
 * be NaN. So are columns past the width. */
template <int N_ROWS, int N_COLUMNS, int TO_STRIDE, int N_THREADS, typename T>
__device__ static inline void
load_tile (
    float *to, const T *from, int64_t stride, int64_t n_rows, int column, int width, bool packed)
{
  constexpr int N = 16 / sizeof (T), PACKS = N_COLUMNS / N;

  for (int i = threadIdx.x; i < N_ROWS * PACKS; i += N_THREADS)
    {
      int row = i / PACKS, at = i % PACKS * N;
      Pack<T> pack = zero_pack<T> ();

      if (row < n_rows)
        pack = load_pack (from + row * stride, column + at, width, packed);
      UNROLL
      for (int j = 0; j < N; j += 4)
        {
          Quad quad;

          UNROLL
          for (int l = 0; l < 4; l++)
            quad.item[l] = to_float (pack.item[j + l]);
          *(Quad *)(to + row * TO_STRIDE + at + j) = quad;
        }
    }
}

/* --- Softmax ------------------------------------------------------------------------------- */

/* What to subtract from scores so that the largest becomes 0. Where none is visible yet there is
 * nothing to subtract: all numerators are 0 then, not NaN. */
__device__ static inline float
softmax_base (float max)
{
  return max == -INFINITY ? 0 : max;
}

/* Numerators are this power of two too large, all of them, so that it falls away in the end. F16
 * has its 11 bits down to 2^-14 alone and nothing below 2^-25: between 2^15 and that is room for
 * what a long row of small ones adds up to. */
template <typename T> struct Raised
{
  static constexpr float BY = 0;
};

template <> struct Raised<__half>
{
  static constexpr float BY = 15;
};

template <typename T>
__device__ static inline float
numerator (float score, float base)
{
  T rounded;

  store (&rounded, exp2f (score - base + Raised<T>::BY));
  return to_float (rounded);
}

/* --- Other ways ----------------------------------------------------------------------------- */

/* attention-mma.cu, for many queries on tensor cores. false where it cannot be so. */
bool pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<float> &job);
bool pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<__nv_bfloat16> &job);
bool pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<__half> &job);

/* attention-decode.cu, for few queries. */
void pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<float> &job);
void pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<__nv_bfloat16> &job);
void pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<__half> &job);
