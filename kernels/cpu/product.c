/* Our own matrix product over packed panels, one for each level: products of few rows (decode),
 * small products, and everything where oneDNN has no fast kernel.
 *
 * Without BF16 instructions BF16 weights and inputs are widened to F32 chunk by chunk; the
 * rounding points are those of the native product (weights and inputs), so results differ only in
 * the order of sums. */
#include "simd.h"

/* One item: at most this many rows of x times one panel. 96 rows of F32 chunks stay in L2. */
#define ROWS_MAX 96

/* Units of K in one chunk. A chunk of a panel is 64 kB; where few rows share it, 16 kB so that
 * it stays in L1 between the column tiles. */
#define CHUNK_MAX 256
#define CHUNK_SMALL 64

#define C_BYTES ((size_t)(ROWS_MAX * PANEL * 4))
#define A_BYTES ((size_t)(ROWS_MAX * CHUNK_MAX * 2 * 4))
#define B_BYTES ((size_t)(PANEL * CHUNK_MAX * 2 * 4))

/* --- Packing ------------------------------------------------------------------------------ */

/* n elements of any dtype and alignment to the units of dtype act. */
static void
convert (char *to, PmodDtype act, const char *from, PmodDtype dtype, int64_t n)
{
  size_t from_size = dtype == PMOD_DTYPE_F32 ? 4 : 2, to_size = act == PMOD_DTYPE_F32 ? 4 : 2;

  if (dtype == act)
    {
      memcpy (to, from, (size_t)n * to_size);
      return;
    }
  for (int64_t i = 0; i < n; i += VW)
    {
      const char *at = from + (size_t)i * from_size;
      int64_t left = n - i;
      vf value;

      if (dtype == PMOD_DTYPE_F32)
        value =
            left >= VW ? vf_get (at, PMOD_DTYPE_F32, 0) : vf_get_n (at, PMOD_DTYPE_F32, 0, left);
      else if (dtype == PMOD_DTYPE_BF16)
        value =
            left >= VW ? vf_get (at, PMOD_DTYPE_BF16, 0) : vf_get_n (at, PMOD_DTYPE_BF16, 0, left);
      else
        value =
            left >= VW ? vf_get (at, PMOD_DTYPE_F16, 0) : vf_get_n (at, PMOD_DTYPE_F16, 0, left);
      vf_put_until (to, act, i, n, value);
    }
}

void
LEVEL (pmod_cpu_pack_panel) (const PmodCpuMatrix *w,
                             int64_t panel,
                             const PmodMatrixPart *parts,
                             int n_parts)
{
  enum
  {
    STEP = 64
  };
  uint32_t rows[PANEL][STEP];
  int64_t per_unit = w->base.act == PMOD_DTYPE_F32 ? 1 : 2;
  uint32_t *to = (uint32_t *)w->data + panel * w->n_padded * PANEL;

  for (int64_t unit = 0; unit < w->n_padded; unit += STEP)
    {
      int64_t n_units = min_i64 (STEP, w->n_padded - unit);
      int64_t first = unit * per_unit;
      int64_t n = min_i64 (STEP * per_unit, w->base.n_in - first);
      int part = 0;
      int64_t part_row = panel * PANEL;

      memset (rows, 0, sizeof rows);
      for (int i = 0; i < PANEL && n > 0; i++, part_row++)
        {
          size_t size;

          while (part < n_parts && part_row >= parts[part].n_out)
            part_row -= parts[part++].n_out;
          if (part == n_parts)
            break;
          size = parts[part].dtype == PMOD_DTYPE_F32 ? 4 : 2;
          convert ((char *)rows[i], w->base.act,
                   (const char *)parts[part].data +
                       (size_t)(part_row * w->base.n_in + first) * size,
                   parts[part].dtype, n);
        }
      for (int64_t k = 0; k < n_units; k++)
        for (int i = 0; i < PANEL; i++)
          to[(unit + k) * PANEL + i] = rows[i][k];
    }
}

/* --- Product ------------------------------------------------------------------------------ */

/* Rows of x from row on, elements [first, first + n), widened to F32 or only gathered and padded
 * with zeros to whole units. */
static void
load_rows (char *to,
           int64_t to_stride,
           const PmodTensor *x,
           int64_t row,
           int64_t n_rows,
           int64_t first,
           int64_t n,
           bool widen)
{
  int64_t n_in = x->shape[1];

  for (int64_t i = 0; i < n_rows; i++)
    {
      const uint16_t *from = (const uint16_t *)x->data + (row + i) * n_in + first;
      char *out = to + i * to_stride;

      memset (out, 0, (size_t)to_stride);
      if (widen)
        convert (out, PMOD_DTYPE_F32, (const char *)from, PMOD_DTYPE_BF16, n);
      else
        memcpy (out, from, (size_t)n * 2);
    }
}

