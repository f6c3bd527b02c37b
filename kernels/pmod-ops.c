/* The public ops: each checks shapes and dtypes, then calls the backend's entry of its name.
 *
 * What is checked here holds for every backend; what depends on the values of index tensors is
 * checked by the backend, which alone can read them. After a failure nothing is called. */
#include "pmod-backend-private.h"
#include "pmod-check.h"

#include <stdarg.h>
#include <stdio.h>

void
pmod_backend_fail (PmodBackend *self, const char *format, ...)
{
  va_list args;

  if (self->failed)
    return;
  va_start (args, format);
  vsnprintf (self->error, sizeof self->error, format, args);
  va_end (args);
  self->failed = true;
}

/* --- Backends ----------------------------------------------------------------------------- */

PmodBackend *
pmod_backend_new_beside (PmodBackend *self)
{
  return self->ops->new_beside && !self->failed ? self->ops->new_beside (self) : NULL;
}

void
pmod_backend_free (PmodBackend *self)
{
  if (self)
    self->ops->free (self);
}

const char *
pmod_backend_name (const PmodBackend *self)
{
  return self->ops->name;
}

void
pmod_backend_get_info (PmodBackend *self, PmodBackendInfo *info)
{
  *info = (PmodBackendInfo){ 0 };
  self->ops->get_info (self, info);
}

bool
pmod_backend_sync (PmodBackend *self)
{
  if (!self->failed)
    self->ops->sync (self);
  return !self->failed;
}

const char *
pmod_backend_get_error (const PmodBackend *self)
{
  return self->failed ? self->error : NULL;
}

void
pmod_backend_clear_error (PmodBackend *self)
{
  self->failed = false;
}

/* --- Memory ------------------------------------------------------------------------------- */

void *
pmod_alloc (PmodBackend *self, size_t n_bytes)
{
  return self->failed ? NULL : self->ops->alloc (self, n_bytes);
}

void
pmod_free (PmodBackend *self, void *data)
{
  if (data)
    self->ops->release (self, data);
}

void
pmod_upload (PmodBackend *self, void *dst, const void *src_host, size_t n_bytes)
{
  if (!self->failed && n_bytes)
    self->ops->upload (self, dst, src_host, n_bytes);
}

void
pmod_download (PmodBackend *self, void *dst_host, const void *src, size_t n_bytes)
{
  if (!self->failed && n_bytes)
    self->ops->download (self, dst_host, src, n_bytes);
}

void
pmod_copy (PmodBackend *self, void *dst, const void *src, size_t n_bytes)
{
  if (!self->failed && n_bytes)
    self->ops->copy (self, dst, src, n_bytes);
}

uint64_t
pmod_checksum (PmodBackend *self, const void *data, size_t n_bytes)
{
  if (self->failed ||
      !pmod_check_that (self, "checksum", n_bytes % 8 == 0, "a multiple of 8 bytes"))
    return 0;
  return self->ops->checksum (self, data, n_bytes);
}

/* --- The order of work -------------------------------------------------------------------- */

static bool
check_mark (PmodBackend *self, int mark)
{
  return pmod_check_that (self, "mark", mark >= 0 && mark < PMOD_N_MARKS, "a mark in range");
}

void
pmod_mark (PmodBackend *self, int mark)
{
  if (!self->failed && check_mark (self, mark))
    self->ops->mark (self, mark);
}

bool
pmod_wait_mark (PmodBackend *self, int mark)
{
  if (!self->failed && check_mark (self, mark))
    self->ops->wait_mark (self, mark);
  return !self->failed;
}

double
pmod_mark_us (PmodBackend *self, int from, int to)
{
  if (self->failed || !check_mark (self, from) || !check_mark (self, to))
    return 0;
  return self->ops->mark_us (self, from, to);
}

void
pmod_range_begin (PmodBackend *self, const char *name)
{
  if (self->ops->range_begin)
    self->ops->range_begin (self, name);
}

void
pmod_range_end (PmodBackend *self)
{
  if (self->ops->range_end)
    self->ops->range_end (self);
}

/* --- Graphs ------------------------------------------------------------------------------- */

