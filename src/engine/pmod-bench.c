/* Measurements of a model at any shape, beside what the machine can do.
 *
 * A device works on while the host goes on: each clock is read after a wait for it. What a run
 * needs is made, and brought to the device, before its clock starts. */
#include "config.h"

#include <string.h>

#include "pmod-bench.h"
#include "pmod-context-private.h"
#include "pmod-router-norm.h"

/* Large enough that a product is bound by arithmetic, and a read by memory. */
#define PEAK_TOKENS 2048
#define PEAK_WIDTH 4096
#define PEAK_BYTES ((gsize)512 << 20)
#define PEAK_RUNS 5

/* Where the product above takes less time than this, starting it is a part of it: then this one. */
#define PEAK_SECONDS 5e-3
#define PEAK_TOKENS_FAST 8192
#define PEAK_WIDTH_FAST 8192

/* Of a device: more than its caches hold, many times over, and long beside a launch. */
#define PEAK_BYTES_DEVICE ((gsize)4 << 30)
#define PEAK_RUNS_FAST 20

/* Made on the host, and brought over again and again where more is needed. */
#define BLOCK_BYTES ((gsize)64 << 20)

static double
seconds_since (gint64 start_us)
{
  return (double)(g_get_monotonic_time () - start_us) * 1e-6;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
fill_result (PmodBenchResult *result,
             double *seconds,
             int n_runs,
             int n_tokens,
             double flops,
             double n_bytes)
{
  double median;

  qsort (seconds, (gsize)n_runs, sizeof *seconds, compare_doubles);
  median = (seconds[n_runs / 2] + seconds[(n_runs - 1) / 2]) / 2;
  *result = (PmodBenchResult){
    .n_runs = n_runs,
    .ms = median * 1e3,
    .ms_min = seconds[0] * 1e3,
    .ms_max = seconds[n_runs - 1] * 1e3,
    .tokens_per_s = n_tokens / median,
    .flops = flops,
    .n_bytes = n_bytes,
    .flops_per_s = flops / median,
    .bytes_per_s = n_bytes / median,
  };
}

/* --- Peaks ---------------------------------------------------------------------------------- */

/* Numbers in (-1, 1) whose bits are all in use: zeros take a processor less power, so that it
 * multiplies them faster than any model's. Also, pages never written may all be one page. */
static void
fill_random (PmodBackend *backend, void *data, PmodDtype dtype, gsize n_bytes)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  gsize n_block = MIN (n_bytes, BLOCK_BYTES);
  g_autofree char *block = g_malloc (n_block);
  gsize size = pmod_dtype_size (dtype);

  for (gsize at = 0; at < n_block; at += size)
    {
      float value = (float)g_rand_double_range (rand, -1, 1);

      uint16_t half = pmod_narrow_f16 (value);

      if (dtype == PMOD_DTYPE_F16)
        memcpy (block + at, &half, size);
      else
        memcpy (block + at, (const char *)&value + (sizeof value - size), size);
    }
  for (gsize at = 0; at < n_bytes; at += n_block)
    pmod_upload (backend, (char *)data + at, block, MIN (n_block, n_bytes - at));
}

