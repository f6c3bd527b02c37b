/* Attention with an online softmax over tiles of keys: nothing of size T x kv_len is stored.
 *
 * Two ways. Many query rows (prefill): blocks of rows against tiles of keys with the register
 * tiles of the matrix product; FLOPs 4*T*kv_len*H*dh, half of it under the causal mask. Few rows
 * (decode): every key and value is read once, in order; bytes 2*G*kv_len*dh elements.
 * In BF16 the softmax's numerators are rounded to BF16 before they multiply v, and their sum is
 * of the rounded ones; that is so at every level, so that levels differ only in order of sums. */
#include "attention-tile.h"

/* Up to this many rows of queries (tokens x heads that share a key head) the decode way is
 * faster than transposing tiles for so few. */
#define DECODE_ROWS 8

/* --- Softmax ------------------------------------------------------------------------------ */

/* Turns n scores of one row into numerators in place, zeros up to TILE_KEYS; max and sum are the
 * row's so far. Returns what earlier sums are to be multiplied by. */
INLINE float
softmax_step (float *scores, int64_t n, float scale, float *max, float *sum, bool bf16)
{
  vi lanes = vi_lanes ();
  vf largest = vf_set (*max), total = vf_set (0);
  float new_max, old_factor = 1;

  for (int64_t i = 0; i < n; i += VW)
    {
      vf score = vf_load (scores + i) * vf_set (scale);

      if (n - i < VW)
        score = vf_select (lanes < (int32_t)(n - i), score, vf_set (-INFINITY));
      largest = vf_max (score, largest);
    }
  new_max = vf_max_lane (largest);
  for (int64_t i = 0; i < TILE_KEYS; i += VW)
    {
      vf part = vf_set (0);

      if (i < n)
        {
          part = vf_exp (vf_load (scores + i) * vf_set (scale) - vf_set (new_max));
          if (n - i < VW)
            part = vf_select (lanes < (int32_t)(n - i), part, vf_set (0));
          if (bf16)
            part = vf_round_bf16 (part);
        }
      vf_store (scores + i, part);
      total += part;
    }
  if (new_max != *max)
    old_factor = vf_exp (vf_set (*max - new_max))[0];
  *max = new_max;
  *sum = *sum * old_factor + vf_sum (total);
  return old_factor;
}

/* --- Prefill ------------------------------------------------------------------------------ */

/* n values of one head as rows of units; a unit of BF16 holds the same element of two values.
 * Missing values and columns are zero. */
INLINE void
load_values (Scratch *s, const char *v, int64_t n, int64_t width, PmodDtype dtype, bool pairs)
{
  if (!pairs)
    for (int64_t j = 0; j < TILE_KEYS; j++)
      for (int64_t i = 0; i < s->padded; i += VW)
        {
          vf value = vf_set (0);

          if (j < n && i < width)
            value = vf_get_until (v, dtype, j * width + i, j * width + width);
          vf_store (s->values + j * s->padded + i, value);
        }
  else
    for (int64_t j = 0; j < TILE_KEYS; j += 2)
      for (int64_t i = 0; i < s->padded; i += VW)
        {
          vu low = { 0 }, high = { 0 };

          if (j < n && i < width)
            low = (vu)vf_get_until (v, dtype, j * width + i, j * width + width) >> 16;
          if (j + 1 < n && i < width)
            high = (vu)vf_get_until (v, dtype, (j + 1) * width + i, (j + 2) * width);
          vf_store (s->values + j / 2 * s->padded + i, (vf)(low | high));
        }
}

/* One tile of keys, first .. first + n - 1, against n_rows rows of queries from token t on; rows
 * that the causal mask hides it from are left out. */