bool
pmod_graph_begin (PmodBackend *self, const PmodTensor *step, int n_steps)
{
  if (self->failed || !self->ops->graph_begin ||
      !pmod_check (self, "graph", "step", step, EXPECT (PMOD_DTYPE_I32, 1)) ||
      !pmod_check_that (self, "graph", n_steps > 0, "at least one step"))
    return false;
  return self->ops->graph_begin (self, step, n_steps);
}

PmodGraph *
pmod_graph_end (PmodBackend *self, PmodGraph *graph)
{
  return self->ops->graph_end (self, graph);
}

bool
pmod_graph_run (PmodBackend *self, PmodGraph *graph)
{
  return !self->failed && self->ops->graph_run (self, graph);
}

void
pmod_graph_free (PmodBackend *self, PmodGraph *graph)
{
  if (graph)
    self->ops->graph_free (self, graph);
}

/* --- Linear layers ------------------------------------------------------------------------ */

/* N*K elements must fit an index with room to spare: 2^48 elements are 256 TiB of weights. */
#define MAX_ELEMENTS ((int64_t)1 << 48)

static bool
check_matrix (PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act)
{
  return pmod_check_act (self, "matrix", "an act dtype", act) &&
         pmod_check_that (self, "matrix", n_in > 0 && n_out > 0,
                          "at least one row and one column") &&
         pmod_check_that (self, "matrix", n_out <= MAX_ELEMENTS / n_in, "fewer than 2^48 weights");
}

PmodMatrix *
pmod_matrix_new (
    PmodBackend *self, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act)
{
  int64_t n_out = 0;

  if (self->failed)
    return NULL;
  for (int i = 0; i < n_parts; i++)
    {
      const PmodMatrixPart *part = &parts[i];

      if (!pmod_check_that (self, "matrix",
                            part->data && part->n_out > 0 && part->n_out <= MAX_ELEMENTS &&
                                pmod_is_float (part->dtype),
                            "parts with data of F32, BF16 or F16"))
        return NULL;
      n_out += part->n_out;
    }
  return check_matrix (self, n_out, n_in, act)
             ? self->ops->matrix_new (self, parts, n_parts, n_in, act)
             : NULL;
}

PmodMatrix *
pmod_matrix_new_random (
    PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed)
{
  if (self->failed || !check_matrix (self, n_out, n_in, act))
    return NULL;
  return self->ops->matrix_new_random (self, n_out, n_in, act, seed);
}

void
pmod_matrix_free (PmodBackend *self, PmodMatrix *matrix)
{
  if (matrix)
    self->ops->matrix_free (self, matrix);
}

size_t
pmod_matrix_bytes (const PmodMatrix *matrix)
{
  return matrix->n_bytes;
}

int64_t
pmod_matrix_n_out (const PmodMatrix *matrix)
{
  return matrix->n_out;
}

int64_t
pmod_matrix_n_in (const PmodMatrix *matrix)
{
  return matrix->n_in;
}

void
pmod_linear (PmodBackend *self,
             PmodTensor *y,
             const PmodTensor *x,
             const PmodMatrix *w,
             const PmodTensor *bias,
             PmodEpilogue epilogue)
{
  const char *op = "linear";
  bool add = epilogue == PMOD_EPILOGUE_ADD;

  if (self->failed || !pmod_check_that (self, op, w, "a matrix") ||
      !pmod_check (self, op, "x", x, EXPECT (w->act, ANY, w->n_in)) ||
      !pmod_check (self, op, "y", y, EXPECT (add ? PMOD_DTYPE_F32 : ANY, x->shape[0], w->n_out)) ||
      !pmod_check_act (self, op, "y", y->dtype) ||
      !pmod_check_that (
          self, op, w->act == PMOD_DTYPE_F32 || y->dtype == PMOD_DTYPE_F32 || y->dtype == w->act,
          "y of F32 or of the weights' dtype") ||
      !pmod_check_optional (self, op, "bias", bias, EXPECT (PMOD_DTYPE_F32, w->n_out)))
    return;
  if (x->shape[0] > 0)
    self->ops->linear (self, y, x, w, bias, epilogue);
}

