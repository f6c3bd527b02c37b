/* The CUDA backend as the table has it: what the device does not do itself. */
#include "cuda-train.h"
#include "on-device.h"

#include <stdio.h>
#include <stdlib.h>

/* --- The table's entries of memory ---------------------------------------------------------- */

static PmodCudaBackend *
cast (PmodBackend *backend)
{
  return (PmodCudaBackend *)backend;
}

static void *
alloc (PmodBackend *backend, size_t n_bytes)
{
  return pmod_cuda_alloc (cast (backend), n_bytes);
}

static void
release (PmodBackend *backend, void *data)
{
  pmod_cuda_free (cast (backend), data);
}

static void
upload (PmodBackend *backend, void *dst, const void *src_host, size_t n_bytes)
{
  pmod_cuda_upload (cast (backend), dst, src_host, n_bytes);
}

static void
download (PmodBackend *backend, void *dst_host, const void *src, size_t n_bytes)
{
  pmod_cuda_download (cast (backend), dst_host, src, n_bytes);
}

static void
copy (PmodBackend *backend, void *dst, const void *src, size_t n_bytes)
{
  pmod_cuda_copy (cast (backend), dst, src, n_bytes);
}

/* What one query's attention needs on the longest context of 64 heads of 128, four times over: a
 * token step must not allocate, however many splits its keys come to. */
#define WORKSPACE_LEAST ((size_t)4 << 20)

void *
pmod_cuda_workspace (PmodCudaBackend *self, size_t n_bytes)
{
  if (n_bytes < WORKSPACE_LEAST)
    n_bytes = WORKSPACE_LEAST;
  if ((n_bytes > self->workspace_bytes || !self->workspace) && self->step)
    {
      self->wanted_bytes = n_bytes > self->wanted_bytes ? n_bytes : self->wanted_bytes;
      return NULL;
    }
  if (n_bytes > self->workspace_bytes || !self->workspace)
    {
      /* What is enqueued may still use the old one. */
      pmod_cuda_wait (self);
      pmod_cuda_free (self, self->workspace);
      self->workspace_bytes = 0;
      self->workspace_age++;
      self->workspace = pmod_cuda_alloc (self, n_bytes);
      if (self->workspace)
        self->workspace_bytes = n_bytes;
    }
  return self->workspace;
}

/* --- Checksum ------------------------------------------------------------------------------- */

/* Warps of one block a processor, several times over. */
#define CHECKSUM_GRID 2048
#define CHECKSUM_BLOCK 256

__global__ void
checksum_kernel (unsigned long long *sums, const unsigned long long *data, int64_t n)
{
  __shared__ unsigned long long scratch[CHECKSUM_BLOCK];
  int64_t stride = (int64_t)gridDim.x * blockDim.x;
  unsigned long long sum = 0;

  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    sum += data[i];
  sum = tree_sum (sum, scratch);
  if (threadIdx.x == 0)
    sums[blockIdx.x] = sum;
}

uint64_t
pmod_cuda_checksum (PmodBackend *backend, const void *data, size_t n_bytes)
{
  PmodCudaBackend *self = cast (backend);
  unsigned long long sums[CHECKSUM_GRID] = { 0 };
  int64_t n = (int64_t)(n_bytes / 8), n_blocks = (n + CHECKSUM_BLOCK - 1) / CHECKSUM_BLOCK;
  unsigned grid = (unsigned)(n_blocks < CHECKSUM_GRID ? n_blocks : CHECKSUM_GRID);
  unsigned long long *device = (unsigned long long *)pmod_cuda_workspace (self, sizeof sums);
  uint64_t sum = 0;

  if (!device || grid == 0)
    return 0;
  PMOD_LAUNCH (checksum_kernel, grid, CHECKSUM_BLOCK, 0, self->stream, device,
               (const unsigned long long *)data, n);
  pmod_cuda_check_launch (self, "checksum");
  pmod_cuda_download (self, sums, device, grid * sizeof *sums);
  for (unsigned i = 0; i < grid; i++)
    sum += sums[i];
  return sum;
}

/* --- Lifecycle ------------------------------------------------------------------------------ */

static void
sync_backend (PmodBackend *backend)
{
  pmod_cuda_wait (cast (backend));
}

static void
free_backend (PmodBackend *backend)
{
  PmodCudaBackend *self = cast (backend);

  pmod_cuda_lt_free (self);
  pmod_cuda_marks_free (self);
  pmod_cuda_close (self);
  free (self);
}

