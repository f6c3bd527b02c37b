/* Gradients of norms, activations, patches and tables against finite differences in F64. */
#include "ops-gradient.h"

#include <math.h>
#include <string.h>

/* --- Norms -------------------------------------------------------------------------------- */

typedef struct
{
  int n_rows, n;
  gboolean layer;
  double eps;
  double *x, *w, *b, *dy;
} Norm;

static double
norm_loss (const void *data)
{
  const Norm *norm = data;
  double loss = 0;

  for (int t = 0; t < norm->n_rows; t++)
    {
      const double *x = norm->x + t * norm->n;
      double mean = 0, squares = 0;

      for (int i = 0; norm->layer && i < norm->n; i++)
        mean += x[i] / norm->n;
      for (int i = 0; i < norm->n; i++)
        squares += (x[i] - mean) * (x[i] - mean) / norm->n;
      for (int i = 0; i < norm->n; i++)
        loss += norm->dy[t * norm->n + i] *
                ((x[i] - mean) / sqrt (squares + norm->eps) * norm->w[i] + norm->b[i]);
    }
  return loss;
}

static void
run_norm (PmodBackend *backend,
          const Norm *norm,
          PmodTensor *dx,
          PmodTensor *dw,
          PmodTensor *db,
          const PmodTensor *dy,
          const PmodTensor *x,
          const PmodTensor *w)
{
  if (norm->layer)
    pmod_layernorm_backward (backend, dx, dw, db, dy, x, w, (float)norm->eps);
  else
    pmod_rmsnorm_backward (backend, dx, dw, dy, x, w, (float)norm->eps);
}

static void
check_norm (OpCase *self, Norm norm, double mean)
{
  int size = norm.n_rows * norm.n;
  double *dx_values, *dw_values, *db_values;
  PmodTensor x = op_random (self, &norm.x, PMOD_DTYPE_F32, mean, 2, 2, norm.n_rows, norm.n);
  PmodTensor w = op_random (self, &norm.w, PMOD_DTYPE_F32, 1, 0.3, 1, norm.n);
  PmodTensor dy = op_random (self, &norm.dy, PMOD_DTYPE_F32, 0, 1, 2, norm.n_rows, norm.n);
  PmodTensor dx = op_random (self, &dx_values, PMOD_DTYPE_F32, 0, 1, 2, norm.n_rows, norm.n);
  PmodTensor dw = op_random (self, &dw_values, PMOD_DTYPE_F32, 0, 1, 1, norm.n);
  PmodTensor db = op_random (self, &db_values, PMOD_DTYPE_F32, 0, 1, 1, norm.n);
  PmodTensor dx1 = gradient_copy (self, &dx), dw1 = gradient_copy (self, &dw);
  PmodTensor db1 = gradient_copy (self, &db);

  norm.eps = (float)1e-5;
  norm.b = op_doubles (self, norm.n);
  run_norm (self->backend, &norm, &dx, &dw, &db, &dy, &x, &w);
  run_norm (self->single, &norm, &dx1, &dw1, &db1, &dy, &x, &w);
  /* F32 sums of some hundred terms; the mean is taken off x, which costs its digits. */
  op_compare (self, norm.layer ? "layernorm dx" : "rmsnorm dx", &dx,
              gradient_added (self, dx_values, norm.x, size, norm_loss, &norm), NULL, 2e-6);
  op_compare (self, "dw", &dw, gradient_added (self, dw_values, norm.w, norm.n, norm_loss, &norm),
              NULL, 2e-6);
  if (norm.layer)
    op_compare (self, "db", &db, gradient_added (self, db_values, norm.b, norm.n, norm_loss, &norm),
                NULL, 2e-6);
  op_expect_equal (self, "dx on one thread and two", &dx, &dx1);
  op_expect_equal (self, "dw on one thread and two", &dw, &dw1);
}

static void
test_norms (OpCase *self)
{
  static const int shapes[][2] = { { 1, 2 }, { 3, 7 }, { 9, 64 }, { 5, 131 }, { 200, 3 } };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      check_norm (self, (Norm){ shapes[i][0], shapes[i][1], FALSE }, 0.5);
      check_norm (self, (Norm){ shapes[i][0], shapes[i][1], TRUE }, 1);
    }
}

/* Enough rows that they are shared among threads; frozen weights. */
static void
test_threads (OpCase *self)
{
  Norm norm = { 700, 257, TRUE, 1e-5 };
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 2, 2, norm.n_rows, norm.n);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0.3, 1, norm.n);
  PmodTensor dy = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, norm.n_rows, norm.n);
  PmodTensor dx = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, norm.n_rows, norm.n);
  PmodTensor dx1 = gradient_copy (self, &dx), dx2 = gradient_copy (self, &dx);
  PmodTensor dw = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, norm.n);
  PmodTensor db = gradient_copy (self, &dw), dw1 = gradient_copy (self, &dw);
  PmodTensor db1 = gradient_copy (self, &dw);

  run_norm (self->backend, &norm, &dx, &dw, &db, &dy, &x, &w);
  run_norm (self->single, &norm, &dx1, &dw1, &db1, &dy, &x, &w);
  run_norm (self->backend, &norm, &dx2, NULL, NULL, &dy, &x, &w);
  op_expect_equal (self, "dx on one thread and two", &dx, &dx1);
  op_expect_equal (self, "dx of frozen weights", &dx, &dx2);
  op_expect_equal (self, "dw on one thread and two", &dw, &dw1);
  op_expect_equal (self, "db on one thread and two", &db, &db1);
}

