/* Splits a fused projection into heads, rotates queries and keys, and appends to the cache.
 * Bytes: T*(H+2G)*dh*4 read, the same number of elements of act written. */
#include "simd.h"

/* One head of width n: element i is paired with i + n/2. */
INLINE void
rotate (void *to, PmodDtype dtype, int64_t at, const float *from, const float *cos_sin, int64_t n)
{
  int64_t half = n / 2;

  for (int64_t i = 0; i < half; i += VW)
    {
      vf low = vf_get_until (from, PMOD_DTYPE_F32, i, half);
      vf high = vf_get_until (from, PMOD_DTYPE_F32, half + i, n);
      vf cosine = vf_get_until (cos_sin, PMOD_DTYPE_F32, i, half);
      vf sine = vf_get_until (cos_sin, PMOD_DTYPE_F32, half + i, n);

      vf_put_until (to, dtype, at + i, at + half, low * cosine - high * sine);
      vf_put_until (to, dtype, at + half + i, at + n, high * cosine + low * sine);
    }
}

INLINE void
store_head (
    void *to, PmodDtype dtype, int64_t at, const float *from, const float *cos_sin, int64_t n)
{
  if (cos_sin)
    rotate (to, dtype, at, from, cos_sin, n);
  else
    for (int64_t i = 0; i < n; i += VW)
      vf_put_until (to, dtype, at + i, at + n, vf_get_until (from, PMOD_DTYPE_F32, i, n));
}

INLINE void
split_row (PmodTensor *q,
           PmodTensor *k,
           PmodTensor *v,
           PmodDtype dtype,
           const float *from,
           const float *cos_sin,
           int64_t row,
           int64_t kv_row)
{
  int64_t n_heads = q->shape[1], n = q->shape[2], n_kv_heads = k->shape[0], capacity = k->shape[1];

  for (int64_t head = 0; head < n_heads; head++, from += n)
    store_head (q->data, dtype, (row * n_heads + head) * n, from, cos_sin, n);
  for (int64_t head = 0; head < n_kv_heads; head++, from += n)
    store_head (k->data, dtype, (head * capacity + kv_row) * n, from, cos_sin, n);
  for (int64_t head = 0; head < n_kv_heads; head++, from += n)
    store_head (v->data, dtype, (head * capacity + kv_row) * n, from, NULL, n);
}

void
LEVEL (pmod_cpu_split_qkv) (PmodBackend *backend,
                            PmodTensor *q,
                            PmodTensor *k,
                            PmodTensor *v,
                            const PmodTensor *qkv,
                            const PmodTensor *cos_sin,
                            const PmodTensor *rows,
                            int64_t pos0,
                            int64_t kv_offset)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  int64_t n_rows = qkv->shape[0], width = qkv->shape[1];
  const int32_t *row_pos = rows ? rows->data : NULL;
  bool parallel = n_rows > 1 && n_rows * width > PARALLEL_MIN / 4;

  for (int64_t t = 0; cos_sin && rows && t < n_rows; t++)
    if (row_pos[t] < -pos0 || row_pos[t] >= cos_sin->shape[0] - pos0)
      {
        pmod_backend_fail (backend, "split_qkv: row %lld has position %lld; there are %lld angles",
                           (long long)t, (long long)(pos0 + row_pos[t]),
                           (long long)cos_sin->shape[0]);
        return;
      }
#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)
  for (int64_t t = 0; t < n_rows; t++)
    {
      const float *from = (const float *)qkv->data + t * width;
      const float *angles = NULL;

      if (cos_sin)
        angles =
            (const float *)cos_sin->data + (pos0 + (row_pos ? row_pos[t] : t)) * cos_sin->shape[1];
      if (q->dtype == PMOD_DTYPE_F32)
        split_row (q, k, v, PMOD_DTYPE_F32, from, angles, t, kv_offset + t);
      else
        split_row (q, k, v, PMOD_DTYPE_BF16, from, angles, t, kv_offset + t);
    }
}
