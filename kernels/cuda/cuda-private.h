/* The CUDA backend inside: what its files share. See launch.h for how they are built.
 *
 * One backend is one stream of one device, and every op enqueues on it. Nothing is allocated
 * while ops run, but for a workspace that grows until it is large enough. */
#pragma once

#include "launch.h"
#include "pmod-backend-private.h"

typedef struct
{
  PmodBackend base;
  int device;
  char device_name[80];
  int compute_capability; /* 90 for 9.0 */
  int n_processors;       /* streaming multiprocessors */
  cudaStream_t stream;
  void *workspace;
  size_t workspace_bytes;
  unsigned workspace_age;          /* grows when what it was is given back */
  const int32_t *step;             /* of the graph that is recorded, else NULL */
  int n_steps;                     /* likewise, else 0 */
  size_t wanted_bytes;             /* of workspace, more than there was while it was recorded */
  struct PmodCudaMarks *marks;     /* what order.cu keeps */
  struct PmodCudaStaging *staging; /* what device.cu keeps */
  struct PmodCudaLt *lt;           /* what gemm-lt.cu keeps */
} PmodCudaBackend;

typedef struct
{
  PmodMatrix base;
  void *data; /* [N,K] of dtype act, rows one after another, on the device */
} PmodCudaMatrix;

/* --- Memory: device.cu ---------------------------------------------------------------------- */

/* Opens self->device. false where it cannot be used; reason [n_bytes] says why. */
bool pmod_cuda_open (PmodCudaBackend *self, char *reason, size_t n_bytes);
void pmod_cuda_close (PmodCudaBackend *self);
void *pmod_cuda_alloc (PmodCudaBackend *self, size_t n_bytes);
void pmod_cuda_free (PmodCudaBackend *self, void *data);

/* Copies within the stream. What is uploaded may be changed when the call returns; what is
 * downloaded is there. */
void pmod_cuda_upload (PmodCudaBackend *self, void *dst, const void *src_host, size_t n_bytes);
void pmod_cuda_download (PmodCudaBackend *self, void *dst_host, const void *src, size_t n_bytes);
void pmod_cuda_copy (PmodCudaBackend *self, void *dst, const void *src, size_t n_bytes);
void pmod_cuda_wait (PmodCudaBackend *self);
void pmod_cuda_get_memory (PmodCudaBackend *self, size_t *free_bytes, size_t *total_bytes);

/* Whether a call of the runtime went well; if not it sticks as the backend's failure, what says
 * where. */
bool pmod_cuda_check (PmodCudaBackend *self, cudaError_t error, const char *what);

/* After a launch: a launch that was refused sticks as the backend's failure. */
void pmod_cuda_check_launch (PmodCudaBackend *self, const char *op);

/* backend.cu: n_bytes of device memory, valid until the next call. NULL where there is no room,
 * which is a failure, and where a graph is recorded that needs more than there is. */
void *pmod_cuda_workspace (PmodCudaBackend *self, size_t n_bytes);

/* --- The order of work: order.cu ------------------------------------------------------------ */

void pmod_cuda_mark (PmodBackend *backend, int mark);
void pmod_cuda_wait_mark (PmodBackend *backend, int mark);
double pmod_cuda_mark_us (PmodBackend *backend, int from, int to);
void pmod_cuda_range_begin (PmodBackend *backend, const char *name);
void pmod_cuda_range_end (PmodBackend *backend);
bool pmod_cuda_graph_begin (PmodBackend *backend, const PmodTensor *step, int n_steps);
PmodGraph *pmod_cuda_graph_end (PmodBackend *backend, PmodGraph *graph);
bool pmod_cuda_graph_run (PmodBackend *backend, PmodGraph *graph);
void pmod_cuda_graph_free (PmodBackend *backend, PmodGraph *graph);
void pmod_cuda_marks_free (PmodCudaBackend *self);

/* --- Products: gemm-plain.cu, gemm-lt.cu ---------------------------------------------------- */

/* y[M,N] = x[M,K] . w[N,K]^T + beta y, all with rows one after another; x and w of dtype act, y
 * F32 or BF16; summed in F32. */
typedef struct
{
  void *y;
  PmodDtype y_dtype;
  const void *x, *w;
  PmodDtype act;
  int64_t m, n, k;
  float beta;
} PmodCudaProduct;

void pmod_cuda_multiply (PmodCudaBackend *self, const PmodCudaProduct *product);

/* The same by cuBLAS. false where there is none, or none for this product. */
bool pmod_cuda_lt_multiply (PmodCudaBackend *self, const PmodCudaProduct *product);
void pmod_cuda_lt_free (PmodCudaBackend *self);

/* Whether there is a cuBLAS: else products of many rows are slow. */
bool pmod_cuda_lt_is_there (PmodCudaBackend *self);

