/* Which tokens a routed layer keeps where its router is not asked: experiments beside the trained
 * choice. How many are kept, and what every token is multiplied by, stays as it is. For the
 * engine's own files. */
#pragma once

#include "pmod-params.h"
#include "pmod-sequence.h"

G_BEGIN_DECLS

/* score[V] for the targets of sequence: the k highest are kept, of equal ones those with the lower
 * index. Depends on nothing that a prefix shared by two prompts does not share.
 *
 *   random   uniform, independent for each picture, layer and seed
 *   grid     1 for k tokens that are evenly spread over rows and columns, else 0. Of several grids
 *            (pictures, tiles) each gets its share by size
 *   first    0 for all, so that the first k are kept
 *
 * policy is one of these: the others need states, which pmod-router.c has. */
void pmod_policy_scores (
    PmodPolicy policy, guint64 seed, int layer, const PmodSequence *sequence, int k, float *score);

/* Whether policy goes by the attention of the layer before. */
gboolean pmod_policy_needs_attention (PmodPolicy policy);

G_END_DECLS
