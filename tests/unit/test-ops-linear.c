/* Matrices and pmod_linear() at every level and dtype, against F64. */
#include "ops-check.h"

#include <math.h>
#include <string.h>

#define U32 0x1p-24 /* half a unit in the last place of F32, relative */

static double
epilogue_of (PmodEpilogue epilogue, double v, double old)
{
  switch (epilogue)
    {
    case PMOD_EPILOGUE_NONE:
      return v;
    case PMOD_EPILOGUE_ADD:
      return old + v;
    case PMOD_EPILOGUE_QUICK_GELU:
      return v / (1 + exp (-1.702 * v));
    case PMOD_EPILOGUE_GELU:
      return v * 0.5 * erfc (-v / sqrt (2));
    }
  return NAN;
}

/* One product: its arguments, and for each element of x . W^T the sum in F64 and the sum of the
 * terms' sizes. */
typedef struct
{
  int n_tokens, n_in, n_out;
  PmodTensor x;
  PmodMatrix *matrix;
  double *sum, *size;
} Product;

static Product
new_product (OpCase *self, const int *shape)
{
  Product p = { .n_tokens = shape[0], .n_in = shape[1], .n_out = shape[2] };
  int64_t n = (int64_t)p.n_tokens * p.n_out;
  double *x_values, *w_values;
  PmodTensor w = op_random (self, &w_values, self->act, 0, 1 / sqrt (p.n_in), 2, p.n_out, p.n_in);
  PmodMatrixPart part = { w.data, w.dtype, p.n_out };

  p.x = op_random (self, &x_values, self->act, 0, 1, 2, p.n_tokens, p.n_in);
  p.matrix = pmod_matrix_new (self->backend, &part, 1, p.n_in, self->act);
  p.sum = op_doubles (self, n);
  p.size = op_doubles (self, n);
  for (int64_t at = 0; at < n; at++)
    for (int k = 0; k < p.n_in; k++)
      {
        double product = x_values[at / p.n_out * p.n_in + k] * w_values[at % p.n_out * p.n_in + k];

        p.sum[at] += product;
        p.size[at] += fabs (product);
      }
  return p;
}

/* The bound of each element is the classical one of a sum of K products in any order,
 * (K + 2) u sum |x w|, twice that through an activation (whose slope is at most 1.13) with 1e-6 of
 * its own, plus the rounding of the result to y's dtype. */
static double
bound_of (
    const Product *p, PmodEpilogue epilogue, PmodDtype dtype, double size, double old, double want)
{
  double bound = (p->n_in + 2) * U32 * (size + fabs (old));

  if (epilogue == PMOD_EPILOGUE_QUICK_GELU || epilogue == PMOD_EPILOGUE_GELU)
    bound = 2 * bound + 1e-6 * fmax (1, fabs (want));
  return bound + (dtype == PMOD_DTYPE_F32 ? fabs (want) * U32 : op_rounding (dtype, want));
}

/* Errors of single sums grow as sqrt (K) u at worst (a random walk); 1e-6 covers K of 1300 four
 * times. A result in BF16 or F16 is off by a uniform part of a unit, unit / sqrt (3) over many
 * results. */
static double
relative_of (const Product *p, PmodDtype dtype)
{
  if (dtype == PMOD_DTYPE_F32)
    return 1e-6;
  return p->n_tokens * p->n_out < 100 ? op_unit (dtype) : 0.589 * op_unit (dtype);
}

