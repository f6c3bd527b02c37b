/* Linear layers that are trained: weights kept in both directions, and their gradients, each of
 * them one product of pmod_cuda_multiply(), which takes rows of both factors:
 *
 *   dx = dy . W        with W's transpose, kept behind W
 *   dw += dy^T . x     with both factors transposed in the workspace
 *
 * FLOPs 4 T N K. Bytes beside those of the products: dy read once to round and turn it, x once, and
 * of both the same number of elements of act written; for db dy once more.
 *
 * Gradients are often too small for F16, which ends at 2^-25. There dy is first multiplied by the
 * power of two that brings its largest below 2^14, and the products are divided by it: dy read once
 * more, dx and dw read and written once more. */
#include "cuda-train.h"

#include <stdlib.h>

/* --- Transposes ----------------------------------------------------------------------------- */

/* Squares go through shared memory, so that a warp reads and writes neighbours. Eight warps, four
 * rows each: all loads of a thread are in flight together. */
#define TURN_SIDE WARP
#define TURN_WARPS 8

template <typename To, typename From>
__global__ void
turn_kernel (To *__restrict__ rows,
             To *__restrict__ columns,
             const From *__restrict__ from,
             const float *__restrict__ scale,
             int64_t n_rows,
             int64_t n,
             int64_t n_padded)
{
  /* A column more than it needs: then the turned reads meet no bank twice. */
  __shared__ float square[TURN_SIDE][TURN_SIDE + 1];
  int64_t top = (int64_t)blockIdx.y * TURN_SIDE, left = (int64_t)blockIdx.x * TURN_SIDE;
  int lane = threadIdx.x % TURN_SIDE, warp = threadIdx.x / TURN_SIDE;
  float factor = scale ? *scale : 1;

  for (int i = warp; i < TURN_SIDE; i += TURN_WARPS)
    {
      int64_t row = top + i, column = left + lane;
      bool inside = row < n_rows && column < n;
      float value = inside ? factor * to_float (from[row * n + column]) : 0;

      if (rows && inside)
        store (&rows[row * n + column], value);
      square[i][lane] = value;
    }
  if (!columns)
    return;
  __syncthreads ();
  for (int i = warp; i < TURN_SIDE; i += TURN_WARPS)
    if (left + i < n && top + lane < n_padded)
      store (&columns[(left + i) * n_padded + top + lane], square[lane][i]);
}

template <typename To, typename From>
static void
launch_turn (PmodCudaBackend *self, const PmodCudaTurn *turn)
{
  int64_t n_rows = turn->columns ? turn->n_padded : turn->n_rows;
  dim3 grid ((unsigned)((turn->n + TURN_SIDE - 1) / TURN_SIDE),
             (unsigned)((n_rows + TURN_SIDE - 1) / TURN_SIDE));
  To *rows = (To *)turn->rows, *columns = (To *)turn->columns;
  const From *from = (const From *)turn->from;

  if (n_rows == 0 || turn->n == 0)
    return;
  PMOD_LAUNCH ((turn_kernel<To, From>), grid, TURN_SIDE * TURN_WARPS, 0, self->stream, rows,
               columns, from, turn->scale, turn->n_rows, turn->n, turn->n_padded);
  pmod_cuda_check_launch (self, "transpose");
}

void
pmod_cuda_turn (PmodCudaBackend *self, const PmodCudaTurn *turn)
{
  if (turn->from_dtype == PMOD_DTYPE_F32)
    pmod_cuda_with (turn->to,
                    [&] (auto type) { launch_turn<PMOD_ELEMENT (type), float> (self, turn); });
  else
    pmod_cuda_with (turn->from_dtype, [&] (auto type) {
      launch_turn<PMOD_ELEMENT (type), PMOD_ELEMENT (type)> (self, turn);
    });
}

/* --- Matrices ------------------------------------------------------------------------------- */

static size_t
size_of (const PmodMatrix *matrix)
{
  return (size_t)matrix->n_out * (size_t)matrix->n_in * pmod_dtype_size (matrix->act);
}

/* [K,N], behind the weights in the same memory, so that both are freed as one. */
static void *
transpose_of (const PmodCudaMatrix *w)
{
  size_t at = 0;

  pmod_cuda_take (&at, size_of (&w->base));
  return (char *)w->data + at;
}

