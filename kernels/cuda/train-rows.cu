/* Gradients of what moves rows: heads, patches, tables. All bound by memory, no FLOPs to speak of.
 * Where several rows go to one, a thread has a column of it and adds in the order of the rows.
 * Bytes: heads 8 T (H+2G) dh, and the angles of a token from L1; patches 4 D for each row of dx and
 * 4 D for each of dpatches, 8 D for each position; tables 4 D for each row of dy and 8 D for each
 * row of dtable that is added to; a division 8 D for each row. */
#include "cuda-train.h"

/* --- Heads ---------------------------------------------------------------------------------- */

/* No thread waits for another; 256 fill a multiprocessor in whole blocks on every card. */
#define HEAD_THREADS 256

/* Pairs of one thread where halves of heads are whole groups of so many: 16 bytes. */
#define PAIRS 4

typedef struct
{
  float *__restrict__ dqkv;
  const float *__restrict__ dq, *__restrict__ dk, *__restrict__ dv;
  const float *__restrict__ cos_sin; /* NULL: nothing rotates */
  const int32_t *__restrict__ rows;  /* or NULL */
  int64_t capacity, pos0, kv_offset, n_positions;
  unsigned n_heads, n_kv_heads, width;
} HeadGradients;

__device__ static inline const float *
find_head (const HeadGradients &job, unsigned head, int64_t token)
{
  unsigned kv_head;

  if (head < job.n_heads)
    return job.dq + (token * job.n_heads + head) * job.width;
  kv_head = head - job.n_heads;
  if (kv_head < job.n_kv_heads)
    return job.dk + (kv_head * job.capacity + job.kv_offset + token) * job.width;
  kv_head -= job.n_kv_heads;
  return job.dv + (kv_head * job.capacity + job.kv_offset + token) * job.width;
}

/* The transpose of a rotation is the rotation by the negative angle. A position without an angle
 * gives NaN: a kernel cannot report, and must not read past the table. */
__device__ static inline void
rotate_back (const HeadGradients &job, float *low, float *high, int64_t position, unsigned i)
{
  const float *angle = job.cos_sin + position * job.width + i;
  float cosine = NAN, sine = NAN, l = *low, h = *high;

  if (position >= 0 && position < job.n_positions)
    {
      cosine = angle[0];
      sine = angle[job.width / 2];
    }
  *low = l * cosine + h * sine;
  *high = h * cosine - l * sine;
}

/* A token is n_chunks blocks. N pairs a thread, elements i and i + dh/2; N is 1 for widths and
 * pointers that do not allow for more, and then the last pair of an odd width (never rotated) lacks
 * its second element. */
template <int N>
__global__ void
split_qkv_backward_kernel (const HeadGradients job, unsigned n_chunks)
{
  const int64_t token = blockIdx.x / n_chunks;
  const unsigned half = (job.width + 1) / 2, n_all = job.n_heads + 2 * job.n_kv_heads;
  const unsigned item = blockIdx.x % n_chunks * HEAD_THREADS + threadIdx.x;
  const unsigned head = item / (half / N), i = item % (half / N) * N;
  float *to = job.dqkv + (token * n_all + head) * job.width + i;
  const float *from;
  Group<float, N> low, high;

  if (head >= n_all)
    return;
  from = find_head (job, head, token) + i;
  low = *(const Group<float, N> *)(const void *)from;
  high = low;
  if (half + i < job.width)
    high = *(const Group<float, N> *)(const void *)(from + half);
  if (job.cos_sin && head < job.n_heads + job.n_kv_heads)
    for (int j = 0; j < N; j++)
      rotate_back (job, &low.item[j], &high.item[j],
                   job.pos0 + (job.rows ? job.rows[token] : token), i + j);
  *(Group<float, N> *)(void *)to = low;
  if (half + i < job.width)
    *(Group<float, N> *)(void *)(to + half) = high;
}

template <int N>
static void
split_backward (PmodCudaBackend *self, const HeadGradients &job, int64_t n_tokens)
{
  unsigned n_items = (job.n_heads + 2 * job.n_kv_heads) * ((job.width + 1) / 2 / N);
  unsigned n_chunks = (n_items + HEAD_THREADS - 1) / HEAD_THREADS;
  unsigned n_blocks = (unsigned)n_tokens * n_chunks;

  if (n_blocks == 0)
    return;
  PMOD_LAUNCH (split_qkv_backward_kernel<N>, n_blocks, HEAD_THREADS, 0, self->stream, job,
               n_chunks);
  pmod_cuda_check_launch (self, "split_qkv_backward");
}

