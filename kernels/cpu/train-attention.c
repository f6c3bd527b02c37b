/* Attention under any mask, and its gradients. One key/value head is one item: its keys and values
 * are copied once, widened to F32, padded and transposed, and the query heads that read it pass
 * by in blocks of rows, so that only BLOCK x kv_len scores exist at a time. Queries of a block
 * stop at the last key that its last row sees. */
#include "train.h"

/* Rows of queries in a block: a multiple of TILE_ROWS; their scores of 600 keys stay in L2. */
#define BLOCK 48

/* Columns of products are padded to the first; a head's own to the second, so that one of 32
 * numbers is not multiplied as if it were of 64. */
#define COLUMNS (TILE_VECS * VW)
#define HEAD_VECS (TILE_VECS > 2 ? 2 : TILE_VECS)

typedef struct
{
  const PmodTensor *q, *k, *v, *dout;
  PmodTensor *out, *dq, *dk, *dv;
  int64_t kv_len, n_queries, width, group, prefix;
  const int32_t *first;
  bool causal;
  float scale;
  /* What follows is laid out in each thread's scratch. */
  int64_t n_columns; /* width padded */
  int64_t n_keys;    /* kv_len padded */
} Job;

/* One thread's memory, all F32. */
typedef struct
{
  float *keys_across, *values_across; /* [width, n_keys] */
  float *keys, *values;               /* [kv_len, n_columns] */
  float *dkeys, *dvalues;             /* [kv_len, n_columns] */
  float *q, *dout;                    /* [BLOCK, n_columns] */
  float *scores, *slopes;             /* [BLOCK, n_keys] */
  float *result;                      /* [BLOCK, n_columns] */
  float *shares;                      /* [BLOCK]: 1 / sum of a row's numerators */
} Scratch;

static size_t
lay_out (const Job *job, float *memory, Scratch *s)
{
  int64_t across = job->width * job->n_keys, along = job->kv_len * job->n_columns;
  int64_t block = BLOCK * job->n_columns, scores = BLOCK * job->n_keys;
  float **parts[] = { &s->keys_across, &s->values_across, &s->keys,   &s->values,
                      &s->dkeys,       &s->dvalues,       &s->q,      &s->dout,
                      &s->scores,      &s->slopes,        &s->result, &s->shares };
  int64_t sizes[] = { across, across, along,  along,  along, along,
                      block,  block,  scores, scores, block, BLOCK };
  size_t n_bytes = 0;

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    {
      if (memory)
        *parts[i] = memory + n_bytes / 4;
      n_bytes += lines (sizes[i] * 4);
    }
  return n_bytes;
}

/* Rows of a [.., n_from] array at element at on, stride elements apart, to F32 padded with zeros to
 * n_to. */
static void
load_rows (float *to,
           int64_t n_to,
           const PmodTensor *from,
           int64_t at,
           int64_t stride,
           int64_t n_rows,
           int64_t n_from)
{
#define LOAD(dtype)                                                                                \
  for (int64_t row = 0; row < n_rows; row++, at += stride)                                         \
    for (int64_t i = 0; i < n_to; i += VW)                                                         \
  vf_store (to + row * n_to + i,                                                                   \
            i < n_from ? vf_get_until (from->data, dtype, at + i, at + n_from) : vf_set (0))
  if (from->dtype == PMOD_DTYPE_F32)
    LOAD (PMOD_DTYPE_F32);
  else
    LOAD (PMOD_DTYPE_BF16);
#undef LOAD
}

/* to[width, n_keys] = from[n_rows, n_columns] turned; the padding is zero. */
static void
turn (
    float *to, int64_t n_keys, const float *from, int64_t n_columns, int64_t n_rows, int64_t width)
{
  for (int64_t i = 0; i < width; i++)
    {
      for (int64_t row = 0; row < n_rows; row++)
        to[i * n_keys + row] = from[row * n_columns + i];
      for (int64_t row = n_rows; row < n_keys; row++)
        to[i * n_keys + row] = 0;
    }
}

/* --- One block of queries ----------------------------------------------------------------- */

/* The keys that a row sees: [0, shared) and [own, end). */
typedef struct
{
  int64_t shared, own, end;
} Sight;

