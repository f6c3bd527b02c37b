/* pmod eval: its options, read and checked. Not here: scoring, which cli-eval-run.c does. */
#include "cli-eval.h"

static void
arguments_clear (CliEvalArguments *self)
{
  g_free (self->art);
  g_free (self->answers);
  g_free (self->twin);
  g_free (self->limit_text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliEvalArguments, arguments_clear)

static gboolean
read_words (CliEvalArguments *self, char **rest, GError **error)
{
  guint n = rest != NULL ? g_strv_length (rest) : 0;

  if (self->lists_tasks ? n == 0 : n == 2)
    {
      self->model = self->lists_tasks ? NULL : rest[0];
      self->task = self->lists_tasks ? NULL : rest[1];
      return TRUE;
    }
  if (self->lists_tasks)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "--tasks: expected nothing more, got \"%s\"",
                 rest[0]);
  else if (n > 2)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                 "expected only a model and a task, got \"%s\" as well", rest[2]);
  else if (n == 1)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected a task after the model, got nothing");
  else
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected a model and a task, got nothing");
  return FALSE;
}

static gboolean
check_options (CliEvalArguments *self, const CliOptions *options, GError **error)
{
  if (self->limit_text != NULL &&
      !cli_read_int ("--limit", self->limit_text, 1, G_MAXINT32, &self->limit, error))
    return FALSE;
  if (self->compare_policies && options->texts.policy != NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--compare-policies takes every policy, expected no --policy, got \"%s\"",
                   options->texts.policy);
      return FALSE;
    }
  if (self->json && g_strcmp0 (self->answers, "-") == 0)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--answers: expected a file beside --json, got standard output, which has the "
                   "result");
      return FALSE;
    }
  return TRUE;
}

gboolean
cli_eval (char **args, GError **error)
{
  g_auto (CliEvalArguments) arguments = { NULL };
  const GOptionEntry entries[] = {
    { "limit", 0, 0, G_OPTION_ARG_FILENAME, &arguments.limit_text,
      "Ask about at most N pictures (all of the task's)", "N" },
    { "art", 0, 0, G_OPTION_ARG_FILENAME, &arguments.art,
      "Where fetch-art put the drawings (strata/art in the user's cache)", "DIR" },
    { "compare-policies", 0, 0, G_OPTION_ARG_NONE, &arguments.compare_policies,
      "The same questions to router, random, inverse, grid and dense (no routing)", NULL },
    { "twin", 0, 0, G_OPTION_ARG_FILENAME, &arguments.twin,
      "The same questions to another model, routed as it was trained", "MODEL2" },
    { "answers", 0, 0, G_OPTION_ARG_FILENAME, &arguments.answers,
      "Write each question and its answers as a line of JSON; - is standard output", "FILE" },
    { "tasks", 0, 0, G_OPTION_ARG_NONE, &arguments.lists_tasks, "List the installed tasks", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &arguments.json, "Print JSON", NULL },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &arguments.progress,
      "Report progress even where this is no terminal", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args, CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING, entries, "MODEL TASK",
      "Asks a task's questions and counts the right answers, by kind of question,\n"
      "beside what guessing would get; and what the routers kept of what is to be\n"
      "seen. TASK is a name that --tasks lists, or a file. Answers are as long as the\n"
      "task allows where --max-new-tokens is left out. Ctrl-C stops it: what was\n"
      "scored is reported, and the exit code is 1.",
      error);

  if (options == NULL || options->help)
    return options != NULL;
  if (!read_words (&arguments, options->rest, error))
    return FALSE;
  if (arguments.lists_tasks)
    return cli_eval_list_tasks (arguments.json, error);
  if (!check_options (&arguments, options, error))
    return FALSE;
  return cli_eval_run (&arguments, options, error);
}
