/* What a backend implements: the table behind pmod-ops.h. Only kernels/ includes this file.
 *
 * Every entry has the meaning of the function of the same name in pmod-ops.h; arguments arrive
 * checked and no entry is called after a failure stuck. */
#pragma once

#include "pmod-ops.h"

PMOD_BEGIN_DECLS

typedef struct _PmodTrainOps PmodTrainOps;

struct _PmodOps
{
  const char *name;
  const PmodTrainOps *train; /* NULL: inference only */
  bool computes_f16;         /* F16 is one of its compute dtypes */

  PmodBackend *(*new_beside) (PmodBackend *self); /* NULL: there is one timeline */
  void (*free) (PmodBackend *self);
  void (*get_info) (PmodBackend *self, PmodBackendInfo *info);
  void (*sync) (PmodBackend *self);

  void *(*alloc) (PmodBackend *self, size_t n_bytes);
  void (*release) (PmodBackend *self, void *data);
  void (*upload) (PmodBackend *self, void *dst, const void *src_host, size_t n_bytes);
  void (*download) (PmodBackend *self, void *dst_host, const void *src, size_t n_bytes);
  void (*copy) (PmodBackend *self, void *dst, const void *src, size_t n_bytes);
  uint64_t (*checksum) (PmodBackend *self, const void *data, size_t n_bytes);

  void (*mark) (PmodBackend *self, int mark);
  void (*wait_mark) (PmodBackend *self, int mark);
  double (*mark_us) (PmodBackend *self, int from, int to);
  void (*range_begin) (PmodBackend *self, const char *name); /* NULL: no ranges */
  void (*range_end) (PmodBackend *self);
  bool (*graph_begin) (PmodBackend *self, const PmodTensor *step, int n_steps); /* NULL: none */
  PmodGraph *(*graph_end) (PmodBackend *self, PmodGraph *graph);
  bool (*graph_run) (PmodBackend *self, PmodGraph *graph);
  void (*graph_free) (PmodBackend *self, PmodGraph *graph);

  PmodMatrix *(*matrix_new) (
      PmodBackend *self, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act);
  PmodMatrix *(*matrix_new_random) (
      PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed);
  void (*matrix_free) (PmodBackend *self, PmodMatrix *matrix);

  void (*linear) (PmodBackend *self,
                  PmodTensor *y,
                  const PmodTensor *x,
                  const PmodMatrix *w,
                  const PmodTensor *bias,
                  PmodEpilogue epilogue);
  void (*rmsnorm) (
      PmodBackend *self, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps);
  void (*layernorm) (PmodBackend *self,
                     PmodTensor *y,
                     const PmodTensor *x,
                     const PmodTensor *w,
                     const PmodTensor *b,
                     float eps);
  void (*swiglu) (PmodBackend *self, PmodTensor *y, const PmodTensor *gate_up);
  void (*split_qkv) (PmodBackend *self,
                     PmodTensor *q,
                     PmodTensor *k,
                     PmodTensor *v,
                     const PmodTensor *qkv,
                     const PmodTensor *cos_sin,
                     const PmodTensor *rows,
                     int64_t pos0,
                     int64_t kv_offset);
  void (*attention) (PmodBackend *self,
                     PmodTensor *out,
                     const PmodTensor *q,
                     const PmodTensor *k,
                     const PmodTensor *v,
                     int64_t kv_len,
                     bool causal,
                     float scale);
  void (*attention_received) (PmodBackend *self,
                              PmodTensor *score,
                              const PmodTensor *q,
                              const PmodTensor *k,
                              const PmodTensor *targets,
                              const PmodTensor *slot,
                              int64_t kv_len,
                              bool causal,
                              float scale);
  void (*patchify) (PmodBackend *self,
                    PmodTensor *patches,
                    const PmodTensor *pixels,
                    int64_t patch);
  void (*embed_patches) (PmodBackend *self,
                         PmodTensor *x,
                         const PmodTensor *patches,
                         const PmodTensor *cls,
                         const PmodTensor *position);
  void (*resample) (PmodBackend *self, PmodTensor *y, const PmodTensor *x);
  void (*gather_rows) (PmodBackend *self,
                       PmodTensor *y,
                       const PmodTensor *table,
                       const PmodTensor *idx);
  void (*router_logits) (PmodBackend *self,
                         PmodTensor *logit,
                         const PmodTensor *x,
                         const PmodTensor *w,
                         const PmodTensor *b,
                         const PmodTensor *targets);
  void (*target_norms) (PmodBackend *self,
                        PmodTensor *norm,
                        const PmodTensor *x,
                        const PmodTensor *targets);
  void (*router_weights) (PmodBackend *self,
                          PmodTensor *weight,
                          const PmodTensor *logit,
                          const PmodWeightNorm *norm);
  void (*top_k) (PmodBackend *self,
                 PmodTensor *kept,
                 const PmodTensor *weight,
                 const PmodTensor *logit,
                 int64_t k);
  void (*pick) (PmodBackend *self,
                PmodTensor *ids,
                PmodTensor *values,
                PmodTensor *sums,
                const PmodTensor *logits,
                const PmodTensor *kept,
                const PmodTensor *temperature);
  void (*route_plan) (PmodBackend *self,
                      PmodTensor *rows,
                      PmodTensor *slot,
                      PmodTensor *row_weight,
                      const PmodTensor *kept,
                      const PmodTensor *weight,
                      const PmodTensor *targets);
  void (*reweight_scatter) (PmodBackend *self,
                            PmodTensor *x,
                            const PmodTensor *h,
                            const PmodTensor *m,
                            const PmodTensor *slot,
                            const PmodTensor *row_weight);
};

/* The function type of an entry of a table, to declare what implements it. */
#define PMOD_ENTRY(table, name) __typeof__ (*((table *)0)->name)

/* A backend's own struct begins with this one. */
struct _PmodBackend
{
  const PmodOps *ops;
  char error[256];
  bool failed;
};

/* Likewise a backend's matrix. */
struct _PmodMatrix
{
  int64_t n_out;
  int64_t n_in;
  PmodDtype act;
  size_t n_bytes;
  bool trainable; /* holds its transpose too */
};

/* Records a failure unless one is recorded already. */
void pmod_backend_fail (PmodBackend *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

PMOD_END_DECLS
