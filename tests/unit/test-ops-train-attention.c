/* Attention under masks and its gradients, and the gradient of the split into heads, against a
 * reference in F64 and its finite differences. */
#include "emulated-device.h"
#include "ops-gradient.h"

#include <math.h>
#include <string.h>

typedef struct
{
  int n_tokens, n_heads, n_kv_heads, width, capacity, kv_len, prefix;
  gboolean causal;
  const int32_t *first;
  double scale;
  double *q, *k, *v, *dout;
} Attention;

static gboolean
sees (const Attention *a, int query, int key)
{
  if (a->causal && key > a->kv_len - a->n_tokens + query)
    return FALSE;
  return !a->first || key < a->prefix || key >= a->first[query];
}

/* One query of one head; out may be NULL. Returns dout . out. */
static double
attend (const Attention *a, int query, int head, double *out)
{
  int at = (query * a->n_heads + head) * a->width;
  int kv_at = head * a->n_kv_heads / a->n_heads * a->capacity * a->width;
  double sum = 0, result = 0, p[200];

  for (int key = 0; key < a->kv_len; key++)
    {
      double score = 0;

      for (int i = 0; i < a->width; i++)
        score += a->q[at + i] * a->k[kv_at + key * a->width + i];
      p[key] = sees (a, query, key) ? exp (score * a->scale) : 0;
      sum += p[key];
    }
  for (int i = 0; i < a->width; i++)
    {
      double value = 0;

      for (int key = 0; key < a->kv_len; key++)
        value += p[key] / sum * a->v[kv_at + key * a->width + i];
      if (out)
        out[at + i] = value;
      result += a->dout[at + i] * value;
    }
  return result;
}

static double
attention_loss (const void *data)
{
  const Attention *a = data;
  double loss = 0;

  for (int query = 0; query < a->n_tokens; query++)
    for (int head = 0; head < a->n_heads; head++)
      loss += attend (a, query, head, NULL);
  return loss;
}

static void
check_forward (
    OpCase *self, Attention *a, const PmodTensor *q, const PmodTensor *k, const PmodTensor *v)
{
  PmodAttentionMask mask = { .causal = a->causal, .prefix = a->prefix };
  PmodTensor first, out = op_poison (self, self->act, 2, a->n_tokens, a->n_heads * a->width);
  double *want = op_doubles (self, pmod_tensor_n_elements (&out));

  if (a->first)
    {
      first = op_indices (self, a->first, a->n_tokens);
      mask.first = &first;
    }
  for (int query = 0; query < a->n_tokens; query++)
    for (int head = 0; head < a->n_heads; head++)
      attend (a, query, head, want);
  pmod_attention_masked (self->backend, &out, q, k, v, a->kv_len, &mask, (float)a->scale);
  /* BF16 and F16: the result is rounded to it once, as a unit / sqrt (3); all else is F32, or on
   * tensor cores the numerators are rounded too, of which most cancel. */
  op_compare (self, "attention", &out, want, NULL,
              self->act == PMOD_DTYPE_F32 ? 1e-6 : op_unit (self->act));
}

/* Some hundred F32 terms in each of four products, and exponentials good to 1e-7. Tensor cores take
 * dout and the slopes, which are made of it, rounded: two roundings at half a unit at most in the
 * mean, a unit in all. */
static double
bound_of (OpCase *self, const Attention *a)
{
  PmodBackendInfo info;
  gboolean on_tensor_cores;

  pmod_backend_get_info (self->backend, &info);
  on_tensor_cores = op_is_cuda (self) && info.bf16_native && self->act != PMOD_DTYPE_F32 &&
                    a->width <= 128 && a->width % 8 == 0;
  return on_tensor_cores ? op_unit (self->act) : 5e-6;
}

