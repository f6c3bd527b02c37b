/* Cross-entropy with its gradient. Bytes: R*N*4 read three times from cache, written once. */
#include "train.h"

/* The largest of a row and where it stands first; NaN is never larger. */
static int64_t
find_max (const float *row, int64_t n, float *max)
{
  int64_t idx = 0;
  vf best = vf_set (-INFINITY);

  for (int64_t i = 0; i + VW <= n; i += VW)
    best = vf_max (get (row, i, n), best);
  *max = vf_max_lane (best);
  for (int64_t i = n / VW * VW; i < n; i++)
    *max = row[i] > *max ? row[i] : *max;
  while (idx < n - 1 && row[idx] != *max)
    idx++;
  return idx;
}

static float
sum_exp (const float *row, int64_t n, float max)
{
  vf sum = vf_set (0);

  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = vf_exp (get (row, i, n) - vf_set (max));

      if (n - i < VW)
        value = vf_select (vi_lanes () < (int32_t)(n - i), value, vf_set (0));
      sum += value;
    }
  return vf_sum (sum);
}

/* d = scale * (softmax - one-hot); d may be row. */
static void
row_gradient (
    float *d, const float *row, int64_t n, int32_t label, float max, float sum, float scale)
{
  float factor = scale / sum;

  for (int64_t i = 0; i < n; i += VW)
    put (d, i, n, vf_set (factor) * vf_exp (get (row, i, n) - vf_set (max)));
  d[label] -= scale;
}

static bool
check_labels (
    PmodBackend *backend, const int32_t *label, int64_t n_rows, int64_t n, int64_t *n_counted)
{
  *n_counted = 0;
  for (int64_t r = 0; r < n_rows; r++)
    {
      if (label[r] != PMOD_LABEL_IGNORED && (label[r] < 0 || label[r] >= n))
        {
          pmod_backend_fail (backend, "cross_entropy: row %lld has label %d of %lld", (long long)r,
                             label[r], (long long)n);
          return false;
        }
      *n_counted += label[r] >= 0;
    }
  return true;
}

/* Sums in the order of the rows, in F64. */
static void
summarize (float *summary,
           const float *row_loss,
           const int32_t *best,
           const int32_t *label,
           const float *row_scale,
           int64_t n_rows,
           int64_t n_counted)
{
  double loss = 0;
  int64_t n_right = 0;

  for (int64_t r = 0; r < n_rows; r++)
    if (label[r] >= 0)
      {
        loss += row_scale ? (double)row_scale[r] * row_loss[r] : row_loss[r];
        n_right += best[r] == label[r];
      }
  if (!row_scale && n_counted > 0)
    loss /= (double)n_counted;
  summary[0] = (float)loss;
  summary[1] = (float)n_counted;
  summary[2] = (float)n_right;
}

void
LEVEL (pmod_cpu_cross_entropy) (PmodBackend *backend,
                                PmodTensor *summary,
                                PmodTensor *row_loss,
                                PmodTensor *argmax,
                                PmodTensor *dlogits,
                                const PmodTensor *logits,
                                const PmodTensor *labels,
                                const PmodTensor *row_scale)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = logits->shape[0], n = logits->shape[1], n_counted;
  const int32_t *label = labels->data;
  const float *scales = row_scale ? row_scale->data : NULL;
  float *loss = row_loss->data;
  int32_t *best = argmax->data;
  bool parallel = n_rows * n > PARALLEL_MIN / 16;

  if (!check_labels (backend, label, n_rows, n, &n_counted))
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t r = 0; r < n_rows; r++)
    {
      const float *row = (const float *)logits->data + r * n;
      float *d = dlogits ? (float *)dlogits->data + r * n : NULL;
      float max, sum;

      best[r] = (int32_t)find_max (row, n, &max);
      loss[r] = 0;
      if (label[r] < 0)
        {
          if (d)
            memset (d, 0, (size_t)n * 4);
          continue;
        }
      sum = sum_exp (row, n, max);
      loss[r] = (float)(log (sum) + ((double)max - row[label[r]]));
      if (d)
        row_gradient (d, row, n, label[r], max, sum, scales ? scales[r] : 1 / (float)n_counted);
    }
  summarize (summary->data, loss, best, label, scales, n_rows, n_counted);
}
