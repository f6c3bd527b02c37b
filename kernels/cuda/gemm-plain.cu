/* Products without a library: for few rows, where the weights' bytes are all that counts; and tiled
 * for any number of rows, where no cuBLAS is found and where kernels run on the host.
 *
 * Few rows: each weight is read once, 2 N K bytes of 16 bits. Tiles: 2 M N K FLOPs on plain FMAs.
 */
#include "cuda-private.h"

/* --- Few rows ------------------------------------------------------------------------------- */

/* Up to so many rows share one reading of the weights. */
#define FEW_ROWS 4

/* A warp an output, four to a block: enough warps for any card at N 4096, and one row of weights
 * is read by neighbouring lanes. */
#define FEW_WARPS 4

/* Packs of weights that a lane asks for before it uses the first: 31 warps a multiprocessor, as at
 * N 4096 on 132 of them, then have 62 KiB on their way, more than memory delivers in its latency.
 */
#define LOADS 4

/* sums[row] += inputs . weights of pack i. */
template <typename T, int M>
__device__ static inline void
add_pack (float sums[M], const Pack<T> &weights, const T *x, int64_t k, int64_t i)
{
  UNROLL
  for (int row = 0; row < M; row++)
    {
      Pack<T> inputs = ((const Pack<T> *)(const void *)(x + row * k))[i];

      UNROLL
      for (int j = 0; j < 16 / (int)sizeof (T); j++)
        sums[row] += to_float (inputs.item[j]) * to_float (weights.item[j]);
    }
}

/* A lane reads packs, n_packs of each row of which as many as can be LOADS at a time, then what is
 * left. */
template <typename T, typename Y, int M>
__global__ void
few_rows_kernel (Y *__restrict__ y,
                 const T *__restrict__ x,
                 const T *__restrict__ w,
                 int64_t n,
                 int64_t k,
                 int64_t n_packs,
                 float beta)
{
  const int size = 16 / sizeof (T), lane = threadIdx.x % WARP;
  const int64_t out = (int64_t)blockIdx.x * FEW_WARPS + threadIdx.x / WARP;
  const Pack<T> *packs = (const Pack<T> *)(const void *)(w + out * k);
  int64_t i = lane;
  float sums[M] = { 0 };

  if (out >= n)
    return;
  for (; i + (LOADS - 1) * WARP < n_packs; i += LOADS * WARP)
    {
      Pack<T> weights[LOADS];

      UNROLL
      for (int l = 0; l < LOADS; l++)
        weights[l] = packs[i + l * WARP];
      UNROLL
      for (int l = 0; l < LOADS; l++)
        add_pack<T, M> (sums, weights[l], x, k, i + l * WARP);
    }
  for (; i < n_packs; i += WARP)
    add_pack<T, M> (sums, packs[i], x, k, i);
  for (i = n_packs * size + lane; i < k; i += WARP)
    UNROLL
  for (int row = 0; row < M; row++)
    sums[row] += to_float (x[row * k + i]) * to_float (w[out * k + i]);
  UNROLL
  for (int row = 0; row < M; row++)
    {
      float sum = warp_sum (sums[row]);

      if (lane == 0)
        store (&y[row * n + out], sum + (beta != 0 ? beta * to_float (y[row * n + out]) : 0));
    }
}

template <typename T, typename Y, int M>
static void
launch_few (PmodCudaBackend *self, const PmodCudaProduct *p)
{
  const T *x = (const T *)p->x, *w = (const T *)p->w;
  unsigned grid = (unsigned)((p->n + FEW_WARPS - 1) / FEW_WARPS);
  uintptr_t bits = (uintptr_t)x | (uintptr_t)w | (uintptr_t)p->k * sizeof (T);
  int64_t n_packs = bits % sizeof (Pack<T>) == 0 ? p->k * (int64_t)sizeof (T) / 16 : 0;

  PMOD_LAUNCH ((few_rows_kernel<T, Y, M>), grid, FEW_WARPS * WARP, 0, self->stream, (Y *)p->y, x, w,
               p->n, p->k, n_packs, p->beta);
}

/* --- Tiles ---------------------------------------------------------------------------------- */

