/* Attention with an online softmax over tiles of keys: nothing of size T x kv_len is stored.
 *
 * Three ways. Many queries (prefill) of F32, of other widths than multiples of 8, and on cards of
 * before 8.0, here: a block takes a tile of queries of one head against tiles
 * of keys; FLOPs 4*T*kv_len*H*dh, half of it under the causal mask, and every block reads its
 * head's keys and values once, from L2 mostly. Many queries of 16 bits: attention-mma.cu. Few
 * queries (decode): attention-decode.cu.
 *
 * Products and sums are F32. With BF16 and F16 the softmax's numerators are rounded to it before
 * they multiply v, and their sum is of the rounded ones, as in the CPU twin. Each way's orders of
 * sums depend on shapes alone, never on the card. */
#include "attention-tile.h"

/* Up to so many tokens the keys are split among blocks. Prefill would run one block a head then,
 * on a quarter of a large card, with most rows of its tile empty. */
#define DECODE_TOKENS 16

/* --- Prefill -------------------------------------------------------------------------------- */

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
  else
    pmod_cuda_with (q->dtype, [&] (auto type) {
      AttentionJob<PMOD_ELEMENT (type)> job = make_job<PMOD_ELEMENT (type)> (q, k, v, kv_len);

      job.causal = causal;
      job.scale = scale * LOG2_E;
      attend (self, &job, out);
    });
}
