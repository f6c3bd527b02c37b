/* Gradients of routing, in the memory of the ops in route.cu.
 *
 *                              read                    written       FLOPs   blocks
 *   router_weights_backward    8 V                     4 V           few     V / 256, softmax: 1
 *   router_logits_backward     4 V D; dx 4 V D         dx 4 V D      4 V D   D V / 2^13
 *                              + partial sums of dw, 4 D V / 32, written once and read once
 *   reweight_scatter_backward  8 R D + 8 (T - R) D     8 R D + 4 T D 3 T D   one a token
 *
 * Sums over targets are taken for each SPAN of them and then over the spans, in their order. The
 * CPU twin fails on a target or a slot out of range. A device cannot without the host waiting for
 * it, so here nothing outside a tensor is touched, and what depends on one is NaN. */
#include "cuda-train.h"

/* Eight warps: a row of 4096 is four loads of 16 bytes a thread, all in flight together. */
#define BLOCK 256

/* --- Weights -------------------------------------------------------------------------------- */

/* An element is read and written by one thread, so dlogit may be dweight or logit. */
__global__ void
router_weights_backward_kernel (
    float *dlogit, const float *dweight, const float *logit, int64_t n, PmodWeightNorm norm)
{
  int64_t i = (int64_t)blockIdx.x * BLOCK + threadIdx.x;
  float slope = 1, value;

  if (i >= n)
    return;
  if (norm.function == PMOD_WEIGHT_TANH)
    {
      value = tanhf (logit[i]);
      slope = (1 - value) * (1 + value);
    }
  else if (norm.function == PMOD_WEIGHT_SIGMOID)
    {
      value = sigmoid (logit[i]);
      slope = value * (1 - value);
    }
  dlogit[i] = norm.scale * slope * dweight[i];
}

/* One block over all n: dz = scale p (dw - sum p dw). The sums are F64 as the twin's; exponentials
 * and quotients are F32, which a card has many times more units for. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) router_softmax_backward_kernel (
    float *dlogit, const float *dweight, const float *logit, int64_t n, PmodWeightNorm norm)
{
  __shared__ float max_scratch[WARP];
  __shared__ double sum_scratch[WIDE_BLOCK];
  float max = -INFINITY, divisor, mean;
  double sum = 0, product = 0;

  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    max = fmaxf (max, logit[i]);
  max = block_max (max, max_scratch);
  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    {
      double value = expf (logit[i] - max);

      sum += value;
      product += value * dweight[i];
    }
  sum = tree_sum (sum, sum_scratch);
  product = tree_sum (product, sum_scratch);
  divisor = (float)sum;
  mean = (float)(product / sum);
  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    dlogit[i] = norm.scale * (expf (logit[i] - max) / divisor) * (dweight[i] - mean);
}

void
pmod_cuda_router_weights_backward (PmodBackend *backend,
                                   PmodTensor *dlogit,
                                   const PmodTensor *dweight,
                                   const PmodTensor *logit,
                                   const PmodWeightNorm *norm)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = logit->shape[0];
  const float *d = (const float *)dweight->data, *z = (const float *)logit->data;
  float *to = (float *)dlogit->data;

  if (n == 0)
    return;
  if (norm->function == PMOD_WEIGHT_SOFTMAX)
    PMOD_LAUNCH (router_softmax_backward_kernel, 1, WIDE_BLOCK, 0, self->stream, to, d, z, n,
                 *norm);
  else
    PMOD_LAUNCH (router_weights_backward_kernel, (unsigned)((n + BLOCK - 1) / BLOCK), BLOCK, 0,
                 self->stream, to, d, z, n, *norm);
  pmod_cuda_check_launch (self, "router_weights_backward");
}

/* --- Scores --------------------------------------------------------------------------------- */

/* Targets of a block: enough blocks for a card where V is some hundred, and partial sums of 1/32 of
 * what is read. */
#define SPAN 32

