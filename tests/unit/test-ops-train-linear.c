/* Gradients of linear layers against finite differences in F64 and, where those would take too
 * long, against sums in F64; the update of a trainable matrix; a backend that cannot train. */
#include "ops-gradient.h"

#include <math.h>
#include <string.h>

#include "pmod-backend-private.h"

typedef struct
{
  int n_tokens, n_in, n_out;
  double *x, *w, *b, *dy;
} Linear;

/* Sum of dy (x.W^T + b). */
static double
linear_loss (const void *data)
{
  const Linear *l = data;
  double loss = 0;

  for (int t = 0; t < l->n_tokens; t++)
    for (int n = 0; n < l->n_out; n++)
      {
        double y = l->b[n];

        for (int k = 0; k < l->n_in; k++)
          y += l->x[t * l->n_in + k] * l->w[n * l->n_in + k];
        loss += l->dy[t * l->n_out + n] * y;
      }
  return loss;
}

static void
test_differences (OpCase *self)
{
  static const int shapes[][3] = { { 1, 1, 1 }, { 7, 19, 70 }, { 12, 66, 5 }, { 33, 16, 64 } };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      Linear l = { .n_tokens = shapes[i][0], .n_in = shapes[i][1], .n_out = shapes[i][2] };
      double *dw_values, *db_values;
      PmodTensor master = gradient_exact (self, &l.w, 0.3, l.n_out, l.n_in);
      PmodTensor x = op_random (self, &l.x, self->act, 0, 1, 2, l.n_tokens, l.n_in);
      PmodTensor dy = gradient_exact (self, &l.dy, 1, l.n_tokens, l.n_out);
      PmodTensor dx = op_poison (self, PMOD_DTYPE_F32, 2, l.n_tokens, l.n_in);
      PmodTensor dw = op_random (self, &dw_values, PMOD_DTYPE_F32, 0, 1, 2, l.n_out, l.n_in);
      PmodTensor db = op_random (self, &db_values, PMOD_DTYPE_F32, 0, 1, 1, l.n_out);
      PmodMatrix *w = pmod_matrix_new_trainable (self->backend, &master, self->act);

      l.b = op_doubles (self, l.n_out);
      g_assert_nonnull (w);
      pmod_linear_backward (self->backend, &dx, &dw, &db, &dy, &x, w);
      /* All factors are exact in act; what is left are sums of at most 70 terms in F32. */
      op_compare (self, "dx", &dx, gradient_of (self, l.x, l.n_tokens * l.n_in, linear_loss, &l),
                  NULL, 2e-6);
      op_compare (self, "dw", &dw,
                  gradient_added (self, dw_values, l.w, l.n_out * l.n_in, linear_loss, &l), NULL,
                  2e-6);
      op_compare (self, "db", &db, gradient_added (self, db_values, l.b, l.n_out, linear_loss, &l),
                  NULL, 2e-6);
      pmod_matrix_free (self->backend, w);
    }
}

/* Many tokens, so that chunks, blocks and threads all have edges, and products that oneDNN takes
 * where the level uses it. Factors are not exact in act here. */
