/* Picks the next token from logits. Greedy, or temperature, top-k and top-p with a seeded
 * generator. On equal logits the lower id wins. */
#pragma once

#include "pmod-params.h"
#include "pmod-trace.h"

G_BEGIN_DECLS

typedef struct _PmodSampler PmodSampler;

PmodSampler *pmod_sampler_new (int n_vocab);
void pmod_sampler_free (PmodSampler *self);

/* Restarts the generator. */
void pmod_sampler_seed (PmodSampler *self, guint64 seed);

/* logits F32 [V]. Order as in the reference (transformers): temperature, then top-k, then top-p
 * over what is left, then a draw. Writes the chosen token's log-probability (temperature 1, no
 * cuts; finite) and the n_alternatives likeliest tokens, best first, id -1 where the vocabulary is
 * smaller; logprob may be NULL. NaN is never chosen; the result is in range whatever logits hold.
 * Allocates nothing. */
int pmod_sampler_sample (PmodSampler *self,
                         const float *logits,
                         const PmodSampling *params,
                         float *logprob,
                         PmodAlternative *alternatives,
                         int n_alternatives);

/* What pmod_sampler_sample() would say of token id had it drawn it. */
void pmod_sampler_score (PmodSampler *self,
                         const float *logits,
                         int id,
                         float *logprob,
                         PmodAlternative *alternatives,
                         int n_alternatives);

/* Lets the generator go on as far as n draws do. */
void pmod_sampler_skip (PmodSampler *self, int n);

/* What a device has picked of logits that stay there: see pmod_pick(). The likeliest first. */
typedef struct
{
  int n;
  const gint32 *ids;
  const float *logits;
  float sum;         /* of e^(logit - max) over the vocabulary */
  float warm_sum;    /* of e^((logit - max) / temperature) */
  float temperature; /* the one of warm_sum */
} PmodPicked;

/* The same from what was picked. FALSE, and nothing was drawn, where that is not enough: then all
 * logits are needed. */
gboolean pmod_sampler_sample_picked (PmodSampler *self,
                                     const PmodPicked *picked,
                                     const PmodSampling *params,
                                     int *token,
                                     float *logprob,
                                     PmodAlternative *alternatives,
                                     int n_alternatives);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSampler, pmod_sampler_free)

G_END_DECLS
