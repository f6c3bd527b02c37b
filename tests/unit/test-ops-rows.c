/* Norms, SwiGLU, patches, position embeddings, resampling and gathering at every level and dtype,
 * against F64. */
#include "ops-check.h"

#include <math.h>
#include <string.h>

#define U32 0x1p-24

/* Rounding of a result to dtype, with the part that F32 arithmetic of n roundings adds to terms
 * of the given size. */
static double
bound_of (PmodDtype dtype, double value, double size, double n)
{
  return n * U32 * size +
         (dtype == PMOD_DTYPE_F32 ? 2 * U32 * fabs (value) : op_rounding (dtype, value));
}

static double
rel_of (PmodDtype dtype, double f32)
{
  return dtype == PMOD_DTYPE_F32 ? f32 : op_unit (dtype);
}

/* --- Norms -------------------------------------------------------------------------------- */

/* eps counts where x is small; a mean of 30 standard deviations is where E[x^2] - mean^2 would
 * lose three digits. */
static void
check_norm (OpCase *self, bool layer, int n_rows, int n, double mean, double sd, bool in_place)
{
  const float eps = 1e-5f;
  PmodDtype dtype = in_place ? PMOD_DTYPE_F32 : self->act;
  int64_t size = (int64_t)n_rows * n;
  double *x_values, *w_values, *b_values, *want = op_doubles (self, size);
  double *bound = op_doubles (self, size);
  PmodTensor x = op_random (self, &x_values, PMOD_DTYPE_F32, mean, sd, 2, n_rows, n);
  PmodTensor w = op_random (self, &w_values, PMOD_DTYPE_F32, 1, 0.3, 1, n);
  PmodTensor b = op_random (self, &b_values, PMOD_DTYPE_F32, 0, 0.3, 1, n);
  PmodTensor y = in_place ? x : op_poison (self, dtype, 2, n_rows, n);

  for (int row = 0; row < n_rows; row++)
    {
      const double *from = x_values + (int64_t)row * n;
      double centre = 0, squares = 0, scale;

      for (int i = 0; layer && i < n; i++)
        centre += from[i] / n;
      for (int i = 0; i < n; i++)
        squares += (from[i] - centre) * (from[i] - centre) / n;
      scale = 1 / sqrt (squares + eps);
      for (int i = 0; i < n; i++)
        {
          int64_t at = (int64_t)row * n + i;
          double value = (from[i] - centre) * scale * w_values[i];

          want[at] = value + (layer ? b_values[i] : 0);
          /* The mean is off by at most (n/4 + 4) u max |x| with four lanes and more; the sum of
           * squares likewise in relative terms, of which the root takes half. */
          bound[at] =
              bound_of (dtype, want[at],
                        fabs (value) + fabs (b_values[i]) +
                            (layer ? (fabs (mean) + 4 * sd) * scale * fabs (w_values[i]) : 0),
                        n / 4.0 + 8);
        }
    }
  if (layer)
    pmod_layernorm (self->backend, &y, &x, &w, &b, eps);
  else
    pmod_rmsnorm (self->backend, &y, &x, &w, eps);
  op_compare (self, layer ? "layernorm" : "rmsnorm", &y, want, bound,
              rel_of (dtype, layer ? 1e-6 * (1 + fabs (mean / sd)) : 1e-6));
}

static void
test_norms (OpCase *self)
{
  static const int shapes[][2] = { { 1, 1 },   { 1, 7 },     { 3, 64 },
                                   { 5, 130 }, { 70, 1023 }, { 2, 4096 } };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      check_norm (self, false, shapes[i][0], shapes[i][1], 0, 3, false);
      check_norm (self, false, shapes[i][0], shapes[i][1], 0, 1e-3, false);
      /* One element is its own mean: what is left is rounding, with nothing to compare to. */
      if (shapes[i][1] > 1)
        {
          check_norm (self, true, shapes[i][0], shapes[i][1], 30, 1, false);
          check_norm (self, true, shapes[i][0], shapes[i][1], 0, 1, true);
        }
    }
}

/* --- SwiGLU ------------------------------------------------------------------------------- */

