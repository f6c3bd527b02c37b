/* PmodChat: which answer's maps are shown. See pmod-chat.h. */
#include "config.h"

#include "pmod-chat-private.h"

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

/* With its own signals, so that whatever changes run or messages need not know. */
void
pmod_chat_watch_shown (PmodChat *self)
{
  g_signal_connect (self, "notify::run", G_CALLBACK (mark), NULL);
  g_signal_connect_object (self->messages, "items-changed", G_CALLBACK (mark), self,
                           G_CONNECT_SWAPPED);
}