static void
check_product (
    OpCase *self, const Product *p, PmodDtype dtype, PmodEpilogue epilogue, bool with_bias)
{
  bool add = epilogue == PMOD_EPILOGUE_ADD;
  int64_t n = (int64_t)p->n_tokens * p->n_out;
  double *bias_values, *old = NULL, *want = op_doubles (self, n), *bound = op_doubles (self, n);
  PmodTensor bias = op_random (self, &bias_values, PMOD_DTYPE_F32, 0, 1, 1, p->n_out);
  PmodTensor y = add ? op_random (self, &old, dtype, 0, 1, 2, p->n_tokens, p->n_out)
                     : op_poison (self, dtype, 2, p->n_tokens, p->n_out);
  char what[96];

  for (int64_t at = 0; at < n; at++)
    {
      double offset = with_bias ? bias_values[at % p->n_out] : 0, before = add ? old[at] : 0;

      want[at] = epilogue_of (epilogue, p->sum[at] + offset, before);
      bound[at] = bound_of (p, epilogue, dtype, p->size[at] + fabs (offset), before, want[at]);
    }
  pmod_linear (self->backend, &y, &p->x, p->matrix, with_bias ? &bias : NULL, epilogue);
  g_snprintf (what, sizeof what, "linear %dx%dx%d to %s, epilogue %d%s", p->n_tokens, p->n_in,
              p->n_out, pmod_dtype_name (dtype), epilogue, with_bias ? ", bias" : "");
  op_compare (self, what, &y, want, bound, relative_of (p, dtype));
}

/* The last is large enough for oneDNN where the level uses it. */
static void
test_linear (OpCase *self)
{
  static const int shapes[][3] = {
    { 1, 1, 1 },    { 1, 64, 64 },   { 1, 129, 65 },  { 2, 63, 127 },     { 3, 32, 1 },
    { 4, 257, 66 }, { 5, 100, 200 }, { 7, 515, 130 }, { 97, 600, 70 },    { 100, 1, 64 },
    { 193, 65, 9 }, { 13, 33, 513 }, { 40, 768, 64 }, { 201, 1301, 519 },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      Product product = new_product (self, shapes[i]);

      for (PmodEpilogue epilogue = 0; epilogue <= PMOD_EPILOGUE_GELU; epilogue++)
        {
          bool with_bias = (i + epilogue) % 2;

          check_product (self, &product, PMOD_DTYPE_F32, epilogue, with_bias);
          if (epilogue != PMOD_EPILOGUE_ADD)
            check_product (self, &product, op_narrow (self->act), epilogue, !with_bias);
        }
      pmod_matrix_free (self->backend, product.matrix);
    }
}

/* Parts of every dtype at odd addresses give the matrix that their values rounded to act give. */
static void
test_parts (OpCase *self)
{
  const int n_in = 77, n_out[3] = { 70, 1, 61 }, n_all = 132, n_tokens = 3;
  const uint16_t special[2] = { 0x0001, 0xfbff }; /* F16's least number and its largest */
  const float special_values[2] = { 0x1p-24f, -65504 };
  char *first = NULL;
  const PmodDtype dtypes[3] = { PMOD_DTYPE_F16, PMOD_DTYPE_F32, PMOD_DTYPE_BF16 };
  PmodMatrixPart parts[3], whole;
  PmodTensor x = op_random (self, NULL, self->act, 0, 1, 2, n_tokens, n_in);
  PmodTensor stacked = op_poison (self, PMOD_DTYPE_F32, 2, n_all, n_in);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, n_tokens, n_all);
  PmodTensor z = op_poison (self, PMOD_DTYPE_F32, 2, n_tokens, n_all);
  PmodMatrix *from_parts, *from_whole;
  int64_t at = 0;

  for (int i = 0; i < 3; i++)
    {
      double *values;
      PmodTensor part = op_random (self, &values, dtypes[i], 0, 0.1, 2, n_out[i], n_in);
      char *odd = op_bytes (self, pmod_tensor_bytes (&part) + 1);

      memcpy (odd + 1, part.data, pmod_tensor_bytes (&part));
      first = i == 0 ? odd + 1 : first;
      parts[i] = (PmodMatrixPart){ odd + 1, dtypes[i], n_out[i] };
      for (int j = 0; j < n_out[i] * n_in; j++)
        ((float *)stacked.data)[at++] = (float)values[j];
    }
  memcpy (first, special, sizeof special);
  memcpy (stacked.data, special_values, sizeof special_values);
  whole = (PmodMatrixPart){ stacked.data, PMOD_DTYPE_F32, n_all };
  from_parts = pmod_matrix_new (self->backend, parts, 3, n_in, self->act);
  from_whole = pmod_matrix_new (self->backend, &whole, 1, n_in, self->act);
  g_assert_cmpint (pmod_matrix_n_out (from_parts), ==, n_all);
  g_assert_cmpint (pmod_matrix_n_in (from_parts), ==, n_in);
  g_assert_cmpint (pmod_matrix_bytes (from_parts), >=, n_all * n_in * pmod_dtype_size (self->act));
  pmod_linear (self->backend, &y, &x, from_parts, NULL, PMOD_EPILOGUE_NONE);
  pmod_linear (self->backend, &z, &x, from_whole, NULL, PMOD_EPILOGUE_NONE);
  op_expect_ok (self);
  g_assert_cmpmem (y.data, pmod_tensor_bytes (&y), z.data, pmod_tensor_bytes (&z));
  pmod_matrix_free (self->backend, from_parts);
  pmod_matrix_free (self->backend, from_whole);
}

