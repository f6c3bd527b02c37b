/* The contract of every op, and the table that a backend fills in.
 *
 * Read this first. The forward pass (src/engine/pmod-decoder.c, pmod-vision.c) is written once
 * against the functions below; each checks shapes and dtypes, then calls the backend's entry of
 * the same name. A backend is one timeline: one thread at a time may use it. Ops enqueue and
 * return nothing. The first failure sticks, later ops do nothing, and pmod_backend_sync() reports
 * it; the CPU backend runs each op before it returns.
 *
 * What only the data shows - an index past its table, a position without an angle, a target or a
 * slot that is no token, targets that do not ascend - fails on the CPU as well. A device would have
 * to stop for it: there an op touches nothing outside its tensors, and what depends on such a
 * number is NaN or, in the whole numbers of a plan, within bounds and otherwise undefined.
 *
 * Dimensions: T tokens, D width, H query heads, G key/value heads (G divides H), dh head width,
 * C capacity of a KV cache, N outputs and K inputs of a matrix, F feed-forward width, V tokens
 * that a router may skip, R rows that a routed layer keeps.
 * "act" is the compute dtype: F32, or BF16 or F16 where products take such inputs; F16 on backends
 * that say so. Sums, norms, softmax and the residual stream are F32 always. A finite value past the
 * end of F16 is stored as the largest, 65504. */
#pragma once

#include "pmod-tensor.h"

PMOD_BEGIN_DECLS

typedef struct _PmodBackend PmodBackend;
typedef struct _PmodOps PmodOps;

/* A linear layer's weights in the layout that the backend multiplies with. Immutable. */
typedef struct _PmodGraph PmodGraph;
typedef struct _PmodMatrix PmodMatrix;

/* Rows of a matrix as they lie in a checkpoint. A matrix is made of several such parts stacked
 * along N, so that q, k and v, or gate and up, become one product. */
typedef struct
{
  const void *data; /* [n_out, K] in host memory, any alignment */
  PmodDtype dtype;  /* F32, BF16 or F16 */
  int64_t n_out;
} PmodMatrixPart;

/* What follows y = x.W^T + bias before it is stored. */
typedef enum
{
  PMOD_EPILOGUE_NONE,
  PMOD_EPILOGUE_ADD,        /* y += result; y is F32 */
  PMOD_EPILOGUE_QUICK_GELU, /* v * sigmoid (1.702 v): CLIP */
  PMOD_EPILOGUE_GELU,       /* v * Phi (v), exact with erf: the projector */
} PmodEpilogue;

/* f of w = scale * f (z) + bias. Source: p-MoD, mod_weight_norm = {f}_{scale}_{bias}. */
typedef enum
{
  PMOD_WEIGHT_TANH,
  PMOD_WEIGHT_SIGMOID,
  PMOD_WEIGHT_SOFTMAX, /* over the V tokens that may be skipped */
  PMOD_WEIGHT_NONE,    /* f (z) = z */
} PmodWeightFunction;

typedef struct
{
  PmodWeightFunction function;
  float scale;
  float bias;
} PmodWeightNorm;

typedef struct
{
  char name[128];     /* "AMD EPYC 9R14, AVX-512 BF16" */
  int n_threads;      /* 1 on a device */
  size_t free_bytes;  /* memory that can still be allocated */
  size_t total_bytes; /* memory of the device or machine */
  bool host_memory;   /* tensors may be read by the host after a sync */
  bool bf16_native;   /* BF16 products have instructions of their own */
  bool f16_native;    /* F16 is a compute dtype, with instructions of its own */
} PmodBackendInfo;

/* --- Backends ----------------------------------------------------------------------------- */

/* Instruction sets of the CPU backend, each including those before it. */
typedef enum
{
  PMOD_CPU_PORTABLE, /* plain C, any machine; products by our own loop, not oneDNN */
  PMOD_CPU_AVX2,     /* AVX2 and FMA */
  PMOD_CPU_AVX512,   /* F, BW, VL, DQ */
  PMOD_CPU_AVX512_BF16,
  PMOD_CPU_BEST, /* the best this machine has */
} PmodCpuLevel;

/* A CPU backend on n_threads threads (0: one for each core that may be used). A level the
 * machine does not have is lowered to the best it has. NULL only where there is no memory for the
 * struct itself. */
PmodBackend *pmod_backend_new_cpu (int n_threads, PmodCpuLevel level);

/* A CUDA backend on one stream of the device of that number, from 0. NULL where it cannot be used;
 * reason [n_bytes] says why: built without CUDA, no driver, no such device, too old a device. */
