/* Patches, position embeddings and bilinear resampling: all bound by memory, and run once a
 * picture. One block writes one row; neighbours that read the same lines find them in L2.
 *
 *                   read                       written                  FLOPs
 *   patchify        12 n S^2                   n P 3 p^2 of y's dtype   none
 *   embed_patches   4 n P D + 4 n (P + 1) D    4 n (P + 1) D            n (P + 1) D
 *   resample        4 H W D, up to 4 times     4 h w D                  9 h w D
 *                   from L2 */
#include "cuda-private.h"

/* Eight warps: a row is 588 values of a patch, or 1024 of CLIP's width. */
#define BLOCK 256

/* One block a patch, which writes its row in order. Columns are 32 bits wide, since a division by a
 * number that is not known is slow in 64: a row of 3 p^2 values is less than 2^32. */
template <typename Y>
__global__ void
patchify_kernel (Y *__restrict__ patches,
                 const float *__restrict__ pixels,
                 int64_t side,
                 unsigned patch)
{
  int64_t n_side = side / patch, n_patches = n_side * n_side, row = blockIdx.x;
  int64_t tile = row / n_patches, at = row % n_patches;
  unsigned n = 3 * patch * patch;
  const float *from =
      pixels + tile * 3 * side * side + at / n_side * patch * side + at % n_side * patch;
  Y *to = patches + row * n;

  for (unsigned i = threadIdx.x; i < n; i += BLOCK)
    {
      unsigned line = i / patch, channel = line / patch;

      store (&to[i], from[(channel * side + line % patch) * side + i % patch]);
    }
}

void
pmod_cuda_patchify (PmodBackend *backend,
                    PmodTensor *patches,
                    const PmodTensor *pixels,
                    int64_t patch)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_rows = (unsigned)patches->shape[0];
  const float *from = (const float *)pixels->data;
  int64_t side = pixels->shape[2];

  if (n_rows == 0)
    return;
  pmod_cuda_with (patches->dtype, [&] (auto type) {
    typedef PMOD_ELEMENT (type) Y;

    PMOD_LAUNCH (patchify_kernel<Y>, n_rows, BLOCK, 0, self->stream, (Y *)patches->data, from, side,
                 (unsigned)patch);
  });
  pmod_cuda_check_launch (self, "patchify");
}

__global__ void
embed_patches_kernel (float *__restrict__ x,
                      const float *__restrict__ patches,
                      const float *__restrict__ cls,
                      const float *__restrict__ position,
                      int64_t n_positions,
                      int64_t d)
{
  int64_t row = blockIdx.x, tile = row / n_positions, at = row % n_positions;
  const float *from = at > 0 ? patches + (tile * (n_positions - 1) + at - 1) * d : cls;
  const float *offset = position + at * d;

  for (int64_t i = threadIdx.x; i < d; i += BLOCK)
    x[row * d + i] = from[i] + offset[i];
}

void
pmod_cuda_embed_patches (PmodBackend *backend,
                         PmodTensor *x,
                         const PmodTensor *patches,
                         const PmodTensor *cls,
                         const PmodTensor *position)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_rows = (unsigned)x->shape[0];

  if (n_rows == 0)
    return;
  PMOD_LAUNCH (embed_patches_kernel, n_rows, BLOCK, 0, self->stream, (float *)x->data,
               (const float *)patches->data, (const float *)cls->data,
               (const float *)position->data, position->shape[0], position->shape[1]);
  pmod_cuda_check_launch (self, "embed_patches");
}

/* Where output idx of n_out lies between two of n_in inputs, align_corners=false: F32, and negative
 * sources clamped to 0, as PyTorch computes it. fmaf, so that it is rounded once in every build;
 * where that moves a source across an input, the result is continuous. */
__device__ static inline void
source_of (int64_t idx, int64_t n_out, int64_t n_in, int64_t *low, int64_t *high, float *part)
{
  float ratio = (float)n_in / (float)n_out;
  float source = fmaxf (fmaf (ratio, (float)idx + 0.5f, -0.5f), 0);

  *low = (int64_t)source < n_in - 1 ? (int64_t)source : n_in - 1;
  *high = *low < n_in - 1 ? *low + 1 : n_in - 1;
  *part = source - (float)*low;
}

__device__ static inline float
mix (float a, float b, float part)
{
  return fmaf (part, b, (1 - part) * a);
}

/* One block a cell of y. */
__global__ void
resample_kernel (float *__restrict__ y,
                 const float *__restrict__ x,
                 int64_t n_lines,
                 int64_t n_columns,
                 int64_t n_from_lines,
                 int64_t n_from_columns,
                 int64_t d)
{
  int64_t cell = blockIdx.x, top, bottom, left, right;
  float down, across;

  source_of (cell / n_columns, n_lines, n_from_lines, &top, &bottom, &down);
  source_of (cell % n_columns, n_columns, n_from_columns, &left, &right, &across);
  top *= n_from_columns, bottom *= n_from_columns;
  for (int64_t i = threadIdx.x; i < d; i += BLOCK)
    {
      float upper = mix (x[(top + left) * d + i], x[(top + right) * d + i], across);
      float lower = mix (x[(bottom + left) * d + i], x[(bottom + right) * d + i], across);

      y[cell * d + i] = mix (upper, lower, down);
    }
}

void
pmod_cuda_resample (PmodBackend *backend, PmodTensor *y, const PmodTensor *x)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;
  unsigned n_cells = (unsigned)(y->shape[0] * y->shape[1]);

  if (n_cells == 0)
    return;
  PMOD_LAUNCH (resample_kernel, n_cells, BLOCK, 0, self->stream, (float *)y->data,
               (const float *)x->data, y->shape[0], y->shape[1], x->shape[0], x->shape[1],
               y->shape[2]);
  pmod_cuda_check_launch (self, "resample");
}