/* Block (BLOCK columns, SPAN targets): a thread has a column. dx and partial [spans, D] may be
 * NULL. */
__global__ void
router_logits_backward_kernel (float *__restrict__ dx,
                               float *__restrict__ partial,
                               const float *__restrict__ dlogit,
                               const float *__restrict__ x,
                               const float *__restrict__ w,
                               const int32_t *__restrict__ targets,
                               int64_t n_tokens,
                               int64_t n_targets,
                               int64_t d)
{
  int64_t column = (int64_t)blockIdx.x * BLOCK + threadIdx.x, first = (int64_t)blockIdx.y * SPAN;
  int64_t end = first + SPAN < n_targets ? first + SPAN : n_targets;
  float weight, sum = 0;

  if (column >= d)
    return;
  weight = w[column];
  for (int64_t v = first; v < end; v++)
    {
      int64_t target = targets[v], at = target * d + column;
      bool there = target >= 0 && target < n_tokens;
      bool ascends = v == 0 || target > targets[v - 1];
      float factor = there && ascends ? dlogit[v] : NAN;

      if (partial)
        sum = fmaf (factor, there ? x[at] : 0, sum);
      if (dx && there)
        dx[at] = fmaf (factor, weight, dx[at]);
    }
  if (partial)
    partial[blockIdx.y * d + column] = sum;
}

/* dw += the spans' sums. */
__global__ void
router_join_spans_kernel (float *__restrict__ dw,
                          const float *__restrict__ partial,
                          int64_t n_spans,
                          int64_t d)
{
  int64_t column = (int64_t)blockIdx.x * BLOCK + threadIdx.x;
  float sum = 0;

  if (column >= d)
    return;
  for (int64_t i = 0; i < n_spans; i++)
    sum += partial[i * d + column];
  dw[column] += sum;
}

/* One block: db += the sum of dlogit. */
__global__ void
__launch_bounds__ (WIDE_BLOCK)
    router_bias_backward_kernel (float *db, const float *dlogit, int64_t n)
{
  __shared__ double scratch[WIDE_BLOCK];
  double sum = 0;

  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    sum += dlogit[i];
  sum = tree_sum (sum, scratch);
  if (threadIdx.x == 0)
    db[0] += (float)sum;
}

void
pmod_cuda_router_logits_backward (PmodBackend *backend,
                                  PmodTensor *dx,
                                  PmodTensor *dw,
                                  PmodTensor *db,
                                  const PmodTensor *dlogit,
                                  const PmodTensor *x,
                                  const PmodTensor *w,
                                  const PmodTensor *targets)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = targets->shape[0], d = x->shape[1], n_spans = (n + SPAN - 1) / SPAN;
  dim3 grid ((unsigned)((d + BLOCK - 1) / BLOCK), (unsigned)n_spans);
  const float *from = (const float *)dlogit->data;
  float *partial = NULL;

  if (n == 0)
    return;
  if (dw && d > 0)
    {
      partial = (float *)pmod_cuda_workspace (self, (size_t)(n_spans * d) * sizeof (float));
      if (!partial)
        return;
    }
  if ((dx || dw) && d > 0)
    {
      PMOD_LAUNCH (router_logits_backward_kernel, grid, BLOCK, 0, self->stream,
                   dx ? (float *)dx->data : NULL, partial, from, (const float *)x->data,
                   (const float *)w->data, (const int32_t *)targets->data, x->shape[0], n, d);
      pmod_cuda_check_launch (self, "router_logits_backward");
    }
  if (partial)
    {
      PMOD_LAUNCH (router_join_spans_kernel, grid.x, BLOCK, 0, self->stream, (float *)dw->data,
                   partial, n_spans, d);
      pmod_cuda_check_launch (self, "router_logits_backward, joining spans");
    }
  if (db)
    {
      PMOD_LAUNCH (router_bias_backward_kernel, 1, WIDE_BLOCK, 0, self->stream, (float *)db->data,
                   from, n);
      pmod_cuda_check_launch (self, "router_logits_backward, bias");
    }
}

