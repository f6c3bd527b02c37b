/* Attention of training in tiles: the job and its mask, for both twins, and what a block of threads
 * of train-attention.cu does with a tile of queries and a tile of keys. Some columns or some rows
 * of a tile are in shared memory at a time, so that heads of any width need no more of it than a
 * launch gets unasked. */
#pragma once

#include "attention.h"

/* Rows of a tile, of queries and of keys. 64 x 64 scores are 16 a thread. */
#define TILE 64

/* A half warp shares rows of one tile, and each of its lanes has the THREAD_COLUMNS rows lane + 16
 * j of the other one. 64 FMAs then need 8 loads of 16 bytes from shared memory, which keeps the
 * loads below the arithmetic. */
#define THREAD_COLUMNS (TILE / ROW_LANES)
#define BLOCK (TILE / THREAD_ROWS * ROW_LANES)

/* Elements of both tiles' rows that are in shared memory at a time. */
#define STAGE_COLUMNS 32

/* Rows of a tile that are in shared memory at a time, whole, while they are summed. */
#define STAGE_ROWS 16

/* Four words more a row: rows that are read together lie in different banks. */
#define STAGE_STRIDE (STAGE_COLUMNS + 4)
#define PART_STRIDE (TILE + 4)

template <typename T> struct MaskedJob
{
  const T *q, *k, *v;
  const float *dout;
  const int32_t *first; /* or NULL */
  int64_t n_tokens, capacity, kv_len, prefix;
  int64_t d_capacity;        /* of dk and dv; capacity is of k and v */
  int n_heads, group, width; /* group: heads that share a key head */
  bool causal;
  bool packed, dout_packed; /* rows begin at multiples of 16 bytes and are whole packs */
  float scale;              /* of scores, times log2 (e) */
  float slope_scale;        /* of scores */
  /* [H, T], of a query's row of scores. */
  float *max;     /* the largest */
  float *inverse; /* 1 / sum of numerators */
  float *mean;    /* sum of p g */
};

/* --- Loads --------------------------------------------------------------------------------- */

/* Rows of a head. */
template <typename T> struct HeadRows
{
  const T *data;
  int64_t stride;
  int64_t n; /* how many there are; a tile may be longer */
  int width;
  bool packed;
};

/* The rows from their first on. */
template <int N_ROWS, int N_COLUMNS, int TO_STRIDE, typename T>
__device__ static inline void
load_rows (float *to, const HeadRows<T> &from, int64_t first, int column)
{
  load_tile<N_ROWS, N_COLUMNS, TO_STRIDE, BLOCK> (to, from.data + first * from.stride, from.stride,
                                                  from.n - first, column, from.width, from.packed);
}

/* A tile of rows of q, of dout, and of k or v. */
template <typename T>
__device__ static inline HeadRows<T>
query_rows (const MaskedJob<T> &job, int64_t t, int64_t head)
{
  return { job.q + (t * job.n_heads + head) * job.width, (int64_t)job.n_heads * job.width,
           job.n_tokens - t, job.width, job.packed };
}

template <typename T>
__device__ static inline HeadRows<float>
dout_rows (const MaskedJob<T> &job, int64_t t, int64_t head)
{
  return { job.dout + (t * job.n_heads + head) * job.width, (int64_t)job.n_heads * job.width,
           job.n_tokens - t, job.width, job.dout_packed };
}

template <typename T>
__device__ static inline HeadRows<T>
key_rows (const MaskedJob<T> &job, const T *data, int64_t key, int64_t kv_head)
{
  return { data + (kv_head * job.capacity + key) * job.width, job.width, job.kv_len - key,
           job.width, job.packed };
}

/* --- The mask ------------------------------------------------------------------------------- */

/* The keys that a query sees: [0, shared) and [own, end). */
struct Sight
{
  int64_t shared, own, end;
};

/* A row after the last token sees nothing. */
template <typename T>
__device__ static inline Sight
sight_of (const MaskedJob<T> &job, int64_t t)
{
  Sight sight = { 0, 0, job.causal ? job.kv_len - job.n_tokens + t + 1 : job.kv_len };

  if (t >= job.n_tokens)
    sight.end = 0;
  else if (job.first)
    {
      sight.shared = job.prefix < sight.end ? job.prefix : sight.end;
      sight.own = job.first[t];
    }
  return sight;
}

