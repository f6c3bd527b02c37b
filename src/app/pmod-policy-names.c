/* See pmod-policy-names.h. */
#include "config.h"

#include "pmod-policy-names.h"

#include <glib/gi18n.h>

static const char *const names[PMOD_TUNING_N_POLICIES] = {
  [PMOD_TUNING_ROUTER] = N_ ("Router"),
  [PMOD_TUNING_RANDOM] = N_ ("Random"),
  [PMOD_TUNING_INVERSE] = N_ ("Inverse router"),
  [PMOD_TUNING_GRID] = N_ ("Even grid"),
  [PMOD_TUNING_FIRST] = N_ ("First parts"),
  [PMOD_TUNING_LARGEST] = N_ ("Largest states"),
  [PMOD_TUNING_ATTENTION] = N_ ("Attention received"),
  [PMOD_TUNING_LAST] = N_ ("Last word\342\200\231s attention"),
  [PMOD_TUNING_PAINTED] = N_ ("Painted by hand"),
};

/* The same after a comma. Not made from the names: which letters are small is each language's own.
 */
static const char *const phrases[PMOD_TUNING_N_POLICIES] = {
  [PMOD_TUNING_ROUTER] = NC_ ("which policy, within a line", "router"),
  [PMOD_TUNING_RANDOM] = NC_ ("which policy, within a line", "random"),
  [PMOD_TUNING_INVERSE] = NC_ ("which policy, within a line", "inverse router"),
  [PMOD_TUNING_GRID] = NC_ ("which policy, within a line", "even grid"),
  [PMOD_TUNING_FIRST] = NC_ ("which policy, within a line", "first parts"),
  [PMOD_TUNING_LARGEST] = NC_ ("which policy, within a line", "largest states"),
  [PMOD_TUNING_ATTENTION] = NC_ ("which policy, within a line", "attention received"),
  [PMOD_TUNING_LAST] = NC_ ("which policy, within a line", "last word\342\200\231s attention"),
  [PMOD_TUNING_PAINTED] = NC_ ("which policy, within a line", "painted by hand"),
};

static const char *const explanations[PMOD_TUNING_N_POLICIES] = {
  [PMOD_TUNING_ROUTER] =
      N_ ("Each layer\342\200\231s router keeps what it scores highest: what was trained."),
  [PMOD_TUNING_RANDOM] =
      N_ ("Drawn by lot from the seed, anew in each layer. The same seed draws the same."),
  [PMOD_TUNING_INVERSE] =
      N_ ("What the router scores lowest is kept, what it would keep is skipped."),
  [PMOD_TUNING_GRID] = N_ ("Evenly spread over the picture, whatever it shows."),
  [PMOD_TUNING_FIRST] = N_ ("From the top left, row by row, until the budget is spent."),
  [PMOD_TUNING_LARGEST] = N_ ("The parts whose states are largest (L2 norm) as the layer begins."),
  [PMOD_TUNING_ATTENTION] =
      N_ ("The parts that got the most attention from the picture in the layer before."),
  [PMOD_TUNING_LAST] =
      N_ ("The parts that the prompt\342\200\231s last word attended to in the layer "
          "before (FastV). Depends on the question."),
  [PMOD_TUNING_PAINTED] = N_ ("What is painted to be kept, then what the router likes, last what "
                              "is painted to be skipped."),
};

const char *
pmod_policy_names_get (PmodTuningPolicy policy)
{
  g_return_val_if_fail ((guint)policy < PMOD_TUNING_N_POLICIES, "");
  return _ (names[policy]);
}

const char *
pmod_policy_names_explain (PmodTuningPolicy policy)
{
  g_return_val_if_fail ((guint)policy < PMOD_TUNING_N_POLICIES, "");
  return _ (explanations[policy]);
}

char *
pmod_policy_names_describe_other (PmodComparison *comparison)
{
  g_autoptr (PmodTuning) other = pmod_comparison_dup_tuning (comparison);
  const char *name = pmod_comparison_get_settings_name (comparison);

  switch (pmod_comparison_get_kind (comparison))
    {
    case PMOD_COMPARISON_TRAINED:
      return g_strdup (_ ("as trained"));
    case PMOD_COMPARISON_DENSE:
      return g_strdup (_ ("dense"));
    case PMOD_COMPARISON_QUESTION_FIRST:
      return g_strdup (pmod_tuning_get_question_first (other) ? _ ("the question first")
                                                              : _ ("the picture first"));
    case PMOD_COMPARISON_POLICY:
      return g_strdup (g_dpgettext2 (NULL, "which policy, within a line",
                                     phrases[pmod_comparison_get_policy (comparison)]));
    case PMOD_COMPARISON_SETTINGS:
    case PMOD_COMPARISON_N_KINDS:
      break;
    }
  return g_strdup (name ? name : _ ("pinned settings"));
}
