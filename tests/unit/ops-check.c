/* See ops-check.h. */
#include "ops-check.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "cuda-shared.h"
#include "emulated-backend.h"

#define SEED 20241205

static const struct
{
  PmodCpuLevel level;
  const char *name;
  const char *shown; /* in the backend's name */
} levels[] = {
  { PMOD_CPU_PORTABLE, "portable", "portable" },
  { PMOD_CPU_AVX2, "avx2", "AVX2" },
  { PMOD_CPU_AVX512, "avx512", "AVX-512," },
  { PMOD_CPU_AVX512_BF16, "avx512-bf16", "AVX-512 BF16" },
  { OP_CUDA_EMULATED, "cuda-emulated", "emulated device" },
  { OP_CUDA, "cuda", "compute capability" },
};

typedef struct
{
  OpFunc func;
  int level;
  PmodDtype act;
} Test;

/* n_threads: 1 or 2. NULL where there is no device; reason [n_bytes] says why. */
static PmodBackend *
open_backend (PmodCpuLevel level, int n_threads, char *reason, size_t n_bytes)
{
  if (level == OP_CUDA)
    return pmod_backend_new_cuda (0, reason, n_bytes);
  if (level == OP_CUDA_EMULATED)
    return pmod_backend_new_cuda_emulated (0, reason, n_bytes);
  return pmod_backend_new_cpu (n_threads, level);
}

static OpCase *
open_case (PmodCpuLevel level, PmodDtype act, char *reason, size_t n_bytes)
{
  PmodBackend *backend = open_backend (level, 2, reason, n_bytes);
  OpCase *self;

  if (!backend)
    return NULL;
  self = g_new0 (OpCase, 1);
  self->backend = backend;
  self->single = open_backend (level, 1, reason, n_bytes);
  g_assert_nonnull (self->single);
  self->act = act;
  self->rand = g_rand_new_with_seed (SEED);
  self->on_device = level == OP_CUDA;
  self->memory = g_ptr_array_new_with_free_func (self->on_device ? pmod_cuda_shared_free : g_free);
  return self;
}

OpCase *
op_case_new (PmodCpuLevel level, PmodDtype act)
{
  char reason[256] = "";
  OpCase *self = open_case (level, act, reason, sizeof reason);

  g_assert_cmpstr (reason, ==, "");
  return self;
}

void
op_case_free (OpCase *self)
{
  op_expect_ok (self);
  pmod_backend_free (self->backend);
  pmod_backend_free (self->single);
  g_rand_free (self->rand);
  g_ptr_array_unref (self->memory);
  g_free (self);
}

static void
run_test (gconstpointer data)
{
  const Test *test = data;
  char reason[256] = "";
  OpCase *self = open_case (levels[test->level].level, test->act, reason, sizeof reason);
  PmodBackendInfo info;

  if (!self)
    {
      g_test_skip (reason);
      return;
    }
  pmod_backend_get_info (self->backend, &info);
  if (!strstr (info.name, levels[test->level].shown))
    g_test_skip_printf ("%s does not have %s", info.name, levels[test->level].shown);
  else
    {
      g_snprintf (self->name, sizeof self->name, "%s, %s", levels[test->level].name,
                  pmod_dtype_name (test->act));
      test->func (self);
    }
  op_case_free (self);
}

static void
add_tests (const char *path, OpFunc func, int n_levels)
{
  for (int level = 0; level < n_levels; level++)
    for (PmodDtype dtype = PMOD_DTYPE_F32; dtype <= PMOD_DTYPE_F16; dtype++)
      {
        Test *test;
        g_autofree char *full =
            g_strdup_printf ("%s/%s/%s", path, levels[level].name, pmod_dtype_name (dtype));

        if (dtype == PMOD_DTYPE_F16 && levels[level].level <= PMOD_CPU_BEST)
          continue;
        test = g_new0 (Test, 1);
        *test = (Test){ func, level, dtype };
        g_test_add_data_func_full (full, test, run_test, g_free);
      }
}

void
op_add_tests (const char *path, OpFunc func)
{
  add_tests (path, func, G_N_ELEMENTS (levels));
}

void
op_add_cpu_tests (const char *path, OpFunc func)
{
  add_tests (path, func, G_N_ELEMENTS (levels) - 2);
}

/* --- Tensors ------------------------------------------------------------------------------ */

static void *
new_memory (OpCase *self, size_t n)
{
  void *data = self->on_device ? pmod_cuda_shared_alloc (n) : g_malloc (n);

  g_assert_nonnull (data);
  g_ptr_array_add (self->memory, data);
  return data;
}

