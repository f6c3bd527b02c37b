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

void
pmod_chat_show_old (PmodChat *self, PmodRun *run)
{
  pmod_chat_forget_coming (self);
  pmod_chat_set_run (self, run);
  /* The model that is on its way was asked for before this run was. */
  self->restored = pmod_session_get_state (self->session) == PMOD_SESSION_LOADING;
}

/* Nothing of the conversation before is there any more. */
static void
begin_restored (PmodChat *self, PmodPicture *picture, const char *system)
{
  pmod_chat_put_aside (self);
  pmod_chat_forget_old (self);
  pmod_chat_take_system (self, g_strdup (system));
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, picture);
}

static void
show_last_maps (PmodChat *self)
{
  for (guint i = g_list_model_get_n_items (G_LIST_MODEL (self->messages)); i > 0; i--)
    {
      g_autoptr (PmodMessage) message =
          g_list_model_get_item (G_LIST_MODEL (self->messages), i - 1);
      PmodRun *run = pmod_message_get_run (message);

      if (run && pmod_run_has_maps (run))
        {
          pmod_chat_show_old (self, run);
          return;
        }
    }
  pmod_chat_read_picture (self);
}

void
pmod_chat_restore (PmodChat *self, PmodPicture *picture, GPtrArray *messages)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  begin_restored (self, picture, NULL);
  pmod_chat_add_all (self, messages);
  show_last_maps (self);
}

void
pmod_chat_restore_thread (PmodChat *self,
                          PmodPicture *picture,
                          PmodThread *thread,
                          const char *system)
{
  g_autoptr (GPtrArray) path = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  begin_restored (self, picture, system);
  pmod_chat_set_thread (self, thread);
  path = pmod_thread_collect (thread);
  pmod_chat_splice (self, 0, (PmodMessage **)path->pdata, path->len);
  show_last_maps (self);
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
    pmod_chat_show_old (self, run);
}