INLINE void
attend_tile (Scratch *s,
             const Job *job,
             int64_t t,
             int64_t n_rows,
             int64_t first,
             int64_t n,
             PmodDtype dtype,
             bool pairs)
{
  int64_t hidden = first + 1 - n_visible (job, t);
  int64_t row = hidden > 0 && job->causal ? hidden : 0;
  float *scores = s->scores + row * TILE_KEYS, *sums = s->sums + row * s->padded;
  char *parts = s->parts + row * TILE_KEYS * (pairs ? 2 : 4);

  tile_product (n_rows - row, TILE_KEYS, pairs, s->n_key_units,
                (const char *)(s->rows + row * s->n_key_units), s->n_key_units * 4, s->keys,
                TILE_KEYS, scores, TILE_KEYS, false);
  for (int64_t i = 0; i < n_rows - row; i++)
    {
      float *line = scores + i * TILE_KEYS, *sum = sums + i * s->padded;
      int64_t visible = min_i64 (n, n_visible (job, t + row + i) - first);
      float factor = softmax_step (line, visible, job->scale, &s->max[row + i], &s->total[row + i],
                                   dtype == PMOD_DTYPE_BF16);

      if (factor != 1)
        for (int64_t j = 0; j < s->padded; j += VW)
          vf_store (sum + j, vf_load (sum + j) * vf_set (factor));
      for (int64_t j = 0; pairs && j < TILE_KEYS; j += VW)
        vf_put (parts + i * TILE_KEYS * 2, PMOD_DTYPE_BF16, j, vf_load (line + j));
    }
  tile_product (n_rows - row, s->padded, pairs, pairs ? TILE_KEYS / 2 : TILE_KEYS, parts,
                TILE_KEYS * (pairs ? 2 : 4), s->values, s->padded, sums, s->padded, true);
}

/* Rows of queries from token t on of one head. */
INLINE void
attend_block (char *base, const Job *job, int64_t head, int64_t t, PmodDtype dtype, bool pairs)
{
  Scratch s;
  int64_t n_rows = min_i64 (BLOCK_ROWS, job->n_tokens - t), width = job->width;
  int64_t n_keys = n_visible (job, t + n_rows - 1);
  int64_t kv_head = head * job->n_kv_heads / job->n_heads;

  lay_out (&s, base, width, pairs);
  for (int64_t i = 0; i < n_rows; i++)
    {
      const char *row = job->q + (size_t)(((t + i) * job->n_heads + head) * width) * job->size;

      load_units (s.rows + i * s.n_key_units, row, width, dtype, pairs);
      s.max[i] = -INFINITY;
      s.total[i] = 0;
    }
  memset (s.sums, 0, (size_t)(n_rows * s.padded) * 4);
  for (int64_t first = 0; first < n_keys; first += TILE_KEYS)
    {
      int64_t n = min_i64 (TILE_KEYS, n_keys - first);
      size_t at = (size_t)((kv_head * job->capacity + first) * width) * job->size;

      load_keys (&s, job->k + at, n, width, dtype, pairs);
      load_values (&s, job->v + at, n, width, dtype, pairs);
      attend_tile (&s, job, t, n_rows, first, n, dtype, pairs);
    }
  for (int64_t i = 0; i < n_rows; i++)
    {
      int64_t at = ((t + i) * job->n_heads + head) * width;
      vf factor = vf_set (1 / s.total[i]);

      for (int64_t j = 0; j < width; j += VW)
        vf_put_until (job->out, dtype, at + j, at + width,
                      vf_load (s.sums + i * s.padded + j) * factor);
    }
}

/* --- Decode ------------------------------------------------------------------------------- */

/* One vector of units of a key, from element i on; the lanes after its end are 0. */
INLINE vf
key_units (const char *k, int64_t i, int64_t width, PmodDtype dtype, bool pairs)
{
  float lanes[VW] = { 0 };

  if (!pairs)
    return vf_get_until (k, dtype, i, width);
  if (width - i >= 2 * VW)
    return vf_load (k + i * 2);
  memcpy (lanes, k + i * 2, (size_t)(width - i) * 2);
  return vf_load (lanes);
}

/* scores[j] = q . key j for n keys and up to three more; four keys at a time, so that sums do not
 * wait for each other. q is in units, zero after its end. */
