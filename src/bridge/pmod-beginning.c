/* See pmod-beginning.h. */
#include "config.h"

#include "pmod-beginning.h"

PmodBeginning *
pmod_beginning_new (const char *text)
{
  PmodBeginning *self = g_new0 (PmodBeginning, 1);

  self->text = g_strdup (text);
  return self;
}

void
pmod_beginning_free (PmodBeginning *self)
{
  pmod_beginning_forget_tokens (self);
  g_free (self->text);
  g_free (self);
}

void
pmod_beginning_add (PmodBeginning *self, int id)
{
  gint32 value = id;

  if (!self->ids)
    self->ids = g_array_new (FALSE, FALSE, sizeof value);
  g_array_append_val (self->ids, value);
}

void
pmod_beginning_forget_tokens (PmodBeginning *self)
{
  g_clear_pointer (&self->ids, g_array_unref);
}
