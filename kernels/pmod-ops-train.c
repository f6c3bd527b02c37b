/* The public ops of training: each checks shapes and dtypes, then calls the backend's entry of its
 * name. A backend without a table of them refuses here. */
#include "pmod-check.h"
#include "pmod-train-private.h"

#define F32 PMOD_DTYPE_F32
#define I32 PMOD_DTYPE_I32

bool
pmod_backend_can_train (const PmodBackend *self)
{
  return self->ops->train != NULL;
}

/* Whether op may go on. */
static bool
begin (PmodBackend *self, const char *op)
{
  if (!self->failed && !self->ops->train)
    pmod_backend_fail (self, "%s: the %s backend cannot train", op, self->ops->name);
  return !self->failed;
}

/* tensor has dtype and the shape of like. */
static bool
check_like (PmodBackend *self,
            const char *op,
            const char *name,
            const PmodTensor *tensor,
            PmodDtype dtype,
            const PmodTensor *like)
{
  Expected expected = { .dtype = (int)dtype, .n_dims = like->n_dims };

  for (int i = 0; i < like->n_dims; i++)
    expected.shape[i] = like->shape[i];
  return pmod_check (self, op, name, tensor, expected);
}

/* An F32 tensor of any shape. */
static bool
check_f32 (PmodBackend *self, const char *op, const char *name, const PmodTensor *tensor)
{
  bool ok = tensor && tensor->n_dims >= 0 && tensor->n_dims <= PMOD_TENSOR_MAX_DIMS &&
            tensor->dtype == F32 && (tensor->data || pmod_tensor_n_elements (tensor) == 0);
  char got[96];

  if (!ok)
    pmod_backend_fail (self, "%s: %s: expected F32, got %s", op, name,
                       tensor ? pmod_tensor_describe (tensor, got, sizeof got) : "nothing");
  return ok;
}

/* --- Arithmetic --------------------------------------------------------------------------- */

void
pmod_fill (PmodBackend *self, PmodTensor *x, float value)
{
  if (begin (self, "fill") && check_f32 (self, "fill", "x", x))
    self->ops->train->fill (self, x, value);
}

void
pmod_blend (PmodBackend *self, PmodTensor *y, float a, const PmodTensor *x, float b)
{
  const char *op = "blend";

  if (begin (self, op) && check_f32 (self, op, "y", y) && check_f32 (self, op, "x", x) &&
      pmod_check_that (self, op, pmod_tensor_n_elements (x) == pmod_tensor_n_elements (y),
                       "as many elements in x as in y"))
    self->ops->train->blend (self, y, a, x, b);
}

void
pmod_divide_rows (PmodBackend *self, PmodTensor *x, const PmodTensor *by)
{
  const char *op = "divide_rows";

  if (begin (self, op) && pmod_check (self, op, "x", x, EXPECT (F32, ANY, ANY)) &&
      pmod_check (self, op, "by", by, EXPECT (I32, x->shape[0])))
    self->ops->train->divide_rows (self, x, by);
}

/* --- Linear layers ------------------------------------------------------------------------ */

PmodMatrix *
pmod_matrix_new_trainable (PmodBackend *self, const PmodTensor *master, PmodDtype act)
{
  const char *op = "matrix_new_trainable";

  if (!begin (self, op) || !pmod_check (self, op, "master", master, EXPECT (F32, ANY, ANY)) ||
      !pmod_check_act (self, op, "an act dtype", act) ||
      !pmod_check_that (self, op, master->shape[0] > 0 && master->shape[1] > 0,
                        "at least one row and one column"))
    return NULL;
  return self->ops->train->matrix_new_trainable (self, master, act);
}

static bool
check_trainable (PmodBackend *self, const char *op, const PmodMatrix *matrix)
{
  return pmod_check_that (self, op, matrix && matrix->trainable, "a trainable matrix");
}

void
pmod_matrix_update (PmodBackend *self, PmodMatrix *matrix, const PmodTensor *master)
{
  const char *op = "matrix_update";

  if (begin (self, op) && check_trainable (self, op, matrix) &&
      pmod_check (self, op, "master", master, EXPECT (F32, matrix->n_out, matrix->n_in)))
    self->ops->train->matrix_update (self, matrix, master);
}

