/* pmod eval and pmod train in a build without the library of scenes: they say so, and how to have
 * it. */
#include "cli-eval.h"
#include "cli-train.h"

static gboolean
refuse (const char *what, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "this build has no %s: it needs cairo, pangocairo and librsvg, found by "
               "\"meson setup -Dscenes=enabled\"",
               what);
  return FALSE;
}

gboolean
cli_eval_run (const CliEvalArguments *arguments, const CliOptions *options, GError **error)
{
  return refuse ("evaluation", error);
}

gboolean
cli_eval_list_tasks (gboolean json, GError **error)
{
  return refuse ("evaluation", error);
}

gboolean
cli_train_run (const char *path, const CliTrainArguments *arguments, GError **error)
{
  return refuse ("training", error);
}
