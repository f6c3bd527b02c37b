/* pmod bench: prefill and decode of a model, dense and routed, beside this machine's own peaks;
 * with --ops pictures and routing, too.
 * Weights are random where there are none: a shape is enough. */
#include "cli-shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MODEL "demo"
#define DEFAULT_RUNS 3
#define DEFAULT_NEW_TOKENS 16

typedef struct
{
  PmodBenchResult result;
  gboolean is_wanted;
  gboolean is_measured;
} Row;

enum
{
  ROW_VISION,
  ROW_FIRST_TOKEN,
  ROW_PREFILL,
  ROW_ROUTING,
  ROW_PREFILL_DENSE,
  ROW_DECODE,
  ROW_DECODE_DENSE,
  N_ROWS
};

/* As the JSON and --only spell it, and as it is shown. */
static const char *const row_names[N_ROWS][2] = {
  [ROW_VISION] = { "vision", "tower and projector" },
  [ROW_FIRST_TOKEN] = { "first_token", "picture to first token" },
  [ROW_PREFILL] = { "prefill", "prefill" },
  [ROW_ROUTING] = { "routing", "routing of a prefill" },
  [ROW_PREFILL_DENSE] = { "prefill_dense", "prefill, dense" },
  [ROW_DECODE] = { "decode", "one new token" },
  [ROW_DECODE_DENSE] = { "decode_dense", "one new token, dense" },
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
  gboolean has_peaks;
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

  if (!self->has_peaks)
    return TRUE;
  if (!pmod_bench_peaks (self->model, &peaks, error))
    return FALSE;
  self->peaks.flops_peak = MAX (self->peaks.flops_peak, peaks.flops_peak);
  self->peaks.bytes_peak = MAX (self->peaks.bytes_peak, peaks.bytes_peak);
  self->peaks.read_rate = MAX (self->peaks.read_rate, peaks.read_rate);
  self->peaks.copy_rate = MAX (self->peaks.copy_rate, peaks.copy_rate);
  return check_interrupt (error);
}

static gboolean
measure_row (Bench *self, int row, GError **error)
{
  PmodBenchResult *result = &self->rows[row].result;
  gboolean is_dense = row == ROW_PREFILL_DENSE || row == ROW_DECODE_DENSE;
  const PmodParams *params = is_dense ? &self->dense : &self->params;
  int n_vision = (int)self->shape->n_vision;
  int n_text = (int)self->shape->n_text;
  int n_tiles = (int)self->shape->n_tiles;
  int n_runs = (int)self->n_runs;

  switch (row)
    {
    case ROW_VISION:
      return pmod_bench_vision (self->context, n_tiles, n_runs, result, error);
    case ROW_FIRST_TOKEN:
      return pmod_bench_first_token (self->context, params, n_tiles, n_vision, n_text, n_runs,
                                     result, error);
    case ROW_ROUTING:
      return pmod_bench_routing (self->context, params, n_vision, n_text, n_runs, result, error);
    case ROW_DECODE:
    case ROW_DECODE_DENSE:
      return pmod_bench_decode (self->context, params, n_vision, n_text, (int)self->n_new, result,
                                error);
    default:
      return pmod_bench_prefill (self->context, params, n_vision, n_text, n_runs, result, error);
    }
}

/* Whether this model has what the row measures, and it is no other row's. */
static gboolean
is_possible (const Bench *self, int row)
{
  switch (row)
    {
    case ROW_VISION:
    case ROW_FIRST_TOKEN:
      return pmod_model_get_config (self->model)->has_vision && self->shape->n_tiles > 0;
    case ROW_ROUTING:
      return !self->is_dense && self->shape->n_vision > 0;
    case ROW_PREFILL_DENSE:
    case ROW_DECODE_DENSE:
      return !self->is_dense;
    default:
      return TRUE;
    }
}

static gboolean
measure (Bench *self, GError **error)
{
  cli_progress_begin (self->progress);
  if (!measure_peaks (self, error))
    return FALSE;
  for (int i = 0; i < N_ROWS; i++)
    {
      if (!self->rows[i].is_wanted || !is_possible (self, i))
        continue;
      cli_progress_update (self->progress, row_names[i][1], (guint64)i, N_ROWS, FALSE);
      if (!measure_row (self, i, error) || !check_interrupt (error))
        return FALSE;
      self->rows[i].is_measured = TRUE;
    }
  if (!measure_peaks (self, error))
    return FALSE;
  cli_progress_end (self->progress);
  return TRUE;
}

