/* The ops of routing at every level, against F64 and against plain definitions. */
#include "ops-check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define U32 0x1p-24

/* --- Scores and weights ------------------------------------------------------------------- */

static void
check_logits (OpCase *self, int n_tokens, int n_targets, int n, bool with_bias)
{
  double *x_values, *w_values, *b_values, *want = op_doubles (self, n_targets);
  double *bound = op_doubles (self, n_targets);
  PmodTensor x = op_random (self, &x_values, PMOD_DTYPE_F32, 0, 3, 2, n_tokens, n);
  PmodTensor w = op_random (self, &w_values, PMOD_DTYPE_F32, 0, 1, 1, n);
  PmodTensor b = op_random (self, &b_values, PMOD_DTYPE_F32, 0, 1, 1, 1);
  PmodTensor logit = op_poison (self, PMOD_DTYPE_F32, 1, n_targets), targets;
  PmodTensor again = op_poison (self, PMOD_DTYPE_F32, 1, n_targets);
  int32_t *idx = op_bytes (self, (size_t)n_targets * 4);

  for (int v = 0; v < n_targets; v++)
    {
      idx[v] = v * (n_tokens / n_targets);
      want[v] = with_bias ? b_values[0] : 0;
      bound[v] = fabs (want[v]);
      for (int i = 0; i < n; i++)
        {
          double product = x_values[(int64_t)idx[v] * n + i] * w_values[i];

          want[v] += product;
          bound[v] += fabs (product);
        }
      bound[v] *= (n + 2) * U32; /* of a sum of n products in any order */
    }
  targets = op_indices (self, idx, n_targets);
  pmod_router_logits (self->backend, &logit, &x, &w, with_bias ? &b : NULL, &targets);
  pmod_router_logits (self->single, &again, &x, &w, with_bias ? &b : NULL, &targets);
  op_expect_equal (self, "router_logits on one thread and two", &logit, &again);
  /* Over few logits one that is nearly zero may decide the relative error. */
  op_compare (self, "router_logits", &logit, want, bound, n_targets < 10 ? 1e-5 : 1e-6);
}

static void
check_norms (OpCase *self, int n_tokens, int n_targets, int n)
{
  double *x_values, *want = op_doubles (self, n_targets), *bound = op_doubles (self, n_targets);
  PmodTensor x = op_random (self, &x_values, PMOD_DTYPE_F32, 0, 3, 2, n_tokens, n);
  PmodTensor norm = op_poison (self, PMOD_DTYPE_F32, 1, n_targets), targets;
  PmodTensor again = op_poison (self, PMOD_DTYPE_F32, 1, n_targets);
  int32_t *idx = op_bytes (self, (size_t)n_targets * 4);

  for (int v = 0; v < n_targets; v++)
    {
      idx[v] = v * (n_tokens / n_targets);
      want[v] = 0;
      for (int i = 0; i < n; i++)
        want[v] += x_values[(int64_t)idx[v] * n + i] * x_values[(int64_t)idx[v] * n + i];
      want[v] = sqrt (want[v]);
      /* A sum of n squares in any order, whose relative error the root halves; and its rounding. */
      bound[v] = ((n + 2) / 2.0 + 1) * U32 * want[v];
    }
  targets = op_indices (self, idx, n_targets);
  pmod_target_norms (self->backend, &norm, &x, &targets);
  pmod_target_norms (self->single, &again, &x, &targets);
  op_expect_equal (self, "target_norms on one thread and two", &norm, &again);
  op_compare (self, "target_norms", &norm, want, bound, 1e-6);
}

static void
test_norms (OpCase *self)
{
  check_norms (self, 3, 1, 1);
  check_norms (self, 20, 7, 33);
  check_norms (self, 40, 40, 128);
  check_norms (self, 300, 100, 4096);
}

