/* What keys receive from all queries of all heads, with nothing of size T x kv_len stored.
 *
 *                   FLOPs              written              blocks
 *   normalize       2 T kv_len H dh    8 T H                one a head and tile of queries
 *   receive         2 T kv_len H dh    4 H kv_len           one a head and tile of keys
 *   collect         H V                4 V                  V / 256
 *
 * The first finds each row's maximum and sum; the second computes the scores again, since only then
 * are the numerators known, and adds up columns. Under the causal mask half of it falls away.
 * Nothing is added atomically: orders of sums depend on shapes alone. All is F32, of any dtype. */
#include "attention-tile.h"

#define COLLECT_BLOCK 256

/* What the kernels leave for each other, in the workspace. */
struct Received
{
  float *base;    /* [H, T] the largest score, in powers of two */
  float *inverse; /* [H, T] 1 / the sum of numerators */
  float *sums;    /* [H, kv_len] what a head's queries gave */
};

/* --- Rows ----------------------------------------------------------------------------------- */

template <typename T, int D>
__global__ void
__launch_bounds__ (Tile<D>::THREADS, 2)
    normalize_kernel (const AttentionJob<T> job, const Received to)
{
  PMOD_SHARED_DYNAMIC (float, queries);
  float *stage = queries + Tile<D>::ROWS * (D + PAD);
  const int64_t head = blockIdx.x, kv_head = head * job.n_kv_heads / job.n_heads;
  const int64_t t = (int64_t)(gridDim.y - 1 - blockIdx.y) * Tile<D>::ROWS;
  const int64_t row = t + threadIdx.x / ROW_LANES * THREAD_ROWS;
  const int64_t n_rows = min_i64 (job.n_tokens - t, Tile<D>::ROWS);
  const int64_t n_keys = n_visible (job, t + n_rows - 1), stride = job.n_heads * (int64_t)job.width;
  float max[THREAD_ROWS], sum[THREAD_ROWS] = {};

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
        softmax_step<float> (score[r], min_i64 (n_visible (job, row + r), n_keys) - first,
                             job.scale, &max[r], &sum[r]);
    }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    {
      for (int i = ROW_LANES / 2; i > 0; i /= 2)
        sum[r] += __shfl_xor_sync (FULL_WARP, sum[r], i);
      if (threadIdx.x % ROW_LANES == 0 && row + r < job.n_tokens)
        {
          to.base[head * job.n_tokens + row + r] = softmax_base (max[r]);
          to.inverse[head * job.n_tokens + row + r] = 1 / sum[r];
        }
    }
}

/* --- Columns -------------------------------------------------------------------------------- */

/* Adds what the rows of one tile of queries, from token row on, give to the thread's keys. */
template <typename T>
__device__ static inline void
add_rows (float got[THREAD_KEYS],
          const float score[THREAD_ROWS][THREAD_KEYS],
          const AttentionJob<T> &job,
          const Received &rows,
          int64_t head,
          int64_t row,
          int64_t first)
{
  const int lane = threadIdx.x % ROW_LANES;

  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    if (row + r < job.n_tokens)
      {
        const int64_t visible = n_visible (job, row + r) - first;
        const float base = rows.base[head * job.n_tokens + row + r];
        const float inverse = rows.inverse[head * job.n_tokens + row + r];

        UNROLL
        for (int j = 0; j < THREAD_KEYS; j++)
          if (lane + j * ROW_LANES < visible)
            got[j] += exp2f (score[r][j] * job.scale - base) * inverse;
      }
}

/* Block (head, tile of keys): tiles of queries that see none of its keys are left out. */
template <typename T, int D>
__global__ void
__launch_bounds__ (Tile<D>::THREADS, 2)
    receive_kernel (const AttentionJob<T> job, const Received rows)
{
  PMOD_SHARED_DYNAMIC (float, queries);
  float *stage = queries + Tile<D>::ROWS * (D + PAD);
  const int lane = threadIdx.x % ROW_LANES, group = threadIdx.x / ROW_LANES;
  const int64_t head = blockIdx.x, kv_head = head * job.n_kv_heads / job.n_heads;
  const int64_t first = (int64_t)blockIdx.y * TILE_KEYS,
                n = min_i64 (job.kv_len - first, TILE_KEYS);
  const int64_t at = (kv_head * job.capacity + first) * job.width;
  const int64_t stride = job.n_heads * (int64_t)job.width;
  const int64_t seen_from = job.causal ? first - (job.kv_len - job.n_tokens) : 0;
  float got[THREAD_KEYS] = {}, sum = 0;

  for (int64_t t = seen_from > 0 ? seen_from / Tile<D>::ROWS * Tile<D>::ROWS : 0; t < job.n_tokens;
       t += Tile<D>::ROWS)
    {
      float score[THREAD_ROWS][THREAD_KEYS];

      load_tile<Tile<D>::ROWS, D, D + PAD, Tile<D>::THREADS> (
          queries, job.q + t * stride + head * job.width, stride,
          min_i64 (job.n_tokens - t, Tile<D>::ROWS), 0, job.width, job.packed);
      /* It leaves no thread behind that still reads queries or the stage. */
      score_tile<T, D> (score, job, queries, stage, job.k + at, n);
      add_rows<T> (got, score, job, rows, head, t + group * THREAD_ROWS, first);
    }
  UNROLL
  for (int j = 0; j < THREAD_KEYS; j++)
    stage[group * TILE_KEYS + lane + j * ROW_LANES] = got[j];
  /* Each key's sums are of all groups of threads. */
  __syncthreads ();
  if (threadIdx.x >= n)
    return;
  for (int i = 0; i < Tile<D>::THREADS / ROW_LANES; i++)
    sum += stage[i * TILE_KEYS + threadIdx.x];
  rows.sums[head * job.kv_len + first + threadIdx.x] = sum;
}

