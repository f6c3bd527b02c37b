/* Linear layers: weights on the device, one row after another, and the product with what follows.
 */
#include "cuda-private.h"

#include <stdlib.h>

/* Weights that must be converted go through the host's memory in pieces of so many. */
#define PIECE ((int64_t)1 << 20)

/* --- Matrices ------------------------------------------------------------------------------- */

static PmodCudaMatrix *
new_matrix (PmodCudaBackend *self, int64_t n_out, int64_t n_in, PmodDtype act)
{
  PmodCudaMatrix *w = (PmodCudaMatrix *)calloc (1, sizeof *w);

  if (!w)
    {
      pmod_backend_fail (&self->base, "no memory for a matrix");
      return NULL;
    }
  w->base.n_out = n_out;
  w->base.n_in = n_in;
  w->base.act = act;
  w->base.n_bytes = (size_t)n_out * (size_t)n_in * (act == PMOD_DTYPE_F32 ? 4 : 2);
  w->data = pmod_cuda_alloc (self, w->base.n_bytes);
  if (!w->data)
    {
      free (w);
      return NULL;
    }
  return w;
}

/* n values to BF16, rounded to nearest even. */
static void
narrow (uint16_t *to, const float *from, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    {
      uint32_t bits;

      memcpy (&bits, &from[i], 4);
      if ((bits & 0x7fffffffu) > 0x7f800000u)
        to[i] = (uint16_t)((bits >> 16) | 0x40); /* a NaN stays one */
      else
        to[i] = (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
    }
}

/* The same to F16, the largest of which larger ones become. */
static void
narrow_f16 (uint16_t *to, const float *from, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    to[i] = pmod_narrow_f16 (from[i]);
}

static void
upload_part (PmodCudaBackend *self,
             char *to,
             const PmodMatrixPart *part,
             int64_t n,
             PmodDtype act,
             float *wide)
{
  size_t from_size = part->dtype == PMOD_DTYPE_F32 ? 4 : 2, to_size = act == PMOD_DTYPE_F32 ? 4 : 2;

  if (part->dtype == act)
    {
      pmod_cuda_upload (self, to, part->data, (size_t)n * to_size);
      return;
    }
  for (int64_t i = 0; i < n; i += PIECE)
    {
      int64_t size = n - i < PIECE ? n - i : PIECE;

      pmod_widen (wide, (const char *)part->data + (size_t)i * from_size, part->dtype, size);
      /* In place: each value is read before its half as wide one is written. */
      if (act == PMOD_DTYPE_BF16)
        narrow ((uint16_t *)(void *)wide, wide, size);
      else if (act == PMOD_DTYPE_F16)
        narrow_f16 ((uint16_t *)(void *)wide, wide, size);
      pmod_cuda_upload (self, to + (size_t)i * to_size, wide, (size_t)size * to_size);
    }
}

PmodMatrix *
pmod_cuda_matrix_new (
    PmodBackend *backend, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  float *wide = (float *)malloc ((size_t)PIECE * sizeof *wide);
  int64_t n_out = 0;
  PmodCudaMatrix *w;
  char *to;

  for (int i = 0; i < n_parts; i++)
    n_out += parts[i].n_out;
  w = wide ? new_matrix (self, n_out, n_in, act) : NULL;
  if (!wide)
    pmod_backend_fail (backend, "no memory to convert a matrix");
  to = w ? (char *)w->data : NULL;
  for (int i = 0; w && i < n_parts; i++)
    {
      int64_t n = parts[i].n_out * n_in;

      upload_part (self, to, &parts[i], n, act, wide);
      to += (size_t)n * (act == PMOD_DTYPE_F32 ? 4 : 2);
    }
  free (wide);
  return w ? &w->base : NULL;
}

/* A good 32-bit mix of a counter: every weight is a function of its place alone. */
__device__ static inline uint32_t
mix (uint32_t n)
{
  n = (n ^ (n >> 16)) * 0x7feb352du;
  n = (n ^ (n >> 15)) * 0x846ca68bu;
  return n ^ (n >> 16);
}

template <typename T>
__global__ void
fill_random_kernel (T *to, int64_t n, float scale, uint32_t seed)
{
  int64_t stride = (int64_t)gridDim.x * blockDim.x;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      uint32_t bits = mix (seed + (uint32_t)i) ^ mix ((uint32_t)(i >> 32) + 1);

      store (&to[i], (float)(int32_t)mix (bits) * (scale * 0x1p-31f));
    }
}

PmodMatrix *
pmod_cuda_matrix_new_random (
    PmodBackend *backend, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  PmodCudaMatrix *w = new_matrix (self, n_out, n_in, act);
  float scale = 1.0f / sqrtf ((float)n_in);
  uint32_t mixed = (uint32_t)(seed ^ seed >> 32);
  int64_t n = n_out * n_in;

  if (!w)
    return NULL;
  pmod_cuda_with (act, [&] (auto type) {
    typedef PMOD_ELEMENT (type) T;

    PMOD_LAUNCH (fill_random_kernel<T>, 1024, 256, 0, self->stream, (T *)w->data, n, scale, mixed);
  });
  pmod_cuda_check_launch (self, "matrix");
  return &w->base;
}

void
pmod_cuda_matrix_free (PmodBackend *backend, PmodMatrix *matrix)
{
  PmodCudaMatrix *w = (PmodCudaMatrix *)matrix;

  pmod_cuda_free ((PmodCudaBackend *)backend, w->data);
  free (w);
}

/* --- The product ---------------------------------------------------------------------------- */

void
pmod_cuda_linear (PmodBackend *backend,
                  PmodTensor *y,
                  const PmodTensor *x,
                  const PmodMatrix *matrix,
                  const PmodTensor *bias,
                  PmodEpilogue epilogue)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  const PmodCudaMatrix *w = (const PmodCudaMatrix *)matrix;
  bool plain = epilogue == PMOD_EPILOGUE_NONE || epilogue == PMOD_EPILOGUE_ADD;
  PmodCudaProduct product = {
    y->data,       y->dtype,     x->data,
    w->data,       matrix->act,  x->shape[0],
    matrix->n_out, matrix->n_in, epilogue == PMOD_EPILOGUE_ADD ? 1.0f : 0
  };

  if (product.m == 0)
    return;
  if (plain && !bias)
    {
      pmod_cuda_multiply (self, &product);
      return;
    }
  /* What follows is done in F32 and rounded once. */
  product.y = pmod_cuda_workspace (self, (size_t)product.m * (size_t)product.n * sizeof (float));
  product.y_dtype = PMOD_DTYPE_F32;
  product.beta = 0;
  if (!product.y)
    return;
  pmod_cuda_multiply (self, &product);
  pmod_cuda_epilogue (self, y, (const float *)product.y, bias ? (const float *)bias->data : NULL,
                      epilogue);
}