/* --- Norms and activations ---------------------------------------------------------------- */

void
pmod_rmsnorm (PmodBackend *self, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps)
{
  const char *op = "rmsnorm";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "y", y, EXPECT (ANY, x->shape[0], x->shape[1])) ||
      !pmod_check_act (self, op, "y", y->dtype) ||
      !pmod_check (self, op, "w", w, EXPECT (PMOD_DTYPE_F32, x->shape[1])))
    return;
  self->ops->rmsnorm (self, y, x, w, eps);
}

void
pmod_layernorm (PmodBackend *self,
                PmodTensor *y,
                const PmodTensor *x,
                const PmodTensor *w,
                const PmodTensor *b,
                float eps)
{
  const char *op = "layernorm";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "y", y, EXPECT (ANY, x->shape[0], x->shape[1])) ||
      !pmod_check_act (self, op, "y", y->dtype) ||
      !pmod_check_that (self, op, y->data != x->data || y->dtype == PMOD_DTYPE_F32,
                        "y of F32 where it is x itself") ||
      !pmod_check (self, op, "w", w, EXPECT (PMOD_DTYPE_F32, x->shape[1])) ||
      !pmod_check (self, op, "b", b, EXPECT (PMOD_DTYPE_F32, x->shape[1])))
    return;
  self->ops->layernorm (self, y, x, w, b, eps);
}

void
pmod_swiglu (PmodBackend *self, PmodTensor *y, const PmodTensor *gate_up)
{
  const char *op = "swiglu";

  if (self->failed || !pmod_check (self, op, "y", y, EXPECT (ANY, ANY, ANY)) ||
      !pmod_check_act (self, op, "y", y->dtype) ||
      !pmod_check (self, op, "gate_up", gate_up, EXPECT (y->dtype, y->shape[0], 2 * y->shape[1])))
    return;
  self->ops->swiglu (self, y, gate_up);
}

/* --- Attention ---------------------------------------------------------------------------- */

void
pmod_split_qkv (PmodBackend *self,
                PmodTensor *q,
                PmodTensor *k,
                PmodTensor *v,
                const PmodTensor *qkv,
                const PmodTensor *cos_sin,
                const PmodTensor *rows,
                int64_t pos0,
                int64_t kv_offset)
{
  const char *op = "split_qkv";
  int64_t n_tokens, n_heads, n_kv_heads, width, capacity;

  if (self->failed || !pmod_check (self, op, "q", q, EXPECT (ANY, ANY, ANY, ANY)) ||
      !pmod_check_act (self, op, "q", q->dtype) ||
      !pmod_check (self, op, "k", k, EXPECT (q->dtype, ANY, ANY, q->shape[2])))
    return;
  n_tokens = q->shape[0], n_heads = q->shape[1], width = q->shape[2];
  n_kv_heads = k->shape[0], capacity = k->shape[1];
  if (!pmod_check (self, op, "v", v, EXPECT (q->dtype, n_kv_heads, capacity, width)) ||
      !pmod_check (self, op, "qkv", qkv,
                   EXPECT (PMOD_DTYPE_F32, n_tokens, (n_heads + 2 * n_kv_heads) * width)) ||
      !pmod_check_optional (self, op, "cos_sin", cos_sin, EXPECT (PMOD_DTYPE_F32, ANY, width)) ||
      !pmod_check_optional (self, op, "rows", rows, EXPECT (PMOD_DTYPE_I32, n_tokens)) ||
      !pmod_check_that (self, op, !cos_sin || width % 2 == 0, "heads of even width to rotate") ||
      !pmod_check_that (self, op, kv_offset >= 0 && kv_offset <= capacity - n_tokens,
                        "room in the cache for all tokens") ||
      !pmod_check_that (self, op,
                        pos0 >= 0 && (!cos_sin || rows || pos0 <= cos_sin->shape[0] - n_tokens),
                        "an angle for each position"))
    return;
  self->ops->split_qkv (self, q, k, v, qkv, cos_sin, rows, pos0, kv_offset);
}

