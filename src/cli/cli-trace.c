/* pmod trace: a recorded trace, or that of a saved run, as tables, as JSON, one layer of it as a
 * map of the kept vision tokens, or its routing in a format of others. */
#include "cli-records.h"
#include "cli-options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- Tables ----------------------------------------------------------------------------------- */

static void
print_begin (const CliRecords *self)
{
  const PmodRecordRunBegin *begin = self->begin;

  printf ("Run %u: %d tokens, %d of them may be skipped; %d of them reused; context %d%s\n",
          self->run, begin->n_tokens, begin->n_vision, begin->n_reused, begin->context_length,
          begin->question_first ? "; words precede a picture" : "");
  if (pmod_record_is_by_question (begin))
    printf ("  routing depends on the question\n");
  if (begin->policy != PMOD_POLICY_ROUTER)
    printf ("  policy: %s\n", pmod_policy_name ((PmodPolicy)begin->policy));
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];

      printf ("  picture %d: %d x %d pixels, %d tiles (%d x %d), %d tokens from %d\n", image->index,
              image->width, image->height, image->n_tiles, image->grid_rows, image->grid_cols,
              image->n_tokens, image->first_token);
    }
}

static void
print_layer (const CliRecords *self, int layer)
{
  const PmodRecordRoute *route = self->route[layer];
  const PmodRecordStage *stage = self->stage[layer];

  printf ("  %5d  ", layer);
  if (cli_records_is_routed (self, layer))
    printf ("%.3f", self->begin->ratio[layer]);
  else
    printf ("plain");
  printf (" %7d", cli_records_get_n_kept (self, layer));
  printf (" %7d", self->kv[layer] != NULL ? self->kv[layer]->length : 0);
  if (route != NULL)
    printf (" %10.3g %5d %5d", (double)route->margin, route->n_ties, route->n_saturated);
  else
    printf (" %10s %5s %5s", "-", "-", "-");
  if (stage != NULL)
    printf (" %8.2f %9.3f", (double)stage->duration_ns / 1e6, stage->all / 1e9);
  if (stage != NULL && (stage->header.flags & PMOD_RECORD_FLAG_REUSED))
    printf ("  reused");
  if (route != NULL && route->never_read)
    printf ("  never read");
  printf ("\n");
}

static void
print_stages (const CliRecords *self)
{
  for (int i = 0; i < PMOD_N_STAGES; i++)
    if (!isnan (self->stage_ms[i]) && i != PMOD_STAGE_LAYER)
      {
        g_autofree char *ms = cli_format_ms (self->stage_ms[i]);

        printf ("  %-12s %s\n", pmod_stage_name ((PmodStage)i), ms);
      }
}

static void
print_flops (const char *name, const PmodFlops *flops)
{
  g_autofree char *paper = cli_format_flops (flops->paper);
  g_autofree char *paper_dense = cli_format_flops (flops->paper_dense);
  g_autofree char *all = cli_format_flops (flops->all);
  g_autofree char *all_dense = cli_format_flops (flops->all_dense);

  printf ("  %-12s paper rule %s (dense %s), all work %s (dense %s)\n", name, paper, paper_dense,
          all, all_dense);
}

static void
print_end (const CliRecords *self)
{
  g_autofree char *text = cli_records_dup_text (self);
  g_autofree char *escaped = g_strescape (text, "\"");

  if (self->tokens->len > 0)
    printf ("  %u new tokens: \"%s\"\n", self->tokens->len, escaped);
  if (self->losses->len > 0)
    {
      const PmodRecordLoss *last = self->losses->pdata[self->losses->len - 1];

      printf ("  %u losses, the last at step %" G_GINT64_FORMAT ": %g\n", self->losses->len,
              last->step, last->loss);
    }
  if (self->end != NULL)
    printf ("  finish: %s\n", pmod_finish_name ((PmodFinish)self->end->finish));
}

