/* See pmod-check.h. */
#include "pmod-check.h"

#include <inttypes.h>
#include <stdio.h>

static void
fail_expected (PmodBackend *self,
               const char *op,
               const char *name,
               const PmodTensor *tensor,
               const Expected *expected)
{
  char got[96], want[96];
  int n = 0;

  for (int i = 0; i < expected->n_dims; i++)
    {
      const char *comma = i ? "," : "";

      if (expected->shape[i] == ANY)
        n += snprintf (want + n, sizeof want - (size_t)n, "%s*", comma);
      else
        n += snprintf (want + n, sizeof want - (size_t)n, "%s%" PRId64, comma, expected->shape[i]);
    }
  pmod_backend_fail (self, "%s: %s: expected %s [%s], got %s", op, name,
                     expected->dtype == ANY ? "any dtype"
                                            : pmod_dtype_name ((PmodDtype)expected->dtype),
                     want, tensor ? pmod_tensor_describe (tensor, got, sizeof got) : "nothing");
}

bool
pmod_check (PmodBackend *self,
            const char *op,
            const char *name,
            const PmodTensor *tensor,
            Expected expected)
{
  bool ok = tensor && tensor->n_dims == expected.n_dims &&
            (expected.dtype == ANY || tensor->dtype == (PmodDtype)expected.dtype);
  int64_t n = 1;

  for (int i = 0; ok && i < expected.n_dims; i++)
    {
      int64_t size = tensor->shape[i];

      ok = size >= 0 && (expected.shape[i] == ANY || size == expected.shape[i]) &&
           !__builtin_mul_overflow (n, size, &n);
    }
  ok = ok && (tensor->data || n == 0);
  if (!ok)
    fail_expected (self, op, name, tensor, &expected);
  return ok;
}

/* The same for an argument that may be NULL. */
bool
pmod_check_optional (PmodBackend *self,
                     const char *op,
                     const char *name,
                     const PmodTensor *tensor,
                     Expected expected)
{
  return !tensor || pmod_check (self, op, name, tensor, expected);
}

bool
pmod_check_that (PmodBackend *self, const char *op, bool holds, const char *what)
{
  if (!holds)
    pmod_backend_fail (self, "%s: expected %s", op, what);
  return holds;
}

bool
pmod_is_float (PmodDtype dtype)
{
  return dtype == PMOD_DTYPE_F32 || dtype == PMOD_DTYPE_BF16 || dtype == PMOD_DTYPE_F16;
}

bool
pmod_check_act (PmodBackend *self, const char *op, const char *what, PmodDtype dtype)
{
  bool holds = pmod_is_float (dtype) && (dtype != PMOD_DTYPE_F16 || self->ops->computes_f16);

  if (!holds)
    pmod_backend_fail (self, "%s: expected %s of F32%s, got %s", op, what,
                       self->ops->computes_f16 ? ", BF16 or F16" : " or BF16",
                       pmod_dtype_name (dtype));
  return holds;
}
