/* Attention of many queries in BF16 or F16 on tensor cores: attention.cu's tiles, with products of
 * such numbers and sums in F32, which is what those do too, in another order.
 *
 * A block takes 64 queries of a head, 16 a warp, whose rows stay in registers, against tiles of 64
 * keys and values, of which one is copied to shared memory while the other is used. A warp's
 * numerators go from the first product's sums to the second's factors without leaving registers.
 * FLOPs 4*T*kv_len*H*dh, half of it under the causal mask; blocks read their head's keys and
 * values once, from L2 mostly. */
#include "attention.h"

#include "mma.h"

#define WARPS 4
#define BLOCK (WARPS * WARP)
#define WARP_ROWS 16
#define ROWS (WARPS * WARP_ROWS)
#define TILE_KEYS 64

/* 8 elements are 16 bytes, a row of an 8 x 8 matrix. */
#define CHUNK 8

/* D is the width rounded up to 64 or 128. */
template <int D> struct Stage
{
  static constexpr int CHUNKS = D / CHUNK;
  static constexpr int TILE = TILE_KEYS * D; /* elements */
  /* Two of keys, two of values: 32 or 64 KiB. */
  static constexpr int BYTES = 4 * TILE * 2;
};

/* Where a chunk of a row of a tile lies. The eight rows of a matrix are read at once and begin at
 * the same bank: so chunks change places from row to row. */
template <int D>
__device__ static inline int
place (int row, int chunk)
{
  return row * D + (chunk ^ (row & 7)) * CHUNK;
}

/* Keys or values first .. first + TILE_KEYS - 1 of the block's head; zeros from n_keys on, where
 * memory may hold NaN, and in columns after the width. */
template <typename T, int D>
__device__ static inline void
copy_tile (T *to, const AttentionJob<T> &job, const T *head, int64_t first, int64_t n_keys)
{
  typedef Stage<D> S;

  UNROLL
  for (int i = threadIdx.x; i < TILE_KEYS * S::CHUNKS; i += BLOCK)
    {
      int row = i / S::CHUNKS, chunk = i % S::CHUNKS;
      bool valid = first + row < n_keys && chunk * CHUNK < job.width;
      /* What is not read must be an address all the same. */
      const T *from = valid ? head + (first + row) * job.width + chunk * CHUNK : head;

      copy_async (to + place<D> (row, chunk), from, valid);
    }
}

/* One warp: 16 queries, and what it knows of them so far. The lane has rows g and g + 8. */
template <int D> struct Rows
{
  uint32_t query[D / 16][4];
  float out[D / 8][4], max[2], sum[2];
};

template <typename T, int D>
__device__ static inline void
load_queries (Rows<D> *rows, const AttentionJob<T> &job, int64_t first, int head)
{
  const int g = threadIdx.x % WARP / 4, p = threadIdx.x % 4 * 2;

  UNROLL
  for (int i = 0; i < D / 16; i++)
    UNROLL
  for (int j = 0; j < 4; j++)
    {
      int64_t t = first + g + j % 2 * 8;
      int column = i * 16 + p + j / 2 * 8;

      rows->query[i][j] = 0;
      if (t < job.n_tokens && column < job.width)
        rows->query[i][j] = *(
            const uint32_t *)(const void *)(job.q + (t * job.n_heads + head) * job.width + column);
    }
  UNROLL
  for (int i = 0; i < D / 8; i++)
    UNROLL
  for (int j = 0; j < 4; j++)
    rows->out[i][j] = 0;
  rows->max[0] = rows->max[1] = -INFINITY;
  rows->sum[0] = rows->sum[1] = 0;
}

