/* The table behind kernels/pmod-ops-train.h of the CUDA backend. */
#include "cuda-train.h"
#include "on-device.h"

const PmodTrainOps pmod_cuda_train_ops = {
  .fill = ON_DEVICE (pmod_cuda_fill),
  .blend = ON_DEVICE (pmod_cuda_blend),
  .divide_rows = ON_DEVICE (pmod_cuda_divide_rows),
  .matrix_new_trainable = ON_DEVICE (pmod_cuda_matrix_new_trainable),
  .matrix_update = ON_DEVICE (pmod_cuda_matrix_update),
  .linear_backward = ON_DEVICE (pmod_cuda_linear_backward),
  .rmsnorm_backward = ON_DEVICE (pmod_cuda_rmsnorm_backward),
  .layernorm_backward = ON_DEVICE (pmod_cuda_layernorm_backward),
  .swiglu_backward = ON_DEVICE (pmod_cuda_swiglu_backward),
  .activation = ON_DEVICE (pmod_cuda_activation),
  .activation_backward = ON_DEVICE (pmod_cuda_activation_backward),
  .split_qkv_backward = ON_DEVICE (pmod_cuda_split_qkv_backward),
  .attention_masked = ON_DEVICE (pmod_cuda_attention_masked),
  .attention_backward = ON_DEVICE (pmod_cuda_attention_backward),
  .embed_patches_backward = ON_DEVICE (pmod_cuda_embed_patches_backward),
  .gather_rows_backward = ON_DEVICE (pmod_cuda_gather_rows_backward),
  .router_weights_backward = ON_DEVICE (pmod_cuda_router_weights_backward),
  .router_logits_backward = ON_DEVICE (pmod_cuda_router_logits_backward),
  .reweight_scatter_backward = ON_DEVICE (pmod_cuda_reweight_scatter_backward),
  .cross_entropy = ON_DEVICE (pmod_cuda_cross_entropy),
  .router_loss = ON_DEVICE (pmod_cuda_router_loss),
  .grad_norm = ON_DEVICE (pmod_cuda_grad_norm),
  .adamw = ON_DEVICE (pmod_cuda_adamw),
  .muon = ON_DEVICE (pmod_cuda_muon),
};
