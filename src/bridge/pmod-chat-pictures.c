/* PmodChat: pictures that come with questions, and what a question is asked about. See pmod-chat.h.
 */
#include "config.h"

#include "pmod-chat-private.h"

#include "pmod-picture-private.h"
#include "pmod-turns.h"

/* --- For the next question ------------------------------------------------------------------- */

static guint
count_messages (PmodChat *self)
{
  return g_list_model_get_n_items (G_LIST_MODEL (self->messages));
}

gboolean
pmod_chat_attach (PmodChat *self, PmodPicture *picture)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  g_return_val_if_fail (PMOD_IS_PICTURE (picture), FALSE);

  if (self->read_only || (!self->picture && !self->live && count_messages (self) == 0))
    {
      pmod_chat_open_picture (self, picture);
      return TRUE;
    }
  if (pmod_chat_count_pictures (self, count_messages (self)) >= PMOD_CHAT_MAX_PICTURES)
    return FALSE;
  g_list_store_append (self->attached, picture);
  return TRUE;
}

void
pmod_chat_detach (PmodChat *self, guint position)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  if (position < g_list_model_get_n_items (G_LIST_MODEL (self->attached)))
    g_list_store_remove (self->attached, position);
}

GListModel *
pmod_chat_get_attached (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return G_LIST_MODEL (self->attached);
}

gboolean
pmod_chat_has_too_many (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return pmod_chat_count_pictures (self, count_messages (self)) > PMOD_CHAT_MAX_PICTURES;
}

/* (transfer full) */
static GPtrArray *
collect_attached (PmodChat *self)
{
  GPtrArray *pictures = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->attached));

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (pictures, g_list_model_get_item (G_LIST_MODEL (self->attached), i));
  return pictures;
}

gboolean
pmod_chat_ask (PmodChat *self, const char *text)
{
  g_autoptr (GPtrArray) pictures = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  if (pmod_chat_has_too_many (self))
    return FALSE;
  pictures = collect_attached (self);
  if (!pmod_chat_ask_after (self, count_messages (self), text, pictures))
    return FALSE;
  g_list_store_remove_all (self->attached);
  return TRUE;
}

/* --- What is asked about --------------------------------------------------------------------- */

GPtrArray *
pmod_chat_collect (PmodChat *self,
                   guint n_messages,
                   const char *question,
                   GPtrArray *pictures,
                   PmodPicture **shown)
{
  /* Of a camera it is the frame that is shown, which a question keeps. */
  PmodPicture *own = self->live ? self->shown : self->picture;

  return pmod_turns_collect_shown (G_LIST_MODEL (self->messages), n_messages, question, own,
                                   pictures, shown);
}

/* What stands after the first n_messages, or is to: its own pictures. (transfer full) */
static GPtrArray *
collect_own (PmodChat *self, guint n_messages)
{
  g_autoptr (PmodMessage) question =
      g_list_model_get_item (G_LIST_MODEL (self->messages), n_messages);
  GPtrArray *own = question ? pmod_message_get_pictures (question) : NULL;

  if (!question)
    return collect_attached (self);
  return own ? g_ptr_array_ref (own) : g_ptr_array_new ();
}

GPtrArray *
pmod_chat_collect_next (PmodChat *self, guint n_messages, const char *question, PmodPicture **shown)
{
  g_autoptr (GPtrArray) own = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  own = collect_own (self, n_messages);
  return pmod_chat_collect (self, n_messages, question, own, shown);
}

guint
pmod_chat_count_pictures (PmodChat *self, guint n_messages)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), 0);

  texts = pmod_chat_collect_next (self, n_messages, "?", &shown);
  return shown ? pmod_picture_get_n_parts (shown) : 0;
}

GPtrArray *
pmod_chat_collect_last (PmodChat *self, PmodPicture **shown)
{
  g_autofree char *question = pmod_turns_dup_last_question (G_LIST_MODEL (self->messages));

  if (question)
    return pmod_chat_collect_next (self, count_messages (self) - 2, question, shown);
  *shown = self->picture ? g_object_ref (self->picture) : NULL;
  return NULL;
}

char **
pmod_chat_dup_texts (PmodChat *self)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  texts = pmod_chat_collect_last (self, &shown);
  return texts ? g_strdupv ((char **)texts->pdata) : NULL;
}

PmodPicture *
pmod_chat_dup_asked (PmodChat *self)
{
  g_autoptr (PmodPicture) asked = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  texts = pmod_chat_collect_last (self, &asked);
  if (!texts || !asked || self->shown != self->picture)
    return self->shown ? g_object_ref (self->shown) : NULL;
  return g_steal_pointer (&asked);
}
