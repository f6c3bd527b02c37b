/* PmodChat: frames of a camera and their runs take the conversation's place. See pmod-chat.h. */
#include "config.h"

#include "pmod-chat-private.h"

PmodPicture *
pmod_chat_get_shown (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->shown;
}

gboolean
pmod_chat_get_live (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->live;
}

void
pmod_chat_begin_live (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  if (self->live)
    return;
  pmod_chat_put_aside (self);
  g_set_object (&self->before_picture, self->picture);
  g_set_object (&self->before_run, self->run);
  pmod_chat_set_live (self, TRUE);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, NULL);
}

/* Nobody hears of the one before both are there: no mask lies over another frame. */
void
pmod_chat_show_live (PmodChat *self, PmodPicture *picture, PmodRun *run)
{
  g_return_if_fail (PMOD_IS_CHAT (self));
  g_return_if_fail (PMOD_IS_PICTURE (picture));

  if (!self->live)
    return;
  g_object_freeze_notify (G_OBJECT (self));
  pmod_chat_set_shown (self, picture);
  pmod_chat_set_run (self, run);
  g_object_thaw_notify (G_OBJECT (self));
}

void
pmod_chat_keep_live (PmodChat *self)
{
  g_autoptr (PmodPicture) picture = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->live || !self->shown)
    return;
  picture = g_object_ref (self->shown);
  pmod_chat_set_picture (self, picture);
  pmod_chat_set_live (self, FALSE);
  if (!self->run)
    pmod_chat_read_picture (self);
}

void
pmod_chat_end_live (PmodChat *self)
{
  g_autoptr (PmodPicture) picture = NULL;
  g_autoptr (PmodRun) run = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->live)
    return;
  picture = g_steal_pointer (&self->before_picture);
  run = g_steal_pointer (&self->before_run);
  pmod_chat_set_live (self, FALSE);
  pmod_session_stop_lane (self->session, 0);
  if (self->old_messages)
    {
      pmod_chat_undo (self);
      return;
    }
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, picture);
  pmod_chat_set_run (self, run);
}
