/* Attention of few queries (decode): the keys are split among blocks, each key and value is read
 * once from memory, and a second kernel joins what the splits found. Bytes: 2*G*kv_len*dh elements,
 * and in F32 a dh of each head and split written and read again: 1/32 of that or less in 16 bits
 * where H = G. Rounding is that of attention.cu. */
#include "attention.h"

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
split_keys (int64_t capacity)
{
  return capacity <= FEW_KEYS ? 64 : 128;
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
  const int64_t first = blockIdx.x * partial.n_keys, step = job.step ? *job.step : 0;
  const int64_t end = min_i64 (job.kv_len + step, first + partial.n_keys);
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
          int64_t visible = row < 0 ? end : min_i64 (end, n_visible (job, t) + step);

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
attend_width (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  /* Room for all that a graph will see; splits that have no keys yet weigh nothing. What a split is
   * follows from the cache, so that a token's bits do not tell where its graph began. */
  int64_t kv_len = job.kv_len + (job.step ? self->n_steps - 1 : 0);
  int64_t n_rows = job.n_tokens * job.n_heads, n_keys = split_keys (job.capacity);
  int64_t n_splits = (kv_len + n_keys - 1) / n_keys;
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

template <typename T>
static void
attend (PmodCudaBackend *self, const AttentionJob<T> &job)
{
  if (job.width <= 64)
    attend_width<T, 64> (self, job);
  else if (job.width <= 128)
    attend_width<T, 128> (self, job);
  else
    attend_width<T, MAX_WIDTH> (self, job);
}

void
pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<float> &job)
{
  attend (self, job);
}

void
pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<__nv_bfloat16> &job)
{
  attend (self, job);
}

void
pmod_cuda_attend_few (PmodCudaBackend *self, const AttentionJob<__half> &job)
{
  attend (self, job);
}
