/* Attention with an online softmax over tiles of keys: nothing of size T x kv_len is stored.
 *
 * Two ways. Many queries (prefill): a block takes a tile of queries of one head against tiles of
 * keys; FLOPs 4*T*kv_len*H*dh, half of it under the causal mask, and every block reads its head's
 * keys and values once, from L2 mostly. Few queries (decode): the keys are split among blocks, each
 * key and value is read once from memory, and a second kernel joins what the splits found; bytes
 * 2*G*kv_len*dh elements, and in F32 a dh of each head and split written and read again: 1/32 of
 * that or less in BF16 where H = G.
 *
 * Products and sums are F32. With BF16 the softmax's numerators are rounded to BF16 before they
 * multiply v, and their sum is of the rounded ones, as in the CPU twin. Exponentials are of base
 * two: the scale holds log2 (e). All orders of sums depend on shapes alone, never on the card. */
#include "cuda-private.h"

/* Before loops over arrays that must stay in registers. The host's compiler does not know it. */
#ifdef PMOD_CUDA_EMULATED
#define UNROLL
#else
#define UNROLL _Pragma ("unroll")
#endif

/* Heads up to this width are supported. */
#define MAX_WIDTH 256

/* Up to so many tokens the keys are split among blocks. Prefill would run one block a head then,
 * on a quarter of a large card, with most rows of its tile empty. */
#define DECODE_TOKENS 16

#define LOG2_E 1.44269504f