INLINE void
score_keys (float *scores,
            const float *q,
            const char *k,
            int64_t n,
            int64_t width,
            PmodDtype dtype,
            bool pairs)
{
  size_t row = (size_t)width * pmod_dtype_size (dtype);
  int64_t step = pairs ? 2 * VW : VW;

  for (int64_t j = 0; j < n; j += 4)
    {
      vf sums[4] = { vf_set (0), vf_set (0), vf_set (0), vf_set (0) };
      const char *keys[4];

      for (int l = 0; l < 4; l++)
        keys[l] = k + (size_t)min_i64 (j + l, n - 1) * row;
      for (int64_t i = 0; i < width; i += step)
        {
          vf query = vf_load (q + (pairs ? i / 2 : i));

#pragma GCC unroll 4
          for (int l = 0; l < 4; l++)
            sums[l] = unit_fma (sums[l], query, key_units (keys[l], i, width, dtype, pairs), pairs);
        }
      *(v4_mem *)(scores + j) = vf_sum_four (sums[0], sums[1], sums[2], sums[3]);
    }
}

/* sums = sums * factor + parts . values for n_vecs vectors of columns from i on; the last of them
 * may be cut off by the width. */
INLINE void
add_columns (float *sums,
             float factor,
             const float *parts,
             const char *v,
             int64_t n,
             int64_t width,
             int64_t i,
             int n_vecs,
             PmodDtype dtype)
{
  vf acc[8];

#pragma GCC unroll 8
  for (int l = 0; l < n_vecs; l++)
    acc[l] = vf_load (sums + i + l * VW) * vf_set (factor);
  for (int64_t j = 0; j < n; j++)
    {
      vf part = vf_set (parts[j]);

#pragma GCC unroll 8
      for (int l = 0; l < n_vecs; l++)
        {
          int64_t at = j * width + i + l * VW;

          if (n_vecs == 1)
            acc[l] += part * vf_get_until (v, dtype, at, (j + 1) * width);
          else
            acc[l] += part * vf_get (v, dtype, at);
        }
    }
#pragma GCC unroll 8
  for (int l = 0; l < n_vecs; l++)
    vf_store (sums + i + l * VW, acc[l]);
}

/* The same for all columns: whole lines of memory in order where the width allows it. */
INLINE void
add_values (float *sums,
            float factor,
            const float *parts,
            const char *v,
            int64_t n,
            int64_t width,
            PmodDtype dtype)
{
  int64_t i = 0;

  for (; i + 8 * VW <= width; i += 8 * VW)
    add_columns (sums, factor, parts, v, n, width, i, 8, dtype);
  for (; i + 4 * VW <= width; i += 4 * VW)
    add_columns (sums, factor, parts, v, n, width, i, 4, dtype);
  for (; i < width; i += VW)
    add_columns (sums, factor, parts, v, n, width, i, 1, dtype);
}

/* All rows of queries that share one key head. */
INLINE void
attend_head (char *base, const Job *job, int64_t kv_head, PmodDtype dtype, bool pairs)
{
  int64_t width = job->width, group = job->n_heads / job->n_kv_heads;
  int64_t n_rows = job->n_tokens * group, padded = round_up (width, VW);
  float *queries = (float *)(void *)base, *sums = queries + DECODE_ROWS * padded;
  float scores[TILE_KEYS], max[DECODE_ROWS], total[DECODE_ROWS];

  memset (base, 0, (size_t)(2 * DECODE_ROWS * padded) * 4);
  for (int64_t i = 0; i < n_rows; i++)
    {
      int64_t row = i / group * job->n_heads + kv_head * group + i % group;

      load_units (queries + i * padded, job->q + (size_t)(row * width) * job->size, width, dtype,
                  pairs);
      max[i] = -INFINITY;
      total[i] = 0;
    }
  for (int64_t first = 0; first < job->kv_len; first += TILE_KEYS)
    {
      size_t at = (size_t)((kv_head * job->capacity + first) * width) * job->size;

      for (int64_t i = 0; i < n_rows; i++)
        {
          int64_t n = min_i64 (TILE_KEYS, n_visible (job, i / group) - first);
          float factor;

          if (n <= 0)
            continue;
          score_keys (scores, queries + i * padded, job->k + at, n, width, dtype, pairs);
          factor =
              softmax_step (scores, n, job->scale, &max[i], &total[i], dtype == PMOD_DTYPE_BF16);
          add_values (sums + i * padded, factor, scores, job->v + at, n, width, dtype);
        }
    }
  for (int64_t i = 0; i < n_rows; i++)
    {
      int64_t at = (i / group * job->n_heads + kv_head * group + i % group) * width;

      for (int64_t j = 0; j < width; j += VW)
        vf_put_until (job->out, dtype, at + j, at + width,
                      vf_load (sums + i * padded + j) * vf_set (1 / total[i]));
    }
}