static void
print_run (const CliRecords *self)
{
  if (self->begin != NULL)
    {
      print_begin (self);
      printf ("\n  layer  ratio    kept      kv     margin  ties   sat       ms     GFLOP\n");
      for (int i = 0; i < self->n_layers; i++)
        print_layer (self, i);
      printf ("\n");
      print_stages (self);
      print_flops ("prefill", &self->prefill);
      print_flops ("decode", &self->decode);
    }
  else
    printf ("Run %u\n", self->run);
  print_end (self);
}

/* --- Map -------------------------------------------------------------------------------------- */

static gboolean
is_kept (const CliRecords *self, int layer, int position)
{
  const PmodRecordRoute *route = self->route[layer];
  gint64 token = cli_records_find_vision (self, position);

  if (route == NULL || token < 0 || token >= route->n_vision)
    return TRUE;
  return pmod_record_route_kept (route, (int)token);
}

/* Two columns a token, so that the map is about as wide as the picture. */
static void
print_plane (const CliRecords *self, int layer, const PmodPlane *plane)
{
  gboolean utf8 = cli_is_utf8 ();
  const char *kept = utf8 ? "██" : "##";
  const char *skipped = utf8 ? "··" : "..";
  int stride = plane->cols + (plane->newlines ? 1 : 0);

  for (int row = 0; row < plane->rows; row++)
    {
      printf ("  ");
      for (int col = 0; col < plane->cols; col++)
        fputs (is_kept (self, layer, plane->first_token + row * stride + col) ? kept : skipped,
               stdout);
      printf ("\n");
    }
}

static gboolean
print_map (const CliRecords *self, gint64 layer, GError **error)
{
  const PmodRecordRoute *route;

  if (self->begin == NULL)
    return TRUE;
  if (layer >= self->n_layers)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "--layer: run %u has the layers 0 to %d, got %" G_GINT64_FORMAT, self->run,
                   self->n_layers - 1, layer);
      return FALSE;
    }
  route = self->route[layer];
  printf ("Run %u, layer %" G_GINT64_FORMAT ": %d of %d kept", self->run, layer,
          cli_records_get_n_kept (self, (int)layer), self->begin->n_vision);
  if (route == NULL)
    printf (", plain");
  else if (route->n_ties > 0)
    printf (", the cut runs through %d equal weights", route->n_ties);
  printf (route != NULL && route->never_read ? "; nothing reads what it skips\n" : "\n");
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];

      for (int p = 0; p < MIN (image->n_planes, PMOD_MAX_PLANES); p++)
        {
          const PmodPlane *plane = &image->planes[p];

          printf ("\npicture %d, %d x %d\n", image->index, plane->rows, plane->cols);
          print_plane (self, (int)layer, plane);
        }
    }
  return TRUE;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* As the vocabulary has it; left out where the trace does not know. */
static void
json_piece (const PmodRecordToken *token, int alternative, JsonBuilder *builder)
{
  const char *piece = pmod_record_token_piece (token, alternative);

  if (piece != NULL)
    cli_json_string (builder, "piece", piece);
}

