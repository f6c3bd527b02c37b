/* What the policies, and the settings to compare with, are called, and what each does in a line. */
#pragma once

#include "pmod-comparison.h"

G_BEGIN_DECLS

const char *pmod_policy_names_get (PmodTuningPolicy policy);
const char *pmod_policy_names_explain (PmodTuningPolicy policy);

/* B, as its caption says it. (transfer full) */
char *pmod_policy_names_describe_other (PmodComparison *comparison);

G_END_DECLS