void
pmod_linear_backward (PmodBackend *self,
                      PmodTensor *dx,
                      PmodTensor *dw,
                      PmodTensor *db,
                      const PmodTensor *dy,
                      const PmodTensor *x,
                      const PmodMatrix *w)
{
  const char *op = "linear_backward";

  if (!begin (self, op) || !check_trainable (self, op, w) ||
      !pmod_check (self, op, "dy", dy, EXPECT (F32, ANY, w->n_out)) ||
      !pmod_check_optional (self, op, "dx", dx, EXPECT (F32, dy->shape[0], w->n_in)) ||
      !pmod_check_optional (self, op, "dw", dw, EXPECT (F32, w->n_out, w->n_in)) ||
      !pmod_check_optional (self, op, "db", db, EXPECT (F32, w->n_out)) ||
      (dw && !pmod_check (self, op, "x", x, EXPECT (w->act, dy->shape[0], w->n_in))))
    return;
  if (dy->shape[0] > 0)
    self->ops->train->linear_backward (self, dx, dw, db, dy, x, w);
}

/* --- Norms and activations ---------------------------------------------------------------- */

static bool
check_norm (PmodBackend *self,
            const char *op,
            const PmodTensor *dx,
            const PmodTensor *dw,
            const PmodTensor *dy,
            const PmodTensor *x,
            const PmodTensor *w)
{
  return begin (self, op) && pmod_check (self, op, "x", x, EXPECT (F32, ANY, ANY)) &&
         pmod_check (self, op, "w", w, EXPECT (F32, x->shape[1])) &&
         check_like (self, op, "dy", dy, F32, x) && check_like (self, op, "dx", dx, F32, x) &&
         pmod_check_that (self, op, dx->data != dy->data, "dx apart from dy") &&
         pmod_check_optional (self, op, "dw", dw, EXPECT (F32, x->shape[1]));
}

void
pmod_rmsnorm_backward (PmodBackend *self,
                       PmodTensor *dx,
                       PmodTensor *dw,
                       const PmodTensor *dy,
                       const PmodTensor *x,
                       const PmodTensor *w,
                       float eps)
{
  if (check_norm (self, "rmsnorm_backward", dx, dw, dy, x, w) && x->shape[0] > 0)
    self->ops->train->rmsnorm_backward (self, dx, dw, dy, x, w, eps);
}

void
pmod_layernorm_backward (PmodBackend *self,
                         PmodTensor *dx,
                         PmodTensor *dw,
                         PmodTensor *db,
                         const PmodTensor *dy,
                         const PmodTensor *x,
                         const PmodTensor *w,
                         float eps)
{
  const char *op = "layernorm_backward";

  if (check_norm (self, op, dx, dw, dy, x, w) &&
      pmod_check_optional (self, op, "db", db, EXPECT (F32, x->shape[1])) &&
      pmod_check_that (self, op, !dw == !db, "both dw and db, or neither") && x->shape[0] > 0)
    self->ops->train->layernorm_backward (self, dx, dw, db, dy, x, w, eps);
}

void
pmod_swiglu_backward (PmodBackend *self,
                      PmodTensor *dgate_up,
                      const PmodTensor *dy,
                      const PmodTensor *gate_up)
{
  const char *op = "swiglu_backward";

  if (begin (self, op) && pmod_check (self, op, "dy", dy, EXPECT (F32, ANY, ANY)) &&
      pmod_check (self, op, "gate_up", gate_up, EXPECT (ANY, dy->shape[0], 2 * dy->shape[1])) &&
      pmod_check_act (self, op, "gate_up", gate_up->dtype) &&
      check_like (self, op, "dgate_up", dgate_up, F32, gate_up))
    self->ops->train->swiglu_backward (self, dgate_up, dy, gate_up);
}