static void
test_many (OpCase *self)
{
  enum
  {
    T = 1101,
    K = 450,
    N = 331
  };
  double *x_values, *w_values, *dy_values, *want = op_doubles (self, T * K);
  double *want_w = op_doubles (self, N * K), *want_b = op_doubles (self, N);
  PmodTensor master = op_random (self, &w_values, PMOD_DTYPE_F32, 0, 0.1, 2, N, K);
  PmodTensor x = op_random (self, &x_values, self->act, 0.5, 1, 2, T, K);
  PmodTensor dy = op_random (self, &dy_values, PMOD_DTYPE_F32, 0.1, 1, 2, T, N);
  PmodTensor dx = op_poison (self, PMOD_DTYPE_F32, 2, T, K);
  PmodTensor dw = op_poison (self, PMOD_DTYPE_F32, 2, N, K), again = dw;
  PmodTensor db = op_poison (self, PMOD_DTYPE_F32, 1, N);
  PmodMatrix *w = pmod_matrix_new_trainable (self->backend, &master, self->act);
  /* F32: sums of up to 1101 terms. BF16: dy and W each off by half a unit on average, x not. */
  double bound = self->act == PMOD_DTYPE_F32 ? 2e-6 : op_unit (self->act);

  for (int t = 0; t < T; t++)
    for (int n = 0; n < N; n++)
      {
        double d = dy_values[t * N + n];

        want_b[n] += d;
        for (int k = 0; k < K; k++)
          {
            want[t * K + k] += d * w_values[n * K + k];
            want_w[n * K + k] += d * x_values[t * K + k];
          }
      }
  pmod_fill (self->backend, &dw, 0);
  pmod_fill (self->backend, &db, 0);
  pmod_linear_backward (self->backend, &dx, &dw, &db, &dy, &x, w);
  op_compare (self, "dx of many tokens", &dx, want, NULL, bound);
  op_compare (self, "dw of many tokens", &dw, want_w, NULL, bound);
  op_compare (self, "db of many tokens", &db, want_b, NULL, 1e-6);
  again = op_poison (self, PMOD_DTYPE_F32, 2, N, K);
  pmod_fill (self->single, &again, 0);
  pmod_linear_backward (self->single, NULL, &again, NULL, &dy, &x, w);
  op_expect_equal (self, "dw on one thread and two", &dw, &again);
  pmod_matrix_free (self->backend, w);
}

/* Gradients that F16 has no numbers for, as small as a whole model's are: they come through with
 * the digits that larger ones have. One that is not finite shows. */
static void
test_small (OpCase *self)
{
  enum
  {
    T = 40,
    K = 33,
    N = 17
  };
  double *x_values, *w_values, *dy_values, *want = op_doubles (self, T * K);
  double *want_w = op_doubles (self, N * K);
  PmodTensor master = op_random (self, &w_values, PMOD_DTYPE_F32, 0, 0.1, 2, N, K);
  PmodTensor x = op_random (self, &x_values, self->act, 0.5, 1, 2, T, K);
  PmodTensor dy = op_random (self, &dy_values, PMOD_DTYPE_F32, 0, 1e-9, 2, T, N);
  PmodTensor dx = op_poison (self, PMOD_DTYPE_F32, 2, T, K);
  PmodTensor dw = op_poison (self, PMOD_DTYPE_F32, 2, N, K);
  PmodMatrix *w = pmod_matrix_new_trainable (self->backend, &master, self->act);
  double bound = self->act == PMOD_DTYPE_F32 ? 2e-6 : op_unit (self->act);

  for (int t = 0; t < T; t++)
    for (int n = 0; n < N; n++)
      for (int k = 0; k < K; k++)
        {
          want[t * K + k] += dy_values[t * N + n] * w_values[n * K + k];
          want_w[n * K + k] += dy_values[t * N + n] * x_values[t * K + k];
        }
  pmod_fill (self->backend, &dw, 0);
  pmod_linear_backward (self->backend, &dx, &dw, NULL, &dy, &x, w);
  op_compare (self, "dx of small dy", &dx, want, NULL, bound);
  op_compare (self, "dw of small dy", &dw, want_w, NULL, bound);
  pmod_linear_backward (self->backend, &dx, NULL, NULL, &dy, NULL, w);
  op_compare (self, "dx alone of small dy", &dx, want, NULL, bound);
  pmod_fill (self->backend, &dy, 0);
  pmod_linear_backward (self->backend, &dx, NULL, NULL, &dy, NULL, w);
  op_expect_ok (self);
  g_assert_cmpfloat (op_get (&dx, 5), ==, 0);
  op_set (&dy, 3, INFINITY);
  pmod_linear_backward (self->backend, &dx, NULL, NULL, &dy, NULL, w);
  op_expect_ok (self);
  g_assert_false (isfinite (op_get (&dx, 5)));
  pmod_matrix_free (self->backend, w);
}

