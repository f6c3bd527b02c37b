/* What a backend implements of pmod-ops-train.h. Only kernels/ includes this file.
 *
 * As in pmod-backend-private.h every entry has the meaning of the function of the same name;
 * arguments arrive checked. */
#pragma once

#include "pmod-backend-private.h"
#include "pmod-ops-train.h"

PMOD_BEGIN_DECLS

struct _PmodTrainOps
{
  void (*fill) (PmodBackend *self, PmodTensor *x, float value);
  void (*blend) (PmodBackend *self, PmodTensor *y, float a, const PmodTensor *x, float b);
  void (*divide_rows) (PmodBackend *self, PmodTensor *x, const PmodTensor *by);
  PmodMatrix *(*matrix_new_trainable) (PmodBackend *self, const PmodTensor *master, PmodDtype act);
  void (*matrix_update) (PmodBackend *self, PmodMatrix *matrix, const PmodTensor *master);
  void (*linear_backward) (PmodBackend *self,
                           PmodTensor *dx,
                           PmodTensor *dw,
                           PmodTensor *db,
                           const PmodTensor *dy,
                           const PmodTensor *x,
                           const PmodMatrix *w);
  void (*rmsnorm_backward) (PmodBackend *self,
                            PmodTensor *dx,
                            PmodTensor *dw,
                            const PmodTensor *dy,
                            const PmodTensor *x,
                            const PmodTensor *w,
                            float eps);
  void (*layernorm_backward) (PmodBackend *self,
                              PmodTensor *dx,
                              PmodTensor *dw,
                              PmodTensor *db,
                              const PmodTensor *dy,
                              const PmodTensor *x,
                              const PmodTensor *w,
                              float eps);
  void (*swiglu_backward) (PmodBackend *self,
                           PmodTensor *dgate_up,
                           const PmodTensor *dy,
                           const PmodTensor *gate_up);
  void (*activation) (PmodBackend *self, PmodTensor *y, const PmodTensor *z, PmodEpilogue function);
  void (*activation_backward) (PmodBackend *self,
                               PmodTensor *dz,
                               const PmodTensor *dy,
                               const PmodTensor *z,
                               PmodEpilogue function);
  void (*split_qkv_backward) (PmodBackend *self,
                              PmodTensor *dqkv,
                              const PmodTensor *dq,
                              const PmodTensor *dk,
                              const PmodTensor *dv,
                              const PmodTensor *cos_sin,
                              const PmodTensor *rows,
                              int64_t pos0,
                              int64_t kv_offset);
  void (*attention_masked) (PmodBackend *self,
                            PmodTensor *out,
                            const PmodTensor *q,
                            const PmodTensor *k,
                            const PmodTensor *v,
                            int64_t kv_len,
                            const PmodAttentionMask *mask,
                            float scale);
  void (*attention_backward) (PmodBackend *self,
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
  void (*embed_patches_backward) (PmodBackend *self,
                                  PmodTensor *dpatches,
                                  PmodTensor *dcls,
                                  PmodTensor *dposition,
                                  const PmodTensor *dx);
  void (*gather_rows_backward) (PmodBackend *self,
                                PmodTensor *dtable,
                                const PmodTensor *dy,
                                const PmodTensor *idx);
  void (*router_weights_backward) (PmodBackend *self,
                                   PmodTensor *dlogit,
                                   const PmodTensor *dweight,
                                   const PmodTensor *logit,
                                   const PmodWeightNorm *norm);
  void (*router_logits_backward) (PmodBackend *self,
                                  PmodTensor *dx,
                                  PmodTensor *dw,
                                  PmodTensor *db,
                                  const PmodTensor *dlogit,
                                  const PmodTensor *x,
                                  const PmodTensor *w,
                                  const PmodTensor *targets);
  void (*reweight_scatter_backward) (PmodBackend *self,
                                     PmodTensor *dx,
                                     PmodTensor *dh,
                                     PmodTensor *dm,
                                     PmodTensor *drow_weight,
                                     const PmodTensor *dout,
                                     const PmodTensor *x,
                                     const PmodTensor *m,
                                     const PmodTensor *slot,
                                     const PmodTensor *row_weight);
  void (*cross_entropy) (PmodBackend *self,
                         PmodTensor *summary,
                         PmodTensor *row_loss,
                         PmodTensor *argmax,
                         PmodTensor *dlogits,
                         const PmodTensor *logits,
                         const PmodTensor *labels,
                         const PmodTensor *row_scale);
  void (*router_loss) (PmodBackend *self,
                       PmodTensor *loss,
                       PmodTensor *dlogit,
                       const PmodTensor *logit,
                       const PmodTensor *labels,
                       float scale);
  void (*grad_norm) (
      PmodBackend *self, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm);
  void (*adamw) (PmodBackend *self,
                 PmodTensor *weight,
                 PmodTensor *m1,
                 PmodTensor *m2,
                 const PmodTensor *grad,
                 const PmodTensor *factor,
                 const PmodAdamW *options);
  void (*muon) (PmodBackend *self,
                PmodTensor *weight,
                PmodTensor *velocity,
                const PmodTensor *grad,
                const PmodTensor *factor,
                const PmodMuon *options);
};

PMOD_END_DECLS
