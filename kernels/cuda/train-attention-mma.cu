/* Attention under any mask, and its gradients, on tensor cores: the twin of train-attention.cu for
 * BF16 and F16 on cards that have them, with the same blocks and the same passes.
 *
 * A block is 64 rows, 16 a warp. Products take BF16 or F16 and sum in F32. Beside its inputs, which
 * are of that dtype, that rounds dout, once, and the factors of second products: the numerators,
 * the probabilities and the slopes p (g - mean). In F16, dout is first brought to a largest of 1 to
 * 2 by a power of two that the results are divided by, and probabilities are raised as numerators
 * are. Shared memory in KiB: forward 24 and 48 for 64 and 128 columns, gradients 32 and 64. */
#include "cuda-train.h"
#include "train-attention-tile.h"

#include "mma-tile.h"

#define MMA_BLOCK (TILE / MMA_ROWS * WARP)

/* Of queries against keys at a time in the pass over keys, whose sums are of two gradients: more
 * would not stay in registers. */
#define COLUMNS 32

/* Largest of the scaled dout is below 2 to this power. */
#define DOUT_EXPONENT 1

template <typename T>
__device__ static inline float
raise (void)
{
  return std::is_same<T, __half>::value ? 32768.0f : 1.0f;
}

template <typename T, int D>
__device__ static inline void
copy_head (T *to, const HeadRows<T> &from)
{
  copy_rows<T, D, TILE, MMA_BLOCK> (to, from.data, from.stride, from.n, from.width);
}

/* All copies of all threads are there. */
__device__ static inline void
wait_for_copies (void)
{
  copy_commit ();
  copy_wait<0> ();
  __syncthreads ();
}

/* The warp's first row of the tile, and the lane's first row of those and its first column of 8. */
__device__ static inline int
warp_row (void)
{
  return threadIdx.x / WARP * MMA_ROWS;
}

__device__ static inline int
lane_row (void)
{
  return warp_row () + threadIdx.x % WARP / 4;
}

__device__ static inline int
lane_column (void)
{
  return threadIdx.x % 4 * 2;
}

/* What of a tile's 64 keys is seen: those before shared, and from own on those before end. */
struct TileSight
{
  int shared, own, end;
};

__device__ static inline int
within_tile (int64_t key)
{
  return key < 0 ? 0 : key > TILE ? TILE : (int)key;
}

__device__ static inline TileSight
within (const Sight &sight, int64_t key)
{
  return { within_tile (sight.shared - key), within_tile (sight.own - key),
           within_tile (sight.end - key) };
}

__device__ static inline bool
sees_key (const TileSight &sight, int key)
{
  return key < sight.shared || (key >= sight.own && key < sight.end);
}

/* --- Softmax -------------------------------------------------------------------------------- */

/* Of the lane's two rows. */
struct RowSums
{
  float max[2], sum[2];
};

__device__ static inline void
start (RowSums *rows)
{
  rows->max[0] = rows->max[1] = -INFINITY;
  rows->sum[0] = rows->sum[1] = 0;
}

/* Scores of row r become numerators times 2^raised; sum is of this lane's keys alone. Returns what
 * earlier sums are to be multiplied by. As in train-attention.cu. */
template <typename T>
__device__ static inline float
softmax_row (RowSums *rows,
             float score[TILE / 8][4],
             int r,
             const TileSight &sight,
             float scale,
             float raised)
{
  float largest = rows->max[r], base, factor;

  UNROLL
  for (int i = 0; i < TILE / 8; i++)
    UNROLL
  for (int j = 0; j < 2; j++)
    if (sees_key (sight, i * 8 + lane_column () + j))
      largest = fmaxf (largest, score[i][2 * r + j]);
  largest = quad_max (largest);
  base = softmax_base (largest);
  factor = rows->max[r] == -INFINITY ? 0 : exp2f ((rows->max[r] - base) * scale);
  rows->max[r] = largest;
  rows->sum[r] *= factor;
  UNROLL
  for (int i = 0; i < TILE / 8; i++)
    UNROLL
  for (int j = 0; j < 2; j++)
    {
      float *s = &score[i][2 * r + j];
      bool seen = sees_key (sight, i * 8 + lane_column () + j);

      *s = seen ? exp2f ((*s - base) * scale + raised) : 0;
      rows->sum[r] += *s;
    }
  return factor;
}

