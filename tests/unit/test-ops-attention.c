/* pmod_split_qkv(), pmod_attention() and pmod_attention_received() at every level and dtype,
 * against F64. */
#include "ops-check.h"

#include <math.h>
#include <string.h>

#define U32 0x1p-24

/* --- Attention ---------------------------------------------------------------------------- */

typedef struct
{
  int n_tokens, n_heads, n_kv_heads, width, kv_len, capacity;
  bool causal;
} Shape;

/* Row (t, head) of the reference; size receives sum of p |v| for each element. */
static void
attend_row (const Shape *s,
            double *out,
            double *size,
            const double *q,
            const double *k,
            const double *v,
            double scale,
            int t)
{
  int n = s->causal ? s->kv_len - s->n_tokens + t + 1 : s->kv_len;
  g_autofree double *p = g_new (double, n);
  double max = -INFINITY, sum = 0;

  for (int j = 0; j < n; j++)
    {
      p[j] = 0;
      for (int i = 0; i < s->width; i++)
        p[j] += q[i] * k[j * s->width + i] * scale;
      max = fmax (max, p[j]);
    }
  for (int j = 0; j < n; j++)
    sum += p[j] = exp (p[j] - max);
  for (int i = 0; i < s->width; i++)
    {
      out[i] = size[i] = 0;
      for (int j = 0; j < n; j++)
        {
          out[i] += p[j] / sum * v[j * s->width + i];
          size[i] += p[j] / sum * fabs (v[j * s->width + i]);
        }
    }
}

/* The bound. F32: scores are off by at most (dh + 4) u sum |q k| scale <= (dh + 4) u * 30 here, so
 * numerators by that relative part, and sums of kv_len terms by kv_len u; both in numerator and
 * denominator. BF16 and F16: numerators rounded, each by a unit relative, in numerator and
 * denominator, and the result rounded once more. F16 has counts of 2^-24 at the least, of
 * numerators that are 2^15 times what they stand for: 2^-40 a key, of values below 8. */
static double
bound_of (const Shape *s, PmodDtype act, double out, double size)
{
  double f32 = 2 * U32 * ((s->width + 4) * 30 + s->kv_len) * size;

  if (act == PMOD_DTYPE_F32)
    return f32;
  f32 += act == PMOD_DTYPE_F16 ? 2 * 8 * 0x1p-40 * s->kv_len : 0;
  return f32 + 1.01 * op_unit (act) * 2 * size + op_rounding (act, out);
}

static void
check_attention (OpCase *self, const Shape *s)
{
  int64_t kv_size = (int64_t)s->capacity * s->width, n = (int64_t)s->n_heads * s->width;
  double *q_values, *k_values, *v_values, *want = op_doubles (self, s->n_tokens * n);
  double *size = op_doubles (self, s->n_tokens * n), scale = 1 / sqrt (s->width);
  PmodTensor q =
      op_random (self, &q_values, self->act, 0, 1.5, 3, s->n_tokens, s->n_heads, s->width);
  PmodTensor k =
      op_random (self, &k_values, self->act, 0.2, 1, 3, s->n_kv_heads, s->capacity, s->width);
  PmodTensor v =
      op_random (self, &v_values, self->act, 0.3, 1, 3, s->n_kv_heads, s->capacity, s->width);
  PmodTensor out = op_poison (self, self->act, 2, s->n_tokens, (int)n);
  char what[96];

  for (int t = 0; t < s->n_tokens; t++)
    for (int head = 0; head < s->n_heads; head++)
      {
        int64_t at = t * n + head * s->width, kv = head * s->n_kv_heads / s->n_heads * kv_size;

        attend_row (s, want + at, size + at, q_values + at, k_values + kv, v_values + kv, scale, t);
        for (int i = 0; i < s->width; i++)
          size[at + i] = bound_of (s, self->act, want[at + i], size[at + i]);
      }
  /* Nothing after the first kv_len rows of a head may be read: NaN there must not show. */
  for (int head = 0; head < s->n_kv_heads; head++)
    {
      size_t element = pmod_dtype_size (self->act);
      size_t from = (size_t)(head * kv_size + s->kv_len * s->width) * element;
      size_t bytes = (size_t)(s->capacity - s->kv_len) * s->width * element;

      memset ((char *)k.data + from, 0xff, bytes);
      memset ((char *)v.data + from, 0xff, bytes);
    }
  pmod_attention (self->backend, &out, &q, &k, &v, s->kv_len, s->causal, (float)scale);
  g_snprintf (what, sizeof what, "attention T %d, heads %d/%d of %d, kv %d of %d%s", s->n_tokens,
              s->n_heads, s->n_kv_heads, s->width, s->kv_len, s->capacity,
              s->causal ? ", causal" : "");
  /* F32: single errors are far from aligned; measured 3e-7. BF16 and F16: the result's own
   * rounding, as a unit / sqrt (3), and the numerators', which partly cancel: together below a
   * unit. */
  op_compare (self, what, &out, want, size,
              self->act == PMOD_DTYPE_F32 ? 1e-6 : op_unit (self->act));
}

