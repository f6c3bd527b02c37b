/* FLOPs and KV bytes from shapes and counts. Measures nothing: times are in pmod-bench.c. */
#include "pmod-meter.h"

void
pmod_flops_add (PmodFlops *self, const PmodFlops *other)
{
  self->paper += other->paper;
  self->paper_dense += other->paper_dense;
  self->all += other->all;
  self->all_dense += other->all_dense;
}

/* Weights of one decoder layer's linear layers: q, k, v, o, gate, up, down. */
static double
layer_weights (const PmodConfig *config)
{
  double hidden = config->hidden;
  double attended = (double)config->n_heads * config->head_dim;
  double keys = (double)config->n_kv_heads * config->head_dim;

  return hidden * (2 * attended + 2 * keys) + 3 * hidden * config->ffn;
}

/* q.k and p.v over the pairs that a causal mask leaves: token t sees n_past + t + 1 keys. */
static double
attention_flops (const PmodConfig *config, gint64 n_tokens, gint64 n_past)
{
  double n = (double)n_tokens;
  double pairs = n * (double)n_past + n * (n + 1) / 2;

  return 4 * pairs * config->n_heads * config->head_dim;
}

PmodFlops
pmod_meter_layer (const PmodConfig *config,
                  gint64 n_tokens,
                  gint64 n_dense,
                  gint64 n_past,
                  gint64 n_past_dense,
                  gint64 n_routed)
{
  double weights = layer_weights (config);
  PmodFlops flops = { .paper = 2 * weights * (double)n_tokens,
                      .paper_dense = 2 * weights * (double)n_dense };

  flops.all = flops.paper + attention_flops (config, n_tokens, n_past) +
              2.0 * config->hidden * (double)n_routed;
  flops.all_dense = flops.paper_dense + attention_flops (config, n_dense, n_past_dense);
  return flops;
}

PmodFlops
pmod_meter_head (const PmodConfig *config, gint64 n_tokens)
{
  double one = 2.0 * config->hidden * config->vocab;
  double all = n_tokens > 0 ? one : 0;

  return (PmodFlops){ one * (double)n_tokens, one * (double)n_tokens, all, all };
}

PmodFlops
pmod_meter_vision (const PmodConfig *config, gint64 n_tiles)
{
  const PmodVisionConfig *vision = &config->vision;
  double hidden = vision->hidden;
  double patches = pmod_config_tile_tokens (config);
  double tokens = patches + 1;
  double block =
      2 * tokens * (4 * hidden * hidden + 2 * hidden * vision->ffn) + 4 * tokens * tokens * hidden;
  double embed = 2 * patches * 3 * vision->patch_size * vision->patch_size * hidden;
  double all = (double)n_tiles * (pmod_config_n_tower_blocks (config) * block + embed);

  return (PmodFlops){ .all = all, .all_dense = all };
}

PmodFlops
pmod_meter_projector (const PmodConfig *config, gint64 n_tiles)
{
  double hidden = config->hidden;
  double tokens =
      config->has_vision ? pmod_config_tile_tokens (config) + (config->vision_keep_cls ? 1 : 0) : 0;
  double all = (double)n_tiles * 2 * tokens * (config->vision.hidden * hidden + hidden * hidden);

  return (PmodFlops){ .all = all, .all_dense = all };
}

PmodFlops
pmod_meter_prefill (const PmodConfig *config,
                    const double *ratios,
                    gint64 n_vision,
                    gint64 n_text,
                    gint64 n_tiles,
                    gint64 *n_kept)
{
  gint64 n_tokens = n_vision + n_text;
  PmodFlops sum = pmod_meter_head (config, n_tokens), part;

  if (n_tiles > 0)
    {
      part = pmod_meter_vision (config, n_tiles);
      pmod_flops_add (&sum, &part);
      part = pmod_meter_projector (config, n_tiles);
      pmod_flops_add (&sum, &part);
    }
  for (int i = 0; i < config->n_layers; i++)
    {
      gboolean routed = ratios[i] != PMOD_RATIO_PLAIN && n_vision > 0;
      gint64 kept = routed ? pmod_schedule_keep_count (n_vision, ratios[i]) : n_vision;

      part = pmod_meter_layer (config, kept + n_text, n_tokens, 0, 0, routed ? n_vision : 0);
      pmod_flops_add (&sum, &part);
      if (n_kept != NULL)
        n_kept[i] = kept;
    }
  return sum;
}

void
pmod_meter_retention (
    const double *ratios, int n_layers, gint64 n_vision, double *by_ratio, double *by_count)
{
  double ratio_sum = 0;
  gint64 kept = 0;

  for (int i = 0; i < n_layers; i++)
    {
      gboolean routed = ratios[i] != PMOD_RATIO_PLAIN;

      ratio_sum += routed ? ratios[i] : 1;
      kept += routed ? pmod_schedule_keep_count (n_vision, ratios[i]) : n_vision;
    }
  *by_ratio = n_layers > 0 ? ratio_sum / n_layers : 1;
  *by_count =
      n_layers > 0 && n_vision > 0 ? (double)kept / ((double)n_vision * n_layers) : *by_ratio;
}

guint64
pmod_meter_kv_token_bytes (const PmodConfig *config, int element_bytes)
{
  return (guint64)2 * config->n_kv_heads * config->head_dim * element_bytes;
}
