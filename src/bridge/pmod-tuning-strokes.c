/* Painting by hand: PmodTuning's paint and the strokes that it came from.
 *
 * A painting is immutable, so that undoing is putting the one before in its place. Reads and
 * changes what pmod-tuning.c holds through its private face only. */
#include "config.h"

#include "pmod-tuning-private.h"

#define MAX_UNDO 100

/* What was painted before and after. */
typedef struct
{
  PmodModelCard *card; /* (nullable) that they are of */
  GPtrArray *undo;     /* PmodPaint, the newest last */
  GPtrArray *redo;
  int n_begun;
  gboolean stored; /* what was there before the stroke */
} Strokes;

static void
strokes_free (gpointer data)
{
  Strokes *self = data;

  g_clear_pointer (&self->card, pmod_model_card_unref);
  g_ptr_array_unref (self->undo);
  g_ptr_array_unref (self->redo);
  g_free (self);
}

/* Of the model that is there: another one's paintings are no place to go back to. */
static Strokes *
get_strokes (PmodTuning *tuning)
{
  static const char key[] = "pmod-tuning-strokes";
  PmodModelCard *card = pmod_tuning_get_model (tuning);
  Strokes *self = g_object_get_data (G_OBJECT (tuning), key);

  if (self && self->card == card)
    return self;
  self = g_new0 (Strokes, 1);
  self->card = card ? pmod_model_card_ref (card) : NULL;
  self->undo = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_paint_unref);
  self->redo = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_paint_unref);
  g_object_set_data_full (G_OBJECT (tuning), key, self, strokes_free);
  return self;
}

/* paint: nullable; is chosen by from now on where chooses says so. One change. */
static void
put_paint (PmodTuning *self, PmodPaint *paint, gboolean chooses)
{
  pmod_tuning_freeze (self);
  pmod_tuning_take_over_paint (self, paint);
  if (chooses)
    pmod_tuning_set_policy (self, PMOD_TUNING_PAINTED);
  pmod_tuning_thaw (self);
}

static PmodPaint *
get_paint (PmodTuning *self)
{
  return pmod_tuning_peek_params (self)->routing.paint;
}

/* Nothing painted is a painting, too, that one can come back to. */
static PmodPaint *
dup_paint (PmodTuning *self)
{
  PmodPaint *paint = get_paint (self);

  return paint ? pmod_paint_ref (paint) : pmod_paint_new (0);
}

static void
push (GPtrArray *list, PmodPaint *paint)
{
  g_ptr_array_add (list, paint);
  if (list->len > MAX_UNDO)
    g_ptr_array_remove_index (list, 0);
}

/* Before a change: once a stroke. */
static void
store (PmodTuning *self)
{
  Strokes *strokes = get_strokes (self);

  if (strokes->stored)
    return;
  push (strokes->undo, dup_paint (self));
  g_ptr_array_set_size (strokes->redo, 0);
  strokes->stored = strokes->n_begun > 0;
}

static void
step (PmodTuning *self, GPtrArray *from, GPtrArray *to)
{
  g_autoptr (PmodPaint) paint = NULL;

  if (from->len == 0)
    return;
  paint = g_ptr_array_steal_index (from, from->len - 1);
  push (to, dup_paint (self));
  put_paint (self, pmod_paint_get_n_vision (paint) > 0 ? paint : NULL, FALSE);
}

void
pmod_tuning_begin_stroke (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  get_strokes (self)->n_begun++;
}

void
pmod_tuning_end_stroke (PmodTuning *self)
{
  Strokes *strokes;

  g_return_if_fail (PMOD_IS_TUNING (self));

  strokes = get_strokes (self);
  g_return_if_fail (strokes->n_begun > 0);
  if (--strokes->n_begun == 0)
    strokes->stored = FALSE;
}

static PmodPaint *
set_states (PmodPaint *paint, int layer, const int *tokens, int n_tokens, PmodTuningPaint state)
{
  g_autoptr (PmodPaint) before = paint;
  const guint8 *old = pmod_paint_get_states (before, layer);
  int n_vision = pmod_paint_get_n_vision (before);
  g_autofree guint8 *states =
      old ? g_memdup2 (old, (gsize)n_vision) : g_new0 (guint8, (gsize)n_vision);

  for (int i = 0; i < n_tokens; i++)
    if (tokens[i] >= 0 && tokens[i] < n_vision)
      states[tokens[i]] = (guint8)state;
  return pmod_paint_with (before, layer, states);
}

/* As set_states(), but what a layer has of its own there stays. */
static PmodPaint *
set_unpainted (PmodPaint *paint, int layer, const int *tokens, int n_tokens, PmodTuningPaint state)
{
  const guint8 *own = pmod_paint_get_states (paint, layer);
  g_autofree int *bare = g_new (int, (gsize)MAX (n_tokens, 1));
  int n_bare = 0;

  for (int i = 0; i < n_tokens; i++)
    if (!own || own[tokens[i]] == PMOD_PAINT_NONE)
      bare[n_bare++] = tokens[i];
  return set_states (paint, layer, bare, n_bare, state);
}

/* Erased in one layer, what was painted for all of them stays in the others: it becomes their own
 * there. Takes paint. */
