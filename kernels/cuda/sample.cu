/* What a sampler needs of the logits, so that they stay on the device: the likeliest in order, and
 * the sums that make probabilities of all. One block: V logits are read three times, from L2 after
 * the first; bound by latency, some 10 us of a token that takes thousands. */
#include "cuda-private.h"

/* In F64 as the twin, so that the order of sums tells in F32 hardly ever. */
__device__ static inline float
exp_sum (const float *logits, int64_t n, float max, float temperature, double *scratch)
{
  double sum = 0;

  for (int64_t i = threadIdx.x; i < n; i += WIDE_BLOCK)
    sum += expf ((logits[i] - max) / temperature);
  return (float)tree_sum (sum, scratch);
}

/* Threads 0 .. n - 1 put one candidate each where as many go before it. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) pick_kernel (int32_t *__restrict__ ids,
                                            float *__restrict__ values,
                                            float *__restrict__ sums,
                                            const float *__restrict__ logits,
                                            const uint8_t *__restrict__ kept,
                                            const float *__restrict__ temperature,
                                            int64_t n_logits,
                                            int n)
{
  __shared__ double sum_scratch[WIDE_BLOCK];
  __shared__ float max_scratch[WARP], candidates[PMOD_MAX_PICKED];
  __shared__ int scan_scratch[WARP], candidate_ids[PMOD_MAX_PICKED];
  float max = -INFINITY, sum, warm_sum;
  int carry = 0, total, n_bad = 0;

  for (int64_t first = 0; first < n_logits; first += WIDE_BLOCK)
    {
      int64_t i = first + threadIdx.x;
      bool is_kept = i < n_logits && kept[i];
      int place = carry + wide_block_scan (is_kept, scan_scratch, &total);

      /* Were more kept than n, they would not fit. */
      if (is_kept && place < n)
        {
          candidates[place] = logits[i];
          candidate_ids[place] = (int)i;
        }
      carry += total;
      if (i < n_logits)
        {
          max = fmaxf (max, logits[i]);
          n_bad += !(fabsf (logits[i]) < INFINITY);
        }
    }
  /* Ends with a barrier: the candidates are there. */
  max = block_max (max, max_scratch);
  n_bad = (int)tree_sum ((double)n_bad, sum_scratch);
  sum = exp_sum (logits, n_logits, max, 1, sum_scratch);
  warm_sum = exp_sum (logits, n_logits, max, *temperature, sum_scratch);
  if (threadIdx.x == 0)
    {
      sums[0] = sum;
      sums[1] = warm_sum;
      sums[2] = (float)n_bad;
    }
  if ((int)threadIdx.x < n)
    {
      float own = candidates[threadIdx.x];
      int rank = 0;

      /* They are in the order of their ids. */
      for (int i = 0; i < n; i++)
        rank += candidates[i] > own || (candidates[i] == own && i < (int)threadIdx.x);
      ids[rank] = candidate_ids[threadIdx.x];
      values[rank] = own;
    }
}

void
pmod_cuda_pick (PmodBackend *backend,
                PmodTensor *ids,
                PmodTensor *values,
                PmodTensor *sums,
                const PmodTensor *logits,
                const PmodTensor *kept,
                const PmodTensor *temperature)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  PMOD_LAUNCH (pick_kernel, 1, WIDE_BLOCK, 0, self->stream, (int32_t *)ids->data,
               (float *)values->data, (float *)sums->data, (const float *)logits->data,
               (const uint8_t *)kept->data, (const float *)temperature->data, logits->shape[0],
               (int)ids->shape[0]);
  pmod_cuda_check_launch (self, "pick");
}
