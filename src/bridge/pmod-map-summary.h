/* What a map shows, in words: for whoever does not see it, and for a caption.
 *
 * "Layer 12 keeps 38 of 144 parts, mostly in the centre and at the bottom left. From layer 11 on
 * nothing is kept at the top left. 9 parts are kept in every routed layer." Left and right are the
 * picture's own, which no language turns round; places are named in the order in which the user's
 * language reads. Pure functions of a PmodRun. Main thread. */
#pragma once

#include "pmod-selection.h"

G_BEGIN_DECLS

typedef struct
{
  PmodRun *run;
  int picture;
  int plane;
  int layer;
  PmodView view;
  gboolean right_to_left; /* the user's language */
} PmodMapSubject;

/* What the selection shows. Its run may be NULL. */
PmodMapSubject pmod_map_subject_from_selection (PmodSelection *selection, gboolean right_to_left);

/* Whole sentences. Empty where there is nothing to tell: no run, or the picture alone is shown.
 * (transfer full) */
char *pmod_map_summary_new (const PmodMapSubject *subject);

/* One sentence: where the layer keeps. NULL where it does not choose among these parts, or has not
 * yet. (transfer full) (nullable) */
char *pmod_map_summary_new_short (const PmodMapSubject *subject);

G_END_DECLS
