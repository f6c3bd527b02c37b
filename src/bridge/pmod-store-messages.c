/* The store's messages and pictures, and the search for words. See pmod-store-db.h. */
#include "config.h"

#include "pmod-engine.h"
#include "pmod-store-private.h"

/* --- Pictures -------------------------------------------------------------------------------- */

static gboolean
insert_picture (
    PmodStoreDb *self, const char *hash, const char *name, GBytes *bytes, GError **error)
{
  return pmod_store_sql_run (self->sql, error,
                             "INSERT INTO picture (hash, name, bytes) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT DO NOTHING",
                             "ssb", hash, name, bytes);
}

gboolean
pmod_store_db_add_picture (
    PmodStoreDb *self, const char *name, GBytes *bytes, char **hash, GError **error)
{
  g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);

  if (!pmod_store_sql_begin (self->sql, error) ||
      !pmod_store_db_end (self, insert_picture (self, sum, name, bytes, error), error))
    return FALSE;
  *hash = g_steal_pointer (&sum);
  return TRUE;
}

GBytes *
pmod_store_db_get_picture (PmodStoreDb *self, const char *hash, char **name, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *sum = NULL;
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT bytes, name FROM picture WHERE hash = ?1", "s", hash);
  gboolean more;

  if (!row || !pmod_store_sql_step (self->sql, row, &more, error))
    return NULL;
  if (more)
    {
      bytes = pmod_store_dup_bytes (row, 0);
      if (name)
        *name = pmod_store_dup_text (row, 1);
      sqlite3_reset (row);
      sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
    }
  if (g_strcmp0 (sum, hash) == 0)
    return g_steal_pointer (&bytes);
  if (name && more)
    g_clear_pointer (name, g_free);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "picture %s: %s", hash,
               more ? "its bytes have changed on the disk" : "it is not there");
  return NULL;
}

/* --- Messages -------------------------------------------------------------------------------- */

static gboolean
add_pictures (PmodStoreDb *self, gint64 message, char **hashes, GError **error)
{
  for (int i = 0; hashes && hashes[i]; i++)
    if (!pmod_store_sql_run (self->sql, error,
                             "INSERT INTO message_picture (message, place, picture)"
                             " VALUES (?1, ?2, ?3)",
                             "iis", message, (gint64)i, hashes[i]))
      return FALSE;
  return TRUE;
}

static gboolean
insert_message (PmodStoreDb *self, PmodStoreMessage *message, GError **error)
{
  gboolean growing = message->state == PMOD_STORE_GROWING;
  gint64 time_us = message->created_us ? message->created_us : g_get_real_time ();

  if (!pmod_store_sql_run (self->sql, error,
                           "INSERT INTO message (conversation, parent, role, state, owner, text,"
                           " created_us, model, settings, error, trace)"
                           " VALUES (?1, nullif (?2, 0), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                           "iiiississsb", message->conversation, message->parent,
                           (gint64)message->role, (gint64)message->state,
                           growing ? self->owner : NULL, message->text, time_us, message->model,
                           message->settings, message->error, message->trace))
    return FALSE;
  message->id = pmod_store_sql_last_id (self->sql);
  message->created_us = time_us;
  return add_pictures (self, message->id, message->pictures, error);
}

static gboolean
point_at (PmodStoreDb *self, gint64 id, gint64 leaf, GError **error)
{
  return pmod_store_sql_run (self->sql, error,
                             "UPDATE conversation SET leaf = nullif (?2, 0) WHERE id = ?1", "ii",
                             id, leaf);
}

static gboolean
put_in_folder (PmodStoreDb *self, PmodStoreConversation *conversation, gint64 id, GError **error)
{
  conversation->id = id;
  if (!conversation->folder_name)
    return TRUE;
  return pmod_store_db_use_folder (self, conversation->folder_name, &conversation->folder, error) &&
         pmod_store_sql_run (self->sql, error, "UPDATE conversation SET folder = ?2 WHERE id = ?1",
                             "ii", id, conversation->folder);
}