/* --- Forward -------------------------------------------------------------------------------- */

template <typename T, int D>
__global__ void
__launch_bounds__ (MMA_BLOCK) masked_mma_kernel (T *__restrict__ out, const MaskedJob<T> job)
{
  PMOD_SHARED_DYNAMIC (T, queries);
  T *keys = queries + TILE * D, *values = keys + TILE * D;
  const int64_t head = blockIdx.x, t = tile_of_queries ();
  const Sight tile = tile_sight (job, t);
  const Sight sights[2] = { sight_of (job, t + lane_row ()), sight_of (job, t + lane_row () + 8) };
  float acc[D / 8][4] = {};
  RowSums rows;

  start (&rows);
  copy_head<T, D> (queries, query_rows (job, t, head));
  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      float score[TILE / 8][4];
      uint32_t part[TILE / 16][4];

      if (!sees_tile (tile, key))
        continue;
      copy_head<T, D> (keys, key_rows (job, job.k, key, head / job.group));
      copy_head<T, D> (values, key_rows (job, job.v, key, head / job.group));
      wait_for_copies ();
      multiply_rows<T, D, TILE> (score, queries, warp_row (), keys);
      UNROLL
      for (int r = 0; r < 2; r++)
        {
          float factor =
              softmax_row<T> (&rows, score, r, within (sights[r], key), job.scale, Raised<T>::BY);

          UNROLL
          for (int i = 0; i < D / 8; i++)
            {
              acc[i][2 * r] *= factor;
              acc[i][2 * r + 1] *= factor;
            }
        }
      pack_rows<T, TILE> (part, score);
      add_rows<T, D, TILE> (acc, part, values);
      /* The tiles are about to be written again. */
      __syncthreads ();
    }
  UNROLL
  for (int r = 0; r < 2; r++)
    {
      const int64_t row = t + lane_row () + 8 * r;
      const float inverse = 1 / quad_sum (rows.sum[r]);

      UNROLL
      for (int i = 0; i < D / 8; i++)
        UNROLL
      for (int j = 0; j < 2; j++)
        {
          const int column = i * 8 + lane_column () + j;

          if (row < job.n_tokens && column < job.width)
            store (&out[(row * job.n_heads + head) * job.width + column],
                   acc[i][2 * r + j] * inverse);
        }
    }
}

/* --- Backward ------------------------------------------------------------------------------- */

/* The four tiles of a block, and scores and slopes g of its queries. */
template <typename T, int D> struct Tiles
{
  T *queries, *dout, *keys, *values;
};

template <typename T, int D>
__device__ static inline Tiles<T, D>
tiles_at (T *shared)
{
  return { shared, shared + TILE * D, shared + 2 * TILE * D, shared + 3 * TILE * D };
}

/* What the backward pass has beside the job: dout of dtype T, and what undoes its scale. */
template <typename T> struct Slopes
{
  const T *dout;
  const float *unscale; /* NULL: 1 */
};

template <typename T>
__device__ static inline HeadRows<T>
slope_rows (const MaskedJob<T> &job, const Slopes<T> &slopes, int64_t t, int64_t head)
{
  HeadRows<T> rows = query_rows (job, t, head);

  rows.data = slopes.dout + (rows.data - job.q);
  return rows;
}

