/* The shelf goes on with the conversation that was the last one: see pmod-shelf.h. */
#include "config.h"

#include "pmod-shelf-private.h"

/* data: gint64, 0 where there is none. */
static gboolean
newest_work (PmodStoreDb *db, gpointer data, GError **error)
{
  gint64 *id = data;
  g_autoptr (GPtrArray) list = pmod_store_db_list (db, FALSE, error);

  if (list && list->len > 0)
    *id = ((PmodStoreConversation *)list->pdata[0])->id;
  return list != NULL;
}

static gboolean
is_empty (PmodChat *chat)
{
  return !pmod_chat_get_picture (chat) && !pmod_chat_get_run (chat) &&
         g_list_model_get_n_items (pmod_chat_get_messages (chat)) == 0;
}

static void
newest_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gint64 *id = pmod_store_read_finish (PMOD_STORE (source), result, &error);
  PmodShelf *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->opening);
  /* A store that cannot be read says so itself. */
  if (id && *id != 0 && is_empty (pmod_keeper_get_chat (self->keeper)))
    pmod_shelf_open (self, *id);
}

void
pmod_shelf_open_newest (PmodShelf *self)
{
  g_return_if_fail (PMOD_IS_SHELF (self));

  if (self->opening || !is_empty (pmod_keeper_get_chat (self->keeper)))
    return;
  self->opening = g_cancellable_new ();
  pmod_store_read_async (pmod_keeper_get_store (self->keeper), newest_work, g_new0 (gint64, 1),
                         g_free, self->opening, newest_cb, self);
}
