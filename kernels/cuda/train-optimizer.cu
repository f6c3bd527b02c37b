/* The norm of all gradients, AdamW and Muon. The first two are bound by memory: 4 and 28 bytes an
 * element. Muon's products are those of pmod_cuda_multiply(), 10 (2 m^2 n + m^3) FLOPs; beside them
 * it moves some 60 bytes an element and 30 for each of gram's. Norms and factors stay on the
 * device: no step waits for the host. */
#include "cuda-train.h"

/* Eight warps; a thread takes one element after another, a grid apart. */
#define BLOCK 256

/* --- Sums of squares ------------------------------------------------------------------------ */

/* Elements summed by one block, 64 kB: a large matrix has more blocks than any card runs at once,
 * and the sums of all weights of a large model are few enough for one block to add. */
#define PART ((int64_t)16384)

static int64_t
n_parts_of (int64_t n)
{
  return (n + PART - 1) / PART;
}

__global__ void
square_parts_kernel (double *__restrict__ sums, const float *__restrict__ x, int64_t n)
{
  __shared__ double scratch[BLOCK];
  int64_t first = blockIdx.x * PART, end = first + PART < n ? first + PART : n;
  double sum = 0;

  for (int64_t i = first + threadIdx.x; i < end; i += BLOCK)
    sum += (double)x[i] * x[i];
  sum = tree_sum (sum, scratch);
  if (threadIdx.x == 0)
    sums[blockIdx.x] = sum;
}

static void
square_parts (PmodCudaBackend *self, double *sums, const float *x, int64_t n)
{
  if (n == 0)
    return;
  PMOD_LAUNCH (square_parts_kernel, (unsigned)n_parts_of (n), BLOCK, 0, self->stream, sums, x, n);
  pmod_cuda_check_launch (self, "norm");
}

__device__ static double
add_square_parts (const double *sums, int64_t n_parts, double *scratch)
{
  double sum = 0;

  for (int64_t i = threadIdx.x; i < n_parts; i += WIDE_BLOCK)
    sum += sums[i];
  return tree_sum (sum, scratch);
}

/* --- The norm of gradients ------------------------------------------------------------------ */

__global__ void
__launch_bounds__ (WIDE_BLOCK)
    grad_norm_kernel (float *to, const double *sums, int64_t n_parts, float max_norm)
{
  __shared__ double scratch[WIDE_BLOCK];
  float norm = (float)sqrt (add_square_parts (sums, n_parts, scratch));

  if (threadIdx.x > 0)
    return;
  to[0] = norm;
  to[1] = norm > max_norm ? max_norm / norm : 1;
  if (!isfinite (norm))
    to[1] = 0;
}

void
pmod_cuda_grad_norm (
    PmodBackend *backend, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_parts = 0, n_done = 0;
  double *sums = NULL;

  for (int i = 0; i < n; i++)
    n_parts += n_parts_of (pmod_tensor_n_elements (&grads[i]));
  if (n_parts > 0)
    {
      sums = (double *)pmod_cuda_workspace (self, (size_t)n_parts * sizeof *sums);
      if (!sums)
        return;
    }
  for (int i = 0; i < n; i++)
    {
      int64_t size = pmod_tensor_n_elements (&grads[i]);

      square_parts (self, sums + n_done, (const float *)grads[i].data, size);
      n_done += n_parts_of (size);
    }
  PMOD_LAUNCH (grad_norm_kernel, 1, WIDE_BLOCK, 0, self->stream, (float *)norm->data, sums, n_parts,
               max_norm);
  pmod_cuda_check_launch (self, "grad_norm");
}

static const float *
data_of (const PmodTensor *factor)
{
  return factor ? (const float *)factor->data : NULL;
}

/* --- AdamW ---------------------------------------------------------------------------------- */

/* Computed once on the host, in F64. */
typedef struct
{
  float beta1, beta2, eps;
  float step1; /* rate / (1 - beta1^step) */
  float step2; /* 1 / (1 - beta2^step) */
  float decay; /* rate * weight_decay */
} AdamWStep;

__global__ void
adamw_kernel (float *__restrict__ weight,
              float *__restrict__ m1,
              float *__restrict__ m2,
              const float *__restrict__ grad,
              const float *__restrict__ factor,
              int64_t n,
              const AdamWStep step)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;
  float scale = factor ? *factor : 1;

  if (scale == 0)
    return;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float g = grad[i] * scale, w = weight[i];
      float mean = step.beta1 * m1[i] + (1 - step.beta1) * g;
      float square = step.beta2 * m2[i] + (1 - step.beta2) * g * g;

      m1[i] = mean;
      m2[i] = square;
      weight[i] =
          w - (step.step1 * mean / (sqrtf (square * step.step2) + step.eps) + step.decay * w);
    }
}

