/* What a run costs: FLOPs under two rules, and bytes of the KV cache, against the dense model.
 * Pure arithmetic from shapes and counts.
 *
 * Paper rule: 2 x multiply-adds of the decoder's linear layers for every token that a layer
 *   processes, plus lm_head at every position. Attention's products, the vision tower and the
 *   projector are not counted. LLaVA-v1.5-7B, 576 vision and 58 text tokens: 8.38 and 4.92 TFLOPs.
 * All work: what this engine multiplies: the linear layers, attention's two products (causal:
 *   only the pairs that are computed), the routers, the tower, the projector, and lm_head at the
 *   one position that is needed. Norms and activations are left out. */
#pragma once

#include "pmod-config.h"

G_BEGIN_DECLS

typedef struct
{
  double paper;
  double paper_dense;
  double all;
  double all_dense;
} PmodFlops;

void pmod_flops_add (PmodFlops *self, const PmodFlops *other);

/* One decoder layer over n_tokens tokens (n_dense in the dense model) with n_past (n_past_dense)
 * tokens in its cache before them; n_routed tokens are scored by its router, 0 if plain. */
PmodFlops pmod_meter_layer (const PmodConfig *config,
                            gint64 n_tokens,
                            gint64 n_dense,
                            gint64 n_past,
                            gint64 n_past_dense,
                            gint64 n_routed);

/* lm_head after n_tokens tokens: paper counts all, the engine computes one. */
PmodFlops pmod_meter_head (const PmodConfig *config, gint64 n_tokens);

/* The tower over n_tiles tiles, and the projector over their tokens; the paper rule counts 0. */
PmodFlops pmod_meter_vision (const PmodConfig *config, gint64 n_tiles);
PmodFlops pmod_meter_projector (const PmodConfig *config, gint64 n_tiles);

/* The whole prefill of n_vision vision and n_text text tokens under ratios[n_layers]; n_tiles
 * tiles go through the tower (0: left out). Writes n_kept[n_layers] (vision tokens) if not NULL. */
PmodFlops pmod_meter_prefill (const PmodConfig *config,
                              const double *ratios,
                              gint64 n_vision,
                              gint64 n_text,
                              gint64 n_tiles,
                              gint64 *n_kept);

/* The share of the vision tokens that the layers' caches hold, text left out: by the ratios (the
 * paper's "KV 53.8 %" of LLaVA-v1.5-7B, 0.5375), and by whole tokens of n_vision, whose truncation
 * makes it 0.5369 of 576 and 0.5374 of 2928 tokens. */
void pmod_meter_retention (
    const double *ratios, int n_layers, gint64 n_vision, double *by_ratio, double *by_count);

/* Keys and values of one token in one layer, in bytes. */
guint64 pmod_meter_kv_token_bytes (const PmodConfig *config, int element_bytes);

G_END_DECLS
