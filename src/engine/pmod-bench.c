/* Measurements of a model at any shape, beside what the machine can do. */
#include "config.h"

#include <string.h>

#include "pmod-bench.h"
#include "pmod-context-private.h"

/* Large enough that a product is bound by arithmetic, and a read by memory. */
#define PEAK_TOKENS 2048
#define PEAK_WIDTH 4096
#define PEAK_READ_BYTES ((gsize)512 << 20)
#define PEAK_RUNS 5

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
    .flops_per_s = flops / median,
    .bytes_per_s = n_bytes / median,
  };
}

/* --- Peaks ---------------------------------------------------------------------------------- */

static gboolean
measure_product (PmodModel *model, double *peak, GError **error)
{
  PmodBackend *backend = model->backend;
  PmodTensor x = pmod_tensor_2d (NULL, model->act, PEAK_TOKENS, PEAK_WIDTH);
  PmodTensor y = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, PEAK_TOKENS, PEAK_WIDTH);
  PmodMatrix *w = pmod_matrix_new_random (backend, PEAK_WIDTH, PEAK_WIDTH, model->act, 1);
  g_autoptr (GPtrArray) memory = g_ptr_array_new ();
  double best = 0;

  if (w != NULL && pmod_context_allocate (model, memory, &x) &&
      pmod_context_allocate (model, memory, &y))
    {
      g_autofree void *zeros = g_malloc0 (pmod_tensor_bytes (&x));

      pmod_upload (backend, x.data, zeros, pmod_tensor_bytes (&x));
      for (int i = 0; i <= PEAK_RUNS && pmod_backend_sync (backend); i++)
        {
          gint64 start_us = g_get_monotonic_time ();
          double rate;

          pmod_linear (backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
          pmod_backend_sync (backend);
          rate = 2.0 * PEAK_TOKENS * PEAK_WIDTH * PEAK_WIDTH / seconds_since (start_us);
          best = MAX (best, rate);
        }
    }
  pmod_context_release (model, memory);
  if (w != NULL)
    pmod_matrix_free (backend, w);
  *peak = best;
  return pmod_model_check (model, "peak of a product", error);
}

static gboolean
measure_read (PmodModel *model, double *peak, GError **error)
{
  PmodBackend *backend = model->backend;
  void *data = pmod_alloc (backend, PEAK_READ_BYTES);
  double best = 0;

  if (data != NULL)
    {
      /* Pages that were never written may all be one page of zeros. */
      g_autofree char *block = g_malloc (1 << 20);

      memset (block, 1, 1 << 20);
      for (gsize at = 0; at < PEAK_READ_BYTES; at += 1 << 20)
        pmod_upload (backend, (char *)data + at, block, 1 << 20);
      for (int i = 0; i <= PEAK_RUNS; i++)
        {
          gint64 start_us = g_get_monotonic_time ();

          pmod_checksum (backend, data, PEAK_READ_BYTES);
          best = MAX (best, (double)PEAK_READ_BYTES / seconds_since (start_us));
        }
      pmod_free (backend, data);
    }
  *peak = best;
  return pmod_model_check (model, "peak of a read", error);
}

gboolean
pmod_bench_peaks (PmodModel *model, PmodPeaks *peaks, GError **error)
{
  return measure_product (model, &peaks->flops_peak, error) &&
         measure_read (model, &peaks->read_peak, error);
}

/* --- Model ---------------------------------------------------------------------------------- */

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

