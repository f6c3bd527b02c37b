/* What the engine knows of a model, for the bridge's own computations: set by the worker before the
 * card is shared, immutable from then on. */
#pragma once

#include "pmod-engine.h"
#include "pmod-model-card.h"

G_BEGIN_DECLS

struct _PmodModelFacts
{
  PmodConfig *config;
  PmodParams trained;
  guint64 kv_token_bytes; /* of one token in one layer */
};

/* A copy of all that a run may need to be told of before the model is asked. (transfer full) */
PmodModelFacts *pmod_model_facts_new_for (const PmodConfig *config,
                                          const PmodParams *trained,
                                          guint64 kv_token_bytes);

/* And what the card itself tells of them. facts are taken. */
void pmod_model_card_take_facts (PmodModelCard *card, PmodModelFacts *facts);

/* What a checkpoint says of itself: that its weights are random, for instance. */
void pmod_model_card_read_words (PmodModelCard *card);

G_END_DECLS