static void
check_swiglu (OpCase *self, int n_rows, int n, double sd)
{
  int64_t size = (int64_t)n_rows * n;
  double *values, *want = op_doubles (self, size), *bound = op_doubles (self, size);
  PmodTensor gate_up = op_random (self, &values, self->act, 0, sd, 2, n_rows, 2 * n);
  PmodTensor y = op_poison (self, self->act, 2, n_rows, n);

  for (int row = 0; row < n_rows; row++)
    for (int i = 0; i < n; i++)
      {
        double gate = values[(int64_t)row * 2 * n + i], up = values[(int64_t)row * 2 * n + n + i];
        int64_t at = (int64_t)row * n + i;

        want[at] = gate / (1 + exp (-gate)) * up;
        /* The exponential is good to 1.2e-7 = 2 u; six roundings in all. Below e^-87 the
         * sigmoid stays at 1.2e-38, where silu is zero to 1e-36. */
        bound[at] = bound_of (self->act, want[at], fabs (want[at]), 6) + 1e-34 * fabs (up);
        want[at] = op_clamp (self->act, want[at]);
      }
  pmod_swiglu (self->backend, &y, &gate_up);
  op_compare (self, "swiglu", &y, want, bound, rel_of (self->act, 3e-7));
}

static void
test_swiglu (OpCase *self)
{
  check_swiglu (self, 1, 1, 1);
  check_swiglu (self, 1, 11008, 2);
  check_swiglu (self, 7, 77, 1);
  check_swiglu (self, 33, 2050, 10);
  check_swiglu (self, 3, 500, 80);
}

/* --- Pictures ----------------------------------------------------------------------------- */

static void
check_patchify (OpCase *self, int n_tiles, int side, int patch)
{
  int n_side = side / patch, n_rows = n_tiles * n_side * n_side, n = 3 * patch * patch;
  double *values, *want = op_doubles (self, (int64_t)n_rows * n);
  PmodTensor pixels = op_random (self, &values, PMOD_DTYPE_F32, 0, 1, 4, n_tiles, 3, side, side);
  PmodTensor patches = op_poison (self, self->act, 2, n_rows, n);

  for (int row = 0; row < n_rows; row++)
    for (int i = 0; i < n; i++)
      {
        int tile = row / (n_side * n_side), at = row % (n_side * n_side);
        int channel = i / (patch * patch), y = at / n_side * patch + i / patch % patch;
        int x = at % n_side * patch + i % patch;

        want[(int64_t)row * n + i] = values[(((int64_t)tile * 3 + channel) * side + y) * side + x];
      }
  pmod_patchify (self->backend, &patches, &pixels, patch);
  op_compare (self, "patchify", &patches, want, NULL, rel_of (self->act, 0));
}

static void
check_embed (OpCase *self, int n_tiles, int n_patches, int n)
{
  int n_rows = n_tiles * (n_patches + 1);
  double *patch_values, *cls_values, *position_values;
  double *want = op_doubles (self, (int64_t)n_rows * n);
  PmodTensor patches =
      op_random (self, &patch_values, PMOD_DTYPE_F32, 0, 1, 2, n_tiles * n_patches, n);
  PmodTensor cls = op_random (self, &cls_values, PMOD_DTYPE_F32, 0, 1, 1, n);
  PmodTensor position =
      op_random (self, &position_values, PMOD_DTYPE_F32, 0, 1, 2, n_patches + 1, n);
  PmodTensor x = op_poison (self, PMOD_DTYPE_F32, 2, n_rows, n);

  for (int row = 0; row < n_rows; row++)
    for (int i = 0; i < n; i++)
      {
        int tile = row / (n_patches + 1), at = row % (n_patches + 1);
        double from =
            at ? patch_values[((int64_t)tile * n_patches + at - 1) * n + i] : cls_values[i];

        want[(int64_t)row * n + i] = from + position_values[(int64_t)at * n + i];
      }
  pmod_embed_patches (self->backend, &x, &patches, &cls, &position);
  op_compare (self, "embed_patches", &x, want, NULL, U32);
}

