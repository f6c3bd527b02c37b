/* Cross-entropy with its gradient: one block counts the labels, one block a row computes, one block
 * sums the rows up. Bytes: R*N*4 read three times, from memory once where a row stays in cache;
 * R*N*4 written.
 *
 * The CPU twin fails on a label that does not exist. A device cannot without the host waiting for
 * it, so here such a row counts, and its loss, its gradient and the summary's loss are NaN. */
#include "cuda-train.h"

/* Sixteen warps: with few rows a block is alone on its multiprocessor, and a row of 32000 is 64
 * loads a thread. */
#define BLOCK 512

/* --- Sums over rows ------------------------------------------------------------------------- */

/* summary[1] = counted rows, which the rows' scale is made of: exact below 2^24, as the twin's. */
__global__ void
__launch_bounds__ (WIDE_BLOCK)
    entropy_count_kernel (float *summary, const int32_t *labels, int64_t n_rows)
{
  __shared__ double scratch[WIDE_BLOCK];
  double n_counted = 0;

  for (int64_t r = threadIdx.x; r < n_rows; r += WIDE_BLOCK)
    n_counted += labels[r] != PMOD_LABEL_IGNORED;
  n_counted = tree_sum (n_counted, scratch);
  if (threadIdx.x == 0)
    summary[1] = (float)n_counted;
}

/* summary[0] and [2], in F64 as the twin sums. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) entropy_summary_kernel (float *summary,
                                                       const float *row_loss,
                                                       const int32_t *argmax,
                                                       const int32_t *labels,
                                                       const float *row_scale,
                                                       int64_t n_rows)
{
  __shared__ double scratch[WIDE_BLOCK];
  double loss = 0, n_right = 0, n_counted = summary[1];

  for (int64_t r = threadIdx.x; r < n_rows; r += WIDE_BLOCK)
    if (labels[r] != PMOD_LABEL_IGNORED)
      {
        loss += row_scale ? (double)row_scale[r] * row_loss[r] : row_loss[r];
        n_right += argmax[r] == labels[r];
      }
  loss = tree_sum (loss, scratch);
  n_right = tree_sum (n_right, scratch);
  if (threadIdx.x > 0)
    return;
  summary[0] = (float)(row_scale || n_counted == 0 ? loss : loss / n_counted);
  summary[2] = (float)n_right;
}

/* --- One row -------------------------------------------------------------------------------- */

/* The largest of what was looked at and where it stands first; NONE where all was NaN. */
struct Best
{
  float value;
  int idx;
};

#define NONE INT32_MAX

/* NaN is never larger, nor equal. */
__device__ static inline Best
better (Best a, Best b)
{
  return b.value > a.value || (b.value == a.value && b.idx < a.idx) ? b : a;
}

__device__ static inline Best
warp_best (Best best)
{
  for (int lane = WARP / 2; lane > 0; lane /= 2)
    {
      Best other;

      other.value = __shfl_xor_sync (FULL_WARP, best.value, lane);
      other.idx = __shfl_xor_sync (FULL_WARP, best.idx, lane);
      best = better (best, other);
    }
  return best;
}

/* Of a row, by the whole block; all get it. Its idx is the last where all is NaN, as the twin's. */
__device__ static inline Best
find_best (const float *row, int n)
{
  __shared__ float values[WARP];
  __shared__ int indices[WARP];
  const unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  Best best = { -INFINITY, NONE };

  for (int64_t i = threadIdx.x; i < n; i += BLOCK)
    best = better (best, { row[i], (int)i });
  best = warp_best (best);
  if (lane == 0)
    {
      values[warp] = best.value;
      indices[warp] = best.idx;
    }
  /* Each warp reads what all wrote. */
  __syncthreads ();
  best = { -INFINITY, NONE };
  if (lane < BLOCK / WARP)
    best = { values[lane], indices[lane] };
  best = warp_best (best);
  if (best.idx == NONE)
    best.idx = n - 1;
  return best;
}

/* dlogits may be logits: all that other threads need of the row is read before a barrier, and an
 * element is read by the thread that writes it. */