void
pmod_attention (PmodBackend *self,
                PmodTensor *out,
                const PmodTensor *q,
                const PmodTensor *k,
                const PmodTensor *v,
                int64_t kv_len,
                bool causal,
                float scale)
{
  const char *op = "attention";

  if (self->failed || !pmod_check (self, op, "q", q, EXPECT (ANY, ANY, ANY, ANY)) ||
      !pmod_check_act (self, op, "q", q->dtype) ||
      !pmod_check (self, op, "k", k, EXPECT (q->dtype, ANY, ANY, q->shape[2])) ||
      !pmod_check (self, op, "v", v, EXPECT (q->dtype, k->shape[0], k->shape[1], q->shape[2])) ||
      !pmod_check (self, op, "out", out,
                   EXPECT (q->dtype, q->shape[0], q->shape[1] * q->shape[2])) ||
      !pmod_check_that (self, op, k->shape[0] > 0 && q->shape[1] % k->shape[0] == 0,
                        "the same number of query heads for each key head") ||
      !pmod_check_that (self, op, kv_len > 0 && kv_len <= k->shape[1], "0 < kv_len <= capacity") ||
      !pmod_check_that (self, op, !causal || kv_len >= q->shape[0],
                        "a causal query's own key among the keys"))
    return;
  self->ops->attention (self, out, q, k, v, kv_len, causal, scale);
}

void
pmod_attention_received (PmodBackend *self,
                         PmodTensor *score,
                         const PmodTensor *q,
                         const PmodTensor *k,
                         const PmodTensor *targets,
                         const PmodTensor *slot,
                         int64_t kv_len,
                         bool causal,
                         float scale)
{
  const char *op = "attention_received";

  if (self->failed || !pmod_check (self, op, "q", q, EXPECT (ANY, ANY, ANY, ANY)) ||
      !pmod_check_act (self, op, "q", q->dtype) ||
      !pmod_check_that (self, op, q->shape[0] > 0 && q->shape[1] > 0, "queries") ||
      !pmod_check (self, op, "k", k, EXPECT (q->dtype, ANY, ANY, q->shape[2])) ||
      !pmod_check (self, op, "targets", targets, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check (self, op, "score", score, EXPECT (PMOD_DTYPE_F32, targets->shape[0])) ||
      !pmod_check_optional (self, op, "slot", slot, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check_that (self, op, k->shape[0] > 0 && q->shape[1] % k->shape[0] == 0,
                        "the same number of query heads for each key head") ||
      !pmod_check_that (self, op, kv_len > 0 && kv_len <= k->shape[1], "0 < kv_len <= capacity") ||
      !pmod_check_that (self, op, !causal || kv_len >= q->shape[0],
                        "a causal query's own key among the keys"))
    return;
  if (targets->shape[0] > 0)
    self->ops->attention_received (self, score, q, k, targets, slot, kv_len, causal, scale);
}

/* --- Pictures ----------------------------------------------------------------------------- */

void
pmod_patchify (PmodBackend *self, PmodTensor *patches, const PmodTensor *pixels, int64_t patch)
{
  const char *op = "patchify";
  int64_t n_tiles, side;

  if (self->failed ||
      !pmod_check (self, op, "pixels", pixels, EXPECT (PMOD_DTYPE_F32, ANY, 3, ANY, ANY)))
    return;
  n_tiles = pixels->shape[0], side = pixels->shape[2];
  if (!pmod_check_that (self, op, patch > 0 && pixels->shape[3] == side && side % patch == 0,
                        "square tiles of whole patches") ||
      !pmod_check (self, op, "patches", patches,
                   EXPECT (ANY, n_tiles * (side / patch) * (side / patch), 3 * patch * patch)) ||
      !pmod_check_act (self, op, "patches", patches->dtype))
    return;
  self->ops->patchify (self, patches, pixels, patch);
}

void
pmod_embed_patches (PmodBackend *self,
                    PmodTensor *x,
                    const PmodTensor *patches,
                    const PmodTensor *cls,
                    const PmodTensor *position)
{
  const char *op = "embed_patches";
  int64_t n_rows, width, n_tiles;

  if (self->failed ||
      !pmod_check (self, op, "position", position, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, position->shape[1])))
    return;
  n_rows = position->shape[0], width = position->shape[1];
  if (!pmod_check_that (self, op, n_rows > 1 && x->shape[0] % n_rows == 0, "whole tiles in x"))
    return;
  n_tiles = x->shape[0] / n_rows;
  if (!pmod_check (self, op, "patches", patches,
                   EXPECT (PMOD_DTYPE_F32, n_tiles * (n_rows - 1), width)) ||
      !pmod_check (self, op, "cls", cls, EXPECT (PMOD_DTYPE_F32, width)))
    return;
  self->ops->embed_patches (self, x, patches, cls, position);
}

void
pmod_resample (PmodBackend *self, PmodTensor *y, const PmodTensor *x)
{
  const char *op = "resample";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY, ANY)) ||
      !pmod_check (self, op, "y", y, EXPECT (PMOD_DTYPE_F32, ANY, ANY, x->shape[2])) ||
      !pmod_check_that (self, op, x->shape[0] > 0 && x->shape[1] > 0,
                        "at least one row and column"))
    return;
  self->ops->resample (self, y, x);
}

