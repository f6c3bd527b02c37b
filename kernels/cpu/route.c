/* Mixture-of-Depths routing: scores, their weights, the choice, and the scatter back.
 *
 * Scores and the scatter read T*D*4 bytes each; the rest works on V numbers and is scalar, with
 * libm's tanh and exp, so that weights are the same at every level. */
#include "simd.h"

static bool
check_targets (PmodBackend *backend, const char *op, const PmodTensor *targets, int64_t n_tokens)
{
  const int32_t *target = targets->data;

  for (int64_t i = 0; i < targets->shape[0]; i++)
    if (target[i] < 0 || target[i] >= n_tokens)
      {
        pmod_backend_fail (backend, "%s: target %lld is token %d of %lld", op, (long long)i,
                           target[i], (long long)n_tokens);
        return false;
      }
  return true;
}

void
LEVEL (pmod_cpu_router_logits) (PmodBackend *backend,
                                PmodTensor *logit,
                                const PmodTensor *x,
                                const PmodTensor *w,
                                const PmodTensor *b,
                                const PmodTensor *targets)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_targets = targets->shape[0], n = x->shape[1];
  const int32_t *target = targets->data;
  float bias = b ? *(const float *)b->data : 0, *to = logit->data;
  bool parallel = n_targets * n > PARALLEL_MIN / 4;

  if (!check_targets (backend, "router_logits", targets, x->shape[0]))
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t v = 0; v < n_targets; v++)
    {
      const float *row = (const float *)x->data + target[v] * n;
      vf sum = vf_set (0);

      for (int64_t i = 0; i < n; i += VW)
        sum +=
            vf_get_until (row, PMOD_DTYPE_F32, i, n) * vf_get_until (w->data, PMOD_DTYPE_F32, i, n);
      to[v] = vf_sum (sum) + bias;
    }
}

void
LEVEL (pmod_cpu_target_norms) (PmodBackend *backend,
                               PmodTensor *norm,
                               const PmodTensor *x,
                               const PmodTensor *targets)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_targets = targets->shape[0], n = x->shape[1];
  const int32_t *target = targets->data;
  bool parallel = n_targets * n > PARALLEL_MIN / 4;
  float *to = norm->data;

  if (!check_targets (backend, "target_norms", targets, x->shape[0]))
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t v = 0; v < n_targets; v++)
    {
      const float *row = (const float *)x->data + target[v] * n;
      vf sum = vf_set (0);

      for (int64_t i = 0; i < n; i += VW)
        {
          vf value = vf_get_until (row, PMOD_DTYPE_F32, i, n);

          sum += value * value;
        }
      to[v] = sqrtf (vf_sum (sum));
    }
}

/* softmax over all n, the sum in F64 because n may be thousands. */
static void
softmax (float *to, const float *z, int64_t n)
{
  float max = -INFINITY;
  double sum = 0;

  for (int64_t i = 0; i < n; i++)
    max = z[i] > max ? z[i] : max;
  for (int64_t i = 0; i < n; i++)
    sum += to[i] = expf (z[i] - max);
  for (int64_t i = 0; i < n; i++)
    to[i] = (float)(to[i] / sum);
}

void
LEVEL (pmod_cpu_router_weights) (PmodBackend *backend,
                                 PmodTensor *weight,
                                 const PmodTensor *logit,
                                 const PmodWeightNorm *norm)
{
  int64_t n = logit->shape[0];
  const float *z = logit->data;
  float *w = weight->data;

  if (norm->function == PMOD_WEIGHT_SOFTMAX)
    softmax (w, z, n);
  for (int64_t i = 0; i < n; i++)
    {
      float value = norm->function == PMOD_WEIGHT_SOFTMAX ? w[i] : z[i];

      if (norm->function == PMOD_WEIGHT_TANH)
        value = tanhf (value);
      else if (norm->function == PMOD_WEIGHT_SIGMOID)
        value = 1 / (1 + expf (-value));
      w[i] = norm->scale * value + norm->bias;
    }
}

/* --- The choice --------------------------------------------------------------------------- */

/* A candidate: rank grows from the best to the worst. */
typedef struct
{
  uint64_t rank;
  int64_t idx;
} Candidate;

/* Larger numbers first; equal numbers (also -0 and 0) the same; NaN after everything. */
static uint32_t
rank_of (float value)
{
  uint32_t bits;

  if (value != value)
    return UINT32_MAX;
  value += 0.0f; /* -0 becomes 0 */
  memcpy (&bits, &value, 4);
  return bits & 0x80000000u ? bits : 0x7fffffffu - bits;
}