PmodBackend *pmod_backend_new_cuda (int device, char *reason, size_t n_bytes);

/* A second timeline of the same device: what one has enqueued does not wait for the other's, and
 * each may have a thread of its own. Memory, also that of matrices, is the device's; one may use
 * what the other made and has waited for, and frees it where it was made. NULL where there is but
 * one timeline, as on the CPU, whose threads one keeps busy, or no room for another. */
PmodBackend *pmod_backend_new_beside (PmodBackend *self);

void pmod_backend_free (PmodBackend *self);

/* "cpu" or "cuda". */
const char *pmod_backend_name (const PmodBackend *self);
void pmod_backend_get_info (PmodBackend *self, PmodBackendInfo *info);

/* Waits for everything enqueued. False when an op has failed since the last clear. */
bool pmod_backend_sync (PmodBackend *self);

/* The first failure's text, or NULL; valid until cleared. */
const char *pmod_backend_get_error (const PmodBackend *self);
void pmod_backend_clear_error (PmodBackend *self);

/* --- Memory ------------------------------------------------------------------------------- */

/* 64-byte aligned, contents undefined. NULL and a sticky error when there is no room; asking
 * for 0 bytes gives a pointer that may only be freed. */
void *pmod_alloc (PmodBackend *self, size_t n_bytes);
void pmod_free (PmodBackend *self, void *data);
void pmod_upload (PmodBackend *self, void *dst, const void *src_host, size_t n_bytes);
void pmod_download (PmodBackend *self, void *dst_host, const void *src, size_t n_bytes);
void pmod_copy (PmodBackend *self, void *dst, const void *src, size_t n_bytes);

/* The sum of all 64-bit words (n_bytes a multiple of 8): reads everything once, at the speed
 * of memory. Measures the machine's read bandwidth. */
uint64_t pmod_checksum (PmodBackend *self, const void *data, size_t n_bytes);

/* --- The order of work -------------------------------------------------------------------- */

/* A device works behind the calls; the CPU is done when they return. */

#define PMOD_N_MARKS 512

/* Marks this place in the work, 0 <= mark < PMOD_N_MARKS; a mark may be set again and again. */
void pmod_mark (PmodBackend *self, int mark);

/* Waits for the work before mark, which was set. False when an op has failed. */
bool pmod_wait_mark (PmodBackend *self, int mark);

/* Microseconds from one mark to a later one, both waited for. */
double pmod_mark_us (PmodBackend *self, int from, int to);

/* Names what is enqueued in between for a profiler (NVTX); ranges may nest. */
void pmod_range_begin (PmodBackend *self, const char *name);
void pmod_range_end (PmodBackend *self);

/* --- Graphs: one launch for the many of a token --------------------------------------------- */

/* Ops from here to pmod_graph_end() are kept, not run. When the graph runs, split_qkv adds step,
 * I32 [1], to its pos0 and kv_offset, and attention adds it to its kv_len; it is at least 0 and
 * less than n_steps. Nothing may be copied or allocated in between, and every op must have run
 * at its shapes before, so that it has what it needs. False, and ops run as ever, where the
 * backend has no graphs. */
bool pmod_graph_begin (PmodBackend *self, const PmodTensor *step, int n_steps);

/* Takes graph, which may be NULL, and returns it with what was kept in place of what it held. NULL
 * where it cannot be had this time; that is no failure, and nothing was run. */
PmodGraph *pmod_graph_end (PmodBackend *self, PmodGraph *graph);

/* False, with nothing run, where memory that it used was given back: record it again. */
bool pmod_graph_run (PmodBackend *self, PmodGraph *graph);
void pmod_graph_free (PmodBackend *self, PmodGraph *graph);

/* --- Linear layers ------------------------------------------------------------------------ */

/* W [N,K] from n_parts parts, N the sum of their n_out, for inputs of the compute dtype act;
 * weights are rounded to nearest even where act is narrower. NULL and a sticky error on
 * failure. */
PmodMatrix *pmod_matrix_new (
    PmodBackend *self, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act);

/* The same with pseudo-random weights, uniform in (-1/sqrt(K), 1/sqrt(K)), filled in place:
 * for measurements at shapes that have no checkpoint. */
PmodMatrix *pmod_matrix_new_random (
    PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed);
void pmod_matrix_free (PmodBackend *self, PmodMatrix *matrix);
size_t pmod_matrix_bytes (const PmodMatrix *matrix);
int64_t pmod_matrix_n_out (const PmodMatrix *matrix);
int64_t pmod_matrix_n_in (const PmodMatrix *matrix);

