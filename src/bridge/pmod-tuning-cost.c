/* What a prompt will cost under a tuning, before it runs: counts from shapes, nothing is measured.
 * The figures are those of a run that shares nothing with an earlier one. */
#include "config.h"

#include "pmod-model-card-private.h"
#include "pmod-tuning-private.h"

gboolean
pmod_tuning_predict (
    PmodTuning *self, int n_vision, int n_text, int n_tiles, PmodTuningCost *cost, GError **error)
{
  PmodModelCard *card = pmod_tuning_get_model (self);
  gint64 n_kept[PMOD_MAX_LAYERS];
  double ratios[PMOD_MAX_LAYERS];
  gint64 n_cached = 0;
  PmodParams params;
  PmodFlops flops;
  gboolean known;
  double token;

  *cost = (PmodTuningCost){ 0 };
  if (!card)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "no model is loaded");
      return FALSE;
    }
  pmod_tuning_get_params (self, &params);
  known = pmod_routing_ratios (&params.routing, card->facts->config, ratios, error);
  pmod_params_clear (&params);
  if (!known)
    return FALSE;
  flops = pmod_meter_prefill (card->facts->config, ratios, n_vision, n_text, n_tiles, n_kept);
  for (int l = 0; l < card->n_layers; l++)
    n_cached += n_kept[l] + n_text;
  token = (double)card->facts->kv_token_bytes;
  cost->paper = flops.paper;
  cost->paper_dense = flops.paper_dense;
  cost->all = flops.all;
  cost->all_dense = flops.all_dense;
  cost->kv_bytes = (double)n_cached * token;
  cost->kv_bytes_dense = (double)card->n_layers * (n_vision + n_text) * token;
  return TRUE;
}

gboolean
pmod_tuning_predict_run (PmodTuning *self, PmodRun *run, PmodTuningCost *cost, GError **error)
{
  int n_vision = pmod_run_get_n_vision (run);

  *cost = (PmodTuningCost){ 0 };
  if (!pmod_run_has_begun (run))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "the run has not begun");
      return FALSE;
    }
  return pmod_tuning_predict (self, n_vision, pmod_run_get_n_prompt_tokens (run) - n_vision,
                              pmod_run_get_n_tiles (run), cost, error);
}

int
pmod_tuning_get_picture_tokens (PmodTuning *self)
{
  PmodModelCard *card = pmod_tuning_get_model (self);

  return card ? pmod_config_tile_tokens (card->facts->config) : 0;
}