/* What an import writes: all or nothing. */
static gboolean
insert_whole (PmodStoreDb *self,
              PmodStoreConversation *conversation,
              GPtrArray *messages,
              GError **error)
{
  gint64 change, there;
  g_autofree char *uuid = g_strdup (conversation->uuid);

  if (!pmod_store_sql_number (self->sql, &there, 0, error,
                              "SELECT id FROM conversation WHERE uuid = ?1", "s", uuid))
    return FALSE;
  if (there != 0)
    {
      g_free (uuid);
      uuid = g_uuid_string_random ();
    }
  if (!pmod_store_db_next_change (self, &change, error) ||
      !pmod_store_sql_run (self->sql, error,
                           "INSERT INTO conversation (uuid, title, created_us, change)"
                           " VALUES (?1, ?2, ?3, ?4)",
                           "ssii", uuid, conversation->title, conversation->created_us, change) ||
      !put_in_folder (self, conversation, pmod_store_sql_last_id (self->sql), error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    {
      PmodStoreMessage *message = messages->pdata[i];
      PmodStoreMessage *parent = message->parent ? messages->pdata[message->parent - 1] : NULL;

      message->conversation = conversation->id;
      message->parent = parent ? parent->id : 0;
      if (!insert_message (self, message, error))
        return FALSE;
    }
  if (conversation->leaf)
    conversation->leaf = ((PmodStoreMessage *)messages->pdata[conversation->leaf - 1])->id;
  return pmod_store_db_write_system (self, conversation->id, conversation->system, error) &&
         point_at (self, conversation->id, conversation->leaf, error);
}

static gboolean
insert_pictures (PmodStoreDb *self, GPtrArray *pictures, GError **error)
{
  for (guint i = 0; i < pictures->len; i++)
    {
      PmodStorePicture *picture = pictures->pdata[i];

      if (!insert_picture (self, picture->hash, picture->name, picture->bytes, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
pmod_store_db_add_whole (PmodStoreDb *self,
                         PmodStoreConversation *conversation,
                         GPtrArray *messages,
                         GPtrArray *pictures,
                         GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self,
                            insert_pictures (self, pictures, error) &&
                                insert_whole (self, conversation, messages, error),
                            error);
}

gboolean
pmod_store_db_add_message (PmodStoreDb *self, PmodStoreMessage *message, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self,
                            pmod_store_db_touch (self, message->conversation, error) &&
                                insert_message (self, message, error) &&
                                point_at (self, message->conversation, message->id, error),
                            error);
}

gboolean
pmod_store_db_update_message (PmodStoreDb *self,
                              gint64 id,
                              PmodStoreState state,
                              const char *text,
                              const char *error_text,
                              GBytes *trace,
                              GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self,
      pmod_store_sql_run (self->sql, error,
                          "UPDATE message SET state = ?2, owner = ?3, text = ?4, error = ?5,"
                          " trace = coalesce (?6, trace) WHERE id = ?1",
                          "iisssb", id, (gint64)state,
                          state == PMOD_STORE_GROWING ? self->owner : NULL, text, error_text,
                          trace),
      error);
}

gboolean
pmod_store_db_set_leaf (PmodStoreDb *self, gint64 id, gint64 leaf, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self, point_at (self, id, leaf, error), error);
}

static char **
list_pictures (PmodStoreDb *self, gint64 message, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT picture FROM message_picture WHERE message = ?1 ORDER BY place",
      "i", message);
  gboolean more;

  if (!row)
    return NULL;
  while (pmod_store_sql_step (self->sql, row, &more, error))
    {
      if (!more)
        return g_strv_builder_end (builder);
      g_strv_builder_add (builder, (const char *)sqlite3_column_text (row, 0));
    }
  return NULL;
}

static PmodStoreMessage *
read_message (sqlite3_stmt *row)
{
  PmodStoreMessage *message = g_new0 (PmodStoreMessage, 1);

  message->id = sqlite3_column_int64 (row, 0);
  message->conversation = sqlite3_column_int64 (row, 1);
  message->parent = sqlite3_column_int64 (row, 2);
  message->role = (PmodStoreRole)sqlite3_column_int (row, 3);
  message->state = (PmodStoreState)sqlite3_column_int (row, 4);
  message->created_us = sqlite3_column_int64 (row, 5);
  message->text = pmod_store_dup_text (row, 6);
  message->model = pmod_store_dup_text (row, 7);
  message->settings = pmod_store_dup_text (row, 8);
  message->error = pmod_store_dup_text (row, 9);
  return message;
}

GPtrArray *
pmod_store_db_list_messages (PmodStoreDb *self, gint64 conversation, GError **error)
{
  g_autoptr (GPtrArray) list =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_message_free);
  sqlite3_stmt *row =
      pmod_store_sql_query (self->sql, error,
                            "SELECT id, conversation, parent, role, state, created_us, text, model,"
                            " settings, error FROM message WHERE conversation = ?1 ORDER BY id",
                            "i", conversation);
  gboolean more = TRUE;

  while (row && more)
    {
      if (!pmod_store_sql_step (self->sql, row, &more, error))
        return NULL;
      if (more)
        g_ptr_array_add (list, read_message (row));
    }
  for (guint i = 0; row && i < list->len; i++)
    {
      PmodStoreMessage *message = list->pdata[i];

      message->pictures = list_pictures (self, message->id, error);
      if (!message->pictures)
        return NULL;
    }
  return row ? g_steal_pointer (&list) : NULL;
}