/* A block of 256 threads makes 64 x 64 outputs, 4 x 4 a thread, from slices of 16 of K. */
#define TILE 64
#define SLICE 16
#define SIDE 4
#define TILE_THREADS ((TILE / SIDE) * (TILE / SIDE))

/* rows [TILE, SLICE] of from [n_rows, k], turned: to[i][row]; zero outside. */
template <typename T>
__device__ static void
load_tile (float (*to)[TILE + 1], const T *from, int64_t row, int64_t n_rows, int64_t at, int64_t k)
{
  for (int i = threadIdx.x; i < TILE * SLICE; i += TILE_THREADS)
    {
      int64_t r = row + i / SLICE, column = at + i % SLICE;

      to[i % SLICE][i / SLICE] = r < n_rows && column < k ? to_float (from[r * k + column]) : 0;
    }
}

template <typename T, typename Y>
__global__ void
tile_kernel (Y *y, const T *x, const T *w, int64_t m, int64_t n, int64_t k, float beta)
{
  __shared__ float inputs[SLICE][TILE + 1], weights[SLICE][TILE + 1];
  int64_t row = (int64_t)blockIdx.y * TILE, column = (int64_t)blockIdx.x * TILE;
  int top = threadIdx.x / (TILE / SIDE) * SIDE, left = threadIdx.x % (TILE / SIDE) * SIDE;
  float sums[SIDE][SIDE] = { { 0 } };

  for (int64_t at = 0; at < k; at += SLICE)
    {
      load_tile (inputs, x, row, m, at, k);
      load_tile (weights, w, column, n, at, k);
      __syncthreads ();
      for (int i = 0; i < SLICE; i++)
        for (int r = 0; r < SIDE; r++)
          for (int c = 0; c < SIDE; c++)
            sums[r][c] += inputs[i][top + r] * weights[i][left + c];
      __syncthreads ();
    }
  for (int r = 0; r < SIDE; r++)
    for (int c = 0; c < SIDE; c++)
      if (row + top + r < m && column + left + c < n)
        {
          Y *to = &y[(row + top + r) * n + column + left + c];

          store (to, sums[r][c] + (beta != 0 ? beta * to_float (*to) : 0));
        }
}

/* --- Launches ------------------------------------------------------------------------------- */

template <typename T, typename Y>
static void
launch (PmodCudaBackend *self, const PmodCudaProduct *p)
{
  Y *y = (Y *)p->y;
  const T *x = (const T *)p->x, *w = (const T *)p->w;

  static_assert (FEW_ROWS == 4, "a case for each");
  if (p->m == 1)
    launch_few<T, Y, 1> (self, p);
  else if (p->m == 2)
    launch_few<T, Y, 2> (self, p);
  else if (p->m == 3)
    launch_few<T, Y, 3> (self, p);
  else if (p->m == 4)
    launch_few<T, Y, 4> (self, p);
  else
    {
      dim3 grid ((unsigned)((p->n + TILE - 1) / TILE), (unsigned)((p->m + TILE - 1) / TILE));

      PMOD_LAUNCH ((tile_kernel<T, Y>), grid, TILE_THREADS, 0, self->stream, y, x, w, p->m, p->n,
                   p->k, p->beta);
    }
  pmod_cuda_check_launch (self, "product");
}

static void
multiply (PmodCudaBackend *self, const PmodCudaProduct *p)
{
  if (p->act == PMOD_DTYPE_F32)
    pmod_cuda_with (p->y_dtype, [&] (auto type) { launch<float, PMOD_ELEMENT (type)> (self, p); });
  else if (p->y_dtype == PMOD_DTYPE_F32)
    pmod_cuda_with (p->act, [&] (auto type) { launch<PMOD_ELEMENT (type), float> (self, p); });
  else
    pmod_cuda_with (
        p->act, [&] (auto type) { launch<PMOD_ELEMENT (type), PMOD_ELEMENT (type)> (self, p); });
}

void
pmod_cuda_multiply (PmodCudaBackend *self, const PmodCudaProduct *p)
{
  if (p->m == 0 || p->n == 0)
    return;
  if (p->m > FEW_ROWS && pmod_cuda_lt_multiply (self, p))
    return;
  multiply (self, p);
}