/* Of the median times; NAN where one of them was not measured. */
static double
over (const Bench *self, int row, int other)
{
  if (!self->rows[row].is_measured || !self->rows[other].is_measured)
    return NAN;
  return self->rows[row].result.ms / self->rows[other].result.ms;
}

static double
over_dense (const Bench *self, int row, int row_dense)
{
  return self->is_dense && self->rows[row].is_measured ? 1 : over (self, row, row_dense);
}

/* --- Text ------------------------------------------------------------------------------------- */

/* In units of 10^9, and as a share of the peak where that is known. */
static void
print_rate (double rate, double peak)
{
  if (peak > 0)
    printf (" %10.2f %6.1f %%", rate / 1e9, 100 * rate / peak);
  else
    printf (" %10.2f %8s", rate / 1e9, "");
}

static void
print_row (const Bench *self, int row)
{
  const PmodBenchResult *result = &self->rows[row].result;

  if (!self->rows[row].is_measured)
    return;
  printf ("  %-22s %10.2f %10.2f %10.2f %10.1f", row_names[row][1], result->ms, result->ms_min,
          result->ms_max, result->tokens_per_s);
  print_rate (result->flops_per_s, self->has_peaks ? self->peaks.flops_peak : 0);
  print_rate (result->bytes_per_s, self->has_peaks ? self->peaks.bytes_peak : 0);
  putchar ('\n');
}

static void
print_text (const Bench *self)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  g_autofree char *schedule = pmod_schedule_to_string (&self->params.routing.schedule);
  g_autofree char *routed = cli_describe_routed (self->ratios, config->n_layers);

  printf ("%s%s: %s on %s\n", self->shape->name, self->has_weights ? "" : ", random weights",
          pmod_model_get_precision_name (self->model), pmod_model_get_device_name (self->model));
  if (pmod_model_get_fallback (self->model) != NULL)
    printf ("Not on %s\n", pmod_model_get_fallback (self->model));
  printf ("%" G_GINT64_FORMAT " vision and %" G_GINT64_FORMAT " text tokens, %" G_GINT64_FORMAT
          " new; routed layers: %s; %s, factor %g\n",
          self->shape->n_vision, self->shape->n_text, self->n_new, routed, schedule,
          self->params.routing.schedule.factor);
  if (self->has_peaks)
    printf ("This machine's peaks: %.2f GFLOP/s in products, %.2f GB/s in reads, %.2f in copies\n",
            self->peaks.flops_peak / 1e9, self->peaks.read_rate / 1e9, self->peaks.copy_rate / 1e9);
  printf ("\n  %-22s %10s %10s %10s %10s %10s %8s %10s %8s\n", "", "ms", "least", "most",
          "tokens/s", "GFLOP/s", "of peak", "GB/s", "of peak");
  for (int i = 0; i < N_ROWS; i++)
    print_row (self, i);
  if (self->rows[ROW_PREFILL_DENSE].is_measured && self->rows[ROW_DECODE_DENSE].is_measured)
    printf ("\n  p-MoD / dense: prefill %.3f, new token %.3f\n",
            over_dense (self, ROW_PREFILL, ROW_PREFILL_DENSE),
            over_dense (self, ROW_DECODE, ROW_DECODE_DENSE));
  if (self->rows[ROW_ROUTING].is_measured && self->rows[ROW_PREFILL].is_measured)
    printf ("  routing / prefill: %.4f\n", over (self, ROW_ROUTING, ROW_PREFILL));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void
json_row (const Bench *self, int row, JsonBuilder *builder)
{
  const PmodBenchResult *result = &self->rows[row].result;

  if (!self->rows[row].is_measured)
    return;
  json_builder_set_member_name (builder, row_names[row][0]);
  json_builder_begin_object (builder);
  cli_json_int (builder, "runs", result->n_runs);
  cli_json_double (builder, "ms", result->ms);
  cli_json_double (builder, "ms_min", result->ms_min);
  cli_json_double (builder, "ms_max", result->ms_max);
  cli_json_double (builder, "tokens_per_s", result->tokens_per_s);
  cli_json_double (builder, "flops", result->flops);
  cli_json_double (builder, "bytes", result->n_bytes);
  cli_json_double (builder, "flops_per_s", result->flops_per_s);
  cli_json_double (builder, "bytes_per_s", result->bytes_per_s);
  if (self->has_peaks)
    {
      cli_json_double (builder, "flops_peak", self->peaks.flops_peak);
      cli_json_double (builder, "flops_ratio", result->flops_per_s / self->peaks.flops_peak);
      cli_json_double (builder, "bytes_peak", self->peaks.bytes_peak);
      cli_json_double (builder, "bytes_ratio", result->bytes_per_s / self->peaks.bytes_peak);
    }
  if (row == ROW_ROUTING && self->rows[ROW_PREFILL].is_measured)
    cli_json_double (builder, "over_prefill", over (self, ROW_ROUTING, ROW_PREFILL));
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

static void
json_peaks (const PmodPeaks *peaks, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "peaks");
  json_builder_begin_object (builder);
  cli_json_double (builder, "flops_per_s", peaks->flops_peak);
  cli_json_double (builder, "bytes_per_s", peaks->bytes_peak);
  cli_json_double (builder, "read_bytes_per_s", peaks->read_rate);
  cli_json_double (builder, "copy_bytes_per_s", peaks->copy_rate);
  json_builder_end_object (builder);
}

