/* PmodMessageList: a message that was found comes into sight and is marked for a while. See
 * pmod-message-list.h.
 *
 * It may be found before anything is laid out, as when its conversation has just been opened; so it
 * is looked for when the list gets its size. */
#include "config.h"

#include "pmod-message-list-private.h"

#include "pmod-chat-found.h"

/* Of the view's height, what was said before it. */
#define SHARE_BEFORE 0.2
#define MARK_MS 2500

static gboolean
unmark_cb (gpointer user_data)
{
  PmodMessageList *self = user_data;

  self->mark_id = 0;
  pmod_message_list_forget_found (self);
  return G_SOURCE_REMOVE;
}

void
pmod_message_list_forget_found (PmodMessageList *self)
{
  if (self->marked)
    gtk_widget_remove_css_class (self->marked, "found");
  g_clear_weak_pointer (&self->marked);
  g_clear_handle_id (&self->mark_id, g_source_remove);
  g_clear_object (&self->found);
}

/* One that is in sight stays where it is. */
static void
bring (PmodMessageList *self, guint position)
{
  double page = pmod_message_list_get_page (self);

  for (int i = 0; i < 3; i++) /* what was a guess is measured then */
    {
      double value = pmod_message_list_get_value (self);
      double top = pmod_message_heights_get_top (self->heights, position);
      double height = pmod_message_heights_get (self->heights, position);

      if (self->rows->pdata[position] && top >= value && top + MIN (height, page) <= value + page)
        break;
      pmod_message_list_move (self, top - MAX (MIN (SHARE_BEFORE * page, page - height), 0));
    }
}

void
pmod_message_list_bring_found (PmodMessageList *self)
{
  g_autoptr (PmodMessage) found = g_steal_pointer (&self->found);
  guint position = pmod_message_get_position (found);
  g_autoptr (PmodMessage) there = g_list_model_get_item (self->model, position);

  if (there != found)
    return;
  pmod_message_list_forget_found (self);
  bring (self, position);
  if (!self->rows->pdata[position])
    return;
  self->cursor = position;
  g_set_weak_pointer (&self->marked, self->rows->pdata[position]);
  gtk_widget_add_css_class (self->marked, "found");
  self->mark_id = g_timeout_add (MARK_MS, unmark_cb, self);
}

static void
found_cb (PmodMessageList *self, PmodMessage *message)
{
  g_set_object (&self->found, message);
  gtk_widget_queue_allocate (GTK_WIDGET (self));
}

void
pmod_message_list_follow_found (PmodMessageList *self, PmodChat *old, PmodChat *chat)
{
  if (old)
    g_signal_handlers_disconnect_by_func (pmod_chat_found_of (old), found_cb, self);
  pmod_message_list_forget_found (self);
  if (chat)
    g_signal_connect_swapped (pmod_chat_found_of (chat), "found", G_CALLBACK (found_cb), self);
}