static Sight
sight_of (const Job *job, int64_t query)
{
  Sight sight = { 0, 0, job->causal ? job->kv_len - job->n_queries + query + 1 : job->kv_len };

  if (job->first)
    {
      sight.shared = min_i64 (job->prefix, sight.end);
      sight.own = job->first[query] > sight.shared ? job->first[query] : sight.shared;
      sight.own = min_i64 (sight.own, sight.end);
    }
  return sight;
}

static vf
span_max (const float *row, int64_t first, int64_t end, vf max)
{
  for (int64_t i = first; i < end; i += VW)
    {
      vf value = get (row, i, end);

      if (end - i < VW)
        value = vf_select (vi_lanes () < (int32_t)(end - i), value, max);
      max = vf_max (value, max);
    }
  return max;
}

/* row = e^((row - max) * scale); returns the sum. */
static float
span_exp (float *row, int64_t first, int64_t end, float max, float scale)
{
  vf sum = vf_set (0);

  for (int64_t i = first; i < end; i += VW)
    {
      vf value = vf_exp ((get (row, i, end) - vf_set (max)) * vf_set (scale));

      if (end - i < VW)
        value = vf_select (vi_lanes () < (int32_t)(end - i), value, vf_set (0));
      put (row, i, end, value);
      sum += value;
    }
  return vf_sum (sum);
}

/* Numerators of a row of scores, zero where it does not see, up to limit; returns 1 / their sum. */
static float
softmax (float *row, Sight sight, int64_t limit, float scale)
{
  vf largest = span_max (row, 0, sight.shared, vf_set (-INFINITY));
  float max = vf_max_lane (span_max (row, sight.own, sight.end, largest)), sum;

  sum = span_exp (row, 0, sight.shared, max, scale);
  sum += span_exp (row, sight.own, sight.end, max, scale);
  memset (row + sight.shared, 0, (size_t)(sight.own - sight.shared) * 4);
  memset (row + sight.end, 0, (size_t)(limit - sight.end) * 4);
  return 1 / sum;
}

/* slopes = e (slopes - share * sum e slopes) * scale: the gradient of the scores, with slopes the
 * gradient of the probabilities e * share, times share. */
static void
softmax_backward (float *slopes, const float *e, float share, int64_t limit, float scale)
{
  vf sum = vf_set (0);

  for (int64_t i = 0; i < limit; i += VW)
    sum += vf_load (e + i) * vf_load (slopes + i);
  sum = vf_set (vf_sum (sum) * share);
  for (int64_t i = 0; i < limit; i += VW)
    vf_store (slopes + i, vf_load (e + i) * (vf_load (slopes + i) - sum) * vf_set (scale));
}

/* Rows of a block times their shares: cheaper than rows of scores. */
static void
scale_rows (const Job *job, const Scratch *s, float *rows, int64_t n_rows)
{
  for (int64_t row = 0; row < n_rows; row++)
    for (int64_t i = 0; i < job->n_columns; i += VW)
      {
        float *at = rows + row * job->n_columns + i;

        vf_store (at, vf_load (at) * vf_set (s->shares[row]));
      }
}

/* c[rows, n_columns] (+)= a . b[n, n_columns], by the widest tiles that n_columns is a multiple of;
 * a_stride, from row to row, and a_step, from unit to unit, in elements like the others. */
static void
product (int64_t n_rows,
         int64_t n_columns,
         int64_t n,
         const float *a,
         int64_t a_stride,
         int64_t a_step,
         const float *b,
         int64_t b_stride,
         float *c,
         int64_t c_stride,
         bool add)
{
  const char *bytes = (const char *)a;

  if (n_columns % COLUMNS == 0)
    tile_product_vecs (TILE_VECS, n_rows, n_columns, false, n, bytes, a_stride * 4, a_step * 4, b,
                       b_stride, c, c_stride, add);
  else
    tile_product_vecs (HEAD_VECS, n_rows, n_columns, false, n, bytes, a_stride * 4, a_step * 4, b,
                       b_stride, c, c_stride, add);
}

/* a[rows, n] . b[n, n_columns], a's rows a_stride elements apart. */
static void
multiply (float *c,
          int64_t c_stride,
          const float *a,
          int64_t a_stride,
          const float *b,
          int64_t b_stride,
          int64_t n_rows,
          int64_t n_columns,
          int64_t n)
{
  product (n_rows, n_columns, n, a, a_stride, 1, b, b_stride, c, c_stride, false);
}

