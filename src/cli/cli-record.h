/* The JSON record of one run (schema 1). */
#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* Everything is borrowed. */
typedef struct
{
  PmodModel *model;
  const PmodParams *params;
  const PmodPrompt *prompt;
  const PmodAnswer *answer;
  const GByteArray *records;   /* of this run, no magic */
  const float *prefill_logits; /* [V]; NULL where the prefill was not finished */
  gboolean full;
} CliRecordInput;

/* The record as text, ending in a newline. (transfer full) */
char *cli_record_new (const CliRecordInput *input, GError **error);

G_END_DECLS
