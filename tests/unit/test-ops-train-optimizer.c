/* Ten steps of AdamW and Muon against the same in F64, and the norm that clips. */
#include "ops-gradient.h"

#include <math.h>
#include <string.h>

#include "optimizer-reference.h"

/* --- Norm --------------------------------------------------------------------------------- */

static void
test_norm (OpCase *self)
{
  double *values[3], want[2], sum = 0;
  PmodTensor grads[] = {
    op_random (self, &values[0], PMOD_DTYPE_F32, 0, 1, 2, 3, 7),
    op_random (self, &values[1], PMOD_DTYPE_F32, 0, 50, 1, 1),
    op_random (self, &values[2], PMOD_DTYPE_F32, 0.1, 2, 2, 130, 2500),
  };
  PmodTensor norm = op_poison (self, PMOD_DTYPE_F32, 1, 2);
  PmodTensor again = op_poison (self, PMOD_DTYPE_F32, 1, 2);

  for (int i = 0; i < 3; i++)
    for (int64_t j = 0; j < pmod_tensor_n_elements (&grads[i]); j++)
      sum += values[i][j] * values[i][j];
  want[0] = sqrt (sum), want[1] = 2 / want[0];
  pmod_grad_norm (self->backend, &norm, grads, 3, 2);
  pmod_grad_norm (self->single, &again, grads, 3, 2);
  op_compare (self, "norm and factor", &norm, want, NULL, 1e-7);
  op_expect_equal (self, "norm on one thread and two", &norm, &again);
  want[1] = 1;
  pmod_grad_norm (self->backend, &norm, grads, 3, 1e6f);
  op_compare (self, "norm below the limit", &norm, want, NULL, 1e-7);
  ((float *)grads[1].data)[0] = INFINITY;
  pmod_grad_norm (self->backend, &norm, grads, 3, 2);
  g_assert_cmpfloat (((float *)norm.data)[1], ==, 0);
}

/* --- AdamW -------------------------------------------------------------------------------- */

/* The difference that ten steps made, which is what an error would hide in the weights. */
static void
compare_change (OpCase *self,
                const char *what,
                const PmodTensor *got,
                const PmodTensor *before,
                const double *want,
                double bound)
{
  int64_t n = pmod_tensor_n_elements (got);
  PmodTensor change = gradient_copy (self, got);
  double *want_change = op_doubles (self, n);

  for (int64_t i = 0; i < n; i++)
    {
      ((float *)change.data)[i] = (float)(op_get (got, i) - op_get (before, i));
      want_change[i] = want[i] - op_get (before, i);
    }
  op_compare (self, what, &change, want_change, NULL, bound);
}

static void
test_adamw (OpCase *self)
{
  enum
  {
    N = 1237
  };
  PmodAdamW options = { 3e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 0 };
  double *w, *m = op_doubles (self, N), *v = op_doubles (self, N), *g, *factor_values;
  PmodTensor weight = op_random (self, &w, PMOD_DTYPE_F32, 0, 0.1, 1, N);
  PmodTensor before = gradient_copy (self, &weight);
  PmodTensor m1 = op_poison (self, PMOD_DTYPE_F32, 1, N),
             m2 = op_poison (self, PMOD_DTYPE_F32, 1, N);
  PmodTensor factor = op_random (self, &factor_values, PMOD_DTYPE_F32, 0.7, 0, 1, 1);

  pmod_fill (self->backend, &m1, 0);
  pmod_fill (self->backend, &m2, 0);
  for (options.step = 1; options.step <= 10; options.step++)
    {
      PmodTensor grad = op_random (self, &g, PMOD_DTYPE_F32, 0, 0.1, 1, N);
      gboolean clipped = options.step % 2 == 0;

      pmod_adamw (self->backend, &weight, &m1, &m2, &grad, clipped ? &factor : NULL, &options);
      reference_adamw (w, m, v, g, N, &options, clipped ? factor_values[0] : 1);
    }
  /* A change of some 1e-2 is known to the last place of weights of 0.1, 4e-9: 1e-6 with the
   * roundings of ten steps. */
  compare_change (self, "ten steps of AdamW", &weight, &before, w, 2e-6);
  op_compare (self, "m1", &m1, m, NULL, 1e-6);
  op_compare (self, "m2", &m2, v, NULL, 1e-6);
  before = gradient_copy (self, &weight);
  pmod_fill (self->backend, &factor, 0);
  pmod_adamw (self->backend, &weight, &m1, &m2, &m1, &factor, &options);
  op_expect_equal (self, "weights after a skipped step", &weight, &before);
  options.step = 0;
  pmod_adamw (self->backend, &weight, &m1, &m2, &m1, NULL, &options);
  op_expect_error (self, "a step from 1 on");
}