static void
check_attention (OpCase *self, Attention a)
{
  double bound;
  PmodAttentionMask mask = { .causal = a.causal, .prefix = a.prefix };
  int n_q = a.n_tokens * a.n_heads * a.width, n_k = a.n_kv_heads * a.capacity * a.width;
  double *dk_values, *dv_values;
  PmodTensor q = op_random (self, &a.q, self->act, 0, 1, 3, a.n_tokens, a.n_heads, a.width);
  PmodTensor k = op_random (self, &a.k, self->act, 0, 1, 3, a.n_kv_heads, a.capacity, a.width);
  PmodTensor v = op_random (self, &a.v, self->act, 0, 1, 3, a.n_kv_heads, a.capacity, a.width);
  PmodTensor dout =
      op_random (self, &a.dout, PMOD_DTYPE_F32, 0, 1, 2, a.n_tokens, a.n_heads * a.width);
  PmodTensor dq = op_poison (self, PMOD_DTYPE_F32, 3, a.n_tokens, a.n_heads, a.width), dq1;
  PmodTensor dk =
      op_random (self, &dk_values, PMOD_DTYPE_F32, 0, 1, 3, a.n_kv_heads, a.capacity, a.width);
  PmodTensor dv =
      op_random (self, &dv_values, PMOD_DTYPE_F32, 0, 1, 3, a.n_kv_heads, a.capacity, a.width);
  PmodTensor first, dk1 = gradient_copy (self, &dk), dv1 = gradient_copy (self, &dv);

  a.scale = (float)(1 / sqrt (a.width));
  if (a.first)
    {
      first = op_indices (self, a.first, a.n_tokens);
      mask.first = &first;
    }
  check_forward (self, &a, &q, &k, &v);
  dq1 = gradient_copy (self, &dq);
  pmod_attention_backward (self->backend, &dq, &dk, &dv, &dout, &q, &k, &v, a.kv_len, &mask,
                           (float)a.scale);
  pmod_attention_backward (self->single, &dq1, &dk1, &dv1, &dout, &q, &k, &v, a.kv_len, &mask,
                           (float)a.scale);
  bound = bound_of (self, &a);
  op_compare (self, "dq", &dq, gradient_of (self, a.q, n_q, attention_loss, &a), NULL, bound);
  op_compare (self, "dk", &dk, gradient_added (self, dk_values, a.k, n_k, attention_loss, &a), NULL,
              bound);
  op_compare (self, "dv", &dv, gradient_added (self, dv_values, a.v, n_k, attention_loss, &a), NULL,
              bound);
  op_expect_equal (self, "dq on one thread and two", &dq, &dq1);
  op_expect_equal (self, "dk on one thread and two", &dk, &dk1);
  op_expect_equal (self, "dv on one thread and two", &dv, &dv1);
}

/* Two questions behind a prefix of 5, the second with the longer answer. */
static void
test_attention (OpCase *self)
{
  static const int32_t first[] = { 5, 5, 5, 5, 9, 9, 9, 9, 9, 9, 9 };

  check_attention (self, (Attention){ .n_tokens = 1,
                                      .n_heads = 1,
                                      .n_kv_heads = 1,
                                      .width = 1,
                                      .capacity = 1,
                                      .kv_len = 1,
                                      .causal = TRUE });
  check_attention (self, (Attention){ .n_tokens = 9,
                                      .n_heads = 4,
                                      .n_kv_heads = 2,
                                      .width = 10,
                                      .capacity = 14,
                                      .kv_len = 12 });
  check_attention (self, (Attention){ .n_tokens = 9,
                                      .n_heads = 3,
                                      .n_kv_heads = 3,
                                      .width = 8,
                                      .capacity = 12,
                                      .kv_len = 12,
                                      .causal = TRUE });
  check_attention (self, (Attention){ .n_tokens = 11,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .width = 6,
                                      .capacity = 17,
                                      .kv_len = 16,
                                      .causal = TRUE,
                                      .prefix = 5,
                                      .first = first });
}

/* More queries than a block holds, and more keys than a padded row. */
static void
test_blocks (OpCase *self)
{
  check_attention (self, (Attention){ .n_tokens = 101,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .width = 3,
                                      .capacity = 110,
                                      .kv_len = 109,
                                      .causal = TRUE });
}

/* What tensor cores take: several tiles of both, whole and not, and of those that the mask hides.
 */