void
pmod_cuda_matrix_update (PmodBackend *backend, PmodMatrix *matrix, const PmodTensor *master)
{
  PmodCudaMatrix *w = (PmodCudaMatrix *)matrix;
  PmodCudaTurn turn = {};

  turn.rows = w->data;
  turn.columns = transpose_of (w);
  turn.to = matrix->act;
  turn.from = master->data;
  turn.from_dtype = PMOD_DTYPE_F32;
  turn.n_rows = turn.n_padded = matrix->n_out;
  turn.n = matrix->n_in;
  pmod_cuda_turn ((PmodCudaBackend *)backend, &turn);
}

PmodMatrix *
pmod_cuda_matrix_new_trainable (PmodBackend *backend, const PmodTensor *master, PmodDtype act)
{
  PmodCudaMatrix *w = (PmodCudaMatrix *)calloc (1, sizeof *w);

  if (!w)
    {
      pmod_backend_fail (backend, "no memory for a matrix");
      return NULL;
    }
  w->base.n_out = master->shape[0];
  w->base.n_in = master->shape[1];
  w->base.act = act;
  w->base.trainable = true;
  pmod_cuda_take (&w->base.n_bytes, size_of (&w->base));
  w->base.n_bytes += size_of (&w->base);
  w->data = pmod_cuda_alloc ((PmodCudaBackend *)backend, w->base.n_bytes);
  if (!w->data)
    {
      free (w);
      return NULL;
    }
  pmod_cuda_matrix_update (backend, &w->base, master);
  return &w->base;
}

/* --- Sums of rows --------------------------------------------------------------------------- */

/* A thread a column. Small blocks: a width of 1024 and some hundred rows must still reach all
 * multiprocessors. */
#define COLUMN_THREADS 128

/* Part blockIdx.y of the rows. */
__global__ void
linear_row_sums_kernel (float *__restrict__ parts,
                        const float *__restrict__ from,
                        int64_t n_rows,
                        int64_t n)
{
  int64_t column = (int64_t)blockIdx.x * COLUMN_THREADS + threadIdx.x;
  int64_t first = (int64_t)blockIdx.y * PMOD_CUDA_PART_ROWS, end = first + PMOD_CUDA_PART_ROWS;
  float sum = 0;

  if (column >= n)
    return;
  for (int64_t row = first; row < end && row < n_rows; row++)
    sum += from[row * n + column];
  parts[blockIdx.y * n + column] = sum;
}

__global__ void
linear_add_parts_kernel (float *__restrict__ to,
                         const float *__restrict__ parts,
                         int64_t n_parts,
                         int64_t n)
{
  int64_t column = (int64_t)blockIdx.x * COLUMN_THREADS + threadIdx.x;
  float sum = 0;

  if (column >= n)
    return;
  for (int64_t part = 0; part < n_parts; part++)
    sum += parts[part * n + column];
  to[column] += sum;
}

static unsigned
column_blocks (int64_t n)
{
  return (unsigned)((n + COLUMN_THREADS - 1) / COLUMN_THREADS);
}

void
pmod_cuda_add_parts (
    PmodCudaBackend *self, float *to, const float *parts, int64_t n_parts, int64_t n)
{
  if (n == 0)
    return;
  PMOD_LAUNCH (linear_add_parts_kernel, column_blocks (n), COLUMN_THREADS, 0, self->stream, to,
               parts, n_parts, n);
  pmod_cuda_check_launch (self, "sums of rows");
}

/* to[N] += the sum of dy's rows. */
static void
add_row_sums (PmodCudaBackend *self, float *to, float *parts, const PmodTensor *dy)
{
  int64_t n_rows = dy->shape[0], n = dy->shape[1], n_parts = pmod_cuda_n_parts (n_rows);
  dim3 grid (column_blocks (n), (unsigned)n_parts);

  PMOD_LAUNCH (linear_row_sums_kernel, grid, COLUMN_THREADS, 0, self->stream, parts,
               (const float *)dy->data, n_rows, n);
  pmod_cuda_check_launch (self, "sums of rows");
  pmod_cuda_add_parts (self, to, parts, n_parts, n);
}

/* --- Gradients ------------------------------------------------------------------------------ */

/* Tokens are what dw's product sums over; rows of 16 bytes are what tensor cores want, and cuBLAS
 * has fewer shapes to plan. The tokens added are 0. */
#define TOKEN_UNIT 8