static void
json_token (const PmodRecordToken *token, JsonBuilder *builder)
{
  g_autofree char *text = g_strndup (pmod_record_token_text (token), (gsize)token->text_bytes);

  json_builder_begin_object (builder);
  cli_json_int (builder, "id", token->id);
  cli_json_double (builder, "logprob", (double)token->logprob);
  cli_json_string (builder, "text", text);
  json_piece (token, -1, builder);
  cli_json_bool (builder, "given", (token->header.flags & PMOD_RECORD_FLAG_GIVEN) != 0);
  json_builder_set_member_name (builder, "alternatives");
  json_builder_begin_array (builder);
  for (int i = 0; i < token->n_alternatives; i++)
    {
      json_builder_begin_object (builder);
      cli_json_int (builder, "id", token->alternatives[i].id);
      cli_json_double (builder, "logprob", (double)token->alternatives[i].logprob);
      json_piece (token, i, builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
json_prefill (const CliRecords *self, JsonBuilder *builder, gboolean full)
{
  cli_json_int (builder, "generation", (gint64)self->begin->generation);
  cli_json_int (builder, "tokens", self->begin->n_tokens);
  cli_json_int (builder, "vision_tokens", self->begin->n_vision);
  cli_json_int (builder, "reused", self->begin->n_reused);
  cli_json_bool (builder, "question_first", self->begin->question_first);
  cli_json_bool (builder, "by_question", pmod_record_is_by_question (self->begin));
  cli_json_string (builder, "policy", pmod_policy_name ((PmodPolicy)self->begin->policy));
  json_builder_set_member_name (builder, "images");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->images->len; i++)
    {
      json_builder_begin_object (builder);
      cli_records_json_image (self->images->pdata[i], NULL, builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  cli_records_json_layers (self, builder, full);
  cli_records_json_flops (self, builder);
  cli_records_json_kv (self, builder);
  cli_records_json_timing (self, builder, NAN);
}

static void
json_losses (const CliRecords *self, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "losses");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->losses->len; i++)
    {
      const PmodRecordLoss *loss = self->losses->pdata[i];

      json_builder_begin_object (builder);
      cli_json_int (builder, "step", loss->step);
      cli_json_double (builder, "loss", loss->loss);
      cli_json_double (builder, "accuracy", loss->accuracy);
      cli_json_double (builder, "learning_rate", loss->learning_rate);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
json_run (const CliRecords *self, JsonBuilder *builder, gboolean full)
{
  json_builder_begin_object (builder);
  cli_json_int (builder, "run", self->run);
  if (self->begin != NULL)
    json_prefill (self, builder, full);
  json_builder_set_member_name (builder, "tokens_new");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->tokens->len; i++)
    json_token (self->tokens->pdata[i], builder);
  json_builder_end_array (builder);
  if (self->losses->len > 0)
    json_losses (self, builder);
  cli_json_string (builder, "finish",
                   self->end != NULL ? pmod_finish_name ((PmodFinish)self->end->finish) : NULL);
  json_builder_end_object (builder);
}

static gboolean
print_json (const GPtrArray *runs, gboolean full, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_builder_set_member_name (builder, "runs");
  json_builder_begin_array (builder);
  for (guint i = 0; i < runs->len; i++)
    json_run (runs->pdata[i], builder, full);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

/* --- The command ------------------------------------------------------------------------------ */

typedef struct
{
  gboolean json;
  gboolean full;
  char *layer;
  char *export;
  char *output;
  char *run;
} Arguments;

static void
arguments_clear (Arguments *self)
{
  g_free (self->layer);
  g_free (self->export);
  g_free (self->output);
  g_free (self->run);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static gboolean
check_usage (const Arguments *self, GError **error)
{
  const char *wrong = NULL;

  if (self->export != NULL && (self->json || self->layer != NULL))
    wrong = "--export: not together with --json or --layer";
  else if (self->export == NULL && self->output != NULL)
    wrong = "--output: expected --export as well";
  else if (self->export == NULL && self->run != NULL)
    wrong = "--run: expected --export as well";
  if (wrong == NULL)
    return TRUE;
  g_set_error_literal (error, CLI_ERROR, CLI_ERROR_USAGE, wrong);
  return FALSE;
}

static void
print_saved (const PmodArchive *self)
{
  printf ("Saved run: model %s, %s, strata %s, %s\n", self->model != NULL ? self->model : "unknown",
          self->device != NULL ? self->device : "unknown device",
          self->version != NULL ? self->version : "unknown",
          self->created != NULL ? self->created : "unknown date");
  for (int i = 0; self->texts != NULL && self->texts[i] != NULL && self->texts[i + 1] != NULL;
       i += 2)
    {
      g_autofree char *question = g_strescape (self->texts[i], NULL);
      g_autofree char *answer = g_strescape (self->texts[i + 1], NULL);

      printf ("  \"%s\": \"%s\"\n", question, answer);
    }
  printf ("\n");
}

/* A saved run is known by its name or by how a zip begins. saved: set where it is one. */
static GBytes *
load (const char *path, PmodArchive **saved, GError **error)
{
  char start[4] = { 0 };
  FILE *file = g_str_has_suffix (path, PMOD_ARCHIVE_SUFFIX) ? NULL : fopen (path, "rb");
  gboolean is_zip = file != NULL && fread (start, 1, sizeof start, file) == sizeof start &&
                    memcmp (start, "PK\003\004", sizeof start) == 0;

  if (file != NULL)
    fclose (file);
  if (!is_zip && !g_str_has_suffix (path, PMOD_ARCHIVE_SUFFIX))
    return pmod_trace_load (path, error);
  *saved = pmod_archive_load (path, error);
  return *saved != NULL ? g_bytes_ref ((*saved)->records) : NULL;
}

static gboolean export(const char *path, const Arguments *arguments, GError **error)
{
  g_autoptr (PmodArchive) saved = NULL;
  g_autoptr (GBytes) records = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (CliOutput) output = NULL;
  g_autoptr (GError) wrong = NULL;
  PmodTraceExport format;
  gint64 run = 0;

  if (!pmod_trace_export_parse (arguments->export, &format, &wrong))
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "--export: %s", wrong->message);
      return FALSE;
    }
  if (arguments->run != NULL &&
      !cli_read_int ("--run", arguments->run, 1, G_MAXUINT32, &run, error))
    return FALSE;
  records = load (path, &saved, error);
  if (records == NULL)
    return FALSE;
  bytes = pmod_trace_export (records, (guint32)run, format, error);
  if (bytes == NULL)
    return FALSE;
  output = cli_output_new (arguments->output != NULL ? arguments->output : "-", error);
  return output != NULL && cli_output_write_data (output, g_bytes_get_data (bytes, NULL),
                                                  g_bytes_get_size (bytes), error);
}

static gboolean
show (const char *path, const Arguments *arguments, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PmodArchive) saved = NULL;
  g_autoptr (GPtrArray) runs = NULL;
  gint64 layer = -1;
  gsize size;
  const guint8 *data;

  if (arguments->layer != NULL &&
      !cli_read_int ("--layer", arguments->layer, 0, PMOD_MAX_LAYERS - 1, &layer, error))
    return FALSE;
  bytes = load (path, &saved, error);
  if (bytes == NULL)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  runs = cli_records_load (data, size, error);
  if (runs == NULL)
    return FALSE;
  if (arguments->json)
    return print_json (runs, arguments->full, error);
  if (saved != NULL)
    print_saved (saved);
  if (runs->len == 0)
    printf ("The trace holds no run.\n");
  for (guint i = 0; i < runs->len; i++)
    {
      printf (i > 0 ? "\n" : "");
      if (layer < 0)
        print_run (runs->pdata[i]);
      else if (!print_map (runs->pdata[i], layer, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
cli_trace (char **args, GError **error)
{
  g_auto (Arguments) arguments = { FALSE };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &arguments.json, "Print JSON", NULL },
    { "full", 0, 0, G_OPTION_ARG_NONE, &arguments.full,
      "With JSON: the routers' logits and weights", NULL },
    { "layer", 0, 0, G_OPTION_ARG_FILENAME, &arguments.layer,
      "Show which vision tokens this layer kept", "N" },
    { "export", 0, 0, G_OPTION_ARG_FILENAME, &arguments.export,
      "Write a run's routing: csv, npy (an .npz of arrays) or json", "FORMAT" },
    { "output", 0, 0, G_OPTION_ARG_FILENAME, &arguments.output,
      "With --export: write to this file; - is standard output", "PATH" },
    { "run", 0, 0, G_OPTION_ARG_FILENAME, &arguments.run,
      "With --export: this run; the last one where not given", "N" },
    { NULL },
  };
  g_autoptr (CliOptions) options =
      cli_options_new (args, 0, entries, "FILE",
                       "Shows a trace that --trace wrote, or a run that strata saved.", error);
  const char *path;

  if (options == NULL || options->help)
    return options != NULL;
  path = cli_options_get_one (options, "a trace file", error);
  if (path == NULL || !check_usage (&arguments, error))
    return FALSE;
  return arguments.export != NULL ? export(path, &arguments, error)
                                  : show (path, &arguments, error);
}
