/* What an answer begins with: the chances of its first word, and after which prompt. So that two
 * contexts' can be compared. Belongs to the engine's thread. */
#pragma once

#include "pmod-engine.h"

G_BEGIN_DECLS

typedef struct
{
  GPtrArray *images; /* PmodImage; nullable */
  char *words;       /* NULL: nothing yet */
  float *logits;     /* [n] */
  int n;
} PmodFirstWord;

void pmod_first_word_clear (PmodFirstWord *self);

/* Copies what context would say next. system, texts: of the prompt; texts NULL: forgets only. */
void pmod_first_word_take (
    PmodFirstWord *self, PmodContext *context, GPtrArray *images, const char *system, char **texts);

/* The same from somewhere else: logits [n], nullable. */
void pmod_first_word_take_logits (PmodFirstWord *self,
                                  const float *logits,
                                  int n,
                                  GPtrArray *images,
                                  const char *system,
                                  char **texts);

/* KL (a || b) in nats. FALSE where they are of different words or pictures. */
gboolean
pmod_first_word_compare (const PmodFirstWord *a, const PmodFirstWord *b, double *divergence);

G_END_DECLS