/* max, inverse and mean of the tile's queries. */
template <typename T, int D>
__global__ void
__launch_bounds__ (MMA_BLOCK) statistics_mma_kernel (const MaskedJob<T> job, const Slopes<T> slopes)
{
  PMOD_SHARED_DYNAMIC (T, shared);
  const Tiles<T, D> tiles = tiles_at<T, D> (shared);
  const int64_t head = blockIdx.x, t = tile_of_queries ();
  const Sight tile = tile_sight (job, t);
  const Sight sights[2] = { sight_of (job, t + lane_row ()), sight_of (job, t + lane_row () + 8) };
  float product[2] = {};
  RowSums rows;

  start (&rows);
  copy_head<T, D> (tiles.queries, query_rows (job, t, head));
  copy_head<T, D> (tiles.dout, slope_rows (job, slopes, t, head));
  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      float score[TILE / 8][4], slope[TILE / 8][4];

      if (!sees_tile (tile, key))
        continue;
      copy_head<T, D> (tiles.keys, key_rows (job, job.k, key, head / job.group));
      copy_head<T, D> (tiles.values, key_rows (job, job.v, key, head / job.group));
      wait_for_copies ();
      multiply_rows<T, D, TILE> (score, tiles.queries, warp_row (), tiles.keys);
      multiply_rows<T, D, TILE> (slope, tiles.dout, warp_row (), tiles.values);
      UNROLL
      for (int r = 0; r < 2; r++)
        {
          product[r] *= softmax_row<T> (&rows, score, r, within (sights[r], key), job.scale, 0);
          UNROLL
          for (int i = 0; i < TILE / 8; i++)
            product[r] +=
                score[i][2 * r] * slope[i][2 * r] + score[i][2 * r + 1] * slope[i][2 * r + 1];
        }
      /* The tiles are about to be written again. */
      __syncthreads ();
    }
  UNROLL
  for (int r = 0; r < 2; r++)
    {
      const int64_t row = t + lane_row () + 8 * r, at = head * job.n_tokens + row;
      const float inverse = 1 / quad_sum (rows.sum[r]), mean = quad_sum (product[r]) * inverse;

      if (row < job.n_tokens && lane_column () == 0)
        {
          job.max[at] = rows.max[r];
          job.inverse[at] = inverse;
          job.mean[at] = mean;
        }
    }
}

template <typename T, int D>
__global__ void
__launch_bounds__ (MMA_BLOCK)
    dq_mma_kernel (float *__restrict__ dq, const MaskedJob<T> job, const Slopes<T> slopes)
{
  PMOD_SHARED_DYNAMIC (T, shared);
  const Tiles<T, D> tiles = tiles_at<T, D> (shared);
  const int64_t head = blockIdx.x, t = tile_of_queries ();
  const Sight tile = tile_sight (job, t);
  const Sight sights[2] = { sight_of (job, t + lane_row ()), sight_of (job, t + lane_row () + 8) };
  const Statistics statistics[2] = { statistics_of (job, t + lane_row (), head),
                                     statistics_of (job, t + lane_row () + 8, head) };
  const float unscale = slopes.unscale ? *slopes.unscale : 1;
  float acc[D / 8][4] = {};

  copy_head<T, D> (tiles.queries, query_rows (job, t, head));
  copy_head<T, D> (tiles.dout, slope_rows (job, slopes, t, head));
  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      float score[TILE / 8][4], slope[TILE / 8][4];
      uint32_t part[TILE / 16][4];

      if (!sees_tile (tile, key))
        continue;
      copy_head<T, D> (tiles.keys, key_rows (job, job.k, key, head / job.group));
      copy_head<T, D> (tiles.values, key_rows (job, job.v, key, head / job.group));
      wait_for_copies ();
      multiply_rows<T, D, TILE> (score, tiles.queries, warp_row (), tiles.keys);
      multiply_rows<T, D, TILE> (slope, tiles.dout, warp_row (), tiles.values);
      UNROLL
      for (int r = 0; r < 2; r++)
        {
          const TileSight sight = within (sights[r], key);
          const Statistics &s = statistics[r];

          UNROLL
          for (int i = 0; i < TILE / 8; i++)
            UNROLL
          for (int j = 2 * r; j < 2 * r + 2; j++)
            {
              float p = exp2f ((score[i][j] - s.max) * job.scale) * s.inverse;
              bool seen = sees_key (sight, i * 8 + lane_column () + j - 2 * r);

              slope[i][j] = seen ? p * (slope[i][j] - s.mean) : 0;
            }
        }
      pack_rows<T, TILE> (part, slope);
      add_rows<T, D, TILE> (acc, part, tiles.keys);
      /* The tiles are about to be written again. */
      __syncthreads ();
    }
  UNROLL
  for (int r = 0; r < 2; r++)
    {
      const int64_t row = t + lane_row () + 8 * r;
      /* Infinite where no key was seen; acc is 0 then and would look right. */
      const bool blind = statistics[r].inverse == INFINITY;

      UNROLL
      for (int i = 0; i < D / 8; i++)
        UNROLL
      for (int j = 0; j < 2; j++)
        {
          const int column = i * 8 + lane_column () + j;

          if (row < job.n_tokens && column < job.width)
            dq[(row * job.n_heads + head) * job.width + column] =
                blind ? NAN : acc[i][2 * r + j] * job.slope_scale * unscale;
        }
    }
}

