/* A mask painted by hand: for all layers, and for single ones, which vision tokens are to be kept
 * and which are to be skipped. What PMOD_POLICY_PAINTED chooses by.
 *
 * Immutable and reference-counted, so that any thread may hold one: to paint is to make the next.
 * Rows that did not change are shared between the two. Knows nothing of schedules: how many are
 * kept is not its business. */
#pragma once

#include "pmod-config.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_PAINT_NONE, /* not painted: the router decides */
  PMOD_PAINT_KEEP,
  PMOD_PAINT_SKIP,
} PmodPaintState;

/* In place of a layer: what holds for every layer that says nothing else of a token. */
#define PMOD_PAINT_ALL_LAYERS (-1)

typedef struct _PmodPaint PmodPaint;

/* Nothing painted, for prompts of n_vision tokens that routers may skip. */
PmodPaint *pmod_paint_new (int n_vision);
PmodPaint *pmod_paint_ref (PmodPaint *self);
void pmod_paint_unref (PmodPaint *self);

/* self with states [n_vision] of PmodPaintState in place of what layer had; NULL: nothing. layer is
 * 0 .. PMOD_MAX_LAYERS - 1 or PMOD_PAINT_ALL_LAYERS. (transfer full) */
PmodPaint *pmod_paint_with (const PmodPaint *self, int layer, const guint8 *states);

int pmod_paint_get_n_vision (const PmodPaint *self);

/* What was painted for layer itself, or for all; NULL: nothing. [n_vision] */
const guint8 *pmod_paint_get_states (const PmodPaint *self, int layer);

/* What holds for token in layer (0 or more): the layer's own state where it has one, else that of
 * all layers. */
PmodPaintState pmod_paint_get (const PmodPaint *self, int layer, int token);

/* Whether nothing is painted. */
gboolean pmod_paint_is_empty (const PmodPaint *self);

/* Whether the same is painted. Either may be NULL, which is like nothing painted. */
gboolean pmod_paint_equal (const PmodPaint *a, const PmodPaint *b);

/* A small JSON file:
 *
 *   { "schema": 1, "n_vision": 64,
 *     "all":    { "keep": [0, 1, 2], "skip": [60, 63] },
 *     "layers": [ { "layer": 4, "keep": [9], "skip": [] } ] }
 *
 * Tokens are counted among those that routers may skip. "all", "layers", "keep" and "skip" may be
 * left out. Errors name the member: another one than these, a token or a layer that stands twice,
 * a number outside of its range. */
PmodPaint *pmod_paint_load (const char *path, GError **error);
PmodPaint *pmod_paint_parse (const char *text, gssize length, const char *name, GError **error);
gboolean pmod_paint_save (const PmodPaint *self, const char *path, GError **error);

/* The text of that file. (transfer full) */
char *pmod_paint_to_text (const PmodPaint *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodPaint, pmod_paint_unref)

G_END_DECLS
