/* pmod sweep: one question under many settings: what each costs, and how far it moves the next word
 * from what the trained setting would say. A table that grows, or JSON. */
#include "cli-records.h"
#include "cli-session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_STEPS 9
#define MAX_STEPS 1000

typedef enum
{
  OVER_FACTOR,
  OVER_LOWER,
  OVER_UPPER,
  OVER_RATIO,
  OVER_POLICY,
} Over;

/* What is swept, and the range that its option has. */
static const struct
{
  const char *name;
  double min;
  double max;
} overs[] = {
  [OVER_FACTOR] = { "factor", -1, 2 }, [OVER_LOWER] = { "lower", 0, 1 },
  [OVER_UPPER] = { "upper", 0, 2 },    [OVER_RATIO] = { "ratio", 0, 1 },
  [OVER_POLICY] = { "policy", 0, 0 },
};

/* As they were given, and what they say. */
typedef struct
{
  char *prompt;
  char *over_text;
  char *layer_text;
  char *from_text;
  char *to_text;
  char *steps_text;
  char *json;
  gboolean answers;
  gboolean question_first;
  gboolean progress;

  Over over;
  gint64 layer;
  double from;
  double to;
  gint64 n_steps;
} Arguments;

static void
arguments_clear (Arguments *self)
{
  g_free (self->prompt);
  g_free (self->over_text);
  g_free (self->layer_text);
  g_free (self->from_text);
  g_free (self->to_text);
  g_free (self->steps_text);
  g_free (self->json);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

typedef struct
{
  char *name; /* "0.25", "grid", "trained" */
  double value;
  PmodParams params;
} Setting;

typedef struct
{
  const Arguments *arguments;
  const CliOptions *options;
  CliProgress *progress;
  CliOutput *output; /* nullable */
  gboolean prints;   /* a table to standard output */
  PmodModel *model;
  PmodContext *context;
  PmodTrace *trace;
  Setting *settings; /* [n_settings + 1], the last is the reference */
  int n_settings;
  int n_done;
  gboolean has_reference;
  JsonBuilder *builder;
  GError *output_error;
} Sweep;

static void
sweep_clear (Sweep *self)
{
  for (int i = 0; self->settings != NULL && i <= self->n_settings; i++)
    g_free (self->settings[i].name);
  g_free (self->settings);
  g_clear_object (&self->builder);
  g_clear_pointer (&self->trace, pmod_trace_free);
  g_clear_pointer (&self->context, pmod_context_free);
  g_clear_pointer (&self->model, pmod_model_unref);
  g_clear_pointer (&self->output, cli_output_free);
  g_clear_pointer (&self->progress, cli_progress_free);
  g_clear_error (&self->output_error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sweep, sweep_clear)

/* --- Arguments -------------------------------------------------------------------------------- */

static gboolean
refuse_usage (GError **error, const char *option, const char *what)
{
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "%s %s", option, what);
  return FALSE;
}

static gboolean
read_over (Arguments *self, GError **error)
{
  if (self->over_text == NULL)
    return refuse_usage (error, "expected --over",
                         "factor, lower, upper, ratio or policy, got nothing");
  for (guint i = 0; i < G_N_ELEMENTS (overs); i++)
    if (strcmp (self->over_text, overs[i].name) == 0)
      {
        self->over = (Over)i;
        return TRUE;
      }
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
               "--over: expected one of factor, lower, upper, ratio, policy, got \"%s\"",
               self->over_text);
  return FALSE;
}

/* Policies are a list, not a range. */
static gboolean
check_policies (const Arguments *self, const CliOptions *options, GError **error)
{
  if (self->from_text != NULL)
    return refuse_usage (error, "--from", "has no meaning over policy");
  if (self->to_text != NULL)
    return refuse_usage (error, "--to", "has no meaning over policy");
  if (self->steps_text != NULL)
    return refuse_usage (error, "--steps", "has no meaning over policy");
  if (options->texts.policy != NULL)
    return refuse_usage (error, "--policy", "has no meaning over policy, which takes every one");
  return TRUE;
}

static gboolean
read_range (Arguments *self, GError **error)
{
  double min = overs[self->over].min, max = overs[self->over].max;

  self->n_steps = DEFAULT_STEPS;
  if (self->from_text == NULL || self->to_text == NULL)
    return refuse_usage (error, self->from_text == NULL ? "expected --from" : "expected --to",
                         "NUMBER, got nothing");
  if (!cli_read_double ("--from", self->from_text, min, max, &self->from, error) ||
      !cli_read_double ("--to", self->to_text, min, max, &self->to, error))
    return FALSE;
  return self->steps_text == NULL ||
         cli_read_int ("--steps", self->steps_text, 1, MAX_STEPS, &self->n_steps, error);
}

