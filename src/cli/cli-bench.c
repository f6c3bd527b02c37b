/* pmod bench: prefill and decode of a model, dense and routed, beside this machine's own peaks.
 * Weights are random where there are none: a shape is enough. */
#include "cli-shape.h"

#include <math.h>
#include <stdio.h>

#define DEFAULT_MODEL "demo"
#define DEFAULT_RUNS 3
#define DEFAULT_NEW_TOKENS 16

typedef struct
{
  const char *name; /* as the JSON spells it */
  const char *title;
  PmodBenchResult result;
  gboolean is_measured;
} Row;

enum
{
  ROW_VISION,
  ROW_PREFILL,
  ROW_PREFILL_DENSE,
  ROW_DECODE,
  ROW_DECODE_DENSE,
  N_ROWS
};

typedef struct
{
  const CliShape *shape;
  CliProgress *progress;
  PmodModel *model;
  PmodContext *context;
  gboolean has_weights;
  PmodParams params;
  PmodParams dense;
  double ratios[PMOD_MAX_LAYERS];
  gboolean is_dense; /* the routing that was asked for is dense itself */
  gint64 n_runs;
  gint64 n_new;
  PmodPeaks peaks;
  Row rows[N_ROWS];
} Bench;

static void
bench_clear (Bench *self)
{
  g_clear_pointer (&self->context, pmod_context_free);
  g_clear_pointer (&self->model, pmod_model_unref);
  g_clear_pointer (&self->progress, cli_progress_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

/* Told before a large model is made up and the machine measured. */
static gboolean
check_length (const CliShape *shape, gint64 n_new, GError **error)
{
  gint64 n_tokens = shape->n_vision + shape->n_text + n_new;

  if (n_tokens <= shape->config->context_length)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "%" G_GINT64_FORMAT " vision, %" G_GINT64_FORMAT " text and %" G_GINT64_FORMAT
               " new tokens are %" G_GINT64_FORMAT ", but the context holds %d",
               shape->n_vision, shape->n_text, n_new, n_tokens, shape->config->context_length);
  return FALSE;
}

static gboolean
has_weights (const char *directory)
{
  g_autoptr (GDir) dir = directory != NULL ? g_dir_open (directory, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".safetensors"))
      return TRUE;
  return FALSE;
}

static gboolean
open_model (Bench *self, const CliOptions *options, GError **error)
{
  self->has_weights = has_weights (self->shape->directory);
  if (self->has_weights)
    self->model = pmod_model_open (self->shape->directory, &options->model, cli_progress_func,
                                   self->progress, error);
  else
    self->model = pmod_model_new_random (self->shape->config, &options->model, cli_progress_func,
                                         self->progress, error);
  cli_progress_end (self->progress);
  if (self->model == NULL)
    return FALSE;
  self->context = pmod_context_new (self->model, error);
  return self->context != NULL;
}

static gboolean
make_params (Bench *self, const CliOptions *options, GError **error)
{
  const PmodConfig *config = pmod_model_get_config (self->model);

  if (!cli_options_get_params (options, config, &self->params, error) ||
      !pmod_routing_ratios (&self->params.routing, config, self->ratios, error))
    return FALSE;
  self->is_dense = TRUE;
  for (int i = 0; i < config->n_layers; i++)
    self->is_dense = self->is_dense && self->ratios[i] < 0;
  self->dense = self->params;
  self->dense.routing.schedule.kind = PMOD_SCHEDULE_DENSE;
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    self->dense.routing.ratio[i] = NAN;
  return TRUE;
}

static gboolean
check_interrupt (GError **error)
{
  if (!cli_interrupt_pending ())
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "cancelled");
  return FALSE;
}

/* Before and after the rest: what else the machine does meanwhile must not pass for its peak. */
static gboolean
measure_peaks (Bench *self, GError **error)
{
  PmodPeaks peaks;

  if (!pmod_bench_peaks (self->model, &peaks, error))
    return FALSE;
  self->peaks.flops_peak = MAX (self->peaks.flops_peak, peaks.flops_peak);
  self->peaks.read_peak = MAX (self->peaks.read_peak, peaks.read_peak);
  return check_interrupt (error);
}

static gboolean
measure_prefill (Bench *self, int row, const PmodParams *params, GError **error)
{
  Row *target = &self->rows[row];

  cli_progress_update (self->progress, target->title, (guint64)row, N_ROWS, FALSE);
  target->is_measured =
      pmod_bench_prefill (self->context, params, (int)self->shape->n_vision,
                          (int)self->shape->n_text, (int)self->n_runs, &target->result, error);
  return target->is_measured && check_interrupt (error);
}

static gboolean
measure_decode (Bench *self, int row, const PmodParams *params, GError **error)
{
  Row *target = &self->rows[row];

  cli_progress_update (self->progress, target->title, (guint64)row, N_ROWS, FALSE);
  target->is_measured =
      pmod_bench_decode (self->context, params, (int)self->shape->n_vision,
                         (int)self->shape->n_text, (int)self->n_new, &target->result, error);
  return target->is_measured && check_interrupt (error);
}

