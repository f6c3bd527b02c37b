/* PmodRun: typed answers about the records that have come. See pmod-run.h. */
#include "config.h"

#include "pmod-run-state-private.h"

#include <string.h>

PmodRunPhase
pmod_run_get_phase (PmodRun *self)
{
  return self->phase;
}

gboolean
pmod_run_is_finished (PmodRun *self)
{
  return self->phase >= PMOD_RUN_DONE;
}

const char *
pmod_run_get_text (PmodRun *self)
{
  return self->text->str;
}

const char *
pmod_run_get_error (PmodRun *self)
{
  return self->error;
}

gboolean
pmod_run_has_begun (PmodRun *self)
{
  return self->begin != NULL;
}

gboolean
pmod_run_has_maps (PmodRun *self)
{
  return self->has_maps;
}

guint64
pmod_run_get_generation (PmodRun *self)
{
  return self->begin ? self->begin->generation : 0;
}

int
pmod_run_get_policy (PmodRun *self)
{
  return self->begin ? self->begin->policy : 0;
}

int
pmod_run_get_n_layers (PmodRun *self)
{
  return self->begin ? self->begin->n_layers : 0;
}

int
pmod_run_get_n_layers_ready (PmodRun *self)
{
  return self->n_layers_ready;
}

gboolean
pmod_run_get_layer (PmodRun *self, int layer, PmodRunLayer *info)
{
  const LayerIndex *index;
  double ratio;

  memset (info, 0, sizeof *info);
  if (layer < 0 || layer >= pmod_run_get_n_layers (self))
    return FALSE;

  index = &self->layers[layer];
  ratio = self->begin->ratio[layer];
  info->routed = ratio >= 0 && self->begin->n_vision > 0;
  info->ratio = info->routed ? ratio : 1;
  info->by_router = info->routed && self->begin->policy == PMOD_POLICY_ROUTER;
  info->n_vision = self->begin->n_vision;
  info->n_kept = self->begin->n_vision;
  info->ready = info->routed ? index->route != NULL : index->computed || index->kv;
  if (index->route)
    {
      info->reused = (index->route->header.flags & PMOD_RECORD_FLAG_REUSED) != 0;
      info->never_read = index->route->never_read != 0;
      info->n_vision = index->route->n_vision;
      info->n_kept = index->route->n_kept;
      info->n_ties = index->route->n_ties;
      info->n_saturated = index->route->n_saturated;
      info->margin = index->route->margin;
    }
  if (index->kv)
    {
      info->kv_length = index->kv->length;
      info->kv_length_dense = index->kv->length_dense;
    }
  return TRUE;
}

static const LayerIndex *
find_route (PmodRun *self, int layer, int token)
{
  const LayerIndex *index;

  if (layer < 0 || layer >= pmod_run_get_n_layers (self))
    return NULL;
  index = &self->layers[layer];
  if (!index->route || token < 0 || token >= index->route->n_vision)
    return NULL;
  return index;
}

gboolean
pmod_run_is_kept (PmodRun *self, int layer, int token)
{
  const LayerIndex *index = find_route (self, layer, token);

  return index ? pmod_record_route_kept (index->route, token) : TRUE;
}

float
pmod_run_get_weight (PmodRun *self, int layer, int token)
{
  const LayerIndex *index = find_route (self, layer, token);

  return index ? pmod_record_route_weights (index->route)[token] : 1;
}

void
pmod_run_get_weight_range (PmodRun *self, int layer, float *low, float *high)
{
  const LayerIndex *index = find_route (self, layer, 0);

  *low = index ? index->low : 1;
  *high = index ? index->high : 1;
}

int
pmod_run_count_kept (PmodRun *self, int token, int *n_routed)
{
  int n_kept = 0;

  *n_routed = 0;
  for (int l = 0; l < pmod_run_get_n_layers (self); l++)
    if (find_route (self, l, token))
      {
        ++*n_routed;
        n_kept += pmod_run_is_kept (self, l, token);
      }
  return n_kept;
}

int
pmod_run_get_n_pictures (PmodRun *self)
{
  return self->pictures.images ? (int)self->pictures.images->len : 0;
}

int
pmod_run_get_n_planes (PmodRun *self, int picture)
{
  return pmod_run_pictures_get_n_planes (&self->pictures, picture);
}

gboolean
pmod_run_get_plane (PmodRun *self, int picture, int plane, PmodRunPlane *info)
{
  return pmod_run_pictures_get_plane (&self->pictures, self->begin, picture, plane, info);
}

gboolean
pmod_run_get_picture_size (PmodRun *self, int picture, int *width, int *height)
{
  const PmodRecordImage *image = pmod_run_pictures_get (&self->pictures, picture);

  if (!image)
    return FALSE;
  *width = image->width;
  *height = image->height;
  return *width > 0 && *height > 0;
}

const char *
pmod_run_get_policy_name (PmodRun *self)
{
  int policy = self->begin ? self->begin->policy : PMOD_POLICY_ROUTER;

  return policy == PMOD_POLICY_ROUTER ? NULL : pmod_policy_name ((PmodPolicy)policy);
}

