/* Mixture-of-Depths routing from the scores to the scatter back, without the host: how many rows a
 * layer keeps follows from the shapes, and which ones stays on the device.
 *
 *                      read                      written    FLOPs   blocks
 *   router_logits      4 V D                     4 V        2 V D   one a target
 *   router_weights     4 V                       4 V        few     V / 256; softmax 1
 *   top_k              8 V, up to 7 times        V          none    1
 *   route_plan         9 V + 4 T                 12 T + 4 R none    1
 *   reweight_scatter   8 R D + 4 (T - R) D       4 T D      2 T D   one a token
 *
 * The ops of one block are bound by latency, not by bytes: what they read again is in its L1. The
 * CPU twin fails on a target or a slot out of range. A device cannot without the host waiting for
 * it, so here nothing outside a tensor is touched, and the result is NaN where it is a float. */
#include "cuda-private.h"

#include <string.h>

/* Eight warps: a row of 4096 is four loads of 16 bytes a thread, all in flight together. */
#define BLOCK 256

/* --- Scores --------------------------------------------------------------------------------- */

template <int W>
__global__ void
router_logits_kernel (float *__restrict__ logit,
                      const float *__restrict__ x,
                      const float *__restrict__ w,
                      const float *__restrict__ b,
                      const int32_t *__restrict__ targets,
                      int64_t n_tokens,
                      int64_t d)
{
  __shared__ float scratch[WARP];
  int64_t target = targets[blockIdx.x];
  bool there = target >= 0 && target < n_tokens;
  const Group<float, W> *row = (const Group<float, W> *)(x + (there ? target : 0) * d);
  const Group<float, W> *weight = (const Group<float, W> *)w;
  float sum = 0;

  for (int64_t i = threadIdx.x; there && i < d / W; i += BLOCK)
    {
      Group<float, W> a = row[i], c = weight[i];

      for (int j = 0; j < W; j++)
        sum = fmaf (a.item[j], c.item[j], sum);
    }
  sum = block_sum (sum, scratch);
  if (threadIdx.x == 0)
    logit[blockIdx.x] = there ? sum + (b ? b[0] : 0) : NAN;
}

void
pmod_cuda_router_logits (PmodBackend *backend,
                         PmodTensor *logit,
                         const PmodTensor *x,
                         const PmodTensor *w,
                         const PmodTensor *b,
                         const PmodTensor *targets)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_targets = (unsigned)targets->shape[0];
  int64_t n_tokens = x->shape[0], d = x->shape[1];
  const float *from = (const float *)x->data, *weight = (const float *)w->data;
  const float *bias = b ? (const float *)b->data : NULL;
  const int32_t *target = (const int32_t *)targets->data;
  float *to = (float *)logit->data;

  if (n_targets == 0)
    return;
  if (pmod_cuda_in_quads (x, d) && pmod_cuda_in_quads (w, d))
    PMOD_LAUNCH (router_logits_kernel<4>, n_targets, BLOCK, 0, self->stream, to, from, weight, bias,
                 target, n_tokens, d);
  else
    PMOD_LAUNCH (router_logits_kernel<1>, n_targets, BLOCK, 0, self->stream, to, from, weight, bias,
                 target, n_tokens, d);
  pmod_cuda_check_launch (self, "router_logits");
}

template <int W>
__global__ void
target_norms_kernel (float *__restrict__ norm,
                     const float *__restrict__ x,
                     const int32_t *__restrict__ targets,
                     int64_t n_tokens,
                     int64_t d)
{
  __shared__ float scratch[WARP];
  int64_t target = targets[blockIdx.x];
  bool there = target >= 0 && target < n_tokens;
  const Group<float, W> *row = (const Group<float, W> *)(x + (there ? target : 0) * d);
  float sum = 0;

  for (int64_t i = threadIdx.x; there && i < d / W; i += BLOCK)
    {
      Group<float, W> a = row[i];

      for (int j = 0; j < W; j++)
        sum = fmaf (a.item[j], a.item[j], sum);
    }
  sum = block_sum (sum, scratch);
  if (threadIdx.x == 0)
    norm[blockIdx.x] = there ? sqrtf (sum) : NAN;
}