/* --- The scatter back ----------------------------------------------------------------------- */

/* The thread's part of dout . with; to = factor dout. copy = dout and clear = 0 where they are not
 * NULL. An element is read before it is written, by the same thread, so to and clear may be dout.
 */
template <int W>
__device__ static inline float
reweight_row (Group<float, W> *to,
              Group<float, W> *copy,
              Group<float, W> *clear,
              const Group<float, W> *dout,
              const Group<float, W> *with,
              float factor,
              int64_t n)
{
  float sum = 0;

  for (int64_t i = threadIdx.x; i < n; i += BLOCK)
    {
      Group<float, W> a = dout[i], b = with[i], c;

      for (int j = 0; j < W; j++)
        {
          sum = fmaf (a.item[j], b.item[j], sum);
          b.item[j] = factor * a.item[j];
          c.item[j] = 0;
        }
      if (clear)
        clear[i] = c;
      if (copy)
        copy[i] = a;
      to[i] = b;
    }
  return sum;
}

/* One block a token, so one branch a block. */
template <int W>
__global__ void
reweight_scatter_backward_kernel (float *dx,
                                  float *__restrict__ dh,
                                  float *dm,
                                  float *__restrict__ drow_weight,
                                  const float *dout,
                                  const float *x,
                                  const float *m,
                                  const int32_t *__restrict__ slot,
                                  const float *__restrict__ row_weight,
                                  int64_t n_rows,
                                  int64_t d)
{
  __shared__ float scratch[WARP];
  const int64_t at = (int64_t)blockIdx.x * d, place = slot[blockIdx.x];
  const float factor = place < n_rows ? row_weight[blockIdx.x] : NAN;
  const Group<float, W> *from = (const Group<float, W> *)(dout + at);
  Group<float, W> *to = (Group<float, W> *)(dx + at);
  float sum;

  if (place >= 0 && place < n_rows)
    sum = reweight_row<W> ((Group<float, W> *)(dm + place * d), (Group<float, W> *)(dh + place * d),
                           to, from, (const Group<float, W> *)(m + place * d), factor, d / W);
  else
    sum = reweight_row<W> (to, NULL, NULL, from, (const Group<float, W> *)(x + at), factor, d / W);
  sum = block_sum (sum, scratch);
  if (threadIdx.x == 0)
    drow_weight[blockIdx.x] = place < n_rows ? sum : NAN;
}

void
pmod_cuda_reweight_scatter_backward (PmodBackend *backend,
                                     PmodTensor *dx,
                                     PmodTensor *dh,
                                     PmodTensor *dm,
                                     PmodTensor *drow_weight,
                                     const PmodTensor *dout,
                                     const PmodTensor *x,
                                     const PmodTensor *m,
                                     const PmodTensor *slot,
                                     const PmodTensor *row_weight)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_tokens = x->shape[0], d = x->shape[1];
  bool fours = pmod_cuda_in_quads (dx, d) && pmod_cuda_in_quads (dh, d) &&
               pmod_cuda_in_quads (dm, d) && pmod_cuda_in_quads (dout, d) &&
               pmod_cuda_in_quads (x, d) && pmod_cuda_in_quads (m, d);
  auto *kernel = fours ? reweight_scatter_backward_kernel<4> : reweight_scatter_backward_kernel<1>;

  if (n_tokens == 0)
    return;
  PMOD_LAUNCH (kernel, (unsigned)n_tokens, BLOCK, 0, self->stream, (float *)dx->data,
               (float *)dh->data, (float *)dm->data, (float *)drow_weight->data,
               (const float *)dout->data, (const float *)x->data, (const float *)m->data,
               (const int32_t *)slot->data, (const float *)row_weight->data, m->shape[0], d);
  pmod_cuda_check_launch (self, "reweight_scatter_backward");
}