/* Source positions are computed in F32 (as PyTorch does): off by up to 2 u of the largest. */
static void
check_resample (OpCase *self, int in_h, int in_w, int out_h, int out_w, int n)
{
  int64_t size = (int64_t)out_h * out_w * n;
  double *values, *want = op_doubles (self, size), *bound = op_doubles (self, size);
  PmodTensor x = op_random (self, &values, PMOD_DTYPE_F32, 0, 1, 3, in_h, in_w, n);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 3, out_h, out_w, n);

  for (int line = 0; line < out_h; line++)
    for (int column = 0; column < out_w; column++)
      for (int i = 0; i < n; i++)
        {
          double at_y = fmax (0, (line + 0.5) * in_h / out_h - 0.5);
          double at_x = fmax (0, (column + 0.5) * in_w / out_w - 0.5);
          int y0 = MIN ((int)at_y, in_h - 1), x0 = MIN ((int)at_x, in_w - 1);
          int y1 = MIN (y0 + 1, in_h - 1), x1 = MIN (x0 + 1, in_w - 1);
          double down = at_y - y0, across = at_x - x0;
          int64_t at = ((int64_t)line * out_w + column) * n + i;
#define X(r, c) values[((int64_t)(r)*in_w + (c)) * n + i]
          want[at] = (1 - down) * ((1 - across) * X (y0, x0) + across * X (y0, x1)) +
                     down * ((1 - across) * X (y1, x0) + across * X (y1, x1));
          bound[at] =
              U32 * (4 + 4 * (in_h + in_w)) *
              (fabs (X (y0, x0)) + fabs (X (y0, x1)) + fabs (X (y1, x0)) + fabs (X (y1, x1)));
#undef X
        }
  pmod_resample (self->backend, &y, &x);
  op_compare (self, "resample", &y, want, bound, 4 * (in_h + in_w) * U32);
}

static void
check_gather (OpCase *self, PmodDtype table_dtype, PmodDtype dtype)
{
  const int n_table = 50, n = 77, n_rows = 23;
  int32_t idx[23];
  double *values, *want = op_doubles (self, (int64_t)n_rows * n), *before;
  PmodTensor table = op_random (self, &values, table_dtype, 0, 1, 2, n_table, n);
  PmodTensor y = op_random (self, &before, dtype, 0, 1, 2, n_rows, n);
  PmodTensor rows;

  for (int t = 0; t < n_rows; t++)
    {
      idx[t] = t % 5 == 3 ? -1 : g_rand_int_range (self->rand, 0, n_table);
      for (int i = 0; i < n; i++)
        want[t * n + i] = idx[t] < 0 ? before[t * n + i] : values[(int64_t)idx[t] * n + i];
    }
  rows = op_indices (self, idx, n_rows);
  pmod_gather_rows (self->backend, &y, &table, &rows);
  /* Only a y that is narrower, in digits or in range, rounds. */
  op_compare (self, "gather_rows", &y, want, NULL,
              dtype == PMOD_DTYPE_F32 || table_dtype == dtype ? 0 : op_unit (dtype));
}

static void
test_pictures (OpCase *self)
{
  check_patchify (self, 1, 2, 2);
  check_patchify (self, 2, 42, 14);
  check_patchify (self, 1, 96, 32);
  check_embed (self, 1, 1, 1);
  check_embed (self, 3, 9, 70);
  check_resample (self, 1, 1, 3, 2, 5);
  check_resample (self, 48, 31, 24, 17, 33);
  check_resample (self, 7, 5, 20, 11, 64);
  check_resample (self, 13, 9, 13, 9, 16);
  for (PmodDtype table = PMOD_DTYPE_F32; table <= PMOD_DTYPE_F16; table++)
    {
      check_gather (self, table, PMOD_DTYPE_F32);
      check_gather (self, table, self->act);
    }
}

/* --- Special values, errors --------------------------------------------------------------- */

/* NaN and infinity stay visible, in their own row only. */
static void
test_not_finite (OpCase *self)
{
  const int n = 70;
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, n);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0, 1, n);
  PmodTensor y = op_poison (self, self->act, 2, 3, n);
  PmodTensor gate_up = op_random (self, NULL, self->act, 0, 1, 2, 3, 2 * n);
  size_t element = pmod_dtype_size (self->act);

  ((float *)x.data)[n + 3] = NAN;
  pmod_rmsnorm (self->backend, &y, &x, &w, 1e-5f);
  for (int i = 0; i < n; i++)
    g_assert_true (!isnan (op_get (&y, i)) && isnan (op_get (&y, n + i)) &&
                   !isnan (op_get (&y, 2 * n + i)));
  pmod_layernorm (self->backend, &y, &x, &w, &w, 1e-5f);
  for (int i = 0; i < n; i++)
    g_assert_true (!isnan (op_get (&y, i)) && isnan (op_get (&y, n + i)) &&
                   !isnan (op_get (&y, 2 * n + i)));
  memset ((char *)gate_up.data + (size_t)(2 * n + 5) * element, 0xff, element);
  pmod_swiglu (self->backend, &y, &gate_up);
  for (int i = 0; i < 3 * n; i++)
    g_assert_cmpint (isnan (op_get (&y, i)), ==, i == n + 5);
  op_expect_ok (self);
}

