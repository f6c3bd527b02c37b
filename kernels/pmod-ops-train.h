/* The ops that training adds to pmod-ops.h: gradients, the loss, optimizers.
 *
 * A backend may lack them all (pmod_backend_can_train()); calling one then fails, and the failure
 * sticks. Dimensions and act are those of pmod-ops.h. Gradients are named d and the value that
 * they belong to; they are F32 always, and so are the weights that are trained. Products take
 * their factors rounded to act and sum in F32.
 *
 * "=" is written, "+=" added to: what many uses share (weights, the residual stream, keys of a
 * common prefix) is added to, and its owner clears it with pmod_fill(). A gradient that may be
 * NULL is not computed: that is how a weight is frozen. Sums are taken in an order that does not
 * depend on the number of threads.
 *
 * As in pmod-ops.h what only the data shows fails on the CPU and gives NaN on a device: here also a
 * label that does not exist, in the row's loss and gradient and in the summary's loss; an index
 * past a table, in row 0 of its gradient; and a query that sees no key, in its rows of out and
 * dq. */
#pragma once

#include "pmod-ops.h"

PMOD_BEGIN_DECLS

bool pmod_backend_can_train (const PmodBackend *self);

/* --- Arithmetic --------------------------------------------------------------------------- */

/* x = value;  x F32 of any shape. */
void pmod_fill (PmodBackend *self, PmodTensor *x, float value);

/* y = a*y + b*x;  F32, as many elements. Sums of gradients, averages of weights. */
void pmod_blend (PmodBackend *self, PmodTensor *y, float a, const PmodTensor *x, float b);

/* x[t] /= by[t];  x F32 [T,D], by I32 [T], above 0. Means of rows that were summed. */
void pmod_divide_rows (PmodBackend *self, PmodTensor *x, const PmodTensor *by);

/* --- Linear layers ------------------------------------------------------------------------ */

/* A matrix for pmod_linear() made of the weights master [N,K] F32 in the backend's memory, and
 * the same transposed, which pmod_linear_backward() multiplies with: twice the memory. Freed with
 * pmod_matrix_free(). */
PmodMatrix *pmod_matrix_new_trainable (PmodBackend *self, const PmodTensor *master, PmodDtype act);

/* Takes the weights of master again, after an optimizer changed them. Bytes: N*K*4 read twice. */
void pmod_matrix_update (PmodBackend *self, PmodMatrix *matrix, const PmodTensor *master);

/* Of y = x . W^T + bias:
 *   dx[T,K]  = dy[T,N] . W         may be NULL
 *   dw[N,K] += dy^T . x            may be NULL
 *   db[N]   += sum of dy's rows    may be NULL
 * w trainable; x act, needed for dw alone; dy F32, rounded to act in the products and not in db.
 * FLOPs 4TNK. */
void pmod_linear_backward (PmodBackend *self,
                           PmodTensor *dx,
                           PmodTensor *dw,
                           PmodTensor *db,
                           const PmodTensor *dy,
                           const PmodTensor *x,
                           const PmodMatrix *w);

/* --- Norms and activations ---------------------------------------------------------------- */

/* Of y = x r * w with r = 1 / sqrt (mean (x^2) + eps):
 *   dx[T,D] += r (w dy - x r mean (w dy x r))
 *   dw[D]   += sum over t of dy x r                 may be NULL */
void pmod_rmsnorm_backward (PmodBackend *self,
                            PmodTensor *dx,
                            PmodTensor *dw,
                            const PmodTensor *dy,
                            const PmodTensor *x,
                            const PmodTensor *w,
                            float eps);

/* Of y = n w + b with n = (x - mean) r:
 *   dx[T,D] += r (w dy - mean (w dy) - n mean (w dy n))
 *   dw[D]   += sum over t of dy n,  db[D] += sum over t of dy;   both NULL or neither */
void pmod_layernorm_backward (PmodBackend *self,
                              PmodTensor *dx,
                              PmodTensor *dw,
                              PmodTensor *db,
                              const PmodTensor *dy,
                              const PmodTensor *x,
                              const PmodTensor *w,
                              float eps);

/* dgate_up[T,2F] = dy[T,F] through y = silu (g) u;  gate_up act, the others F32. */
void pmod_swiglu_backward (PmodBackend *self,
                           PmodTensor *dgate_up,
                           const PmodTensor *dy,
                           const PmodTensor *gate_up);

/* y = f (z), f PMOD_EPILOGUE_QUICK_GELU or _GELU; z F32 or act, y act, as many elements. The
 * epilogue of pmod_linear() does not leave z, which the gradient needs. */