/* What any query of the tile at t sees is in what this one does. Every lane of a warp must call,
 * and all get the same. */
template <typename T>
__device__ static inline Sight
tile_sight (const MaskedJob<T> &job, int64_t t)
{
  int64_t last = t + TILE < job.n_tokens ? t + TILE - 1 : job.n_tokens - 1;
  Sight sight = sight_of (job, last);
  int own = INT32_MAX;

  if (!job.first)
    return sight;
  for (int64_t i = t + threadIdx.x % WARP; i <= last; i += WARP)
    own = job.first[i] < own ? job.first[i] : own;
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    {
      int other = __shfl_xor_sync (FULL_WARP, own, lane);

      own = other < own ? other : own;
    }
  sight.own = own;
  return sight;
}

__device__ static inline bool
sees (const Sight &sight, int64_t key)
{
  return key < sight.shared || (key >= sight.own && key < sight.end);
}

/* Any key of the tile at key. */
__device__ static inline bool
sees_tile (const Sight &sight, int64_t key)
{
  return key < sight.shared || (key + TILE > sight.own && key < sight.end);
}

/* --- Blocks --------------------------------------------------------------------------------- */

/* The tile of queries of a block (head, tile), the last tile first: under the causal mask it takes
 * longest. */
__device__ static inline int64_t
tile_of_queries (void)
{
  return (int64_t)(gridDim.y - 1 - blockIdx.y) * TILE;
}

/* What a query's scores become probabilities and slopes with. */
struct Statistics
{
  float max, inverse, mean;
};

template <typename T>
__device__ static inline Statistics
statistics_of (const MaskedJob<T> &job, int64_t t, int64_t head)
{
  const int64_t at = head * job.n_tokens + t;

  if (t >= job.n_tokens)
    return {};
  return { job.max[at], job.inverse[at], job.mean[at] };
}

/* --- Products of tiles ---------------------------------------------------------------------- */

/* The thread's first row and its lane. */
__device__ static inline int
thread_row (void)
{
  return threadIdx.x / ROW_LANES * THREAD_ROWS;
}

__device__ static inline int
thread_lane (void)
{
  return threadIdx.x % ROW_LANES;
}

/* In floats. First STAGE_COLUMNS columns of two tiles; then the factors of a sum, one row for each
 * row that is summed, and STAGE_ROWS of those. In KiB for 64, 128 and 256 columns: 21, 25, 33;
 * below the 48 that need no opt-in. */
template <int D> struct Stage
{
  static constexpr int DOTS = 2 * TILE * STAGE_STRIDE;
  static constexpr int PARTS = TILE * PART_STRIDE;
  static constexpr int SUMS = PARTS + STAGE_ROWS * D;
  static constexpr int BYTES = (DOTS > SUMS ? DOTS : SUMS) * (int)sizeof (float);
  static_assert (BYTES <= 48 * 1024, "more shared memory than a launch gets without asking");
};