static bool
check_activation (PmodBackend *self, const char *op, const PmodTensor *z, PmodEpilogue function)
{
  return begin (self, op) && pmod_check (self, op, "z", z, EXPECT (ANY, ANY, ANY)) &&
         pmod_check_act (self, op, "z", z->dtype) &&
         pmod_check_that (self, op,
                          function == PMOD_EPILOGUE_QUICK_GELU || function == PMOD_EPILOGUE_GELU,
                          "a function of one input");
}

void
pmod_activation (PmodBackend *self, PmodTensor *y, const PmodTensor *z, PmodEpilogue function)
{
  const char *op = "activation";

  if (check_activation (self, op, z, function) &&
      pmod_check (self, op, "y", y, EXPECT (ANY, z->shape[0], z->shape[1])) &&
      pmod_check_act (self, op, "y", y->dtype) &&
      pmod_check_that (self, op, y->data != z->data || y->dtype == z->dtype,
                       "y of z's dtype where it is z itself") &&
      pmod_check_that (self, op,
                       y->dtype == z->dtype || y->dtype == PMOD_DTYPE_F32 ||
                           z->dtype == PMOD_DTYPE_F32,
                       "y and z of one dtype, or one of them F32"))
    self->ops->train->activation (self, y, z, function);
}

void
pmod_activation_backward (PmodBackend *self,
                          PmodTensor *dz,
                          const PmodTensor *dy,
                          const PmodTensor *z,
                          PmodEpilogue function)
{
  const char *op = "activation_backward";

  if (check_activation (self, op, z, function) && check_like (self, op, "dy", dy, F32, z) &&
      check_like (self, op, "dz", dz, F32, z))
    self->ops->train->activation_backward (self, dz, dy, z, function);
}

/* --- Attention ---------------------------------------------------------------------------- */

void
pmod_split_qkv_backward (PmodBackend *self,
                         PmodTensor *dqkv,
                         const PmodTensor *dq,
                         const PmodTensor *dk,
                         const PmodTensor *dv,
                         const PmodTensor *cos_sin,
                         const PmodTensor *rows,
                         int64_t pos0,
                         int64_t kv_offset)
{
  const char *op = "split_qkv_backward";
  int64_t n_tokens, width;

  if (!begin (self, op) || !pmod_check (self, op, "dq", dq, EXPECT (F32, ANY, ANY, ANY)) ||
      !pmod_check (self, op, "dk", dk, EXPECT (F32, ANY, ANY, dq->shape[2])) ||
      !check_like (self, op, "dv", dv, F32, dk))
    return;
  n_tokens = dq->shape[0], width = dq->shape[2];
  if (pmod_check (self, op, "dqkv", dqkv,
                  EXPECT (F32, n_tokens, (dq->shape[1] + 2 * dk->shape[0]) * width)) &&
      pmod_check_optional (self, op, "cos_sin", cos_sin, EXPECT (F32, ANY, width)) &&
      pmod_check_optional (self, op, "rows", rows, EXPECT (I32, n_tokens)) &&
      pmod_check_that (self, op, !cos_sin || width % 2 == 0, "heads of even width to rotate") &&
      pmod_check_that (self, op, kv_offset >= 0 && kv_offset <= dk->shape[1] - n_tokens,
                       "all tokens in dk and dv") &&
      pmod_check_that (self, op,
                       pos0 >= 0 && (!cos_sin || rows || pos0 <= cos_sin->shape[0] - n_tokens),
                       "an angle for each position"))
    self->ops->train->split_qkv_backward (self, dqkv, dq, dk, dv, cos_sin, rows, pos0, kv_offset);
}