/* The rate of the best of n_runs, 0 where there was no room. */
static double
time_product (PmodModel *model, int n_tokens, int width, int n_runs)
{
  PmodBackend *backend = model->backend;
  PmodTensor x = pmod_tensor_2d (NULL, model->act, n_tokens, width);
  PmodTensor y = pmod_tensor_2d (NULL, model->act, n_tokens, width);
  PmodMatrix *w = pmod_matrix_new_random (backend, width, width, model->act, 1);
  g_autoptr (GPtrArray) memory = g_ptr_array_new ();
  double best = 0;

  if (w != NULL && pmod_context_allocate (model, memory, &x) &&
      pmod_context_allocate (model, memory, &y))
    {
      fill_random (backend, x.data, model->act, pmod_tensor_bytes (&x));
      for (int i = 0; i <= n_runs && pmod_backend_sync (backend); i++)
        {
          gint64 start_us = g_get_monotonic_time ();

          pmod_linear (backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
          pmod_backend_sync (backend);
          best = MAX (best, 2.0 * n_tokens * width * width / seconds_since (start_us));
        }
    }
  pmod_context_release (model, memory);
  if (w != NULL)
    pmod_matrix_free (backend, w);
  return best;
}

static gboolean
measure_product (PmodModel *model, double *peak, GError **error)
{
  double work = 2.0 * PEAK_TOKENS * PEAK_WIDTH * PEAK_WIDTH;

  *peak = time_product (model, PEAK_TOKENS, PEAK_WIDTH, PEAK_RUNS);
  if (work < PEAK_SECONDS * *peak)
    *peak = MAX (*peak, time_product (model, PEAK_TOKENS_FAST, PEAK_WIDTH_FAST, PEAK_RUNS_FAST));
  return pmod_model_check (model, "peak of a product", error);
}

static gboolean
measure_memory (PmodModel *model, PmodPeaks *peaks, GError **error)
{
  PmodBackend *backend = model->backend;
  PmodBackendInfo info;
  gsize n_bytes = PEAK_BYTES;
  char *data;

  pmod_backend_get_info (backend, &info);
  if (!model->host_memory)
    n_bytes = CLAMP (info.free_bytes / 4 / BLOCK_BYTES * BLOCK_BYTES, n_bytes, PEAK_BYTES_DEVICE);
  data = pmod_alloc (backend, n_bytes);
  if (data != NULL)
    {
      int n_runs = model->host_memory ? PEAK_RUNS : PEAK_RUNS_FAST;

      fill_random (backend, data, PMOD_DTYPE_F32, n_bytes);
      for (int i = 0; i <= n_runs && pmod_backend_sync (backend); i++)
        {
          gint64 start_us = g_get_monotonic_time ();

          pmod_checksum (backend, data, n_bytes);
          peaks->read_rate = MAX (peaks->read_rate, (double)n_bytes / seconds_since (start_us));
          start_us = g_get_monotonic_time ();
          pmod_copy (backend, data + n_bytes / 2, data, n_bytes / 2);
          pmod_backend_sync (backend);
          peaks->copy_rate = MAX (peaks->copy_rate, (double)n_bytes / seconds_since (start_us));
        }
      pmod_free (backend, data);
    }
  peaks->bytes_peak = MAX (peaks->read_rate, peaks->copy_rate);
  return pmod_model_check (model, "peak of memory", error);
}

gboolean
pmod_bench_peaks (PmodModel *model, PmodPeaks *peaks, GError **error)
{
  *peaks = (PmodPeaks){ 0 };
  return measure_product (model, &peaks->flops_peak, error) && measure_memory (model, peaks, error);
}

/* --- Runs ----------------------------------------------------------------------------------- */

/* What the runs of one measurement share. */
typedef struct
{
  PmodContext *context;
  const PmodParams *params;
  int n_tiles;
  int n_vision;
  int n_text;
  int n_done;             /* runs, those that warm up among them */
  GPtrArray *memory;      /* the tensors below */
  PmodTensor features;    /* [n_vision, D] F32 */
  float *pixels;          /* of n_tiles tiles */
  PmodSequence *sequence; /* of the next run */
} Bench;

typedef gboolean (*Step) (Bench *self, GError **error);

static void
bench_clear (Bench *self)
{
  pmod_context_release (self->context->model, self->memory);
  g_clear_pointer (&self->memory, g_ptr_array_unref);
  g_clear_pointer (&self->sequence, pmod_sequence_free);
  g_clear_pointer (&self->pixels, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

/* Seconds of n_runs runs, each after a prepare (or NULL) that is not counted. The first runs create
 * what later ones have: a library's handles, the device's code, a recorded graph. */
static gboolean
time_runs (Bench *self, Step prepare, Step run, int n_runs, double *seconds, GError **error)
{
  PmodModel *model = self->context->model;

  for (int i = model->host_memory ? -1 : -3; i < n_runs; i++)
    {
      gint64 start_us;

      g_atomic_int_set (&self->context->cancelled, FALSE);
      if ((prepare != NULL && !prepare (self, error)) || !pmod_model_check (model, "bench", error))
        return FALSE;
      start_us = g_get_monotonic_time ();
      if (!run (self, error) || !pmod_model_check (model, "bench", error))
        return FALSE;
      if (i >= 0)
        seconds[i] = seconds_since (start_us);
      self->n_done++;
    }
  return TRUE;
}

static gboolean
make_features (Bench *self, GError **error)
{
  PmodModel *model = self->context->model;

  self->features =
      pmod_tensor_2d (NULL, PMOD_DTYPE_F32, MAX (self->n_vision, 1), model->config->hidden);
  if (!pmod_context_allocate (model, self->memory, &self->features))
    return pmod_model_check (model, "features", error);
  fill_random (model->backend, self->features.data, PMOD_DTYPE_F32,
               pmod_tensor_bytes (&self->features));
  return pmod_model_check (model, "features", error);
}

static void
make_pixels (Bench *self)
{
  const PmodVisionConfig *vision = &self->context->model->config->vision;
  gsize n = 3 * (gsize)self->n_tiles * (gsize)vision->image_size * (gsize)vision->image_size;

  self->pixels = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    self->pixels[i] = (float)(i % 255) / 127 - 1;
}

static gboolean
check_counts (const PmodConfig *config, int n_vision, int n_text, int n_new, GError **error)
{
  gint64 n_prompt = (gint64)n_vision + n_text;

  if (n_vision >= 0 && n_text >= 0 && n_prompt > 0 && n_prompt + n_new <= config->context_length)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "expected a prompt, and at most %d tokens with the answer's, got %d of pictures, %d "
               "of text and %d new ones",
               config->context_length, n_vision, n_text, n_new);
  return FALSE;
}

static gboolean
check_vision (const PmodConfig *config, GError **error)
{
  if (config->has_vision)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "the model has no vision tower to measure");
  return FALSE;
}

/* What one pass over the decoder reads of weights at least. */
static double
decoder_bytes (const PmodModel *model)
{
  double n_bytes = (double)pmod_matrix_bytes (model->head);

  for (int i = 0; i < model->config->n_layers; i++)
    {
      const PmodLayer *layer = &model->layers[i];

      n_bytes += (double)(pmod_matrix_bytes (layer->qkv) + pmod_matrix_bytes (layer->out) +
                          pmod_matrix_bytes (layer->gate_up) + pmod_matrix_bytes (layer->down));
    }
  return n_bytes;
}

/* And the tower with the projector. */
static double
vision_bytes (const PmodModel *model)
{
  return (double)model->weight_bytes - decoder_bytes (model);
}

static double
vision_flops (const PmodConfig *config, int n_tiles)
{
  return pmod_meter_vision (config, n_tiles).all + pmod_meter_projector (config, n_tiles).all;
}

/* --- Prefill -------------------------------------------------------------------------------- */

static gboolean
prepare_prefill (Bench *self, GError **error)
{
  pmod_context_clear (self->context);
  g_clear_pointer (&self->sequence, pmod_sequence_free);
  self->sequence =
      pmod_sequence_new_random (self->context->model->config, self->n_vision, self->n_text, 1);
  return TRUE;
}

static gboolean
run_prefill (Bench *self, GError **error)
{
  return pmod_context_prefill_sequence (self->context, g_steal_pointer (&self->sequence),
                                        &self->features, self->params, NULL, error);
}

gboolean
pmod_bench_prefill (PmodContext *context,
                    const PmodParams *params,
                    int n_vision,
                    int n_text,
                    int n_runs,
                    PmodBenchResult *result,
                    GError **error)
{
  PmodModel *model = context->model;
  g_auto (Bench) self = { .context = context,
                          .params = params,
                          .n_vision = n_vision,
                          .n_text = n_text,
                          .memory = g_ptr_array_new () };
  g_autofree double *seconds = g_new (double, n_runs);
  double ratios[PMOD_MAX_LAYERS];
  PmodFlops flops;

  g_return_val_if_fail (n_runs > 0, FALSE);

  if (!check_counts (model->config, n_vision, n_text, 0, error) ||
      !pmod_routing_ratios (&params->routing, model->config, ratios, error) ||
      !make_features (&self, error) ||
      !time_runs (&self, prepare_prefill, run_prefill, n_runs, seconds, error))
    return FALSE;
  flops = pmod_meter_prefill (model->config, ratios, n_vision, n_text, 0, NULL);
  fill_result (result, seconds, n_runs, n_vision + n_text, flops.all, decoder_bytes (model));
  return TRUE;
}

/* --- One new token -------------------------------------------------------------------------- */

static gboolean
run_decode (Bench *self, GError **error)
{
  return pmod_context_advance (self->context, self->n_done % self->context->model->config->vocab,
                               NULL, error);
}

gboolean
pmod_bench_decode (PmodContext *context,
                   const PmodParams *params,
                   int n_vision,
                   int n_text,
                   int n_tokens,
                   PmodBenchResult *result,
                   GError **error)
{
  PmodModel *model = context->model;
  g_auto (Bench) self = { .context = context,
                          .params = params,
                          .n_vision = n_vision,
                          .n_text = n_text,
                          .memory = g_ptr_array_new () };
  g_autofree double *seconds = g_new (double, n_tokens);
  PmodFlops flops = pmod_meter_head (model->config, 1);

  g_return_val_if_fail (n_tokens > 0, FALSE);

  /* Those that warm up are tokens, too. */
  if (!check_counts (model->config, n_vision, n_text, n_tokens + (model->host_memory ? 1 : 3),
                     error) ||
      !make_features (&self, error) || !prepare_prefill (&self, error) ||
      !run_prefill (&self, error) || !time_runs (&self, NULL, run_decode, n_tokens, seconds, error))
    return FALSE;
  for (int layer = 0; layer < model->config->n_layers; layer++)
    {
      PmodFlops part = pmod_meter_layer (model->config, 1, 1, context->kv->layers[layer].length - 1,
                                         context->n_tokens - 1, 0);

      pmod_flops_add (&flops, &part);
    }
  fill_result (result, seconds, n_tokens, 1, flops.all,
               decoder_bytes (model) + (double)pmod_context_get_kv_bytes (context));
  return TRUE;
}

/* --- Pictures ------------------------------------------------------------------------------- */

static gboolean
run_vision (Bench *self, GError **error)
{
  PmodTensor projected;

  return pmod_vision_encode (self->context, self->pixels, self->n_tiles, NULL, &projected, error);
}

gboolean
pmod_bench_vision (
    PmodContext *context, int n_tiles, int n_runs, PmodBenchResult *result, GError **error)
{
  PmodModel *model = context->model;
  g_auto (Bench) self = { .context = context, .n_tiles = n_tiles, .memory = g_ptr_array_new () };
  g_autofree double *seconds = g_new (double, n_runs);

  g_return_val_if_fail (n_tiles > 0 && n_runs > 0, FALSE);

  if (!check_vision (model->config, error))
    return FALSE;
  make_pixels (&self);
  if (!time_runs (&self, NULL, run_vision, n_runs, seconds, error))
    return FALSE;
  fill_result (result, seconds, n_runs, n_tiles * pmod_config_tile_tokens (model->config),
               vision_flops (model->config, n_tiles), vision_bytes (model));
  return TRUE;
}

static gboolean
run_first_token (Bench *self, GError **error)
{
  PmodModel *model = self->context->model;
  PmodTensor projected;

  if (!pmod_vision_encode (self->context, self->pixels, self->n_tiles, NULL, &projected, error))
    return FALSE;
  projected = pmod_tensor_rows (&projected, 0, MIN (projected.shape[0], self->n_vision));
  pmod_copy (model->backend, self->features.data, projected.data, pmod_tensor_bytes (&projected));
  return run_prefill (self, error);
}

gboolean
pmod_bench_first_token (PmodContext *context,
                        const PmodParams *params,
                        int n_tiles,
                        int n_vision,
                        int n_text,
                        int n_runs,
                        PmodBenchResult *result,
                        GError **error)
{
  PmodModel *model = context->model;
  g_auto (Bench) self = { .context = context,
                          .params = params,
                          .n_tiles = n_tiles,
                          .n_vision = n_vision,
                          .n_text = n_text,
                          .memory = g_ptr_array_new () };
  g_autofree double *seconds = g_new (double, n_runs);
  double ratios[PMOD_MAX_LAYERS];
  PmodFlops flops;

  g_return_val_if_fail (n_tiles > 0 && n_runs > 0, FALSE);

  if (!check_vision (model->config, error) ||
      !check_counts (model->config, n_vision, n_text, 0, error) ||
      !pmod_routing_ratios (&params->routing, model->config, ratios, error) ||
      !make_features (&self, error))
    return FALSE;
  make_pixels (&self);
  if (!time_runs (&self, prepare_prefill, run_first_token, n_runs, seconds, error))
    return FALSE;
  flops = pmod_meter_prefill (model->config, ratios, n_vision, n_text, n_tiles, NULL);
  fill_result (result, seconds, n_runs, n_vision + n_text, flops.all,
               decoder_bytes (model) + vision_bytes (model));
  return TRUE;
}

/* --- Routing -------------------------------------------------------------------------------- */

static PmodTensor
route_row (const PmodTensor *slab, int layer, int n)
{
  PmodTensor row = pmod_tensor_rows (slab, layer, 1);

  return pmod_tensor_1d (row.data, row.dtype, n);
}

/* The rows that go through the routers: those of the first segment. */
static int
n_routed_rows (const PmodContext *context)
{
  return context->sequence->segment_ends[0];
}

/* As pmod_router_layer() has it with the policy "router", the block left out. */
static void
route_layer (Bench *self, int layer)
{
  PmodContext *context = self->context;
  PmodBackend *backend = context->model->backend;
  const PmodLayer *w = &context->model->layers[layer];
  const PmodScratch *s = &context->scratch;
  PmodWeightNorm norm = pmod_router_norm_to_ops (&context->routing.norm);
  int n = context->sequence->n_targets;
  int k = (int)pmod_schedule_keep_count (n, context->ratios[layer]);
  int n_tokens = n_routed_rows (context);
  int n_rows = n_tokens - n + k;
  PmodTensor x = pmod_tensor_rows (&s->x, 0, n_tokens);
  PmodTensor targets = pmod_tensor_rows (&s->targets, 0, n);
  PmodTensor logit = route_row (&context->routes.logit, layer, n);
  PmodTensor weight = route_row (&context->routes.weight, layer, n);
  PmodTensor kept = route_row (&context->routes.kept, layer, n);
  PmodTensor rows = pmod_tensor_rows (&s->rows, 0, n_rows);
  PmodTensor slot = pmod_tensor_rows (&s->slot, 0, n_tokens);
  PmodTensor row_weight = pmod_tensor_rows (&s->row_weight, 0, n_tokens);
  PmodTensor h = pmod_tensor_rows (&s->h, 0, n_rows);
  PmodTensor m = pmod_tensor_rows (&s->m, 0, n_rows);

  pmod_router_logits (backend, &logit, &x, &w->router_weight,
                      w->router_bias.data != NULL ? &w->router_bias : NULL, &targets);
  pmod_router_weights (backend, &weight, &logit, &norm);
  pmod_top_k (backend, &kept, &weight, &logit, k);
  pmod_route_plan (backend, &rows, &slot, &row_weight, &kept, &weight, &targets);
  if (n_rows > 0)
    pmod_gather_rows (backend, &h, &x, &rows);
  pmod_reweight_scatter (backend, &x, &h, &m, &slot, &row_weight);
}

/* The states as they were: without blocks between them the layers would drive them off. */
static gboolean
prepare_routing (Bench *self, GError **error)
{
  PmodTensor x = pmod_tensor_rows (&self->context->scratch.x, 0, self->features.shape[0]);

  pmod_copy (self->context->model->backend, x.data, self->features.data, pmod_tensor_bytes (&x));
  return TRUE;
}

static gboolean
run_routing (Bench *self, GError **error)
{
  PmodContext *context = self->context;

  for (int layer = 0; layer < context->model->config->n_layers; layer++)
    if (context->ratios[layer] != PMOD_RATIO_PLAIN)
      route_layer (self, layer);
  return TRUE;
}

/* Rows that are read and written, in bytes, and two operations for each number of a row that is
 * scored or added up. */
static void
count_routing (const PmodContext *context, double *flops, double *n_bytes)
{
  double n = context->sequence->n_targets;
  double n_tokens = n_routed_rows (context);
  double width = context->model->config->hidden;

  *flops = *n_bytes = 0;
  for (int layer = 0; layer < context->model->config->n_layers; layer++)
    if (context->ratios[layer] != PMOD_RATIO_PLAIN)
      {
        double kept = (double)pmod_schedule_keep_count ((gint64)n, context->ratios[layer]);
        double n_rows = n_tokens - n + kept;

        *flops += 2 * width * (n + n_tokens);
        /* Scores read n rows; the gather copies n_rows; the scatter reads h and m of those or the
         * row itself, and writes all. */
        *n_bytes +=
            sizeof (float) * width * (n + 2 * n_rows + 2 * n_rows + (n_tokens - n_rows) + n_tokens);
      }
}

gboolean
pmod_bench_routing (PmodContext *context,
                    const PmodParams *params,
                    int n_vision,
                    int n_text,
                    int n_runs,
                    PmodBenchResult *result,
                    GError **error)
{
  PmodModel *model = context->model;
  g_auto (Bench) self = { .context = context,
                          .params = params,
                          .n_vision = n_vision,
                          .n_text = n_text,
                          .memory = g_ptr_array_new () };
  g_autofree double *seconds = g_new (double, n_runs);
  double flops, n_bytes;

  g_return_val_if_fail (n_runs > 0, FALSE);

  /* The prefill leaves the tokens' places and states of its own size behind. */
  if (!check_counts (model->config, n_vision, n_text, 0, error) || !make_features (&self, error) ||
      !prepare_prefill (&self, error) || !run_prefill (&self, error))
    return FALSE;
  count_routing (context, &flops, &n_bytes);
  if (n_vision == 0 || n_bytes == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED, "no layer is routed");
      return FALSE;
    }
  if (!time_runs (&self, prepare_routing, run_routing, n_runs, seconds, error))
    return FALSE;
  pmod_context_clear (context);
  fill_result (result, seconds, n_runs, n_vision + n_text, flops, n_bytes);
  return TRUE;
}