/* What F16 cannot hold is stored as its largest number, by every way of a product and in weights;
 * what was infinite stays so. */
static void
test_overflow (OpCase *self)
{
  const int n_in = 64, n_out = 6;
  const float large[6] = { 70000, -70000, 65519, 1, INFINITY, 3e38f };
  const double held[6] = { 65504, -65504, 65504, 1, INFINITY, 65504 };
  PmodTensor stacked = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0, 2, n_out, n_in);
  PmodMatrixPart part = { stacked.data, PMOD_DTYPE_F32, n_out };
  PmodTensor bias = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0, 1, n_out);
  PmodMatrix *w, *ones = NULL;

  if (self->act != PMOD_DTYPE_F16)
    return;
  for (int i = 0; i < n_out; i++)
    op_set (&stacked, i * n_in, large[i]);
  w = pmod_matrix_new (self->backend, &part, 1, n_in, self->act);
  for (int i = 0; i < n_out * n_in; i++)
    op_set (&stacked, i, 1);
  ones = pmod_matrix_new (self->backend, &part, 1, n_in, self->act);
  memcpy (bias.data, large, sizeof large);
  for (int n_tokens = 1; n_tokens < 10; n_tokens += 8)
    {
      PmodTensor x = op_random (self, NULL, self->act, 0, 0, 2, n_tokens, n_in);
      PmodTensor y = op_poison (self, self->act, 2, n_tokens, n_out);

      op_set (&x, 0, 1);
      pmod_linear (self->backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
      op_expect_ok (self);
      for (int i = 0; i < n_out; i++)
        g_assert_cmpfloat (op_get (&y, i), ==, held[i]);
      op_set (&x, 0, 0);
      pmod_linear (self->backend, &y, &x, ones, &bias, PMOD_EPILOGUE_NONE);
      for (int i = 0; i < n_out; i++)
        g_assert_cmpfloat (op_get (&y, i), ==, held[i]);
      /* The sum is 64 times 2000, of inputs that are all in range. */
      for (int i = 0; i < n_in; i++)
        op_set (&x, i, 2000);
      pmod_linear (self->backend, &y, &x, ones, NULL, PMOD_EPILOGUE_NONE);
      for (int i = 0; i < n_out; i++)
        g_assert_cmpfloat (op_get (&y, i), ==, 65504);
    }
  pmod_matrix_free (self->backend, w);
  pmod_matrix_free (self->backend, ones);
}

/* A row's result is the same whatever the other rows hold, NaN included; and running the same
 * product again gives the same bits. */
static void
test_rows (OpCase *self)
{
  const int n_out = 200, n_in = 331;
  PmodMatrix *w = pmod_matrix_new_random (self->backend, n_out, n_in, self->act, 7);

  for (int n_tokens = 2; n_tokens < 130; n_tokens = n_tokens * 3 + 1)
    {
      PmodTensor x = op_random (self, NULL, self->act, 0, 1, 2, n_tokens, n_in);
      PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, n_tokens, n_out);
      PmodTensor z = op_poison (self, PMOD_DTYPE_F32, 2, n_tokens, n_out);
      PmodTensor others = pmod_tensor_rows (&x, 1, n_tokens - 1);

      pmod_linear (self->backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
      pmod_linear (self->backend, &z, &x, w, NULL, PMOD_EPILOGUE_NONE);
      g_assert_cmpmem (y.data, pmod_tensor_bytes (&y), z.data, pmod_tensor_bytes (&z));
      memset (others.data, 0xff, pmod_tensor_bytes (&others));
      pmod_linear (self->backend, &z, &x, w, NULL, PMOD_EPILOGUE_NONE);
      op_expect_ok (self);
      g_assert_cmpmem (y.data, (size_t)n_out * 4, z.data, (size_t)n_out * 4);
      g_assert_true (isnan (op_get (&z, n_out)));
    }
  pmod_matrix_free (self->backend, w);
}