/* What the queries of a tile are to its keys. */
struct QueryFacts
{
  Statistics statistics[TILE];
  TileSight sights[TILE];
};

/* Rows are keys here, from the warp's first on; columns COLUMNS queries of the tile from first on.
 */
template <typename T, int D>
__device__ static inline void
add_queries (float dkeys[D / 8][4],
             float dvalues[D / 8][4],
             const Tiles<T, D> &tiles,
             const QueryFacts &queries,
             int first,
             float scale)
{
  float score[COLUMNS / 8][4], slope[COLUMNS / 8][4];
  uint32_t part[COLUMNS / 16][4];

  multiply_rows<T, D, COLUMNS> (score, tiles.keys, warp_row (), tiles.queries + first * D);
  multiply_rows<T, D, COLUMNS> (slope, tiles.values, warp_row (), tiles.dout + first * D);
  UNROLL
  for (int i = 0; i < COLUMNS / 8; i++)
    UNROLL
  for (int j = 0; j < 4; j++)
    {
      const int query = first + i * 8 + lane_column () + j % 2;
      const Statistics s = queries.statistics[query];
      float p = exp2f ((score[i][j] - s.max) * scale) * s.inverse;
      bool seen = sees_key (queries.sights[query], lane_row () + j / 2 * 8);

      score[i][j] = seen ? p * raise<T> () : 0;
      slope[i][j] = seen ? p * (slope[i][j] - s.mean) : 0;
    }
  pack_rows<T, COLUMNS> (part, score);
  add_rows<T, D, COLUMNS> (dvalues, part, tiles.dout + first * D);
  pack_rows<T, COLUMNS> (part, slope);
  add_rows<T, D, COLUMNS> (dkeys, part, tiles.queries + first * D);
}