/* Merges two sorted neighbours; on equal ranks the left one, whose indices are lower, goes
 * first. */
static void
merge (Candidate *to, const Candidate *from, int64_t begin, int64_t middle, int64_t end)
{
  int64_t left = begin, right = middle;

  for (int64_t i = begin; i < end; i++)
    if (left < middle && (right == end || from[left].rank <= from[right].rank))
      to[i] = from[left++];
    else
      to[i] = from[right++];
}

void
LEVEL (pmod_cpu_top_k) (PmodBackend *backend,
                        PmodTensor *kept,
                        const PmodTensor *weight,
                        const PmodTensor *logit,
                        int64_t k)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = weight->shape[0];
  const float *w = weight->data, *z = logit->data;
  uint8_t *to = kept->data;
  size_t stride;
  Candidate *from, *other;

  from = (Candidate *)(void *)pmod_cpu_scratch (self, 2 * (size_t)n * sizeof (Candidate), &stride);
  if (!from)
    return;
  other = from + n;
  for (int64_t i = 0; i < n; i++)
    from[i] = (Candidate){ (uint64_t)rank_of (w[i]) << 32 | rank_of (z[i]), i };
  for (int64_t run = 1; run < n; run *= 2)
    {
      Candidate *sorted = other;

      for (int64_t begin = 0; begin < n; begin += 2 * run)
        merge (sorted, from, begin, min_i64 (begin + run, n), min_i64 (begin + 2 * run, n));
      other = from;
      from = sorted;
    }
  if (n > 0)
    memset (to, 0, (size_t)n);
  for (int64_t i = 0; i < k; i++)
    to[from[i].idx] = 1;
}

void
LEVEL (pmod_cpu_route_plan) (PmodBackend *backend,
                             PmodTensor *rows,
                             PmodTensor *slot,
                             PmodTensor *row_weight,
                             const PmodTensor *kept,
                             const PmodTensor *weight,
                             const PmodTensor *targets)
{
  int64_t n_targets = targets->shape[0], n_tokens = slot->shape[0], n_kept = 0, next = 0, n = 0;
  const int32_t *target = targets->data;
  const uint8_t *is_kept = kept->data;
  int32_t *row = rows->data, *place = slot->data;
  float *scale = row_weight->data;

  if (!check_targets (backend, "route_plan", targets, n_tokens))
    return;
  for (int64_t i = 0; i < n_targets; i++)
    {
      n_kept += is_kept[i] != 0;
      if (i > 0 && target[i] <= target[i - 1])
        {
          pmod_backend_fail (backend, "route_plan: targets are not ascending");
          return;
        }
    }
  if (rows->shape[0] != n_tokens - n_targets + n_kept)
    {
      pmod_backend_fail (backend, "route_plan: rows: expected %lld, got %lld",
                         (long long)(n_tokens - n_targets + n_kept), (long long)rows->shape[0]);
      return;
    }
  for (int64_t t = 0; t < n_tokens; t++)
    {
      bool is_target = next < n_targets && target[next] == t;

      scale[t] = is_target ? ((const float *)weight->data)[next] : 1;
      place[t] = !is_target || is_kept[next] ? (int32_t)n : -1;
      if (place[t] >= 0)
        row[n++] = (int32_t)t;
      next += is_target;
    }
}

void
LEVEL (pmod_cpu_reweight_scatter) (PmodBackend *backend,
                                   PmodTensor *x,
                                   const PmodTensor *h,
                                   const PmodTensor *m,
                                   const PmodTensor *slot,
                                   const PmodTensor *row_weight)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_tokens = x->shape[0], n = x->shape[1];
  const int32_t *place = slot->data;
  const float *scale = row_weight->data;
  bool parallel = n_tokens * n > PARALLEL_MIN / 4;

  for (int64_t t = 0; t < n_tokens; t++)
    if (place[t] >= h->shape[0])
      {
        pmod_backend_fail (backend, "reweight_scatter: token %lld has row %d of %lld", (long long)t,
                           place[t], (long long)h->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_tokens; t++)
    {
      float *row = (float *)x->data + t * n;
      vf factor = vf_set (scale[t]);

      for (int64_t i = 0; i < n; i += VW)
        {
          vf value;

          if (place[t] >= 0)
            value =
                vf_get_until (h->data, PMOD_DTYPE_F32, place[t] * n + i, place[t] * n + n) +
                factor * vf_get_until (m->data, PMOD_DTYPE_F32, place[t] * n + i, place[t] * n + n);
          else
            value = factor * vf_get_until (row, PMOD_DTYPE_F32, i, n);
          vf_put_until (row, PMOD_DTYPE_F32, i, n, value);
        }
    }
}
