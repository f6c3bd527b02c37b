/* Vectors of the level that a file is compiled for, in the compiler's own vector types: the same
 * source gives SSE2 or NEON (portable), AVX2, AVX-512 and AVX-512 BF16. */
#pragma once

#include "cpu-private.h"

#include <math.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __AVX512F__
#include <immintrin.h>
#endif

/* PMOD_LEVEL comes from the build: portable, avx2, avx512, avx512_bf16. */
#define LEVEL_PASTE(name, level) name##_##level
#define LEVEL_EXPAND(name, level) LEVEL_PASTE (name, level)
#define LEVEL(name) LEVEL_EXPAND (name, PMOD_LEVEL)

#if defined(__AVX512F__)
#define VW 16 /* floats in a vector */
#define TILE_VECS 4
#elif defined(__AVX2__)
#define VW 8
#define TILE_VECS 2
#else
#define VW 4
#define TILE_VECS 2
#endif

/* A register tile is TILE_ROWS x TILE_VECS accumulators; with the B vectors and one broadcast it
 * must fit 32 registers (AVX-512) or 16: 24+4+1 and 12+2+1. */
#define TILE_ROWS 6

#define INLINE static inline __attribute__ ((always_inline, unused))

typedef float vf __attribute__ ((vector_size (VW * 4)));
typedef int32_t vi __attribute__ ((vector_size (VW * 4)));
typedef uint32_t vu __attribute__ ((vector_size (VW * 4)));
typedef uint16_t vh __attribute__ ((vector_size (VW * 2)));

/* Memory has any alignment and is read as any type. */
typedef vf vf_mem __attribute__ ((aligned (1), may_alias));
typedef vu vu_mem __attribute__ ((aligned (1), may_alias));
typedef vh vh_mem __attribute__ ((aligned (1), may_alias));
typedef uint32_t unit_mem __attribute__ ((aligned (1), may_alias));