gboolean
pmod_run_get_question_first (PmodRun *self)
{
  return self->begin && self->begin->question_first != 0;
}

gboolean
pmod_run_is_by_question (PmodRun *self)
{
  return self->begin && pmod_record_is_by_question (self->begin);
}

/* Until the prompt is through, the dense total is what the layers so far promise: every layer of
 * a dense model costs the same. */
static double
estimate_total (PmodRun *self, double dense)
{
  int n_layers = pmod_run_get_n_layers (self);

  if (self->n_layers_ready <= 0 || self->n_layers_ready >= n_layers)
    return dense;
  return dense * n_layers / self->n_layers_ready;
}

PmodRunCost
pmod_run_get_flops (PmodRun *self, PmodFlopsRule rule)
{
  PmodRunCost cost = { 0 };
  double prefill_dense;

  if (rule == PMOD_FLOPS_PAPER)
    {
      prefill_dense = self->prefill.paper_dense;
      cost.used = self->prefill.paper + self->decode.paper;
      cost.dense = prefill_dense + self->decode.paper_dense;
    }
  else
    {
      prefill_dense = self->prefill.all_dense;
      cost.used = self->prefill.all + self->decode.all;
      cost.dense = prefill_dense + self->decode.all_dense;
    }
  cost.total = cost.dense + estimate_total (self, prefill_dense) - prefill_dense;
  return cost;
}

double
pmod_run_get_done_flops (PmodRun *self)
{
  int n_spans;
  const PmodRunSpan *spans = pmod_run_get_spans (self, &n_spans);
  double sum = 0;

  for (int i = 0; i < n_spans; i++)
    if (!spans[i].reused)
      sum += spans[i].flops[PMOD_FLOPS_ALL];
  return sum;
}

PmodRunCost
pmod_run_get_kv (PmodRun *self)
{
  PmodRunCost cost = { (double)self->kv_bytes, (double)self->kv_bytes_dense, 0 };

  cost.total = estimate_total (self, cost.dense);
  return cost;
}

int
pmod_run_get_n_tokens (PmodRun *self)
{
  return self->begin ? self->begin->n_tokens + self->n_new_tokens : 0;
}

int
pmod_run_get_n_prompt_tokens (PmodRun *self)
{
  return self->begin ? self->begin->n_tokens : 0;
}

int
pmod_run_get_n_vision (PmodRun *self)
{
  return self->begin ? self->begin->n_vision : 0;
}

int
pmod_run_get_n_tiles (PmodRun *self)
{
  return pmod_run_pictures_count_tiles (&self->pictures);
}

int
pmod_run_get_n_reused (PmodRun *self)
{
  return self->begin ? self->begin->n_reused : 0;
}

int
pmod_run_get_n_new_tokens (PmodRun *self)
{
  return self->n_new_tokens;
}

int
pmod_run_get_context_length (PmodRun *self)
{
  return self->begin ? self->begin->context_length : 0;
}

guint64
pmod_run_get_prefill_ns (PmodRun *self)
{
  return self->prefill_ns;
}

guint64
pmod_run_get_decode_ns (PmodRun *self)
{
  return self->decode_ns;
}

static void
append_records (PmodRun *self, GByteArray *bytes)
{
  for (guint i = 0; i < self->batches->len; i++)
    {
      GBytes *batch = g_ptr_array_index (self->batches, i);

      g_byte_array_append (bytes, g_bytes_get_data (batch, NULL), (guint)g_bytes_get_size (batch));
    }
}

GBytes *
pmod_run_dup_records (PmodRun *self)
{
  GByteArray *records = g_byte_array_new ();

  append_records (self, records);
  return g_byte_array_free_to_bytes (records);
}

GBytes *
pmod_run_dup_trace (PmodRun *self)
{
  GByteArray *trace = g_byte_array_new ();

  g_byte_array_append (trace, (const guint8 *)PMOD_TRACE_MAGIC, strlen (PMOD_TRACE_MAGIC));
  append_records (self, trace);
  return g_byte_array_free_to_bytes (trace);
}

PmodRunSpans *
pmod_run_peek_spans (PmodRun *self)
{
  return &self->spans;
}

gboolean
pmod_run_get_layer_cost (PmodRun *self, int layer, PmodRunLayerCost *cost)
{
  const LayerIndex *index;

  memset (cost, 0, sizeof *cost);
  if (layer < 0 || layer >= pmod_run_get_n_layers (self))
    return FALSE;
  index = &self->layers[layer];
  pmod_run_spans_sum_layer (&self->spans, layer, cost);
  cost->ready = index->computed;
  if (index->kv)
    {
      cost->kv_bytes = index->kv->bytes;
      cost->kv_bytes_dense = index->kv->bytes_dense;
    }
  return TRUE;
}

PmodRun *
pmod_run_get_dense_run (PmodRun *self)
{
  return self->dense_run;
}
