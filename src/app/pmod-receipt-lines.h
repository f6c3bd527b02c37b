/* What a receipt says of a finished run: a summary, and a line for each stage and figure. Pure
 * functions of a PmodRun; PmodReceipt shows them. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

typedef struct
{
  char *name;
  char *value;
  char *dense; /* of a dense model: counted, or measured where such a run is known; nullable */
  gboolean ends_group;
} PmodReceiptLine;

/* PmodReceiptLine. (transfer full) */
GPtrArray *pmod_receipt_lines_new (PmodRun *run);

/* "5 tokens · first word 48 ms · 58 % of dense · picture reused" (transfer full) */
char *pmod_receipt_summary (PmodRun *run);

/* The summary and what it leaves out, in one line: for screen readers. (transfer full) */
char *pmod_receipt_description (PmodRun *run);

/* Everything as plain text, to be copied. (transfer full) */
char *pmod_receipt_to_text (PmodRun *run);

G_END_DECLS