static void
check_tiles (OpCase *self, int prefix)
{
  int32_t first[101];

  for (int t = 0; t < 101; t++)
    first[t] = t < 60 ? prefix : 64 + prefix / 4;
  check_attention (self, (Attention){ .n_tokens = 101,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .width = 8,
                                      .capacity = 112,
                                      .kv_len = 109,
                                      .causal = TRUE,
                                      .prefix = prefix,
                                      .first = first });
}

static void
test_tiles (OpCase *self)
{
  if (!op_is_cuda (self) || self->act == PMOD_DTYPE_F32)
    return;
  check_tiles (self, 0);
  check_tiles (self, 12);
  check_attention (self, (Attention){ .n_tokens = 66,
                                      .n_heads = 1,
                                      .n_kv_heads = 1,
                                      .width = 24,
                                      .capacity = 70,
                                      .kv_len = 70 });
}

/* The plain twin, as on a card that has no tensor cores for it: the same but for their rounding. */
static void
test_plain_twin (void)
{
  const PmodEmulatedDevice cards[] = { { PMOD_EMULATED_DRIVER, 75, 75, (size_t)1 << 38, false },
                                       { PMOD_EMULATED_DRIVER, 80, 80, (size_t)1 << 38, false } };

  pmod_emulated_set_device (&cards[0]);
  for (PmodDtype act = PMOD_DTYPE_BF16; act <= PMOD_DTYPE_F16; act++)
    {
      OpCase *self = op_case_new (OP_CUDA_EMULATED, act);

      check_tiles (self, 12);
      op_case_free (self);
    }
  pmod_emulated_set_device (&cards[1]);
}

/* Gradients that are too small for F16. */
static void
test_small (OpCase *self)
{
  enum
  {
    T = 70,
    WIDTH = 16
  };
  PmodAttentionMask mask = { .causal = TRUE };
  PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, T, 1, WIDTH);
  PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, 1, T, WIDTH);
  PmodTensor v = op_random (self, NULL, self->act, 0, 1, 3, 1, T, WIDTH);
  PmodTensor dout = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, T, WIDTH);
  PmodTensor small = op_poison (self, PMOD_DTYPE_F32, 2, T, WIDTH);
  PmodTensor dq[2], dk[2], dv[2];

  for (int i = 0; i < T * WIDTH; i++)
    op_set (&small, i, op_get (&dout, i) * 0x1p-40);
  for (int i = 0; i < 2; i++)
    {
      dq[i] = op_poison (self, PMOD_DTYPE_F32, 3, T, 1, WIDTH);
      dk[i] = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0, 3, 1, T, WIDTH);
      dv[i] = op_random (self, NULL, PMOD_DTYPE_F32, 0, 0, 3, 1, T, WIDTH);
      pmod_attention_backward (self->backend, &dq[i], &dk[i], &dv[i], i ? &small : &dout, &q, &k,
                               &v, T, &mask, 0.25f);
    }
  op_expect_ok (self);
  /* A power of two: the same digits. */
  for (int i = 0; i < T * WIDTH; i++)
    {
      g_assert_cmpfloat (op_get (&dq[1], i), ==, op_get (&dq[0], i) * 0x1p-40);
      g_assert_cmpfloat (op_get (&dk[1], i), ==, op_get (&dk[0], i) * 0x1p-40);
      g_assert_cmpfloat (op_get (&dv[1], i), ==, op_get (&dv[0], i) * 0x1p-40);
    }
}

/* Heads that need wider tiles, of whole packs and not. */
static void
test_widths (OpCase *self)
{
  static const int widths[] = { 72, 130 };

  for (int i = 0; i < 2; i++)
    check_attention (self, (Attention){ .n_tokens = 3,
                                        .n_heads = 2,
                                        .n_kv_heads = 1,
                                        .width = widths[i],
                                        .capacity = 5,
                                        .kv_len = 4,
                                        .causal = TRUE });
}