void pmod_activation (PmodBackend *self, PmodTensor *y, const PmodTensor *z, PmodEpilogue function);

/* dz = dy f'(z);  dz may be dy. dz, dy F32; z F32 or act. */
void pmod_activation_backward (PmodBackend *self,
                               PmodTensor *dz,
                               const PmodTensor *dy,
                               const PmodTensor *z,
                               PmodEpilogue function);

/* --- Attention ---------------------------------------------------------------------------- */

/* dqkv[T,(H+2G)*dh] = the heads put side by side again, queries and keys rotated back by the
 * angles of pmod_split_qkv(), whose arguments these are. dq [T,H,dh], dk and dv [G,C,dh], of which
 * rows kv_offset .. kv_offset+T-1 are read; all F32. */
void pmod_split_qkv_backward (PmodBackend *self,
                              PmodTensor *dqkv,
                              const PmodTensor *dq,
                              const PmodTensor *dk,
                              const PmodTensor *dv,
                              const PmodTensor *cos_sin,
                              const PmodTensor *rows,
                              int64_t pos0,
                              int64_t kv_offset);

/* Which keys a query sees. Query t stands at row e = kv_len - T + t of the keys. Causal: it sees
 * rows up to e; else all kv_len. With first I32 [T] it sees of those only the rows before prefix
 * and from first[t] on, so that several questions about one picture lie behind each other in one
 * sequence and none sees another: prefix is what they share, first[t] where t's own begins.
 * Each query must see at least one key. */
typedef struct
{
  bool causal;
  int64_t prefix;
  const PmodTensor *first; /* I32 [T], or NULL: no such limit */
} PmodAttentionMask;

/* pmod_attention() under any mask; shapes as there. */
void pmod_attention_masked (PmodBackend *self,
                            PmodTensor *out,
                            const PmodTensor *q,
                            const PmodTensor *k,
                            const PmodTensor *v,
                            int64_t kv_len,
                            const PmodAttentionMask *mask,
                            float scale);

/* With p = softmax (q.k^T * scale), g = dout.v^T and s = p (g - sum over the keys of p g) * scale:
 *   dq[T,H,dh] = s . k,   dk[G,C,dh] += s^T . q,   dv[G,C,dh] += p^T . dout
 * dout F32 [T,H*dh]; q, k, v as the forward pass had them. p is computed again, for some rows of
 * one head at a time; all in F32. FLOPs 10*T*kv_len*H*dh, half of it where causal. Heads of k are
 * shared among threads. */