/* After an update both directions see the new weights. */
static void
test_update (OpCase *self)
{
  Linear l = { .n_tokens = 9, .n_in = 35, .n_out = 67 };
  PmodTensor old = gradient_exact (self, NULL, 1, l.n_out, l.n_in);
  PmodTensor master = gradient_exact (self, &l.w, 0.3, l.n_out, l.n_in);
  PmodTensor x = op_random (self, &l.x, self->act, 0, 1, 2, l.n_tokens, l.n_in);
  PmodTensor dy = gradient_exact (self, &l.dy, 1, l.n_tokens, l.n_out);
  PmodTensor dx = op_poison (self, PMOD_DTYPE_F32, 2, l.n_tokens, l.n_in);
  PmodTensor y = op_poison (self, PMOD_DTYPE_F32, 2, l.n_tokens, l.n_out);
  PmodMatrix *w = pmod_matrix_new_trainable (self->backend, &old, self->act);

  l.b = op_doubles (self, l.n_out);
  pmod_matrix_update (self->backend, w, &master);
  pmod_linear (self->backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
  pmod_linear_backward (self->backend, &dx, NULL, NULL, &dy, NULL, w);
  op_compare (self, "dx after an update", &dx,
              gradient_of (self, l.x, l.n_tokens * l.n_in, linear_loss, &l), NULL, 2e-6);
  /* y is the gradient of the loss with respect to dy. */
  op_compare (self, "y after an update", &y,
              gradient_of (self, l.dy, l.n_tokens * l.n_out, linear_loss, &l), NULL, 2e-6);
  pmod_matrix_free (self->backend, w);
}

/* --- Refusals ----------------------------------------------------------------------------- */

static void
test_refusals (OpCase *self)
{
  PmodTensor master = gradient_exact (self, NULL, 1, 6, 4);
  PmodTensor x = op_random (self, NULL, self->act, 0, 1, 2, 3, 4);
  PmodTensor dy = gradient_exact (self, NULL, 1, 3, 6);
  PmodTensor dx = gradient_exact (self, NULL, 1, 3, 4), wide = gradient_exact (self, NULL, 1, 3, 5);
  PmodMatrixPart part = { master.data, PMOD_DTYPE_F32, 6 };
  PmodMatrix *plain = pmod_matrix_new (self->backend, &part, 1, 4, self->act);
  PmodMatrix *w = pmod_matrix_new_trainable (self->backend, &master, self->act);

  pmod_linear_backward (self->backend, &dx, NULL, NULL, &dy, &x, plain);
  op_expect_error (self, "linear_backward: expected a trainable matrix");
  pmod_matrix_update (self->backend, plain, &master);
  op_expect_error (self, "matrix_update: expected a trainable matrix");
  pmod_matrix_update (self->backend, w, &wide);
  op_expect_error (self, "master: expected F32 [6,4], got F32 [3,5]");
  pmod_linear_backward (self->backend, &wide, NULL, NULL, &dy, &x, w);
  op_expect_error (self, "dx: expected F32 [3,4], got F32 [3,5]");
  pmod_linear_backward (self->backend, NULL, &master, NULL, &dy, NULL, w);
  op_expect_error (self, "linear_backward: x: expected");
  g_assert_null (pmod_matrix_new_trainable (self->backend, &x, PMOD_DTYPE_I32));
  op_expect_error (self, self->act == PMOD_DTYPE_F32 ? "an act dtype" : "master: expected F32");
  pmod_matrix_free (self->backend, plain);
  pmod_matrix_free (self->backend, w);
}

static void
test_inference_only (void)
{
  const PmodOps ops = { .name = "reading" };
  PmodBackend backend = { .ops = &ops };
  float value = 1;
  PmodTensor x = pmod_tensor_1d (&value, PMOD_DTYPE_F32, 1);

  g_assert_false (pmod_backend_can_train (&backend));
  pmod_fill (&backend, &x, 0);
  g_assert_cmpstr (pmod_backend_get_error (&backend), ==, "fill: the reading backend cannot train");
  g_assert_cmpfloat (value, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/linear-backward/differences", test_differences);
  op_add_tests ("/linear-backward/many", test_many);
  op_add_tests ("/linear-backward/small", test_small);
  op_add_tests ("/linear-backward/update", test_update);
  op_add_tests ("/linear-backward/refusals", test_refusals);
  g_test_add_func ("/linear-backward/inference-only", test_inference_only);
  return g_test_run ();
}