static bool
check_attention (PmodBackend *self,
                 const char *op,
                 const PmodTensor *q,
                 const PmodTensor *k,
                 const PmodTensor *v,
                 int64_t kv_len,
                 const PmodAttentionMask *mask)
{
  return begin (self, op) && pmod_check_that (self, op, mask, "a mask") &&
         pmod_check (self, op, "q", q, EXPECT (ANY, ANY, ANY, ANY)) &&
         pmod_check_act (self, op, "q", q->dtype) &&
         pmod_check (self, op, "k", k, EXPECT (q->dtype, ANY, ANY, q->shape[2])) &&
         check_like (self, op, "v", v, q->dtype, k) &&
         pmod_check_that (self, op, k->shape[0] > 0 && q->shape[1] % k->shape[0] == 0,
                          "the same number of query heads for each key head") &&
         pmod_check_that (self, op, kv_len > 0 && kv_len <= k->shape[1],
                          "0 < kv_len <= capacity") &&
         pmod_check_that (self, op, !mask->causal || kv_len >= q->shape[0],
                          "a causal query's own key among the keys") &&
         pmod_check_optional (self, op, "first", mask->first, EXPECT (I32, q->shape[0])) &&
         pmod_check_that (self, op, mask->prefix >= 0, "a prefix of at least 0");
}

void
pmod_attention_masked (PmodBackend *self,
                       PmodTensor *out,
                       const PmodTensor *q,
                       const PmodTensor *k,
                       const PmodTensor *v,
                       int64_t kv_len,
                       const PmodAttentionMask *mask,
                       float scale)
{
  const char *op = "attention_masked";

  if (check_attention (self, op, q, k, v, kv_len, mask) &&
      pmod_check (self, op, "out", out, EXPECT (q->dtype, q->shape[0], q->shape[1] * q->shape[2])))
    self->ops->train->attention_masked (self, out, q, k, v, kv_len, mask, scale);
}

void
pmod_attention_backward (PmodBackend *self,
                         PmodTensor *dq,
                         PmodTensor *dk,
                         PmodTensor *dv,
                         const PmodTensor *dout,
                         const PmodTensor *q,
                         const PmodTensor *k,
                         const PmodTensor *v,
                         int64_t kv_len,
                         const PmodAttentionMask *mask,
                         float scale)
{
  const char *op = "attention_backward";

  if (check_attention (self, op, q, k, v, kv_len, mask) &&
      pmod_check (self, op, "dout", dout, EXPECT (F32, q->shape[0], q->shape[1] * q->shape[2])) &&
      check_like (self, op, "dq", dq, F32, q) && check_like (self, op, "dk", dk, F32, k) &&
      check_like (self, op, "dv", dv, F32, k))
    self->ops->train->attention_backward (self, dq, dk, dv, dout, q, k, v, kv_len, mask, scale);
}

/* --- Rows --------------------------------------------------------------------------------- */

void
pmod_embed_patches_backward (PmodBackend *self,
                             PmodTensor *dpatches,
                             PmodTensor *dcls,
                             PmodTensor *dposition,
                             const PmodTensor *dx)
{
  const char *op = "embed_patches_backward";
  int64_t n_rows, n;

  if (!begin (self, op) || !pmod_check (self, op, "dx", dx, EXPECT (F32, ANY, ANY)) ||
      !pmod_check_that (self, op, !dcls == !dposition, "both dcls and dposition, or neither") ||
      !pmod_check_optional (self, op, "dcls", dcls, EXPECT (F32, dx->shape[1])) ||
      !pmod_check_optional (self, op, "dposition", dposition, EXPECT (F32, ANY, dx->shape[1])) ||
      !pmod_check_optional (self, op, "dpatches", dpatches, EXPECT (F32, ANY, dx->shape[1])))
    return;
  n_rows = dx->shape[0], n = dposition ? dposition->shape[0] : 0;
  if (dpatches && !dposition)
    n = n_rows > dpatches->shape[0] ? n_rows / (n_rows - dpatches->shape[0]) : 0;
  if ((!dpatches && !dposition) ||
      !pmod_check_that (self, op, n > 1 && n_rows % n == 0, "whole tiles in dx") ||
      (dpatches && !pmod_check_that (self, op, dpatches->shape[0] == n_rows / n * (n - 1),
                                     "all patches of dx")))
    return;
  self->ops->train->embed_patches_backward (self, dpatches, dcls, dposition, dx);
}