static void
check_weights (OpCase *self, PmodWeightFunction function, int n, double sd)
{
  PmodWeightNorm norm = { function, 0.2f, 1 };
  double *z, *want = op_doubles (self, n), max = -INFINITY, sum = 0;
  PmodTensor logit = op_random (self, &z, PMOD_DTYPE_F32, 0.5, sd, 1, n);
  PmodTensor weight = op_poison (self, PMOD_DTYPE_F32, 1, n);

  for (int i = 0; i < n; i++)
    max = fmax (max, z[i]);
  for (int i = 0; i < n; i++)
    sum += exp (z[i] - max);
  for (int i = 0; i < n; i++)
    {
      double f = z[i];

      if (function == PMOD_WEIGHT_TANH)
        f = tanh (z[i]);
      else if (function == PMOD_WEIGHT_SIGMOID)
        f = 1 / (1 + exp (-z[i]));
      else if (function == PMOD_WEIGHT_SOFTMAX)
        f = exp (z[i] - max) / sum;
      want[i] = (double)norm.scale * f + norm.bias;
    }
  pmod_router_weights (self->backend, &weight, &logit, &norm);
  /* libm's functions are good to 1 ulp; three roundings follow. */
  op_compare (self, "router_weights", &weight, want, NULL, 4 * U32);
}

static void
test_scores (OpCase *self)
{
  check_logits (self, 1, 1, 1, true);
  check_logits (self, 40, 20, 130, false);
  check_logits (self, 634, 576, 4096, true);
  for (PmodWeightFunction f = PMOD_WEIGHT_TANH; f <= PMOD_WEIGHT_NONE; f++)
    {
      check_weights (self, f, 1, 1);
      check_weights (self, f, 577, 1);
      check_weights (self, f, 100, 60);
    }
}

/* --- The choice --------------------------------------------------------------------------- */

typedef struct
{
  float weight, logit;
  int idx;
} Candidate;

static int
compare_floats (float a, float b)
{
  if (isnan (a) || isnan (b))
    return isnan (a) - isnan (b);
  return (a < b) - (a > b);
}

static int
compare_candidates (const void *a, const void *b)
{
  const Candidate *x = a, *y = b;
  int order = compare_floats (x->weight, y->weight);

  if (!order)
    order = compare_floats (x->logit, y->logit);
  return order ? order : x->idx - y->idx;
}

/* n candidates of which many are equal: the values are multiples of 1 / steps. */
static void
check_top_k (OpCase *self, int n, int k, int steps)
{
  g_autofree Candidate *sorted = g_new (Candidate, n + 1);
  PmodTensor weight = op_poison (self, PMOD_DTYPE_F32, 1, n);
  PmodTensor logit = op_poison (self, PMOD_DTYPE_F32, 1, n);
  PmodTensor kept = op_poison (self, PMOD_DTYPE_U8, 1, n);
  double *want = op_doubles (self, n);

  for (int i = 0; i < n; i++)
    {
      float *w = (float *)weight.data + i, *z = (float *)logit.data + i;

      *w = (float)g_rand_int_range (self->rand, -steps, steps + 1) / (float)steps;
      *z = (float)g_rand_int_range (self->rand, -steps, steps + 1) / (float)steps;
      switch (g_rand_int_range (self->rand, 0, 12))
        {
        case 0:
          *w = -0.0f;
          break;
        case 1:
          *w = *z = NAN;
          break;
        case 2:
          *w = g_rand_boolean (self->rand) ? INFINITY : -INFINITY;
          break;
        }
      sorted[i] = (Candidate){ *w, *z, i };
    }
  qsort (sorted, (size_t)n, sizeof *sorted, compare_candidates);
  for (int i = 0; i < k; i++)
    want[sorted[i].idx] = 1;
  pmod_top_k (self->backend, &kept, &weight, &logit, k);
  op_compare (self, "top_k", &kept, want, NULL, 0);
}

