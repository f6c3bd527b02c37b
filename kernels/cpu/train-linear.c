/* Gradients of linear layers. dx is a product with the transposed weights, by the path of
 * pmod_linear(). dw sums over tokens: dy and x are packed by columns, two neighbouring tokens to
 * a unit, and blocks of 64 x 64 weights are summed in registers, so that neither is transposed
 * and no primitive is made for each number of tokens. */
#include "train.h"

/* Units of one pass: 64 kB of each panel, which stay in L2 while the rows of a block use them. */
#define CHUNK 128

/* Tokens packed at a time, so that they are still in cache when they are multiplied. One core,
 * bf16, T 4096: 170 GFLOP/s at 576x192, 173 at 1024x256; all tokens at once 148 and 158. */
#define TOKENS 512

/* --- Packing ------------------------------------------------------------------------------ */

INLINE vf
load_columns (const PmodTensor *from, PmodDtype dtype, int64_t row, int64_t column)
{
  int64_t n = from->shape[1];

  if (row >= from->shape[0] || column >= n)
    return vf_set (0);
  return vf_get_until (from->data, dtype, row * n + column, row * n + n);
}

/* units and dtype must be constants where this is used. */
INLINE void
pack_columns (uint32_t *to,
              int64_t n_padded,
              int64_t panel,
              Units units,
              const PmodTensor *from,
              PmodDtype dtype)
{
  for (int64_t unit = 0; unit < n_padded; unit++)
    for (int64_t i = 0; i < PANEL; i += VW)
      {
        int64_t column = panel * PANEL + i;
        uint32_t *out = to + unit * PANEL + i;

        if (units == UNITS_PAIRS)
          *(vu_mem *)out = vf_pair_bf16 (load_columns (from, dtype, 2 * unit, column),
                                         load_columns (from, dtype, 2 * unit + 1, column));
        else
          {
            vf value = load_columns (from, dtype, unit, column);

            vf_store (out, units == UNITS_ROUNDED ? vf_round_bf16 (value) : value);
          }
      }
}

void
LEVEL (pmod_cpu_pack_columns) (
    uint32_t *to, int64_t n_padded, int64_t panel, Units units, const PmodTensor *from)
{
  if (units == UNITS_PAIRS && from->dtype == PMOD_DTYPE_BF16)
    pack_columns (to, n_padded, panel, UNITS_PAIRS, from, PMOD_DTYPE_BF16);
  else if (units == UNITS_PAIRS)
    pack_columns (to, n_padded, panel, UNITS_PAIRS, from, PMOD_DTYPE_F32);
  else
    pack_columns (to, n_padded, panel, units, from, from->dtype);
}

void
LEVEL (pmod_cpu_pack_transposed) (PmodCpuBackend *self,
                                  const PmodCpuMatrix *w,
                                  const PmodTensor *from)
{
  Units units = w->base.act == PMOD_DTYPE_F32 ? UNITS_F32 : UNITS_PAIRS;
  bool parallel = w->base.n_bytes > PARALLEL_MIN;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t panel = 0; panel < w->n_panels; panel++)
    LEVEL (pmod_cpu_pack_columns)
  ((uint32_t *)w->data + panel * w->n_padded * PANEL, w->n_padded, panel, units, from);
}

/* --- Matrices ----------------------------------------------------------------------------- */

void
LEVEL (pmod_cpu_matrix_update) (PmodBackend *backend, PmodMatrix *matrix, const PmodTensor *master)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  PmodCpuMatrix *w = (PmodCpuMatrix *)matrix;
  PmodMatrixPart part = { master->data, PMOD_DTYPE_F32, matrix->n_out };
  bool parallel = matrix->n_bytes > PARALLEL_MIN;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t panel = 0; panel < w->n_panels; panel++)
    self->kernels->pack_panel (w, panel, &part, 1);
  LEVEL (pmod_cpu_pack_transposed) (self, w->transposed, master);
}