void
pmod_gather_rows (PmodBackend *self, PmodTensor *y, const PmodTensor *table, const PmodTensor *idx)
{
  const char *op = "gather_rows";

  if (self->failed || !pmod_check (self, op, "y", y, EXPECT (ANY, ANY, ANY)) ||
      !pmod_check_act (self, op, "y", y->dtype) ||
      !pmod_check (self, op, "table", table, EXPECT (ANY, ANY, y->shape[1])) ||
      !pmod_check_that (self, op, pmod_is_float (table->dtype), "a table of F32, BF16 or F16") ||
      !pmod_check (self, op, "idx", idx, EXPECT (PMOD_DTYPE_I32, y->shape[0])))
    return;
  self->ops->gather_rows (self, y, table, idx);
}

/* --- Routing ------------------------------------------------------------------------------ */

void
pmod_router_logits (PmodBackend *self,
                    PmodTensor *logit,
                    const PmodTensor *x,
                    const PmodTensor *w,
                    const PmodTensor *b,
                    const PmodTensor *targets)
{
  const char *op = "router_logits";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "w", w, EXPECT (PMOD_DTYPE_F32, x->shape[1])) ||
      !pmod_check_optional (self, op, "b", b, EXPECT (PMOD_DTYPE_F32, 1)) ||
      !pmod_check (self, op, "targets", targets, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check (self, op, "logit", logit, EXPECT (PMOD_DTYPE_F32, targets->shape[0])))
    return;
  self->ops->router_logits (self, logit, x, w, b, targets);
}

void
pmod_target_norms (PmodBackend *self,
                   PmodTensor *norm,
                   const PmodTensor *x,
                   const PmodTensor *targets)
{
  const char *op = "target_norms";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "targets", targets, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check (self, op, "norm", norm, EXPECT (PMOD_DTYPE_F32, targets->shape[0])))
    return;
  self->ops->target_norms (self, norm, x, targets);
}

void
pmod_router_weights (PmodBackend *self,
                     PmodTensor *weight,
                     const PmodTensor *logit,
                     const PmodWeightNorm *norm)
{
  const char *op = "router_weights";

  if (self->failed || !pmod_check (self, op, "logit", logit, EXPECT (PMOD_DTYPE_F32, ANY)) ||
      !pmod_check (self, op, "weight", weight, EXPECT (PMOD_DTYPE_F32, logit->shape[0])) ||
      !pmod_check_that (self, op, norm, "a norm"))
    return;
  self->ops->router_weights (self, weight, logit, norm);
}