/* Enough work that heads are shared among threads. */
static void
test_threads (OpCase *self)
{
  enum
  {
    T = 200,
    H = 6,
    G = 3,
    WIDTH = 16
  };
  PmodAttentionMask mask = { .causal = TRUE };
  PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, T, H, WIDTH);
  PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, G, T, WIDTH);
  PmodTensor v = op_random (self, NULL, self->act, 0, 1, 3, G, T, WIDTH);
  PmodTensor dout = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, T, H * WIDTH);
  PmodTensor dq = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, T, H, WIDTH);
  PmodTensor dk = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, G, T, WIDTH);
  PmodTensor dv = gradient_copy (self, &dk), dq1 = gradient_copy (self, &dq);
  PmodTensor dk1 = gradient_copy (self, &dk), dv1 = gradient_copy (self, &dk);

  pmod_attention_backward (self->backend, &dq, &dk, &dv, &dout, &q, &k, &v, T, &mask, 0.25f);
  pmod_attention_backward (self->single, &dq1, &dk1, &dv1, &dout, &q, &k, &v, T, &mask, 0.25f);
  op_expect_equal (self, "dq on one thread and two", &dq, &dq1);
  op_expect_equal (self, "dk on one thread and two", &dk, &dk1);
  op_expect_equal (self, "dv on one thread and two", &dv, &dv1);
}

static void
test_refusals (OpCase *self)
{
  static const int32_t blind[] = { 0, 4 };
  PmodAttentionMask mask = { .causal = TRUE };
  PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, 2, 2, 4);
  PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, 1, 3, 4);
  PmodTensor out = op_poison (self, self->act, 2, 2, 8), first = op_indices (self, blind, 2);
  PmodTensor dout = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 2, 8);
  PmodTensor dq = op_poison (self, PMOD_DTYPE_F32, 3, 2, 2, 4);
  PmodTensor dk = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 1, 3, 4);

  pmod_attention_masked (self->backend, &out, &q, &k, &k, 1, &mask, 1);
  op_expect_error (self, "a causal query's own key");
  pmod_attention_masked (self->backend, &out, &q, &k, &k, 3, NULL, 1);
  op_expect_error (self, "attention_masked: expected a mask");
  mask.first = &first;
  pmod_attention_masked (self->backend, &out, &q, &k, &k, 3, &mask, 1);
  op_expect_data_error (self, "query 1 of 2 sees no key", &out, 8, 8);
  pmod_attention_backward (self->backend, &dq, &dk, &dk, &dout, &q, &k, &k, 3, &mask, 1);
  op_expect_data_error (self, "query 1 of 2 sees no key", &dq, 8, 8);
  for (int i = 0; i < 12; i++)
    g_assert_true (isfinite (op_get (&dk, i)));
  pmod_attention_backward (self->backend, &dq, &dk, &dk, &q, &q, &k, &k, 3, &mask, 1);
  op_expect_error (self, "dout: expected F32");
}

/* --- Heads -------------------------------------------------------------------------------- */

typedef struct
{
  int n_tokens, n_heads, n_kv_heads, width, capacity, kv_offset, pos0;
  const int32_t *rows;
  const double *cos_sin; /* or NULL */
  double *qkv, *dq, *dk, *dv;
} Split;

/* weights . rotated head */
static double
head_loss (const double *from, const double *weights, const double *angle, int n)
{
  double loss = 0;

  for (int i = 0; i < n; i++)
    {
      double value = from[i];

      if (angle && i < n / 2)
        value = from[i] * angle[i] - from[i + n / 2] * angle[i + n / 2];
      else if (angle)
        value = from[i] * angle[i - n / 2] + from[i - n / 2] * angle[i];
      loss += weights[i] * value;
    }
  return loss;
}