static void
test_attention (OpCase *self)
{
  static const Shape shapes[] = {
    { 1, 1, 1, 16, 1, 1, true },        { 1, 4, 4, 128, 300, 301, true },
    { 1, 8, 2, 64, 129, 200, true },    { 2, 4, 1, 80, 65, 65, true },
    { 3, 6, 3, 32, 64, 70, false },     { 9, 2, 1, 7, 9, 12, true },
    { 5, 4, 2, 33, 100, 100, true },    { 8, 2, 2, 1, 8, 8, true },
    { 65, 2, 2, 16, 65, 65, true },     { 50, 3, 3, 80, 50, 50, false },
    { 200, 2, 1, 128, 331, 400, true }, { 577, 1, 1, 64, 577, 577, false },
    { 193, 4, 2, 20, 193, 193, true },  { 13, 2, 2, 130, 77, 77, false },
    { 20, 2, 1, 136, 50, 51, true },    { 70, 1, 1, 201, 70, 70, false },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_attention (self, &shapes[i]);
}

/* Scores of hundreds: the softmax must subtract the maximum, and rescale what came before when a
 * later tile holds a larger one. */
static void
test_large_scores (OpCase *self)
{
  const int width = 16, n = 200;

  for (int n_tokens = 1; n_tokens <= 20; n_tokens += 19)
    {
      double *values, want[16 * 20];
      PmodTensor q = op_random (self, NULL, self->act, 1, 0, 3, n_tokens, 1, width);
      PmodTensor k = op_poison (self, self->act, 3, 1, n, width);
      PmodTensor v = op_random (self, &values, self->act, 0, 1, 3, 1, n, width);
      PmodTensor out = op_poison (self, self->act, 2, n_tokens, width);

      /* Key j scores 16 * 8 * j: only the last counts. */
      for (int j = 0; j < n * width; j++)
        op_set (&k, j, 8.0 * (j / width));
      for (int t = 0; t < n_tokens; t++)
        for (int i = 0; i < width; i++)
          want[t * width + i] = values[(n - 1) * width + i];
      pmod_attention (self->backend, &out, &q, &k, &v, n, false, 1);
      op_compare (self, "attention, large scores", &out, want, NULL, 1e-7);
    }
}

/* One key has all but a little, and its value is 0: what comes out is of the others, whose
 * numerators are 2^-25.5, less than F16 has. */
static void
test_small_numerators (OpCase *self)
{
  const int width = 16, n = 300;
  const double score = -25.5 * log (2);

  for (int n_tokens = 1; n_tokens <= 20; n_tokens += 19)
    {
      double want[16 * 20];
      PmodTensor q = op_random (self, NULL, self->act, 0.25, 0, 3, n_tokens, 1, width);
      PmodTensor k = op_random (self, NULL, self->act, -1, 0, 3, 1, n, width);
      PmodTensor v = op_random (self, NULL, self->act, 1024, 0, 3, 1, n, width);
      PmodTensor out = op_poison (self, self->act, 2, n_tokens, width);

      for (int i = 0; i < width; i++)
        {
          op_set (&k, 7 * width + i, 0);
          op_set (&v, 7 * width + i, 0);
        }
      for (int i = 0; i < n_tokens * width; i++)
        want[i] = 1024 * (n - 1) * exp (score) / (1 + (n - 1) * exp (score));
      /* q . k is -4: exact. Of the exponents, 18 and 25 in powers of two, F32 has 2^-20. */
      pmod_attention (self->backend, &out, &q, &k, &v, n, false, (float)(-score / 4));
      op_compare (self, "attention, small numerators", &out, want, NULL,
                  self->act == PMOD_DTYPE_F32 ? 4e-6 : 2 * op_unit (self->act));
    }
}

/* --- What keys receive -------------------------------------------------------------------- */

/* Adds what query t of head gives to each key. */
static void
give_row (const Shape *s, double *received, const double *q, const double *k, double scale, int t)
{
  int n = s->causal ? s->kv_len - s->n_tokens + t + 1 : s->kv_len;
  g_autofree double *p = g_new (double, n);
  double max = -INFINITY, sum = 0;

  for (int j = 0; j < n; j++)
    {
      p[j] = 0;
      for (int i = 0; i < s->width; i++)
        p[j] += q[i] * k[j * s->width + i] * scale;
      max = fmax (max, p[j]);
    }
  for (int j = 0; j < n; j++)
    sum += p[j] = exp (p[j] - max);
  for (int j = 0; j < n; j++)
    received[j] += p[j] / sum;
}

/* Every third key from the last on, and every fifth of these without a key, in a slot table with a
 * hole before each token; without slots the keys themselves. */
static int
list_targets (const Shape *s, gboolean with_slots, int32_t *targets, int32_t *slot, int *keys)
{
  int n = 0;

  memset (slot, 0x7f, 2 * (size_t)s->kv_len * sizeof *slot);
  for (int key = s->kv_len - 1; key >= 0; key -= 3, n++)
    {
      keys[n] = with_slots && n % 5 == 4 ? -1 : key;
      targets[n] = with_slots ? 2 * key + 1 : key;
      slot[2 * key + 1] = keys[n];
    }
  return n;
}

static void
check_received (OpCase *self, const Shape *s, gboolean with_slots)
{
  int64_t kv_size = (int64_t)s->capacity * s->width, n = (int64_t)s->n_heads * s->width;
  double *q_values, *k_values, scale = 1 / sqrt (s->width);
  double *received = op_doubles (self, s->kv_len), *want = op_doubles (self, s->kv_len);
  double *bound = op_doubles (self, s->kv_len);
  int32_t *targets = op_bytes (self, (size_t)s->kv_len * 4);
  int32_t *slot = op_bytes (self, 2 * (size_t)s->kv_len * 4);
  g_autofree int *keys = g_new (int, s->kv_len);
  int n_targets = list_targets (s, with_slots, targets, slot, keys);
  PmodTensor q =
      op_random (self, &q_values, self->act, 0, 1.5, 3, s->n_tokens, s->n_heads, s->width);
  PmodTensor k =
      op_random (self, &k_values, self->act, 0.2, 1, 3, s->n_kv_heads, s->capacity, s->width);
  PmodTensor wanted = op_indices (self, targets, n_targets);
  PmodTensor slots = op_indices (self, slot, 2 * s->kv_len);
  PmodTensor score = op_poison (self, PMOD_DTYPE_F32, 1, n_targets);
  char what[112];

  for (int j = 0; j < s->kv_len; j++)
    received[j] = 0;
  for (int t = 0; t < s->n_tokens; t++)
    for (int head = 0; head < s->n_heads; head++)
      give_row (s, received, q_values + t * n + head * s->width,
                k_values + head * s->n_kv_heads / s->n_heads * kv_size, scale, t);
  for (int v = 0; v < n_targets; v++)
    {
      want[v] = keys[v] >= 0 ? received[keys[v]] / s->n_heads : -1;
      /* As for the weights of attention above; then a sum over all queries. */
      bound[v] =
          keys[v] >= 0 ? 2 * U32 * ((s->width + 4) * 30 + s->kv_len + s->n_tokens) * want[v] : 0;
    }
  for (int head = 0; head < s->n_kv_heads; head++)
    memset ((char *)k.data +
                (size_t)(head * kv_size + s->kv_len * s->width) * pmod_dtype_size (self->act),
            0xff, (size_t)(s->capacity - s->kv_len) * s->width * pmod_dtype_size (self->act));
  pmod_attention_received (self->backend, &score, &q, &k, &wanted, with_slots ? &slots : NULL,
                           s->kv_len, s->causal, (float)scale);
  g_snprintf (what, sizeof what, "received T %d, heads %d/%d of %d, kv %d of %d%s%s", s->n_tokens,
              s->n_heads, s->n_kv_heads, s->width, s->kv_len, s->capacity,
              s->causal ? ", causal" : "", with_slots ? ", slots" : "");
  /* F32 whatever the inputs' type. */
  op_compare (self, what, &score, want, bound, 2e-6);
}

static void
test_received (OpCase *self)
{
  static const Shape shapes[] = {
    { 1, 1, 1, 16, 1, 1, true },       { 1, 4, 4, 128, 300, 301, true },
    { 1, 8, 2, 64, 129, 200, true },   { 3, 6, 3, 32, 64, 70, false },
    { 9, 2, 1, 7, 9, 12, true },       { 5, 4, 2, 33, 100, 100, true },
    { 65, 2, 2, 16, 65, 65, true },    { 50, 3, 3, 80, 50, 50, false },
    { 90, 2, 1, 128, 231, 400, true }, { 100, 4, 2, 20, 193, 193, true },
    { 20, 2, 1, 136, 50, 51, true },   { 70, 1, 1, 201, 70, 70, false },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      check_received (self, &shapes[i], FALSE);
      check_received (self, &shapes[i], TRUE);
    }
}

/* Key j scores 16 * 8 * j: each query gives all to the last key that it sees. */
static void
test_received_large (OpCase *self)
{
  const int width = 16, n = 70;
  PmodTensor q = op_random (self, NULL, self->act, 1, 0, 3, n, 1, width);
  PmodTensor k = op_poison (self, self->act, 3, 1, n, width);
  PmodTensor score = op_poison (self, PMOD_DTYPE_F32, 1, n);
  int32_t *indices = op_bytes (self, (size_t)n * 4);
  double *want = op_doubles (self, n);
  PmodTensor targets;

  for (int j = 0; j < n * width; j++)
    op_set (&k, j, 8.0 * (j / width));
  for (int i = 0; i < n; i++)
    {
      indices[i] = i;
      want[i] = 1;
    }
  targets = op_indices (self, indices, n);
  pmod_attention_received (self->backend, &score, &q, &k, &targets, NULL, n, true, 1);
  op_compare (self, "received, large scores", &score, want, NULL, 1e-7);
}

static void
test_received_threads (OpCase *self)
{
  const int32_t all[5] = { 0, 7, 100, 250, 379 };
  PmodTensor targets = op_indices (self, all, 5);
  PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, 300, 6, 48);
  PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, 3, 400, 48);
  PmodTensor one = op_poison (self, PMOD_DTYPE_F32, 1, 5);
  PmodTensor many = op_poison (self, PMOD_DTYPE_F32, 1, 5);

  pmod_attention_received (self->single, &one, &q, &k, &targets, NULL, 380, true, 0.1f);
  pmod_attention_received (self->backend, &many, &q, &k, &targets, NULL, 380, true, 0.1f);
  op_expect_equal (self, "received on one thread and two", &one, &many);
  g_assert_false (isnan (op_get (&one, 0)));
}

