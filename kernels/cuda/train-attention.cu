/* Attention under any mask, and its gradients, over tiles of queries and keys: nothing of size
 * T x kv_len is stored.
 *
 *                       products of T*kv_len*dh        one block for
 *   masked              q.k, p.v                       tile of queries, head
 *   backward statistics q.k, dout.v                    tile of queries, head
 *   backward queries    q.k, dout.v, s.k               tile of queries, head
 *   backward keys       q.k, dout.v, p.dout, s.q       tile of keys, key head
 *
 * A product has 2*T*kv_len*H*dh FLOPs, half of it under the causal mask; tiles that the mask hides
 * are left out. The gradient computes its nine products where five would do with p stored. Bytes:
 * a block reads its own tile and all that meets it once for each product, from L2 mostly; the
 * statistics are 12*T*H bytes of the workspace, written once and read twice.
 *
 * All is F32, and nothing is rounded between: BF16 and F16 are widened beforehand, in the
 * workspace. Where tensor cores can take them, train-attention-mma.cu does. Exponentials are of
 * base two. Each element of a gradient is one thread's, which adds in the order of the heads, tiles
 * and rows, so results depend on shapes alone. The CPU twin fails where a query sees no key; here
 * that query's rows of out and dq are NaN. */
#include "cuda-train.h"
#include "train-attention-tile.h"

/* --- Forward -------------------------------------------------------------------------------- */

/* Scores of one row against the lane's keys, the first of which is key, become numerators in
 * place. sum is of this lane's keys alone. Returns what earlier sums are to be multiplied by. Where
 * no key is visible yet there is nothing to subtract: numerators are 0 then, not NaN. */
__device__ static inline float
softmax_step (float score[THREAD_COLUMNS],
              const Sight &sight,
              int64_t key,
              float scale,
              float *max,
              float *sum)
{
  float largest = *max, base, factor;

  UNROLL
  for (int j = 0; j < THREAD_COLUMNS; j++)
    if (sees (sight, key + j * ROW_LANES))
      largest = fmaxf (largest, score[j]);
  for (int i = ROW_LANES / 2; i > 0; i /= 2)
    largest = fmaxf (largest, __shfl_xor_sync (FULL_WARP, largest, i));
  base = softmax_base (largest);
  factor = *max == -INFINITY ? 0 : exp2f ((*max - base) * scale);
  *max = largest;
  *sum *= factor;
  UNROLL
  for (int j = 0; j < THREAD_COLUMNS; j++)
    {
      score[j] = sees (sight, key + j * ROW_LANES) ? exp2f ((score[j] - base) * scale) : 0;
      *sum += score[j];
    }
  return factor;
}

/* Blocks a multiprocessor that registers must leave room for, so that one computes while another
 * loads; wide heads have 64 sums a thread and more. */
#define MIN_BLOCKS(d) ((d) > 128 ? 1 : 2)

template <int D>
__global__ void
__launch_bounds__ (BLOCK, MIN_BLOCKS (D))
    attention_masked_kernel (float *__restrict__ out, const MaskedJob<float> job)
{
  PMOD_SHARED_DYNAMIC (float, stage);
  const int64_t head = blockIdx.x, t = tile_of_queries (), row = t + thread_row ();
  const Sight tile = tile_sight (job, t);
  float acc[THREAD_ROWS][D / ROW_LANES] = {}, max[THREAD_ROWS], sum[THREAD_ROWS] = {};

  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    max[r] = -INFINITY;
  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      float part[THREAD_ROWS][THREAD_COLUMNS];

      if (!sees_tile (tile, key))
        continue;
      dot_tile (part, stage, query_rows (job, t, head),
                key_rows (job, job.k, key, head / job.group));
      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        {
          float factor = softmax_step (part[r], sight_of (job, row + r), key + thread_lane (),
                                       job.scale, &max[r], &sum[r]);

          UNROLL
          for (int i = 0; i < D / ROW_LANES; i++)
            acc[r][i] *= factor;
        }
      add_tile<D> (acc, stage, part, key_rows (job, job.v, key, head / job.group));
    }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    {
      const float inverse = 1 / row_sum (sum[r]);

      UNROLL
      for (int i = 0; i < D / ROW_LANES; i++)
        if (row + r < job.n_tokens && column_of (i) < job.width)
          out[((row + r) * job.n_heads + head) * job.width + column_of (i)] = acc[r][i] * inverse;
    }
}

