/* Attention with an online softmax over tiles of keys: nothing of size T x kv_len is stored.
 *
 * Three ways. Many queries (prefill) of F32, of other widths than multiples of 8, and on cards of
 * before 8.0, here: a block takes a tile of queries of one head against tiles
 * of keys; FLOPs 4*T*kv_len*H*dh, half of it under the causal mask, and every block reads its
 * head's keys and values once, from L2 mostly. Many queries of BF16: attention-mma.cu. Few queries
 * (decode): attention-decode.cu.
 *
 * Products and sums are F32. With BF16 the softmax's numerators are rounded to BF16 before they
 * multiply v, and their sum is of the rounded ones, as in the CPU twin. Each way's orders
 * of sums depend on shapes alone, never on the card. */
#include "attention.h"

/* Up to so many tokens the keys are split among blocks. Prefill would run one block a head then,
 * on a quarter of a large card, with most rows of its tile empty. */
#define DECODE_TOKENS 16

/* --- Prefill -------------------------------------------------------------------------------- */

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
      load_tile<TILE_KEYS, KEY_COLUMNS, KEY_COLUMNS + PAD, Tile<D>::THREADS> (
          stage, keys, job.width, n, column, job.width, job.packed);
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
        load_tile<Tile<D>::VALUES, D, D, Tile<D>::THREADS> (
            staged, values + (int64_t)first * job.width, job.width, n - first, 0, job.width,
            job.packed);
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

  load_tile<Tile<D>::ROWS, D, D + PAD, Tile<D>::THREADS> (
      queries, job.q + t * stride + head * job.width, stride, n_rows, 0, job.width, job.packed);
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

/* --- The op --------------------------------------------------------------------------------- */

template <typename T>
static void
attend (PmodCudaBackend *self, AttentionJob<T> *job, const PmodTensor *out)
{
  uintptr_t bits = (uintptr_t)job->q | (uintptr_t)job->k | (uintptr_t)job->v;

  job->out = (T *)out->data;
  job->step = self->step;
  job->packed = (bits | job->width * sizeof (T)) % 16 == 0;
  if (job->n_tokens <= DECODE_TOKENS)
    pmod_cuda_attend_few (self, *job);
  else if (pmod_cuda_attend_mma (self, *job))
    return;
  else if (job->width <= 64)
    attend_many<T, 64> (self, *job);
  else if (job->width <= 128)
    attend_many<T, 128> (self, *job);
  else
    attend_many<T, MAX_WIDTH> (self, *job);
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
      attend (self, &job, out);
    }
  else
    {
      AttentionJob<__nv_bfloat16> job = make_job<__nv_bfloat16> (q, k, v, kv_len);

      job.causal = causal;
      job.scale = scale * LOG2_E;
      attend (self, &job, out);
    }
}
