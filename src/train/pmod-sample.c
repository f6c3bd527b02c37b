/* Samples: memory alone. Who fills them: sources. */
#include "pmod-sample.h"

PmodSample *
pmod_sample_new (int n_tokens)
{
  PmodSample *self = g_new0 (PmodSample, 1);
  gsize n = (gsize)MAX (n_tokens, 1);

  self->n_tokens = n_tokens;
  self->ids = g_new (gint32, n);
  self->labels = g_new (gint32, n);
  self->answers = g_new (gint32, n);
  self->positions = g_new (gint32, n);
  for (int i = 0; i < n_tokens; i++)
    {
      self->ids[i] = -1;
      self->labels[i] = PMOD_SAMPLE_NO_LABEL;
      self->answers[i] = -1;
      self->positions[i] = i;
    }
  return self;
}

void
pmod_sample_free (PmodSample *self)
{
  if (self == NULL)
    return;
  for (int i = 0; i < self->n_images; i++)
    pmod_pixels_free (self->images[i].pixels);
  g_free (self->ids);
  g_free (self->labels);
  g_free (self->answers);
  g_free (self->positions);
  g_free (self->first);
  g_free (self->targets);
  g_free (self->images);
  g_free (self->patches);
  g_free (self->kinds);
  g_free (self);
}

int
pmod_sample_n_labels (const PmodSample *self)
{
  int n = 0;

  for (int i = 0; i < self->n_tokens; i++)
    n += self->labels[i] >= 0;
  return n;
}
