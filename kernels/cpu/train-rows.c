/* Gradients of what moves rows: heads, patches, tables, and the layers that route. All bound by
 * memory. Where several rows go to one, threads share columns, never rows, and add in the order
 * of the rows. */
#include "train.h"

/* --- Heads -------------------------------------------------------------------------------- */

/* One head turned back: the transpose of a rotation is the rotation by the negative angle. */
static void
gather_head (float *to, const float *from, const float *cos_sin, int64_t n)
{
  int64_t half = n / 2;

  for (int64_t i = 0; !cos_sin && i < n; i += VW)
    put (to, i, n, get (from, i, n));
  for (int64_t i = 0; cos_sin && i < half; i += VW)
    {
      vf low = get (from, i, half), high = get (from, half + i, n);
      vf cosine = get (cos_sin, i, half), sine = get (cos_sin, half + i, n);

      put (to, i, half, low * cosine + high * sine);
      put (to, half + i, n, high * cosine - low * sine);
    }
}

void
LEVEL (pmod_cpu_split_qkv_backward) (PmodBackend *backend,
                                     PmodTensor *dqkv,
                                     const PmodTensor *dq,
                                     const PmodTensor *dk,
                                     const PmodTensor *dv,
                                     const PmodTensor *cos_sin,
                                     const PmodTensor *rows,
                                     int64_t pos0,
                                     int64_t kv_offset)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = dqkv->shape[0], n_heads = dq->shape[1], n = dq->shape[2];
  int64_t n_kv_heads = dk->shape[0], capacity = dk->shape[1];
  const int32_t *row_pos = rows ? rows->data : NULL;
  bool parallel = n_rows * dqkv->shape[1] > PARALLEL_MIN / 4;

  for (int64_t t = 0; cos_sin && rows && t < n_rows; t++)
    if (row_pos[t] < -pos0 || row_pos[t] >= cos_sin->shape[0] - pos0)
      {
        pmod_backend_fail (
            backend, "split_qkv_backward: row %lld has position %lld; there are %lld angles",
            (long long)t, (long long)(pos0 + row_pos[t]), (long long)cos_sin->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_rows; t++)
    {
      float *to = (float *)dqkv->data + t * dqkv->shape[1];
      const float *angles = NULL;

      if (cos_sin)
        angles = (const float *)cos_sin->data + (pos0 + (row_pos ? row_pos[t] : t)) * n;
      for (int64_t head = 0; head < n_heads; head++, to += n)
        gather_head (to, (const float *)dq->data + (t * n_heads + head) * n, angles, n);
      for (int64_t head = 0; head < 2 * n_kv_heads; head++, to += n)
        {
          bool is_key = head < n_kv_heads;
          int64_t row = (is_key ? head : head - n_kv_heads) * capacity + kv_offset + t;

          gather_head (to, (const float *)(is_key ? dk : dv)->data + row * n,
                       is_key ? angles : NULL, n);
        }
    }
}

/* --- Patches and tables ------------------------------------------------------------------- */

void
LEVEL (pmod_cpu_embed_patches_backward) (PmodBackend *backend,
                                         PmodTensor *dpatches,
                                         PmodTensor *dcls,
                                         PmodTensor *dposition,
                                         const PmodTensor *dx)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_positions = dposition ? dposition->shape[0] : 0, n = dx->shape[1];
  int64_t n_patches = dpatches ? dpatches->shape[0] : 0;
  int64_t n_tiles = dposition ? dx->shape[0] / n_positions : dx->shape[0] - n_patches;
  int64_t n_rows = n_tiles > 0 ? dx->shape[0] / n_tiles : 0;
  const float *from = dx->data;
  bool parallel = dx->shape[0] * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t row = 0; row < n_rows; row++)
    for (int64_t tile = 0; tile < n_tiles; tile++)
      for (int64_t i = 0; i < n; i += VW)
        {
          int64_t at = (tile * n_rows + row) * n;
          vf value = get (from, at + i, at + n);

          if (dposition)
            add ((float *)dposition->data + row * n, i, n, value);
          if (dcls && row == 0)
            add (dcls->data, i, n, value);
          if (dpatches && row > 0)
            put ((float *)dpatches->data + (tile * (n_rows - 1) + row - 1) * n, i, n, value);
        }
}

/* Columns of one item: threads share a table's columns because rows may repeat. */
static int64_t
span_width (int64_t n, int n_threads)
{
  return round_up ((n + n_threads - 1) / n_threads, 16);
}

void
LEVEL (pmod_cpu_gather_rows_backward) (PmodBackend *backend,
                                       PmodTensor *dtable,
                                       const PmodTensor *dy,
                                       const PmodTensor *idx)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = dy->shape[0], n = dy->shape[1], width = span_width (n, self->n_threads);
  const int32_t *to = idx->data;
  bool parallel = n_rows * n > PARALLEL_MIN / 4;

  for (int64_t t = 0; t < n_rows; t++)
    if (to[t] >= dtable->shape[0])
      {
        pmod_backend_fail (backend,
                           "gather_rows_backward: row %lld belongs to %d of a table of %lld",
                           (long long)t, to[t], (long long)dtable->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t first = 0; first < n; first += width)
    {
      int64_t end = min_i64 (n, first + width);

      for (int64_t t = 0; t < n_rows; t++)
        for (int64_t i = first; to[t] >= 0 && i < end; i += VW)
          add ((float *)dtable->data + to[t] * n, i, end, get (dy->data, t * n + i, t * n + end));
    }
}