/* n units of two BF16 for each of 64 outputs to 2n rows of F32. */
static void
widen_panel (float *to, const uint32_t *from, int64_t n)
{
  for (int64_t k = 0; k < n; k++)
    for (int64_t j = 0; j < PANEL; j += VW)
      {
        vu pair = *(const vu_mem *)(from + k * PANEL + j);

        vf_store (to + 2 * k * PANEL + j, (vf)(pair << 16));
        vf_store (to + (2 * k + 1) * PANEL + j, (vf)(pair & 0xffff0000u));
      }
}

/* One row of F32 times n units of two BF16 for each of 64 outputs, widened in registers: where
 * there is but one row to use it, a widened copy of the weights would cost more than the product.
 */
static void
multiply_widening (int64_t n, const float *a, const uint32_t *b, float *c, bool add)
{
  vf acc[PANEL / VW];

#pragma GCC unroll 16
  for (int j = 0; j < PANEL / VW; j++)
    acc[j] = add ? vf_load (c + j * VW) : vf_set (0);
  for (int64_t k = 0; k < n; k++)
    {
      vf first = vf_set (a[2 * k]), second = vf_set (a[2 * k + 1]);

#pragma GCC unroll 16
      for (int j = 0; j < PANEL / VW; j++)
        {
          vu pair = *(const vu_mem *)(b + k * PANEL + j * VW);

          acc[j] += first * (vf)(pair << 16);
          acc[j] += second * (vf)(pair & 0xffff0000u);
        }
    }
#pragma GCC unroll 16
  for (int j = 0; j < PANEL / VW; j++)
    vf_store (c + j * VW, acc[j]);
}

/* c[n_rows][64] += a . b over n units; a single row takes the whole panel at once, so that a
 * decode step reads memory strictly in order. */
static void
multiply (int64_t n_rows,
          bool pairs,
          int64_t n,
          const char *a,
          int64_t a_stride,
          const float *b,
          float *c,
          bool add)
{
  if (n_rows == 1 && pairs)
    tile_fixed (1, PANEL / VW, true, n, a, a_stride, 4, b, PANEL, c, PANEL, add);
  else if (n_rows == 1)
    tile_fixed (1, PANEL / VW, false, n, a, a_stride, 4, b, PANEL, c, PANEL, add);
  else if (pairs)
    tile_product (n_rows, PANEL, true, n, a, a_stride, b, PANEL, c, PANEL, add);
  else
    tile_product (n_rows, PANEL, false, n, a, a_stride, b, PANEL, c, PANEL, add);
}

/* y = epilogue (c + bias) for one item; dtype is y's, and like epilogue and has_bias a constant. */
INLINE void
store_rows (PmodTensor *y,
            PmodDtype dtype,
            const float *c,
            const float *bias,
            bool has_bias,
            PmodEpilogue epilogue,
            int64_t row,
            int64_t n_rows,
            int64_t column)
{
  int64_t n_out = y->shape[1], end = min_i64 (n_out, column + PANEL);

  for (int64_t i = 0; i < n_rows; i++)
    for (int64_t j = column; j < end; j += VW)
      {
        int64_t at = (row + i) * n_out + j, at_end = (row + i) * n_out + end;
        vf value = vf_load (c + i * PANEL + j - column);

        if (has_bias)
          value += vf_get_until (bias, PMOD_DTYPE_F32, j, end);
        if (epilogue == PMOD_EPILOGUE_ADD)
          value += vf_get_until (y->data, PMOD_DTYPE_F32, at, at_end);
        else if (epilogue == PMOD_EPILOGUE_QUICK_GELU)
          value *= vf_sigmoid (vf_set (1.702f) * value);
        else if (epilogue == PMOD_EPILOGUE_GELU)
          value = vf_gelu (value);
        vf_put_until (y->data, dtype, at, at_end, value);
      }
}