/* Our own product gives the same bits on one thread and on two. */
static void
test_threads (OpCase *self)
{
  const int n_out = 515, n_in = 333;
  PmodMatrix *w = pmod_matrix_new_random (self->backend, n_out, n_in, self->act, 3);

  for (int n_tokens = 1; n_tokens < 400; n_tokens = n_tokens * 5 + 1)
    {
      PmodTensor x = op_random (self, NULL, self->act, 0, 1, 2, n_tokens, n_in);
      PmodTensor one = op_poison (self, self->act, 2, n_tokens, n_out);
      PmodTensor two = op_poison (self, self->act, 2, n_tokens, n_out);

      pmod_linear (self->single, &one, &x, w, NULL, PMOD_EPILOGUE_QUICK_GELU);
      pmod_linear (self->backend, &two, &x, w, NULL, PMOD_EPILOGUE_QUICK_GELU);
      op_expect_equal (self, "linear on one thread and two", &one, &two);
    }
  pmod_matrix_free (self->backend, w);
}

/* Uniform in (-1/sqrt (K), 1/sqrt (K)): read back by multiplying with unit vectors. */
static void
test_random (OpCase *self)
{
  const int n_out = 130, n_in = 67;
  double limit = 1 / sqrt (n_in), sum = 0, squares = 0;
  PmodMatrix *w = pmod_matrix_new_random (self->backend, n_out, n_in, self->act, 1);
  PmodTensor x = op_poison (self, self->act, 2, n_in, n_in);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, n_in, n_out);
  int n = n_in * n_out;

  memset (x.data, 0, pmod_tensor_bytes (&x));
  for (int i = 0; i < n_in; i++)
    op_set (&x, i * n_in + i, 1);
  pmod_linear (self->backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
  op_expect_ok (self);
  for (int i = 0; i < n; i++)
    {
      double value = op_get (&y, i);

      g_assert_true (fabs (value) <= limit);
      sum += value;
      squares += value * value;
    }
  g_test_message ("%s: mean %.3g, sd %.4g of the limit", self->name, sum / n,
                  sqrt (squares / n) / limit);
  /* Five standard errors of the mean and of the square. */
  g_assert_true (fabs (sum / n) < 5 * limit / sqrt (3.0 * n));
  g_assert_true (fabs (squares / n / (limit * limit) - 1.0 / 3) < 5 * 0.298 / sqrt (n));
  pmod_matrix_free (self->backend, w);
}

