/* The table behind kernels/pmod-ops-train.h of the CUDA backend. */
#include "cuda-train.h"

const PmodTrainOps pmod_cuda_train_ops = {
  .fill = pmod_cuda_fill,
  .blend = pmod_cuda_blend,
  .divide_rows = pmod_cuda_divide_rows,
  .matrix_new_trainable = pmod_cuda_matrix_new_trainable,
  .matrix_update = pmod_cuda_matrix_update,
  .linear_backward = pmod_cuda_linear_backward,
  .rmsnorm_backward = pmod_cuda_rmsnorm_backward,
  .layernorm_backward = pmod_cuda_layernorm_backward,
  .swiglu_backward = pmod_cuda_swiglu_backward,
  .activation = pmod_cuda_activation,
  .activation_backward = pmod_cuda_activation_backward,
  .split_qkv_backward = pmod_cuda_split_qkv_backward,
  .attention_masked = pmod_cuda_attention_masked,
  .attention_backward = pmod_cuda_attention_backward,
  .embed_patches_backward = pmod_cuda_embed_patches_backward,
  .gather_rows_backward = pmod_cuda_gather_rows_backward,
  .router_weights_backward = pmod_cuda_router_weights_backward,
  .router_logits_backward = pmod_cuda_router_logits_backward,
  .reweight_scatter_backward = pmod_cuda_reweight_scatter_backward,
  .cross_entropy = pmod_cuda_cross_entropy,
  .router_loss = pmod_cuda_router_loss,
  .grad_norm = pmod_cuda_grad_norm,
  .adamw = pmod_cuda_adamw,
  .muon = pmod_cuda_muon,
};
