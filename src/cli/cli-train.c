/* pmod train: its options. What is done with them stands in cli-train-run.c. */
#include "config.h"

#include "cli-train.h"

#include "cli-options.h"
#include "cli.h"

static void
clear_arguments (CliTrainArguments *self)
{
  g_free (self->output);
  g_free (self->art);
  g_free (self->threads_text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliTrainArguments, clear_arguments)

static gboolean
check_options (CliTrainArguments *self, GError **error)
{
  if (self->output == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "expected --output DIRECTORY for the model, got none");
      return FALSE;
    }
  return self->threads_text == NULL ||
         cli_read_int ("--threads", self->threads_text, 1, 256, &self->n_threads, error);
}

gboolean
cli_train (char **args, GError **error)
{
  g_auto (CliTrainArguments) arguments = { NULL };
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &arguments.output,
      "Where the model and the state to go on from are written", "DIRECTORY" },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &arguments.resume,
      "Go on from the state that is there, to the same bits", NULL },
    { "art", 0, 0, G_OPTION_ARG_FILENAME, &arguments.art,
      "Where data/recipes/fetch-art put the drawings", "DIRECTORY" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &arguments.threads_text,
      "Workers (default: one on each core; resumed: as many as before)", "N" },
    { NULL },
  };
  g_autoptr (CliOptions) options =
      cli_options_new (args, 0, entries, "RECIPE", "Trains what a recipe describes.", error);
  const char *path;

  if (options == NULL || options->help)
    return options != NULL;
  path = cli_options_get_one (options, "a recipe", error);
  return path != NULL && check_options (&arguments, error) &&
         cli_train_run (path, &arguments, error);
}
