/* What the files of the training ops share: F32 spans, packing by columns, sums over rows. */
#pragma once

#include "../pmod-train-private.h"
#include "simd.h"

/* The ops, each of the type of its entry. */
#define DECLARE(name) PMOD_ENTRY (PmodTrainOps, name) LEVEL (pmod_cpu_##name)

DECLARE (fill);
DECLARE (blend);
DECLARE (divide_rows);
DECLARE (matrix_new_trainable);
DECLARE (matrix_update);
DECLARE (linear_backward);
DECLARE (rmsnorm_backward);
DECLARE (layernorm_backward);
DECLARE (swiglu_backward);
DECLARE (activation);
DECLARE (activation_backward);
DECLARE (split_qkv_backward);
DECLARE (attention_masked);
DECLARE (attention_backward);
DECLARE (embed_patches_backward);
DECLARE (gather_rows_backward);
DECLARE (router_weights_backward);
DECLARE (router_logits_backward);
DECLARE (reweight_scatter_backward);
DECLARE (cross_entropy);
DECLARE (grad_norm);
DECLARE (adamw);
DECLARE (muon);

/* Of all levels the same: cpu/router-loss.c. */
__typeof__ (*((PmodTrainOps *)0)->router_loss) pmod_cpu_router_loss;

/* What a unit of packed memory holds; see PmodCpuMatrix. */
typedef enum
{
  UNITS_F32,
  UNITS_ROUNDED, /* F32, rounded to BF16: for levels that do not multiply pairs */
  UNITS_PAIRS,   /* two BF16 of neighbouring rows */
} Units;

/* One panel of 64 columns of from, with the rows as inputs: units of one or two rows, padded with
 * zeros to n_padded units. */
void LEVEL (pmod_cpu_pack_columns) (
    uint32_t *to, int64_t n_padded, int64_t panel, Units units, const PmodTensor *from);

/* The same for all panels of a matrix. */
void LEVEL (pmod_cpu_pack_transposed) (PmodCpuBackend *self,
                                       const PmodCpuMatrix *w,
                                       const PmodTensor *from);

INLINE vf
get (const void *from, int64_t i, int64_t end)
{
  return vf_get_until (from, PMOD_DTYPE_F32, i, end);
}

INLINE void
put (void *to, int64_t i, int64_t end, vf value)
{
  vf_put_until (to, PMOD_DTYPE_F32, i, end, value);
}

INLINE void
add (float *to, int64_t i, int64_t end, vf value)
{
  put (to, i, end, get (to, i, end) + value);
}

/* Bytes rounded up to whole cache lines. */
INLINE size_t
lines (int64_t n_bytes)
{
  return (size_t)round_up (n_bytes, 64);
}

/* Columns that one thread sums over all rows: two cache lines and more. Rows are summed in blocks
 * first, so that the rounding error grows with the number of blocks, not of rows. */
#define SPAN 64
#define ROW_BLOCK 64