static void
get_info (PmodBackend *backend, PmodBackendInfo *info)
{
  PmodCudaBackend *self = cast (backend);

  snprintf (info->name, sizeof info->name, "%s, compute capability %d.%d%s", self->device_name,
            self->compute_capability / 10, self->compute_capability % 10,
            pmod_cuda_lt_is_there (self) ? "" : ", no cuBLAS");
  info->n_threads = 1;
  pmod_cuda_get_memory (self, &info->free_bytes, &info->total_bytes);
  /* What the first op to need a workspace will take is nobody else's. */
  if (!self->workspace)
    info->free_bytes -= info->free_bytes < WORKSPACE_LEAST ? info->free_bytes : WORKSPACE_LEAST;
  info->host_memory = false;
  info->bf16_native = self->compute_capability >= 80;
  info->f16_native = true; /* on every card that is taken */
}

static PmodBackend *
new_beside (PmodBackend *backend)
{
  char reason[1];

  /* So that what is free from now on is free for both. */
  if (!pmod_cuda_workspace (cast (backend), 0))
    {
      pmod_backend_clear_error (backend);
      return NULL;
    }
  return pmod_cuda_backend_new (cast (backend)->device, true, reason, sizeof reason);
}

static const PmodOps ops = {
  .name = "cuda",
  .train = &pmod_cuda_train_ops,
  .computes_f16 = true,
  .new_beside = ON_DEVICE (new_beside),
  .free = ON_DEVICE (free_backend),
  .get_info = ON_DEVICE (get_info),
  .sync = ON_DEVICE (sync_backend),
  .alloc = ON_DEVICE (alloc),
  .release = ON_DEVICE (release),
  .upload = ON_DEVICE (upload),
  .download = ON_DEVICE (download),
  .copy = ON_DEVICE (copy),
  .checksum = ON_DEVICE (pmod_cuda_checksum),
  .mark = ON_DEVICE (pmod_cuda_mark),
  .wait_mark = ON_DEVICE (pmod_cuda_wait_mark),
  .mark_us = ON_DEVICE (pmod_cuda_mark_us),
  .range_begin = ON_DEVICE (pmod_cuda_range_begin),
  .range_end = ON_DEVICE (pmod_cuda_range_end),
  .graph_begin = ON_DEVICE (pmod_cuda_graph_begin),
  .graph_end = ON_DEVICE (pmod_cuda_graph_end),
  .graph_run = ON_DEVICE (pmod_cuda_graph_run),
  .graph_free = ON_DEVICE (pmod_cuda_graph_free),
  .matrix_new = ON_DEVICE (pmod_cuda_matrix_new),
  .matrix_new_random = ON_DEVICE (pmod_cuda_matrix_new_random),
  .matrix_free = ON_DEVICE (pmod_cuda_matrix_free),
  .linear = ON_DEVICE (pmod_cuda_linear),
  .rmsnorm = ON_DEVICE (pmod_cuda_rmsnorm),
  .layernorm = ON_DEVICE (pmod_cuda_layernorm),
  .swiglu = ON_DEVICE (pmod_cuda_swiglu),
  .split_qkv = ON_DEVICE (pmod_cuda_split_qkv),
  .attention = ON_DEVICE (pmod_cuda_attention),
  .attention_received = ON_DEVICE (pmod_cuda_attention_received),
  .patchify = ON_DEVICE (pmod_cuda_patchify),
  .embed_patches = ON_DEVICE (pmod_cuda_embed_patches),
  .resample = ON_DEVICE (pmod_cuda_resample),
  .gather_rows = ON_DEVICE (pmod_cuda_gather_rows),
  .router_logits = ON_DEVICE (pmod_cuda_router_logits),
  .target_norms = ON_DEVICE (pmod_cuda_target_norms),
  .router_weights = ON_DEVICE (pmod_cuda_router_weights),
  .top_k = ON_DEVICE (pmod_cuda_top_k),
  .pick = ON_DEVICE (pmod_cuda_pick),
  .route_plan = ON_DEVICE (pmod_cuda_route_plan),
  .reweight_scatter = ON_DEVICE (pmod_cuda_reweight_scatter),
};

PmodBackend *
pmod_cuda_backend_new (int device, bool is_beside, char *reason, size_t n_bytes)
{
  PmodCudaBackend *self = (PmodCudaBackend *)calloc (1, sizeof *self);

  if (!self)
    {
      snprintf (reason, n_bytes, "no memory for a backend");
      return NULL;
    }
  self->base.ops = &ops;
  self->device = device;
  self->is_beside = is_beside;
  if (pmod_cuda_open (self, reason, n_bytes))
    return &self->base;
  free (self);
  return NULL;
}

#ifndef PMOD_CUDA_EMULATED
extern "C" PmodBackend *
pmod_backend_new_cuda (int device, char *reason, size_t n_bytes)
{
  return pmod_cuda_backend_new (device, false, reason, n_bytes);
}
#endif