/* --- The op ------------------------------------------------------------------------------- */

static void
attend_few (PmodCpuBackend *self, const Job *job, PmodDtype dtype)
{
  size_t stride;
  char *scratch =
      pmod_cpu_scratch (self, (size_t)(2 * DECODE_ROWS * round_up (job->width, VW)) * 4, &stride);
  bool parallel = job->kv_len * job->n_heads * job->width > PARALLEL_MIN / 4;

  if (!scratch)
    return;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t head = 0; head < job->n_kv_heads; head++)
    {
      char *mine = scratch + (size_t)thread_idx () * stride;

      if (dtype == PMOD_DTYPE_F32)
        attend_head (mine, job, head, PMOD_DTYPE_F32, false);
      else
        attend_head (mine, job, head, PMOD_DTYPE_BF16, NATIVE_PAIRS);
    }
}

static void
attend_many (PmodCpuBackend *self, const Job *job, PmodDtype dtype)
{
  int64_t n_blocks = (job->n_tokens + BLOCK_ROWS - 1) / BLOCK_ROWS;
  int64_t n_items = job->n_heads * n_blocks;
  bool pairs = dtype == PMOD_DTYPE_BF16 && NATIVE_PAIRS;
  bool parallel = job->n_tokens * job->n_heads * job->kv_len * job->width > 4 * PARALLEL_MIN;
  Scratch sizes;
  size_t stride;
  char *scratch = pmod_cpu_scratch (self, lay_out (&sizes, NULL, job->width, pairs), &stride);

  if (!scratch)
    return;
    /* Dynamic: under the causal mask later blocks take longer. */
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(dynamic)
  for (int64_t item = 0; item < n_items; item++)
    {
      char *mine = scratch + (size_t)thread_idx () * stride;
      int64_t head = item / n_blocks, t = item % n_blocks * BLOCK_ROWS;

      if (dtype == PMOD_DTYPE_F32)
        attend_block (mine, job, head, t, PMOD_DTYPE_F32, false);
      else
        attend_block (mine, job, head, t, PMOD_DTYPE_BF16, NATIVE_PAIRS);
    }
}

void
LEVEL (pmod_cpu_attention) (PmodBackend *backend,
                            PmodTensor *out,
                            const PmodTensor *q,
                            const PmodTensor *k,
                            const PmodTensor *v,
                            int64_t kv_len,
                            bool causal,
                            float scale)
{
  Job job = {
    .q = q->data,
    .k = k->data,
    .v = v->data,
    .out = out->data,
    .n_tokens = q->shape[0],
    .n_heads = q->shape[1],
    .n_kv_heads = k->shape[0],
    .capacity = k->shape[1],
    .width = q->shape[2],
    .kv_len = kv_len,
    .causal = causal,
    .scale = scale,
    .size = pmod_dtype_size (q->dtype),
  };

  if (job.n_tokens * job.n_heads / job.n_kv_heads <= DECODE_ROWS)
    attend_few ((PmodCpuBackend *)backend, &job, q->dtype);
  else
    attend_many ((PmodCpuBackend *)backend, &job, q->dtype);
}