/* --- Backward ------------------------------------------------------------------------------- */

/* max, inverse and mean of the tile's queries: an online softmax, whose sums hold p g too. */
__global__ void
__launch_bounds__ (BLOCK, 2) attention_statistics_kernel (const MaskedJob<float> job)
{
  PMOD_SHARED_DYNAMIC (float, stage);
  const int64_t head = blockIdx.x, t = tile_of_queries (), row = t + thread_row ();
  const Sight tile = tile_sight (job, t);
  float max[THREAD_ROWS], sum[THREAD_ROWS] = {}, product[THREAD_ROWS] = {};

  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    max[r] = -INFINITY;
  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      float part[THREAD_ROWS][THREAD_COLUMNS], slope[THREAD_ROWS][THREAD_COLUMNS];

      if (!sees_tile (tile, key))
        continue;
      dot_tile (part, stage, query_rows (job, t, head),
                key_rows (job, job.k, key, head / job.group));
      dot_tile (slope, stage, dout_rows (job, t, head),
                key_rows (job, job.v, key, head / job.group));
      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        {
          product[r] *= softmax_step (part[r], sight_of (job, row + r), key + thread_lane (),
                                      job.scale, &max[r], &sum[r]);
          UNROLL
          for (int j = 0; j < THREAD_COLUMNS; j++)
            product[r] += part[r][j] * slope[r][j];
        }
    }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    {
      const int64_t at = head * job.n_tokens + row + r;
      const float inverse = 1 / row_sum (sum[r]), mean = row_sum (product[r]) * inverse;

      if (row + r < job.n_tokens && thread_lane () == 0)
        {
          job.max[at] = max[r];
          job.inverse[at] = inverse;
          job.mean[at] = mean;
        }
    }
}

template <int D>
__global__ void
__launch_bounds__ (BLOCK, MIN_BLOCKS (D))
    attention_dq_kernel (float *__restrict__ dq, const MaskedJob<float> job)
{
  PMOD_SHARED_DYNAMIC (float, stage);
  const int64_t head = blockIdx.x, t = tile_of_queries (), row = t + thread_row ();
  const Sight tile = tile_sight (job, t);
  float acc[THREAD_ROWS][D / ROW_LANES] = {};

  for (int64_t key = 0; key < tile.end; key += TILE)
    {
      const HeadRows<float> keys = key_rows (job, job.k, key, head / job.group);
      float score[THREAD_ROWS][THREAD_COLUMNS], slope[THREAD_ROWS][THREAD_COLUMNS];

      if (!sees_tile (tile, key))
        continue;
      dot_tile (score, stage, query_rows (job, t, head), keys);
      dot_tile (slope, stage, dout_rows (job, t, head),
                key_rows (job, job.v, key, head / job.group));
      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        {
          const Sight sight = sight_of (job, row + r);
          const Statistics s = statistics_of (job, row + r, head);

          UNROLL
          for (int j = 0; j < THREAD_COLUMNS; j++)
            {
              float p = exp2f ((score[r][j] - s.max) * job.scale) * s.inverse;
              bool seen = sees (sight, key + thread_lane () + j * ROW_LANES);

              score[r][j] = seen ? p * (slope[r][j] - s.mean) : 0;
            }
        }
      add_tile<D> (acc, stage, score, keys);
    }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    {
      /* Infinite where no key was seen; acc is 0 then and would look right. */
      bool blind = statistics_of (job, row + r, head).inverse == INFINITY;

      UNROLL
      for (int i = 0; i < D / ROW_LANES; i++)
        if (row + r < job.n_tokens && column_of (i) < job.width)
          dq[((row + r) * job.n_heads + head) * job.width + column_of (i)] =
              blind ? NAN : acc[r][i] * job.slope_scale;
    }
}

/* part = p and slope = p (g - mean), which hold scores and g; rows are keys, columns the queries
 * of one tile. */
