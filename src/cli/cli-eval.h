/* pmod eval: what its options say, for whoever does it. Knows nothing of the library that scores,
 * which a build may not have. */
#pragma once

#include "cli-options.h"

G_BEGIN_DECLS

typedef struct
{
  const char *model; /* borrowed */
  const char *task;  /* borrowed */
  char *art;         /* nullable */
  char *answers;     /* nullable */
  char *twin;        /* nullable */
  char *limit_text;
  gint64 limit; /* 0: none */
  gboolean compare_policies;
  gboolean lists_tasks;
  gboolean json;
  gboolean progress;
} CliEvalArguments;

/* cli-eval-run.c, or cli-scenes-missing.c. */
gboolean
cli_eval_run (const CliEvalArguments *arguments, const CliOptions *options, GError **error);
gboolean cli_eval_list_tasks (gboolean json, GError **error);

G_END_DECLS