/* Of a target that is no token, or whose key is none, nothing is known. */
static void
check_received_target (OpCase *self, int32_t target, int32_t key)
{
  const int32_t tokens[3] = { 0, target, 2 }, places[4] = { 1, key, 0, -1 };
  PmodTensor targets = op_indices (self, tokens, 3), slot = op_indices (self, places, 4);
  PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, 2, 2, 8);
  PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, 2, 6, 8);
  PmodTensor score = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 1, 3);

  pmod_attention_received (self->backend, &score, &q, &k, &targets, &slot, 5, true, 1);
  op_expect_data_error (self, "attention_received: target 1 is token", &score, 1, 1);
}

static void
test_received_targets (OpCase *self)
{
  check_received_target (self, 4, 0);
  check_received_target (self, -1, 0);
  check_received_target (self, 1, 5);
  check_received_target (self, 1, -2);
}

/* --- Splitting and rotating --------------------------------------------------------------- */

typedef struct
{
  int n_tokens, n_heads, n_kv_heads, width;
  bool rotated, rows; /* rows: positions given, else from pos0 on */
} Split;

#define KV_OFFSET 3
#define POS0 4

static int
position_of (const Split *s, int t)
{
  return s->rows ? 3 * t + 1 : POS0 + t;
}

/* Element i of a head of token t, and in *size the sum of its terms' sizes. */
static double
rotate_element (const Split *s, const double *from, const double *angle, int i, double *size)
{
  int half = s->width / 2;
  double sign = i < half ? -1 : 1, here, other;

  if (!angle)
    return *size = fabs (from[i]), from[i];
  here = from[i] * angle[i % half];
  other = from[(i + half) % s->width] * angle[half + i % half];
  *size = fabs (here) + fabs (other);
  return here + sign * other;
}

