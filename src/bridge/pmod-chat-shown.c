/* PmodChat: which answer's maps are shown. See pmod-chat.h. */
#include "config.h"

#include "pmod-chat-private.h"

#include "pmod-run-origin.h"

static void
mark (PmodChat *self)
{
  GListModel *messages = G_LIST_MODEL (self->messages);

  for (guint i = 0; i < g_list_model_get_n_items (messages); i++)
    {
      g_autoptr (PmodMessage) message = g_list_model_get_item (messages, i);
      PmodRun *run = pmod_message_get_run (message);

      pmod_message_set_shown (message, run && run == self->run);
    }
}

/* Of all pictures up to there: how many come before those of the question at position. */
static guint
count_before (PmodChat *self, guint position)
{
  guint n = self->picture ? 1 : 0;

  for (guint i = 0; i < position; i += 2)
    {
      g_autoptr (PmodMessage) question = g_list_model_get_item (G_LIST_MODEL (self->messages), i);
      GPtrArray *brought = pmod_message_get_pictures (question);

      n += brought ? brought->len : 0;
    }
  return n;
}

gboolean
pmod_chat_show_brought (PmodChat *self, guint position, guint index, int *picture)
{
  GListModel *messages;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  messages = G_LIST_MODEL (self->messages);
  if (position >= g_list_model_get_n_items (messages))
    return FALSE;
  *picture = (int)(count_before (self, position) + index);
  for (guint i = position | 1; i < g_list_model_get_n_items (messages); i += 2)
    {
      g_autoptr (PmodMessage) answer = g_list_model_get_item (messages, i);
      PmodRun *run = pmod_message_get_run (answer);

      if (!run || !pmod_run_has_maps (run) || !pmod_run_get_shown (run, *picture))
        continue;
      pmod_chat_show_answer (self, i);
      return TRUE;
    }
  return FALSE;
}

/* With its own signals, so that whatever changes run or messages need not know. */
void
pmod_chat_watch_shown (PmodChat *self)
{
  g_signal_connect (self, "notify::run", G_CALLBACK (mark), NULL);
  g_signal_connect_object (self->messages, "items-changed", G_CALLBACK (mark), self,
                           G_CONNECT_SWAPPED);
}
