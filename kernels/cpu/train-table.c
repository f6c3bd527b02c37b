/* The table of training ops of one level, compiled once for each. */
#include "train.h"

const PmodTrainOps LEVEL (pmod_cpu_train_ops) = {
  .fill = LEVEL (pmod_cpu_fill),
  .blend = LEVEL (pmod_cpu_blend),
  .divide_rows = LEVEL (pmod_cpu_divide_rows),
  .matrix_new_trainable = LEVEL (pmod_cpu_matrix_new_trainable),
  .matrix_update = LEVEL (pmod_cpu_matrix_update),
  .linear_backward = LEVEL (pmod_cpu_linear_backward),
  .rmsnorm_backward = LEVEL (pmod_cpu_rmsnorm_backward),
  .layernorm_backward = LEVEL (pmod_cpu_layernorm_backward),
  .swiglu_backward = LEVEL (pmod_cpu_swiglu_backward),
  .activation = LEVEL (pmod_cpu_activation),
  .activation_backward = LEVEL (pmod_cpu_activation_backward),
  .split_qkv_backward = LEVEL (pmod_cpu_split_qkv_backward),
  .attention_masked = LEVEL (pmod_cpu_attention_masked),
  .attention_backward = LEVEL (pmod_cpu_attention_backward),
  .embed_patches_backward = LEVEL (pmod_cpu_embed_patches_backward),
  .gather_rows_backward = LEVEL (pmod_cpu_gather_rows_backward),
  .router_weights_backward = LEVEL (pmod_cpu_router_weights_backward),
  .router_logits_backward = LEVEL (pmod_cpu_router_logits_backward),
  .reweight_scatter_backward = LEVEL (pmod_cpu_reweight_scatter_backward),
  .cross_entropy = LEVEL (pmod_cpu_cross_entropy),
  .router_loss = pmod_cpu_router_loss,
  .grad_norm = LEVEL (pmod_cpu_grad_norm),
  .adamw = LEVEL (pmod_cpu_adamw),
  .muon = LEVEL (pmod_cpu_muon),
};