static gboolean
random_features (PmodModel *model, PmodTensor *features, int n, GPtrArray *memory, GError **error)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree float *values = NULL;
  int64_t n_values;

  *features = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, MAX (n, 1), model->config->hidden);
  if (!pmod_context_allocate (model, memory, features))
    return pmod_model_check (model, "features", error);
  n_values = pmod_tensor_n_elements (features);
  values = g_new (float, n_values);
  for (int64_t i = 0; i < n_values; i++)
    values[i] = (float)g_rand_double_range (rand, -1, 1);
  pmod_upload (model->backend, features->data, values, pmod_tensor_bytes (features));
  return TRUE;
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
prefill (PmodContext *context,
         const PmodParams *params,
         int n_vision,
         int n_text,
         const PmodTensor *features,
         GError **error)
{
  pmod_context_clear (context);
  g_atomic_int_set (&context->cancelled, FALSE);
  return pmod_context_prefill_sequence (
      context, pmod_sequence_new_random (context->model->config, n_vision, n_text, 1), features,
      params, NULL, error);
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
  g_autoptr (GPtrArray) memory = g_ptr_array_new ();
  g_autofree double *seconds = g_new (double, n_runs);
  double ratios[PMOD_MAX_LAYERS];
  PmodTensor features;
  PmodFlops flops;
  gboolean ok;

  g_return_val_if_fail (n_runs > 0, FALSE);

  if (!check_counts (model->config, n_vision, n_text, 0, error) ||
      !pmod_routing_ratios (&params->routing, model->config, ratios, error))
    return FALSE;
  ok = random_features (model, &features, n_vision, memory, error);
  for (int i = -1; ok && i < n_runs; i++)
    {
      gint64 start_us = g_get_monotonic_time ();

      ok = prefill (context, params, n_vision, n_text, &features, error);
      if (i >= 0)
        seconds[i] = seconds_since (start_us);
    }
  pmod_context_release (model, memory);
  if (!ok)
    return FALSE;
  flops = pmod_meter_prefill (model->config, ratios, n_vision, n_text, 0, NULL);
  fill_result (result, seconds, n_runs, n_vision + n_text, flops.all, decoder_bytes (model));
  return TRUE;
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
  g_autoptr (GPtrArray) memory = g_ptr_array_new ();
  g_autofree double *seconds = g_new (double, n_tokens);
  PmodFlops flops = { 0 };
  PmodTensor features;
  gboolean ok;

  g_return_val_if_fail (n_tokens > 0, FALSE);

  /* One token more than is timed: the first warms up. */
  if (!check_counts (model->config, n_vision, n_text, n_tokens + 1, error))
    return FALSE;
  ok = random_features (model, &features, n_vision, memory, error) &&
       prefill (context, params, n_vision, n_text, &features, error) &&
       pmod_context_advance (context, 0, NULL, error);
  for (int layer = 0; ok && layer < model->config->n_layers; layer++)
    {
      PmodFlops part = pmod_meter_layer (model->config, 1, 1, context->kv->layers[layer].length,
                                         context->n_tokens, 0);

      pmod_flops_add (&flops, &part);
    }
  for (int i = 0; ok && i < n_tokens; i++)
    {
      gint64 start_us = g_get_monotonic_time ();

      ok = pmod_context_advance (context, i % model->config->vocab, NULL, error);
      seconds[i] = seconds_since (start_us);
    }
  pmod_context_release (model, memory);
  if (!ok)
    return FALSE;
  flops.all += pmod_meter_head (model->config, 1).all;
  fill_result (result, seconds, n_tokens, 1, flops.all,
               decoder_bytes (model) + (double)pmod_context_get_kv_bytes (context));
  return TRUE;
}

gboolean
pmod_bench_vision (
    PmodContext *context, int n_tiles, int n_runs, PmodBenchResult *result, GError **error)
{
  PmodModel *model = context->model;
  const PmodVisionConfig *vision = &model->config->vision;
  gsize n_values = 3 * (gsize)n_tiles * (gsize)vision->image_size * (gsize)vision->image_size;
  g_autofree float *pixels = g_new (float, MAX (n_values, 1));
  g_autofree double *seconds = g_new (double, n_runs);

  g_return_val_if_fail (n_tiles > 0 && n_runs > 0, FALSE);

  if (!model->config->has_vision)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "the model has no vision tower to measure");
      return FALSE;
    }
  for (gsize i = 0; i < n_values; i++)
    pixels[i] = (float)(i % 255) / 127 - 1;
  g_atomic_int_set (&context->cancelled, FALSE);
  for (int i = -1; i < n_runs; i++)
    {
      gint64 start_us = g_get_monotonic_time ();
      PmodTensor projected;

      if (!pmod_vision_encode (context, pixels, n_tiles, NULL, &projected, error))
        return FALSE;
      if (i >= 0)
        seconds[i] = seconds_since (start_us);
    }
  fill_result (result, seconds, n_runs, n_tiles * pmod_config_tile_tokens (model->config),
               pmod_meter_vision (model->config, n_tiles).all +
                   pmod_meter_projector (model->config, n_tiles).all,
               (double)model->weight_bytes - decoder_bytes (model));
  return TRUE;
}
