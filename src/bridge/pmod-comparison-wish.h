/* PmodComparisonWish: what a run of a comparison's B is asked for with, as copies: its settings,
 * words and picture. Private to the comparison. */
#pragma once

#include "pmod-picture.h"
#include "pmod-tuning.h"

G_BEGIN_DECLS

typedef struct
{
  PmodPicture *picture;
  char *system; /* nullable */
  char **texts; /* nullable */
  PmodTuning *tuning;
} PmodComparisonWish;

void pmod_comparison_wish_clear (PmodComparisonWish *wish);
/* Whether a run of the one would be a run of the other. A cleared one equals none. */
gboolean pmod_comparison_wish_equal (const PmodComparisonWish *a, const PmodComparisonWish *b);

G_END_DECLS