/* --- Targets -------------------------------------------------------------------------------- */

/* NaN for a target that is no token or whose key is none. */
__global__ void
collect_kernel (float *__restrict__ score,
                const float *__restrict__ sums,
                const int32_t *__restrict__ targets,
                const int32_t *__restrict__ slot,
                int64_t n_targets,
                int64_t n_slots,
                int64_t kv_len,
                int n_heads)
{
  const int64_t v = (int64_t)blockIdx.x * COLLECT_BLOCK + threadIdx.x;
  int64_t key;
  bool there;
  double sum = 0;

  if (v >= n_targets)
    return;
  key = targets[v];
  there = key >= 0 && key < (slot ? n_slots : kv_len);
  if (there && slot)
    key = slot[key];
  there = there && key >= -1 && key < kv_len;
  for (int head = 0; there && key >= 0 && head < n_heads; head++)
    sum += sums[head * kv_len + key];
  score[v] = !there ? NAN : key < 0 ? -1 : (float)(sum / n_heads);
}

/* --- The op --------------------------------------------------------------------------------- */

template <typename T, int D>
static void
launch (PmodCudaBackend *self, const AttentionJob<T> &job, const Received &received)
{
  dim3 row_tiles ((unsigned)job.n_heads,
                  (unsigned)((job.n_tokens + Tile<D>::ROWS - 1) / Tile<D>::ROWS));
  dim3 key_tiles ((unsigned)job.n_heads, (unsigned)((job.kv_len + TILE_KEYS - 1) / TILE_KEYS));
  auto *normalize = normalize_kernel<T, D>;
  auto *receive = receive_kernel<T, D>;

  PMOD_LAUNCH (normalize, row_tiles, Tile<D>::THREADS, Tile<D>::SHARED, self->stream, job,
               received);
  PMOD_LAUNCH (receive, key_tiles, Tile<D>::THREADS, Tile<D>::SHARED, self->stream, job, received);
  pmod_cuda_check_launch (self, "attention_received");
}

template <typename T>
static void
receive (PmodCudaBackend *self,
         const PmodTensor *q,
         const PmodTensor *k,
         int64_t kv_len,
         bool causal,
         float scale,
         const Received &received)
{
  AttentionJob<T> job = {};
  uintptr_t bits = (uintptr_t)q->data | (uintptr_t)k->data;

  job.q = (const T *)q->data;
  job.k = (const T *)k->data;
  job.n_tokens = q->shape[0];
  job.n_heads = (int)q->shape[1];
  job.width = (int)q->shape[2];
  job.n_kv_heads = (int)k->shape[0];
  job.capacity = k->shape[1];
  job.kv_len = kv_len;
  job.causal = causal;
  job.scale = scale * LOG2_E;
  job.packed = (bits | job.width * sizeof (T)) % 16 == 0;
  if (job.width <= 64)
    launch<T, 64> (self, job, received);
  else if (job.width <= 128)
    launch<T, 128> (self, job, received);
  else
    launch<T, MAX_WIDTH> (self, job, received);
}

void
pmod_cuda_attention_received (PmodBackend *backend,
                              PmodTensor *score,
                              const PmodTensor *q,
                              const PmodTensor *k,
                              const PmodTensor *targets,
                              const PmodTensor *slot,
                              int64_t kv_len,
                              bool causal,
                              float scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  const int64_t n_rows = q->shape[0] * q->shape[1], n_targets = targets->shape[0];
  Received received;

  if (q->shape[2] > MAX_WIDTH)
    {
      pmod_backend_fail (backend,
                         "attention_received: expected heads of width %d at most, got %lld",
                         MAX_WIDTH, (long long)q->shape[2]);
      return;
    }
  received.base = (float *)pmod_cuda_workspace (self, (size_t)(2 * n_rows + q->shape[1] * kv_len) *
                                                          sizeof (float));
  if (!received.base)
    return;
  received.inverse = received.base + n_rows;
  received.sums = received.inverse + n_rows;
  pmod_cuda_with (q->dtype, [&] (auto type) {
    receive<PMOD_ELEMENT (type)> (self, q, k, kv_len, causal, scale, received);
  });
  PMOD_LAUNCH (collect_kernel, (unsigned)((n_targets + COLLECT_BLOCK - 1) / COLLECT_BLOCK),
               COLLECT_BLOCK, 0, self->stream, (float *)score->data, received.sums,
               (const int32_t *)targets->data, slot ? (const int32_t *)slot->data : NULL, n_targets,
               slot ? slot->shape[0] : 0, kv_len, (int)q->shape[1]);
  pmod_cuda_check_launch (self, "attention_received");
}
