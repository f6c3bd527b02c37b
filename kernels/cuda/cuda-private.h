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
  bool has_mma;           /* and machine code with the tensor cores' instructions of 8.0 */
  bool is_beside;         /* another's work is more urgent */
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

void pmod_cuda_marks_free (PmodCudaBackend *self);

/* --- Products: gemm-plain.cu, gemm-lt.cu ---------------------------------------------------- */

/* y[M,N] = x[M,K] . w[N,K]^T + beta y, all with rows one after another; x and w of dtype act, y
 * F32 or act, or any compute dtype where act is F32; summed in F32. */
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

/* --- Compute dtypes ------------------------------------------------------------------------- */

template <typename T> struct PmodCudaType
{
  typedef T Element;
};

/* Calls what with the PmodCudaType of a compute dtype. */
template <typename What>
static inline void
pmod_cuda_with (PmodDtype dtype, const What &what)
{
  if (dtype == PMOD_DTYPE_F32)
    what (PmodCudaType<float> ());
  else if (dtype == PMOD_DTYPE_F16)
    what (PmodCudaType<__half> ());
  else
    what (PmodCudaType<__nv_bfloat16> ());
}

/* Of a PmodCudaType that such a call got. */
#define PMOD_ELEMENT(type) typename decltype (type)::Element

/* --- The backend ---------------------------------------------------------------------------- */

/* NULL where the device cannot be used; reason [n_bytes] says why. */
PmodBackend *pmod_cuda_backend_new (int device, bool is_beside, char *reason, size_t n_bytes);

/* --- Ops ------------------------------------------------------------------------------------ */

/* Each of the type of its entry. */
#define DECLARE(name) PMOD_ENTRY (PmodOps, name) pmod_cuda_##name

DECLARE (matrix_new);
DECLARE (matrix_new_random);
DECLARE (matrix_free);
DECLARE (checksum);
DECLARE (linear);
DECLARE (rmsnorm);
DECLARE (layernorm);
DECLARE (swiglu);
DECLARE (split_qkv);
DECLARE (attention);
DECLARE (attention_received);
DECLARE (patchify);
DECLARE (embed_patches);
DECLARE (resample);
DECLARE (gather_rows);
DECLARE (router_logits);
DECLARE (target_norms);
DECLARE (router_weights);
DECLARE (pick);
DECLARE (top_k);
DECLARE (route_plan);
DECLARE (reweight_scatter);
DECLARE (mark);
DECLARE (wait_mark);
DECLARE (mark_us);
DECLARE (range_begin);
DECLARE (range_end);
DECLARE (graph_begin);
DECLARE (graph_end);
DECLARE (graph_run);
DECLARE (graph_free);

#undef DECLARE
