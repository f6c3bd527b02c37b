/* What a sampler needs of the logits. The engine's own sampler reads them where they lie in the
 * host's memory; this twin is what the device's is held against. */
#include "simd.h"

typedef struct
{
  float value;
  int32_t id;
} Candidate;

/* Larger values first, equal ones by their ids; candidates come in the order of these. */
static void
insert (Candidate *sorted, int64_t n, Candidate candidate)
{
  int64_t at = n;

  for (; at > 0 && candidate.value > sorted[at - 1].value; at--)
    sorted[at] = sorted[at - 1];
  sorted[at] = candidate;
}

void
LEVEL (pmod_cpu_pick) (PmodBackend *backend,
                       PmodTensor *ids,
                       PmodTensor *values,
                       PmodTensor *sums,
                       const PmodTensor *logits,
                       const PmodTensor *kept,
                       const PmodTensor *temperature)
{
  const float *from = logits->data, t = *(const float *)temperature->data;
  const uint8_t *is_kept = kept->data;
  Candidate sorted[PMOD_MAX_PICKED];
  int64_t n = 0, n_bad = 0;
  double sum = 0, warm_sum = 0;
  float max = -INFINITY;

  (void)backend;
  for (int64_t i = 0; i < logits->shape[0]; i++)
    {
      if (is_kept[i] && n < ids->shape[0])
        insert (sorted, n++, (Candidate){ from[i], (int32_t)i });
      max = from[i] > max ? from[i] : max;
      n_bad += !isfinite (from[i]);
    }
  for (int64_t i = 0; i < logits->shape[0]; i++)
    {
      sum += expf (from[i] - max);
      warm_sum += expf ((from[i] - max) / t);
    }
  for (int64_t i = 0; i < n; i++)
    {
      ((int32_t *)ids->data)[i] = sorted[i].id;
      ((float *)values->data)[i] = sorted[i].value;
    }
  ((float *)sums->data)[0] = (float)sum;
  ((float *)sums->data)[1] = (float)warm_sum;
  ((float *)sums->data)[2] = (float)n_bad;
}