/* y = epilogue (product + bias), product F32 of y's shape; bias may be NULL. */
void pmod_cuda_epilogue (PmodCudaBackend *self,
                         PmodTensor *y,
                         const float *product,
                         const float *bias,
                         PmodEpilogue epilogue);

/* --- Shapes --------------------------------------------------------------------------------- */

/* Blocks for n elements, of which a thread takes one after another, a grid apart. As many as fill
 * any card several times over; more would only wait. n > 0. */
static inline unsigned
pmod_cuda_grid (int64_t n, int64_t n_threads)
{
  int64_t n_blocks = (n + n_threads - 1) / n_threads;

  return (unsigned)(n_blocks < 4096 ? n_blocks : 4096);
}

/* Whether rows of d floats of an F32 tensor are whole packs. */
static inline bool
pmod_cuda_in_quads (const PmodTensor *tensor, int64_t d)
{
  return d % 4 == 0 && (uintptr_t)tensor->data % sizeof (Quad) == 0;
}

/* --- The backend ---------------------------------------------------------------------------- */

/* NULL where the device cannot be used; reason [n_bytes] says why. */
PmodBackend *pmod_cuda_backend_new (int device, char *reason, size_t n_bytes);

/* --- Ops ------------------------------------------------------------------------------------ */

PmodMatrix *pmod_cuda_matrix_new (
    PmodBackend *backend, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act);
PmodMatrix *pmod_cuda_matrix_new_random (
    PmodBackend *backend, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed);
void pmod_cuda_matrix_free (PmodBackend *backend, PmodMatrix *matrix);
uint64_t pmod_cuda_checksum (PmodBackend *backend, const void *data, size_t n_bytes);

void pmod_cuda_linear (PmodBackend *backend,
                       PmodTensor *y,
                       const PmodTensor *x,
                       const PmodMatrix *w,
                       const PmodTensor *bias,
                       PmodEpilogue epilogue);
void pmod_cuda_rmsnorm (
    PmodBackend *backend, PmodTensor *y, const PmodTensor *x, const PmodTensor *w, float eps);
void pmod_cuda_layernorm (PmodBackend *backend,
                          PmodTensor *y,
                          const PmodTensor *x,
                          const PmodTensor *w,
                          const PmodTensor *b,
                          float eps);
void pmod_cuda_swiglu (PmodBackend *backend, PmodTensor *y, const PmodTensor *gate_up);
void pmod_cuda_split_qkv (PmodBackend *backend,
                          PmodTensor *q,
                          PmodTensor *k,
                          PmodTensor *v,
                          const PmodTensor *qkv,
                          const PmodTensor *cos_sin,
                          const PmodTensor *rows,
                          int64_t pos0,
                          int64_t kv_offset);
void pmod_cuda_attention (PmodBackend *backend,
                          PmodTensor *out,
                          const PmodTensor *q,
                          const PmodTensor *k,
                          const PmodTensor *v,
                          int64_t kv_len,
                          bool causal,
                          float scale);
void pmod_cuda_patchify (PmodBackend *backend,
                         PmodTensor *patches,
                         const PmodTensor *pixels,
                         int64_t patch);
void pmod_cuda_embed_patches (PmodBackend *backend,
                              PmodTensor *x,
                              const PmodTensor *patches,
                              const PmodTensor *cls,
                              const PmodTensor *position);
void pmod_cuda_resample (PmodBackend *backend, PmodTensor *y, const PmodTensor *x);
void pmod_cuda_gather_rows (PmodBackend *backend,
                            PmodTensor *y,
                            const PmodTensor *table,
                            const PmodTensor *idx);
void pmod_cuda_router_logits (PmodBackend *backend,
                              PmodTensor *logit,
                              const PmodTensor *x,
                              const PmodTensor *w,
                              const PmodTensor *b,
                              const PmodTensor *targets);
void pmod_cuda_router_weights (PmodBackend *backend,
                               PmodTensor *weight,
                               const PmodTensor *logit,
                               const PmodWeightNorm *norm);
void pmod_cuda_pick (PmodBackend *backend,
                     PmodTensor *ids,
                     PmodTensor *values,
                     PmodTensor *sums,
                     const PmodTensor *logits,
                     const PmodTensor *kept,
                     const PmodTensor *temperature);
void pmod_cuda_top_k (PmodBackend *backend,
                      PmodTensor *kept,
                      const PmodTensor *weight,
                      const PmodTensor *logit,
                      int64_t k);
void pmod_cuda_route_plan (PmodBackend *backend,
                           PmodTensor *rows,
                           PmodTensor *slot,
                           PmodTensor *row_weight,
                           const PmodTensor *kept,
                           const PmodTensor *weight,
                           const PmodTensor *targets);
void pmod_cuda_reweight_scatter (PmodBackend *backend,
                                 PmodTensor *x,
                                 const PmodTensor *h,
                                 const PmodTensor *m,
                                 const PmodTensor *slot,
                                 const PmodTensor *row_weight);