void pmod_attention_backward (PmodBackend *self,
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

/* --- Rows --------------------------------------------------------------------------------- */

/* Of pmod_embed_patches(): dpatches[n*P,D] = dx of the patches; dcls[D] and dposition[P+1,D] +=
 * sums over the n tiles, both NULL or neither. dpatches may be NULL. All F32. */
void pmod_embed_patches_backward (PmodBackend *self,
                                  PmodTensor *dpatches,
                                  PmodTensor *dcls,
                                  PmodTensor *dposition,
                                  const PmodTensor *dx);

/* dtable[idx[t]] += dy[t] for idx[t] >= 0, in the order of t;  dtable F32 [N,D], dy F32 [T,D]. */
void pmod_gather_rows_backward (PmodBackend *self,
                                PmodTensor *dtable,
                                const PmodTensor *dy,
                                const PmodTensor *idx);

/* --- Routing ------------------------------------------------------------------------------ */

/* dlogit[V] = dweight[V] through pmod_router_weights(). */
void pmod_router_weights_backward (PmodBackend *self,
                                   PmodTensor *dlogit,
                                   const PmodTensor *dweight,
                                   const PmodTensor *logit,
                                   const PmodWeightNorm *norm);

/* Of logit[v] = x[targets[v]] . w + b:  dx[targets[v]] += dlogit[v] w,  dw[D] += sum of
 * dlogit[v] x[targets[v]],  db[1] += sum of dlogit. Any of dx, dw, db may be NULL. Targets
 * ascend. */
void pmod_router_logits_backward (PmodBackend *self,
                                  PmodTensor *dx,
                                  PmodTensor *dw,
                                  PmodTensor *db,
                                  const PmodTensor *dlogit,
                                  const PmodTensor *x,
                                  const PmodTensor *w,
                                  const PmodTensor *targets);

/* Of pmod_reweight_scatter(), x being its value before:
 *   slot[t] >= 0, j = slot[t]:  dh[j] = dout[t], dm[j] = row_weight[t] dout[t], dx[t] = 0,
 *                               drow_weight[t] = dout[t] . m[j]
 *   else:                       dx[t] = row_weight[t] dout[t], drow_weight[t] = dout[t] . x[t]
 * dx may be dout. Every row of dh and dm must be some token's. The gradient of a router's weights
 * is drow_weight at its targets; the others' weight is the constant 1. */
void pmod_reweight_scatter_backward (PmodBackend *self,
                                     PmodTensor *dx,
                                     PmodTensor *dh,
                                     PmodTensor *dm,
                                     PmodTensor *drow_weight,
                                     const PmodTensor *dout,
                                     const PmodTensor *x,
                                     const PmodTensor *m,
                                     const PmodTensor *slot,
                                     const PmodTensor *row_weight);

/* --- Loss --------------------------------------------------------------------------------- */

#define PMOD_LABEL_IGNORED (-100)

/* Cross-entropy of rows of logits [R,N] F32 against labels I32 [R], PMOD_LABEL_IGNORED or
 * 0 .. N-1. s[r] is row_scale[r] (F32 [R]), or 1 / (number of counted rows) where that is NULL.
 *   row_loss[R]    = log (sum exp logits[r]) - logits[r, label];  0 where ignored
 *   argmax[R]      = I32, the largest logit's index, the lowest of equals
 *   dlogits[R,N]   = s[r] (softmax - one-hot), 0 where ignored;  may be NULL or logits itself
 *   summary[3] F32 = sum of s[r] row_loss[r]; counted rows; counted rows whose argmax is right
 * Without a counted row all of it is 0. */
void pmod_cross_entropy (PmodBackend *self,
                         PmodTensor *summary,
                         PmodTensor *row_loss,
                         PmodTensor *argmax,
                         PmodTensor *dlogits,
                         const PmodTensor *logits,
                         const PmodTensor *labels,
                         const PmodTensor *row_scale);

/* Cross-entropy of sigmoid (logit), F32 [V], against labels I32 [V], 0, 1 or PMOD_LABEL_IGNORED.
 *   loss[1] F32 = sum over the counted of log (1 + exp (logit[v])) - labels[v] logit[v], summed in
 *                 F64
 *   dlogit[V]  += scale (sigmoid (logit[v]) - labels[v]) of the counted;  may be NULL */
void pmod_router_loss (PmodBackend *self,
                       PmodTensor *loss,
                       PmodTensor *dlogit,
                       const PmodTensor *logit,
                       const PmodTensor *labels,
                       float scale);

/* --- Optimizers --------------------------------------------------------------------------- */

/* norm[2] F32: the Euclidean norm of all n gradients together, summed in F64, and the factor
 * min (1, max_norm / norm) that clips it, 0 where the norm is not finite. */
void pmod_grad_norm (
    PmodBackend *self, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm);

typedef struct
{
  float rate;
  float beta1, beta2, eps;
  float weight_decay;
  int64_t step; /* from 1 on */
} PmodAdamW;

/* One step for as many elements as weight has, all F32. g is grad * factor[1] (NULL: 1; a
 * factor of 0 skips the step).
 *   m1 = beta1 m1 + (1-beta1) g,   m2 = beta2 m2 + (1-beta2) g^2
 *   weight -= rate (m1 / (1-beta1^step) / (sqrt (m2 / (1-beta2^step)) + eps)
 *                   + weight_decay weight)
 * Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2. */
void pmod_adamw (PmodBackend *self,
                 PmodTensor *weight,
                 PmodTensor *m1,
                 PmodTensor *m2,
                 const PmodTensor *grad,
                 const PmodTensor *factor,
                 const PmodAdamW *options);

typedef struct
{
  float rate;
  float momentum;
  float weight_decay;
  PmodDtype act; /* of the products */
} PmodMuon;

/* One step of weight [N,K]; velocity and grad of the same shape; g is grad * factor[1], as for
 * pmod_adamw().
 *   velocity = momentum velocity + (1-momentum) g
 *   u = (1-momentum) g + momentum velocity                       (Nesterov)
 *   X = u / (|u| + 1e-7);  5 times X = a X + (b A + c A^2) X with A = X X^T,
 *     (a,b,c) = (3.4445, -4.7750, 2.0315);  X transposed where N > K
 *   weight -= rate (weight_decay weight + sqrt (max (1, N/K)) X)
 * A fused matrix (q, k and v) takes one step for each part, by pmod_tensor_rows().
 * Source: K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks".
 * FLOPs 10 (2 m^2 n + m^3) with m and n the smaller and the larger of N and K. */
void pmod_muon (PmodBackend *self,
                PmodTensor *weight,
                PmodTensor *velocity,
                const PmodTensor *grad,
                const PmodTensor *factor,
                const PmodMuon *options);

PMOD_END_DECLS
