/* Memory for one pass over the network: taken piece by piece, given back all at once, kept for the
 * next pass. After the first pass of a shape nothing is allocated any more. */
#pragma once

#include <glib.h>

#include "pmod-ops.h"

G_BEGIN_DECLS

typedef struct _PmodArena PmodArena;

/* A place to go back to. */
typedef struct
{
  guint chunk;
  gsize used, taken; /* of the chunk, and of all */
} PmodArenaMark;

PmodArena *pmod_arena_new (PmodBackend *backend);
void pmod_arena_free (PmodArena *self);

/* Undefined contents; valid until a reset to an earlier mark. Where there is no memory the
 * backend's error sticks and data is NULL, which later ops, doing nothing, never touch. */
PmodTensor pmod_arena_1d (PmodArena *self, PmodDtype dtype, gint64 n0);
PmodTensor pmod_arena_2d (PmodArena *self, PmodDtype dtype, gint64 n0, gint64 n1);
PmodTensor pmod_arena_3d (PmodArena *self, PmodDtype dtype, gint64 n0, gint64 n1, gint64 n2);

PmodArenaMark pmod_arena_mark (const PmodArena *self);

/* Gives back all that was taken since mark. Where that is everything and there are several pieces
 * of memory, one that holds as much takes their place. */
void pmod_arena_reset (PmodArena *self, PmodArenaMark mark);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodArena, pmod_arena_free)

G_END_DECLS
