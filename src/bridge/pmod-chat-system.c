/* PmodChat: what stands before all of a conversation's questions. See pmod-chat.h.
 *
 * The session puts it before whatever it asks: an answer, the picture alone, a comparison's other
 * side, a sweep. What precedes a picture has a say in its maps. */
#include "config.h"

#include "pmod-chat-private.h"

void
pmod_chat_take_system (PmodChat *self, char *system)
{
  gboolean same = g_strcmp0 (system, self->system) == 0;

  g_free (self->system);
  self->system = system;
  pmod_session_set_system (self->session, system);
  if (!same)
    g_object_notify (G_OBJECT (self), "system");
}

const char *
pmod_chat_get_system (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->system;
}

void
pmod_chat_set_system (PmodChat *self, const char *system)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  if (g_strcmp0 (system, self->system) == 0)
    return;
  pmod_chat_take_system (self, g_strdup (system));
  if (!self->read_only && !self->live)
    pmod_chat_reread (self);
}
