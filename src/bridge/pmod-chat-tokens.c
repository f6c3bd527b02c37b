/* PmodChatTokens: see pmod-chat-tokens.h. */
#include "config.h"

#include "pmod-chat-tokens.h"

#include "pmod-run-tokens.h"

struct _PmodChatTokens
{
  GObject parent_instance;

  PmodMessage *answer;
};

enum
{
  PROP_ANSWER = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodChatTokens, pmod_chat_tokens, G_TYPE_OBJECT)

static void
pmod_chat_tokens_dispose (GObject *object)
{
  g_clear_object (&PMOD_CHAT_TOKENS (object)->answer);

  G_OBJECT_CLASS (pmod_chat_tokens_parent_class)->dispose (object);
}

static void
pmod_chat_tokens_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ANSWER:
      g_value_set_object (value, PMOD_CHAT_TOKENS (object)->answer);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_chat_tokens_class_init (PmodChatTokensClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_chat_tokens_dispose;
  object_class->get_property = pmod_chat_tokens_get_property;

  props[PROP_ANSWER] = g_param_spec_object ("answer", NULL, NULL, PMOD_TYPE_MESSAGE,
                                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_chat_tokens_init (PmodChatTokens *self)
{
}

PmodChatTokens *
pmod_chat_tokens_of (PmodChat *chat)
{
  static const char key[] = "strata-chat-tokens";
  PmodChatTokens *self;

  g_return_val_if_fail (PMOD_IS_CHAT (chat), NULL);

  self = g_object_get_data (G_OBJECT (chat), key);
  if (!self)
    {
      self = g_object_new (PMOD_TYPE_CHAT_TOKENS, NULL);
      g_object_set_data_full (G_OBJECT (chat), key, self, g_object_unref);
    }
  return self;
}

PmodMessage *
pmod_chat_tokens_get_answer (PmodChatTokens *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT_TOKENS (self), NULL);
  return self->answer;
}

void
pmod_chat_tokens_set_answer (PmodChatTokens *self, PmodMessage *answer)
{
  g_return_if_fail (PMOD_IS_CHAT_TOKENS (self));

  if (g_set_object (&self->answer, answer))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ANSWER]);
}

/* (transfer full) (nullable) */
static PmodMessage *
dup_last (PmodChat *chat)
{
  GListModel *messages = pmod_chat_get_messages (chat);
  guint n = g_list_model_get_n_items (messages);

  return n > 0 ? g_list_model_get_item (messages, n - 1) : NULL;
}

gboolean
pmod_chat_tokens_toggle_last (PmodChat *chat)
{
  PmodChatTokens *self = pmod_chat_tokens_of (chat);
  g_autoptr (PmodMessage) last = dup_last (chat);
  PmodRun *run = last ? pmod_message_get_run (last) : NULL;

  if (!run || !pmod_run_is_finished (run) || pmod_run_count_answer_tokens (run) == 0)
    return FALSE;
  pmod_chat_tokens_set_answer (self, self->answer == last ? NULL : last);
  return TRUE;
}

static gboolean
hand_on (PmodChat *chat, gboolean asked, gboolean shown)
{
  g_autoptr (PmodMessage) last = asked && shown ? dup_last (chat) : NULL;

  if (last)
    pmod_chat_tokens_set_answer (pmod_chat_tokens_of (chat), last);
  return asked;
}

gboolean
pmod_chat_tokens_continue (PmodChat *chat, PmodMessage *answer)
{
  gboolean shown = pmod_chat_tokens_of (chat)->answer == answer;

  return hand_on (chat, pmod_chat_continue (chat, answer), shown);
}

gboolean
pmod_chat_tokens_continue_from (PmodChat *chat, PmodMessage *answer, int token, int alternative)
{
  gboolean shown = pmod_chat_tokens_of (chat)->answer == answer;

  return hand_on (chat, pmod_chat_continue_from (chat, answer, token, alternative), shown);
}