void
pmod_gather_rows_backward (PmodBackend *self,
                           PmodTensor *dtable,
                           const PmodTensor *dy,
                           const PmodTensor *idx)
{
  const char *op = "gather_rows_backward";

  if (begin (self, op) && pmod_check (self, op, "dy", dy, EXPECT (F32, ANY, ANY)) &&
      pmod_check (self, op, "dtable", dtable, EXPECT (F32, ANY, dy->shape[1])) &&
      pmod_check (self, op, "idx", idx, EXPECT (I32, dy->shape[0])))
    self->ops->train->gather_rows_backward (self, dtable, dy, idx);
}

/* --- Routing ------------------------------------------------------------------------------ */

void
pmod_router_weights_backward (PmodBackend *self,
                              PmodTensor *dlogit,
                              const PmodTensor *dweight,
                              const PmodTensor *logit,
                              const PmodWeightNorm *norm)
{
  const char *op = "router_weights_backward";

  if (begin (self, op) && pmod_check (self, op, "logit", logit, EXPECT (F32, ANY)) &&
      check_like (self, op, "dweight", dweight, F32, logit) &&
      check_like (self, op, "dlogit", dlogit, F32, logit) &&
      pmod_check_that (self, op, norm, "a norm"))
    self->ops->train->router_weights_backward (self, dlogit, dweight, logit, norm);
}

void
pmod_router_logits_backward (PmodBackend *self,
                             PmodTensor *dx,
                             PmodTensor *dw,
                             PmodTensor *db,
                             const PmodTensor *dlogit,
                             const PmodTensor *x,
                             const PmodTensor *w,
                             const PmodTensor *targets)
{
  const char *op = "router_logits_backward";

  if (begin (self, op) && pmod_check (self, op, "x", x, EXPECT (F32, ANY, ANY)) &&
      (!dx || check_like (self, op, "dx", dx, F32, x)) &&
      pmod_check (self, op, "w", w, EXPECT (F32, x->shape[1])) &&
      pmod_check_optional (self, op, "dw", dw, EXPECT (F32, x->shape[1])) &&
      pmod_check_optional (self, op, "db", db, EXPECT (F32, 1)) &&
      pmod_check (self, op, "targets", targets, EXPECT (I32, ANY)) &&
      pmod_check (self, op, "dlogit", dlogit, EXPECT (F32, targets->shape[0])))
    self->ops->train->router_logits_backward (self, dx, dw, db, dlogit, x, w, targets);
}

void
pmod_reweight_scatter_backward (PmodBackend *self,
                                PmodTensor *dx,
                                PmodTensor *dh,
                                PmodTensor *dm,
                                PmodTensor *drow_weight,
                                const PmodTensor *dout,
                                const PmodTensor *x,
                                const PmodTensor *m,
                                const PmodTensor *slot,
                                const PmodTensor *row_weight)
{
  const char *op = "reweight_scatter_backward";

  if (begin (self, op) && pmod_check (self, op, "x", x, EXPECT (F32, ANY, ANY)) &&
      pmod_check (self, op, "m", m, EXPECT (F32, ANY, x->shape[1])) &&
      check_like (self, op, "dout", dout, F32, x) && check_like (self, op, "dx", dx, F32, x) &&
      check_like (self, op, "dh", dh, F32, m) && check_like (self, op, "dm", dm, F32, m) &&
      pmod_check (self, op, "slot", slot, EXPECT (I32, x->shape[0])) &&
      pmod_check (self, op, "row_weight", row_weight, EXPECT (F32, x->shape[0])) &&
      pmod_check (self, op, "drow_weight", drow_weight, EXPECT (F32, x->shape[0])))
    self->ops->train->reweight_scatter_backward (self, dx, dh, dm, drow_weight, dout, x, m, slot,
                                                 row_weight);
}

/* --- Loss --------------------------------------------------------------------------------- */