INLINE int64_t
min_i64 (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

INLINE int64_t
round_up (int64_t n, int64_t step)
{
  return (n + step - 1) / step * step;
}

INLINE int
thread_idx (void)
{
#ifdef _OPENMP
  return omp_get_thread_num ();
#else
  return 0;
#endif
}

INLINE vf
vf_set (float value)
{
  return value - (vf){ 0 };
}

/* Four bytes in every lane, as they are. */
INLINE vf
unit_set (const void *from)
{
  return (vf)(*(const unit_mem *)from | (vu){ 0 });
}

INLINE vf
vf_load (const void *from)
{
  return *(const vf_mem *)from;
}

INLINE void
vf_store (void *to, vf value)
{
  *(vf_mem *)to = value;
}

INLINE vf
vf_select (vi mask, vf yes, vf no)
{
  return (vf)(((vi)yes & mask) | ((vi)no & ~mask));
}

/* Lanes 0, 1, 2 ... */
INLINE vi
vi_lanes (void)
{
  vi lanes;

  for (int i = 0; i < VW; i++)
    lanes[i] = i;
  return lanes;
}

/* The larger; the second where either is NaN. */
INLINE vf
vf_max (vf a, vf b)
{
#ifdef __AVX512F__
  return (vf)_mm512_max_ps ((__m512)a, (__m512)b);
#else
  return vf_select (a > b, a, b);
#endif
}

/* The smaller; the second where either is NaN. */
INLINE vf
vf_min (vf a, vf b)
{
#ifdef __AVX512F__
  return (vf)_mm512_min_ps ((__m512)a, (__m512)b);
#else
  return vf_select (a < b, a, b);
#endif
}

/* Vectors of four, to which the wider ones are folded before their lanes are combined. */
typedef float v4 __attribute__ ((vector_size (16)));
typedef int32_t vi4 __attribute__ ((vector_size (16)));
typedef v4 v4_mem __attribute__ ((aligned (1), may_alias));

INLINE v4
vf_quarter (vf value, int first)
{
  return (v4){ value[first], value[first + 1], value[first + 2], value[first + 3] };
}

INLINE v4
vf_fold (vf value)
{
  v4 sum = vf_quarter (value, 0);

#pragma GCC unroll 4
  for (int i = 4; i < VW; i += 4)
    sum += vf_quarter (value, i);
  return sum;
}

INLINE float
vf_sum (vf value)
{
  v4 sum = vf_fold (value);

  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The sums of four vectors. */
INLINE v4
vf_sum_four (vf a, vf b, vf c, vf d)
{
  v4 s = vf_fold (a), t = vf_fold (b), u = vf_fold (c), v = vf_fold (d);
  v4 st_low = { s[0], t[0], s[1], t[1] }, st_high = { s[2], t[2], s[3], t[3] };
  v4 uv_low = { u[0], v[0], u[1], v[1] }, uv_high = { u[2], v[2], u[3], v[3] };
  v4 st = st_low + st_high, uv = uv_low + uv_high;

  return (v4){ st[0], st[1], uv[0], uv[1] } + (v4){ st[2], st[3], uv[2], uv[3] };
}

INLINE float
vf_max_lane (vf value)
{
  v4 max = vf_quarter (value, 0);
  float low, high;

#pragma GCC unroll 4
  for (int i = 4; i < VW; i += 4)
    {
      v4 other = vf_quarter (value, i);

      vi4 larger = max > other;

      max = (v4)(((vi4)max & larger) | ((vi4)other & ~larger));
    }
  low = max[0] > max[1] ? max[0] : max[1];
  high = max[2] > max[3] ? max[2] : max[3];
  return low > high ? low : high;
}

/* --- BF16 --------------------------------------------------------------------------------- */

INLINE vf
vf_from_bf16 (vh bits)
{
  return (vf)(__builtin_convertvector(bits, vu) << 16);
}

/* To nearest even; NaN stays NaN. */
INLINE vh
vf_to_bf16 (vf value)
{
#ifdef __AVX512BF16__
  return (vh)_mm512_cvtneps_pbh ((__m512)value);
#else
  vu bits = (vu)value;
  vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  vi is_nan = value != value;

  rounded = (rounded & (vu)~is_nan) | (((bits >> 16) | 0x40) & (vu)is_nan);
  return __builtin_convertvector(rounded, vh);
#endif
}

/* What value is after a trip through BF16. */
INLINE vf
vf_round_bf16 (vf value)
{
  return vf_from_bf16 (vf_to_bf16 (value));
}

/* Two F32 to one unit of BF16 in each lane. */
INLINE vu
vf_pair_bf16 (vf low, vf high)
{
#ifdef __AVX512BF16__
  vu lanes = (vu)vi_lanes ();

  return (vu)_mm512_permutexvar_epi16 ((__m512i)(lanes | ((lanes + VW) << 16)),
                                       (__m512i)_mm512_cvtne2ps_pbh ((__m512)high, (__m512)low));
#else
  return __builtin_convertvector(vf_to_bf16 (low), vu) |
         (__builtin_convertvector(vf_to_bf16 (high), vu) << 16);
#endif
}

/* F16 to F32, exact: the exponent is re-biased by a multiplication, which also gives subnormal
 * numbers their value. */
INLINE vf
vf_from_f16 (vh bits)
{
  vu wide = __builtin_convertvector(bits, vu);
  vf magnitude = (vf)((wide & 0x7fff) << 13) * vf_set (0x1p112f);
  vi is_special = (vi)(wide & 0x7c00) == 0x7c00; /* infinity, NaN */

  magnitude = (vf)((vu)magnitude | ((vu)is_special & 0x7f800000u));
  return (vf)((vu)magnitude | ((wide & 0x8000) << 16));
}

/* --- Elements of a dtype ------------------------------------------------------------------ */

/* VW elements of an F32, BF16 or F16 array from idx on. */
INLINE vf
vf_get (const void *base, PmodDtype dtype, int64_t idx)
{
  const char *at = (const char *)base + idx * (dtype == PMOD_DTYPE_F32 ? 4 : 2);

  if (dtype == PMOD_DTYPE_F32)
    return vf_load (at);
  if (dtype == PMOD_DTYPE_BF16)
    return vf_from_bf16 (*(const vh_mem *)at);
  return vf_from_f16 (*(const vh_mem *)at);
}

/* Likewise the first n < VW of them; the other lanes are 0. */
INLINE vf
vf_get_n (const void *base, PmodDtype dtype, int64_t idx, int64_t n)
{
  size_t size = dtype == PMOD_DTYPE_F32 ? 4 : 2;
  float lanes[VW] = { 0 };

  memcpy (lanes, (const char *)base + (size_t)idx * size, (size_t)n * size);
  return vf_get (lanes, dtype, 0);
}

INLINE void
vf_put (void *base, PmodDtype dtype, int64_t idx, vf value)
{
  if (dtype == PMOD_DTYPE_F32)
    vf_store ((float *)base + idx, value);
  else
    *(vh_mem *)((uint16_t *)base + idx) = vf_to_bf16 (value);
}

INLINE void
vf_put_n (void *base, PmodDtype dtype, int64_t idx, vf value, int64_t n)
{
  size_t size = dtype == PMOD_DTYPE_F32 ? 4 : 2;
  float lanes[VW];

  vf_put (lanes, dtype, 0, value);
  memcpy ((char *)base + (size_t)idx * size, lanes, (size_t)n * size);
}

/* At most VW of the elements from idx to end. */
INLINE vf
vf_get_until (const void *base, PmodDtype dtype, int64_t idx, int64_t end)
{
  return end - idx >= VW ? vf_get (base, dtype, idx) : vf_get_n (base, dtype, idx, end - idx);
}

INLINE void
vf_put_until (void *base, PmodDtype dtype, int64_t idx, int64_t end, vf value)
{
  if (end - idx >= VW)
    vf_put (base, dtype, idx, value);
  else
    vf_put_n (base, dtype, idx, value, end - idx);
}

/* --- Functions ---------------------------------------------------------------------------- */

/* e^x. x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts so that r is exact to the last bit;
 * Taylor to r^7 leaves 0.35^8 / 8! = 5e-9, so the result is good to about 1e-7. Below -87.3 and
 * above 88.3 it stays at the ends of the normal range; NaN gives NaN. */
INLINE vf
vf_exp (vf x)
{
  vf magic = vf_set (12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  vf clamped = vf_min (vf_set (88.3f), vf_max (vf_set (-87.3f), x));
  vf shifted = clamped * vf_set (1.44269504f) + magic;
  vf n = shifted - magic;
  vf r = clamped - n * vf_set (0.693359375f);
  r = r - n * vf_set (-2.12194440e-4f);
  vf p = vf_set (1.0f / 5040);
  p = p * r + vf_set (1.0f / 720);
  p = p * r + vf_set (1.0f / 120);
  p = p * r + vf_set (1.0f / 24);
  p = p * r + vf_set (1.0f / 6);
  p = p * r + vf_set (0.5f);
  p = p * r + vf_set (1.0f);
  p = p * r + vf_set (1.0f);
  vi exponent = ((vi)shifted - (vi)magic + 127) << 23;
  return p * (vf)exponent;
}

INLINE vf
vf_sigmoid (vf x)
{
  return vf_set (1.0f) / (vf_set (1.0f) + vf_exp (-x));
}

/* Phi (v) = (1 + erf (v / sqrt 2)) / 2 lane by lane: only the projector uses it. */
INLINE vf
vf_gelu (vf v)
{
  float lanes[VW];

  vf_store (lanes, v);
  for (int i = 0; i < VW; i++)
    lanes[i] = 0.5f * lanes[i] * (1.0f + erff (lanes[i] * 0.70710678f));
  return vf_load (lanes);
}

/* --- Register tiles ----------------------------------------------------------------------- */

/* acc + a * b for one unit: an F32, or with pairs two BF16 whose products are both added. */
INLINE vf
unit_fma (vf acc, vf a, vf b, bool pairs)
{
#ifdef __AVX512BF16__
  if (pairs)
    return (vf)_mm512_dpbf16_ps ((__m512)acc, (__m512bh)a, (__m512bh)b);
#endif
  return acc + a * b;
}

/* c[rows][vecs * VW] (+)= a[rows][n] . b[n][vecs * VW], all of 4-byte units; rows and vecs must
 * be constants where this is inlined, so that the accumulators are registers. */
INLINE void
tile_fixed (int rows,
            int vecs,
            bool pairs,
            int64_t n,
            const char *a,
            int64_t a_stride,
            int64_t a_step,
            const float *b,
            int64_t b_stride,
            float *c,
            int64_t c_stride,
            bool add)
{
  vf acc[TILE_ROWS][64 / VW];

#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
    for (int j = 0; j < vecs; j++)
      acc[i][j] = add ? vf_load (c + i * c_stride + j * VW) : vf_set (0);
  for (int64_t k = 0; k < n; k++)
    {
      vf column[64 / VW];

#pragma GCC unroll 16
      for (int j = 0; j < vecs; j++)
        column[j] = vf_load (b + k * b_stride + j * VW);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++)
        {
          vf value = unit_set (a + i * a_stride + k * a_step);

#pragma GCC unroll 16
          for (int j = 0; j < vecs; j++)
            acc[i][j] = unit_fma (acc[i][j], value, column[j], pairs);
        }
    }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
    for (int j = 0; j < vecs; j++)
      vf_store (c + i * c_stride + j * VW, acc[i][j]);
}

/* The same for any number of rows and n_columns, a multiple of vecs * VW, vecs a constant.
 * a_stride, from row to row, and a_step, from unit to unit, in bytes; the others in units. */
INLINE void
tile_product_vecs (int vecs,
                   int64_t rows,
                   int64_t n_columns,
                   bool pairs,
                   int64_t n,
                   const char *a,
                   int64_t a_stride,
                   int64_t a_step,
                   const float *b,
                   int64_t b_stride,
                   float *c,
                   int64_t c_stride,
                   bool add)
{
#define TILE(R)                                                                                    \
  tile_fixed (R, vecs, pairs, n, a + i * a_stride, a_stride, a_step, b + j, b_stride,              \
              c + i * c_stride + j, c_stride, add)
  for (int64_t j = 0; j < n_columns; j += vecs * VW)
    {
      int64_t i = 0;

      for (; i + 6 <= rows; i += 6)
        TILE (6);
      switch (rows - i)
        {
        case 5:
          TILE (5);
          break;
        case 4:
          TILE (4);
          break;
        case 3:
          TILE (3);
          break;
        case 2:
          TILE (2);
          break;
        case 1:
          TILE (1);
          break;
        }
    }
#undef TILE
}

/* The same for n_columns a multiple of TILE_VECS * VW. */
INLINE void
tile_product_steps (int64_t rows,
                    int64_t n_columns,
                    bool pairs,
                    int64_t n,
                    const char *a,
                    int64_t a_stride,
                    int64_t a_step,
                    const float *b,
                    int64_t b_stride,
                    float *c,
                    int64_t c_stride,
                    bool add)
{
  tile_product_vecs (TILE_VECS, rows, n_columns, pairs, n, a, a_stride, a_step, b, b_stride, c,
                     c_stride, add);
}

/* The same for rows of neighbouring units. */
INLINE void
tile_product (int64_t rows,
              int64_t n_columns,
              bool pairs,
              int64_t n,
              const char *a,
              int64_t a_stride,
              const float *b,
              int64_t b_stride,
              float *c,
              int64_t c_stride,
              bool add)
{
  tile_product_steps (rows, n_columns, pairs, n, a, a_stride, 4, b, b_stride, c, c_stride, add);
}