PmodMatrix *
LEVEL (pmod_cpu_matrix_new_trainable) (PmodBackend *backend,
                                       const PmodTensor *master,
                                       PmodDtype act)
{
  int64_t n_out = master->shape[0], n_in = master->shape[1];
  PmodCpuMatrix *w = pmod_cpu_matrix_alloc (backend, n_out, n_in, act);

  if (!w)
    return NULL;
  w->transposed = pmod_cpu_matrix_alloc (backend, n_in, n_out, act);
  if (!w->transposed)
    {
      pmod_cpu_matrix_free (backend, &w->base);
      return NULL;
    }
  w->base.trainable = true;
  w->base.n_bytes += w->transposed->base.n_bytes;
  LEVEL (pmod_cpu_matrix_update) (backend, &w->base, master);
  return &w->base;
}

/* --- Gradients ---------------------------------------------------------------------------- */

static void
add_row_sums (PmodCpuBackend *self, float *to, const PmodTensor *dy)
{
  int64_t n_rows = dy->shape[0], n = dy->shape[1], n_spans = (n + SPAN - 1) / SPAN;
  const float *from = dy->data;
  bool parallel = n_rows * n > PARALLEL_MIN / 4;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t span = 0; span < n_spans; span++)
    {
      int64_t first = span * SPAN, end = min_i64 (n, first + SPAN);

      for (int64_t row = 0; row < n_rows; row += ROW_BLOCK)
        for (int64_t i = first; i < end; i += VW)
          {
            vf sum = vf_set (0);

            for (int64_t t = row; t < min_i64 (n_rows, row + ROW_BLOCK); t++)
              sum += get (from, t * n + i, t * n + end);
            add (to, i, end, sum);
          }
    }
}

typedef struct
{
  PmodCpuMatrix dy, x; /* packed by columns */
  Units units;
} Columns;

/* c[n_rows][64] += the block at panels (out, in) of dw; c_stride in floats. */
static void
add_product (
    const Columns *columns, float *c, int64_t c_stride, int64_t n_rows, int64_t out, int64_t in)
{
  const PmodCpuMatrix *dy = &columns->dy, *x = &columns->x;
  const uint32_t *a = (const uint32_t *)dy->data + out * dy->n_padded * PANEL;
  const uint32_t *b = (const uint32_t *)x->data + in * x->n_padded * PANEL;

  for (int64_t unit = 0; unit < dy->n_units; unit += CHUNK)
    {
      int64_t n = min_i64 (CHUNK, dy->n_units - unit);
      const char *rows = (const char *)(a + unit * PANEL);
      const float *inputs = (const float *)(const void *)(b + unit * PANEL);

      if (columns->units == UNITS_PAIRS)
        tile_product_steps (n_rows, PANEL, true, n, rows, 4, PANEL * 4, inputs, PANEL, c, c_stride,
                            true);
      else
        tile_product_steps (n_rows, PANEL, false, n, rows, 4, PANEL * 4, inputs, PANEL, c, c_stride,
                            true);
    }
}

/* The block of dw at panels (out, in). */
static void
add_block (const Columns *columns, float *dw, int64_t out, int64_t in)
{
  int64_t n_in = columns->x.base.n_out, first = in * PANEL, end = min_i64 (n_in, first + PANEL);
  int64_t n_rows = min_i64 (PANEL, columns->dy.base.n_out - out * PANEL);
  float *to = dw + out * PANEL * n_in + first;

  if (end - first == PANEL)
    add_product (columns, to, n_in, n_rows, out, in);
  else
    {
      float block[PANEL * PANEL] = { 0 };

      add_product (columns, block, PANEL, n_rows, out, in);
      for (int64_t row = 0; row < n_rows; row++)
        for (int64_t i = 0; i < end - first; i += VW)
          add (to + row * n_in, i, end - first, vf_load (block + row * PANEL + i));
    }
}