template <typename T> struct AttentionJob
{
  const T *__restrict__ q, *__restrict__ k, *__restrict__ v;
  T *__restrict__ out;
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

/* 16 bytes, what one thread loads at once. */
template <typename T> struct __align__ (16) Pack { T item[16 / sizeof (T)]; };

typedef Pack<float> Quad;

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

/* N_ROWS x N_COLUMNS to shared memory as F32, by the whole block. Rows from n_rows on are zero:
 * what lies there in the cache was never written and may be NaN. So are columns past the width. */
template <typename T, int N_ROWS, int N_COLUMNS, int TO_STRIDE>
__device__ static inline void
load_tile (
    float *to, const T *from, int64_t stride, int64_t n_rows, int column, int width, bool packed)
{
  constexpr int N = 16 / sizeof (T), PACKS = N_COLUMNS / N;

  for (int i = threadIdx.x; i < N_ROWS * PACKS; i += blockDim.x)
    {
      int row = i / PACKS, at = i % PACKS * N;
      Pack<T> pack = zero_pack<T> ();

      if (row < n_rows)
        pack = load_pack (from + row * stride, column + at, width, packed);
      UNROLL
      for (int j = 0; j < N; j += 4)
        {
          Quad quad;

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

template <typename T>
__device__ static inline float
numerator (float score, float base)
{
  T rounded;

  store (&rounded, exp2f (score - base));
  return to_float (rounded);
}

/* --- Prefill -------------------------------------------------------------------------------- */

/* A half warp shares THREAD_ROWS rows of queries, so a row's maximum needs four shuffles and its
 * numerators never leave the warp. */
#define ROW_LANES 16
#define THREAD_ROWS 4

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

/* acc += numerators . values over the staged keys. A lane has the columns 4 lane .. 4 lane + 3 of
 * every 64. */
template <int D>
__device__ static inline void
add_values (float acc[THREAD_ROWS][D / ROW_LANES], const float *parts, const float *values)
{
  for (int key = 0; key < Tile<D>::VALUES; key++)
    {
      Quad part = *(const Quad *)(parts + key * Tile<D>::PART_STRIDE);

      UNROLL
      for (int i = 0; i < D / 64; i++)
        {
          Quad value = *(const Quad *)(values + key * D + i * 64);

          UNROLL
          for (int r = 0; r < THREAD_ROWS; r++)
            UNROLL
          for (int l = 0; l < 4; l++)
            acc[r][i * 4 + l] += part.item[r] * value.item[l];
        }
    }
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
      load_tile<T, TILE_KEYS, KEY_COLUMNS, KEY_COLUMNS + PAD> (stage, keys, job.width, n, column,
                                                               job.width, job.packed);
      /* The stage, and before the first tile the queries, are written by all threads. */
      __syncthreads ();
      add_scores<D> (score, queries + row * (D + PAD) + column, stage + lane * (KEY_COLUMNS + PAD));
      /* The stage is about to be written again. */
      __syncthreads ();
    }
}

/* acc += numerators . values for the tile's keys, ROW_LANES keys of numerators at a time. The
 * stage is free before and after. */
template <typename T, int D>
__device__ static inline void
sum_tile (float acc[THREAD_ROWS][D / ROW_LANES],
          const AttentionJob<T> &job,
          const float score[THREAD_ROWS][THREAD_KEYS],
          float *stage,
          const T *values,
          int64_t n)
{
  const int lane = threadIdx.x % ROW_LANES, row = threadIdx.x / ROW_LANES * THREAD_ROWS;
  float *staged = stage + Tile<D>::PARTS;

  UNROLL
  for (int j = 0; j < THREAD_KEYS; j++)
    for (int key = 0; key < ROW_LANES && j * ROW_LANES + key < n; key += Tile<D>::VALUES)
      {
        const int first = j * ROW_LANES + key;

        if (key == 0)
          {
            Quad part;

            UNROLL
            for (int r = 0; r < THREAD_ROWS; r++)
              part.item[r] = score[r][j];
            *(Quad *)(stage + lane * Tile<D>::PART_STRIDE + row) = part;
          }
        load_tile<T, Tile<D>::VALUES, D, D> (staged, values + (int64_t)first * job.width, job.width,
                                             n - first, 0, job.width, job.packed);
        /* Values are written by all threads, numerators by the row's half warp. */
        __syncthreads ();
        add_values<D> (acc, stage + key * Tile<D>::PART_STRIDE + row, staged + lane * 4);
        /* The stage is about to be written again. */
        __syncthreads ();
      }
}

/* One row of the result; sum is of this lane's keys. */
template <typename T, int D>
__device__ static inline void
store_row (const AttentionJob<T> &job, const float *acc, float sum, int64_t t, int64_t head)
{
  const int lane = threadIdx.x % ROW_LANES;
  T *row = job.out + (t * job.n_heads + head) * job.width;

  for (int i = ROW_LANES / 2; i > 0; i /= 2)
    sum += __shfl_xor_sync (FULL_WARP, sum, i);
  UNROLL
  for (int i = 0; i < D / ROW_LANES; i++)
    {
      int column = i / 4 * 64 + lane * 4 + i % 4;

      if (t < job.n_tokens && column < job.width)
        store (&row[column], acc[i] * (1 / sum));
    }
}

/* Block (head, tile of queries), the last tile first: under the causal mask it takes longest.
 * Two blocks a multiprocessor at least, so that one computes while the other loads. */
template <typename T, int D>
__global__ void
__launch_bounds__ (Tile<D>::THREADS, 2) prefill_kernel (const AttentionJob<T> job)
{
  PMOD_SHARED_DYNAMIC (float, queries);
  float *stage = queries + Tile<D>::ROWS * (D + PAD);
  const int64_t head = blockIdx.x, kv_head = head * job.n_kv_heads / job.n_heads;
  const int64_t t = (int64_t)(gridDim.y - 1 - blockIdx.y) * Tile<D>::ROWS;
  const int64_t row = t + threadIdx.x / ROW_LANES * THREAD_ROWS;
  const int64_t n_rows = min_i64 (job.n_tokens - t, Tile<D>::ROWS);
  const int64_t n_keys = n_visible (job, t + n_rows - 1), stride = job.n_heads * (int64_t)job.width;
  float acc[THREAD_ROWS][D / ROW_LANES] = {}, max[THREAD_ROWS], sum[THREAD_ROWS] = {};

  load_tile<T, Tile<D>::ROWS, D, D + PAD> (queries, job.q + t * stride + head * job.width, stride,
                                           n_rows, 0, job.width, job.packed);
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    max[r] = -INFINITY;
  for (int64_t first = 0; first < n_keys; first += TILE_KEYS)
    {
      const int64_t at = (kv_head * job.capacity + first) * job.width, n = n_keys - first;
      float score[THREAD_ROWS][THREAD_KEYS];

      score_tile<T, D> (score, job, queries, stage, job.k + at, n);
      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        {
          /* Rows after the last token see what the last one sees, and are not stored. */
          int64_t visible = min_i64 (n_visible (job, row + r), n_keys) - first;
          float factor = softmax_step<T> (score[r], visible, job.scale, &max[r], &sum[r]);

          UNROLL
          for (int i = 0; i < D / ROW_LANES; i++)
            acc[r][i] *= factor;
        }
      sum_tile<T, D> (acc, job, score, stage, job.v + at, n);
    }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    store_row<T, D> (job, acc[r], sum[r], row + r, head);
}

template <typename T, int D>
static void
attend_many (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  dim3 grid ((unsigned)job.n_heads, (unsigned)((job.n_tokens + Tile<D>::ROWS - 1) / Tile<D>::ROWS));
  auto *kernel = prefill_kernel<T, D>;

  PMOD_LAUNCH (kernel, grid, Tile<D>::THREADS, Tile<D>::SHARED, self->stream, job);
  pmod_cuda_check_launch (self, "attention");
}

/* --- Decode --------------------------------------------------------------------------------- */

/* Four warps: with four keys and four values of 16 bytes in flight a thread, two blocks on a
 * multiprocessor ask for 32 KiB at once, more than memory delivers in its latency. */
#define DECODE_BLOCK 128

/* Keys that a group of lanes works on at once. */
#define STEP_KEYS 4

/* Rows of queries (tokens x heads that share a key head) that a block takes; it reads keys and
 * values once for all of them. */
#define DECODE_ROWS 4

/* Keys of a split: 64 while there are few, for more blocks, else 128, for less to join. One query
 * of 32 heads is 32 kv_len / 128 blocks. Of the shape alone, so that results are the same on
 * every card. */
#define FEW_KEYS 1024

static int64_t
split_keys (int64_t kv_len)
{
  return kv_len <= FEW_KEYS ? 64 : 128;
}

/* What the splits found, F32, in the workspace. */
struct Partial
{
  float *max;    /* [T*H, n_splits] */
  float *sum;    /* [T*H, n_splits] */
  float *values; /* [T*H, n_splits, dh] */
  int64_t n_splits;
  int64_t n_keys; /* of a split */
};

/* Lanes that share a key: a pack of 16 bytes each, two where a warp is too narrow for a row. */
template <typename T, int D> struct Lanes
{
  static constexpr int PACK = 16 / (int)sizeof (T);
  static constexpr int N = D / PACK < WARP ? D / PACK : WARP;
  static constexpr int PACKS = D / PACK / N;
  static constexpr int ITEMS = PACKS * PACK;
  static constexpr int GROUPS = DECODE_BLOCK / N;
};

/* A group's online softmax over its own keys. Every lane of a group has the same max and sum, and
 * the sums of its own columns. */
template <int R, int ITEMS> struct State
{
  float query[R][ITEMS], acc[R][ITEMS], max[R], sum[R];
};

/* Column of item i of a lane. */
template <typename T, int D>
__device__ static inline int
column_of (int i)
{
  typedef Lanes<T, D> L;

  return (i / L::PACK * L::N + threadIdx.x % L::N) * L::PACK + i % L::PACK;
}

/* Query r of a block: its row of q and of out, or -1. The rows of a key head are its heads' of the
 * first token, then of the next. */
template <typename T>
__device__ static inline int64_t
decode_row (const AttentionJob<T> &job, int64_t i, int64_t *t)
{
  int64_t group = job.n_heads / job.n_kv_heads;

  *t = i / group;
  return *t < job.n_tokens ? *t * job.n_heads + blockIdx.y * group + i % group : -1;
}

/* The group's keys of one step, or their values; zeros from key end on. */
template <typename T, int D>
__device__ static inline void
load_step (Pack<T> pack[STEP_KEYS][Lanes<T, D>::PACKS],
           const AttentionJob<T> &job,
           const T *from,
           int64_t key,
           int64_t end)
{
  typedef Lanes<T, D> L;

  UNROLL
  for (int j = 0; j < STEP_KEYS; j++, key += L::GROUPS)
    UNROLL
  for (int i = 0; i < L::PACKS; i++)
    pack[j][i] = key < end ? load_pack (from + key * job.width, column_of<T, D> (i * L::PACK),
                                        job.width, job.packed)
                           : zero_pack<T> ();
}

/* One row against the group's keys of one step; keys from visible on are hidden. */
template <typename T, int D, int R>
__device__ static inline void
decode_step (State<R, Lanes<T, D>::ITEMS> *state,
             int r,
             const Pack<T> keys[STEP_KEYS][Lanes<T, D>::PACKS],
             const Pack<T> values[STEP_KEYS][Lanes<T, D>::PACKS],
             float scale,
             int64_t key,
             int64_t visible)
{
  typedef Lanes<T, D> L;
  float score[STEP_KEYS] = {}, max = state->max[r], base, factor;

  UNROLL
  for (int j = 0; j < STEP_KEYS; j++)
    {
      UNROLL
      for (int i = 0; i < L::ITEMS; i++)
        score[j] += state->query[r][i] * to_float (keys[j][i / L::PACK].item[i % L::PACK]);
      for (int i = L::N / 2; i > 0; i /= 2)
        score[j] += __shfl_xor_sync (FULL_WARP, score[j], i);
      score[j] = key + j * L::GROUPS < visible ? score[j] * scale : -INFINITY;
      max = fmaxf (max, score[j]);
    }
  base = softmax_base (max);
  factor = exp2f (state->max[r] - base);
  state->max[r] = max;
  state->sum[r] *= factor;
  UNROLL
  for (int i = 0; i < L::ITEMS; i++)
    state->acc[r][i] *= factor;
  UNROLL
  for (int j = 0; j < STEP_KEYS; j++)
    {
      float part = numerator<T> (score[j], base);

      state->sum[r] += part;
      UNROLL
      for (int i = 0; i < L::ITEMS; i++)
        state->acc[r][i] += part * to_float (values[j][i / L::PACK].item[i % L::PACK]);
    }
}

template <typename T, int D, int R>
__device__ static inline void
start_state (State<R, Lanes<T, D>::ITEMS> *state, const AttentionJob<T> &job)
{
  typedef Lanes<T, D> L;

  UNROLL
  for (int r = 0; r < R; r++)
    {
      int64_t t, row = decode_row (job, (int64_t)blockIdx.z * R + r, &t);

      state->max[r] = -INFINITY;
      state->sum[r] = 0;
      UNROLL
      for (int i = 0; i < L::PACKS; i++)
        {
          Pack<T> pack = zero_pack<T> ();

          if (row >= 0)
            pack = load_pack (job.q + row * job.width, column_of<T, D> (i * L::PACK), job.width,
                              job.packed);
          UNROLL
          for (int j = 0; j < L::PACK; j++)
            {
              state->query[r][i * L::PACK + j] = to_float (pack.item[j]);
              state->acc[r][i * L::PACK + j] = 0;
            }
        }
    }
}

/* The groups of a block in shared memory. */
template <int D, int R> struct Gathered
{
  float *max;    /* [groups, R] */
  float *sum;    /* [groups, R] */
  float *values; /* [groups, R, D] */
};

/* One element of a row of the block's result, and with column 0 its max and sum: the groups in
 * their order. */
template <int GROUPS, int D, int R>
__device__ static inline void
join_groups (
    const Partial &to, const Gathered<D, R> &from, int r, int column, int width, int64_t at)
{
  float max = -INFINITY, sum = 0, value = 0, base;

  for (int g = 0; g < GROUPS; g++)
    max = fmaxf (max, from.max[g * R + r]);
  base = softmax_base (max);
  for (int g = 0; g < GROUPS; g++)
    {
      float factor = exp2f (from.max[g * R + r] - base);

      sum += factor * from.sum[g * R + r];
      value += factor * from.values[(g * R + r) * D + column];
    }
  to.values[at * width + column] = value;
  if (column == 0)
    {
      to.max[at] = max;
      to.sum[at] = sum;
    }
}

/* Block (split, key head, R of its rows). */
template <typename T, int D, int R>
__global__ void
__launch_bounds__ (DECODE_BLOCK) decode_kernel (const AttentionJob<T> job, const Partial partial)
{
  typedef Lanes<T, D> L;
  PMOD_SHARED_DYNAMIC (float, shared);
  const Gathered<D, R> all = { shared, shared + L::GROUPS * R, shared + 2 * L::GROUPS * R };
  const int group = threadIdx.x / L::N;
  const int64_t kv_at = blockIdx.y * job.capacity * job.width;
  const int64_t first = blockIdx.x * partial.n_keys;
  const int64_t end = min_i64 (job.kv_len, first + partial.n_keys);
  State<R, L::ITEMS> state;

  start_state<T, D, R> (&state, job);
  for (int64_t key = first + group; key - group < end; key += L::GROUPS * STEP_KEYS)
    {
      Pack<T> keys[STEP_KEYS][L::PACKS], values[STEP_KEYS][L::PACKS];

      load_step<T, D> (keys, job, job.k + kv_at, key, end);
      load_step<T, D> (values, job, job.v + kv_at, key, end);
      UNROLL
      for (int r = 0; r < R; r++)
        {
          int64_t t, row = decode_row (job, (int64_t)blockIdx.z * R + r, &t);
          int64_t visible = row < 0 ? end : min_i64 (end, n_visible (job, t));

          decode_step<T, D, R> (&state, r, keys, values, job.scale, key, visible);
        }
    }
  UNROLL
  for (int r = 0; r < R; r++)
    {
      all.max[group * R + r] = state.max[r];
      all.sum[group * R + r] = state.sum[r];
      UNROLL
      for (int i = 0; i < L::ITEMS; i++)
        all.values[(group * R + r) * D + column_of<T, D> (i)] = state.acc[r][i];
    }
  /* Below a thread reads what all groups wrote. */
  __syncthreads ();
  for (int i = threadIdx.x; i < R * D; i += DECODE_BLOCK)
    {
      int64_t t, row = decode_row (job, (int64_t)blockIdx.z * R + i / D, &t);

      if (row >= 0 && i % D < job.width)
        join_groups<L::GROUPS> (partial, all, i / D, i % D, job.width,
                                row * partial.n_splits + blockIdx.x);
    }
}

/* Block: a row of the result. The splits are added in their order. */
template <typename T>
__global__ void
join_kernel (T *__restrict__ out, const Partial partial, int width)
{
  __shared__ float scratch[WARP];
  const int64_t at = blockIdx.x * partial.n_splits;
  float max = -INFINITY, base;

  for (int64_t i = threadIdx.x; i < partial.n_splits; i += DECODE_BLOCK)
    max = fmaxf (max, partial.max[at + i]);
  base = softmax_base (block_max (max, scratch));
  for (int column = threadIdx.x; column < width; column += DECODE_BLOCK)
    {
      float sum = 0, value = 0;

      for (int64_t i = at; i < at + partial.n_splits; i++)
        {
          float factor = exp2f (partial.max[i] - base);

          sum += factor * partial.sum[i];
          value += factor * partial.values[i * width + column];
        }
      store (&out[(int64_t)blockIdx.x * width + column], value * (1 / sum));
    }
}

template <typename T, int D, int R>
static void
launch_decode (PmodCudaBackend *self, const AttentionJob<T> &job, const Partial &partial)
{
  int64_t n_rows = job.n_tokens * (job.n_heads / job.n_kv_heads);
  dim3 grid ((unsigned)partial.n_splits, (unsigned)job.n_kv_heads,
             (unsigned)((n_rows + R - 1) / R));
  size_t n_shared = Lanes<T, D>::GROUPS * R * (D + 2) * sizeof (float);
  auto *kernel = decode_kernel<T, D, R>;

  PMOD_LAUNCH (kernel, grid, DECODE_BLOCK, n_shared, self->stream, job, partial);
  pmod_cuda_check_launch (self, "attention");
}

template <typename T, int D>
static void
attend_few (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  int64_t n_rows = job.n_tokens * job.n_heads, n_keys = split_keys (job.kv_len);
  int64_t n_splits = (job.kv_len + n_keys - 1) / n_keys;
  size_t n_floats = (size_t)(n_rows * n_splits * (job.width + 2));
  float *scratch = (float *)pmod_cuda_workspace (self, n_floats * sizeof (float));
  Partial partial = { scratch, NULL, NULL, n_splits, n_keys };

  if (!scratch)
    return;
  partial.sum = partial.max + n_rows * n_splits;
  partial.values = partial.sum + n_rows * n_splits;
  if (job.n_tokens * (job.n_heads / job.n_kv_heads) == 1)
    launch_decode<T, D, 1> (self, job, partial);
  else
    launch_decode<T, D, DECODE_ROWS> (self, job, partial);
  PMOD_LAUNCH (join_kernel<T>, (unsigned)n_rows, DECODE_BLOCK, 0, self->stream, job.out, partial,
               job.width);
  pmod_cuda_check_launch (self, "attention, joining splits");
}

/* --- The op --------------------------------------------------------------------------------- */

template <typename T, int D>
static void
attend (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  if (job.n_tokens <= DECODE_TOKENS)
    attend_few<T, D> (self, job);
  else
    attend_many<T, D> (self, job);
}

template <typename T>
static void
attend_width (PmodCudaBackend *self, AttentionJob<T> *job, const PmodTensor *out)
{
  uintptr_t bits = (uintptr_t)job->q | (uintptr_t)job->k | (uintptr_t)job->v;

  job->out = (T *)out->data;
  job->packed = (bits | job->width * sizeof (T)) % 16 == 0;
  if (job->width <= 64)
    attend<T, 64> (self, *job);
  else if (job->width <= 128)
    attend<T, 128> (self, *job);
  else
    attend<T, MAX_WIDTH> (self, *job);
}

template <typename T>
static AttentionJob<T>
make_job (const PmodTensor *q, const PmodTensor *k, const PmodTensor *v, int64_t kv_len)
{
  AttentionJob<T> job = {};

  job.q = (const T *)q->data;
  job.k = (const T *)k->data;
  job.v = (const T *)v->data;
  job.n_tokens = q->shape[0];
  job.n_heads = (int)q->shape[1];
  job.width = (int)q->shape[2];
  job.n_kv_heads = (int)k->shape[0];
  job.capacity = k->shape[1];
  job.kv_len = kv_len;
  return job;
}

void
pmod_cuda_attention (PmodBackend *backend,
                     PmodTensor *out,
                     const PmodTensor *q,
                     const PmodTensor *k,
                     const PmodTensor *v,
                     int64_t kv_len,
                     bool causal,
                     float scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (q->shape[0] == 0 || q->shape[1] == 0 || q->shape[2] == 0)
    return;
  if (q->shape[2] > MAX_WIDTH)
    pmod_backend_fail (backend, "attention: expected heads of width %d at most, got %lld",
                       MAX_WIDTH, (long long)q->shape[2]);
  else if (q->dtype == PMOD_DTYPE_F32)
    {
      AttentionJob<float> job = make_job<float> (q, k, v, kv_len);

      job.causal = causal;
      job.scale = scale * LOG2_E;
      attend_width (self, &job, out);
    }
  else
    {
      AttentionJob<__nv_bfloat16> job = make_job<__nv_bfloat16> (q, k, v, kv_len);

      job.causal = causal;
      job.scale = scale * LOG2_E;
      attend_width (self, &job, out);
    }
}