/* Of F16's largest scaled gradient: two powers of two below its end. */
#define SCALED_EXPONENT 14

/* The power of two by which F16's dy is scaled, and its inverse; both 1 for 0 and for what is not
 * finite, which no factor mends. A block of parts [n_parts], the largest |dy| of each; see
 * pmod_cuda_grid() for n_parts. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) gradient_scale_kernel (float *__restrict__ scale,
                                                      const float *__restrict__ parts,
                                                      int n_parts,
                                                      int top)
{
  __shared__ float scratch[WARP];
  float largest = 0;
  int exponent;

  for (int i = threadIdx.x; i < n_parts; i += WIDE_BLOCK)
    largest = fmaxf (largest, parts[i]);
  largest = block_max (largest, scratch);
  frexpf (largest, &exponent);
  if (!(largest > 0 && largest < INFINITY))
    exponent = top;
  exponent = top - exponent < 126 ? top - exponent : 126;
  if (threadIdx.x == 0)
    {
      scale[0] = ldexpf (1, exponent);
      scale[1] = ldexpf (1, -exponent);
    }
}

__global__ void
__launch_bounds__ (WIDE_BLOCK)
    largest_kernel (float *__restrict__ parts, const float *__restrict__ from, int64_t n)
{
  __shared__ float scratch[WARP];
  int64_t stride = (int64_t)gridDim.x * blockDim.x;
  float largest = 0;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    largest = fmaxf (largest, fabsf (from[i]));
  largest = block_max (largest, scratch);
  if (threadIdx.x == 0)
    parts[blockIdx.x] = largest;
}

/* to = from * *scale, or to += that; to may be from. */
__global__ void
scale_kernel (float *to, const float *from, const float *scale, int64_t n, bool adds)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    to[i] = (adds ? to[i] : 0) + *scale * from[i];
}

void
pmod_cuda_find_scale (PmodCudaBackend *self, float *scale, const PmodTensor *dy, int exponent)
{
  const int64_t n_parts = PMOD_CUDA_SCALE_FLOATS - 2;
  int64_t n = pmod_tensor_n_elements (dy), n_blocks = (n + WIDE_BLOCK - 1) / WIDE_BLOCK;
  unsigned grid = (unsigned)(n_blocks < n_parts ? n_blocks : n_parts);
  float *parts = scale + 2;

  PMOD_LAUNCH (largest_kernel, grid, WIDE_BLOCK, 0, self->stream, parts, (const float *)dy->data,
               n);
  PMOD_LAUNCH (gradient_scale_kernel, 1, WIDE_BLOCK, 0, self->stream, scale, parts, (int)grid,
               exponent);
  pmod_cuda_check_launch (self, "scale of gradients");
}

static void
scale_back (
    PmodCudaBackend *self, float *to, const float *from, const float *scale, int64_t n, bool adds)
{
  PMOD_LAUNCH (scale_kernel, pmod_cuda_grid (n, WIDE_BLOCK), WIDE_BLOCK, 0, self->stream, to, from,
               scale + 1, n, adds);
  pmod_cuda_check_launch (self, "scale of gradients");
}

/* Where one call keeps what; NULL for what it does not need. */
typedef struct
{
  float *scale;               /* [PMOD_CUDA_SCALE_FLOATS], for F16 */
  float *dw;                  /* [N,K] for F16: still scaled */
  float *parts;               /* [n_parts,N] of db */
  void *dy_rows;              /* [T,N] act, for dx; dy itself where act is F32 */
  void *dy_columns, *columns; /* [N,n_padded] and, of x, [K,n_padded], act */
} GradientBuffers;

