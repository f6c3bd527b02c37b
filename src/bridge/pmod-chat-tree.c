/* PmodChat: its branches, and the path through them that is shown. See pmod-chat.h.
 *
 * The list is the path of the tree; each change of it is one splice, so that views never see a
 * conversation without its end. */
#include "config.h"

#include "pmod-chat-private.h"

void
pmod_chat_set_thread (PmodChat *self, PmodThread *thread)
{
  pmod_thread_free (self->thread);
  self->thread = thread;
}

void
pmod_chat_splice (PmodChat *self, guint position, PmodMessage **tail, guint n_tail)
{
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  /* Before a view asks for it. */
  for (guint i = 0; i < n_tail; i++)
    pmod_message_set_place (tail[i], position + i, pmod_thread_get_version (self->thread, tail[i]),
                            pmod_thread_get_n_versions (self->thread, tail[i]));
  g_list_store_splice (self->messages, position, n_messages - position, (gpointer *)tail, n_tail);
}

/* NULL for position -1. */
static PmodMessage *
peek (PmodChat *self, guint position)
{
  g_autoptr (PmodMessage) message = g_list_model_get_item (G_LIST_MODEL (self->messages), position);

  return message; /* the list holds it */
}

void
pmod_chat_add_all (PmodChat *self, GPtrArray *messages)
{
  for (guint i = 0; i < messages->len; i++)
    pmod_thread_add (self->thread, i > 0 ? messages->pdata[i - 1] : NULL, messages->pdata[i]);
  pmod_chat_splice (self, 0, (PmodMessage **)messages->pdata, messages->len);
}

/* The question stays where it is, so that nothing moves but the answer. */
void
pmod_chat_add_reply (PmodChat *self, guint position, PmodMessage *reply)
{
  pmod_thread_add (self->thread, peek (self, position - 1), reply);
  pmod_chat_splice (self, position, &reply, 1);
}

void
pmod_chat_add_own_reply (PmodChat *self, guint position, PmodMessage *reply)
{
  g_autoptr (PmodMessage) own = g_steal_pointer (&self->own_reply);
  gboolean replaces = own && own == peek (self, position) && pmod_thread_remove (self->thread, own);

  pmod_chat_add_reply (self, position, reply);
  self->own_reply = g_object_ref (reply);
  if (replaces)
    pmod_chat_tell_forgotten (self, own);
}

/* --- Asking ---------------------------------------------------------------------------------- */

guint
pmod_chat_get_last_answer (PmodChat *self)
{
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  return n_messages < 2 ? 0 : n_messages - 1;
}

gboolean
pmod_chat_ask_after (PmodChat *self, guint n_messages, const char *text, GPtrArray *pictures)
{
  g_autofree char *stripped = g_strstrip (g_strdup (text));
  g_autoptr (PmodMessage) question = NULL;
  g_autoptr (PmodMessage) reply = NULL;

  if (self->answer || self->read_only || *stripped == '\0')
    return FALSE;
  pmod_chat_keep_live (self);
  question = pmod_message_new_question (stripped);
  pmod_message_set_pictures (question, pictures);
  reply = pmod_chat_start_answer (self, question, n_messages, self->held);
  pmod_thread_add (self->thread, peek (self, n_messages - 1), question);
  pmod_thread_add (self->thread, question, reply);
  pmod_chat_tell_answering (self, question, reply, FALSE);
  pmod_chat_splice (self, n_messages, (PmodMessage *[]){ question, reply }, 2);
  pmod_chat_tell_busy (self);
  return TRUE;
}

gboolean
pmod_chat_ask_instead (PmodChat *self, guint position, const char *text)
{
  PmodMessage *question;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  question = peek (self, position);
  return question && !pmod_message_get_run (question) &&
         pmod_chat_ask_after (self, position, text, pmod_message_get_pictures (question));
}

gboolean
pmod_chat_start_again (PmodChat *self, guint position, PmodMessage **reply)
{
  g_autoptr (PmodMessage) question = NULL;
  PmodMessage *answer = position > 0 ? peek (self, position) : NULL;

  if (self->answer || !answer || !pmod_message_get_run (answer))
    return FALSE;
  question = g_object_ref (peek (self, position - 1));
  *reply = pmod_chat_start_answer (self, question, position - 1, FALSE);
  pmod_chat_tell_answering (self, question, *reply, TRUE);
  pmod_chat_tell_busy (self);
  return TRUE;
}

gboolean
pmod_chat_ask_again_at (PmodChat *self, guint position)
{
  g_autoptr (PmodMessage) reply = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  if (self->read_only || !pmod_chat_start_again (self, position, &reply))
    return FALSE;
  pmod_chat_add_reply (self, position, reply);
  return TRUE;
}

/* --- Showing --------------------------------------------------------------------------------- */

/* The list becomes the tree's path; what both have at the beginning stays. Returns where they
 * part. */
static guint
follow_thread (PmodChat *self)
{
  g_autoptr (GPtrArray) path = pmod_thread_collect (self->thread);
  guint position = 0;

  while (position < path->len && peek (self, position) == path->pdata[position])
    position++;
  pmod_chat_splice (self, position, (PmodMessage **)path->pdata + position, path->len - position);
  return position;
}

gboolean
pmod_chat_show_message (PmodChat *self, PmodMessage *message)
{
  guint position;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  g_return_val_if_fail (PMOD_IS_MESSAGE (message), FALSE);

  if (peek (self, pmod_message_get_position (message)) == message)
    return TRUE;
  if (self->answer || !pmod_thread_has (self->thread, message))
    return FALSE;
  pmod_thread_show (self->thread, message);
  position = follow_thread (self);
  /* A question's maps are its answer's. */
  pmod_chat_show_answer (self, position | 1);
  pmod_chat_tell_branch (self);
  return TRUE;
}

gboolean
pmod_chat_show_version (PmodChat *self, guint position, guint version)
{
  PmodMessage *message, *other;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  message = peek (self, position);
  other = message ? pmod_thread_get_nth_version (self->thread, message, version) : NULL;
  return other && pmod_chat_show_message (self, other);
}