void *
op_bytes (OpCase *self, size_t n)
{
  return memset (new_memory (self, n + 1), 0, n + 1);
}

double *
op_doubles (OpCase *self, int64_t n)
{
  return op_bytes (self, (size_t)n * sizeof (double));
}

/* Exactly the tensor's bytes, so that a sanitizer sees an access one element too far. */
static PmodTensor
new_tensor (OpCase *self, PmodDtype dtype, int n_dims, va_list sizes)
{
  PmodTensor tensor = { .dtype = dtype, .n_dims = n_dims };

  for (int i = 0; i < n_dims; i++)
    tensor.shape[i] = va_arg (sizes, int);
  tensor.data = new_memory (self, MAX (pmod_tensor_bytes (&tensor), 1));
  return tensor;
}

static uint16_t
to_bf16 (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, 4);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* F16 by its definition: clang 14 has no _Float16 for every x86. Values that it holds, and NaN. */
static uint16_t
to_f16 (double value)
{
  uint16_t sign = signbit (value) ? 0x8000 : 0;
  int exponent, bits;

  if (isnan (value))
    return 0x7e00;
  frexp (value, &exponent);
  exponent = MAX (exponent - 1, -14); /* below 2^-14 the spacing stays */
  bits = (int)rint (ldexp (fabs (value), 10 - exponent));
  return (uint16_t)(sign | (bits < 1024 ? bits : bits - 1024 + ((exponent + 15) << 10)));
}

static double
from_f16 (uint16_t bits)
{
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent ? ldexp (1024 + fraction, exponent - 25) : ldexp (fraction, -24);

  if (exponent == 31)
    value = fraction ? NAN : INFINITY;
  return bits & 0x8000 ? -value : value;
}

double
op_get (const PmodTensor *tensor, int64_t i)
{
  uint32_t bits;
  float value;

  switch (tensor->dtype)
    {
    case PMOD_DTYPE_F32:
      return ((const float *)tensor->data)[i];
    case PMOD_DTYPE_BF16:
      bits = (uint32_t)((const uint16_t *)tensor->data)[i] << 16;
      memcpy (&value, &bits, 4);
      return value;
    case PMOD_DTYPE_F16:
      return from_f16 (((const uint16_t *)tensor->data)[i]);
    case PMOD_DTYPE_I32:
      return ((const int32_t *)tensor->data)[i];
    case PMOD_DTYPE_U8:
      return ((const uint8_t *)tensor->data)[i];
    default:
      g_assert_not_reached ();
    }
}

void
op_set (PmodTensor *tensor, int64_t i, double value)
{
  switch (tensor->dtype)
    {
    case PMOD_DTYPE_F32:
      ((float *)tensor->data)[i] = (float)value;
      break;
    case PMOD_DTYPE_BF16:
      ((uint16_t *)tensor->data)[i] = isnan (value) ? 0x7fc0 : to_bf16 ((float)value);
      break;
    case PMOD_DTYPE_F16:
      ((uint16_t *)tensor->data)[i] = to_f16 (value);
      break;
    case PMOD_DTYPE_I32:
      ((int32_t *)tensor->data)[i] = isnan (value) ? INT32_MIN : (int32_t)value;
      break;
    case PMOD_DTYPE_U8:
      ((uint8_t *)tensor->data)[i] = isnan (value) ? 255 : (uint8_t)value;
      break;
    default:
      g_assert_not_reached ();
    }
}

double
op_unit (PmodDtype dtype)
{
  if (dtype == PMOD_DTYPE_F32)
    return 0x1p-24;
  return dtype == PMOD_DTYPE_F16 ? 0x1p-11 : 0x1p-8;
}

double
op_rounding (PmodDtype dtype, double value)
{
  double least = dtype == PMOD_DTYPE_F16 ? 0x1p-25 : 0;

  return 1.01 * fmax (op_unit (dtype) * fabs (value), least);
}

double
op_clamp (PmodDtype dtype, double value)
{
  return dtype == PMOD_DTYPE_F16 ? CLAMP (value, -65504, 65504) : value;
}

PmodDtype
op_narrow (PmodDtype act)
{
  return act == PMOD_DTYPE_F16 ? PMOD_DTYPE_F16 : PMOD_DTYPE_BF16;
}

/* Box and Muller. */
static double
normal (GRand *rand)
{
  double a = 1 - g_rand_double (rand), b = g_rand_double (rand);

  return sqrt (-2 * log (a)) * cos (2 * G_PI * b);
}