static void
test_errors (void)
{
  OpCase *self = op_case_new (PMOD_CPU_BEST, PMOD_DTYPE_F32);
  PmodBackend *backend = self->backend;
  PmodMatrix *w = pmod_matrix_new_random (backend, 8, 4, PMOD_DTYPE_F32, 0);
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 2, 4);
  PmodTensor x_bf16 = op_random (self, NULL, PMOD_DTYPE_BF16, 0, 1, 2, 2, 4);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, 2, 8);
  PmodTensor y_bf16 = op_poison (self, PMOD_DTYPE_BF16, 2, 2, 8);
  PmodTensor short_y = op_poison (self, PMOD_DTYPE_F32, 2, 2, 7);
  PmodTensor rows0 = pmod_tensor_rows (&x, 0, 0), out0 = pmod_tensor_rows (&y, 0, 0);
  PmodMatrixPart bad = { x.data, PMOD_DTYPE_I32, 2 };

  pmod_linear (backend, &y, &x_bf16, w, NULL, PMOD_EPILOGUE_NONE);
  g_assert_true (isnan (op_get (&y, 0)));
  op_expect_error (self, "linear: x: expected F32 [*,4], got BF16 [2,4]");
  pmod_linear (backend, &short_y, &x, w, NULL, PMOD_EPILOGUE_NONE);
  op_expect_error (self, "linear: y: expected any dtype [2,8], got F32 [2,7]");
  pmod_linear (backend, &y_bf16, &x, w, NULL, PMOD_EPILOGUE_ADD);
  op_expect_error (self, "linear: y: expected F32");
  pmod_linear (backend, &y, &x, w, &x, PMOD_EPILOGUE_NONE);
  op_expect_error (self, "linear: bias: expected F32 [8]");
  pmod_linear (backend, &y, &x, NULL, NULL, PMOD_EPILOGUE_NONE);
  op_expect_error (self, "linear: expected a matrix");
  pmod_linear (backend, &out0, &rows0, w, NULL, PMOD_EPILOGUE_NONE);
  op_expect_ok (self);
  g_assert_null (pmod_matrix_new (backend, &bad, 1, 4, PMOD_DTYPE_F32));
  op_expect_error (self, "matrix: expected parts");
  g_assert_null (pmod_matrix_new (backend, NULL, 0, 4, PMOD_DTYPE_F32));
  op_expect_error (self, "at least one row");
  g_assert_null (pmod_matrix_new_random (backend, INT64_MAX / 8, 4096, PMOD_DTYPE_F32, 0));
  op_expect_error (self, "2^48");
  g_assert_null (pmod_matrix_new_random (backend, 1 << 23, 1 << 24, PMOD_DTYPE_F32, 0));
  op_expect_error (self, "no room for");
  g_assert_null (pmod_alloc (backend, SIZE_MAX));
  /* The first failure sticks and nothing runs after it. */
  pmod_linear (backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
  g_assert_true (isnan (op_get (&y, 0)));
  g_assert_null (pmod_alloc (backend, 8));
  op_expect_error (self, "no room for 18446744073709551615 bytes");
  pmod_linear (backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
  g_assert_false (isnan (op_get (&y, 0)));
  pmod_matrix_free (backend, w);
  op_case_free (self);
}

static void
test_memory (void)
{
  OpCase *self = op_case_new (PMOD_CPU_BEST, PMOD_DTYPE_F32);
  PmodBackend *backend = self->backend;
  const size_t n = 3000001;
  uint64_t *words = pmod_alloc (backend, n * 8), *empty = pmod_alloc (backend, 0), sum = 0;
  PmodBackendInfo info;

  pmod_free (backend, empty);
  g_assert_cmpint ((uintptr_t)words % 64, ==, 0);
  for (size_t i = 0; i < n; i++)
    sum += words[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
  g_assert_cmphex (pmod_checksum (backend, words, n * 8), ==, sum);
  g_assert_cmphex (pmod_checksum (backend, words, 8), ==, words[0]);
  g_assert_cmphex (pmod_checksum (backend, words, 0), ==, 0);
  pmod_checksum (backend, words, 9);
  op_expect_error (self, "checksum");
  pmod_upload (backend, words, words + 10, 80);
  g_assert_cmphex (words[3], ==, 13 * 0x9e3779b97f4a7c15u);
  pmod_free (backend, words);
  pmod_backend_get_info (backend, &info);
  g_test_message ("%s; %zu of %zu bytes free", info.name, info.free_bytes, info.total_bytes);
  g_assert_true (info.host_memory);
  g_assert_cmpint (info.n_threads, ==, 2);
  g_assert_cmpint (info.free_bytes, >, 0);
  g_assert_cmpint (info.free_bytes, <=, info.total_bytes);
  g_assert_cmpstr (pmod_backend_name (backend), ==, "cpu");
  op_case_free (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ops/memory", test_memory);
  g_test_add_func ("/ops/linear-errors", test_errors);
  op_add_tests ("/ops/linear", test_linear);
  op_add_tests ("/ops/matrix-parts", test_parts);
  op_add_tests ("/ops/linear-rows", test_rows);
  op_add_tests ("/ops/linear-overflow", test_overflow);
  op_add_tests ("/ops/linear-threads", test_threads);
  op_add_tests ("/ops/matrix-random", test_random);
  return g_test_run ();
}