void
pmod_cuda_adamw (PmodBackend *backend,
                 PmodTensor *weight,
                 PmodTensor *m1,
                 PmodTensor *m2,
                 const PmodTensor *grad,
                 const PmodTensor *factor,
                 const PmodAdamW *options)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n = pmod_tensor_n_elements (weight);
  double beta1 = options->beta1, beta2 = options->beta2, t = (double)options->step;
  AdamWStep step = {};

  if (n == 0)
    return;
  step.beta1 = options->beta1;
  step.beta2 = options->beta2;
  step.eps = options->eps;
  step.step1 = (float)(options->rate / (1 - pow (beta1, t)));
  step.step2 = (float)(1 / (1 - pow (beta2, t)));
  step.decay = options->rate * options->weight_decay;
  PMOD_LAUNCH (adamw_kernel, pmod_cuda_grid (n, BLOCK), BLOCK, 0, self->stream,
               (float *)weight->data, (float *)m1->data, (float *)m2->data,
               (const float *)grad->data, data_of (factor), n, step);
  pmod_cuda_check_launch (self, "adamw");
}

/* --- Muon ----------------------------------------------------------------------------------- */

/* The polynomial of one iteration: its source is named in pmod-ops-train.h. */
#define MUON_A 3.4445f
#define MUON_B -4.7750f
#define MUON_C 2.0315f
#define MUON_ITERATIONS 5

/* The velocity after this step, and u, the direction that Nesterov takes. */
__global__ void
muon_push_kernel (float *__restrict__ u,
                  float *__restrict__ velocity,
                  const float *__restrict__ grad,
                  const float *__restrict__ factor,
                  int64_t n,
                  float momentum)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;
  float scale = factor ? *factor : 1;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      float g = grad[i] * scale, v = momentum * velocity[i] + (1 - momentum) * g;

      u[i] = (1 - momentum) * g + momentum * v;
      /* A step that is skipped runs to its end, for the host does not know, and changes nothing. */
      if (scale != 0)
        velocity[i] = v;
    }
}

/* What u is divided by. */
__global__ void
__launch_bounds__ (WIDE_BLOCK) muon_scale_kernel (float *scale, const double *sums, int64_t n_parts)
{
  __shared__ double scratch[WIDE_BLOCK];
  double norm = sqrt (add_square_parts (sums, n_parts, scratch));

  if (threadIdx.x == 0)
    *scale = (float)(1 / (norm + 1e-7));
}

/* to = b gram + c square, which to may be. */
template <typename T>
__global__ void
muon_polynomial_kernel (T *to, const float *gram, const float *square, int64_t n)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    store (&to[i], MUON_C * square[i] + MUON_B * gram[i]);
}

__global__ void
muon_step_kernel (float *__restrict__ weight,
                  const float *__restrict__ x,
                  const float *__restrict__ factor,
                  int64_t n,
                  float keep,
                  float rate)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  if (factor && *factor == 0)
    return;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    weight[i] = keep * weight[i] - rate * x[i];
}

/* Where the iteration keeps its matrices: all in the workspace. m <= n. */
typedef struct
{
  int64_t m, n;
  PmodDtype act;
  double *sums;        /* of the squares of u */
  float *scale;        /* [1] */
  float *u;            /* [m,n] or, where that is turned, [n,m] */
  float *x;            /* [m,n] */
  float *gram, *power; /* [m,m]: A = x x^T and A^2 */
  /* What products take, of dtype act: the same where that is F32. */
  void *x_rows, *x_columns; /* [m,n], [n,m] */
  void *gram_rows;          /* [m,m], A and then b A + c A^2, in F32 A alone */
  void *poly;               /* [m,m], where b A + c A^2 lies */
} Iteration;

static void *
place (char *memory, size_t at)
{
  return memory ? memory + at : NULL;
}

/* Places each part from memory on; returns the bytes taken. With memory NULL it only counts. */
static size_t
lay_out (Iteration *self, char *memory)
{
  size_t n_bytes = 0, size = (size_t)(self->m * self->n), side = (size_t)(self->m * self->m);
  size_t n_sums = (size_t)n_parts_of (self->m * self->n);
  bool f32 = self->act == PMOD_DTYPE_F32;

  self->sums = (double *)place (memory, pmod_cuda_take (&n_bytes, n_sums * sizeof (double)));
  self->scale = (float *)place (memory, pmod_cuda_take (&n_bytes, sizeof (float)));
  self->u = (float *)place (memory, pmod_cuda_take (&n_bytes, size * 4));
  self->x = (float *)place (memory, pmod_cuda_take (&n_bytes, size * 4));
  self->gram = (float *)place (memory, pmod_cuda_take (&n_bytes, side * 4));
  self->power = (float *)place (memory, pmod_cuda_take (&n_bytes, side * 4));
  self->x_columns = place (memory, pmod_cuda_take (&n_bytes, size * (f32 ? 4 : 2)));
  self->x_rows = f32 ? self->x : place (memory, pmod_cuda_take (&n_bytes, size * 2));
  self->gram_rows = f32 ? self->gram : place (memory, pmod_cuda_take (&n_bytes, side * 2));
  self->poly = f32 ? self->power : self->gram_rows;
  return n_bytes;
}