static PmodPaint *
spread_paint (PmodTuning *self, PmodPaint *paint, int layer, const int *tokens, int n_tokens)
{
  g_autofree int *found = g_new (int, (gsize)MAX (n_tokens, 1));

  for (int state = PMOD_TUNING_KEEP; state <= (int)PMOD_TUNING_SKIP; state++)
    {
      const guint8 *all = pmod_paint_get_states (paint, PMOD_PAINT_ALL_LAYERS);
      int n_found = 0;

      for (int i = 0; all && i < n_tokens; i++)
        if (tokens[i] >= 0 && tokens[i] < pmod_paint_get_n_vision (paint) &&
            all[tokens[i]] == state)
          found[n_found++] = tokens[i];
      if (n_found == 0)
        continue;
      for (int l = 0; l < pmod_tuning_get_n_layers (self); l++)
        if (l != layer && pmod_tuning_has_router (self, l))
          paint = set_unpainted (paint, l, found, n_found, (PmodTuningPaint)state);
      paint = set_states (paint, PMOD_PAINT_ALL_LAYERS, found, n_found, PMOD_TUNING_UNPAINTED);
    }
  return paint;
}

void
pmod_tuning_paint_tokens (PmodTuning *self,
                          int n_vision,
                          int layer,
                          const int *tokens,
                          int n_tokens,
                          PmodTuningPaint paint)
{
  PmodPaint *old;
  g_autoptr (PmodPaint) next = NULL;
  gboolean fits;

  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail (layer >= PMOD_TUNING_ALL_LAYERS && layer < PMOD_MAX_LAYERS);

  if (!pmod_tuning_get_model (self) || n_vision <= 0)
    return;
  old = get_paint (self);
  fits = old && pmod_paint_get_n_vision (old) == n_vision;
  next = fits ? pmod_paint_ref (old) : pmod_paint_new (n_vision);
  if (layer == PMOD_TUNING_ALL_LAYERS)
    {
      for (int l = 0; l < PMOD_MAX_LAYERS; l++)
        if (pmod_paint_get_states (next, l))
          next = set_states (g_steal_pointer (&next), l, tokens, n_tokens, PMOD_TUNING_UNPAINTED);
    }
  else if (paint == PMOD_TUNING_UNPAINTED)
    next = spread_paint (self, g_steal_pointer (&next), layer, tokens, n_tokens);
  next = set_states (g_steal_pointer (&next), layer, tokens, n_tokens, paint);
  if (pmod_paint_equal (next, old) && (fits || pmod_paint_is_empty (next)) &&
      pmod_tuning_get_policy (self) == PMOD_TUNING_PAINTED)
    return;
  store (self);
  put_paint (self, next, TRUE);
}

void
pmod_tuning_erase_all (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));

  if (pmod_paint_equal (get_paint (self), NULL))
    return;
  store (self);
  put_paint (self, NULL, FALSE);
}

gboolean
pmod_tuning_can_undo_paint (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return get_strokes (self)->undo->len > 0;
}

gboolean
pmod_tuning_can_redo_paint (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return get_strokes (self)->redo->len > 0;
}

void
pmod_tuning_undo_paint (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  step (self, get_strokes (self)->undo, get_strokes (self)->redo);
}

void
pmod_tuning_redo_paint (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  step (self, get_strokes (self)->redo, get_strokes (self)->undo);
}

int
pmod_tuning_get_paint_size (PmodTuning *self)
{
  PmodPaint *paint;

  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);

  paint = get_paint (self);
  return paint && !pmod_paint_is_empty (paint) ? pmod_paint_get_n_vision (paint) : 0;
}

PmodTuningPaint
pmod_tuning_get_painted (PmodTuning *self, int layer, int token)
{
  const guint8 *all;
  PmodPaint *paint;

  g_return_val_if_fail (PMOD_IS_TUNING (self), PMOD_TUNING_UNPAINTED);

  paint = get_paint (self);
  if (!paint || token < 0 || token >= pmod_paint_get_n_vision (paint) || layer >= PMOD_MAX_LAYERS)
    return PMOD_TUNING_UNPAINTED;
  if (layer >= 0)
    return (PmodTuningPaint)pmod_paint_get (paint, layer, token);
  all = pmod_paint_get_states (paint, PMOD_PAINT_ALL_LAYERS);
  return all ? (PmodTuningPaint)all[token] : PMOD_TUNING_UNPAINTED;
}

int
pmod_tuning_count_painted (PmodTuning *self, int layer, PmodTuningPaint paint)
{
  int n_vision = pmod_tuning_get_paint_size (self);
  int n = 0;

  for (int i = 0; i < n_vision; i++)
    n += pmod_tuning_get_painted (self, layer, i) == paint;
  return n;
}

gboolean
pmod_tuning_load_paint (PmodTuning *self, const char *path, GError **error)
{
  g_autoptr (PmodPaint) paint = NULL;

  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);

  paint = pmod_paint_load (path, error);
  if (!paint)
    return FALSE;
  store (self);
  put_paint (self, paint, TRUE);
  return TRUE;
}

gboolean
pmod_tuning_save_paint (PmodTuning *self, const char *path, GError **error)
{
  g_autoptr (PmodPaint) paint = NULL;

  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);

  if (pmod_tuning_get_paint_size (self) == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "nothing is painted");
      return FALSE;
    }
  paint = dup_paint (self);
  return pmod_paint_save (paint, path, error);
}