static gboolean
read_arguments (Arguments *self, const CliOptions *options, GError **error)
{
  if (!cli_check_prompt (self->prompt, error) || !read_over (self, error))
    return FALSE;
  if (self->over == OVER_RATIO)
    {
      if (self->layer_text == NULL)
        return refuse_usage (error, "expected --layer", "N with --over ratio, got nothing");
      if (!cli_read_int ("--layer", self->layer_text, 0, PMOD_MAX_LAYERS - 1, &self->layer, error))
        return FALSE;
    }
  else if (self->layer_text != NULL)
    return refuse_usage (error, "--layer", "has a meaning with --over ratio alone");
  return self->over == OVER_POLICY ? check_policies (self, options, error)
                                   : read_range (self, error);
}

/* --- Settings --------------------------------------------------------------------------------- */

/* The options with one value in place of what they say of it. */
static gboolean
make_step (Sweep *self, int step, Setting *setting, GError **error)
{
  const Arguments *arguments = self->arguments;
  CliOptions options = *self->options;
  double share = arguments->n_steps > 1 ? (double)step / (double)(arguments->n_steps - 1) : 0;
  double value = arguments->from + (arguments->to - arguments->from) * share;

  switch (arguments->over)
    {
    case OVER_FACTOR:
      options.factor = value;
      break;
    case OVER_LOWER:
      options.lower = value;
      break;
    case OVER_UPPER:
      options.upper = value;
      break;
    case OVER_RATIO:
      options.ratio[arguments->layer] = value;
      break;
    case OVER_POLICY:
      break;
    }
  setting->value = value;
  setting->name = g_strdup_printf ("%.6g", value);
  return cli_options_get_params (&options, pmod_model_get_config (self->model), &setting->params,
                                 error);
}

static gboolean
make_policy (Sweep *self, PmodPolicy policy, Setting *setting, GError **error)
{
  CliOptions options = *self->options;

  options.policy = policy;
  setting->value = NAN;
  setting->name = g_strdup (pmod_policy_name (policy));
  return cli_options_get_params (&options, pmod_model_get_config (self->model), &setting->params,
                                 error);
}

/* Every setting must be one before the first is run. */
static gboolean
make_settings (Sweep *self, GError **error)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  gboolean is_policy = self->arguments->over == OVER_POLICY;
  double ratios[PMOD_MAX_LAYERS];
  PmodParams sampling;
  Setting *reference;

  self->n_settings =
      is_policy ? PMOD_N_POLICIES - (self->options->paint == NULL) : (int)self->arguments->n_steps;
  self->settings = g_new0 (Setting, self->n_settings + 1);
  for (int i = 0; i < self->n_settings; i++)
    {
      Setting *setting = &self->settings[i];

      if (!(is_policy ? make_policy (self, (PmodPolicy)i, setting, error)
                      : make_step (self, i, setting, error)))
        return FALSE;
      if (!pmod_routing_ratios (&setting->params.routing, config, ratios, error))
        {
          g_prefix_error (error, "%s %s: ", self->arguments->over_text, setting->name);
          return FALSE;
        }
    }
  reference = &self->settings[self->n_settings];
  reference->name = g_strdup ("trained");
  reference->value = NAN;
  if (!cli_options_get_params (self->options, config, &sampling, error))
    return FALSE;
  pmod_params_init (&reference->params, config);
  reference->params.sampling = sampling.sampling;
  return TRUE;
}

/* --- Results ---------------------------------------------------------------------------------- */

static double
share (double part, double whole)
{
  return whole > 0 ? part / whole : 1;
}

/* The next word as a line can show it. (transfer full) */
static char *
describe_token (const Sweep *self, int token)
{
  const char *piece = pmod_tokenizer_get_piece (pmod_model_get_tokenizer (self->model), token);
  g_autofree char *text = g_strdup (piece != NULL ? piece : "");
  g_auto (GStrv) parts = g_strsplit (text, "\342\226\201", -1);

  return g_strjoinv (" ", parts);
}

static void
print_head (const Sweep *self)
{
  printf ("%-10s %12s %9s %12s %9s %12s %9s %10s  %s\n", self->arguments->over_text, "paper rule",
          "of dense", "all work", "of dense", "KV cache", "of dense", "KL, nats",
          self->arguments->answers ? "answer" : "next word");
}

