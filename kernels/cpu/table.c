/* The backend table of one level, compiled once for each. */
#include "simd.h"

/* Each of the type of its entry. */
#define DECLARE(table, name) PMOD_ENTRY (table, name) LEVEL (pmod_cpu_##name)

DECLARE (PmodCpuKernels, pack_panel);
DECLARE (PmodCpuKernels, product);
DECLARE (PmodOps, rmsnorm);
DECLARE (PmodOps, layernorm);
DECLARE (PmodOps, swiglu);
DECLARE (PmodOps, split_qkv);
DECLARE (PmodOps, attention);
DECLARE (PmodOps, attention_received);
DECLARE (PmodOps, patchify);
DECLARE (PmodOps, embed_patches);
DECLARE (PmodOps, resample);
DECLARE (PmodOps, gather_rows);
DECLARE (PmodOps, router_logits);
DECLARE (PmodOps, target_norms);
DECLARE (PmodOps, router_weights);
DECLARE (PmodOps, top_k);
DECLARE (PmodOps, pick);
DECLARE (PmodOps, route_plan);
DECLARE (PmodOps, reweight_scatter);

/* Bytes: all of them once. The sum of integers is the same in any order, so threads and lanes may
 * each sum their own. */
static uint64_t
checksum (PmodBackend *backend, const void *data, size_t n_bytes)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  const uint64_t *words = data;
  int64_t n = (int64_t)(n_bytes / 8);
  uint64_t sum = 0;
  bool parallel = n_bytes > PARALLEL_MIN;

#pragma omp parallel for num_threads(self->n_threads) if (parallel) schedule(static)               \
    reduction(+ : sum)
  for (int64_t i = 0; i < n; i++)
    sum += words[i];
  return sum;
}

extern const PmodTrainOps LEVEL (pmod_cpu_train_ops);

const PmodCpuKernels LEVEL (pmod_cpu_kernels) = {
  .ops = {
    .name = "cpu",
    .train = &LEVEL (pmod_cpu_train_ops),
    .free = pmod_cpu_free,
    .get_info = pmod_cpu_get_info,
    .sync = pmod_cpu_sync,
    .mark = pmod_cpu_mark,
    .wait_mark = pmod_cpu_wait_mark,
    .mark_us = pmod_cpu_mark_us,
    .alloc = pmod_cpu_alloc,
    .release = pmod_cpu_release,
    .upload = pmod_cpu_move,
    .download = pmod_cpu_move,
    .copy = pmod_cpu_move,
    .checksum = checksum,
    .matrix_new = pmod_cpu_matrix_new,
    .matrix_new_random = pmod_cpu_matrix_new_random,
    .matrix_free = pmod_cpu_matrix_free,
    .linear = pmod_cpu_linear,
    .rmsnorm = LEVEL (pmod_cpu_rmsnorm),
    .layernorm = LEVEL (pmod_cpu_layernorm),
    .swiglu = LEVEL (pmod_cpu_swiglu),
    .split_qkv = LEVEL (pmod_cpu_split_qkv),
    .attention = LEVEL (pmod_cpu_attention),
    .attention_received = LEVEL (pmod_cpu_attention_received),
    .patchify = LEVEL (pmod_cpu_patchify),
    .embed_patches = LEVEL (pmod_cpu_embed_patches),
    .resample = LEVEL (pmod_cpu_resample),
    .gather_rows = LEVEL (pmod_cpu_gather_rows),
    .router_logits = LEVEL (pmod_cpu_router_logits),
    .target_norms = LEVEL (pmod_cpu_target_norms),
    .router_weights = LEVEL (pmod_cpu_router_weights),
    .top_k = LEVEL (pmod_cpu_top_k),
    .pick = LEVEL (pmod_cpu_pick),
    .route_plan = LEVEL (pmod_cpu_route_plan),
    .reweight_scatter = LEVEL (pmod_cpu_reweight_scatter),
  },
#if defined(__AVX512BF16__)
  .bf16_native = true,
  .onednn_bf16 = true,
  .onednn_f32 = true,
  .name = "AVX-512 BF16",
#elif defined(__AVX512F__)
  .onednn_f32 = true,
  .name = "AVX-512",
#elif defined(__AVX2__)
  .name = "AVX2",
#else
  .name = "portable",
#endif
  .pack_panel = LEVEL (pmod_cpu_pack_panel),
  .product = LEVEL (pmod_cpu_product),
};