static gboolean
measure_vision (Bench *self, GError **error)
{
  Row *target = &self->rows[ROW_VISION];

  if (!pmod_model_get_config (self->model)->has_vision || self->shape->n_tiles <= 0)
    return TRUE;
  target->is_measured = pmod_bench_vision (self->context, (int)self->shape->n_tiles,
                                           (int)self->n_runs, &target->result, error);
  return target->is_measured && check_interrupt (error);
}

static gboolean
measure (Bench *self, gboolean ops, GError **error)
{
  static const char *const names[][2] = {
    [ROW_VISION] = { "vision", "tower and projector" },
    [ROW_PREFILL] = { "prefill", "prefill" },
    [ROW_PREFILL_DENSE] = { "prefill_dense", "prefill, dense" },
    [ROW_DECODE] = { "decode", "one new token" },
    [ROW_DECODE_DENSE] = { "decode_dense", "one new token, dense" },
  };

  for (int i = 0; i < N_ROWS; i++)
    {
      self->rows[i].name = names[i][0];
      self->rows[i].title = names[i][1];
    }
  cli_progress_begin (self->progress);
  if (!measure_peaks (self, error) || (ops && !measure_vision (self, error)) ||
      !measure_prefill (self, ROW_PREFILL, &self->params, error) ||
      (!self->is_dense && !measure_prefill (self, ROW_PREFILL_DENSE, &self->dense, error)) ||
      !measure_decode (self, ROW_DECODE, &self->params, error) ||
      (!self->is_dense && !measure_decode (self, ROW_DECODE_DENSE, &self->dense, error)) ||
      !measure_peaks (self, error))
    return FALSE;
  cli_progress_end (self->progress);
  return TRUE;
}

/* Of the median times; NAN where the dense model was not measured. */
static double
over_dense (const Bench *self, int row, int row_dense)
{
  if (!self->rows[row_dense].is_measured)
    return NAN;
  return self->rows[row].result.ms / self->rows[row_dense].result.ms;
}

/* --- Text ------------------------------------------------------------------------------------- */

static void
print_row (const Bench *self, const Row *row)
{
  const PmodBenchResult *result = &row->result;

  if (!row->is_measured)
    return;
  printf ("  %-22s %10.2f %10.2f %10.2f %10.1f %10.2f %6.1f %% %9.2f %6.1f %%\n", row->title,
          result->ms, result->ms_min, result->ms_max, result->tokens_per_s,
          result->flops_per_s / 1e9, 100 * result->flops_per_s / self->peaks.flops_peak,
          result->bytes_per_s / 1e9, 100 * result->bytes_per_s / self->peaks.read_peak);
}

static void
print_text (const Bench *self)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  g_autofree char *schedule = pmod_schedule_to_string (&self->params.routing.schedule);
  g_autofree char *routed = cli_describe_routed (self->ratios, config->n_layers);

  printf ("%s%s: %s on %s\n", self->shape->name, self->has_weights ? "" : ", random weights",
          pmod_model_get_precision_name (self->model), pmod_model_get_device_name (self->model));
  printf ("%" G_GINT64_FORMAT " vision and %" G_GINT64_FORMAT " text tokens, %" G_GINT64_FORMAT
          " new; routed layers: %s; %s, factor %g\n",
          self->shape->n_vision, self->shape->n_text, self->n_new, routed, schedule,
          self->params.routing.schedule.factor);
  printf ("This machine's peaks: %.2f GFLOP/s in products, %.2f GB/s in reads\n\n",
          self->peaks.flops_peak / 1e9, self->peaks.read_peak / 1e9);
  printf ("  %-22s %10s %10s %10s %10s %10s %8s %9s %8s\n", "", "ms", "least", "most", "tokens/s",
          "GFLOP/s", "of peak", "GB/s", "of peak");
  for (int i = 0; i < N_ROWS; i++)
    print_row (self, &self->rows[i]);
  if (!self->is_dense)
    printf ("\n  p-MoD / dense: prefill %.3f, new token %.3f\n",
            over_dense (self, ROW_PREFILL, ROW_PREFILL_DENSE),
            over_dense (self, ROW_DECODE, ROW_DECODE_DENSE));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void
json_row (const Bench *self, const Row *row, JsonBuilder *builder)
{
  const PmodBenchResult *result = &row->result;

  if (!row->is_measured)
    return;
  json_builder_set_member_name (builder, row->name);
  json_builder_begin_object (builder);
  cli_json_int (builder, "runs", result->n_runs);
  cli_json_double (builder, "ms", result->ms);
  cli_json_double (builder, "ms_min", result->ms_min);
  cli_json_double (builder, "ms_max", result->ms_max);
  cli_json_double (builder, "tokens_per_s", result->tokens_per_s);
  cli_json_double (builder, "flops_per_s", result->flops_per_s);
  cli_json_double (builder, "flops_peak", self->peaks.flops_peak);
  cli_json_double (builder, "flops_ratio", result->flops_per_s / self->peaks.flops_peak);
  cli_json_double (builder, "bytes_per_s", result->bytes_per_s);
  cli_json_double (builder, "bytes_peak", self->peaks.read_peak);
  cli_json_double (builder, "bytes_ratio", result->bytes_per_s / self->peaks.read_peak);
  json_builder_end_object (builder);
}