/* Rows of the cache outside of the new ones stay as they were, NaN; then they are set to zero. */
static void
check_untouched (const Split *s, PmodTensor *cache)
{
  int64_t capacity = cache->shape[1];
  size_t row_bytes = (size_t)s->width * pmod_dtype_size (cache->dtype);

  for (int64_t row = 0; row < s->n_kv_heads * capacity; row++)
    if (row % capacity < KV_OFFSET || row % capacity >= KV_OFFSET + s->n_tokens)
      {
        for (int i = 0; i < s->width; i++)
          g_assert_true (isnan (op_get (cache, row * s->width + i)));
        memset ((char *)cache->data + (size_t)row * row_bytes, 0, row_bytes);
      }
}

/* Where head (queries, then keys, then values) of token t lies: in which output, from where on. */
static int
place_of (const Split *s, int capacity, int t, int head, int64_t *at)
{
  int which = (head >= s->n_heads) + (head >= s->n_heads + s->n_kv_heads);
  int kv_head = head - s->n_heads - (which == 2 ? s->n_kv_heads : 0);

  *at = which ? ((int64_t)kv_head * capacity + KV_OFFSET + t) * s->width
              : ((int64_t)t * s->n_heads + head) * s->width;
  return which;
}

static void
compare_split (
    OpCase *self, const Split *s, PmodTensor *out, const double *qkv, const double *angles)
{
  static const char *const names[3] = { "split_qkv, q", "split_qkv, k", "split_qkv, v" };
  const int n_all = s->n_heads + 2 * s->n_kv_heads;
  double *want[3], *bound[3], part = self->act == PMOD_DTYPE_F32 ? 0 : 1;

  for (int i = 0; i < 3; i++)
    {
      want[i] = op_doubles (self, pmod_tensor_n_elements (&out[i]));
      bound[i] = op_doubles (self, pmod_tensor_n_elements (&out[i]));
    }
  for (int t = 0; t < s->n_tokens; t++)
    for (int head = 0; head < n_all; head++)
      {
        int64_t at;
        int which = place_of (s, (int)out[1].shape[1], t, head, &at);
        const double *from = qkv + ((int64_t)t * n_all + head) * s->width;
        const double *angle = angles + (int64_t)position_of (s, t) * s->width;

        for (int i = 0; i < s->width; i++)
          {
            double size;

            want[which][at + i] =
                rotate_element (s, from, s->rotated && which < 2 ? angle : NULL, i, &size);
            bound[which][at + i] =
                3 * U32 * size + part * op_rounding (self->act, want[which][at + i]);
          }
      }
  for (int i = 0; i < 3; i++)
    op_compare (self, names[i], &out[i], want[i], bound[i],
                self->act == PMOD_DTYPE_F32 ? 3 * U32 : op_unit (self->act));
}

