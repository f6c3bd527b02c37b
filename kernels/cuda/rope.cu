/* Splits a fused projection into heads, rotates queries and keys, and appends to the cache.
 * One thread takes a few pairs of one head: elements i and i + dh/2, which rotate together.
 * Bytes: T*(H+2G)*dh*4 read, the same number of elements of act written; the angles of a token are
 * read once a head but come from L1. FLOPs 3 T (H+G) dh. */
#include "cuda-private.h"

/* No thread waits for another; 256 fill a multiprocessor in whole blocks on every card. */
#define BLOCK 256

/* Pairs of one thread where halves of heads are whole groups of so many: 16 bytes of F32. */
#define PAIRS 4

template <typename T> struct SplitJob
{
  T *__restrict__ q, *__restrict__ k, *__restrict__ v;
  const float *__restrict__ qkv;
  const float *__restrict__ cos_sin; /* NULL: nothing rotates */
  const int32_t *__restrict__ rows;  /* or NULL */
  const int32_t *__restrict__ step;  /* added to pos0 and kv_offset, or NULL */
  int64_t capacity, pos0, kv_offset, n_positions;
  unsigned n_heads, n_kv_heads, width;
};

template <typename T>
__device__ static inline T *
place_head (const SplitJob<T> &job, unsigned head, int64_t token, int64_t step)
{
  int64_t row = job.kv_offset + step + token;
  unsigned kv_head;

  if (head < job.n_heads)
    return job.q + (token * job.n_heads + head) * job.width;
  kv_head = head - job.n_heads;
  if (kv_head < job.n_kv_heads)
    return job.k + (kv_head * job.capacity + row) * job.width;
  kv_head -= job.n_kv_heads;
  return job.v + (kv_head * job.capacity + row) * job.width;
}

/* What is stored of a pair. A position without an angle gives NaN: a kernel cannot report, and
 * must not read past the table. */
template <typename T>
__device__ static inline void
rotate (const SplitJob<T> &job, float *low, float *high, int64_t position, unsigned i)
{
  const float *angle = job.cos_sin + position * job.width + i;
  float cosine = NAN, sine = NAN, l = *low, h = *high;

  if (position >= 0 && position < job.n_positions)
    {
      cosine = angle[0];
      sine = angle[job.width / 2];
    }
  *low = l * cosine - h * sine;
  *high = h * cosine + l * sine;
}

/* A token is n_chunks blocks. N pairs a thread; N is 1 for widths and pointers that do not allow
 * for more, and then the last pair of an odd width (never rotated) lacks its second element. */
template <typename T, int N>
__global__ void
split_qkv_kernel (const SplitJob<T> job, unsigned n_chunks)
{
  const int64_t token = blockIdx.x / n_chunks;
  const unsigned half = (job.width + 1) / 2, n_all = job.n_heads + 2 * job.n_kv_heads;
  const unsigned item = blockIdx.x % n_chunks * BLOCK + threadIdx.x;
  const unsigned head = item / (half / N), i = item % (half / N) * N;
  const float *from = job.qkv + (token * n_all + head) * job.width + i;
  const int64_t step = job.step ? *job.step : 0, pos0 = job.pos0 + step;
  Group<float, N> low, high;
  Group<T, N> to_low, to_high;
  T *to;

  if (head >= n_all)
    return;
  low = *(const Group<float, N> *)from;
  high = low;
  if (half + i < job.width)
    high = *(const Group<float, N> *)(from + half);
  if (job.cos_sin && head < job.n_heads + job.n_kv_heads)
    for (int j = 0; j < N; j++)
      rotate (job, &low.item[j], &high.item[j], pos0 + (job.rows ? job.rows[token] : token), i + j);
  for (int j = 0; j < N; j++)
    {
      store (&to_low.item[j], low.item[j]);
      store (&to_high.item[j], high.item[j]);
    }
  to = place_head (job, head, token, step) + i;
  *(Group<T, N> *)to = to_low;
  if (half + i < job.width)
    *(Group<T, N> *)(to + half) = to_high;
}

template <typename T>
static void
split_qkv (PmodCudaBackend *self, const SplitJob<T> &job, int64_t n_tokens)
{
  uintptr_t bits = (uintptr_t)job.q | (uintptr_t)job.k | (uintptr_t)job.v | (uintptr_t)job.qkv;
  bool grouped = job.width % (2 * PAIRS) == 0 && bits % 16 == 0;
  unsigned n_pairs = (job.width + 1) / 2 / (grouped ? PAIRS : 1);
  unsigned n_chunks = ((job.n_heads + 2 * job.n_kv_heads) * n_pairs + BLOCK - 1) / BLOCK;
  unsigned n_blocks = (unsigned)n_tokens * n_chunks;
  auto *kernel = grouped ? split_qkv_kernel<T, PAIRS> : split_qkv_kernel<T, 1>;

  if (n_blocks == 0)
    return;
  PMOD_LAUNCH (kernel, n_blocks, BLOCK, 0, self->stream, job, n_chunks);
  pmod_cuda_check_launch (self, "split_qkv");
}

template <typename T>
static SplitJob<T>
make_job (PmodTensor *q, PmodTensor *k, PmodTensor *v, const PmodTensor *qkv)
{
  SplitJob<T> job = {};

  job.q = (T *)q->data;
  job.k = (T *)k->data;
  job.v = (T *)v->data;
  job.qkv = (const float *)qkv->data;
  job.capacity = k->shape[1];
  job.n_heads = (unsigned)q->shape[1];
  job.n_kv_heads = (unsigned)k->shape[0];
  job.width = (unsigned)q->shape[2];
  return job;
}

template <typename T>
static void
add_positions (SplitJob<T> *job,
               const PmodCudaBackend *self,
               const PmodTensor *cos_sin,
               const PmodTensor *rows,
               int64_t pos0,
               int64_t kv_offset)
{
  job->cos_sin = cos_sin ? (const float *)cos_sin->data : NULL;
  job->n_positions = cos_sin ? cos_sin->shape[0] : 0;
  job->rows = rows ? (const int32_t *)rows->data : NULL;
  job->step = self->step;
  job->pos0 = pos0;
  job->kv_offset = kv_offset;
}

void
pmod_cuda_split_qkv (PmodBackend *backend,
                     PmodTensor *q,
                     PmodTensor *k,
                     PmodTensor *v,
                     const PmodTensor *qkv,
                     const PmodTensor *cos_sin,
                     const PmodTensor *rows,
                     int64_t pos0,
                     int64_t kv_offset)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  pmod_cuda_with (q->dtype, [&] (auto type) {
    SplitJob<PMOD_ELEMENT (type)> job = make_job<PMOD_ELEMENT (type)> (q, k, v, qkv);

    add_positions (&job, self, cos_sin, rows, pos0, kv_offset);
    split_qkv (self, job, qkv->shape[0]);
  });
}