void
pmod_top_k (PmodBackend *self,
            PmodTensor *kept,
            const PmodTensor *weight,
            const PmodTensor *logit,
            int64_t k)
{
  const char *op = "top_k";

  if (self->failed || !pmod_check (self, op, "weight", weight, EXPECT (PMOD_DTYPE_F32, ANY)) ||
      !pmod_check (self, op, "logit", logit, EXPECT (PMOD_DTYPE_F32, weight->shape[0])) ||
      !pmod_check (self, op, "kept", kept, EXPECT (PMOD_DTYPE_U8, weight->shape[0])) ||
      !pmod_check_that (self, op, weight->shape[0] <= INT32_MAX, "fewer than 2^31 candidates") ||
      !pmod_check_that (self, op, k >= 0 && k <= weight->shape[0], "0 <= k <= V"))
    return;
  self->ops->top_k (self, kept, weight, logit, k);
}

void
pmod_pick (PmodBackend *self,
           PmodTensor *ids,
           PmodTensor *values,
           PmodTensor *sums,
           const PmodTensor *logits,
           const PmodTensor *kept,
           const PmodTensor *temperature)
{
  const char *op = "pick";

  if (self->failed || !pmod_check (self, op, "ids", ids, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check (self, op, "values", values, EXPECT (PMOD_DTYPE_F32, ids->shape[0])) ||
      !pmod_check (self, op, "sums", sums, EXPECT (PMOD_DTYPE_F32, 3)) ||
      !pmod_check (self, op, "logits", logits, EXPECT (PMOD_DTYPE_F32, ANY)) ||
      !pmod_check (self, op, "kept", kept, EXPECT (PMOD_DTYPE_U8, logits->shape[0])) ||
      !pmod_check (self, op, "temperature", temperature, EXPECT (PMOD_DTYPE_F32, 1)) ||
      !pmod_check_that (self, op,
                        ids->shape[0] <= PMOD_MAX_PICKED && ids->shape[0] <= logits->shape[0],
                        "no more picked than logits, and than PMOD_MAX_PICKED"))
    return;
  self->ops->pick (self, ids, values, sums, logits, kept, temperature);
}

void
pmod_route_plan (PmodBackend *self,
                 PmodTensor *rows,
                 PmodTensor *slot,
                 PmodTensor *row_weight,
                 const PmodTensor *kept,
                 const PmodTensor *weight,
                 const PmodTensor *targets)
{
  const char *op = "route_plan";
  int64_t n_targets, n_tokens;

  if (self->failed || !pmod_check (self, op, "targets", targets, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check (self, op, "slot", slot, EXPECT (PMOD_DTYPE_I32, ANY)))
    return;
  n_targets = targets->shape[0], n_tokens = slot->shape[0];
  if (!pmod_check (self, op, "kept", kept, EXPECT (PMOD_DTYPE_U8, n_targets)) ||
      !pmod_check (self, op, "weight", weight, EXPECT (PMOD_DTYPE_F32, n_targets)) ||
      !pmod_check (self, op, "row_weight", row_weight, EXPECT (PMOD_DTYPE_F32, n_tokens)) ||
      !pmod_check (self, op, "rows", rows, EXPECT (PMOD_DTYPE_I32, ANY)) ||
      !pmod_check_that (self, op, n_targets <= n_tokens && rows->shape[0] <= n_tokens,
                        "no more targets or rows than tokens"))
    return;
  self->ops->route_plan (self, rows, slot, row_weight, kept, weight, targets);
}

void
pmod_reweight_scatter (PmodBackend *self,
                       PmodTensor *x,
                       const PmodTensor *h,
                       const PmodTensor *m,
                       const PmodTensor *slot,
                       const PmodTensor *row_weight)
{
  const char *op = "reweight_scatter";

  if (self->failed || !pmod_check (self, op, "x", x, EXPECT (PMOD_DTYPE_F32, ANY, ANY)) ||
      !pmod_check (self, op, "h", h, EXPECT (PMOD_DTYPE_F32, ANY, x->shape[1])) ||
      !pmod_check (self, op, "m", m, EXPECT (PMOD_DTYPE_F32, h->shape[0], x->shape[1])) ||
      !pmod_check (self, op, "slot", slot, EXPECT (PMOD_DTYPE_I32, x->shape[0])) ||
      !pmod_check (self, op, "row_weight", row_weight, EXPECT (PMOD_DTYPE_F32, x->shape[0])))
    return;
  self->ops->reweight_scatter (self, x, h, m, slot, row_weight);
}
