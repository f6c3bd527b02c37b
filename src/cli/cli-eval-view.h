/* A finished evaluation, for those who write it down: cli-eval-text.c and cli-eval-json.c. */
#pragma once

#include "cli.h"

#include "pmod-eval.h"

G_BEGIN_DECLS

#define CLI_EVAL_MAX_SUBJECTS 8

/* Borrowed, but for the report. Numbered as in the evaluation; the first is what the others are
 * compared with. */
typedef struct
{
  PmodModel *model;
  PmodParams params;
  PmodEvalReport *report;
} CliEvalSubject;

typedef struct
{
  const PmodEvalTask *task;
  const PmodEval *eval;
  CliEvalSubject subjects[CLI_EVAL_MAX_SUBJECTS];
  int n_subjects;
  double seconds; /* of the questions alone */
} CliEvalView;

void cli_eval_print_text (const CliEvalView *self);
gboolean cli_eval_print_json (const CliEvalView *self, GError **error);

/* Lines of JSON, one for each question. (transfer full) */
char *cli_eval_answers_text (const CliEvalView *self);

/* "2-5", "none": the layers that a subject routes. (transfer full) */
char *cli_eval_describe_routed (const CliEvalSubject *self);

G_END_DECLS