/* A matrix of n_out columns and n_tokens rows in units that this level multiplies. */
static void
shape_columns (PmodCpuMatrix *w, int64_t n_out, int64_t n_tokens, Units units)
{
  pmod_cpu_matrix_shape (w, n_out, n_tokens,
                         units == UNITS_PAIRS ? PMOD_DTYPE_BF16 : PMOD_DTYPE_F32);
}

static void
add_weights (PmodCpuBackend *self, PmodTensor *dw, const PmodTensor *dy, const PmodTensor *x)
{
  Columns columns = { .units = UNITS_F32 };
  int64_t n_panels, n_items;
  bool parallel = dy->shape[0] * dw->shape[0] > PARALLEL_MIN / dw->shape[1];
  char *memory;

  if (x->dtype == PMOD_DTYPE_BF16)
    columns.units = self->kernels->bf16_native ? UNITS_PAIRS : UNITS_ROUNDED;
  shape_columns (&columns.dy, dw->shape[0], dy->shape[0], columns.units);
  shape_columns (&columns.x, dw->shape[1], dy->shape[0], columns.units);
  memory = pmod_cpu_workspace (self, columns.dy.base.n_bytes + columns.x.base.n_bytes);
  if (!memory)
    return;
  columns.dy.data = memory;
  columns.x.data = memory + columns.dy.base.n_bytes;
  n_panels = columns.dy.n_panels + columns.x.n_panels;
  n_items = columns.dy.n_panels * columns.x.n_panels;
#pragma omp parallel num_threads(self->n_threads) if (parallel)
  {
#pragma omp for schedule(static)
    for (int64_t i = 0; i < n_panels; i++)
      {
        bool is_x = i >= columns.dy.n_panels;
        const PmodCpuMatrix *w = is_x ? &columns.x : &columns.dy;
        int64_t panel = is_x ? i - columns.dy.n_panels : i;

        LEVEL (pmod_cpu_pack_columns)
        ((uint32_t *)w->data + panel * w->n_padded * PANEL, w->n_padded, panel, columns.units,
         is_x ? x : dy);
      }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < n_items; i++)
      add_block (&columns, dw->data, i / columns.x.n_panels, i % columns.x.n_panels);
  }
}

/* dy rounded to BF16 in the workspace. */
static bool
round_rows (PmodCpuBackend *self, PmodTensor *to, const PmodTensor *dy)
{
  int64_t n = pmod_tensor_n_elements (dy);
  bool parallel = n > PARALLEL_MIN / 4;

  *to = pmod_tensor_2d (NULL, PMOD_DTYPE_BF16, dy->shape[0], dy->shape[1]);
  to->data = pmod_cpu_workspace (self, pmod_tensor_bytes (to));
  if (!to->data)
    return false;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t i = 0; i < n; i += VW)
    vf_put_until (to->data, PMOD_DTYPE_BF16, i, n, get (dy->data, i, n));
  return true;
}

void
LEVEL (pmod_cpu_linear_backward) (PmodBackend *backend,
                                  PmodTensor *dx,
                                  PmodTensor *dw,
                                  PmodTensor *db,
                                  const PmodTensor *dy,
                                  const PmodTensor *x,
                                  const PmodMatrix *matrix)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  const PmodCpuMatrix *w = (const PmodCpuMatrix *)matrix;
  PmodTensor rounded = *dy;

  if (db)
    add_row_sums (self, db->data, dy);
  for (int64_t first = 0; dw && first < dy->shape[0]; first += TOKENS)
    {
      int64_t n = min_i64 (TOKENS, dy->shape[0] - first);
      PmodTensor some_dy = pmod_tensor_rows (dy, first, n), some_x = pmod_tensor_rows (x, first, n);

      add_weights (self, dw, &some_dy, &some_x);
    }
  if (dx && (matrix->act == PMOD_DTYPE_F32 || round_rows (self, &rounded, dy)))
    pmod_cpu_linear (backend, dx, &rounded, &w->transposed->base, NULL, PMOD_EPILOGUE_NONE);
}