__device__ static inline void
turn_scores (float part[THREAD_ROWS][THREAD_COLUMNS],
             float slope[THREAD_ROWS][THREAD_COLUMNS],
             const MaskedJob<float> &job,
             int64_t head,
             int64_t t,
             int64_t key)
{
  UNROLL
  for (int j = 0; j < THREAD_COLUMNS; j++)
    {
      const int64_t query = t + thread_lane () + j * ROW_LANES;
      const Sight sight = sight_of (job, query);
      const Statistics s = statistics_of (job, query, head);

      UNROLL
      for (int r = 0; r < THREAD_ROWS; r++)
        {
          float p = exp2f ((part[r][j] - s.max) * job.scale) * s.inverse;
          bool seen = sees (sight, key + r);

          part[r][j] = seen ? p : 0;
          slope[r][j] = seen ? p * (slope[r][j] - s.mean) : 0;
        }
    }
}

/* Block (key head, tile of keys), the first tile first: under the causal mask it takes longest. */
template <int D>
__global__ void
__launch_bounds__ (BLOCK) attention_dkv_kernel (float *__restrict__ dk,
                                                float *__restrict__ dv,
                                                const MaskedJob<float> job)
{
  PMOD_SHARED_DYNAMIC (float, stage);
  const int64_t kv_head = blockIdx.x, first = (int64_t)blockIdx.y * TILE;
  const int64_t key = first + thread_row ();
  float dkeys[THREAD_ROWS][D / ROW_LANES] = {}, dvalues[THREAD_ROWS][D / ROW_LANES] = {};

  for (int64_t head = kv_head * job.group; head < (kv_head + 1) * job.group; head++)
    for (int64_t t = 0; t < job.n_tokens; t += TILE)
      {
        float part[THREAD_ROWS][THREAD_COLUMNS], slope[THREAD_ROWS][THREAD_COLUMNS];

        if (!sees_tile (tile_sight (job, t), first))
          continue;
        dot_tile (part, stage, key_rows (job, job.k, first, kv_head), query_rows (job, t, head));
        dot_tile (slope, stage, key_rows (job, job.v, first, kv_head), dout_rows (job, t, head));
        turn_scores (part, slope, job, head, t, key);
        add_tile<D> (dvalues, stage, part, dout_rows (job, t, head));
        add_tile<D> (dkeys, stage, slope, query_rows (job, t, head));
      }
  UNROLL
  for (int r = 0; r < THREAD_ROWS; r++)
    UNROLL
  for (int i = 0; i < D / ROW_LANES; i++)
    if (key + r < job.kv_len && column_of (i) < job.width)
      {
        const int64_t at = (kv_head * job.d_capacity + key + r) * job.width + column_of (i);

        dk[at] += dkeys[r][i] * job.slope_scale;
        dv[at] += dvalues[r][i];
      }
}

/* --- Widening ------------------------------------------------------------------------------- */

/* The first n elements of each head, heads stride apart. */
template <typename T>
__global__ void
widen_heads_kernel (
    float *__restrict__ to, const T *__restrict__ from, int64_t n_heads, int64_t n, int64_t stride)
{
  int64_t step = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n_heads * n; i += step)
    to[i] = to_float (from[i / n * stride + i % n]);
}

template <typename T>
static void
widen_heads (
    PmodCudaBackend *self, float *to, const T *from, int64_t n_heads, int64_t n, int64_t stride)
{
  PMOD_LAUNCH (widen_heads_kernel<T>, pmod_cuda_grid (n_heads * n, BLOCK), BLOCK, 0, self->stream,
               to, from, n_heads, n, stride);
  pmod_cuda_check_launch (self, "attention of training");
}

/* Of one call, in the workspace; NULL what it does not need. */
struct Wide
{
  float *q, *k, *v, *out; /* [T,H,dh], [G,kv_len,dh] twice, [T,H,dh] */
  float *sums;            /* [3,T,H]: max, inverse, mean */
};

/* false where there is no room. */
template <typename T>
static bool
lay_out (PmodCudaBackend *self, Wide *wide, const MaskedJob<T> &job, bool widens, bool backward)
{
  size_t n_rows = (size_t)job.n_tokens * job.n_heads, n_bytes = 0;
  size_t n_q = widens ? n_rows * job.width * sizeof (float) : 0;
  size_t n_k =
      widens ? (size_t)(job.n_heads / job.group) * job.kv_len * job.width * sizeof (float) : 0;
  size_t q = pmod_cuda_take (&n_bytes, n_q), k = pmod_cuda_take (&n_bytes, n_k);
  size_t v = pmod_cuda_take (&n_bytes, n_k), out = pmod_cuda_take (&n_bytes, backward ? 0 : n_q);
  size_t sums = pmod_cuda_take (&n_bytes, backward ? 3 * n_rows * sizeof (float) : 0);
  char *memory = n_bytes ? (char *)pmod_cuda_workspace (self, n_bytes) : NULL;

  *wide = { (float *)(void *)(memory + q), (float *)(void *)(memory + k),
            (float *)(void *)(memory + v), (float *)(void *)(memory + out),
            (float *)(void *)(memory + sums) };
  return memory || n_bytes == 0;
}