static void
check_split (OpCase *self, const Split *s)
{
  const int capacity = s->n_tokens + 5, n_all = s->n_heads + 2 * s->n_kv_heads;
  double *qkv_values, *angles;
  PmodTensor qkv =
      op_random (self, &qkv_values, PMOD_DTYPE_F32, 0, 1, 2, s->n_tokens, n_all * s->width);
  PmodTensor cos_sin =
      op_random (self, &angles, PMOD_DTYPE_F32, 0, 1, 2, 3 * s->n_tokens + 8, s->width);
  PmodTensor out[3] = {
    op_poison (self, self->act, 3, s->n_tokens, s->n_heads, s->width),
    op_poison (self, self->act, 3, s->n_kv_heads, capacity, s->width),
    op_poison (self, self->act, 3, s->n_kv_heads, capacity, s->width),
  };
  int32_t *positions = op_bytes (self, (size_t)s->n_tokens * 4);
  PmodTensor rows;

  for (int t = 0; t < s->n_tokens; t++)
    positions[t] = position_of (s, t) - POS0;
  rows = op_indices (self, positions, s->n_tokens);
  pmod_split_qkv (self->backend, &out[0], &out[1], &out[2], &qkv, s->rotated ? &cos_sin : NULL,
                  s->rows ? &rows : NULL, POS0, KV_OFFSET);
  op_expect_ok (self);
  check_untouched (s, &out[1]);
  check_untouched (s, &out[2]);
  compare_split (self, s, out, qkv_values, angles);
}