/* Block (key head, tile of keys), the first tile first: under the causal mask it takes longest. */
template <typename T, int D>
__global__ void
__launch_bounds__ (MMA_BLOCK) dkv_mma_kernel (float *__restrict__ dk,
                                              float *__restrict__ dv,
                                              const MaskedJob<T> job,
                                              const Slopes<T> slopes)
{
  PMOD_SHARED_DYNAMIC (T, shared);
  __shared__ QueryFacts queries;
  const Tiles<T, D> tiles = tiles_at<T, D> (shared);
  const int64_t kv_head = blockIdx.x, first = (int64_t)blockIdx.y * TILE;
  const float unscale = slopes.unscale ? *slopes.unscale : 1;
  float dkeys[D / 8][4] = {}, dvalues[D / 8][4] = {};

  copy_head<T, D> (tiles.keys, key_rows (job, job.k, first, kv_head));
  copy_head<T, D> (tiles.values, key_rows (job, job.v, first, kv_head));
  for (int64_t head = kv_head * job.group; head < (kv_head + 1) * job.group; head++)
    for (int64_t t = 0; t < job.n_tokens; t += TILE)
      {
        if (!sees_tile (tile_sight (job, t), first))
          continue;
        copy_head<T, D> (tiles.queries, query_rows (job, t, head));
        copy_head<T, D> (tiles.dout, slope_rows (job, slopes, t, head));
        for (int i = threadIdx.x; i < TILE; i += MMA_BLOCK)
          {
            queries.statistics[i] = statistics_of (job, t + i, head);
            queries.sights[i] = within (sight_of (job, t + i), first);
          }
        /* And what all threads wrote of the queries. */
        wait_for_copies ();
        for (int column = 0; column < TILE; column += COLUMNS)
          add_queries<T, D> (dkeys, dvalues, tiles, queries, column, job.scale);
        /* The tiles are about to be written again. */
        __syncthreads ();
      }
  UNROLL
  for (int r = 0; r < 2; r++)
    UNROLL
  for (int i = 0; i < D / 8; i++)
    UNROLL
  for (int j = 0; j < 2; j++)
    {
      const int64_t key = first + lane_row () + 8 * r;
      const int column = i * 8 + lane_column () + j;
      const int64_t at = (kv_head * job.capacity + key) * job.width + column;

      if (key < job.kv_len && column < job.width)
        {
          dk[at] += dkeys[i][2 * r + j] * job.slope_scale * unscale;
          dv[at] += dvalues[i][2 * r + j] * unscale / raise<T> ();
        }
    }
}

/* --- The ops -------------------------------------------------------------------------------- */

static unsigned
n_tiles (int64_t n)
{
  return (unsigned)((n + TILE - 1) / TILE);
}

/* More than what a launch gets without asking; false where the card refuses. */
template <typename Kernel>
static bool
ask_for_shared (PmodCudaBackend *self, Kernel *kernel, size_t n_bytes)
{
#ifdef PMOD_CUDA_EMULATED
  (void)self, (void)kernel, (void)n_bytes;
  return true;
#else
  return pmod_cuda_check (
      self,
      cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)n_bytes),
      "attention of training");
#endif
}

template <typename T, int D>
static void
attend (PmodCudaBackend *self, const MaskedJob<T> &job, T *out)
{
  dim3 grid ((unsigned)job.n_heads, n_tiles (job.n_tokens));
  auto *kernel = masked_mma_kernel<T, D>;
  const size_t n_shared = 3 * TILE * D * sizeof (T);

  if (!ask_for_shared (self, kernel, n_shared))
    return;
  PMOD_LAUNCH (kernel, grid, MMA_BLOCK, n_shared, self->stream, out, job);
  pmod_cuda_check_launch (self, "attention_masked");
}

template <typename T, int D>
static void
attend_backward (PmodCudaBackend *self,
                 const MaskedJob<T> &job,
                 const Slopes<T> &slopes,
                 float *dq,
                 float *dk,
                 float *dv)
{
  dim3 queries ((unsigned)job.n_heads, n_tiles (job.n_tokens));
  dim3 keys ((unsigned)(job.n_heads / job.group), n_tiles (job.kv_len));
  const size_t n_shared = 4 * TILE * D * sizeof (T);
  auto *statistics = statistics_mma_kernel<T, D>;
  auto *to_queries = dq_mma_kernel<T, D>;
  auto *to_keys = dkv_mma_kernel<T, D>;

  if (!ask_for_shared (self, statistics, n_shared) ||
      !ask_for_shared (self, to_queries, n_shared) || !ask_for_shared (self, to_keys, n_shared))
    return;
  PMOD_LAUNCH (statistics, queries, MMA_BLOCK, n_shared, self->stream, job, slopes);
  pmod_cuda_check_launch (self, "attention_backward, statistics");
  PMOD_LAUNCH (to_queries, queries, MMA_BLOCK, n_shared, self->stream, dq, job, slopes);
  pmod_cuda_check_launch (self, "attention_backward, queries");
  PMOD_LAUNCH (to_keys, keys, MMA_BLOCK, n_shared, self->stream, dk, dv, job, slopes);
  pmod_cuda_check_launch (self, "attention_backward, keys");
}