static void
test_top_k (OpCase *self)
{
  static const int counts[] = { 1, 2, 3, 17, 576, 2928 };

  check_top_k (self, 0, 0, 1);
  for (size_t i = 0; i < G_N_ELEMENTS (counts); i++)
    for (int steps = 1; steps < 100; steps *= 8)
      {
        check_top_k (self, counts[i], counts[i] / 2, steps);
        check_top_k (self, counts[i], counts[i] - counts[i] / 7, steps);
        check_top_k (self, counts[i], steps == 1 ? 0 : counts[i], steps);
      }
}

/* --- Plan and scatter --------------------------------------------------------------------- */

/* Of n tokens those from first on, n_targets of them, may be skipped; every third is kept. */
static void
check_plan (OpCase *self, int n_tokens, int first, int n_targets, int n)
{
  PmodTensor kept = op_poison (self, PMOD_DTYPE_U8, 1, n_targets);
  double *weights, *x_values, *h_values, *m_values, *want;
  PmodTensor weight = op_random (self, &weights, PMOD_DTYPE_F32, 1, 0.1, 1, n_targets);
  int32_t *idx = op_bytes (self, (size_t)n_targets * 4);
  int n_rows = n_tokens - n_targets, row = 0;
  PmodTensor targets, rows, slot, row_weight, x, h, m;

  for (int v = 0; v < n_targets; v++)
    {
      idx[v] = first + v;
      ((uint8_t *)kept.data)[v] = v % 3 == 0;
      n_rows += v % 3 == 0;
    }
  targets = op_indices (self, idx, n_targets);
  rows = op_poison (self, PMOD_DTYPE_I32, 1, n_rows);
  slot = op_poison (self, PMOD_DTYPE_I32, 1, n_tokens);
  row_weight = op_poison (self, PMOD_DTYPE_F32, 1, n_tokens);
  x = op_random (self, &x_values, PMOD_DTYPE_F32, 0, 1, 2, n_tokens, n);
  h = op_random (self, &h_values, PMOD_DTYPE_F32, 0, 1, 2, n_rows, n);
  m = op_random (self, &m_values, PMOD_DTYPE_F32, 0, 1, 2, n_rows, n);
  want = op_doubles (self, (int64_t)n_tokens * n);
  pmod_route_plan (self->backend, &rows, &slot, &row_weight, &kept, &weight, &targets);
  pmod_reweight_scatter (self->backend, &x, &h, &m, &slot, &row_weight);
  op_expect_ok (self);
  for (int t = 0; t < n_tokens; t++)
    {
      int v = t - first;
      bool is_target = v >= 0 && v < n_targets, is_kept = !is_target || v % 3 == 0;
      double scale = is_target ? weights[v] : 1;

      g_assert_cmpfloat (op_get (&row_weight, t), ==, scale);
      g_assert_cmpint (((int32_t *)slot.data)[t], ==, is_kept ? row : -1);
      if (is_kept)
        g_assert_cmpint (((int32_t *)rows.data)[row], ==, t);
      for (int i = 0; i < n; i++)
        want[t * n + i] = is_kept ? h_values[row * n + i] + scale * m_values[row * n + i]
                                  : scale * x_values[t * n + i];
      row += is_kept;
    }
  g_assert_cmpint (row, ==, n_rows);
  op_compare (self, "reweight_scatter", &x, want, NULL, 2 * U32);
}

static void
test_plan (OpCase *self)
{
  check_plan (self, 1, 0, 1, 1);
  check_plan (self, 9, 2, 5, 70);
  check_plan (self, 10, 0, 10, 33);
  check_plan (self, 10, 10, 0, 16);
  check_plan (self, 634, 35, 576, 100);
}

/* Targets and slots that are not there. A plan is whole numbers, of which none is NaN: a device
 * makes one that leads nowhere outside of the tensors. */