void
pmod_cuda_split_qkv_backward (PmodBackend *backend,
                              PmodTensor *dqkv,
                              const PmodTensor *dq,
                              const PmodTensor *dk,
                              const PmodTensor *dv,
                              const PmodTensor *cos_sin,
                              const PmodTensor *rows,
                              int64_t pos0,
                              int64_t kv_offset)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  uintptr_t bits =
      (uintptr_t)dqkv->data | (uintptr_t)dq->data | (uintptr_t)dk->data | (uintptr_t)dv->data;
  HeadGradients job = {};

  job.dqkv = (float *)dqkv->data;
  job.dq = (const float *)dq->data;
  job.dk = (const float *)dk->data;
  job.dv = (const float *)dv->data;
  job.cos_sin = cos_sin ? (const float *)cos_sin->data : NULL;
  job.n_positions = cos_sin ? cos_sin->shape[0] : 0;
  job.rows = rows ? (const int32_t *)rows->data : NULL;
  job.capacity = dk->shape[1];
  job.pos0 = pos0;
  job.kv_offset = kv_offset;
  job.n_heads = (unsigned)dq->shape[1];
  job.n_kv_heads = (unsigned)dk->shape[0];
  job.width = (unsigned)dq->shape[2];
  if (job.width % (2 * PAIRS) == 0 && bits % sizeof (Group<float, PAIRS>) == 0)
    split_backward<PAIRS> (self, job, dqkv->shape[0]);
  else
    split_backward<1> (self, job, dqkv->shape[0]);
}

/* --- Patches -------------------------------------------------------------------------------- */

#define PATCH_THREADS 256

/* A thread an element of one of the n_rows positions, over all tiles. Any of the outputs may be
 * NULL. */
__global__ void
embed_patches_backward_kernel (float *__restrict__ dpatches,
                               float *__restrict__ dcls,
                               float *__restrict__ dposition,
                               const float *__restrict__ dx,
                               int64_t n_tiles,
                               int64_t n_rows,
                               int64_t d)
{
  int64_t n = n_rows * d, stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float sum = 0;

      for (int64_t tile = 0; tile < n_tiles; tile++)
        {
          float value = dx[tile * n + i];

          sum += value;
          if (dpatches && i >= d)
            dpatches[tile * (n - d) + i - d] = value;
        }
      if (dposition)
        dposition[i] += sum;
      if (dcls && i < d)
        dcls[i] += sum;
    }
}

void
pmod_cuda_embed_patches_backward (PmodBackend *backend,
                                  PmodTensor *dpatches,
                                  PmodTensor *dcls,
                                  PmodTensor *dposition,
                                  const PmodTensor *dx)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t d = dx->shape[1], n_patches = dpatches ? dpatches->shape[0] : 0;
  /* Every tile has one row that is not of a patch. */
  int64_t n_tiles = dposition ? dx->shape[0] / dposition->shape[0] : dx->shape[0] - n_patches;
  int64_t n_rows = n_tiles > 0 ? dx->shape[0] / n_tiles : 0;

  if (n_rows * d == 0)
    return;
  PMOD_LAUNCH (embed_patches_backward_kernel, pmod_cuda_grid (n_rows * d, PATCH_THREADS),
               PATCH_THREADS, 0, self->stream, dpatches ? (float *)dpatches->data : NULL,
               dcls ? (float *)dcls->data : NULL, dposition ? (float *)dposition->data : NULL,
               (const float *)dx->data, n_tiles, n_rows, d);
  pmod_cuda_check_launch (self, "embed_patches_backward");
}

/* --- Tables --------------------------------------------------------------------------------- */

/* Four warps look for equal indices; each thread then has four columns, so that the list is looked
 * through once for 512 columns and four reads are in flight. */
#define TABLE_WARPS 4
#define TABLE_THREADS (TABLE_WARPS * WARP)
#define TABLE_COLUMNS 4

/* The row of the table that idx names. One past the table cannot be reported from here as the CPU
 * twin does it: it is row 0, to which NaN is added instead (add_table_row()). */
__device__ static inline int32_t
table_row (int32_t idx, int64_t n_entries)
{
  return idx < n_entries ? idx : 0;
}

