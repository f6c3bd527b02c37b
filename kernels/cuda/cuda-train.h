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

/* --- Ops ---------------------------------------------------------------------------------- */

void pmod_cuda_fill (PmodBackend *backend, PmodTensor *x, float value);
void pmod_cuda_blend (PmodBackend *backend, PmodTensor *y, float a, const PmodTensor *x, float b);
void pmod_cuda_divide_rows (PmodBackend *backend, PmodTensor *x, const PmodTensor *by);
PmodMatrix *
pmod_cuda_matrix_new_trainable (PmodBackend *backend, const PmodTensor *master, PmodDtype act);
void pmod_cuda_matrix_update (PmodBackend *backend, PmodMatrix *matrix, const PmodTensor *master);
void pmod_cuda_linear_backward (PmodBackend *backend,
                                PmodTensor *dx,
                                PmodTensor *dw,
                                PmodTensor *db,
                                const PmodTensor *dy,
                                const PmodTensor *x,
                                const PmodMatrix *w);
void pmod_cuda_rmsnorm_backward (PmodBackend *backend,
                                 PmodTensor *dx,
                                 PmodTensor *dw,
                                 const PmodTensor *dy,
                                 const PmodTensor *x,
                                 const PmodTensor *w,
                                 float eps);
void pmod_cuda_layernorm_backward (PmodBackend *backend,
                                   PmodTensor *dx,
                                   PmodTensor *dw,
                                   PmodTensor *db,
                                   const PmodTensor *dy,
                                   const PmodTensor *x,
                                   const PmodTensor *w,
                                   float eps);
void pmod_cuda_swiglu_backward (PmodBackend *backend,
                                PmodTensor *dgate_up,
                                const PmodTensor *dy,
                                const PmodTensor *gate_up);
void pmod_cuda_activation (PmodBackend *backend,
                           PmodTensor *y,
                           const PmodTensor *z,
                           PmodEpilogue function);
void pmod_cuda_activation_backward (PmodBackend *backend,
                                    PmodTensor *dz,
                                    const PmodTensor *dy,
                                    const PmodTensor *z,
                                    PmodEpilogue function);
void pmod_cuda_split_qkv_backward (PmodBackend *backend,
                                   PmodTensor *dqkv,
                                   const PmodTensor *dq,
                                   const PmodTensor *dk,
                                   const PmodTensor *dv,
                                   const PmodTensor *cos_sin,
                                   const PmodTensor *rows,
                                   int64_t pos0,
                                   int64_t kv_offset);
void pmod_cuda_attention_masked (PmodBackend *backend,
                                 PmodTensor *out,
                                 const PmodTensor *q,
                                 const PmodTensor *k,
                                 const PmodTensor *v,
                                 int64_t kv_len,
                                 const PmodAttentionMask *mask,
                                 float scale);
void pmod_cuda_attention_backward (PmodBackend *backend,
                                   PmodTensor *dq,
                                   PmodTensor *dk,
                                   PmodTensor *dv,
                                   const PmodTensor *dout,
                                   const PmodTensor *q,
                                   const PmodTensor *k,
                                   const PmodTensor *v,
                                   int64_t kv_len,
                                   const PmodAttentionMask *mask,
                                   float scale);
void pmod_cuda_embed_patches_backward (PmodBackend *backend,
                                       PmodTensor *dpatches,
                                       PmodTensor *dcls,
                                       PmodTensor *dposition,
                                       const PmodTensor *dx);
void pmod_cuda_gather_rows_backward (PmodBackend *backend,
                                     PmodTensor *dtable,
                                     const PmodTensor *dy,
                                     const PmodTensor *idx);
void pmod_cuda_router_weights_backward (PmodBackend *backend,
                                        PmodTensor *dlogit,
                                        const PmodTensor *dweight,
                                        const PmodTensor *logit,
                                        const PmodWeightNorm *norm);
void pmod_cuda_router_logits_backward (PmodBackend *backend,
                                       PmodTensor *dx,
                                       PmodTensor *dw,
                                       PmodTensor *db,
                                       const PmodTensor *dlogit,
                                       const PmodTensor *x,
                                       const PmodTensor *w,
                                       const PmodTensor *targets);
void pmod_cuda_reweight_scatter_backward (PmodBackend *backend,
                                          PmodTensor *dx,
                                          PmodTensor *dh,
                                          PmodTensor *dm,
                                          PmodTensor *drow_weight,
                                          const PmodTensor *dout,
                                          const PmodTensor *x,
                                          const PmodTensor *m,
                                          const PmodTensor *slot,
                                          const PmodTensor *row_weight);
void pmod_cuda_cross_entropy (PmodBackend *backend,
                              PmodTensor *summary,
                              PmodTensor *row_loss,
                              PmodTensor *argmax,
                              PmodTensor *dlogits,
                              const PmodTensor *logits,
                              const PmodTensor *labels,
                              const PmodTensor *row_scale);
void pmod_cuda_router_loss (PmodBackend *backend,
                            PmodTensor *loss,
                            PmodTensor *dlogit,
                            const PmodTensor *logit,
                            const PmodTensor *labels,
                            float scale);
void pmod_cuda_grad_norm (
    PmodBackend *backend, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm);
void pmod_cuda_adamw (PmodBackend *backend,
                      PmodTensor *weight,
                      PmodTensor *m1,
                      PmodTensor *m2,
                      const PmodTensor *grad,
                      const PmodTensor *factor,
                      const PmodAdamW *options);
void pmod_cuda_muon (PmodBackend *backend,
                     PmodTensor *weight,
                     PmodTensor *velocity,
                     const PmodTensor *grad,
                     const PmodTensor *factor,
                     const PmodMuon *options);