/* The same job over F32. */
template <typename T>
static MaskedJob<float>
widen (PmodCudaBackend *self, const MaskedJob<T> &job, const Wide &wide)
{
  int64_t n_kv_heads = job.n_heads / job.group, n = job.kv_len * job.width;
  MaskedJob<float> to = {};

  widen_heads (self, wide.q, job.q, 1, job.n_tokens * job.n_heads * job.width, 0);
  widen_heads (self, wide.k, job.k, n_kv_heads, n, job.capacity * job.width);
  widen_heads (self, wide.v, job.v, n_kv_heads, n, job.capacity * job.width);
  to.q = wide.q, to.k = wide.k, to.v = wide.v;
  to.first = job.first;
  to.n_tokens = job.n_tokens, to.capacity = to.kv_len = job.kv_len, to.prefix = job.prefix;
  to.d_capacity = job.d_capacity;
  to.n_heads = job.n_heads, to.group = job.group, to.width = job.width;
  to.causal = job.causal;
  to.packed = job.width % 4 == 0;
  to.scale = job.scale, to.slope_scale = job.slope_scale;
  return to;
}

/* --- The ops -------------------------------------------------------------------------------- */

static unsigned
n_tiles (int64_t n)
{
  return (unsigned)((n + TILE - 1) / TILE);
}

template <int D>
static void
attend (PmodCudaBackend *self, const MaskedJob<float> &job, float *out)
{
  dim3 grid ((unsigned)job.n_heads, n_tiles (job.n_tokens));

  PMOD_LAUNCH (attention_masked_kernel<D>, grid, BLOCK, Stage<D>::BYTES, self->stream, out, job);
  pmod_cuda_check_launch (self, "attention_masked");
}

template <int D>
static void
attend_backward (
    PmodCudaBackend *self, const MaskedJob<float> &job, float *dq, float *dk, float *dv)
{
  dim3 queries ((unsigned)job.n_heads, n_tiles (job.n_tokens));
  dim3 keys ((unsigned)(job.n_heads / job.group), n_tiles (job.kv_len));

  PMOD_LAUNCH (attention_statistics_kernel, queries, BLOCK, Stage<D>::BYTES, self->stream, job);
  pmod_cuda_check_launch (self, "attention_backward, statistics");
  PMOD_LAUNCH (attention_dq_kernel<D>, queries, BLOCK, Stage<D>::BYTES, self->stream, dq, job);
  pmod_cuda_check_launch (self, "attention_backward, queries");
  PMOD_LAUNCH (attention_dkv_kernel<D>, keys, BLOCK, Stage<D>::BYTES, self->stream, dk, dv, job);
  pmod_cuda_check_launch (self, "attention_backward, keys");
}

template <typename T>
static MaskedJob<T>
make_job (const PmodTensor *q,
          const PmodTensor *k,
          const PmodTensor *v,
          int64_t kv_len,
          const PmodAttentionMask *mask,
          float scale)
{
  MaskedJob<T> job = {};
  uintptr_t bits = (uintptr_t)q->data | (uintptr_t)k->data | (uintptr_t)v->data;

  job.q = (const T *)q->data, job.k = (const T *)k->data, job.v = (const T *)v->data;
  job.n_tokens = q->shape[0], job.capacity = job.d_capacity = k->shape[1], job.kv_len = kv_len;
  job.n_heads = (int)q->shape[1], job.group = (int)(q->shape[1] / k->shape[0]);
  job.width = (int)q->shape[2];
  job.packed = (bits | job.width * sizeof (T)) % 16 == 0;
  job.causal = mask->causal, job.prefix = mask->prefix;
  job.first = mask->first ? (const int32_t *)mask->first->data : NULL;
  job.scale = scale * LOG2_E, job.slope_scale = scale;
  return job;
}