static void
check_bad_plan (OpCase *self, const int32_t *targets, int n_rows, const char *part)
{
  PmodTensor target = op_indices (self, targets, 3), kept = op_poison (self, PMOD_DTYPE_U8, 1, 3);
  PmodTensor weight = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0.1, 1, 3);
  PmodTensor rows = op_poison (self, PMOD_DTYPE_I32, 1, n_rows);
  PmodTensor slot = op_poison (self, PMOD_DTYPE_I32, 1, 5);
  PmodTensor row_weight = op_poison (self, PMOD_DTYPE_F32, 1, 5);

  memset (kept.data, 1, 3);
  ((uint8_t *)kept.data)[1] = 0;
  pmod_route_plan (self->backend, &rows, &slot, &row_weight, &kept, &weight, &target);
  if (!op_is_cuda (self))
    {
      op_expect_error (self, part);
      return;
    }
  op_expect_ok (self);
  for (int i = 0; i < n_rows; i++)
    g_assert_true (op_get (&rows, i) >= 0 && op_get (&rows, i) < 5);
  for (int t = 0; t < 5; t++)
    g_assert_true (op_get (&slot, t) >= -1 && op_get (&slot, t) < n_rows);
}

static void
test_not_there (OpCase *self)
{
  const int32_t good[3] = { 1, 2, 4 }, twice[3] = { 1, 1, 4 }, far[3] = { 1, 2, 5 };
  const int32_t places[5] = { 0, -1, 1, 5, 2 };
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 5, 3);
  PmodTensor h = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 5, 3);
  PmodTensor w = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 3);
  PmodTensor weight = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0.1, 1, 5);
  PmodTensor logit = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 3);
  PmodTensor beyond = op_indices (self, far, 3), place = op_indices (self, places, 5);

  pmod_router_logits (self->backend, &logit, &x, &w, NULL, &beyond);
  op_expect_data_error (self, "router_logits: target 2 is token 5 of 5", &logit, 2, 1);
  pmod_target_norms (self->backend, &logit, &x, &beyond);
  op_expect_data_error (self, "target_norms: target 2 is token 5 of 5", &logit, 2, 1);
  pmod_reweight_scatter (self->backend, &x, &h, &h, &place, &weight);
  op_expect_data_error (self, "reweight_scatter: token 3 has row 5 of 5", &x, 9, 3);
  check_bad_plan (self, twice, 4, "route_plan: targets are not ascending");
  check_bad_plan (self, far, 4, "route_plan: target 2 is token 5 of 5");
  check_bad_plan (self, good, 3, "route_plan: rows: expected 4, got 3");
  check_bad_plan (self, good, 5, "route_plan: rows: expected 4, got 5");
}

static void
test_errors (void)
{
  OpCase *self = op_case_new (PMOD_CPU_BEST, PMOD_DTYPE_F32);
  PmodBackend *backend = self->backend;
  PmodTensor w3 = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 3);
  PmodTensor w5 = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 5);
  PmodTensor kept = op_poison (self, PMOD_DTYPE_U8, 1, 3);
  PmodTensor rows4 = op_poison (self, PMOD_DTYPE_I32, 1, 4);
  PmodTensor slot = op_poison (self, PMOD_DTYPE_I32, 1, 5);
  const int32_t good[3] = { 1, 2, 4 };
  PmodTensor targets = op_indices (self, good, 3);

  memset (kept.data, 1, 3);
  ((uint8_t *)kept.data)[1] = 0;
  pmod_top_k (backend, &kept, &w3, &w3, 4);
  op_expect_error (self, "top_k: expected 0 <= k <= V");
  pmod_top_k (backend, &kept, &w3, &w3, -1);
  op_expect_error (self, "top_k: expected 0 <= k <= V");
  pmod_top_k (backend, &kept, &w3, &w5, 1);
  op_expect_error (self, "top_k: logit: expected F32 [3], got F32 [5]");
  pmod_route_plan (backend, &rows4, &slot, &w5, &kept, &w3, &targets);
  op_expect_ok (self);
  op_case_free (self);
}

/* --- Picking -------------------------------------------------------------------------------- */