/* --- Muon --------------------------------------------------------------------------------- */

static void
check_muon (OpCase *self, int n_out, int n_in)
{
  PmodMuon options = { 0.02f, 0.95f, 0.01f, self->act };
  double *w, *velocity_values = op_doubles (self, n_out * n_in), *g;
  PmodTensor weight = op_random (self, &w, PMOD_DTYPE_F32, 0, 0.1, 2, n_out, n_in);
  PmodTensor before = gradient_copy (self, &weight), again = gradient_copy (self, &weight);
  PmodTensor velocity = op_poison (self, PMOD_DTYPE_F32, 2, n_out, n_in), velocity1;

  pmod_fill (self->backend, &velocity, 0);
  velocity1 = gradient_copy (self, &velocity);
  for (int step = 0; step < 10; step++)
    {
      PmodTensor grad = op_random (self, &g, PMOD_DTYPE_F32, 0, 3, 2, n_out, n_in);

      pmod_muon (self->backend, &weight, &velocity, &grad, NULL, &options);
      pmod_muon (self->single, &again, &velocity1, &grad, NULL, &options);
      reference_muon (w, velocity_values, g, n_out, n_in, &options, 1);
    }
  /* The iteration multiplies what lies in small singular directions by up to 3.44^5 = 485, and
   * with it rounding errors: of F32 2^-24, of BF16 2^-9 at each of fifteen products, of F16 an
   * eighth of that. BF16 moves singular values within the band (0.7 to 1.2) that five steps leave
   * them in anyway. */
  compare_change (self, "ten steps of Muon", &weight, &before, w,
                  self->act == PMOD_DTYPE_F32   ? 1e-5
                  : self->act == PMOD_DTYPE_F16 ? 0.05 / 8
                                                : 0.05);
  op_compare (self, "velocity", &velocity, velocity_values, NULL, 1e-6);
  op_expect_equal (self, "Muon on one thread and two", &weight, &again);
}

/* Enough work that panels are shared among threads; small enough that our own product does it,
 * whose sums do not depend on them. */
static void
check_muon_threads (OpCase *self)
{
  PmodMuon options = { 0.02f, 0.95f, 0.01f, self->act };
  PmodTensor weight = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0.1, 2, 600, 300);
  PmodTensor velocity = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0.1, 2, 600, 300);
  PmodTensor grad = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 600, 300);
  PmodTensor again = gradient_copy (self, &weight), velocity1 = gradient_copy (self, &velocity);

  pmod_muon (self->backend, &weight, &velocity, &grad, NULL, &options);
  pmod_muon (self->single, &again, &velocity1, &grad, NULL, &options);
  op_expect_equal (self, "a large step on one thread and two", &weight, &again);
}

static void
test_muon (OpCase *self)
{
  PmodTensor weight = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, 4);
  PmodTensor wide = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, 5);
  PmodMuon options = { 0.02f, 0.95f, 0.01f, self->act };

  check_muon (self, 1, 9);
  check_muon (self, 24, 40);
  check_muon (self, 70, 21);
  check_muon (self, 33, 33);
  check_muon_threads (self);
  pmod_muon (self->backend, &weight, &weight, &wide, NULL, &options);
  op_expect_error (self, "grad: expected F32 [3,4], got F32 [3,5]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/optimizer/norm", test_norm);
  op_add_tests ("/optimizer/adamw", test_adamw);
  op_add_tests ("/optimizer/muon", test_muon);
  return g_test_run ();
}
