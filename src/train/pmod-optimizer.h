/* One step of every weight: Muon for hidden matrices, AdamW for the rest, at the stage's rates. */
#pragma once

#include "pmod-recipe.h"
#include "pmod-weights.h"

G_BEGIN_DECLS

/* The share of the stage's rates at a step, counted from 0: a linear warm-up, then a cosine that
 * ends at floor. */
double pmod_optimizer_share (const PmodRecipeStage *stage, gint64 step);

/* Whether weight learns in the stage. */
gboolean pmod_optimizer_learns (const PmodRecipeStage *stage, const PmodWeight *weight);

/* Steps one weight by its gradient times factor[1], and brings its matrix up to date. Different
 * weights may be stepped at the same time on different backends. step counts from 0. */
void pmod_optimizer_step (PmodWeights *weights,
                          PmodWeight *weight,
                          PmodBackend *backend,
                          float *gradients,
                          const PmodTensor *factor,
                          const PmodRecipeStage *stage,
                          gint64 step);

/* Work of a step, in some unit, by which weights are shared out. */
double pmod_optimizer_cost (const PmodRecipeStage *stage, const PmodWeight *weight);

G_END_DECLS