void
pmod_cuda_target_norms (PmodBackend *backend,
                        PmodTensor *norm,
                        const PmodTensor *x,
                        const PmodTensor *targets)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_targets = (unsigned)targets->shape[0];
  int64_t n_tokens = x->shape[0], d = x->shape[1];
  const int32_t *target = (const int32_t *)targets->data;
  const float *from = (const float *)x->data;
  float *to = (float *)norm->data;

  if (n_targets == 0)
    return;
  if (pmod_cuda_in_quads (x, d))
    PMOD_LAUNCH (target_norms_kernel<4>, n_targets, BLOCK, 0, self->stream, to, from, target,
                 n_tokens, d);
  else
    PMOD_LAUNCH (target_norms_kernel<1>, n_targets, BLOCK, 0, self->stream, to, from, target,
                 n_tokens, d);
  pmod_cuda_check_launch (self, "target_norms");
}

/* --- Weights -------------------------------------------------------------------------------- */

/* tanhf and expf are the device's: within 1 ulp (CUDA's table of errors), as the twin's are within
 * 1 or 2 of their own library. So a weight may differ from the twin's by some 2 ulp of f (z). Both
 * give exactly +-1 from |z| = 9.0109 on, where tanh rounds to 1. fmaf, so that the last step is
 * rounded once in every build. */
__global__ void
router_weights_kernel (float *weight, const float *logit, int64_t n, PmodWeightNorm norm)
{
  int64_t i = (int64_t)blockIdx.x * BLOCK + threadIdx.x;
  float value;

  if (i >= n)
    return;
  value = logit[i];
  if (norm.function == PMOD_WEIGHT_TANH)
    value = tanhf (value);
  else if (norm.function == PMOD_WEIGHT_SIGMOID)
    value = sigmoid (value);
  weight[i] = fmaf (norm.scale, value, norm.bias);
}

/* One block over all n. An element is read and written by one thread only, so weight may be logit.
 * The quotient is rounded in F32, the twin's in F64: 1 ulp, and no slow F64 divisions. */
__global__ void
__launch_bounds__ (WIDE_BLOCK)
    router_softmax_kernel (float *weight, const float *logit, int64_t n, PmodWeightNorm norm)
{
  __shared__ float max_scratch[WARP];
  __shared__ double sum_scratch[WIDE_BLOCK];
  float max = -INFINITY, divisor;
  double sum = 0;

  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    max = fmaxf (max, logit[i]);
  max = block_max (max, max_scratch);
  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    {
      float value = expf (logit[i] - max);

      weight[i] = value;
      sum += value;
    }
  divisor = (float)tree_sum (sum, sum_scratch);
  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    weight[i] = fmaf (norm.scale, weight[i] / divisor, norm.bias);
}

void
pmod_cuda_router_weights (PmodBackend *backend,
                          PmodTensor *weight,
                          const PmodTensor *logit,
                          const PmodWeightNorm *norm)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = logit->shape[0];
  const float *from = (const float *)logit->data;
  float *to = (float *)weight->data;

  if (n == 0)
    return;
  if (norm->function == PMOD_WEIGHT_SOFTMAX)
    PMOD_LAUNCH (router_softmax_kernel, 1, WIDE_BLOCK, 0, self->stream, to, from, n, *norm);
  else
    PMOD_LAUNCH (router_weights_kernel, (unsigned)((n + BLOCK - 1) / BLOCK), BLOCK, 0, self->stream,
                 to, from, n, *norm);
  pmod_cuda_check_launch (self, "router_weights");
}

/* --- The choice ----------------------------------------------------------------------------- */

/* Grows from the best to the worst, bit for bit the twin's: larger numbers first; equal numbers
 * (also -0 and 0) the same; NaN, of any sign, after everything. On the bits alone, so that no
 * compiler's flag for subnormal numbers changes it. */