/* --- Activations -------------------------------------------------------------------------- */

typedef struct
{
  int n; /* of one row of y */
  int n_rows;
  PmodEpilogue function; /* NONE: SwiGLU */
  double *z, *dy;
} Activation;

static double
activation (PmodEpilogue function, double z)
{
  if (function == PMOD_EPILOGUE_GELU)
    return z * erfc (-z / sqrt (2)) / 2;
  return z / (1 + exp (-1.702 * z));
}

static double
activation_loss (const void *data)
{
  const Activation *a = data;
  double loss = 0;

  for (int i = 0; i < a->n_rows * a->n; i++)
    {
      int gate = i / a->n * 2 * a->n + i % a->n;
      double y;

      if (a->function != PMOD_EPILOGUE_NONE)
        y = activation (a->function, a->z[i]);
      else
        y = a->z[gate] / (1 + exp (-a->z[gate])) * a->z[gate + a->n];
      loss += a->dy[i] * y;
    }
  return loss;
}

static void
check_activation (OpCase *self, PmodEpilogue function)
{
  Activation a = { .n = 75, .n_rows = 7, .function = function };
  int n = a.n * a.n_rows;
  double *want = op_doubles (self, n);
  PmodTensor z = op_random (self, &a.z, self->act, 0, 3, 2, a.n_rows, a.n);
  PmodTensor dy = op_random (self, &a.dy, PMOD_DTYPE_F32, 0, 1, 2, a.n_rows, a.n);
  PmodTensor y = op_poison (self, self->act, 2, a.n_rows, a.n);

  for (int i = 0; i < n; i++)
    want[i] = activation (function, a.z[i]);
  pmod_activation (self->backend, &y, &z, function);
  op_compare (self, "activation", &y, want, NULL,
              self->act == PMOD_DTYPE_F32 ? 1e-6 : op_unit (self->act));
  pmod_activation_backward (self->backend, &dy, &dy, &z, function);
  /* Exponentials and erf good to 1e-7, some six roundings. */
  op_compare (self, "dz in place of dy", &dy, gradient_of (self, a.z, n, activation_loss, &a), NULL,
              1e-6);
}

static void
test_activations (OpCase *self)
{
  Activation a = { .n = 75, .n_rows = 7, .function = PMOD_EPILOGUE_NONE };
  PmodTensor gate_up = op_random (self, &a.z, self->act, 0, 3, 2, a.n_rows, 2 * a.n);
  PmodTensor dy = op_random (self, &a.dy, PMOD_DTYPE_F32, 0, 1, 2, a.n_rows, a.n);
  PmodTensor dgate_up = op_poison (self, PMOD_DTYPE_F32, 2, a.n_rows, 2 * a.n);

  check_activation (self, PMOD_EPILOGUE_QUICK_GELU);
  check_activation (self, PMOD_EPILOGUE_GELU);
  pmod_swiglu_backward (self->backend, &dgate_up, &dy, &gate_up);
  op_compare (self, "dgate_up", &dgate_up,
              gradient_of (self, a.z, a.n_rows * 2 * a.n, activation_loss, &a), NULL, 1e-6);
  pmod_activation (self->backend, &dy, &dy, PMOD_EPILOGUE_ADD);
  op_expect_error (self, "a function of one input");
}

static void
test_blend (OpCase *self)
{
  double *x_values, *y_values, *want = op_doubles (self, 37);
  PmodTensor x = op_random (self, &x_values, PMOD_DTYPE_F32, 0, 1, 1, 37);
  PmodTensor y = op_random (self, &y_values, PMOD_DTYPE_F32, 0, 1, 1, 37);

  for (int i = 0; i < 37; i++)
    want[i] = 0.75 * y_values[i] - 3 * x_values[i];
  pmod_blend (self->backend, &y, 0.75f, &x, -3);
  op_compare (self, "blend", &y, want, NULL, 1e-6);
  for (int i = 0; i < 37; i++)
    want[i] = 2.5;
  pmod_fill (self->backend, &y, 2.5f);
  op_compare (self, "fill", &y, want, NULL, 0);
}

/* --- Patches and tables ------------------------------------------------------------------- */

typedef struct
{
  int n_tiles, n_positions, n;
  double *patches, *cls, *position, *dx;
} Embed;

static double
embed_loss (const void *data)
{
  const Embed *e = data;
  double loss = 0;

  for (int row = 0; row < e->n_tiles * e->n_positions; row++)
    for (int i = 0; i < e->n; i++)
      {
        int tile = row / e->n_positions, at = row % e->n_positions;
        double value = e->position[at * e->n + i];

        if (at == 0)
          value += e->cls[i];
        else
          value += e->patches[(tile * (e->n_positions - 1) + at - 1) * e->n + i];
        loss += e->dx[row * e->n + i] * value;
      }
  return loss;
}