/* Whether a row before t has the same place. All threads get the answer. */
__device__ static bool
is_repeated (const int32_t *idx, int64_t t, int32_t place, int64_t n_entries)
{
  __shared__ int found;

  if (threadIdx.x == 0)
    found = 0;
  __syncthreads ();
  for (int64_t i = threadIdx.x; i < t; i += TABLE_THREADS)
    if (table_row (idx[i], n_entries) == place)
      found = 1; /* whoever writes, it is the same */
  __syncthreads ();
  return found;
}

/* sums += dy's row for the thread's columns. */
__device__ static inline void
add_table_row (
    float *sums, const float *row, int64_t column, int64_t d, int32_t idx, int64_t n_entries)
{
  for (int j = 0; j < TABLE_COLUMNS; j++)
    if (column + j * TABLE_THREADS < d)
      sums[j] += idx < n_entries ? row[column + j * TABLE_THREADS] : NAN;
}

/* Block (t, y) adds all rows that go where row t goes, if t is the first of them. */
__global__ void
gather_rows_backward_kernel (float *__restrict__ dtable,
                             const float *__restrict__ dy,
                             const int32_t *__restrict__ idx,
                             int64_t n_rows,
                             int64_t n_entries,
                             int64_t d)
{
  __shared__ unsigned matches[TABLE_WARPS];
  const int64_t t = blockIdx.x;
  const int64_t column = (int64_t)blockIdx.y * TABLE_THREADS * TABLE_COLUMNS + threadIdx.x;
  const int32_t place = table_row (idx[t], n_entries);
  float *to = dtable + place * d;
  float sums[TABLE_COLUMNS] = { 0 };

  if (place < 0 || is_repeated (idx, t, place, n_entries))
    return;
  for (int j = 0; j < TABLE_COLUMNS; j++)
    if (column + j * TABLE_THREADS < d)
      sums[j] = to[column + j * TABLE_THREADS];
  for (int64_t first = t; first < n_rows; first += TABLE_THREADS)
    {
      int64_t own = first + threadIdx.x;
      bool is_match = own < n_rows && table_row (idx[own], n_entries) == place;
      unsigned found = __ballot_sync (FULL_WARP, is_match);

      if (threadIdx.x % WARP == 0)
        matches[threadIdx.x / WARP] = found;
      __syncthreads ();
      for (int warp = 0; warp < TABLE_WARPS; warp++)
        for (unsigned bits = matches[warp]; bits; bits &= bits - 1)
          {
            int64_t row = first + warp * WARP + __ffs ((int)bits) - 1;

            add_table_row (sums, dy + row * d, column, d, idx[row], n_entries);
          }
      /* matches is written again. */
      __syncthreads ();
    }
  for (int j = 0; j < TABLE_COLUMNS; j++)
    if (column + j * TABLE_THREADS < d)
      to[column + j * TABLE_THREADS] = sums[j];
}

void
pmod_cuda_gather_rows_backward (PmodBackend *backend,
                                PmodTensor *dtable,
                                const PmodTensor *dy,
                                const PmodTensor *idx)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_rows = dy->shape[0], d = dy->shape[1], n_entries = dtable->shape[0];
  int64_t width = TABLE_THREADS * TABLE_COLUMNS;
  dim3 grid ((unsigned)n_rows, (unsigned)((d + width - 1) / width));

  if (n_rows == 0 || d == 0 || n_entries == 0)
    return;
  PMOD_LAUNCH (gather_rows_backward_kernel, grid, TABLE_THREADS, 0, self->stream,
               (float *)dtable->data, (const float *)dy->data, (const int32_t *)idx->data, n_rows,
               n_entries, d);
  pmod_cuda_check_launch (self, "gather_rows_backward");
}

/* --- Division ------------------------------------------------------------------------------- */

#define DIVIDE_THREADS 256

/* A block a row. */
__global__ void
divide_rows_kernel (float *__restrict__ x, const int32_t *__restrict__ by, int64_t d)
{
  float *row = x + (int64_t)blockIdx.x * d;
  const float divisor = (float)by[blockIdx.x];

  for (int64_t i = threadIdx.x; i < d; i += DIVIDE_THREADS)
    row[i] /= divisor;
}

void
pmod_cuda_divide_rows (PmodBackend *backend, PmodTensor *x, const PmodTensor *by)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (x->shape[0] == 0)
    return;
  PMOD_LAUNCH (divide_rows_kernel, (unsigned)x->shape[0], DIVIDE_THREADS, 0, self->stream,
               (float *)x->data, (const int32_t *)by->data, x->shape[1]);
  pmod_cuda_check_launch (self, "divide_rows");
}