/* Whether there is anything to do that can be done. */
static bool
begin (PmodBackend *backend, const char *op, const PmodTensor *q)
{
  if (q->shape[2] > MAX_WIDTH)
    pmod_backend_fail (backend, "%s: expected heads of width %d at most, got %lld", op, MAX_WIDTH,
                       (long long)q->shape[2]);
  return q->shape[2] <= MAX_WIDTH && pmod_tensor_n_elements (q) > 0;
}

static void
attend_masked (PmodCudaBackend *self, const MaskedJob<float> &job, PmodTensor *out)
{
  float *to = (float *)out->data;

  if (job.width <= 64)
    attend<64> (self, job, to);
  else if (job.width <= 128)
    attend<128> (self, job, to);
  else
    attend<MAX_WIDTH> (self, job, to);
}

template <typename T>
static void
attend_masked (PmodCudaBackend *self, const MaskedJob<T> &job, PmodTensor *out)
{
  PmodTensor wide_out = *out;
  PmodCudaTurn turn = {};
  Wide wide;

  if (pmod_cuda_attend_masked_mma (self, job, out) || !lay_out (self, &wide, job, true, false))
    return;
  wide_out.data = wide.out;
  attend_masked (self, widen (self, job, wide), &wide_out);
  turn.rows = out->data;
  turn.to = out->dtype;
  turn.from = wide.out;
  turn.from_dtype = PMOD_DTYPE_F32;
  turn.n_rows = turn.n_padded = out->shape[0];
  turn.n = out->shape[1];
  pmod_cuda_turn (self, &turn);
}

void
pmod_cuda_attention_masked (PmodBackend *backend,
                            PmodTensor *out,
                            const PmodTensor *q,
                            const PmodTensor *k,
                            const PmodTensor *v,
                            int64_t kv_len,
                            const PmodAttentionMask *mask,
                            float scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (!begin (backend, "attention_masked", q))
    return;
  pmod_cuda_with (q->dtype, [&] (auto type) {
    attend_masked (self, make_job<PMOD_ELEMENT (type)> (q, k, v, kv_len, mask, scale), out);
  });
}

/* What a gradient is written to, and what it is of. */
struct Gradients
{
  PmodTensor *dq, *dk, *dv;
  const PmodTensor *dout;
};

static void
attend_width (PmodCudaBackend *self, MaskedJob<float> job, const Wide &wide, const Gradients &to)
{
  int64_t n_rows = job.n_tokens * job.n_heads;
  float *dq = (float *)to.dq->data, *dk = (float *)to.dk->data, *dv = (float *)to.dv->data;

  job.max = wide.sums, job.inverse = job.max + n_rows, job.mean = job.inverse + n_rows;
  job.dout = (const float *)to.dout->data;
  job.dout_packed = ((uintptr_t)to.dout->data | job.width * sizeof (float)) % 16 == 0;
  if (job.width <= 64)
    attend_backward<64> (self, job, dq, dk, dv);
  else if (job.width <= 128)
    attend_backward<128> (self, job, dq, dk, dv);
  else
    attend_backward<MAX_WIDTH> (self, job, dq, dk, dv);
}

static void
attend_back (PmodCudaBackend *self, const MaskedJob<float> &job, const Gradients &to)
{
  Wide wide;

  if (lay_out (self, &wide, job, false, true))
    attend_width (self, job, wide, to);
}

template <typename T>
static void
attend_back (PmodCudaBackend *self, const MaskedJob<T> &job, const Gradients &to)
{
  Wide wide;

  if (!pmod_cuda_attend_backward_mma (self, job, to.dq, to.dk, to.dv, to.dout) &&
      lay_out (self, &wide, job, true, true))
    attend_width (self, widen (self, job, wide), wide, to);
}

void
pmod_cuda_attention_backward (PmodBackend *backend,
                              PmodTensor *dq,
                              PmodTensor *dk,
                              PmodTensor *dv,
                              const PmodTensor *dout,
                              const PmodTensor *q,
                              const PmodTensor *k,
                              const PmodTensor *v,
                              int64_t kv_len,
                              const PmodAttentionMask *mask,
                              float scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  const Gradients to = { dq, dk, dv, dout };

  if (!begin (backend, "attention_backward", q))
    return;
  pmod_cuda_with (q->dtype, [&] (auto type) {
    attend_back (self, make_job<PMOD_ELEMENT (type)> (q, k, v, kv_len, mask, scale), to);
  });
}
