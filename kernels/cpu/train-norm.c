/* Gradients of the norms. Bytes: T*D*4 read for dy and x twice, for dx once read and written. A
 * first pass over rows finds what each row has in common and its dx; a second over columns sums
 * the weights' gradients. */
#include "train.h"

/* Of one row: n = (x - centre) * scale. */
typedef struct
{
  float centre, scale;
} Row;

static Row
measure (const float *x, int64_t n, float eps, bool layer)
{
  vf sum = vf_set (0), squares = vf_set (0);
  float centre = 0;

  for (int64_t i = 0; layer && i < n; i += VW)
    sum += get (x, i, n);
  if (layer)
    centre = vf_sum (sum) / (float)n;
  for (int64_t i = 0; i < n; i += VW)
    {
      vf off = get (x, i, n) - vf_set (centre);

      if (n - i < VW) /* lanes past the end hold 0, which is off the centre too */
        off = vf_select (vi_lanes () < (int32_t)(n - i), off, vf_set (0));
      squares += off * off;
    }
  return (Row){ centre, 1 / sqrtf (vf_sum (squares) / (float)n + eps) };
}

/* dx += scale (g - mean g - normal mean (g normal)) with g = w dy; no mean g for RMSNorm. */
static void
add_row (float *dx, const float *dy, const float *x, const float *w, int64_t n, Row row, bool layer)
{
  vf sum = vf_set (0), products = vf_set (0);
  float mean, along;

  for (int64_t i = 0; i < n; i += VW)
    {
      vf g = get (w, i, n) * get (dy, i, n);

      sum += g;
      products += g * (get (x, i, n) - vf_set (row.centre));
    }
  mean = layer ? vf_sum (sum) / (float)n : 0;
  along = vf_sum (products) / (float)n * row.scale * row.scale;
  for (int64_t i = 0; i < n; i += VW)
    {
      vf g = get (w, i, n) * get (dy, i, n);
      vf off = get (x, i, n) - vf_set (row.centre);

      add (dx, i, n, vf_set (row.scale) * (g - vf_set (mean) - off * vf_set (along)));
    }
}

/* Columns first .. end-1 of dw and db. */
static void
add_columns (float *dw,
             float *db,
             const PmodTensor *dy,
             const float *x,
             const Row *rows,
             int64_t first,
             int64_t end)
{
  int64_t n_rows = dy->shape[0], n = dy->shape[1];
  const float *from = dy->data;

  for (int64_t block = 0; block < n_rows; block += ROW_BLOCK)
    for (int64_t i = first; i < end; i += VW)
      {
        vf sum = vf_set (0), products = vf_set (0);

        for (int64_t t = block; t < min_i64 (n_rows, block + ROW_BLOCK); t++)
          {
            vf value = get (from, t * n + i, t * n + end);
            vf off = get (x, t * n + i, t * n + end) - vf_set (rows[t].centre);

            sum += value;
            products += value * off * vf_set (rows[t].scale);
          }
        add (dw, i, end, products);
        if (db)
          add (db, i, end, sum);
      }
}

static void
norm_backward (PmodBackend *backend,
               PmodTensor *dx,
               PmodTensor *dw,
               PmodTensor *db,
               const PmodTensor *dy,
               const PmodTensor *x,
               const PmodTensor *w,
               float eps,
               bool layer)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = x->shape[0], n = x->shape[1], n_spans = dw ? (n + SPAN - 1) / SPAN : 0;
  Row *rows = (Row *)(void *)pmod_cpu_workspace (self, (size_t)n_rows * sizeof *rows);
  bool parallel = n_rows * n > PARALLEL_MIN / 8;

  if (!rows)
    return;
#pragma omp parallel num_threads(self->n_threads) if (parallel)
  {
#pragma omp for schedule(static)
    for (int64_t t = 0; t < n_rows; t++)
      {
        const float *from = (const float *)x->data + t * n;

        rows[t] = measure (from, n, eps, layer);
        add_row ((float *)dx->data + t * n, (const float *)dy->data + t * n, from, w->data, n,
                 rows[t], layer);
      }
#pragma omp for schedule(static)
    for (int64_t span = 0; span < n_spans; span++)
      add_columns (dw->data, db ? db->data : NULL, dy, x->data, rows, span * SPAN,
                   min_i64 (n, span * SPAN + SPAN));
  }
}

void
LEVEL (pmod_cpu_rmsnorm_backward) (PmodBackend *backend,
                                   PmodTensor *dx,
                                   PmodTensor *dw,
                                   const PmodTensor *dy,
                                   const PmodTensor *x,
                                   const PmodTensor *w,
                                   float eps)
{
  norm_backward (backend, dx, dw, NULL, dy, x, w, eps, false);
}

void
LEVEL (pmod_cpu_layernorm_backward) (PmodBackend *backend,
                                     PmodTensor *dx,
                                     PmodTensor *dw,
                                     PmodTensor *db,
                                     const PmodTensor *dy,
                                     const PmodTensor *x,
                                     const PmodTensor *w,
                                     float eps)
{
  norm_backward (backend, dx, dw, db, dy, x, w, eps, true);
}
