/* Marks, and graphs: a token's ops recorded once give, step after step, what they give when they
 * are called with growing positions and lengths. */
#include <math.h>

#include "ops-check.h"

#define U32 (1.0 / (1 << 24))

#define N_HEADS 4
#define N_KV_HEADS 2
#define WIDTH 48
#define N_ALL ((N_HEADS + 2 * N_KV_HEADS) * WIDTH)
#define CAPACITY 150

static void
test_marks (OpCase *self)
{
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 40, 64);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 64);
  PmodTensor y = op_poison (self, self->act, 2, 40, 64);

  pmod_range_begin (self->backend, "norm");
  pmod_mark (self->backend, 3);
  pmod_rmsnorm (self->backend, &y, &x, &w, 1e-5f);
  pmod_mark (self->backend, PMOD_N_MARKS - 1);
  pmod_range_end (self->backend);
  g_assert_true (pmod_wait_mark (self->backend, 3));
  g_assert_true (pmod_wait_mark (self->backend, PMOD_N_MARKS - 1));
  g_assert_cmpfloat (pmod_mark_us (self->backend, 3, PMOD_N_MARKS - 1), >, 0);
  g_assert_cmpfloat (pmod_mark_us (self->backend, 3, PMOD_N_MARKS - 1), <, 60e6);

  pmod_mark (self->backend, PMOD_N_MARKS);
  op_expect_error (self, "mark: expected a mark in range");
}

/* One token of a decode. */
typedef struct
{
  PmodTensor qkv, q, k, v, out, cos_sin;
} Token;

static void
run_token (PmodBackend *backend, Token *t, int n_before)
{
  pmod_split_qkv (backend, &t->q, &t->k, &t->v, &t->qkv, &t->cos_sin, NULL, n_before + 7, n_before);
  pmod_attention (backend, &t->out, &t->q, &t->k, &t->v, n_before + 1, true, 0.2f);
}

static Token
make_token (OpCase *self, const PmodTensor *cos_sin, const PmodTensor *cache)
{
  Token t = {
    op_poison (self, PMOD_DTYPE_F32, 2, 1, N_ALL),
    op_poison (self, self->act, 3, 1, N_HEADS, WIDTH),
    op_poison (self, self->act, 3, N_KV_HEADS, CAPACITY, WIDTH),
    op_poison (self, self->act, 3, N_KV_HEADS, CAPACITY, WIDTH),
    op_poison (self, self->act, 2, 1, N_HEADS * WIDTH),
    *cos_sin,
  };

  pmod_copy (self->backend, t.k.data, cache->data, pmod_tensor_bytes (cache));
  pmod_copy (self->backend, t.v.data, cache->data, pmod_tensor_bytes (cache));
  return t;
}

/* The first time there may not be room enough; the second time there is. */
static PmodGraph *
record (OpCase *self, Token *t, int n_before, PmodTensor *step, int n_steps)
{
  PmodGraph *graph = NULL;

  for (int i = 0; i < 2 && graph == NULL; i++)
    {
      g_assert_true (pmod_graph_begin (self->backend, step, n_steps));
      run_token (self->backend, t, n_before);
      graph = pmod_graph_end (self->backend, graph);
    }
  op_expect_ok (self);
  g_assert_nonnull (graph);
  return graph;
}

/* Each is as far from the truth as its numerators and its result are rounded, sums apart. */
static void
compare_tokens (OpCase *self, const Token *got, const Token *want)
{
  double *values = op_doubles (self, N_HEADS * WIDTH);

  for (int i = 0; i < N_HEADS * WIDTH; i++)
    values[i] = op_get (&want->out, i);
  op_compare (self, "a step of a graph", &got->out, values, NULL,
              self->act == PMOD_DTYPE_F32 ? 64 * U32 : 6 * op_unit (self->act));
}

/* A product whose sums are more than what any backend begins with. */
static void
grow_workspace (OpCase *self)
{
  const int n = 2200, width = 640;
  PmodTensor weights = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, width, 8);
  PmodMatrixPart part = { weights.data, PMOD_DTYPE_F32, width };
  PmodMatrix *w = pmod_matrix_new (self->backend, &part, 1, 8, self->act);
  PmodTensor x = op_random (self, NULL, self->act, 0, 1, 2, n, 8);
  PmodTensor y = op_poison (self, op_narrow (self->act), 2, n, width);

  pmod_linear (self->backend, &y, &x, w, NULL, PMOD_EPILOGUE_GELU);
  op_expect_ok (self);
  pmod_matrix_free (self->backend, w);
}

static void
test_graph (OpCase *self)
{
  /* Splits end at multiples of 64 keys. */
  const int n_before = 60, n_steps = 70;
  const int32_t first = 0;
  PmodTensor cos_sin = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, CAPACITY + 8, WIDTH);
  PmodTensor cache = op_random (self, NULL, self->act, 0, 1, 3, N_KV_HEADS, CAPACITY, WIDTH);
  Token direct = make_token (self, &cos_sin, &cache), kept = make_token (self, &cos_sin, &cache);
  PmodTensor step = op_indices (self, &first, 1);
  PmodTensor rows = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, n_steps, N_ALL);
  PmodGraph *graph;

  if (!op_is_cuda (self))
    {
      g_assert_false (pmod_graph_begin (self->backend, &step, n_steps));
      return;
    }
  pmod_copy (self->backend, direct.qkv.data, rows.data, N_ALL * 4);
  run_token (self->backend, &direct, n_before);
  graph = record (self, &kept, n_before, &step, n_steps);
  g_assert_true (isnan (op_get (&kept.out, 0))); /* nothing ran */
  for (int32_t i = 0; i < n_steps; i += i < 3 ? 1 : 11)
    {
      PmodTensor row = pmod_tensor_rows (&rows, i, 1);

      pmod_copy (self->backend, direct.qkv.data, row.data, N_ALL * 4);
      pmod_copy (self->backend, kept.qkv.data, row.data, N_ALL * 4);
      pmod_upload (self->backend, step.data, &i, sizeof i);
      run_token (self->backend, &direct, n_before + i);
      g_assert_true (pmod_graph_run (self->backend, graph));
      op_expect_ok (self);
      compare_tokens (self, &kept, &direct);
      op_expect_equal (self, "keys", &kept.k, &direct.k);
      op_expect_equal (self, "values", &kept.v, &direct.v);
    }

  grow_workspace (self);
  g_assert_false (pmod_graph_run (self->backend, graph));
  op_expect_ok (self);
  pmod_graph_free (self->backend, graph);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/ops/order/marks", test_marks);
  op_add_tests ("/ops/order/graph", test_graph);
  return g_test_run ();
}
