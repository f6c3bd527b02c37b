/* The norm of all gradients, AdamW and Muon. The first two are bound by memory: 4 and 28 bytes an
 * element. Muon's products run as those of linear layers do. */
#include "train.h"

/* Elements summed by one thread in one go; the blocks' sums are added in their order. */
#define BLOCK 4096

/* Sums of squares of blocks, F64, into sums. */
static void
square_blocks (PmodCpuBackend *self, double *sums, const float *x, int64_t n)
{
  int64_t n_blocks = (n + BLOCK - 1) / BLOCK;
  bool parallel = n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t block = 0; block < n_blocks; block++)
    {
      int64_t end = min_i64 (n, block * BLOCK + BLOCK);
      double sum[8] = { 0 };

      for (int64_t i = block * BLOCK; i < end; i++)
        sum[i % 8] += (double)x[i] * x[i];
      sums[block] =
          ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    }
}

/* |x|^2. The workspace's first bytes are used. */
static double
square_norm (PmodCpuBackend *self, const float *x, int64_t n)
{
  int64_t n_blocks = (n + BLOCK - 1) / BLOCK;
  double *sums = (double *)(void *)pmod_cpu_workspace (self, (size_t)n_blocks * sizeof *sums);
  double sum = 0;

  if (!sums)
    return 0;
  square_blocks (self, sums, x, n);
  for (int64_t block = 0; block < n_blocks; block++)
    sum += sums[block];
  return sum;
}

void
LEVEL (pmod_cpu_grad_norm) (
    PmodBackend *backend, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm)
{
  float *to = norm->data;
  double sum = 0;

  for (int i = 0; i < n; i++)
    sum +=
        square_norm ((PmodCpuBackend *)backend, grads[i].data, pmod_tensor_n_elements (&grads[i]));
  to[0] = (float)sqrt (sum);
  to[1] = to[0] > max_norm ? max_norm / to[0] : 1;
  if (!isfinite (to[0]))
    to[1] = 0;
}

static float
factor_of (const PmodTensor *factor)
{
  return factor ? *(const float *)factor->data : 1;
}

/* --- AdamW -------------------------------------------------------------------------------- */

void
LEVEL (pmod_cpu_adamw) (PmodBackend *backend,
                        PmodTensor *weight,
                        PmodTensor *m1,
                        PmodTensor *m2,
                        const PmodTensor *grad,
                        const PmodTensor *factor,
                        const PmodAdamW *options)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n = pmod_tensor_n_elements (weight);
  float *w = weight->data, *mean = m1->data, *square = m2->data;
  const float *from = grad->data;
  float scale = factor_of (factor), beta1 = options->beta1, beta2 = options->beta2;
  float step1 = (float)(options->rate / (1 - pow (beta1, (double)options->step)));
  float step2 = (float)(1 / (1 - pow (beta2, (double)options->step)));
  float decay = options->rate * options->weight_decay, eps = options->eps;
  bool parallel = n > PARALLEL_MIN / 8;

  if (scale == 0)
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i++)
    {
      float g = from[i] * scale;

      mean[i] = beta1 * mean[i] + (1 - beta1) * g;
      square[i] = beta2 * square[i] + (1 - beta2) * g * g;
      w[i] -= step1 * mean[i] / (sqrtf (square[i] * step2) + eps) + decay * w[i];
    }
}

/* --- Muon --------------------------------------------------------------------------------- */

/* Where the iteration keeps its matrices: all in the workspace. m <= n. */
typedef struct
{
  int64_t m, n;
  PmodDtype act;
  PmodTensor x;               /* [m,n] F32 */
  PmodTensor gram, poly;      /* [m,m] F32: A, then b A + c A^2 */
  PmodTensor x_act, gram_act; /* what products take: the same where act is F32 */
  PmodCpuMatrix x_rows;       /* x as weights [m,n] */
  PmodCpuMatrix gram_rows;    /* A, which is its own transpose, as weights [m,m] */
  PmodCpuMatrix x_columns;    /* x^T as weights [n,m] */
} Iteration;

static void *
take (char *memory, size_t *n_taken, size_t n_bytes)
{
  void *taken = memory ? memory + *n_taken : NULL;

  *n_taken += lines ((int64_t)n_bytes);
  return taken;
}

/* Takes each part from memory on; returns the bytes taken. With memory
 * NULL it only counts. */
static size_t
lay_out (Iteration *self, char *memory)
{
  size_t n_bytes = 0;
  int64_t m = self->m, n = self->n;
  bool f32 = self->act == PMOD_DTYPE_F32;

  pmod_cpu_matrix_shape (&self->x_rows, m, n, self->act);
  pmod_cpu_matrix_shape (&self->gram_rows, m, m, self->act);
  pmod_cpu_matrix_shape (&self->x_columns, n, m, self->act);
  self->x = pmod_tensor_2d (take (memory, &n_bytes, (size_t)(m * n) * 4), PMOD_DTYPE_F32, m, n);
  self->gram = pmod_tensor_2d (take (memory, &n_bytes, (size_t)(m * m) * 4), PMOD_DTYPE_F32, m, m);
  self->poly = pmod_tensor_2d (take (memory, &n_bytes, (size_t)(m * m) * 4), PMOD_DTYPE_F32, m, m);
  self->x_act = pmod_tensor_2d (f32 ? self->x.data : take (memory, &n_bytes, (size_t)(m * n) * 2),
                                self->act, m, n);
  self->gram_act = pmod_tensor_2d (take (memory, &n_bytes, (size_t)(m * m) * 4), self->act, m, m);
  self->x_rows.data = take (memory, &n_bytes, self->x_rows.base.n_bytes);
  self->gram_rows.data = take (memory, &n_bytes, self->gram_rows.base.n_bytes);
  self->x_columns.data = take (memory, &n_bytes, self->x_columns.base.n_bytes);
  return n_bytes;
}