PmodTensor
op_random (OpCase *self, double **values, PmodDtype dtype, double mean, double sd, int n_dims, ...)
{
  PmodTensor tensor;
  int64_t n;
  va_list sizes;

  va_start (sizes, n_dims);
  tensor = new_tensor (self, dtype, n_dims, sizes);
  va_end (sizes);
  n = pmod_tensor_n_elements (&tensor);
  if (values)
    *values = op_doubles (self, n);
  for (int64_t i = 0; i < n; i++)
    {
      op_set (&tensor, i, mean + sd * normal (self->rand));
      if (values)
        (*values)[i] = op_get (&tensor, i);
    }
  return tensor;
}

PmodTensor
op_poison (OpCase *self, PmodDtype dtype, int n_dims, ...)
{
  PmodTensor tensor;
  va_list sizes;

  va_start (sizes, n_dims);
  tensor = new_tensor (self, dtype, n_dims, sizes);
  va_end (sizes);
  for (int64_t i = 0; i < pmod_tensor_n_elements (&tensor); i++)
    op_set (&tensor, i, NAN);
  return tensor;
}

PmodTensor
op_indices (OpCase *self, const int32_t *values, int64_t n)
{
  int32_t *data = new_memory (self, MAX ((size_t)n * 4, 1));

  if (n > 0)
    memcpy (data, values, (size_t)n * 4);
  return pmod_tensor_1d (data, PMOD_DTYPE_I32, n);
}

/* --- Checks ------------------------------------------------------------------------------- */

void
op_compare (OpCase *self,
            const char *what,
            const PmodTensor *got,
            const double *want,
            const double *bound,
            double rel_l2)
{
  int64_t n = pmod_tensor_n_elements (got), n_bad = 0, n_not_finite = 0;
  double max_abs = 0, max_part = 0, error = 0, norm = 0, relative;

  op_expect_ok (self);
  for (int64_t i = 0; i < n; i++)
    {
      double value = op_get (got, i), off = fabs (value - want[i]);

      n_not_finite += !isfinite (value);
      max_abs = MAX (max_abs, off);
      error += off * off;
      norm += want[i] * want[i];
      if (bound)
        {
          n_bad += !(off <= bound[i]);
          max_part = MAX (max_part, bound[i] > 0 ? off / bound[i] : 0);
        }
    }
  relative = error == 0 ? 0 : sqrt (error / norm);
  g_test_message ("%s: %s: max-abs %.3g, rel-L2 %.3g of %.3g, %.2f of the bound, %d not finite",
                  self->name, what, max_abs, relative, rel_l2, max_part, (int)n_not_finite);
  g_assert_cmpint (n_not_finite, ==, 0);
  g_assert_cmpint (n_bad, ==, 0);
  g_assert_true (relative <= rel_l2);
}

void
op_expect_equal (OpCase *self, const char *what, const PmodTensor *a, const PmodTensor *b)
{
  op_expect_ok (self);
  g_test_message ("%s: %s", self->name, what);
  g_assert_cmpmem (a->data, pmod_tensor_bytes (a), b->data, pmod_tensor_bytes (b));
}

void
op_expect_ok (OpCase *self)
{
  pmod_backend_sync (self->backend);
  pmod_backend_sync (self->single);
  g_assert_cmpstr (pmod_backend_get_error (self->backend), ==, NULL);
}

void
op_expect_error (OpCase *self, const char *part)
{
  const char *error = pmod_backend_get_error (self->backend);

  g_assert_nonnull (error);
  g_assert_false (pmod_backend_sync (self->backend));
  if (!strstr (error, part))
    g_error ("expected \"%s\" in the error, got \"%s\"", part, error);
  pmod_backend_clear_error (self->backend);
}

gboolean
op_is_cuda (OpCase *self)
{
  return strcmp (pmod_backend_name (self->backend), "cuda") == 0;
}

void
op_expect_data_error (
    OpCase *self, const char *part, const PmodTensor *result, int64_t from, int64_t n)
{
  if (!op_is_cuda (self))
    {
      op_expect_error (self, part);
      return;
    }
  op_expect_ok (self);
  g_test_message ("%s: NaN where the CPU says \"%s\"", self->name, part);
  for (int64_t i = 0; i < pmod_tensor_n_elements (result); i++)
    if (isnan (op_get (result, i)) != (i >= from && i < from + n))
      g_error ("expected NaN in elements %d to %d alone, got %g in element %d", (int)from,
               (int)(from + n - 1), op_get (result, i), (int)i);
}