/* A library's product leaves infinities of F16 where numbers were too large: SwiGLU takes them for
 * the largest number. */
static void
test_overflow (OpCase *self)
{
  const double pairs[6][3] = { { INFINITY, 1, 65504 },     { INFINITY, -2, -65504 },
                               { -INFINITY, 2, 0 },        { 3, INFINITY, 65504 },
                               { -INFINITY, INFINITY, 0 }, { 1000, 1000, 65504 } };
  PmodTensor gate_up = op_random (self, NULL, self->act, 0, 0, 2, 1, 12);
  PmodTensor y = op_poison (self, self->act, 2, 1, 6);

  if (self->act != PMOD_DTYPE_F16)
    return;
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 2; j++)
      {
        if (isinf (pairs[i][j]))
          ((uint16_t *)gate_up.data)[6 * j + i] = pairs[i][j] > 0 ? 0x7c00 : 0xfc00;
        else
          op_set (&gate_up, 6 * j + i, pairs[i][j]);
      }
  pmod_swiglu (self->backend, &y, &gate_up);
  op_expect_ok (self);
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat (op_get (&y, i), ==, pairs[i][2]);
}

/* The host's narrowing of every F16 and of what lies between two neighbours: to the nearer one, to
 * the even one of two that are as near. */
static void
test_narrow (void)
{
  for (int bits = 0; bits < 0x7bff; bits++)
    {
      const uint16_t pair[2] = { (uint16_t)bits, (uint16_t)(bits + 1) };
      float at[2], middle;

      pmod_widen (at, pair, PMOD_DTYPE_F16, 2);
      middle = (at[0] + at[1]) / 2;
      g_assert_cmphex (pmod_narrow_f16 (at[0]), ==, bits);
      g_assert_cmphex (pmod_narrow_f16 (-at[1]), ==, 0x8000 | (bits + 1));
      g_assert_cmphex (pmod_narrow_f16 (middle), ==, bits + (bits & 1));
      g_assert_cmphex (pmod_narrow_f16 (nextafterf (middle, 0)), ==, bits);
      g_assert_cmphex (pmod_narrow_f16 (nextafterf (middle, 1e6f)), ==, bits + 1);
    }
  g_assert_cmphex (pmod_narrow_f16 (65504), ==, 0x7bff);
  g_assert_cmphex (pmod_narrow_f16 (65520), ==, 0x7bff);
  g_assert_cmphex (pmod_narrow_f16 (-3e38f), ==, 0xfbff);
  g_assert_cmphex (pmod_narrow_f16 (1e-30f), ==, 0);
  g_assert_cmphex (pmod_narrow_f16 (-INFINITY), ==, 0xfc00);
  g_assert_cmphex (pmod_narrow_f16 (NAN) & 0x7fff, >, 0x7c00);
}

/* The same bits on one thread and on two; 300 rows are enough to be shared. */
static void
test_threads (OpCase *self)
{
  const int n_rows = 300, n = 333;
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 1, 2, 2, n_rows, n);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 1, 1, 1, n);
  PmodTensor gate_up = op_random (self, NULL, self->act, 0, 2, 2, n_rows, 2 * n);
  PmodTensor one = op_poison (self, self->act, 2, n_rows, n);
  PmodTensor two = op_poison (self, self->act, 2, n_rows, n);

  pmod_rmsnorm (self->single, &one, &x, &w, 1e-5f);
  pmod_rmsnorm (self->backend, &two, &x, &w, 1e-5f);
  op_expect_equal (self, "rmsnorm on one thread and two", &one, &two);
  pmod_layernorm (self->single, &one, &x, &w, &w, 1e-5f);
  pmod_layernorm (self->backend, &two, &x, &w, &w, 1e-5f);
  op_expect_equal (self, "layernorm on one thread and two", &one, &two);
  pmod_swiglu (self->single, &one, &gate_up);
  pmod_swiglu (self->backend, &two, &gate_up);
  op_expect_equal (self, "swiglu on one thread and two", &one, &two);
}

