/* A tile of keys for attention: the arguments of a call, a thread's scratch, and rows of queries
 * and keys as units. Shared by attention.c and attention-received.c. */
#pragma once

#include "simd.h"

/* Rows of queries in a block. Each block transposes every key tile once, 1/192 of the work that
 * it then does with it. */
#define BLOCK_ROWS 192

/* Keys in a tile. */
#define TILE_KEYS 64

#define COLUMNS (TILE_VECS * VW)

#ifdef __AVX512BF16__
#define NATIVE_PAIRS true
#else
#define NATIVE_PAIRS false
#endif

/* What one call works on. */
typedef struct
{
  const char *q, *k, *v;
  char *out;
  int64_t n_tokens, n_heads, n_kv_heads, capacity, width, kv_len;
  bool causal;
  float scale;
  size_t size; /* bytes of an element */
} Job;

/* How many keys query t sees. */
static int64_t
n_visible (const Job *job, int64_t t)
{
  return job->causal ? job->kv_len - job->n_tokens + t + 1 : job->kv_len;
}

/* Scratch of one thread. Units are F32, or pairs of BF16 where the level multiplies those. */
typedef struct
{
  float *keys;        /* [n_key_units][TILE_KEYS] units: a tile transposed */
  float *values;      /* [TILE_KEYS / per_unit][padded] units */
  float *rows;        /* [BLOCK_ROWS][n_key_units] units: queries */
  float *scores;      /* [BLOCK_ROWS][TILE_KEYS] */
  char *parts;        /* [BLOCK_ROWS][TILE_KEYS] numerators as units; scores itself for F32 */
  float *sums;        /* [BLOCK_ROWS][padded] */
  float *max, *total; /* [BLOCK_ROWS] */
  int64_t padded;     /* width rounded up to a register tile */
  int64_t n_key_units;
} Scratch;

/* Places all of it in base and returns its bytes; with base NULL only counts them. */
static size_t
lay_out (Scratch *self, char *base, int64_t width, bool pairs)
{
  int64_t padded = round_up (width, COLUMNS), at = 0;
  int64_t n_key_units = pairs ? (width + 1) / 2 : width;
  float *parts;

#define TAKE(n_floats)                                                                             \
  base ? (float *)(void *)(base + at) : NULL, at += round_up ((n_floats), 16) * 4
  self->padded = padded;
  self->n_key_units = n_key_units;
  self->keys = TAKE (n_key_units * TILE_KEYS);
  self->values = TAKE (TILE_KEYS * padded);
  self->rows = TAKE (BLOCK_ROWS * n_key_units);
  self->scores = TAKE (BLOCK_ROWS * TILE_KEYS);
  self->sums = TAKE (BLOCK_ROWS * padded);
  self->max = TAKE (BLOCK_ROWS);
  self->total = TAKE (BLOCK_ROWS);
  if (pairs)
    parts = TAKE (BLOCK_ROWS * TILE_KEYS / 2);
  else
    parts = self->scores;
  self->parts = (char *)parts;
#undef TAKE
  return (size_t)at;
}

/* One row of n elements to units: widened, or copied with a zero after an odd one. */
INLINE void
load_units (float *to, const char *from, int64_t n, PmodDtype dtype, bool pairs)
{
  if (pairs)
    {
      if (n % 2)
        to[n / 2] = 0;
      memcpy (to, from, (size_t)n * 2);
    }
  else
    for (int64_t i = 0; i < n; i += VW)
      vf_put_until (to, PMOD_DTYPE_F32, i, n, vf_get_until (from, dtype, i, n));
}

/* Four rows of four units, transposed. */
INLINE void
transpose_4x4 (float *to, int64_t to_stride, const float *from, int64_t from_stride)
{
  v4 a = *(const v4_mem *)from, b = *(const v4_mem *)(from + from_stride);
  v4 c = *(const v4_mem *)(from + 2 * from_stride), d = *(const v4_mem *)(from + 3 * from_stride);
  v4 ab_low = { a[0], b[0], a[1], b[1] }, ab_high = { a[2], b[2], a[3], b[3] };
  v4 cd_low = { c[0], d[0], c[1], d[1] }, cd_high = { c[2], d[2], c[3], d[3] };

  *(v4_mem *)to = (v4){ ab_low[0], ab_low[1], cd_low[0], cd_low[1] };
  *(v4_mem *)(to + to_stride) = (v4){ ab_low[2], ab_low[3], cd_low[2], cd_low[3] };
  *(v4_mem *)(to + 2 * to_stride) = (v4){ ab_high[0], ab_high[1], cd_high[0], cd_high[1] };
  *(v4_mem *)(to + 3 * to_stride) = (v4){ ab_high[2], ab_high[3], cd_high[2], cd_high[3] };
}

/* n keys of one head, transposed; the columns of missing keys are zero. values is used as a
 * buffer for the keys as units in rows. */
INLINE void
load_keys (Scratch *s, const char *k, int64_t n, int64_t width, PmodDtype dtype, bool pairs)
{
  int64_t n_units = s->n_key_units;
  float *rows = s->values;

  for (int64_t j = 0; j < TILE_KEYS; j++)
    if (j < n)
      load_units (rows + j * n_units, k + (size_t)(j * width) * pmod_dtype_size (dtype), width,
                  dtype, pairs);
    else
      memset (rows + j * n_units, 0, (size_t)n_units * 4);
  for (int64_t j = 0; j < TILE_KEYS; j += 4)
    {
      int64_t i = 0;

      for (; i + 4 <= n_units; i += 4)
        transpose_4x4 (s->keys + i * TILE_KEYS + j, TILE_KEYS, rows + j * n_units + i, n_units);
      for (; i < n_units; i++)
        for (int64_t l = 0; l < 4; l++)
          memcpy (s->keys + i * TILE_KEYS + j + l, rows + (j + l) * n_units + i, 4);
    }
}