__global__ void
__launch_bounds__ (BLOCK) entropy_row_kernel (float *row_loss,
                                              int32_t *argmax,
                                              float *dlogits,
                                              const float *logits,
                                              const int32_t *labels,
                                              const float *row_scale,
                                              const float *summary,
                                              int n)
{
  __shared__ float scratch[WARP];
  const int64_t r = blockIdx.x;
  const float *row = logits + r * n;
  const int32_t label = labels[r];
  const bool counts = label != PMOD_LABEL_IGNORED, there = label >= 0 && label < n;
  const float own = there ? row[label] : NAN;
  const Best best = find_best (row, n);
  float sum = 0, scale = 0, factor;

  if (threadIdx.x == 0)
    argmax[r] = best.idx;
  for (int64_t i = threadIdx.x; counts && i < n; i += BLOCK)
    sum += expf (row[i] - best.value);
  /* All have read the row's label when it is over. */
  sum = block_sum (sum, scratch);
  if (threadIdx.x == 0)
    row_loss[r] = counts ? (float)(log ((double)sum) + ((double)best.value - own)) : 0;
  if (!dlogits)
    return;
  if (counts)
    scale = !there ? NAN : row_scale ? row_scale[r] : 1 / summary[1];
  factor = scale / sum;
  for (int64_t i = threadIdx.x; i < n; i += BLOCK)
    dlogits[r * n + i] =
        counts ? factor * expf (row[i] - best.value) - (i == label ? scale : 0) : 0;
}

/* --- The op --------------------------------------------------------------------------------- */

void
pmod_cuda_cross_entropy (PmodBackend *backend,
                         PmodTensor *summary,
                         PmodTensor *row_loss,
                         PmodTensor *argmax,
                         PmodTensor *dlogits,
                         const PmodTensor *logits,
                         const PmodTensor *labels,
                         const PmodTensor *row_scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_rows = logits->shape[0];
  const int32_t *label = (const int32_t *)labels->data;
  const float *scale = row_scale ? (const float *)row_scale->data : NULL;
  float *total = (float *)summary->data, *loss = (float *)row_loss->data;
  float *to = dlogits ? (float *)dlogits->data : NULL;
  int32_t *best = (int32_t *)argmax->data;

  PMOD_LAUNCH (entropy_count_kernel, 1, WIDE_BLOCK, 0, self->stream, total, label, n_rows);
  pmod_cuda_check_launch (self, "cross_entropy, counting");
  if (n_rows > 0)
    {
      PMOD_LAUNCH (entropy_row_kernel, (unsigned)n_rows, BLOCK, 0, self->stream, loss, best, to,
                   (const float *)logits->data, label, scale, total, (int)logits->shape[1]);
      pmod_cuda_check_launch (self, "cross_entropy");
    }
  PMOD_LAUNCH (entropy_summary_kernel, 1, WIDE_BLOCK, 0, self->stream, total, loss, best, label,
               scale, n_rows);
  pmod_cuda_check_launch (self, "cross_entropy, the summary");
}

/* --- Routers -------------------------------------------------------------------------------- */

/* One block: some ten thousand tokens, of which nothing else is waiting. Bytes: 8 V read, 8 V more
 * with dlogit. A label that does not exist counts, and what it is counted in is NaN, as above. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) router_loss_kernel (
    float *loss, float *dlogit, const float *logit, const int32_t *labels, float scale, int64_t n)
{
  __shared__ double scratch[WIDE_BLOCK];
  double sum = 0;

  for (int64_t v = threadIdx.x; v < n; v += WIDE_BLOCK)
    if (labels[v] != PMOD_LABEL_IGNORED)
      {
        const bool there = labels[v] == 0 || labels[v] == 1;
        const float z = there ? logit[v] : NAN;
        const double away = labels[v] == 1 ? -z : z;

        sum += (away > 0 ? away : 0) + log1p (exp (-fabs (away)));
        if (dlogit)
          dlogit[v] += scale * (1 / (1 + expf (-z)) - (float)labels[v]);
      }
  sum = tree_sum (sum, scratch);
  if (threadIdx.x == 0)
    *loss = (float)sum;
}

void
pmod_cuda_router_loss (PmodBackend *backend,
                       PmodTensor *loss,
                       PmodTensor *dlogit,
                       const PmodTensor *logit,
                       const PmodTensor *labels,
                       float scale)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  PMOD_LAUNCH (router_loss_kernel, 1, WIDE_BLOCK, 0, self->stream, (float *)loss->data,
               dlogit ? (float *)dlogit->data : NULL, (const float *)logit->data,
               (const int32_t *)labels->data, scale, logit->shape[0]);
  pmod_cuda_check_launch (self, "router_loss");
}