/* from [n_rows,n] F32 to dtype to. */
static void
turn_f32 (PmodCudaBackend *self,
          void *rows,
          void *columns,
          PmodDtype to,
          const float *from,
          int64_t n_rows,
          int64_t n,
          const float *scale)
{
  PmodCudaTurn turn = {};

  turn.rows = rows;
  turn.columns = columns;
  turn.to = to;
  turn.from = from;
  turn.from_dtype = PMOD_DTYPE_F32;
  turn.n_rows = turn.n_padded = n_rows;
  turn.n = n;
  turn.scale = scale;
  pmod_cuda_turn (self, &turn);
}

/* y[m,n] F32 = a[m,k] . b[n,k]^T + beta y. */
static void
multiply (PmodCudaBackend *self,
          float *y,
          const void *a,
          const void *b,
          PmodDtype act,
          int64_t m,
          int64_t n,
          int64_t k,
          float beta)
{
  PmodCudaProduct product = {};

  product.y = y;
  product.y_dtype = PMOD_DTYPE_F32;
  product.x = a;
  product.w = b;
  product.act = act;
  product.m = m, product.n = n, product.k = k;
  product.beta = beta;
  pmod_cuda_multiply (self, &product);
}

static void
make_polynomial (PmodCudaBackend *self, const Iteration *i)
{
  int64_t size = i->m * i->m;
  unsigned grid = pmod_cuda_grid (size, BLOCK);
  const float *gram = i->gram, *power = i->power;

  pmod_cuda_with (i->act, [&] (auto type) {
    typedef PMOD_ELEMENT (type) T;

    PMOD_LAUNCH (muon_polynomial_kernel<T>, grid, BLOCK, 0, self->stream, (T *)i->poly, gram, power,
                 size);
  });
  pmod_cuda_check_launch (self, "muon");
}

/* x = a x + (b A + c A^2) x with A = x x^T: pushes every singular value towards 1. A is its own
 * transpose, so its rows serve as both factors of A^2. */
static void
iterate (PmodCudaBackend *self, const Iteration *i)
{
  bool f32 = i->act == PMOD_DTYPE_F32;

  turn_f32 (self, f32 ? NULL : i->x_rows, i->x_columns, i->act, i->x, i->m, i->n, NULL);
  multiply (self, i->gram, i->x_rows, i->x_rows, i->act, i->m, i->m, i->n, 0);
  if (!f32)
    turn_f32 (self, i->gram_rows, NULL, i->act, i->gram, i->m, i->m, NULL);
  multiply (self, i->power, i->gram_rows, i->gram_rows, i->act, i->m, i->m, i->m, 0);
  make_polynomial (self, i);
  multiply (self, i->x, i->poly, i->x_columns, i->act, i->m, i->n, i->m, MUON_A);
}

/* velocity after this step, and x = u / |u|, turned where there are more rows than columns. */
static void
begin (PmodCudaBackend *self,
       const Iteration *i,
       PmodTensor *velocity,
       const PmodTensor *grad,
       const float *factor,
       float momentum)
{
  int64_t n_out = velocity->shape[0], n_in = velocity->shape[1], size = n_out * n_in;
  bool turned = n_out > n_in;

  PMOD_LAUNCH (muon_push_kernel, pmod_cuda_grid (size, BLOCK), BLOCK, 0, self->stream, i->u,
               (float *)velocity->data, (const float *)grad->data, factor, size, momentum);
  pmod_cuda_check_launch (self, "muon");
  square_parts (self, i->sums, i->u, size);
  PMOD_LAUNCH (muon_scale_kernel, 1, WIDE_BLOCK, 0, self->stream, i->scale, i->sums,
               n_parts_of (size));
  pmod_cuda_check_launch (self, "muon");
  turn_f32 (self, turned ? NULL : i->x, turned ? i->x : NULL, PMOD_DTYPE_F32, i->u, n_out, n_in,
            i->scale);
}

void
pmod_cuda_muon (PmodBackend *backend,
                PmodTensor *weight,
                PmodTensor *velocity,
                const PmodTensor *grad,
                const PmodTensor *factor,
                const PmodMuon *options)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  int64_t n_out = weight->shape[0], n_in = weight->shape[1], size = n_out * n_in;
  bool turned = n_out > n_in;
  float rate = options->rate;
  Iteration iteration = {};
  char *memory;

  iteration.act = options->act;
  iteration.m = turned ? n_in : n_out, iteration.n = turned ? n_out : n_in;
  memory = (char *)pmod_cuda_workspace (self, lay_out (&iteration, NULL));
  if (!memory)
    return;
  lay_out (&iteration, memory);
  begin (self, &iteration, velocity, grad, data_of (factor), options->momentum);
  for (int i = 0; i < MUON_ITERATIONS; i++)
    iterate (self, &iteration);
  if (turned)
    turn_f32 (self, NULL, iteration.u, PMOD_DTYPE_F32, iteration.x, n_in, n_out, NULL);
  PMOD_LAUNCH (muon_step_kernel, pmod_cuda_grid (size, BLOCK), BLOCK, 0, self->stream,
               (float *)weight->data, turned ? iteration.u : iteration.x, data_of (factor), size,
               1 - rate * options->weight_decay,
               rate * sqrtf (turned ? (float)n_out / (float)n_in : 1));
  pmod_cuda_check_launch (self, "muon");
}