static double
split_loss (const void *data)
{
  const Split *s = data;
  const double *from = s->qkv;
  double loss = 0;

  for (int t = 0; t < s->n_tokens; t++)
    {
      int pos = s->pos0 + (s->rows ? s->rows[t] : t);
      const double *angle = s->cos_sin ? s->cos_sin + pos * s->width : NULL;
      int n = s->width, row = s->kv_offset + t;

      for (int head = 0; head < s->n_heads; head++, from += n)
        loss += head_loss (from, s->dq + (t * s->n_heads + head) * n, angle, n);
      for (int head = 0; head < s->n_kv_heads; head++, from += n)
        loss += head_loss (from, s->dk + (head * s->capacity + row) * n, angle, n);
      for (int head = 0; head < s->n_kv_heads; head++, from += n)
        loss += head_loss (from, s->dv + (head * s->capacity + row) * n, NULL, n);
    }
  return loss;
}

static void
check_split (OpCase *self, Split s, gboolean turned)
{
  int n_columns = (s.n_heads + 2 * s.n_kv_heads) * s.width;
  PmodTensor dq = op_random (self, &s.dq, PMOD_DTYPE_F32, 0, 1, 3, s.n_tokens, s.n_heads, s.width);
  PmodTensor dk =
      op_random (self, &s.dk, PMOD_DTYPE_F32, 0, 1, 3, s.n_kv_heads, s.capacity, s.width);
  PmodTensor dv =
      op_random (self, &s.dv, PMOD_DTYPE_F32, 0, 1, 3, s.n_kv_heads, s.capacity, s.width);
  PmodTensor dqkv = op_poison (self, PMOD_DTYPE_F32, 2, s.n_tokens, n_columns);
  PmodTensor cos_sin, rows;
  double *angles;

  cos_sin = op_random (self, &angles, PMOD_DTYPE_F32, 0, 1, 2, 40, s.width);
  s.cos_sin = turned ? angles : NULL;
  s.qkv = op_doubles (self, s.n_tokens * n_columns);
  if (s.rows)
    rows = op_indices (self, s.rows, s.n_tokens);
  pmod_split_qkv_backward (self->backend, &dqkv, &dq, &dk, &dv, turned ? &cos_sin : NULL,
                           s.rows ? &rows : NULL, s.pos0, s.kv_offset);
  /* Two products and a sum. */
  op_compare (self, "dqkv", &dqkv,
              gradient_of (self, s.qkv, s.n_tokens * n_columns, split_loss, &s), NULL, 1e-6);
}

/* A position without an angle: nothing of its token is right, but for the values. */
static void
check_split_refusal (OpCase *self, int position)
{
  const int32_t at[3] = { 0, position, 1 };
  PmodTensor rows = op_indices (self, at, 3), cos_sin;
  PmodTensor dq = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 3, 2, 8);
  PmodTensor dk = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 1, 3, 8);
  PmodTensor dqkv = op_poison (self, PMOD_DTYPE_F32, 2, 3, 32);
  g_autofree char *part = g_strdup_printf ("row 1 has position %d; there are 4", position);

  cos_sin = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 4, 8);
  pmod_split_qkv_backward (self->backend, &dqkv, &dq, &dk, &dk, &cos_sin, &rows, 0, 0);
  op_expect_data_error (self, part, &dqkv, 32, 24);
}

static void
test_split (OpCase *self)
{
  static const int32_t kept[] = { 0, 2, 3, 7, 30 };
  Split s = { .n_tokens = 5,
              .n_heads = 4,
              .n_kv_heads = 2,
              .width = 14,
              .capacity = 9,
              .kv_offset = 3,
              .pos0 = 2 };

  check_split (self, s, TRUE);
  check_split (self, s, FALSE);
  s.rows = kept;
  check_split (self, s, TRUE);
  check_split_refusal (self, 4);
  check_split_refusal (self, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/attention-backward/shapes", test_attention);
  op_add_tests ("/attention-backward/blocks", test_blocks);
  op_add_tests ("/attention-backward/tiles", test_tiles);
  op_add_tests ("/attention-backward/small", test_small);
  g_test_add_func ("/attention-backward/plain-twin", test_plain_twin);
  op_add_tests ("/attention-backward/widths", test_widths);
  op_add_tests ("/attention-backward/threads", test_threads);
  op_add_tests ("/attention-backward/refusals", test_refusals);
  op_add_tests ("/attention-backward/split", test_split);
  return g_test_run ();
}