static void
print_point (const Sweep *self, const Setting *setting, const PmodSweepPoint *point)
{
  g_autofree char *paper = cli_format_flops (point->flops.paper);
  g_autofree char *all = cli_format_flops (point->flops.all);
  g_autofree char *kv = cli_format_bytes ((double)point->kv_bytes);
  g_autofree char *word = point->answer != NULL ? g_strdup (point->answer->text->str)
                                                : describe_token (self, point->token);

  g_strdelimit (word, "\r\n\t", ' ');
  printf ("%-10s %12s %7.2f %% %12s %7.2f %% %12s %7.2f %% %10.6f  %s\n", setting->name, paper,
          100 * share (point->flops.paper, point->flops.paper_dense), all,
          100 * share (point->flops.all, point->flops.all_dense), kv,
          100 * share ((double)point->kv_bytes, (double)point->kv_bytes_dense), point->divergence,
          g_strstrip (word));
}

static void
add_point (Sweep *self, const Setting *setting, const PmodSweepPoint *point)
{
  JsonBuilder *builder = self->builder;
  g_autofree char *word = describe_token (self, point->token);

  json_builder_begin_object (builder);
  cli_json_string (builder, "name", setting->name);
  if (!isnan (setting->value))
    cli_json_double (builder, self->arguments->over_text, setting->value);
  cli_json_string (builder, "policy", pmod_policy_name (setting->params.routing.policy));
  cli_flops_json (&point->flops, "prefill", builder);
  json_builder_set_member_name (builder, "kv_cache");
  json_builder_begin_object (builder);
  cli_json_int (builder, "bytes", (gint64)point->kv_bytes);
  cli_json_int (builder, "bytes_dense", (gint64)point->kv_bytes_dense);
  json_builder_end_object (builder);
  cli_json_double (builder, "divergence", point->divergence);
  json_builder_set_member_name (builder, "next_token");
  json_builder_begin_object (builder);
  cli_json_int (builder, "id", point->token);
  cli_json_string (builder, "text", word);
  json_builder_end_object (builder);
  if (point->answer != NULL)
    {
      cli_json_string (builder, "answer", point->answer->text->str);
      cli_json_string (builder, "finish", pmod_finish_name (point->answer->finish));
    }
  json_builder_end_object (builder);
}

static gboolean
on_point (const PmodSweepPoint *point, gpointer user_data)
{
  Sweep *self = user_data;
  gboolean is_reference = point->index == PMOD_SWEEP_REFERENCE;
  const Setting *setting = &self->settings[is_reference ? self->n_settings : point->index];

  cli_progress_end (self->progress);
  if (is_reference && self->prints)
    print_head (self);
  if (self->prints)
    print_point (self, setting, point);
  if (self->builder != NULL)
    {
      if (is_reference)
        json_builder_set_member_name (self->builder, "reference");
      add_point (self, setting, point);
      if (is_reference)
        {
          json_builder_set_member_name (self->builder, "points");
          json_builder_begin_array (self->builder);
        }
    }
  self->n_done += !is_reference;
  self->has_reference = TRUE;
  cli_progress_update (self->progress, "settings", (guint64)self->n_done, (guint64)self->n_settings,
                       FALSE);
  return (!self->prints || cli_flush (&self->output_error)) && !cli_interrupt_pending ();
}

static void
on_record (const PmodRecord *record, gpointer user_data)
{
  Sweep *self = user_data;

  (void)record;
  if (cli_interrupt_pending ())
    pmod_context_cancel (self->context);
}

/* --- The command ------------------------------------------------------------------------------ */

static gboolean
open_all (Sweep *self, const char *model, GError **error)
{
  const Arguments *arguments = self->arguments;

  if (arguments->json != NULL)
    {
      self->output = cli_output_new (arguments->json, error);
      if (self->output == NULL)
        return FALSE;
    }
  self->prints = self->output == NULL || !cli_output_is_stdout (self->output);
  self->model =
      pmod_model_open (model, &self->options->model, cli_progress_func, self->progress, error);
  cli_progress_end (self->progress);
  if (self->model == NULL || !make_settings (self, error))
    return FALSE;
  cli_progress_note_device (self->progress, self->model);
  self->trace = pmod_trace_new (
      PMOD_TRACE_WANTS (PMOD_RECORD_STAGE) | PMOD_TRACE_WANTS (PMOD_RECORD_TOKEN), on_record, self);
  self->context = pmod_context_new (self->model, error);
  return self->context != NULL;
}

static PmodPrompt *
make_prompt (const Sweep *self, const GPtrArray *images, GError **error)
{
  const Arguments *arguments = self->arguments;
  const PmodTurn turn = { PMOD_ROLE_USER, arguments->prompt };

  return pmod_prompt_new_chat_full (
      pmod_model_get_tokenizer (self->model), pmod_model_get_config (self->model)->conversation,
      &turn, 1, (PmodImage *const *)images->pdata, (int)images->len,
      arguments->question_first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT, error);
}