__device__ static inline uint32_t
rank_of (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return UINT32_MAX;
  if (bits == 0x80000000u)
    bits = 0;
  return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

__device__ static inline uint64_t
rank_of_both (float weight, float logit)
{
  return (uint64_t)rank_of (weight) << 32 | rank_of (logit);
}

/* Eleven bits are six digits of a rank, and two bins a thread. Weights of tanh_0.2_1 lie within one
 * power of two, where the first digit tells little and two digits nearly all. */
#define DIGIT_BITS 11
#define N_BINS (1 << DIGIT_BITS)

/* Counts in bins, by their digit of `width` bits above bit `low`, the ranks whose higher digits are
 * cut. Where many are equal, as saturated weights are, their lanes add once together. */
__device__ static inline void
count_digits (
    int *bins, const float *weight, const float *logit, int64_t n, uint64_t cut, int low, int width)
{
  for (int64_t first = 0; first < n; first += WIDE_BLOCK)
    {
      int64_t i = first + threadIdx.x;
      uint64_t rank = i < n ? rank_of_both (weight[i], logit[i]) >> low : 0;
      bool counts = i < n && rank >> width == cut;
      int digit = (int)(rank & (((uint64_t)1 << width) - 1)), common, leader;
      unsigned lanes = __ballot_sync (FULL_WARP, counts), same;

      if (lanes == 0)
        continue;
      leader = __ffs ((int)lanes) - 1;
      common = __shfl_sync (FULL_WARP, digit, leader);
      same = __ballot_sync (FULL_WARP, counts && digit == common);
      if ((int)(threadIdx.x % WARP) == leader)
        atomicAdd (&bins[common], __popc (same));
      else if (counts && digit != common)
        atomicAdd (&bins[digit], 1);
    }
}

/* One block: finds the rank of the k-th, digit by digit from the highest, then keeps all of lower
 * rank, and of that rank the first. 0 <= k <= n < 2^31. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) top_k_kernel (uint8_t *__restrict__ kept,
                                             const float *__restrict__ weight,
                                             const float *__restrict__ logit,
                                             int64_t n,
                                             int k)
{
  static_assert (N_BINS == 2 * WIDE_BLOCK, "two bins a thread");
  __shared__ int bins[N_BINS], scratch[WARP];
  __shared__ int found_digit, found_need, found_count;
  int need = k;     /* how many of those at the cut are kept */
  uint64_t cut = 0; /* the k-th rank's digits above bit shift */
  /* There is no k-th of none: then no rank is below the cut, and none there is needed. */
  int shift = k > 0 ? 64 : 0, carry = 0, total;

  while (shift > 0)
    {
      int low = shift > DIGIT_BITS ? shift - DIGIT_BITS : 0, width = shift - low, before;

      bins[threadIdx.x] = bins[threadIdx.x + WIDE_BLOCK] = 0;
      /* All bins are empty before anybody counts. */
      __syncthreads ();
      count_digits (bins, weight, logit, n, cut, low, width);
      /* All have counted. */
      __syncthreads ();
      before = wide_block_scan (bins[2 * threadIdx.x] + bins[2 * threadIdx.x + 1], scratch, &total);
      for (int bin = 2 * (int)threadIdx.x; bin < 2 * (int)threadIdx.x + 2; bin++)
        {
          if (before < need && need <= before + bins[bin])
            found_digit = bin, found_need = need - before, found_count = bins[bin];
          before += bins[bin];
        }
      /* The one thread that found it has told, and nobody reads the bins any more. */
      __syncthreads ();
      cut = cut << width | (uint64_t)found_digit;
      need = found_need;
      shift = low;
      /* All with these digits are kept, whatever the lower ones: the usual end. */
      if (need == found_count)
        break;
    }

  for (int64_t first = 0; first < n; first += WIDE_BLOCK)
    {
      int64_t i = first + threadIdx.x;
      uint64_t rank = i < n ? rank_of_both (weight[i], logit[i]) >> shift : 0;
      bool at_cut = i < n && rank == cut;
      int place = carry + wide_block_scan (at_cut, scratch, &total);

      if (i < n)
        kept[i] = rank < cut || (at_cut && place < need);
      carry += total;
    }
}

void
pmod_cuda_top_k (PmodBackend *backend,
                 PmodTensor *kept,
                 const PmodTensor *weight,
                 const PmodTensor *logit,
                 int64_t k)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = weight->shape[0];

  if (n == 0)
    return;
  PMOD_LAUNCH (top_k_kernel, 1, WIDE_BLOCK, 0, self->stream, (uint8_t *)kept->data,
               (const float *)weight->data, (const float *)logit->data, n, (int)k);
  pmod_cuda_check_launch (self, "top_k");
}

/* --- The plan ------------------------------------------------------------------------------- */

/* What slot says of a token until its place is known. */
#define STAYS 0
#define SKIPPED (-1)