/* c[keys, n_columns] += a^T . b with a [n_rows, n_keys], b [n_rows, n_columns]. */
static void
add_turned (float *c, const float *a, const float *b, const Job *job, int64_t n_rows, int64_t n)
{
  product (n, job->n_columns, n_rows, a, 1, job->n_keys, b, job->n_columns, c, job->n_columns,
           true);
}

/* Numerators of the rows first .. first + n_rows - 1 of a head into scores, and the rows' shares;
 * returns how many keys, padded, hold any. */
static int64_t
score_block (const Job *job, Scratch *s, int64_t head, int64_t first, int64_t n_rows)
{
  int64_t n_heads = job->q->shape[1];
  int64_t limit = round_up (sight_of (job, first + n_rows - 1).end, COLUMNS);

  load_rows (s->q, job->n_columns, job->q, (first * n_heads + head) * job->width,
             n_heads * job->width, n_rows, job->width);
  multiply (s->scores, job->n_keys, s->q, job->n_columns, s->keys_across, job->n_keys, n_rows,
            limit, job->width);
  for (int64_t row = 0; row < n_rows; row++)
    s->shares[row] =
        softmax (s->scores + row * job->n_keys, sight_of (job, first + row), limit, job->scale);
  return limit;
}

/* The block's results to out [T, n_heads * width] of any act. */
static void
store_block (const Job *job, const Scratch *s, PmodTensor *out, int64_t at, int64_t n_rows)
{
  int64_t stride = job->q->shape[1] * job->width;

  for (int64_t row = 0; row < n_rows; row++, at += stride)
    for (int64_t i = 0; i < job->width; i += VW)
      vf_put_until (out->data, out->dtype, at + i, at + job->width,
                    vf_load (s->result + row * job->n_columns + i));
}

static void
forward_block (const Job *job, Scratch *s, int64_t head, int64_t first, int64_t n_rows)
{
  int64_t limit = score_block (job, s, head, first, n_rows);

  multiply (s->result, job->n_columns, s->scores, job->n_keys, s->values, job->n_columns, n_rows,
            job->n_columns, min_i64 (limit, job->kv_len));
  scale_rows (job, s, s->result, n_rows);
  store_block (job, s, job->out, (first * job->q->shape[1] + head) * job->width, n_rows);
}

static void
backward_block (const Job *job, Scratch *s, int64_t head, int64_t first, int64_t n_rows)
{
  int64_t at = (first * job->q->shape[1] + head) * job->width;
  int64_t limit = score_block (job, s, head, first, n_rows);
  int64_t n_keys = min_i64 (limit, job->kv_len);

  load_rows (s->dout, job->n_columns, job->dout, at, job->q->shape[1] * job->width, n_rows,
             job->width);
  scale_rows (job, s, s->dout, n_rows);
  multiply (s->slopes, job->n_keys, s->dout, job->n_columns, s->values_across, job->n_keys, n_rows,
            limit, job->width);
  add_turned (s->dvalues, s->scores, s->dout, job, n_rows, n_keys);
  for (int64_t row = 0; row < n_rows; row++)
    softmax_backward (s->slopes + row * job->n_keys, s->scores + row * job->n_keys, s->shares[row],
                      limit, job->scale);
  add_turned (s->dkeys, s->slopes, s->q, job, n_rows, n_keys);
  multiply (s->result, job->n_columns, s->slopes, job->n_keys, s->keys, job->n_columns, n_rows,
            job->n_columns, n_keys);
  store_block (job, s, job->dq, at, n_rows);
}

/* --- One head of keys and values ---------------------------------------------------------- */

static void
load_head (const Job *job, Scratch *s, int64_t kv_head)
{
  int64_t at = kv_head * job->k->shape[1] * job->width;

  load_rows (s->keys, job->n_columns, job->k, at, job->width, job->kv_len, job->width);
  load_rows (s->values, job->n_columns, job->v, at, job->width, job->kv_len, job->width);
  turn (s->keys_across, job->n_keys, s->keys, job->n_columns, job->kv_len, job->width);
  if (job->dout)
    {
      turn (s->values_across, job->n_keys, s->values, job->n_columns, job->kv_len, job->width);
      memset (s->dkeys, 0, (size_t)(job->kv_len * job->n_columns) * 4);
      memset (s->dvalues, 0, (size_t)(job->kv_len * job->n_columns) * 4);
    }
}