GBytes *
pmod_store_db_get_trace (PmodStoreDb *self, gint64 message, GError **error)
{
  GBytes *trace = NULL;
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT trace FROM message WHERE id = ?1", "i", message);
  gboolean more;

  if (!row || !pmod_store_sql_step (self->sql, row, &more, error))
    return NULL;
  if (more)
    trace = pmod_store_dup_bytes (row, 0);
  sqlite3_reset (row);
  return trace;
}

/* --- Search ---------------------------------------------------------------------------------- */

/* Each word in quotes, so that nothing in it is an operator, and as the beginning of one. */
static char *
make_match (const char *words)
{
  g_auto (GStrv) parts = g_strsplit_set (words, " \t\n\r\"", -1);
  GString *match = g_string_new (NULL);

  for (int i = 0; parts[i]; i++)
    if (*parts[i])
      g_string_append_printf (match, "%s\"%s\"*", match->len > 0 ? " " : "", parts[i]);
  return g_string_free (match, FALSE);
}

GPtrArray *
pmod_store_db_search (
    PmodStoreDb *self, const char *words, gint64 folder, int limit, GError **error)
{
  g_autoptr (GPtrArray) hits = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_hit_free);
  g_autofree char *match = make_match (words);
  sqlite3_stmt *row;
  gboolean more;

  if (*match == '\0')
    return g_steal_pointer (&hits);
  /* The joins are in this order so that the index hands out the best first and excerpts are made of
   * those alone. */
  row = pmod_store_sql_query (
      self->sql, error,
      "SELECT message.conversation, message.id, conversation.title,"
      " snippet (search, 0, '\342\201\250', '\342\201\251', '\342\200\246', 12)"
      " FROM search CROSS JOIN message ON message.id = search.rowid"
      " CROSS JOIN conversation ON conversation.id = message.conversation"
      " WHERE search MATCH ?1 AND conversation.deleted IS NULL"
      " AND (?3 = 0 OR conversation.folder = ?3) ORDER BY search.rank LIMIT ?2",
      "sii", match, (gint64)limit, folder);
  if (!row)
    return NULL;
  while (pmod_store_sql_step (self->sql, row, &more, error))
    {
      PmodStoreHit *hit;

      if (!more)
        return g_steal_pointer (&hits);
      hit = g_new0 (PmodStoreHit, 1);
      hit->conversation = sqlite3_column_int64 (row, 0);
      hit->message = sqlite3_column_int64 (row, 1);
      hit->title = pmod_store_dup_text (row, 2);
      hit->excerpt = pmod_store_dup_text (row, 3);
      g_ptr_array_add (hits, hit);
    }
  return NULL;
}