/* false where there is no room. */
static bool
lay_out (PmodCudaBackend *self,
         GradientBuffers *to,
         const PmodMatrix *w,
         int64_t n_tokens,
         int64_t n_padded,
         bool rounds,
         bool dw,
         bool db)
{
  size_t size = pmod_dtype_size (w->act), n_bytes = 0;
  size_t n_out = (size_t)w->n_out, n_in = (size_t)w->n_in, n = (size_t)n_padded;
  size_t parts = pmod_cuda_take (
      &n_bytes, db ? (size_t)pmod_cuda_n_parts (n_tokens) * n_out * sizeof (float) : 0);
  size_t dy_rows = pmod_cuda_take (&n_bytes, rounds ? (size_t)n_tokens * n_out * size : 0);
  size_t dy_columns = pmod_cuda_take (&n_bytes, dw ? n_out * n * size : 0);
  size_t columns = pmod_cuda_take (&n_bytes, dw ? n_in * n * size : 0);
  bool scales = w->act == PMOD_DTYPE_F16 && (rounds || dw);
  size_t scale = pmod_cuda_take (&n_bytes, scales ? PMOD_CUDA_SCALE_FLOATS * sizeof (float) : 0);
  size_t scaled = pmod_cuda_take (&n_bytes, scales && dw ? n_out * n_in * sizeof (float) : 0);
  char *memory;

  *to = GradientBuffers ();
  if (n_bytes == 0)
    return true;
  memory = (char *)pmod_cuda_workspace (self, n_bytes);
  if (!memory)
    return false;
  to->parts = db ? (float *)(void *)(memory + parts) : NULL;
  to->dy_rows = rounds ? memory + dy_rows : NULL;
  to->dy_columns = dw ? memory + dy_columns : NULL;
  to->columns = dw ? memory + columns : NULL;
  to->scale = scales ? (float *)(void *)(memory + scale) : NULL;
  to->dw = scales && dw ? (float *)(void *)(memory + scaled) : NULL;
  return true;
}

/* Rounded to act. */
static void
turn_tokens (PmodCudaBackend *self,
             void *rows,
             void *columns,
             const PmodTensor *from,
             PmodDtype act,
             int64_t n_padded,
             const float *scale)
{
  PmodCudaTurn turn = {};

  turn.rows = rows;
  turn.columns = columns;
  turn.to = act;
  turn.from = from->data;
  turn.from_dtype = from->dtype;
  turn.n_rows = from->shape[0];
  turn.n = from->shape[1];
  turn.n_padded = n_padded;
  turn.scale = scale;
  pmod_cuda_turn (self, &turn);
}

void
pmod_cuda_linear_backward (PmodBackend *backend,
                           PmodTensor *dx,
                           PmodTensor *dw,
                           PmodTensor *db,
                           const PmodTensor *dy,
                           const PmodTensor *x,
                           const PmodMatrix *matrix)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  const PmodCudaMatrix *w = (const PmodCudaMatrix *)matrix;
  int64_t n_tokens = dy->shape[0], n_padded;
  bool rounds = dx && matrix->act != PMOD_DTYPE_F32;
  GradientBuffers buffers;
  PmodCudaProduct product = {};

  n_padded = (n_tokens + TOKEN_UNIT - 1) / TOKEN_UNIT * TOKEN_UNIT;
  if (n_tokens == 0 ||
      !lay_out (self, &buffers, matrix, n_tokens, n_padded, rounds, dw != NULL, db != NULL))
    return;
  product.y_dtype = PMOD_DTYPE_F32;
  product.act = matrix->act;
  if (db)
    add_row_sums (self, (float *)db->data, buffers.parts, dy);
  if (buffers.scale)
    pmod_cuda_find_scale (self, buffers.scale, dy, SCALED_EXPONENT);
  if (rounds || dw)
    turn_tokens (self, buffers.dy_rows, buffers.dy_columns, dy, matrix->act, n_padded,
                 buffers.scale);
  if (dw)
    {
      turn_tokens (self, NULL, buffers.columns, x, matrix->act, n_padded, NULL);
      product.y = buffers.dw ? buffers.dw : dw->data;
      product.x = buffers.dy_columns;
      product.w = buffers.columns;
      product.m = matrix->n_out, product.n = matrix->n_in, product.k = n_padded;
      product.beta = buffers.dw ? 0 : 1;
      pmod_cuda_multiply (self, &product);
      if (buffers.dw)
        scale_back (self, (float *)dw->data, buffers.dw, buffers.scale,
                    matrix->n_out * matrix->n_in, true);
    }
  if (dx)
    {
      product.y = dx->data;
      product.x = rounds ? buffers.dy_rows : dy->data;
      product.w = transpose_of (w);
      product.m = n_tokens, product.n = matrix->n_in, product.k = matrix->n_out;
      product.beta = 0;
      pmod_cuda_multiply (self, &product);
      if (buffers.scale)
        scale_back (self, (float *)dx->data, (const float *)dx->data, buffers.scale,
                    n_tokens * matrix->n_in, false);
    }
}