static void
json_subject (const Bench *self, JsonBuilder *builder)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  g_autofree char *schedule = pmod_schedule_to_string (&self->params.routing.schedule);

  json_builder_set_member_name (builder, "model");
  json_builder_begin_object (builder);
  cli_json_string (builder, "name", self->shape->name);
  cli_json_bool (builder, "random_weights", !self->has_weights);
  cli_json_int (builder, "layers", config->n_layers);
  cli_json_int (builder, "hidden", config->hidden);
  cli_json_string (builder, "dtype", pmod_model_get_precision_name (self->model));
  cli_json_int (builder, "bytes", (gint64)pmod_model_get_weight_bytes (self->model));
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "device");
  json_builder_begin_object (builder);
  cli_json_string (builder, "backend", pmod_model_get_backend_name (self->model));
  cli_json_string (builder, "name", pmod_model_get_device_name (self->model));
  cli_json_int (builder, "threads", pmod_model_get_n_threads (self->model));
  json_builder_end_object (builder);

  cli_json_int (builder, "vision_tokens", self->shape->n_vision);
  cli_json_int (builder, "text_tokens", self->shape->n_text);
  cli_json_int (builder, "new_tokens", self->n_new);
  cli_json_string (builder, "schedule", schedule);
  cli_json_double (builder, "factor", self->params.routing.schedule.factor);
}

static gboolean
print_json (const Bench *self, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_subject (self, builder);
  json_builder_set_member_name (builder, "peaks");
  json_builder_begin_object (builder);
  cli_json_double (builder, "flops_per_s", self->peaks.flops_peak);
  cli_json_double (builder, "bytes_per_s", self->peaks.read_peak);
  json_builder_end_object (builder);
  for (int i = 0; i < N_ROWS; i++)
    json_row (self, &self->rows[i], builder);
  json_builder_set_member_name (builder, "over_dense");
  json_builder_begin_object (builder);
  cli_json_double (builder, "prefill",
                   self->is_dense ? 1 : over_dense (self, ROW_PREFILL, ROW_PREFILL_DENSE));
  cli_json_double (builder, "decode",
                   self->is_dense ? 1 : over_dense (self, ROW_DECODE, ROW_DECODE_DENSE));
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

/* --- The command ------------------------------------------------------------------------------ */

typedef struct
{
  CliShapeTexts shape;
  char *runs;
  gboolean ops;
  gboolean json;
  gboolean progress;
} Arguments;

static void
arguments_clear (Arguments *self)
{
  cli_shape_texts_clear (&self->shape);
  g_free (self->runs);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static gboolean
bench (const Arguments *arguments, const CliOptions *options, GError **error)
{
  g_autoptr (CliShape) shape = NULL;
  g_auto (Bench) self = { .n_runs = DEFAULT_RUNS };

  if (arguments->runs != NULL &&
      !cli_read_int ("--runs", arguments->runs, 1, 1000, &self.n_runs, error))
    return FALSE;
  self.n_new = options->max_new_tokens > 0 ? options->max_new_tokens : DEFAULT_NEW_TOKENS;
  shape = cli_shape_new (options, &arguments->shape, DEFAULT_MODEL, error);
  if (shape == NULL || !check_length (shape, self.n_new, error))
    return FALSE;
  self.shape = shape;
  self.progress = cli_progress_new (arguments->progress);
  if (!open_model (&self, options, error) || !make_params (&self, options, error) ||
      !measure (&self, arguments->ops, error))
    return FALSE;
  if (arguments->json)
    return print_json (&self, error);
  print_text (&self);
  return TRUE;
}

gboolean
cli_bench (char **args, GError **error)
{
  g_auto (Arguments) arguments = { .ops = FALSE };
  const GOptionEntry entries[] = {
    CLI_SHAPE_ENTRIES (&arguments.shape),
    { "runs", 0, 0, G_OPTION_ARG_FILENAME, &arguments.runs,
      "Times that the prefill is measured; the median counts (3)", "N" },
    { "ops", 0, 0, G_OPTION_ARG_NONE, &arguments.ops, "Measure the vision tower as well", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &arguments.json, "Print JSON", NULL },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &arguments.progress,
      "Report progress even where this is no terminal", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args, CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING, entries, "[MODEL]",
      "Measures prefill and decode beside this machine's own peaks, routed and\n"
      "dense. Weights are random where there are none. 16 new tokens where\n"
      "--max-new-tokens is left out; the bundled model where none is named.",
      error);

  if (options == NULL || options->help)
    return options != NULL;
  return bench (&arguments, options, error);
}
