/* See pmod-first-word.h. */
#include "config.h"

#include "pmod-first-word.h"

void
pmod_first_word_clear (PmodFirstWord *self)
{
  g_clear_pointer (&self->images, g_ptr_array_unref);
  g_clear_pointer (&self->words, g_free);
  g_clear_pointer (&self->logits, g_free);
}

void
pmod_first_word_take_logits (PmodFirstWord *self,
                             const float *logits,
                             int n,
                             GPtrArray *images,
                             const char *system,
                             char **texts)
{
  g_autofree char *said = NULL;

  pmod_first_word_clear (self);
  if (!logits || !texts)
    return;
  self->images = images ? g_ptr_array_ref (images) : NULL;
  said = g_strjoinv ("\f", texts);
  self->words = g_strconcat (system ? system : "", "\f", said, NULL);
  self->n = n;
  self->logits = g_memdup2 (logits, (gsize)self->n * sizeof *logits);
}

void
pmod_first_word_take (
    PmodFirstWord *self, PmodContext *context, GPtrArray *images, const char *system, char **texts)
{
  pmod_first_word_take_logits (self, pmod_context_get_logits (context),
                               pmod_model_get_config (pmod_context_get_model (context))->vocab,
                               images, system, texts);
}

static gboolean
is_same_images (const GPtrArray *a, const GPtrArray *b)
{
  if (!a || !b || a->len != b->len)
    return a == b;
  for (guint i = 0; i < a->len; i++)
    if (a->pdata[i] != b->pdata[i])
      return FALSE;
  return TRUE;
}

gboolean
pmod_first_word_compare (const PmodFirstWord *a, const PmodFirstWord *b, double *divergence)
{
  if (!a->words || !b->words || a->n != b->n || !is_same_images (a->images, b->images) ||
      !g_str_equal (a->words, b->words))
    return FALSE;
  *divergence = pmod_divergence (a->logits, b->logits, a->n);
  return TRUE;
}