/* Whether tensor cores take the job: the one switch between the twins. */
template <typename T>
static bool
is_taken (const PmodCudaBackend *self, const MaskedJob<T> &job)
{
  return self->has_mma && job.packed && job.width <= 128;
}

template <typename T>
static bool
attend_any (PmodCudaBackend *self, const MaskedJob<T> &job, PmodTensor *out)
{
  if (!is_taken (self, job))
    return false;
  if (job.width <= 64)
    attend<T, 64> (self, job, (T *)out->data);
  else
    attend<T, 128> (self, job, (T *)out->data);
  return true;
}

template <typename T>
static bool
attend_backward_any (PmodCudaBackend *self,
                     MaskedJob<T> job,
                     PmodTensor *dq,
                     PmodTensor *dk,
                     PmodTensor *dv,
                     const PmodTensor *dout)
{
  const size_t n_rows = (size_t)job.n_tokens * job.n_heads;
  float *to_q = (float *)dq->data, *to_k = (float *)dk->data, *to_v = (float *)dv->data;
  const bool scales = std::is_same<T, __half>::value;
  size_t n_bytes = 0, rounded = pmod_cuda_take (&n_bytes, n_rows * job.width * sizeof (T));
  size_t sums = pmod_cuda_take (&n_bytes, n_rows * 3 * sizeof (float));
  size_t scale = pmod_cuda_take (&n_bytes, scales ? PMOD_CUDA_SCALE_FLOATS * sizeof (float) : 0);
  PmodCudaTurn turn = {};
  Slopes<T> slopes = {};
  char *memory;

  if (!is_taken (self, job))
    return false;
  memory = (char *)pmod_cuda_workspace (self, n_bytes);
  if (!memory)
    return true;
  job.max = (float *)(void *)(memory + sums);
  job.inverse = job.max + n_rows, job.mean = job.inverse + n_rows;
  if (scales)
    {
      turn.scale = (float *)(void *)(memory + scale);
      slopes.unscale = turn.scale + 1;
      pmod_cuda_find_scale (self, (float *)(void *)(memory + scale), dout, DOUT_EXPONENT);
    }
  turn.rows = memory + rounded;
  turn.to = scales ? PMOD_DTYPE_F16 : PMOD_DTYPE_BF16;
  turn.from = dout->data;
  turn.from_dtype = PMOD_DTYPE_F32;
  turn.n_rows = turn.n_padded = job.n_tokens;
  turn.n = (int64_t)job.n_heads * job.width;
  pmod_cuda_turn (self, &turn);
  slopes.dout = (const T *)(void *)(memory + rounded);
  if (job.width <= 64)
    attend_backward<T, 64> (self, job, slopes, to_q, to_k, to_v);
  else
    attend_backward<T, 128> (self, job, slopes, to_q, to_k, to_v);
  return true;
}

#define WAYS(T)                                                                                    \
  bool pmod_cuda_attend_masked_mma (PmodCudaBackend *self, const MaskedJob<T> &job,                \
                                    PmodTensor *out)                                               \
  {                                                                                                \
    return attend_any (self, job, out);                                                            \
  }                                                                                                \
  bool pmod_cuda_attend_backward_mma (PmodCudaBackend *self, const MaskedJob<T> &job,              \
                                      PmodTensor *dq, PmodTensor *dk, PmodTensor *dv,              \
                                      const PmodTensor *dout)                                      \
  {                                                                                                \
    return attend_backward_any (self, job, dq, dk, dv, dout);                                      \
  }

WAYS (__nv_bfloat16)
WAYS (__half)