/* One block: marks each token, then counts those that stay, in chunks with a carry. The pointers
 * are not __restrict__: slot is read back. Were kept to disagree with n_rows, rows would end with
 * zeros, or the last tokens be skipped: wrong, but within bounds for all that follows. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) route_plan_kernel (int32_t *rows,
                                                  int32_t *slot,
                                                  float *row_weight,
                                                  const uint8_t *kept,
                                                  const float *weight,
                                                  const int32_t *targets,
                                                  int64_t n_rows,
                                                  int64_t n_tokens,
                                                  int64_t n_targets)
{
  __shared__ int scratch[WARP];
  int carry = 0, total;

  for (int64_t t = threadIdx.x; t < n_tokens; t += WIDE_BLOCK)
    {
      slot[t] = STAYS;
      row_weight[t] = 1;
    }
  /* A target's own thread writes after the one that cleared its token. */
  __syncthreads ();
  for (int64_t v = threadIdx.x; v < n_targets; v += WIDE_BLOCK)
    if (targets[v] >= 0 && targets[v] < n_tokens)
      {
        slot[targets[v]] = kept[v] ? STAYS : SKIPPED;
        row_weight[targets[v]] = weight[v];
      }
  /* All targets are marked, and the whole block sees it. */
  __syncthreads ();
  for (int64_t first = 0; first < n_tokens; first += WIDE_BLOCK)
    {
      int64_t t = first + threadIdx.x;
      bool stays = t < n_tokens && slot[t] == STAYS;
      int place = carry + wide_block_scan (stays, scratch, &total);

      stays = stays && place < n_rows;
      if (stays)
        rows[place] = (int32_t)t;
      if (t < n_tokens)
        slot[t] = stays ? place : SKIPPED;
      carry += total;
    }
  for (int64_t r = carry + (int64_t)threadIdx.x; r < n_rows; r += WIDE_BLOCK)
    rows[r] = 0;
}

void
pmod_cuda_route_plan (PmodBackend *backend,
                      PmodTensor *rows,
                      PmodTensor *slot,
                      PmodTensor *row_weight,
                      const PmodTensor *kept,
                      const PmodTensor *weight,
                      const PmodTensor *targets)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (slot->shape[0] == 0)
    return;
  PMOD_LAUNCH (route_plan_kernel, 1, WIDE_BLOCK, 0, self->stream, (int32_t *)rows->data,
               (int32_t *)slot->data, (float *)row_weight->data, (const uint8_t *)kept->data,
               (const float *)weight->data, (const int32_t *)targets->data, rows->shape[0],
               slot->shape[0], targets->shape[0]);
  pmod_cuda_check_launch (self, "route_plan");
}

/* --- The scatter back ----------------------------------------------------------------------- */

/* One block a token, so one branch a block; x is read only where the token was skipped. */
template <int W>
__global__ void
reweight_scatter_kernel (float *__restrict__ x,
                         const float *__restrict__ h,
                         const float *__restrict__ m,
                         const int32_t *__restrict__ slot,
                         const float *__restrict__ row_weight,
                         int64_t n_rows,
                         int64_t d)
{
  Group<float, W> *row = (Group<float, W> *)(x + (int64_t)blockIdx.x * d);
  int64_t place = slot[blockIdx.x];
  float factor = place < n_rows ? row_weight[blockIdx.x] : NAN;

  if (place >= 0 && place < n_rows)
    {
      const Group<float, W> *state = (const Group<float, W> *)(h + place * d);
      const Group<float, W> *output = (const Group<float, W> *)(m + place * d);

      for (int64_t i = threadIdx.x; i < d / W; i += BLOCK)
        {
          Group<float, W> a = state[i], b = output[i];

          for (int j = 0; j < W; j++)
            a.item[j] = fmaf (factor, b.item[j], a.item[j]);
          row[i] = a;
        }
    }
  else
    for (int64_t i = threadIdx.x; i < d / W; i += BLOCK)
      {
        Group<float, W> a = row[i];

        for (int j = 0; j < W; j++)
          a.item[j] *= factor;
        row[i] = a;
      }
}

void
pmod_cuda_reweight_scatter (PmodBackend *backend,
                            PmodTensor *x,
                            const PmodTensor *h,
                            const PmodTensor *m,
                            const PmodTensor *slot,
                            const PmodTensor *row_weight)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_tokens = (unsigned)x->shape[0];
  int64_t d = x->shape[1], n_rows = h->shape[0];
  const float *state = (const float *)h->data, *output = (const float *)m->data;
  const float *factor = (const float *)row_weight->data;
  const int32_t *place = (const int32_t *)slot->data;
  float *to = (float *)x->data;

  if (n_tokens == 0)
    return;
  if (pmod_cuda_in_quads (x, d) && pmod_cuda_in_quads (h, d) && pmod_cuda_in_quads (m, d))
    PMOD_LAUNCH (reweight_scatter_kernel<4>, n_tokens, BLOCK, 0, self->stream, to, state, output,
                 place, factor, n_rows, d);
  else
    PMOD_LAUNCH (reweight_scatter_kernel<1>, n_tokens, BLOCK, 0, self->stream, to, state, output,
                 place, factor, n_rows, d);
  pmod_cuda_check_launch (self, "reweight_scatter");
}