static void
begin_json (Sweep *self)
{
  if (self->output == NULL)
    return;
  self->builder = cli_json_begin ();
  cli_json_string (self->builder, "model", pmod_model_get_path (self->model));
  cli_json_string (self->builder, "prompt", self->arguments->prompt);
  cli_json_bool (self->builder, "question_first", self->arguments->question_first);
  cli_json_string (self->builder, "over", self->arguments->over_text);
  if (self->arguments->over == OVER_RATIO)
    cli_json_int (self->builder, "layer", self->arguments->layer);
  cli_json_int (self->builder, "settings", self->n_settings);
}

/* Closes what on_point() opened; nothing is written where not even the reference was reached. */
static gboolean
write_json (Sweep *self, gboolean complete, GError **error)
{
  g_autofree char *text = NULL;

  if (self->builder == NULL || !self->has_reference)
    return TRUE;
  json_builder_end_array (self->builder);
  cli_json_bool (self->builder, "complete", complete);
  json_builder_end_object (self->builder);
  text = cli_json_text (self->builder, FALSE);
  return cli_output_write (self->output, text, error);
}

static gboolean
run (Sweep *self, const PmodPrompt *prompt, GError **error)
{
  const PmodParams *reference = &self->settings[self->n_settings].params;
  g_autofree PmodParams *params = g_new (PmodParams, self->n_settings);
  g_autoptr (GError) local = NULL;
  PmodSweepFlags flags = self->arguments->answers ? PMOD_SWEEP_ANSWERS : PMOD_SWEEP_DEFAULT;
  gboolean ok;

  for (int i = 0; i < self->n_settings; i++)
    params[i] = self->settings[i].params;
  begin_json (self);
  cli_progress_begin (self->progress);
  ok = pmod_sweep (self->context, prompt, reference, params, self->n_settings, flags, self->trace,
                   on_point, self, &local);
  cli_progress_end (self->progress);
  if (self->output_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->output_error));
      return FALSE;
    }
  if (ok || g_error_matches (local, PMOD_ERROR, PMOD_ERROR_CANCELLED))
    {
      gboolean is_whole = self->n_done == self->n_settings;

      if (!write_json (self, is_whole, error))
        return FALSE;
      if (is_whole)
        return TRUE;
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "stopped after %d of %d settings",
                   self->n_done, self->n_settings);
      return FALSE;
    }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
sweep (const char *model, const Arguments *arguments, const CliOptions *options, GError **error)
{
  g_auto (Sweep) self = { .arguments = arguments, .options = options };
  g_autoptr (GPtrArray) images = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;

  self.progress = cli_progress_new (arguments->progress);
  images = cli_load_images (options->images, options->image_flags, error);
  if (images == NULL || !open_all (&self, model, error))
    return FALSE;
  prompt = make_prompt (&self, images, error);
  return prompt != NULL && run (&self, prompt, error);
}

gboolean
cli_sweep (char **args, GError **error)
{
  g_auto (Arguments) arguments = { NULL };
  const GOptionEntry entries[] = {
    { "prompt", 0, 0, G_OPTION_ARG_FILENAME, &arguments.prompt, "The question", "TEXT" },
    { "question-first", 0, 0, G_OPTION_ARG_NONE, &arguments.question_first,
      "Put the question before the picture, so that routing depends on it", NULL },
    { "over", 0, 0, G_OPTION_ARG_FILENAME, &arguments.over_text,
      "What changes: factor, lower, upper, ratio or policy", "WHAT" },
    { "layer", 0, 0, G_OPTION_ARG_FILENAME, &arguments.layer_text,
      "Over ratio: the layer whose share changes", "N" },
    { "from", 0, 0, G_OPTION_ARG_FILENAME, &arguments.from_text, "The first value", "NUMBER" },
    { "to", 0, 0, G_OPTION_ARG_FILENAME, &arguments.to_text, "The last value", "NUMBER" },
    { "steps", 0, 0, G_OPTION_ARG_FILENAME, &arguments.steps_text,
      "How many values, both ends included (9)", "N" },
    { "answers", 0, 0, G_OPTION_ARG_NONE, &arguments.answers, "Each setting's answer as well",
      NULL },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &arguments.json,
      "Write JSON; - is standard output, which then has no table", "FILE" },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &arguments.progress,
      "Report progress even where this is no terminal", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args, CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING | CLI_OPTIONS_PICTURES,
      entries, "MODEL",
      "Asks one question under many settings: what each costs beside a dense model, and\n"
      "how far it moves the next word: the Kullback-Leibler divergence from what the\n"
      "trained setting says, in nats. The other options hold for every setting but the\n"
      "trained one. Ctrl-C stops it: what was done stays, and the exit code is 1.",
      error);
  const char *model;

  if (options == NULL || options->help)
    return options != NULL;
  model = cli_options_get_one (options, "a model", error);
  return model != NULL && read_arguments (&arguments, options, error) &&
         sweep (model, &arguments, options, error);
}
