/* What keys receive by attention's weights: a block of queries against all keys of a head, softmax
 * row by row, sums column by column. FLOPs 2*T*kv_len*H*dh, half of it under the causal mask. Each
 * score is computed once, so nothing of the softmax is online here. */
#include "attention-tile.h"

/* Rows of queries whose scores are kept for all keys at once, so that each is computed but once:
 * 560 kB for 2928 keys, which a core's second cache holds. */
#define RECEIVED_ROWS 48

/* received[j] += softmax (scores * scale)[j] over the n keys that one query sees; the numerators
 * take the scores' place. Both have room for whole vectors. */
INLINE void
add_received (float *received, float *scores, int64_t n, float scale)
{
  vi lanes = vi_lanes ();
  vf largest = vf_set (-INFINITY), total = vf_set (0), max, factor;

  for (int64_t i = 0; i < n; i += VW)
    {
      vf score = vf_load (scores + i) * vf_set (scale);

      if (n - i < VW)
        score = vf_select (lanes < (int32_t)(n - i), score, vf_set (-INFINITY));
      largest = vf_max (score, largest);
    }
  max = vf_set (vf_max_lane (largest));
  for (int64_t i = 0; i < n; i += VW)
    {
      vf part = vf_exp (vf_load (scores + i) * vf_set (scale) - max);

      if (n - i < VW)
        part = vf_select (lanes < (int32_t)(n - i), part, vf_set (0));
      vf_store (scores + i, part);
      total += part;
    }
  factor = vf_set (1 / vf_sum (total));
  for (int64_t i = 0; i < n; i += VW)
    vf_store (received + i, vf_load (received + i) + vf_load (scores + i) * factor);
}

/* Adds what the rows of queries from token t on of one head give. lines has room for them. */
INLINE void
receive_block (Scratch *s,
               float *lines,
               float *received,
               const Job *job,
               int64_t head,
               int64_t t,
               PmodDtype dtype,
               bool pairs)
{
  int64_t n_rows = min_i64 (RECEIVED_ROWS, job->n_tokens - t), width = job->width;
  int64_t n_keys = n_visible (job, t + n_rows - 1), stride = round_up (job->kv_len, TILE_KEYS);
  int64_t kv_head = head * job->n_kv_heads / job->n_heads;

  for (int64_t i = 0; i < n_rows; i++)
    load_units (s->rows + i * s->n_key_units,
                job->q + (size_t)(((t + i) * job->n_heads + head) * width) * job->size, width,
                dtype, pairs);
  for (int64_t first = 0; first < n_keys; first += TILE_KEYS)
    {
      size_t at = (size_t)((kv_head * job->capacity + first) * width) * job->size;

      load_keys (s, job->k + at, min_i64 (TILE_KEYS, n_keys - first), width, dtype, pairs);
      tile_product (n_rows, TILE_KEYS, pairs, s->n_key_units, (const char *)s->rows,
                    s->n_key_units * 4, s->keys, TILE_KEYS, lines + first, stride, false);
    }
  for (int64_t i = 0; i < n_rows; i++)
    add_received (received, lines + i * stride, n_visible (job, t + i), job->scale);
}

/* received [H][stride]: each head is one thread's, whole and in order. */
static bool
receive (PmodCpuBackend *self, const Job *job, PmodDtype dtype, float *received)
{
  int64_t stride = round_up (job->kv_len, TILE_KEYS);
  bool pairs = dtype == PMOD_DTYPE_BF16 && NATIVE_PAIRS;
  bool parallel = job->n_tokens * job->n_heads * job->kv_len * job->width > 4 * PARALLEL_MIN;
  Scratch sizes;
  size_t n_bytes = lay_out (&sizes, NULL, job->width, pairs), step;
  char *scratch =
      pmod_cpu_scratch (self, n_bytes + (size_t)(RECEIVED_ROWS * stride) * sizeof (float), &step);

  if (!scratch)
    return false;
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(dynamic)
  for (int64_t head = 0; head < job->n_heads; head++)
    {
      char *mine = scratch + (size_t)thread_idx () * step;
      float *lines = (float *)(void *)(mine + n_bytes), *to = received + head * stride;
      Scratch s;

      lay_out (&s, mine, job->width, pairs);
      memset (to, 0, (size_t)stride * sizeof *to);
      for (int64_t t = 0; t < job->n_tokens; t += RECEIVED_ROWS)
        if (dtype == PMOD_DTYPE_F32)
          receive_block (&s, lines, to, job, head, t, PMOD_DTYPE_F32, false);
        else
          receive_block (&s, lines, to, job, head, t, PMOD_DTYPE_BF16, NATIVE_PAIRS);
    }
  return true;
}

/* The key of targets[v], -1 where it has none; false where there is no such token or key. */
static bool
find_key (PmodBackend *backend,
          const PmodTensor *targets,
          const PmodTensor *slot,
          int64_t v,
          int64_t kv_len,
          int64_t *key)
{
  int64_t target = ((const int32_t *)targets->data)[v], n = slot ? slot->shape[0] : kv_len;

  *key = target;
  if (target >= 0 && target < n && slot)
    *key = ((const int32_t *)slot->data)[target];
  if (target >= 0 && target < n && *key >= -1 && *key < kv_len)
    return true;
  pmod_backend_fail (
      backend, "attention_received: target %lld is token %lld of %lld, key %lld of %lld",
      (long long)v, (long long)target, (long long)n, (long long)*key, (long long)kv_len);
  return false;
}

void
LEVEL (pmod_cpu_attention_received) (PmodBackend *backend,
                                     PmodTensor *score,
                                     const PmodTensor *q,
                                     const PmodTensor *k,
                                     const PmodTensor *targets,
                                     const PmodTensor *slot,
                                     int64_t kv_len,
                                     bool causal,
                                     float scale)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  Job job = {
    .q = q->data,
    .k = k->data,
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
  int64_t stride = round_up (kv_len, TILE_KEYS), key;
  float *received =
      (float *)(void *)pmod_cpu_workspace (self, (size_t)(job.n_heads * stride) * sizeof (float));

  if (!received || !receive (self, &job, q->dtype, received))
    return;
  for (int64_t v = 0; v < targets->shape[0]; v++)
    {
      double sum = 0;

      if (!find_key (backend, targets, slot, v, kv_len, &key))
        return;
      for (int64_t head = 0; key >= 0 && head < job.n_heads; head++)
        sum += received[head * stride + key];
      ((float *)score->data)[v] = key >= 0 ? (float)(sum / (double)job.n_heads) : -1;
    }
}