static void
add_head (const Job *job, PmodTensor *to, const float *from, int64_t kv_head)
{
  float *head = (float *)to->data + kv_head * to->shape[1] * job->width;

  for (int64_t row = 0; row < job->kv_len; row++)
    for (int64_t i = 0; i < job->width; i += VW)
      add (head + row * job->width, i, job->width, vf_load (from + row * job->n_columns + i));
}

static void
run_head (const Job *job, Scratch *s, int64_t kv_head)
{
  load_head (job, s, kv_head);
  for (int64_t head = kv_head * job->group; head < (kv_head + 1) * job->group; head++)
    for (int64_t first = 0; first < job->n_queries; first += BLOCK)
      {
        int64_t n_rows = min_i64 (BLOCK, job->n_queries - first);

        if (job->dout)
          backward_block (job, s, head, first, n_rows);
        else
          forward_block (job, s, head, first, n_rows);
      }
  if (job->dout)
    {
      add_head (job, job->dk, s->dkeys, kv_head);
      add_head (job, job->dv, s->dvalues, kv_head);
    }
}

/* A query that sees no key has no softmax. */
static bool
check_mask (PmodBackend *backend, const char *op, const Job *job)
{
  for (int64_t t = 0; job->first && t < job->n_queries; t++)
    {
      Sight sight = sight_of (job, t);

      if (sight.shared <= 0 && sight.own >= sight.end)
        {
          pmod_backend_fail (backend, "%s: query %lld of %lld sees no key", op, (long long)t,
                             (long long)job->n_queries);
          return false;
        }
    }
  return true;
}

static void
run (PmodBackend *backend, const char *op, Job *job, int64_t kv_len, const PmodAttentionMask *mask)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_kv_heads = job->k->shape[0], n_elements = pmod_tensor_n_elements (job->q);
  bool parallel = n_elements * kv_len > PARALLEL_MIN / 4;
  size_t stride;
  char *memory;

  job->kv_len = kv_len;
  job->n_queries = job->q->shape[0], job->width = job->q->shape[2];
  job->group = job->q->shape[1] / n_kv_heads;
  job->causal = mask->causal, job->prefix = mask->prefix;
  job->first = mask->first ? mask->first->data : NULL;
  job->n_columns = round_up (job->width, HEAD_VECS * VW);
  job->n_keys = round_up (kv_len, COLUMNS);
  if (!check_mask (backend, op, job))
    return;
  memory = pmod_cpu_scratch (self, lay_out (job, NULL, &(Scratch){ 0 }), &stride);
  if (!memory)
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t head = 0; head < n_kv_heads; head++)
    {
      Scratch s;

      lay_out (job, (float *)(void *)(memory + (size_t)thread_idx () * stride), &s);
      run_head (job, &s, head);
    }
}

void
LEVEL (pmod_cpu_attention_masked) (PmodBackend *backend,
                                   PmodTensor *out,
                                   const PmodTensor *q,
                                   const PmodTensor *k,
                                   const PmodTensor *v,
                                   int64_t kv_len,
                                   const PmodAttentionMask *mask,
                                   float scale)
{
  Job job = { .q = q, .k = k, .v = v, .out = out, .scale = scale };

  run (backend, "attention_masked", &job, kv_len, mask);
}

void
LEVEL (pmod_cpu_attention_backward) (PmodBackend *backend,
                                     PmodTensor *dq,
                                     PmodTensor *dk,
                                     PmodTensor *dv,
                                     const PmodTensor *dout,
                                     const PmodTensor *q,
                                     const PmodTensor *k,
                                     const PmodTensor *v,
                                     int64_t kv_len,
                                     const PmodAttentionMask *mask,
                                     float scale)
{
  Job job = { .q = q, .k = k, .v = v, .dout = dout, .dq = dq, .dk = dk, .dv = dv, .scale = scale };

  run (backend, "attention_backward", &job, kv_len, mask);
}
