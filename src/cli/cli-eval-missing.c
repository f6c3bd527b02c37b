/* pmod eval in a build without the library of scenes: says so, and how to have it. */
#include "cli-eval.h"

static gboolean
refuse (GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "this build has no evaluation: it needs cairo, pangocairo and librsvg, found by "
               "\"meson setup -Dscenes=enabled\"");
  return FALSE;
}

gboolean
cli_eval_run (const CliEvalArguments *arguments, const CliOptions *options, GError **error)
{
  return refuse (error);
}

gboolean
cli_eval_list_tasks (gboolean json, GError **error)
{
  return refuse (error);
}