static void
test_split (OpCase *self)
{
  static const Split splits[] = {
    { 1, 4, 4, 128, true, false }, { 7, 4, 2, 80, true, true },      { 33, 3, 1, 16, true, false },
    { 5, 2, 2, 2, true, true },    { 40, 16, 16, 64, false, false }, { 3, 2, 1, 7, false, false },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (splits); i++)
    check_split (self, &splits[i]);
}

/* A position without an angle: of its token nothing is right, but for the values. */
static void
check_position (OpCase *self, int width, int position)
{
  const int32_t at[3] = { 0, position, 1 };
  PmodTensor rows = op_indices (self, at, 3);
  PmodTensor qkv = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, 6 * width);
  PmodTensor cos_sin = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 4, width);
  PmodTensor out[3] = {
    op_random (self, NULL, self->act, 0, 1, 3, 3, 4, width),
    op_random (self, NULL, self->act, 0, 1, 3, 1, 5, width),
    op_random (self, NULL, self->act, 0, 1, 3, 1, 5, width),
  };
  const int64_t first[3] = { 4 * width, 2 * width, 0 }, n[3] = { 4 * width, width, 0 };
  g_autofree char *part =
      g_strdup_printf ("split_qkv: row 1 has position %d; there are 4 angles", position);

  for (int i = 0; i < 3; i++)
    {
      pmod_split_qkv (self->backend, &out[0], &out[1], &out[2], &qkv, &cos_sin, &rows, 0, 1);
      op_expect_data_error (self, part, &out[i], first[i], n[i]);
    }
}

static void
test_positions (OpCase *self)
{
  check_position (self, 8, 4);
  check_position (self, 6, -1);
}

/* --- Threads and errors ------------------------------------------------------------------- */

static void
test_threads (OpCase *self)
{
  const int n_tokens[2] = { 1, 300 };

  for (int i = 0; i < 2; i++)
    {
      PmodTensor q = op_random (self, NULL, self->act, 0, 1, 3, n_tokens[i], 6, 48);
      PmodTensor k = op_random (self, NULL, self->act, 0, 1, 3, 3, 400, 48);
      PmodTensor v = op_random (self, NULL, self->act, 0, 1, 3, 3, 400, 48);
      PmodTensor one = op_poison (self, self->act, 2, n_tokens[i], 6 * 48);
      PmodTensor many = op_poison (self, self->act, 2, n_tokens[i], 6 * 48);

      pmod_attention (self->single, &one, &q, &k, &v, 380, true, 0.1f);
      pmod_attention (self->backend, &many, &q, &k, &v, 380, true, 0.1f);
      op_expect_equal (self, "attention on one thread and two", &one, &many);
      g_assert_false (isnan (op_get (&one, 0)));
    }
}