void
LEVEL (pmod_cpu_divide_rows) (PmodBackend *backend, PmodTensor *x, const PmodTensor *by)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = x->shape[0], n = x->shape[1];
  const int32_t *divisor = by->data;
  bool parallel = n_rows * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_rows; t++)
    for (int64_t i = 0; i < n; i++)
      ((float *)x->data)[t * n + i] /= (float)divisor[t];
}

/* --- Routing ------------------------------------------------------------------------------ */

/* w = scale f (z) + bias; for a softmax p: dz = scale p (dw - sum p dw). */
static void
softmax_backward (float *to, const float *d, const float *z, int64_t n, float scale)
{
  float max = -INFINITY;
  double sum = 0, product = 0;

  for (int64_t i = 0; i < n; i++)
    max = z[i] > max ? z[i] : max;
  for (int64_t i = 0; i < n; i++)
    {
      double value = exp ((double)z[i] - max);

      sum += value;
      product += value * d[i];
    }
  for (int64_t i = 0; i < n; i++)
    to[i] = (float)(scale * exp ((double)z[i] - max) / sum * (d[i] - product / sum));
}

void
LEVEL (pmod_cpu_router_weights_backward) (PmodBackend *backend,
                                          PmodTensor *dlogit,
                                          const PmodTensor *dweight,
                                          const PmodTensor *logit,
                                          const PmodWeightNorm *norm)
{
  int64_t n = logit->shape[0];
  const float *z = logit->data, *d = dweight->data;
  float *to = dlogit->data;

  if (norm->function == PMOD_WEIGHT_SOFTMAX)
    {
      softmax_backward (to, d, z, n, norm->scale);
      return;
    }
  for (int64_t i = 0; i < n; i++)
    {
      float slope = 1, value;

      if (norm->function == PMOD_WEIGHT_TANH)
        {
          value = tanhf (z[i]);
          slope = (1 - value) * (1 + value);
        }
      else if (norm->function == PMOD_WEIGHT_SIGMOID)
        {
          value = 1 / (1 + expf (-z[i]));
          slope = value * (1 - value);
        }
      to[i] = norm->scale * slope * d[i];
    }
}

static bool
check_targets (PmodBackend *backend, const int32_t *target, int64_t n, int64_t n_tokens)
{
  for (int64_t i = 0; i < n; i++)
    if (target[i] < 0 || target[i] >= n_tokens || (i > 0 && target[i] <= target[i - 1]))
      {
        pmod_backend_fail (backend,
                           "router_logits_backward: target %lld is token %d of %lld, or does not "
                           "ascend",
                           (long long)i, target[i], (long long)n_tokens);
        return false;
      }
  return true;
}

void
LEVEL (pmod_cpu_router_logits_backward) (PmodBackend *backend,
                                         PmodTensor *dx,
                                         PmodTensor *dw,
                                         PmodTensor *db,
                                         const PmodTensor *dlogit,
                                         const PmodTensor *x,
                                         const PmodTensor *w,
                                         const PmodTensor *targets)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_targets = targets->shape[0], n = x->shape[1];
  int64_t width = span_width (n, self->n_threads);
  const int32_t *target = targets->data;
  const float *d = dlogit->data;
  double sum = 0;
  bool parallel = n_targets * n > PARALLEL_MIN / 4;

  if (!check_targets (backend, target, n_targets, x->shape[0]))
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t first = 0; first < n; first += width)
    {
      int64_t end = min_i64 (n, first + width);

      for (int64_t v = 0; v < n_targets; v++)
        for (int64_t i = first; i < end; i += VW)
          {
            int64_t at = target[v] * n;

            if (dw)
              add (dw->data, i, end, vf_set (d[v]) * get (x->data, at + i, at + end));
            if (dx)
              add ((float *)dx->data + at, i, end, vf_set (d[v]) * get (w->data, i, end));
          }
    }
  for (int64_t v = 0; v < n_targets; v++)
    sum += d[v];
  if (db)
    *(float *)db->data += (float)sum;
}

/* to = weight * dout; returns dout . with. */
static float
reweight_row (float *to, const float *dout, const float *with, float weight, int64_t n)
{
  vf sum = vf_set (0);

  for (int64_t i = 0; i < n; i += VW)
    {
      vf value = get (dout, i, n);

      sum += value * get (with, i, n);
      put (to, i, n, vf_set (weight) * value);
    }
  return vf_sum (sum);
}

void
LEVEL (pmod_cpu_reweight_scatter_backward) (PmodBackend *backend,
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
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_tokens = x->shape[0], n = x->shape[1];
  const int32_t *place = slot->data;
  const float *scale = row_weight->data;
  float *to_weight = drow_weight->data;
  bool parallel = n_tokens * n > PARALLEL_MIN / 4;

  for (int64_t t = 0; t < n_tokens; t++)
    if (place[t] >= m->shape[0])
      {
        pmod_backend_fail (backend, "reweight_scatter_backward: token %lld has row %d of %lld",
                           (long long)t, place[t], (long long)m->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_tokens; t++)
    {
      const float *d = (const float *)dout->data + t * n;
      float *to = (float *)dx->data + t * n;
      int64_t at = place[t] * n;

      if (place[t] < 0)
        {
          to_weight[t] = reweight_row (to, d, (const float *)x->data + t * n, scale[t], n);
          continue;
        }
      to_weight[t] =
          reweight_row ((float *)dm->data + at, d, (const float *)m->data + at, scale[t], n);
      memcpy ((float *)dh->data + at, d, (size_t)n * 4);
      memset (to, 0, (size_t)n * 4);
    }
}