static void
json_over_dense (const Bench *self, const char *name, int row, int dense, JsonBuilder *builder)
{
  double ratio = over_dense (self, row, dense);

  if (!isnan (ratio))
    cli_json_double (builder, name, ratio);
}

static gboolean
print_json (const Bench *self, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_subject (self, builder);
  if (self->has_peaks)
    json_peaks (&self->peaks, builder);
  for (int i = 0; i < N_ROWS; i++)
    json_row (self, i, builder);
  json_builder_set_member_name (builder, "over_dense");
  json_builder_begin_object (builder);
  json_over_dense (self, "prefill", ROW_PREFILL, ROW_PREFILL_DENSE, builder);
  json_over_dense (self, "decode", ROW_DECODE, ROW_DECODE_DENSE, builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

/* --- The command ------------------------------------------------------------------------------ */

typedef struct
{
  CliShapeTexts shape;
  char *runs;
  char *only;
  gboolean ops;
  gboolean no_peaks;
  gboolean json;
  gboolean progress;
} Arguments;

static void
arguments_clear (Arguments *self)
{
  cli_shape_texts_clear (&self->shape);
  g_free (self->runs);
  g_free (self->only);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static gboolean
choose_rows (Bench *self, const Arguments *arguments, GError **error)
{
  g_auto (GStrv) names = NULL;

  if (arguments->only == NULL)
    {
      for (int i = 0; i < N_ROWS; i++)
        self->rows[i].is_wanted =
            arguments->ops || (i != ROW_VISION && i != ROW_FIRST_TOKEN && i != ROW_ROUTING);
      return TRUE;
    }
  names = g_strsplit (arguments->only, ",", -1);
  for (char **name = names; *name != NULL; name++)
    {
      int row = 0;

      while (row < N_ROWS && strcmp (row_names[row][0], *name) != 0)
        row++;
      if (row == N_ROWS)
        {
          g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                       "--only: expected some of vision, first_token, prefill, routing, "
                       "prefill_dense, decode and decode_dense, got \"%s\"",
                       *name);
          return FALSE;
        }
      self->rows[row].is_wanted = TRUE;
    }
  return TRUE;
}

static gboolean
bench (const Arguments *arguments, const CliOptions *options, GError **error)
{
  g_autoptr (CliShape) shape = NULL;
  g_auto (Bench) self = { .n_runs = DEFAULT_RUNS, .has_peaks = !arguments->no_peaks };

  if ((arguments->runs != NULL &&
       !cli_read_int ("--runs", arguments->runs, 1, 1000, &self.n_runs, error)) ||
      !choose_rows (&self, arguments, error))
    return FALSE;
  self.n_new = options->max_new_tokens > 0 ? options->max_new_tokens : DEFAULT_NEW_TOKENS;
  shape = cli_shape_new (options, &arguments->shape, DEFAULT_MODEL, error);
  if (shape == NULL || !check_length (shape, self.n_new, error))
    return FALSE;
  self.shape = shape;
  self.progress = cli_progress_new (arguments->progress);
  if (!open_model (&self, options, error) || !make_params (&self, options, error) ||
      !measure (&self, error))
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
    { "ops", 0, 0, G_OPTION_ARG_NONE, &arguments.ops,
      "Measure the vision tower, the first token and routing as well", NULL },
    { "only", 0, 0, G_OPTION_ARG_FILENAME, &arguments.only,
      "Measure these alone, separated by commas: vision, first_token, prefill, "
      "routing, prefill_dense, decode, decode_dense",
      "NAMES" },
    { "no-peaks", 0, 0, G_OPTION_ARG_NONE, &arguments.no_peaks,
      "Do not measure the machine's own peaks", NULL },
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
