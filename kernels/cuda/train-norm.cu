/* Gradients of RMSNorm and LayerNorm. A block a row finds what the row has in common and its dx;
 * then a thread a column sums the weights' gradients, in two stages.
 * Bytes of a call: 4 T D read for each of dy and x, once from memory and again from L2 for the
 * weights' gradients; for dx 4 T D read and written; 4 D T / 32 written and read in between. */
#include "cuda-train.h"

/* n = (x - centre) * scale for all of a row. */
typedef struct
{
  float centre, scale;
} NormRow;

/* --- dx ------------------------------------------------------------------------------------- */

/* Four warps: eight elements a thread of a width of 1024, and with several rows on a
 * multiprocessor one row's reads cover another's sums. */
#define ROW_WARPS 4
#define ROW_THREADS (ROW_WARPS * WARP)

/* N sums over the block by one barrier, where block_sum() has one for each. */
template <int N>
__device__ static inline void
sum_together (float (&values)[N], float (*scratch)[ROW_WARPS])
{
  for (int i = 0; i < N; i++)
    {
      values[i] = warp_sum (values[i]);
      if (threadIdx.x % WARP == 0)
        scratch[i][threadIdx.x / WARP] = values[i];
    }
  __syncthreads ();
  for (int i = 0; i < N; i++)
    values[i] = (scratch[i][0] + scratch[i][1]) + (scratch[i][2] + scratch[i][3]);
  /* scratch is written again by the next sums. */
  __syncthreads ();
}

/* dx += scale (g - mean g - n mean (g n)) with g = w dy; no mean g for RMSNorm. */
template <bool LAYER>
__global__ void
norm_backward_kernel (float *__restrict__ dx,
                      NormRow *__restrict__ rows,
                      const float *__restrict__ dy,
                      const float *__restrict__ x,
                      const float *__restrict__ w,
                      int64_t d,
                      float eps)
{
  __shared__ float scratch[3][ROW_WARPS];
  int64_t first = blockIdx.x * d;
  float sums[3] = { 0 }, centre = 0, scale, mean, along;

  if (LAYER)
    {
      float sum[1] = { 0 };

      for (int64_t i = threadIdx.x; i < d; i += ROW_THREADS)
        sum[0] += x[first + i];
      sum_together (sum, scratch);
      centre = sum[0] / (float)d;
    }
  for (int64_t i = threadIdx.x; i < d; i += ROW_THREADS)
    {
      float off = x[first + i] - centre, g = w[i] * dy[first + i];

      sums[0] += off * off;
      sums[1] += g * off;
      sums[2] += g;
    }
  sum_together (sums, scratch);
  scale = 1 / sqrtf (sums[0] / (float)d + eps);
  along = sums[1] / (float)d * scale * scale;
  mean = LAYER ? sums[2] / (float)d : 0;
  for (int64_t i = threadIdx.x; i < d; i += ROW_THREADS)
    {
      float off = x[first + i] - centre, g = w[i] * dy[first + i];

      dx[first + i] += scale * (g - mean - off * along);
    }
  if (rows && threadIdx.x == 0)
    {
      rows[blockIdx.x].centre = centre;
      rows[blockIdx.x].scale = scale;
    }
}

/* --- dw and db ------------------------------------------------------------------------------ */

/* As in train-linear.cu. */
#define COLUMN_THREADS 128

/* Part blockIdx.y of the rows; db may be NULL. */
__global__ void
norm_columns_kernel (float *__restrict__ dw,
                     float *__restrict__ db,
                     const float *__restrict__ dy,
                     const float *__restrict__ x,
                     const NormRow *__restrict__ rows,
                     int64_t n_rows,
                     int64_t d)
{
  int64_t column = (int64_t)blockIdx.x * COLUMN_THREADS + threadIdx.x;
  int64_t first = (int64_t)blockIdx.y * PMOD_CUDA_PART_ROWS, end = first + PMOD_CUDA_PART_ROWS;
  float sum = 0, products = 0;

  if (column >= d)
    return;
  for (int64_t t = first; t < end && t < n_rows; t++)
    {
      float value = dy[t * d + column];

      sum += value;
      products += value * ((x[t * d + column] - rows[t].centre) * rows[t].scale);
    }
  dw[blockIdx.y * d + column] = products;
  if (db)
    db[blockIdx.y * d + column] = sum;
}

/* The part sums are of dw and, behind them, of db. */
static void
add_columns (PmodCudaBackend *self,
             PmodTensor *dw,
             PmodTensor *db,
             float *parts,
             const NormRow *rows,
             const PmodTensor *dy,
             const PmodTensor *x)
{
  int64_t n_rows = x->shape[0], d = x->shape[1], n_parts = pmod_cuda_n_parts (n_rows);
  dim3 grid ((unsigned)((d + COLUMN_THREADS - 1) / COLUMN_THREADS), (unsigned)n_parts);
  float *db_parts = db ? parts + n_parts * d : NULL;

  PMOD_LAUNCH (norm_columns_kernel, grid, COLUMN_THREADS, 0, self->stream, parts, db_parts,
               (const float *)dy->data, (const float *)x->data, rows, n_rows, d);
  pmod_cuda_check_launch (self, "norm_backward");
  pmod_cuda_add_parts (self, (float *)dw->data, parts, n_parts, d);
  if (db)
    pmod_cuda_add_parts (self, (float *)db->data, db_parts, n_parts, d);
}

/* --- Ops ------------------------------------------------------------------------------------ */

template <bool LAYER>
static void
norm_backward (PmodBackend *backend,
               PmodTensor *dx,
               PmodTensor *dw,
               PmodTensor *db,
               const PmodTensor *dy,
               const PmodTensor *x,
               const PmodTensor *w,
               float eps)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_rows = x->shape[0], d = x->shape[1], n_parts = pmod_cuda_n_parts (n_rows);
  size_t n_bytes = 0, rows_at = pmod_cuda_take (&n_bytes, (size_t)n_rows * sizeof (NormRow));
  size_t parts_at = pmod_cuda_take (&n_bytes, (size_t)(2 * n_parts * d) * sizeof (float));
  char *memory = NULL;
  NormRow *rows;

  if (n_rows == 0 || d == 0)
    return;
  if (dw)
    {
      memory = (char *)pmod_cuda_workspace (self, n_bytes);
      if (!memory)
        return;
    }
  rows = dw ? (NormRow *)(void *)(memory + rows_at) : NULL;
  PMOD_LAUNCH (norm_backward_kernel<LAYER>, (unsigned)n_rows, ROW_THREADS, 0, self->stream,
               (float *)dx->data, rows, (const float *)dy->data, (const float *)x->data,
               (const float *)w->data, d, eps);
  pmod_cuda_check_launch (self, "norm_backward");
  if (dw)
    add_columns (self, dw, db, (float *)(void *)(memory + parts_at), rows, dy, x);
}

void
pmod_cuda_rmsnorm_backward (PmodBackend *backend,
                            PmodTensor *dx,
                            PmodTensor *dw,
                            const PmodTensor *dy,
                            const PmodTensor *x,
                            const PmodTensor *w,
                            float eps)
{
  norm_backward<false> (backend, dx, dw, NULL, dy, x, w, eps);
}

void
pmod_cuda_layernorm_backward (PmodBackend *backend,
                              PmodTensor *dx,
                              PmodTensor *dw,
                              PmodTensor *db,
                              const PmodTensor *dy,
                              const PmodTensor *x,
                              const PmodTensor *w,
                              float eps)
{
  norm_backward<true> (backend, dx, dw, db, dy, x, w, eps);
}
