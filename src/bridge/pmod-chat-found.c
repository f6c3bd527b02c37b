/* PmodChatFound: see pmod-chat-found.h. */
#include "config.h"

#include "pmod-chat-found.h"

struct _PmodChatFound
{
  GObject parent_instance;
};

enum
{
  FOUND,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodChatFound, pmod_chat_found, G_TYPE_OBJECT)

static void
pmod_chat_found_class_init (PmodChatFoundClass *klass)
{
  signals[FOUND] = g_signal_new ("found", PMOD_TYPE_CHAT_FOUND, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 1, PMOD_TYPE_MESSAGE);
}

static void
pmod_chat_found_init (PmodChatFound *self)
{
}

PmodChatFound *
pmod_chat_found_of (PmodChat *chat)
{
  static const char key[] = "strata-chat-found";
  PmodChatFound *self;

  g_return_val_if_fail (PMOD_IS_CHAT (chat), NULL);

  self = g_object_get_data (G_OBJECT (chat), key);
  if (!self)
    {
      self = g_object_new (PMOD_TYPE_CHAT_FOUND, NULL);
      g_object_set_data_full (G_OBJECT (chat), key, self, g_object_unref);
    }
  return self;
}

gboolean
pmod_chat_found_show (PmodChat *chat, PmodMessage *message)
{
  /* The class, and with it the signal's number, is there from the first instance on. */
  PmodChatFound *self = pmod_chat_found_of (chat);

  if (!pmod_chat_show_message (chat, message))
    return FALSE;
  g_signal_emit (self, signals[FOUND], 0, message);
  return TRUE;
}
