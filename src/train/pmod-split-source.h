/* A source of a fixed number of samples, parted: some set apart for validation, which are never
 * learnt from, and the others, each once in every pass, in an order of its own for each pass. */
#pragma once

#include "pmod-source.h"

G_BEGIN_DECLS

/* apart: the n_apart samples that are set apart, in a fixed order; else the others, without end.
 * Which ones are apart follows from seed. Takes source, also on failure. Errors (ARGUMENT): it has
 * no more than n_apart samples, so that none is left to learn from. */
PmodSource *pmod_split_source_new (
    PmodSource *source, guint64 seed, guint64 n_apart, gboolean apart, GError **error);

/* The other part of the same samples, which are not opened again. Each part is freed by itself;
 * split is a source of pmod_split_source_new(). */
PmodSource *pmod_split_source_new_other (PmodSource *split);

G_END_DECLS
