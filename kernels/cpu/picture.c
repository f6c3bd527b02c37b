/* Patches, position embeddings, bilinear resampling, and rows of a table: all bound by memory. */
#include "simd.h"

void
LEVEL (pmod_cpu_patchify) (PmodBackend *backend,
                           PmodTensor *patches,
                           const PmodTensor *pixels,
                           int64_t patch)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t side = pixels->shape[2], n_side = side / patch, n_patches = n_side * n_side;
  int64_t n_rows = patches->shape[0], n = patches->shape[1];

#pragma omp parallel for num_threads(self->n_threads) schedule(static)
  for (int64_t row = 0; row < n_rows; row++)
    {
      int64_t tile = row / n_patches, at = row % n_patches;
      const float *from = (const float *)pixels->data + tile * 3 * side * side +
                          at / n_side * patch * side + at % n_side * patch;

      for (int64_t line = 0; line < 3 * patch; line++)
        {
          const float *pixel = from + (line / patch * side + line % patch) * side;
          int64_t to = row * n + line * patch;

          for (int64_t i = 0; i < patch; i += VW)
            vf_put_until (patches->data, patches->dtype, to + i, to + patch,
                          vf_get_until (pixel, PMOD_DTYPE_F32, i, patch));
        }
    }
}

void
LEVEL (pmod_cpu_embed_patches) (PmodBackend *backend,
                                PmodTensor *x,
                                const PmodTensor *patches,
                                const PmodTensor *cls,
                                const PmodTensor *position)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_positions = position->shape[0], n = position->shape[1], n_rows = x->shape[0];

#pragma omp parallel for num_threads(self->n_threads) schedule(static)
  for (int64_t row = 0; row < n_rows; row++)
    {
      int64_t tile = row / n_positions, at = row % n_positions;
      const float *from = cls->data, *offset = (const float *)position->data + at * n;

      if (at > 0)
        from = (const float *)patches->data + (tile * (n_positions - 1) + at - 1) * n;
      for (int64_t i = 0; i < n; i += VW)
        vf_put_until (x->data, PMOD_DTYPE_F32, row * n + i, row * n + n,
                      vf_get_until (from, PMOD_DTYPE_F32, i, n) +
                          vf_get_until (offset, PMOD_DTYPE_F32, i, n));
    }
}

/* Where output idx of n_out lies between two of n_in inputs, align_corners=false: F32, and
 * negative sources clamped to 0, as PyTorch computes it. */
static void
source_of (int64_t idx, int64_t n_out, int64_t n_in, int64_t *low, int64_t *high, float *part)
{
  float ratio = (float)n_in / (float)n_out;
  float source = ratio * ((float)idx + 0.5f) - 0.5f;

  if (source < 0)
    source = 0;
  *low = min_i64 ((int64_t)source, n_in - 1);
  *high = min_i64 (*low + 1, n_in - 1);
  *part = source - (float)*low;
}

void
LEVEL (pmod_cpu_resample) (PmodBackend *backend, PmodTensor *y, const PmodTensor *x)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_lines = y->shape[0], n_columns = y->shape[1], n = y->shape[2];
  int64_t n_cells = n_lines * n_columns;

#pragma omp parallel for num_threads(self->n_threads) schedule(static)
  for (int64_t cell = 0; cell < n_cells; cell++)
    {
      int64_t top, bottom, left, right;
      float down, across;
      const float *from = x->data;

      source_of (cell / n_columns, n_lines, x->shape[0], &top, &bottom, &down);
      source_of (cell % n_columns, n_columns, x->shape[1], &left, &right, &across);
      for (int64_t i = 0; i < n; i += VW)
        {
#define AT(line, column)                                                                           \
  vf_get_until (from + ((line)*x->shape[1] + (column)) * n, PMOD_DTYPE_F32, i, n)
          vf upper = vf_set (1 - across) * AT (top, left) + vf_set (across) * AT (top, right);
          vf lower = vf_set (1 - across) * AT (bottom, left) + vf_set (across) * AT (bottom, right);
#undef AT

          vf_put_until (y->data, PMOD_DTYPE_F32, cell * n + i, cell * n + n,
                        vf_set (1 - down) * upper + vf_set (down) * lower);
        }
    }
}

void
LEVEL (pmod_cpu_gather_rows) (PmodBackend *backend,
                              PmodTensor *y,
                              const PmodTensor *table,
                              const PmodTensor *idx)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = y->shape[0], n = y->shape[1];
  const int32_t *from = idx->data;
  bool parallel = n_rows > 1 && n_rows * n > PARALLEL_MIN / 4;

  for (int64_t t = 0; t < n_rows; t++)
    if (from[t] >= table->shape[0])
      {
        pmod_backend_fail (backend, "gather_rows: row %lld asks for %d of a table of %lld",
                           (long long)t, from[t], (long long)table->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_rows; t++)
    {
      int64_t at = (int64_t)from[t] * n;

      if (from[t] < 0)
        continue;
      for (int64_t i = 0; i < n; i += VW)
        vf_put_until (y->data, y->dtype, t * n + i, t * n + n,
                      vf_get_until (table->data, table->dtype, at + i, at + n));
    }
}
