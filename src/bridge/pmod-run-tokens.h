/* The tokens of a run's answer: what each is, what chance it had, and what else could have stood
 * there. Of PmodRun; main thread, or a finished run. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

/* How a run ended, as far as its records tell. */
typedef enum
{
  PMOD_RUN_END_UNKNOWN, /* it has not, or was recorded without an end */
  PMOD_RUN_END_WHOLE,   /* the model ended its answer */
  PMOD_RUN_END_LENGTH,  /* the longest answer, or the context, was full */
  PMOD_RUN_END_STOPPED,
  PMOD_RUN_END_FAILED,
} PmodRunEnd;

PmodRunEnd pmod_run_get_end (PmodRun *self);

typedef enum
{
  PMOD_TOKEN_TEXT,
  PMOD_TOKEN_SPACE,   /* nothing but spaces */
  PMOD_TOKEN_NEWLINE, /* nothing but line breaks */
  PMOD_TOKEN_TAB,
  PMOD_TOKEN_BYTE,    /* a part of a character */
  PMOD_TOKEN_END,     /* ends the answer */
  PMOD_TOKEN_UNKNOWN, /* the run does not tell */
} PmodTokenKind;

typedef struct
{
  int id;
  double probability; /* 0 .. 1, at temperature 1 and without cuts */
  const char *piece;  /* as the vocabulary has it; NULL: not recorded */
} PmodRunChance;

typedef struct
{
  PmodRunChance chance;
  gboolean given; /* the answer was begun with it */
  int n_alternatives;
} PmodRunToken;

/* The token that ends an answer is one of them. */
int pmod_run_count_answer_tokens (PmodRun *self);
gboolean pmod_run_get_answer_token (PmodRun *self, int index, PmodRunToken *token);

/* What could have stood at index, the likeliest first. The token itself is one of them where it
 * was likely enough. */
gboolean
pmod_run_get_alternative (PmodRun *self, int index, int alternative, PmodRunChance *chance);

/* How many of the answer's tokens were given, and how many of these an earlier run had left. */
int pmod_run_count_given_tokens (PmodRun *self, int *n_known);

/* What the first n tokens spell. (transfer full) */
char *pmod_run_dup_answer_start (PmodRun *self, int n);

/* What a piece is, and its text: of TEXT without the space before it, which *after_space tells of;
 * of BYTE its two digits; else "". (transfer full) */
PmodTokenKind pmod_run_read_piece (const PmodRunChance *chance, char **text, gboolean *after_space);

/* What the answer's tokens were drawn with, as far as anybody knows. */
typedef struct
{
  double temperature; /* 0: nothing was drawn */
  int top_k;
  double top_p;
  guint64 seed;
} PmodRunSampling;

gboolean pmod_run_get_sampling (PmodRun *self, PmodRunSampling *sampling);

G_END_DECLS