/* y[T,N] = epilogue (x[T,K] . W[N,K]^T + bias[N])
 * x act; y F32 or act, or any compute dtype where act is F32; F32 where epilogue is ADD; bias F32
 * or NULL. F32 accumulate. FLOPs 2TNK. Bytes: the weights once for a small T (decode), else they
 * are re-used from cache. A row's result may depend, in its last bits, on T; never on the other
 * rows' values. */
void pmod_linear (PmodBackend *self,
                  PmodTensor *y,
                  const PmodTensor *x,
                  const PmodMatrix *w,
                  const PmodTensor *bias,
                  PmodEpilogue epilogue);

/* --- Norms and activations ---------------------------------------------------------------- */

/* y[T,D] = x / sqrt (mean (x^2) + eps) * w[D];  x, w F32, y act. Source: LLaMA. */
void pmod_rmsnorm (
    PmodBackend *self, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps);

/* y[T,D] = (x - mean) / sqrt (var + eps) * w[D] + b[D];  biased variance; x, w, b F32, y F32
 * or act. y may be x. Source: CLIP. */
void pmod_layernorm (PmodBackend *self,
                     PmodTensor *y,
                     const PmodTensor *x,
                     const PmodTensor *w,
                     const PmodTensor *b,
                     float eps);

/* y[T,F] = silu (g) * u with g = gate_up[:, :F], u = gate_up[:, F:];  silu (g) = g sigmoid (g).
 * gate_up [T,2F] and y act. Source: LLaMA's MLP. */
void pmod_swiglu (PmodBackend *self, PmodTensor *y, const PmodTensor *gate_up);

/* --- Attention ---------------------------------------------------------------------------- */

/* Splits rows of a fused projection into heads, rotates, and appends to a cache.
 *   qkv [T, (H+2G)*dh] F32: H query heads, then G key heads, then G value heads
 *   q   [T, H, dh] act                      rotated
 *   k,v [G, C, dh] act                      rows kv_offset .. kv_offset+T-1 of each head written
 * Rotation pairs element i with i + dh/2 (the half-split form of LLaMA) by the angle at row
 *   p = pos0 + (rows ? rows[t] : t)   of   cos_sin [P, dh] F32: cos in [0,dh/2), sin after.
 * cos_sin NULL: no rotation (CLIP). rows I32 [T] or NULL: original positions of kept tokens. */
void pmod_split_qkv (PmodBackend *self,
                     PmodTensor *q,
                     PmodTensor *k,
                     PmodTensor *v,
                     const PmodTensor *qkv,
                     const PmodTensor *cos_sin,
                     const PmodTensor *rows,
                     int64_t pos0,
                     int64_t kv_offset);

/* out[T, H*dh] = softmax (q.k^T * scale) . v per head, query head h reads kv head h*G/H.
 * q [T,H,dh] act; k, v [G,C,dh] act, the first kv_len rows of each head valid; out act.
 * causal: query t sees keys 0 .. kv_len - T + t; else all kv_len keys.
 * Softmax in F32 over tiles, nothing of size T x kv_len is stored. FLOPs 4*T*kv_len*H*dh. */
void pmod_attention (PmodBackend *self,
                     PmodTensor *out,
                     const PmodTensor *q,
                     const PmodTensor *k,
                     const PmodTensor *v,
                     int64_t kv_len,
                     bool causal,
                     float scale);

/* What the queries gave to the keys of targets, by the same weights, mean over heads:
 *   score[v] = 1/H  sum over heads h and queries t  softmax (q[t,h].k * scale)[j]
 * where j = targets[v], or slot[targets[v]] if slot is not NULL, and a query that does not see key
 * j gives it 0. score[v] is -1 where slot says -1: that token has no key. score F32 [V], targets
 * I32 [V], slot I32 [N] or NULL; the rest as in pmod_attention(), T > 0. F32 throughout; nothing of
 * size T x kv_len is stored. FLOPs 2*T*kv_len*H*dh; on a device twice that. */
void pmod_attention_received (PmodBackend *self,
                              PmodTensor *score,
                              const PmodTensor *q,
                              const PmodTensor *k,
                              const PmodTensor *targets,
                              const PmodTensor *slot,
                              int64_t kv_len,
                              bool causal,
                              float scale);

/* --- Pictures ----------------------------------------------------------------------------- */

/* patches [n*P, 3*p*p] act from pixels F32 [n,3,S,S]: patch (r,c) of a tile is row r*(S/p)+c,
 * its values in the order channel, row, column. P = (S/p)^2. Source: CLIP's convolution. */
