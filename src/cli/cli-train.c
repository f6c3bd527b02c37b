/* pmod train: its options. What is done with them stands in cli-train-run.c. */
#include "config.h"

#include "cli-train.h"

#include <string.h>

#include "cli-options.h"
#include "cli.h"

#define MAX_DEVICE 1023

static void
clear_arguments (CliTrainArguments *self)
{
  g_free (self->output);
  g_free (self->art);
  g_free (self->threads_text);
  g_free (self->device_text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliTrainArguments, clear_arguments)

/* auto, cpu, cuda or cuda:N. */
static gboolean
read_device (CliTrainArguments *self, GError **error)
{
  const char *text = self->device_text;

  self->device = PMOD_DEVICE_AUTO;
  if (text == NULL || strcmp (text, "auto") == 0)
    return TRUE;
  self->device = PMOD_DEVICE_CPU;
  if (strcmp (text, "cpu") == 0)
    return TRUE;
  self->device = PMOD_DEVICE_CUDA;
  if (strcmp (text, "cuda") == 0)
    return TRUE;
  if (g_str_has_prefix (text, "cuda:"))
    return cli_read_int ("--device cuda:", text + strlen ("cuda:"), 0, MAX_DEVICE,
                         &self->device_idx, error);
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
               "--device: expected auto, cpu, cuda or cuda:N, got %s", text);
  return FALSE;
}

static gboolean
check_options (CliTrainArguments *self, GError **error)
{
  if (self->output == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "expected --output DIRECTORY for the model, got none");
      return FALSE;
    }
  if (!read_device (self, error))
    return FALSE;
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
    { "device", 0, 0, G_OPTION_ARG_STRING, &arguments.device_text,
      "auto, cpu, cuda or cuda:N (auto; resumed: as before)", "D" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &arguments.threads_text,
      "Workers on the CPU (one on each core; resumed: as many as before), or beside a device "
      "threads that make samples (one on each other core)",
      "N" },
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
