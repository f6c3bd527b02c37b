/* The training ops of the CUDA backend: what kernels/pmod-ops-train.h says of each, by files
 * train-*.cu. */
#pragma once

#include "cuda-private.h"
#include "pmod-train-private.h"

extern const PmodTrainOps pmod_cuda_train_ops;

/* --- What these files share --------------------------------------------------------------- */

/* Offset of n_bytes more of a workspace that is laid out up front: it is valid for one call. 256
 * is what cudaMalloc() aligns to, and cuBLAS prefers. */
static inline size_t
pmod_cuda_take (size_t *n_taken, size_t n_bytes)
{
  size_t at = *n_taken;

  *n_taken += (n_bytes + 255) / 256 * 256;
  return at;
}

/* from [n_rows,n] of from_dtype times *scale, as it lies or transposed, rounded to dtype to. */
typedef struct
{
  void *rows;    /* [n_rows,n], or NULL; not from itself */
  void *columns; /* [n,n_padded], or NULL: 0 from n_rows on */
  PmodDtype to;
  const void *from;
  PmodDtype from_dtype;
  int64_t n_rows, n, n_padded; /* n_padded >= n_rows */
  const float *scale;          /* on the device; NULL: 1 */
} PmodCudaTurn;

/* train-linear.cu. Bytes: from read once, what is asked for written. */
void pmod_cuda_turn (PmodCudaBackend *self, const PmodCudaTurn *turn);

/* Sums over rows are made in two stages, of so many rows and then of those sums, so that their
 * order depends on the shape alone and columns are shared among enough threads. */
#define PMOD_CUDA_PART_ROWS 32

static inline int64_t
pmod_cuda_n_parts (int64_t n_rows)
{
  return (n_rows + PMOD_CUDA_PART_ROWS - 1) / PMOD_CUDA_PART_ROWS;
}

/* The second stage, in train-linear.cu: to[n] += the rows of parts [n_parts,n], in their order. */
void pmod_cuda_add_parts (
    PmodCudaBackend *self, float *to, const float *parts, int64_t n_parts, int64_t n);

/* scale[0] becomes the power of two that brings the largest |dy| below 2^exponent and to half of
 * that at least, scale[1] its inverse; the rest is for the search, by as many blocks as fill any
 * card. In train-linear.cu. Bytes: dy read once. */
#define PMOD_CUDA_SCALE_FLOATS (2 + 512)
void pmod_cuda_find_scale (PmodCudaBackend *self, float *scale, const PmodTensor *dy, int exponent);

/* --- Ops ---------------------------------------------------------------------------------- */

/* Each of the type of its entry. */
#define DECLARE(name) PMOD_ENTRY (PmodTrainOps, name) pmod_cuda_##name

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
DECLARE (router_loss);
DECLARE (grad_norm);
DECLARE (adamw);
DECLARE (muon);

#undef DECLARE