static void
test_embed (OpCase *self)
{
  Embed e = { .n_tiles = 3, .n_positions = 5, .n = 21 };
  int n_patches = e.n_tiles * (e.n_positions - 1);
  double *dcls_values, *dposition_values;
  PmodTensor dx = op_random (self, &e.dx, PMOD_DTYPE_F32, 0, 1, 2, e.n_tiles * e.n_positions, e.n);
  PmodTensor dcls = op_random (self, &dcls_values, PMOD_DTYPE_F32, 0, 1, 1, e.n);
  PmodTensor dposition =
      op_random (self, &dposition_values, PMOD_DTYPE_F32, 0, 1, 2, e.n_positions, e.n);
  PmodTensor dpatches = op_poison (self, PMOD_DTYPE_F32, 2, n_patches, e.n);
  PmodTensor alone = op_poison (self, PMOD_DTYPE_F32, 2, n_patches, e.n);

  e.patches = op_doubles (self, n_patches * e.n);
  e.cls = op_doubles (self, e.n);
  e.position = op_doubles (self, e.n_positions * e.n);
  pmod_embed_patches_backward (self->backend, &dpatches, &dcls, &dposition, &dx);
  op_compare (self, "dpatches", &dpatches,
              gradient_of (self, e.patches, n_patches * e.n, embed_loss, &e), NULL, 1e-7);
  op_compare (self, "dcls", &dcls, gradient_added (self, dcls_values, e.cls, e.n, embed_loss, &e),
              NULL, 1e-6);
  op_compare (
      self, "dposition", &dposition,
      gradient_added (self, dposition_values, e.position, e.n_positions * e.n, embed_loss, &e),
      NULL, 1e-6);
  pmod_embed_patches_backward (self->backend, &alone, NULL, NULL, &dx);
  op_expect_equal (self, "dpatches of a frozen embedding", &dpatches, &alone);
  pmod_embed_patches_backward (self->backend, &alone, &dcls, NULL, &dx);
  op_expect_error (self, "both dcls and dposition");
}

/* Rows that repeat and rows that go nowhere. */
static void
check_gather (OpCase *self, int n_rows, int n_table, int n)
{
  double *table_values, *dy_values;
  PmodTensor dtable = op_random (self, &table_values, PMOD_DTYPE_F32, 0, 1, 2, n_table, n);
  PmodTensor dy = op_random (self, &dy_values, PMOD_DTYPE_F32, 0, 1, 2, n_rows, n);
  PmodTensor again = gradient_copy (self, &dtable), idx;
  int32_t *to = op_bytes (self, (size_t)n_rows * 4);

  for (int t = 0; t < n_rows; t++)
    {
      to[t] = g_rand_int_range (self->rand, -1, n_table);
      for (int i = 0; to[t] >= 0 && i < n; i++)
        table_values[to[t] * n + i] += dy_values[t * n + i];
    }
  idx = op_indices (self, to, n_rows);
  pmod_gather_rows_backward (self->backend, &dtable, &dy, &idx);
  pmod_gather_rows_backward (self->single, &again, &dy, &idx);
  /* Each entry is a sum of n_rows / n_table terms on average. */
  op_compare (self, "dtable", &dtable, table_values, NULL, 2e-6);
  op_expect_equal (self, "dtable on one thread and two", &dtable, &again);
  to[n_rows - 1] = n_table;
  idx = op_indices (self, to, n_rows);
  pmod_gather_rows_backward (self->backend, &dtable, &dy, &idx);
  op_expect_data_error (self, "of a table of", &dtable, 0, n);
}

static void
test_gather (OpCase *self)
{
  check_gather (self, 1, 1, 1);
  check_gather (self, 50, 9, 37);
  check_gather (self, 2000, 13, 200);
}

/* Correctly rounded, so that the F64 quotient of what F32 holds gives the same bits. */
static void
test_divide (OpCase *self)
{
  static const int32_t divisors[] = { 1, 3, 7, 16777213 };
  const int n = 67;
  double *values;
  PmodTensor x = op_random (self, &values, PMOD_DTYPE_F32, 0, 1, 2, 4, n);
  PmodTensor by = op_indices (self, divisors, 4);

  pmod_divide_rows (self->backend, &x, &by);
  for (int i = 0; i < 4 * n; i++)
    values[i] = (float)(values[i] / divisors[i / n]);
  op_compare (self, "quotients", &x, values, NULL, 0);
  by = op_indices (self, divisors, 3);
  pmod_divide_rows (self->backend, &x, &by);
  op_expect_error (self, "divide_rows: by: expected I32 [4]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/rows-backward/norms", test_norms);
  op_add_tests ("/rows-backward/threads", test_threads);
  op_add_tests ("/rows-backward/activations", test_activations);
  op_add_tests ("/rows-backward/blend", test_blend);
  op_add_tests ("/rows-backward/embed", test_embed);
  op_add_tests ("/rows-backward/gather", test_gather);
  op_add_tests ("/rows-backward/divide", test_divide);
  return g_test_run ();
}
