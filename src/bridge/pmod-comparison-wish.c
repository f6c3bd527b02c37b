/* PmodComparisonWish: see pmod-comparison-wish.h. */
#include "config.h"

#include "pmod-comparison-wish.h"

#include "pmod-picture-private.h"
#include "pmod-tuning-private.h"

void
pmod_comparison_wish_clear (PmodComparisonWish *wish)
{
  g_clear_object (&wish->picture);
  g_clear_pointer (&wish->system, g_free);
  g_clear_pointer (&wish->texts, g_strfreev);
  g_clear_object (&wish->tuning);
}

static gboolean
is_same_sampling (const PmodSampling *a, const PmodSampling *b)
{
  return a->temperature == b->temperature && a->top_k == b->top_k && a->top_p == b->top_p &&
         a->seed == b->seed && a->max_new_tokens == b->max_new_tokens;
}

static gboolean
is_same_tuning (PmodTuning *a, PmodTuning *b)
{
  return pmod_tuning_equal (a, b) && is_same_sampling (&pmod_tuning_peek_params (a)->sampling,
                                                       &pmod_tuning_peek_params (b)->sampling);
}

static gboolean
is_same_texts (char **a, char **b)
{
  return a == b || (a && b && g_strv_equal ((const char *const *)a, (const char *const *)b));
}

gboolean
pmod_comparison_wish_equal (const PmodComparisonWish *a, const PmodComparisonWish *b)
{
  return pmod_picture_is_same (a->picture, b->picture) && g_strcmp0 (a->system, b->system) == 0 &&
         is_same_texts (a->texts, b->texts) &&
         (a->tuning && b->tuning && is_same_tuning (a->tuning, b->tuning));
}
