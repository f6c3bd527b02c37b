/* PmodChat: conversations that are kept and come back. See pmod-chat.h. */
#include "config.h"

#include "pmod-chat-private.h"

void
pmod_chat_set_held (PmodChat *self, gboolean held)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  self->held = held;
}

void
pmod_chat_let_go (PmodChat *self, PmodRun *answer)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  /* Another one's turn comes when its own question is on disk. */
  if (self->answer == answer)
    pmod_session_let_go (self->session);
}

static void
show_old (PmodChat *self, PmodRun *run)
{
  pmod_chat_forget_coming (self);
  pmod_chat_set_run (self, run);
  /* The model that is on its way was asked for before this run was. */
  self->restored = pmod_session_get_state (self->session) == PMOD_SESSION_LOADING;
}

void
pmod_chat_restore (PmodChat *self, PmodPicture *picture, GPtrArray *messages)
{
  PmodRun *run = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  pmod_chat_put_aside (self);
  pmod_chat_forget_old (self);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, picture);
  g_list_store_splice (self->messages, 0, 0, messages->pdata, messages->len);
  for (guint i = messages->len; i > 0 && !run; i--)
    {
      PmodRun *answer = pmod_message_get_run (messages->pdata[i - 1]);

      if (answer && pmod_run_has_maps (answer))
        run = answer;
    }
  if (run)
    show_old (self, run);
  else
    pmod_chat_read_picture (self);
}

void
pmod_chat_show_answer (PmodChat *self, guint position)
{
  g_autoptr (PmodMessage) message = NULL;
  PmodRun *run;

  g_return_if_fail (PMOD_IS_CHAT (self));

  message = g_list_model_get_item (G_LIST_MODEL (self->messages), position);
  run = message ? pmod_message_get_run (message) : NULL;
  if (run && pmod_run_has_maps (run))
    show_old (self, run);
}