void
pmod_cross_entropy (PmodBackend *self,
                    PmodTensor *summary,
                    PmodTensor *row_loss,
                    PmodTensor *argmax,
                    PmodTensor *dlogits,
                    const PmodTensor *logits,
                    const PmodTensor *labels,
                    const PmodTensor *row_scale)
{
  const char *op = "cross_entropy";
  int64_t n_rows;

  if (!begin (self, op) || !pmod_check (self, op, "logits", logits, EXPECT (F32, ANY, ANY)))
    return;
  n_rows = logits->shape[0];
  if (pmod_check (self, op, "summary", summary, EXPECT (F32, 3)) &&
      pmod_check (self, op, "row_loss", row_loss, EXPECT (F32, n_rows)) &&
      pmod_check (self, op, "argmax", argmax, EXPECT (I32, n_rows)) &&
      (!dlogits || check_like (self, op, "dlogits", dlogits, F32, logits)) &&
      pmod_check (self, op, "labels", labels, EXPECT (I32, n_rows)) &&
      pmod_check_optional (self, op, "row_scale", row_scale, EXPECT (F32, n_rows)) &&
      pmod_check_that (self, op, logits->shape[1] > 0 && logits->shape[1] <= INT32_MAX,
                       "between 1 and 2^31-1 classes"))
    self->ops->train->cross_entropy (self, summary, row_loss, argmax, dlogits, logits, labels,
                                     row_scale);
}

void
pmod_router_loss (PmodBackend *self,
                  PmodTensor *loss,
                  PmodTensor *dlogit,
                  const PmodTensor *logit,
                  const PmodTensor *labels,
                  float scale)
{
  const char *op = "router_loss";

  if (begin (self, op) && pmod_check (self, op, "logit", logit, EXPECT (F32, ANY)) &&
      pmod_check (self, op, "loss", loss, EXPECT (F32, 1)) &&
      pmod_check_optional (self, op, "dlogit", dlogit, EXPECT (F32, logit->shape[0])) &&
      pmod_check (self, op, "labels", labels, EXPECT (I32, logit->shape[0])))
    self->ops->train->router_loss (self, loss, dlogit, logit, labels, scale);
}

/* --- Optimizers --------------------------------------------------------------------------- */

void
pmod_grad_norm (PmodBackend *self, PmodTensor *norm, const PmodTensor *grads, int n, float max_norm)
{
  const char *op = "grad_norm";

  if (!begin (self, op) || !pmod_check (self, op, "norm", norm, EXPECT (F32, 2)) ||
      !pmod_check_that (self, op, max_norm > 0, "a largest norm above 0"))
    return;
  for (int i = 0; i < n; i++)
    if (!check_f32 (self, op, "a gradient", &grads[i]))
      return;
  self->ops->train->grad_norm (self, norm, grads, n, max_norm);
}

void
pmod_adamw (PmodBackend *self,
            PmodTensor *weight,
            PmodTensor *m1,
            PmodTensor *m2,
            const PmodTensor *grad,
            const PmodTensor *factor,
            const PmodAdamW *options)
{
  const char *op = "adamw";

  if (begin (self, op) && check_f32 (self, op, "weight", weight) &&
      check_like (self, op, "m1", m1, F32, weight) &&
      check_like (self, op, "m2", m2, F32, weight) &&
      check_like (self, op, "grad", grad, F32, weight) &&
      pmod_check_optional (self, op, "factor", factor, EXPECT (F32, 1)) &&
      pmod_check_that (self, op, options && options->step > 0, "a step from 1 on"))
    self->ops->train->adamw (self, weight, m1, m2, grad, factor, options);
}

void
pmod_muon (PmodBackend *self,
           PmodTensor *weight,
           PmodTensor *velocity,
           const PmodTensor *grad,
           const PmodTensor *factor,
           const PmodMuon *options)
{
  const char *op = "muon";

  if (begin (self, op) && pmod_check (self, op, "weight", weight, EXPECT (F32, ANY, ANY)) &&
      pmod_check_that (self, op, weight->shape[0] > 0 && weight->shape[1] > 0,
                       "at least one row and one column") &&
      check_like (self, op, "velocity", velocity, F32, weight) &&
      check_like (self, op, "grad", grad, F32, weight) &&
      pmod_check_optional (self, op, "factor", factor, EXPECT (F32, 1)) &&
      pmod_check_that (self, op, options, "options") &&
      pmod_check_act (self, op, "products", options->act))
    self->ops->train->muon (self, weight, velocity, grad, factor, options);
}