/* score = queries . keys of a tile, 16 x 64: [i] are the columns 8 i .. 8 i + 7. */
template <typename T, int D>
__device__ static inline void
score_keys (float score[TILE_KEYS / 8][4], const Rows<D> &rows, const T *keys)
{
  const int lane = threadIdx.x % WARP, row = lane % 8 + lane / 16 * 8, chunk = lane / 8 % 2;

  UNROLL
  for (int i = 0; i < TILE_KEYS / 8; i++)
    UNROLL
  for (int j = 0; j < 4; j++)
    score[i][j] = 0;
  UNROLL
  for (int k = 0; k < D / 16; k++)
    UNROLL
  for (int i = 0; i < TILE_KEYS / 16; i++)
    {
      uint32_t b[4];

      load_matrices (b, keys + place<D> (i * 16 + row, k * 2 + chunk));
      mma<T> (score[2 * i], rows.query[k], b[0], b[1]);
      mma<T> (score[2 * i + 1], rows.query[k], b[2], b[3]);
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

/* Scores become numerators, rounded, as factors of the next product: part[i] is of the columns
 * 16 i .. 16 i + 15. Columns from visible on are hidden; out and sum are scaled to the new max. */
template <typename T, int D>
__device__ static inline void
softmax_step (uint32_t part[TILE_KEYS / 16][4],
              Rows<D> *rows,
              float score[TILE_KEYS / 8][4],
              const int visible[2],
              float scale)
{
  const int p = threadIdx.x % 4 * 2;

  UNROLL
  for (int r = 0; r < 2; r++)
    {
      float max = rows->max[r], sum = 0, base, raised, factor;

      UNROLL
      for (int i = 0; i < TILE_KEYS / 8; i++)
        UNROLL
      for (int j = 0; j < 2; j++)
        {
          float *s = &score[i][2 * r + j];

          *s = i * 8 + p + j < visible[r] ? *s * scale : -INFINITY;
          max = fmaxf (max, *s);
        }
      max = quad_max (max);
      base = softmax_base (max);
      raised = base - Raised<T>::BY;
      factor = exp2f (rows->max[r] - base);
      rows->max[r] = max;
      UNROLL
      for (int i = 0; i < TILE_KEYS / 8; i++)
        {
          uint32_t pair =
              pack_pair<T> (exp2f (score[i][2 * r] - raised), exp2f (score[i][2 * r + 1] - raised));

          sum += low_of<T> (pair) + high_of<T> (pair);
          part[i / 2][i % 2 * 2 + r] = pair;
        }
      rows->sum[r] = rows->sum[r] * factor + sum;
      UNROLL
      for (int i = 0; i < D / 8; i++)
        {
          rows->out[i][2 * r] *= factor;
          rows->out[i][2 * r + 1] *= factor;
        }
    }
}

/* out += part . values of a tile. */
template <typename T, int D>
__device__ static inline void
add_values (Rows<D> *rows, const uint32_t part[TILE_KEYS / 16][4], const T *values)
{
  const int lane = threadIdx.x % WARP, row = lane % 16, chunk = lane / 16;

  UNROLL
  for (int k = 0; k < TILE_KEYS / 16; k++)
    UNROLL
  for (int i = 0; i < D / 16; i++)
    {
      uint32_t b[4];

      load_matrices_turned (b, values + place<D> (k * 16 + row, i * 2 + chunk));
      mma<T> (rows->out[2 * i], part[k], b[0], b[1]);
      mma<T> (rows->out[2 * i + 1], part[k], b[2], b[3]);
    }
}

template <typename T, int D>
__device__ static inline void
store_rows (Rows<D> *rows, const AttentionJob<T> &job, int64_t first, int head)
{
  const int g = threadIdx.x % WARP / 4, p = threadIdx.x % 4 * 2;

  UNROLL
  for (int r = 0; r < 2; r++)
    {
      int64_t t = first + g + r * 8;
      float share = 1 / quad_sum (rows->sum[r]);

      UNROLL
      for (int i = 0; i < D / 8; i++)
        if (t < job.n_tokens && i * 8 + p < job.width)
          *(uint32_t *)(void *)(job.out + (t * job.n_heads + head) * job.width + i * 8 + p) =
              pack_pair<T> (rows->out[i][2 * r] * share, rows->out[i][2 * r + 1] * share);
    }
}

/* Block (ROWS queries, head). The last queries see the most keys and go first. */
template <typename T, int D>
__global__ void
__launch_bounds__ (BLOCK) attention_mma_kernel (const AttentionJob<T> job)
{
  typedef Stage<D> S;
  PMOD_SHARED_DYNAMIC (T, shared);
  const int head = blockIdx.y;
  const int64_t block_first = (int64_t)(gridDim.x - 1 - blockIdx.x) * ROWS;
  const int64_t first = block_first + threadIdx.x / WARP * WARP_ROWS;
  const int64_t last = min_i64 (block_first + ROWS, job.n_tokens) - 1;
  const int64_t n_keys = n_visible (job, last);
  const int64_t at = (int64_t)head * job.n_kv_heads / job.n_heads * job.capacity * job.width;
  const int64_t row = first + threadIdx.x % WARP / 4;
  Rows<D> rows;

  copy_tile<T, D> (shared, job, job.k + at, 0, n_keys);
  copy_tile<T, D> (shared + 2 * S::TILE, job, job.v + at, 0, n_keys);
  copy_commit ();
  load_queries<T, D> (&rows, job, first, head);
  for (int64_t key = 0; key < n_keys; key += TILE_KEYS)
    {
      const int now = key / TILE_KEYS % 2, next = 1 - now;
      float score[TILE_KEYS / 8][4];
      uint32_t part[TILE_KEYS / 16][4];
      int visible[2];

      if (key + TILE_KEYS < n_keys)
        {
          copy_tile<T, D> (shared + next * S::TILE, job, job.k + at, key + TILE_KEYS, n_keys);
          copy_tile<T, D> (shared + (2 + next) * S::TILE, job, job.v + at, key + TILE_KEYS, n_keys);
          copy_commit ();
          copy_wait<1> ();
        }
      else
        copy_wait<0> ();
      /* What the others copied is here, too. */
      __syncthreads ();
      /* Rows after the last token see what the last one sees, and are not stored. */
      for (int r = 0; r < 2; r++)
        visible[r] = (int)min_i64 (TILE_KEYS, n_visible (job, min_i64 (row + r * 8, last)) - key);
      score_keys<T, D> (score, rows, shared + now * S::TILE);
      softmax_step<T, D> (part, &rows, score, visible, job.scale);
      add_values<T, D> (&rows, part, shared + (2 + now) * S::TILE);
      /* All are done with this tile before it is overwritten. */
      __syncthreads ();
    }
  store_rows<T, D> (&rows, job, first, head);
}

template <typename T, int D>
static void
launch (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  dim3 grid ((unsigned)((job.n_tokens + ROWS - 1) / ROWS), (unsigned)job.n_heads);
  auto *kernel = attention_mma_kernel<T, D>;

#ifndef PMOD_CUDA_EMULATED
  if (!pmod_cuda_check (self,
                        cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              Stage<D>::BYTES),
                        "attention"))
    return;
#endif
  PMOD_LAUNCH (kernel, grid, BLOCK, Stage<D>::BYTES, self->stream, job);
  pmod_cuda_check_launch (self, "attention");
}

template <typename T>
static bool
attend (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  if (!self->has_mma || !job.packed || job.width > 128)
    return false;
  if (job.width <= 64)
    launch<T, 64> (self, job);
  else
    launch<T, 128> (self, job);
  return true;
}

bool
pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<__nv_bfloat16> &job)
{
  return attend (self, job);
}

bool
pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<__half> &job)
{
  return attend (self, job);
}

bool
pmod_cuda_attend_mma (PmodCudaBackend *self, const AttentionJob<float> &job)
{
  (void)self, (void)job;
  return false;
}