/* to = from, rounded to to's dtype. */
static void
convert (PmodCpuBackend *self, PmodTensor *to, const PmodTensor *from)
{
  int64_t n = pmod_tensor_n_elements (from);
  bool parallel = n > PARALLEL_MIN / 4;

  if (to->data == from->data)
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i += VW)
    vf_put_until (to->data, to->dtype, i, n, get (from->data, i, n));
}

static void
pack_rows (PmodCpuBackend *self, const PmodCpuMatrix *w, const PmodTensor *from)
{
  PmodMatrixPart part = { from->data, from->dtype, w->base.n_out };
  bool parallel = w->base.n_bytes > PARALLEL_MIN;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t panel = 0; panel < w->n_panels; panel++)
    self->kernels->pack_panel (w, panel, &part, 1);
}

/* x = a x + (b A + c A^2) x with A = x x^T: pushes every singular value towards 1. */
static void
iterate (PmodCpuBackend *self, Iteration *i)
{
  PmodBackend *backend = &self->base;

  convert (self, &i->x_act, &i->x);
  pack_rows (self, &i->x_rows, &i->x_act);
  LEVEL (pmod_cpu_pack_transposed) (self, &i->x_columns, &i->x_act);
  pmod_cpu_linear (backend, &i->gram, &i->x_act, &i->x_rows.base, NULL, PMOD_EPILOGUE_NONE);
  convert (self, &i->gram_act, &i->gram);
  pack_rows (self, &i->gram_rows, &i->gram_act);
  pmod_cpu_linear (backend, &i->poly, &i->gram_act, &i->gram_rows.base, NULL, PMOD_EPILOGUE_NONE);
  LEVEL (pmod_cpu_blend) (backend, &i->poly, 2.0315f, &i->gram, -4.7750f);
  convert (self, &i->gram_act, &i->poly);
  LEVEL (pmod_cpu_blend) (backend, &i->x, 3.4445f, &i->x, 0);
  pmod_cpu_linear (backend, &i->x, &i->gram_act, &i->x_columns.base, NULL, PMOD_EPILOGUE_ADD);
}

/* to[n,m] = scale * from[m,n]^T, or the same unturned; in squares that stay in L1. */
static void
copy_matrix (PmodCpuBackend *self,
             float *to,
             const float *from,
             int64_t m,
             int64_t n,
             float scale,
             bool turn)
{
  enum
  {
    SIDE = 32
  };
  bool parallel = m * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t top = 0; top < m; top += SIDE)
    for (int64_t left = 0; left < n; left += SIDE)
      for (int64_t row = top; row < min_i64 (m, top + SIDE); row++)
        for (int64_t i = left; i < min_i64 (n, left + SIDE); i++)
          to[turn ? i * m + row : row * n + i] = scale * from[row * n + i];
}

/* The velocity after this step, and u, the direction that Nesterov takes. */
static void
push (PmodCpuBackend *self,
      float *u,
      float *velocity,
      const float *grad,
      int64_t n,
      float scale,
      float momentum)
{
  bool parallel = n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i++)
    {
      float g = grad[i] * scale;

      velocity[i] = momentum * velocity[i] + (1 - momentum) * g;
      u[i] = (1 - momentum) * g + momentum * velocity[i];
    }
}

void
LEVEL (pmod_cpu_muon) (PmodBackend *backend,
                       PmodTensor *weight,
                       PmodTensor *velocity,
                       const PmodTensor *grad,
                       const PmodTensor *factor,
                       const PmodMuon *options)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_out = weight->shape[0], n_in = weight->shape[1], size = n_out * n_in;
  bool turn = n_out > n_in;
  Iteration iteration = { .act = options->act };
  float scale = factor_of (factor), rate = options->rate;
  PmodTensor step;
  char *memory;
  double norm;

  iteration.m = turn ? n_in : n_out, iteration.n = turn ? n_out : n_in;
  /* First the square norm's blocks, then u, which becomes the step, then the iteration. */
  memory = pmod_cpu_workspace (self, 2 * lines (size * 4) + lay_out (&iteration, NULL));
  if (!memory || scale == 0)
    return;
  step = pmod_tensor_2d (memory + lines (size * 4), PMOD_DTYPE_F32, n_out, n_in);
  lay_out (&iteration, memory + 2 * lines (size * 4));
  push (self, step.data, velocity->data, grad->data, size, scale, options->momentum);
  norm = sqrt (square_norm (self, step.data, size));
  copy_matrix (self, iteration.x.data, step.data, n_out, n_in, (float)(1 / (norm + 1e-7)), turn);
  for (int i = 0; i < 5; i++)
    iterate (self, &iteration);
  copy_matrix (self, step.data, iteration.x.data, iteration.m, iteration.n, 1, turn);
  LEVEL (pmod_cpu_blend)
  (backend, weight, 1 - rate * options->weight_decay, &step,
   -rate * sqrtf (turn ? (float)n_out / (float)n_in : 1));
}