/* product[r][j] = a[row + r] . b[lane + 16 j]. The stage is free before and after. */
template <typename A, typename B>
__device__ static inline void
dot_tile (float product[THREAD_ROWS][THREAD_COLUMNS],
          float *stage,
          const HeadRows<A> &a,
          const HeadRows<B> &b)
{
  const float *left = stage + thread_row () * STAGE_STRIDE;
  const float *right = stage + (TILE + thread_lane ()) * STAGE_STRIDE;

  UNROLL
  for (int i = 0; i < THREAD_ROWS * THREAD_COLUMNS; i++)
    product[i / THREAD_COLUMNS][i % THREAD_COLUMNS] = 0;
  for (int column = 0; column < a.width; column += STAGE_COLUMNS)
    {
      load_rows<TILE, STAGE_COLUMNS, STAGE_STRIDE> (stage, a, 0, column);
      load_rows<TILE, STAGE_COLUMNS, STAGE_STRIDE> (stage + TILE * STAGE_STRIDE, b, 0, column);
      /* The stage is written by all threads. */
      __syncthreads ();
      UNROLL
      for (int i = 0; i < STAGE_COLUMNS; i += 4)
        {
          Quad x[THREAD_ROWS], y[THREAD_COLUMNS];

          UNROLL
          for (int r = 0; r < THREAD_ROWS; r++)
            x[r] = *(const Quad *)(left + r * STAGE_STRIDE + i);
          UNROLL
          for (int j = 0; j < THREAD_COLUMNS; j++)
            y[j] = *(const Quad *)(right + j * ROW_LANES * STAGE_STRIDE + i);
          UNROLL
          for (int r = 0; r < THREAD_ROWS; r++)
            UNROLL
          for (int j = 0; j < THREAD_COLUMNS; j++)
            UNROLL
          for (int l = 0; l < 4; l++)
            product[r][j] += x[r].item[l] * y[j].item[l];
        }
      /* The stage is about to be written again. */
      __syncthreads ();
    }
}

/* Column of item i of a thread's row: four of every 64 are one lane's. */
__device__ static inline int
column_of (int i)
{
  return i / 4 * 64 + thread_lane () * 4 + i % 4;
}

/* sum[r] += part[r] . b, over the rows of b. The stage is free before and after. */
template <int D, typename B>
__device__ static inline void
add_tile (float sum[THREAD_ROWS][D / ROW_LANES],
          float *stage,
          const float part[THREAD_ROWS][THREAD_COLUMNS],
          const HeadRows<B> &b)
{
  float *staged = stage + Stage<D>::PARTS;

  UNROLL
  for (int j = 0; j < THREAD_COLUMNS; j++)
    {
      Quad factors;

      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        factors.item[r] = part[r][j];
      *(Quad *)(stage + (thread_lane () + j * ROW_LANES) * PART_STRIDE + thread_row ()) = factors;
    }
  for (int first = 0; first < TILE && first < b.n; first += STAGE_ROWS)
    {
      load_rows<STAGE_ROWS, D, D> (staged, b, first, 0);
      /* Rows are written by all threads, factors by the half warp that reads them. */
      __syncthreads ();
      for (int i = 0; i < STAGE_ROWS; i++)
        {
          Quad factors = *(const Quad *)(stage + (first + i) * PART_STRIDE + thread_row ());

          UNROLL
          for (int c = 0; c < D / ROW_LANES; c += 4)
            {
              Quad value = *(const Quad *)(staged + i * D + column_of (c));

              UNROLL
              for (int r = 0; r < THREAD_ROWS; r++)
                UNROLL
              for (int l = 0; l < 4; l++)
                sum[r][c + l] += factors.item[r] * value.item[l];
            }
        }
      /* The stage is about to be written again. */
      __syncthreads ();
    }
}

/* Over the lanes of a row. */
__device__ static inline float
row_sum (float value)
{
  for (int i = ROW_LANES / 2; i > 0; i /= 2)
    value += __shfl_xor_sync (FULL_WARP, value, i);
  return value;
}

/* --- The other twin -------------------------------------------------------------------------- */

/* train-attention-mma.cu, on tensor cores. false where it cannot be so. */
bool pmod_cuda_attend_masked_mma (PmodCudaBackend *self,
                                  const MaskedJob<__nv_bfloat16> &job,
                                  PmodTensor *out);
bool
pmod_cuda_attend_masked_mma (PmodCudaBackend *self, const MaskedJob<__half> &job, PmodTensor *out);
bool pmod_cuda_attend_backward_mma (PmodCudaBackend *self,
                                    const MaskedJob<__nv_bfloat16> &job,
                                    PmodTensor *dq,
                                    PmodTensor *dk,
                                    PmodTensor *dv,
                                    const PmodTensor *dout);
bool pmod_cuda_attend_backward_mma (PmodCudaBackend *self,
                                    const MaskedJob<__half> &job,
                                    PmodTensor *dq,
                                    PmodTensor *dk,
                                    PmodTensor *dv,
                                    const PmodTensor *dout);