/* Every F16 and BF16 there is: the host's widening gives the bits of the backend's. */
static void
test_widen (OpCase *self)
{
  const PmodDtype dtypes[] = { PMOD_DTYPE_F16, PMOD_DTYPE_BF16 };
  enum
  {
    N = 1 << 16
  };
  const int32_t first = 0;
  PmodTensor idx = op_indices (self, &first, 1);

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    {
      PmodTensor table = pmod_tensor_2d (op_bytes (self, N * 2), dtypes[i], 1, N);
      PmodTensor got = op_poison (self, PMOD_DTYPE_F32, 2, 1, N);
      PmodTensor want = op_poison (self, PMOD_DTYPE_F32, 2, 1, N);

      for (int j = 0; j < N; j++)
        ((uint16_t *)table.data)[j] = (uint16_t)j;
      pmod_gather_rows (self->backend, &got, &table, &idx);
      op_expect_ok (self);
      pmod_widen (want.data, table.data, dtypes[i], N);
      op_expect_equal (self, "all values", &got, &want);
      memcpy (want.data, table.data, N * 2);
      pmod_widen (want.data, want.data, dtypes[i], N);
      op_expect_equal (self, "in place", &got, &want);
    }
}

/* A row that the table does not have. */
static void
test_past_table (OpCase *self)
{
  const int32_t idx[4] = { 0, 3, -1, 4 };
  PmodTensor table = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 4, 6);
  PmodTensor y = op_random (self, NULL, self->act, 0, 1, 2, 4, 6), rows = op_indices (self, idx, 4);

  pmod_gather_rows (self->backend, &y, &table, &rows);
  op_expect_data_error (self, "gather_rows: row 3 asks for 4 of a table of 4", &y, 18, 6);
}

static void
test_errors (void)
{
  OpCase *self = op_case_new (PMOD_CPU_BEST, PMOD_DTYPE_F32);
  PmodBackend *backend = self->backend;
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 4, 6);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, 4, 6);
  PmodTensor y5 = op_poison (self, PMOD_DTYPE_F32, 2, 4, 5);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 6);
  PmodTensor whole = op_poison (self, PMOD_DTYPE_I32, 2, 4, 6);
  PmodTensor pixels = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 4, 1, 3, 6, 6);
  PmodTensor bf16 = { x.data, PMOD_DTYPE_BF16, 2, { 4, 6 } }, nothing = x, f16 = y;

  pmod_rmsnorm (backend, &y5, &x, &w, 0);
  op_expect_error (self, "rmsnorm: y: expected any dtype [4,6], got F32 [4,5]");
  pmod_rmsnorm (backend, &whole, &x, &w, 0);
  op_expect_error (self, "rmsnorm: expected y of F32 or BF16, got I32");
  f16.dtype = PMOD_DTYPE_F16;
  pmod_rmsnorm (backend, &f16, &x, &w, 0);
  op_expect_error (self, "rmsnorm: expected y of F32 or BF16, got F16");
  pmod_rmsnorm (backend, &y, &x, NULL, 0);
  op_expect_error (self, "rmsnorm: w: expected F32 [6], got nothing");
  pmod_layernorm (backend, &bf16, &x, &w, &w, 0);
  op_expect_error (self, "layernorm: expected y of F32 where it is x itself");
  pmod_swiglu (backend, &y, &x);
  op_expect_error (self, "swiglu: gate_up: expected F32 [4,12], got F32 [4,6]");
  pmod_patchify (backend, &y, &pixels, 4);
  op_expect_error (self, "patchify: expected square tiles of whole patches");
  pmod_embed_patches (backend, &y, &x, &w, &y5);
  op_expect_error (self, "embed_patches: x: expected F32 [*,5], got F32 [4,6]");
  nothing.data = NULL;
  pmod_rmsnorm (backend, &nothing, &x, &w, 0);
  op_expect_error (self, "rmsnorm: y");
  nothing.shape[0] = INT64_MAX / 2;
  pmod_rmsnorm (backend, &nothing, &nothing, &w, 0);
  op_expect_error (self, "rmsnorm: x");
  op_case_free (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/ops/widen", test_widen);
  g_test_add_func ("/ops/rows-errors", test_errors);
  op_add_tests ("/ops/norms", test_norms);
  op_add_tests ("/ops/swiglu", test_swiglu);
  op_add_tests ("/ops/pictures", test_pictures);
  op_add_tests ("/ops/rows-threads", test_threads);
  op_add_tests ("/ops/not-finite", test_not_finite);
  op_add_tests ("/ops/rows-overflow", test_overflow);
  g_test_add_func ("/ops/narrow", test_narrow);
  op_add_tests ("/ops/past-table", test_past_table);
  return g_test_run ();
}