void
pmod_patchify (PmodBackend *self, PmodTensor *patches, const PmodTensor *pixels, int64_t patch);

/* x [n*(P+1), D] F32: for each of n tiles the class vector, then its patches [n*P, D] F32, each
 * plus its row of position [P+1, D] F32. cls F32 [D]. Source: CLIPVisionEmbeddings. */
void pmod_embed_patches (PmodBackend *self,
                         PmodTensor *x,
                         const PmodTensor *patches,
                         const PmodTensor *cls,
                         const PmodTensor *position);

/* y [h,w,D] F32 from x [H,W,D] F32, bilinear, align_corners=false. Source: p-MoD,
 * max_num_patches. */
void pmod_resample (PmodBackend *self, PmodTensor *y, const PmodTensor *x);

/* y[t] = table[idx[t]] for idx[t] >= 0; other rows of y stay as they are.
 * y F32 [T,D] or act; table [N,D] F32, BF16 or F16; idx I32 [T]. */
void
pmod_gather_rows (PmodBackend *self, PmodTensor *y, const PmodTensor *table, const PmodTensor *idx);

/* --- Routing (Mixture-of-Depths) ---------------------------------------------------------- */

/* logit[V] = x[targets[v]] . w[D] + b;  all F32, x [T,D], b [1] or NULL, targets I32 [V].
 * x is the raw residual stream. Source: p-MoD, TokenRouter.forward. */
void pmod_router_logits (PmodBackend *self,
                         PmodTensor *logit,
                         const PmodTensor *x,
                         const PmodTensor *w,
                         const PmodTensor *b,
                         const PmodTensor *targets);

/* norm[V] = sqrt (sum of x[targets[v]]^2);  all F32, x [T,D], targets I32 [V]. */
void pmod_target_norms (PmodBackend *self,
                        PmodTensor *norm,
                        const PmodTensor *x,
                        const PmodTensor *targets);

/* weight[V] = scale * f (logit[V]) + bias, F32. */
void pmod_router_weights (PmodBackend *self,
                          PmodTensor *weight,
                          const PmodTensor *logit,
                          const PmodWeightNorm *norm);

/* kept[V] U8: 1 for the k first in the order: higher weight, then higher logit, then lower
 * index. The order is total, so the choice is the same on every backend. NaN sorts last.
 * weight, logit F32 [V]; 0 <= k <= V. */
void pmod_top_k (PmodBackend *self,
                 PmodTensor *kept,
                 const PmodTensor *weight,
                 const PmodTensor *logit,
                 int64_t k);

/* The kept of logits F32 [V], as pmod_top_k() (of logits twice) marks them in kept U8 [V], n of
 * them, in its order; and what makes probabilities of all:
 *   ids [n] I32, values [n] F32   best first; n <= PMOD_MAX_PICKED
 *   sums [3] F32                  sum e^(l - max), sum e^((l - max) / temperature[0]), and how many
 *                                 are no finite numbers; then the sums mean nothing
 * temperature F32 [1]. */
#define PMOD_MAX_PICKED 64
void pmod_pick (PmodBackend *self,
                PmodTensor *ids,
                PmodTensor *values,
                PmodTensor *sums,
                const PmodTensor *logits,
                const PmodTensor *kept,
                const PmodTensor *temperature);

/* What a routed layer needs of its choice, T tokens of which targets I32 [V] (ascending) may be
 * skipped:
 *   rows [R]        I32   kept targets and all others, ascending; R = T - V + sum (kept)
 *   slot [T]        I32   place in rows, or -1 for a skipped token
 *   row_weight [T]  F32   weight of a target, 1 for others */
void pmod_route_plan (PmodBackend *self,
                      PmodTensor *rows,
                      PmodTensor *slot,
                      PmodTensor *row_weight,
                      const PmodTensor *kept,
                      const PmodTensor *weight,
                      const PmodTensor *targets);

/* Symmetric token reweighting, in place on x [T,D] F32:
 *   slot[t] >= 0:  x[t] = h[slot[t]] + row_weight[t] * m[slot[t]]
 *   else:          x[t] = row_weight[t] * x[t]
 * h [R,D] F32: kept rows after attention and its residual; m [R,D] F32: their MLP output.
 * Source: p-MoD, MoDLlamaDecoderLayer.forward (STRing). */
void pmod_reweight_scatter (PmodBackend *self,
                            PmodTensor *x,
                            const PmodTensor *h,
                            const PmodTensor *m,
                            const PmodTensor *slot,
                            const PmodTensor *row_weight);

PMOD_END_DECLS