/* Whether a goes before b. */
static gboolean
is_before (const double *logits, int a, int b)
{
  return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void
check_pick (OpCase *self, int n_logits, int n, gboolean ties)
{
  const float t = 0.7f;
  double *values, *sums = op_doubles (self, 3), *bound = op_doubles (self, 3);
  PmodTensor logits = op_random (self, &values, PMOD_DTYPE_F32, 0, 3, 1, n_logits);
  PmodTensor temperature = op_random (self, NULL, PMOD_DTYPE_F32, t, 0, 1, 1);
  PmodTensor kept = op_poison (self, PMOD_DTYPE_U8, 1, n_logits);
  PmodTensor ids = op_poison (self, PMOD_DTYPE_I32, 1, n);
  PmodTensor best = op_poison (self, PMOD_DTYPE_F32, 1, n);
  PmodTensor got = op_poison (self, PMOD_DTYPE_F32, 1, 3);
  double max = -INFINITY;

  for (int i = 0; ties && i < n_logits; i++)
    ((float *)logits.data)[i] = (float)(values[i] = round (values[i]));
  pmod_top_k (self->backend, &kept, &logits, &logits, n);
  pmod_pick (self->backend, &ids, &best, &got, &logits, &kept, &temperature);
  op_expect_ok (self);
  for (int i = 0; i < n_logits; i++)
    max = fmax (max, values[i]);
  for (int i = 0; i < n_logits; i++)
    {
      sums[0] += exp (values[i] - max);
      sums[1] += exp ((values[i] - max) / t);
    }
  /* An exponential of x is good to 4 ulp and |x| ulp of its argument. */
  for (int i = 0; i < 2; i++)
    bound[i] = 60 * (1.0 / (1 << 23)) * sums[i];
  op_compare (self, "sums of a pick", &got, sums, bound, 1e-5);
  for (int i = 0; i < n; i++)
    {
      int id = ((const int32_t *)ids.data)[i], n_before = 0;

      g_assert_cmpint (id, >=, 0);
      g_assert_cmpint (id, <, n_logits);
      for (int j = 0; j < n_logits; j++)
        n_before += is_before (values, j, id);
      g_assert_cmpint (n_before, ==, i);
      g_assert_cmpfloat (op_get (&best, i), ==, values[id]);
    }
}

static void
test_pick (OpCase *self)
{
  check_pick (self, 1, 1, FALSE);
  check_pick (self, 60, 60, TRUE);
  check_pick (self, 1000, PMOD_MAX_PICKED, FALSE);
  check_pick (self, 5003, PMOD_MAX_PICKED, TRUE);
  check_pick (self, 1025, 7, TRUE);
}

/* Numbers that are none are counted. */
static void
test_pick_bad (OpCase *self)
{
  const float bad[] = { NAN, INFINITY, -INFINITY };
  PmodTensor logits = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 90);
  PmodTensor temperature = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0, 1, 1);
  PmodTensor kept = op_poison (self, PMOD_DTYPE_U8, 1, 90);
  PmodTensor ids = op_poison (self, PMOD_DTYPE_I32, 1, 8);
  PmodTensor best = op_poison (self, PMOD_DTYPE_F32, 1, 8);
  PmodTensor sums = op_poison (self, PMOD_DTYPE_F32, 1, 3);

  for (int i = 0; i < 3; i++)
    {
      ((float *)logits.data)[30 * i + 5] = bad[i];
      pmod_top_k (self->backend, &kept, &logits, &logits, 8);
      pmod_pick (self->backend, &ids, &best, &sums, &logits, &kept, &temperature);
      op_expect_ok (self);
      g_assert_cmpfloat (op_get (&sums, 2), ==, i + 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ops/route-errors", test_errors);
  op_add_tests ("/ops/router-scores", test_scores);
  op_add_tests ("/ops/target-norms", test_norms);
  op_add_tests ("/ops/top-k", test_top_k);
  op_add_tests ("/ops/pick", test_pick);
  op_add_tests ("/ops/pick-bad", test_pick_bad);
  op_add_tests ("/ops/route-plan", test_plan);
  op_add_tests ("/ops/route-not-there", test_not_there);
  return g_test_run ();
}
