/* A tuning's paint: by hand, which tokens are to be kept and which skipped. The engine's object is
 * immutable; each change makes the next one. */
#include "config.h"

#include "pmod-tuning-private.h"

G_STATIC_ASSERT ((int)PMOD_TUNING_SKIP == (int)PMOD_PAINT_SKIP);
G_STATIC_ASSERT (PMOD_TUNING_ALL_LAYERS == PMOD_PAINT_ALL_LAYERS);

static PmodPaint *
get_paint (PmodTuning *self)
{
  return pmod_tuning_peek_params (self)->routing.paint;
}

void
pmod_tuning_set_paint (PmodTuning *self, int layer, const guint8 *states, int n_vision)
{
  g_autoptr (PmodPaint) before = NULL;
  g_autoptr (PmodPaint) paint = NULL;

  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail (layer >= PMOD_TUNING_ALL_LAYERS && layer < pmod_tuning_get_n_layers (self));
  g_return_if_fail (n_vision > 0);

  if (get_paint (self) && pmod_paint_get_n_vision (get_paint (self)) == n_vision)
    before = pmod_paint_ref (get_paint (self));
  else
    before = pmod_paint_new (n_vision);
  paint = pmod_paint_with (before, layer, states);
  pmod_tuning_take_over_paint (self, pmod_paint_is_empty (paint) ? NULL : paint);
}

const guint8 *
pmod_tuning_get_paint (PmodTuning *self, int layer, int *n_vision)
{
  *n_vision = 0;
  g_return_val_if_fail (PMOD_IS_TUNING (self), NULL);
  if (!get_paint (self))
    return NULL;
  *n_vision = pmod_paint_get_n_vision (get_paint (self));
  return pmod_paint_get_states (get_paint (self), layer);
}

gboolean
pmod_tuning_has_paint (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return get_paint (self) != NULL;
}

void
pmod_tuning_clear_paint (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  pmod_tuning_take_over_paint (self, NULL);
}