static void
test_errors (void)
{
  OpCase *self = op_case_new (PMOD_CPU_BEST, PMOD_DTYPE_F32);
  PmodBackend *backend = self->backend;
  PmodTensor q = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 3, 4, 8);
  PmodTensor k = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 2, 5, 8);
  PmodTensor k3 = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 3, 5, 8);
  PmodTensor v = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 3, 2, 5, 8);
  PmodTensor out = op_poison (self, PMOD_DTYPE_F32, 2, 3, 32);
  PmodTensor qkv = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, 64);
  PmodTensor cos_sin = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 4, 8);
  PmodTensor score = op_poison (self, PMOD_DTYPE_F32, 1, 2);
  PmodTensor targets = op_indices (self, (const int32_t[]){ 0, 1 }, 2);

  pmod_attention (backend, &out, &q, &k, &v, 6, true, 1);
  op_expect_error (self, "attention: expected 0 < kv_len <= capacity");
  pmod_attention (backend, &out, &q, &k, &v, 0, false, 1);
  op_expect_error (self, "attention: expected 0 < kv_len <= capacity");
  pmod_attention (backend, &out, &q, &k, &v, 2, true, 1);
  op_expect_error (self, "attention: expected a causal query's own key");
  pmod_attention (backend, &out, &q, &k3, &k3, 5, true, 1);
  op_expect_error (self, "attention: expected the same number of query heads");
  pmod_attention (backend, &out, &q, &k, &k3, 5, true, 1);
  op_expect_error (self, "attention: v: expected F32 [2,5,8], got F32 [3,5,8]");
  pmod_attention_received (backend, &score, &q, &k, &targets, NULL, 6, true, 1);
  op_expect_error (self, "attention_received: expected 0 < kv_len <= capacity");
  pmod_attention_received (backend, &score, &q, &k, &targets, NULL, 2, true, 1);
  op_expect_error (self, "attention_received: expected a causal query's own key");
  pmod_attention_received (backend, &score, &q, &k3, &targets, NULL, 5, true, 1);
  op_expect_error (self, "attention_received: expected the same number of query heads");
  pmod_attention_received (backend, &cos_sin, &q, &k, &targets, NULL, 5, true, 1);
  op_expect_error (self, "attention_received: score: expected F32 [2], got F32 [4,8]");
  pmod_split_qkv (backend, &q, &k, &v, &qkv, NULL, NULL, 0, 3);
  op_expect_error (self, "split_qkv: expected room in the cache");
  pmod_split_qkv (backend, &q, &k, &v, &qkv, &cos_sin, NULL, 2, 0);
  op_expect_error (self, "split_qkv: expected an angle");
  pmod_split_qkv (backend, &q, &k, &v, &out, NULL, NULL, 0, 0);
  op_expect_error (self, "split_qkv: qkv: expected F32 [3,64], got F32 [3,32]");
  op_case_free (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ops/attention-errors", test_errors);
  op_add_tests ("/ops/attention", test_attention);
  op_add_tests ("/ops/attention-large-scores", test_large_scores);
  op_add_tests ("/ops/attention-small-numerators", test_small_numerators);
  op_add_tests ("/ops/attention-threads", test_threads);
  op_add_tests ("/ops/received", test_received);
  op_add_tests ("/ops/received-large-scores", test_received_large);
  op_add_tests ("/ops/received-threads", test_received_threads);
  op_add_tests ("/ops/received-targets", test_received_targets);
  op_add_tests ("/ops/split-qkv", test_split);
  op_add_tests ("/ops/split-qkv-positions", test_positions);
  return g_test_run ();
}
