/* The prompt of what a session is asked: the same for a run and for who counts its tokens before.
 * Plain functions of the engine's values; any thread. */
#pragma once

#include "pmod-worker.h"

G_BEGIN_DECLS

typedef struct
{
  const char *system;      /* nullable: the model's own */
  char **texts;            /* user, assistant, ..., user; NULL: only the picture matters */
  GPtrArray *images;       /* PmodImage, in their order; nullable */
  gboolean question_first; /* the picture stands behind the question */
} PmodWording;

/* What was said before is left out where the model was trained on single questions. */
PmodPrompt *pmod_job_prompt_new (PmodTokenizer *tokenizer,
                                 const PmodConfig *config,
                                 const PmodWording *wording,
                                 GError **error);

/* Nothing is answered: of what job asks only that stays which has a say in its pictures' maps. */
void pmod_job_read_only (PmodJob *job);

/* Its tokens, those of its pictures merged in; -1 and an error for a bad picture. */
int pmod_job_prompt_count (const PmodPrompt *prompt, const PmodConfig *config, GError **error);

G_END_DECLS