static void
store_item (PmodTensor *y,
            const float *c,
            const float *bias,
            PmodEpilogue epilogue,
            int64_t row,
            int64_t n_rows,
            int64_t column)
{
#define STORE(dtype, has_bias, epilogue)                                                           \
  store_rows (y, dtype, c, bias, has_bias, epilogue, row, n_rows, column)
  /* The loops of a training step without its conditions; the others are rare. */
  if (epilogue == PMOD_EPILOGUE_NONE && bias && y->dtype == PMOD_DTYPE_F32)
    STORE (PMOD_DTYPE_F32, true, PMOD_EPILOGUE_NONE);
  else if (epilogue == PMOD_EPILOGUE_NONE && bias)
    STORE (PMOD_DTYPE_BF16, true, PMOD_EPILOGUE_NONE);
  else if (epilogue == PMOD_EPILOGUE_NONE && y->dtype == PMOD_DTYPE_F32)
    STORE (PMOD_DTYPE_F32, false, PMOD_EPILOGUE_NONE);
  else if (epilogue == PMOD_EPILOGUE_NONE)
    STORE (PMOD_DTYPE_BF16, false, PMOD_EPILOGUE_NONE);
  else if (epilogue == PMOD_EPILOGUE_ADD)
    STORE (PMOD_DTYPE_F32, bias != NULL, PMOD_EPILOGUE_ADD);
  else
    STORE (y->dtype, bias != NULL, epilogue);
#undef STORE
}

/* Rows row .. row + n_rows - 1 of x times one panel into c. */
static void
multiply_item (char *scratch,
               const PmodTensor *x,
               const PmodCpuMatrix *w,
               int64_t row,
               int64_t n_rows,
               int64_t panel,
               int64_t chunk)
{
#ifdef __AVX512BF16__
  bool pairs = w->base.act == PMOD_DTYPE_BF16, widen = false;
#else
  bool pairs = false, widen = w->base.act == PMOD_DTYPE_BF16;
#endif
  int64_t per_unit = w->base.act == PMOD_DTYPE_F32 ? 1 : 2, n_in = w->base.n_in;
  const uint32_t *data = (const uint32_t *)w->data + panel * w->n_padded * PANEL;
  float *c = (float *)(void *)scratch;
  char *a_buffer = scratch + C_BYTES;
  float *b_buffer = (float *)(void *)(a_buffer + A_BYTES);

  for (int64_t unit = 0; unit < w->n_units; unit += chunk)
    {
      int64_t n = min_i64 (chunk, w->n_units - unit), first = unit * per_unit;
      int64_t n_elements = min_i64 (n * per_unit, n_in - first);
      const char *a = (const char *)x->data + (size_t)(row * n_in + first) * (4 / per_unit);
      int64_t a_stride = n_in * (4 / per_unit);
      const float *b = (const float *)(const void *)(data + unit * PANEL);

      /* An odd K leaves half a unit at the end of a row, whose other half is the next row's. */
      if (widen || n_elements < n * per_unit)
        {
          a_stride = n * 4 * (widen ? 2 : 1);
          load_rows (a_buffer, a_stride, x, row, n_rows, first, n_elements, widen);
          a = a_buffer;
        }
      if (widen && n_rows == 1)
        {
          multiply_widening (n, (const float *)(const void *)a, data + unit * PANEL, c, unit > 0);
          continue;
        }
      if (widen)
        {
          widen_panel (b_buffer, data + unit * PANEL, n);
          b = b_buffer;
          n *= 2;
        }
      multiply (n_rows, pairs, n, a, a_stride, b, c, unit > 0);
    }
}

void
LEVEL (pmod_cpu_product) (PmodCpuBackend *self,
                          PmodTensor *y,
                          const PmodTensor *x,
                          const PmodCpuMatrix *w,
                          const PmodTensor *bias,
                          PmodEpilogue epilogue)
{
  int64_t n_tokens = x->shape[0];
  int64_t n_blocks = (n_tokens + ROWS_MAX - 1) / ROWS_MAX;
  int64_t n_items = w->n_panels * n_blocks;
  int64_t chunk = n_tokens <= TILE_ROWS ? CHUNK_SMALL : CHUNK_MAX;
  size_t stride;
  char *scratch = pmod_cpu_scratch (self, C_BYTES + A_BYTES + B_BYTES, &stride);
  /* One token reads each weight once; more of them multiply it from cache, some ten times as fast.
   */
  bool parallel =
      w->base.n_bytes * (size_t)n_tokens > (n_tokens > 1 ? 16 : 2) * (size_t)PARALLEL_MIN;

  if (!scratch)
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t item = 0; item < n_items; item++)
    {
      char *mine = scratch + (size_t)thread_idx () * stride;
      int64_t panel = item / n_blocks, row = item % n_blocks * ROWS_MAX;
      int64_t n_rows = min_i64 (ROWS_MAX, n_tokens - row);

      multiply_item (mine, x, w, row, n_rows, panel, chunk);
      store_item (y, (const float *)(const void *)mine, bias ? bias->data : NULL, epilogue, row,
                  n_rows, panel * PANEL);
    }
}
