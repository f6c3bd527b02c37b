/* Conversations in SQLite. See pmod-store-db.h; the layout is in pmod-store-sql.c.
 *
 * Which process a growing answer belongs to is told by a lock: each process that has the file open
 * holds one on PATH.owner-UUID, and the system lets go of it however the process ends. */
#include "config.h"

#include "pmod-store-db.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pmod-engine.h"
#include "pmod-store-sql.h"

struct _PmodStoreDb
{
  PmodStoreSql *sql;
  char *path;  /* nullable */
  char *owner; /* this process */
  int lock;    /* -1: none */
};

/* --- Columns --------------------------------------------------------------------------------- */

static char *
dup_text (sqlite3_stmt *row, int column)
{
  return g_strdup ((const char *)sqlite3_column_text (row, column));
}

static GBytes *
dup_bytes (sqlite3_stmt *row, int column)
{
  if (sqlite3_column_type (row, column) == SQLITE_NULL)
    return NULL;
  return g_bytes_new (sqlite3_column_blob (row, column), (gsize)sqlite3_column_bytes (row, column));
}

/* --- Transactions ---------------------------------------------------------------------------- */

/* Ends what pmod_store_sql_begin() began: commits if all went well. */
static gboolean
end (PmodStoreDb *self, gboolean done, GError **error)
{
  if (done)
    return pmod_store_sql_commit (self->sql, error);
  pmod_store_sql_roll_back (self->sql);
  return FALSE;
}

static gboolean
next_change (PmodStoreDb *self, gint64 *change, GError **error)
{
  return pmod_store_sql_run (self->sql, error, "UPDATE counter SET value = value + 1", "") &&
         pmod_store_sql_number (self->sql, change, 0, error, "SELECT value FROM counter", "");
}

/* The conversation comes to the front of the list. */
static gboolean
touch (PmodStoreDb *self, gint64 id, GError **error)
{
  gint64 change, there;

  if (!next_change (self, &change, error) ||
      !pmod_store_sql_number (self->sql, &there, 0, error,
                              "SELECT id FROM conversation WHERE id = ?1", "i", id))
    return FALSE;
  if (there == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "conversation %" G_GINT64_FORMAT ": it is not there any more", id);
      return FALSE;
    }
  return pmod_store_sql_run (self->sql, error, "UPDATE conversation SET change = ?2 WHERE id = ?1",
                             "ii", id, change);
}

/* --- Owners ---------------------------------------------------------------------------------- */

static char *
owner_path (PmodStoreDb *self, const char *owner)
{
  return g_strconcat (self->path, ".owner-", owner, NULL);
}

/* A name that nobody had before: what is left of its last bearer would be taken for ours. */
static gboolean
take_lock (PmodStoreDb *self, GError **error)
{
  g_autofree char *path = NULL;

  do
    {
      g_free (self->owner);
      g_free (path);
      self->owner = g_uuid_string_random ();
      path = owner_path (self, self->owner);
      self->lock = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
  while (self->lock < 0 && errno == EEXIST);
  if (self->lock >= 0 && flock (self->lock, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: locking it: %s", path, g_strerror (errno));
  return FALSE;
}

/* A lock that can be had was let go of. */
static gboolean
is_gone (PmodStoreDb *self, const char *owner)
{
  g_autofree char *path = owner_path (self, owner);
  int file = open (path, O_RDWR | O_CLOEXEC);
  gboolean gone;

  if (file < 0)
    return errno == ENOENT;
  gone = flock (file, LOCK_EX | LOCK_NB) == 0;
  close (file);
  if (gone)
    g_unlink (path);
  return gone;
}

static GPtrArray *
list_owners (PmodStoreDb *self, GError **error)
{
  g_autoptr (GPtrArray) owners = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT DISTINCT owner FROM message WHERE owner IS NOT NULL", "");
  gboolean more;

  if (!row)
    return NULL;
  while (pmod_store_sql_step (self->sql, row, &more, error))
    {
      if (!more)
        return g_steal_pointer (&owners);
      g_ptr_array_add (owners, dup_text (row, 0));
    }
  return NULL;
}

static gboolean
mark_partial (PmodStoreDb *self, GError **error)
{
  g_autoptr (GPtrArray) owners = list_owners (self, error);

  if (!owners)
    return FALSE;
  for (guint i = 0; i < owners->len; i++)
    if (is_gone (self, owners->pdata[i]) &&
        !pmod_store_sql_run (self->sql, error,
                             "UPDATE message SET state = ?2, owner = NULL WHERE owner = ?1", "si",
                             owners->pdata[i], (gint64)PMOD_STORE_PARTIAL))
      return FALSE;
  return TRUE;
}

/* --- Opening --------------------------------------------------------------------------------- */

PmodStoreDb *
pmod_store_db_open (const char *path, GError **error)
{
  PmodStoreDb *self = g_new0 (PmodStoreDb, 1);

  self->path = g_strdup (path);
  self->lock = -1;
  self->sql = path ? pmod_store_sql_open (path, error) : pmod_store_sql_open_memory (error);
  if (self->sql && (!path || pmod_store_sql_get_read_only (self->sql) ||
                    (take_lock (self, error) && mark_partial (self, error))))
    return self;
  pmod_store_db_free (self);
  return NULL;
}

void
pmod_store_db_free (PmodStoreDb *self)
{
  g_clear_pointer (&self->sql, pmod_store_sql_free);
  if (self->lock >= 0 && self->owner)
    {
      g_autofree char *path = owner_path (self, self->owner);

      g_unlink (path);
      close (self->lock);
    }
  g_free (self->owner);
  g_free (self->path);
  g_free (self);
}

const char *
pmod_store_db_get_read_only (PmodStoreDb *self)
{
  return pmod_store_sql_get_read_only (self->sql);
}

/* --- Conversations --------------------------------------------------------------------------- */

gboolean
pmod_store_db_add_conversation (PmodStoreDb *self, const char *title, gint64 *id, GError **error)
{
  g_autofree char *uuid = g_uuid_string_random ();
  gint64 change;
  gboolean done;

  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  done = next_change (self, &change, error) &&
         pmod_store_sql_run (self->sql, error,
                             "INSERT INTO conversation (uuid, title, created_us, change)"
                             " VALUES (?1, ?2, ?3, ?4)",
                             "ssii", uuid, title, g_get_real_time (), change);
  if (done)
    *id = pmod_store_sql_last_id (self->sql);
  return end (self, done, error);
}

gboolean
pmod_store_db_rename (PmodStoreDb *self, gint64 id, const char *title, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              touch (self, id, error) &&
                  pmod_store_sql_run (self->sql, error,
                                      "UPDATE conversation SET title = ?2 WHERE id = ?1", "is", id,
                                      title),
              error);
}

gboolean
pmod_store_db_delete (PmodStoreDb *self, gint64 id, gboolean deleted, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              touch (self, id, error) &&
                  pmod_store_sql_run (self->sql, error,
                                      deleted
                                          ? "UPDATE conversation SET deleted = change WHERE id = ?1"
                                          : "UPDATE conversation SET deleted = NULL WHERE id = ?1",
                                      "i", id),
              error);
}

gboolean
pmod_store_db_purge (PmodStoreDb *self, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              pmod_store_sql_run (self->sql, error,
                                  "DELETE FROM conversation WHERE deleted IS NOT NULL", "") &&
                  pmod_store_sql_run (self->sql, error,
                                      "DELETE FROM picture WHERE hash NOT IN"
                                      " (SELECT picture FROM message_picture)",
                                      ""),
              error);
}

#define CONVERSATION_COLUMNS "id, uuid, title, folder, leaf, created_us, change, deleted"

static PmodStoreConversation *
read_conversation (sqlite3_stmt *row)
{
  PmodStoreConversation *conversation = g_new0 (PmodStoreConversation, 1);

  conversation->id = sqlite3_column_int64 (row, 0);
  conversation->uuid = dup_text (row, 1);
  conversation->title = dup_text (row, 2);
  conversation->folder = sqlite3_column_int64 (row, 3);
  conversation->leaf = sqlite3_column_int64 (row, 4);
  conversation->created_us = sqlite3_column_int64 (row, 5);
  conversation->change = sqlite3_column_int64 (row, 6);
  conversation->deleted = sqlite3_column_type (row, 7) != SQLITE_NULL;
  return conversation;
}

GPtrArray *
pmod_store_db_list (PmodStoreDb *self, gboolean deleted, GError **error)
{
  g_autoptr (GPtrArray) list =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_conversation_free);
  sqlite3_stmt *row =
      pmod_store_sql_query (self->sql, error,
                            deleted ? "SELECT " CONVERSATION_COLUMNS " FROM conversation"
                                      " WHERE deleted IS NOT NULL ORDER BY deleted DESC"
                                    : "SELECT " CONVERSATION_COLUMNS " FROM conversation"
                                      " WHERE deleted IS NULL ORDER BY change DESC",
                            "");
  gboolean more;

  if (!row)
    return NULL;
  while (pmod_store_sql_step (self->sql, row, &more, error))
    {
      if (!more)
        return g_steal_pointer (&list);
      g_ptr_array_add (list, read_conversation (row));
    }
  return NULL;
}

PmodStoreConversation *
pmod_store_db_get (PmodStoreDb *self, gint64 id, GError **error)
{
  PmodStoreConversation *conversation;
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT " CONVERSATION_COLUMNS " FROM conversation WHERE id = ?1", "i", id);
  gboolean more;

  if (!row || !pmod_store_sql_step (self->sql, row, &more, error))
    return NULL;
  if (!more)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "conversation %" G_GINT64_FORMAT ": it is not there any more", id);
      return NULL;
    }
  conversation = read_conversation (row);
  sqlite3_reset (row);
  return conversation;
}

/* --- Folders --------------------------------------------------------------------------------- */

gboolean
pmod_store_db_add_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error)
{
  gboolean done;

  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  done = pmod_store_sql_run (self->sql, error,
                             "INSERT INTO folder (name) VALUES (?1) ON CONFLICT DO NOTHING", "s",
                             name) &&
         pmod_store_sql_number (self->sql, id, 0, error, "SELECT id FROM folder WHERE name = ?1",
                                "s", name);
  return end (self, done, error);
}

gboolean
pmod_store_db_rename_folder (PmodStoreDb *self, gint64 id, const char *name, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              pmod_store_sql_run (self->sql, error, "UPDATE folder SET name = ?2 WHERE id = ?1",
                                  "is", id, name),
              error);
}

gboolean
pmod_store_db_remove_folder (PmodStoreDb *self, gint64 id, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              pmod_store_sql_run (self->sql, error, "DELETE FROM folder WHERE id = ?1", "i", id),
              error);
}

GPtrArray *
pmod_store_db_list_folders (PmodStoreDb *self, GError **error)
{
  g_autoptr (GPtrArray) list =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_folder_free);
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT id, name FROM folder ORDER BY name COLLATE NOCASE", "");
  gboolean more;

  if (!row)
    return NULL;
  while (pmod_store_sql_step (self->sql, row, &more, error))
    {
      PmodStoreFolder *folder;

      if (!more)
        return g_steal_pointer (&list);
      folder = g_new0 (PmodStoreFolder, 1);
      folder->id = sqlite3_column_int64 (row, 0);
      folder->name = dup_text (row, 1);
      g_ptr_array_add (list, folder);
    }
  return NULL;
}

/* NULL rather than 0, so that the folder must be there. */
gboolean
pmod_store_db_move (PmodStoreDb *self, gint64 id, gint64 folder, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (
      self,
      touch (self, id, error) &&
          pmod_store_sql_run (self->sql, error,
                              "UPDATE conversation SET folder = nullif (?2, 0) WHERE id = ?1", "ii",
                              id, folder),
      error);
}

/* --- Pictures -------------------------------------------------------------------------------- */

gboolean
pmod_store_db_add_picture (
    PmodStoreDb *self, const char *name, GBytes *bytes, char **hash, GError **error)
{
  g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);

  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  if (!end (self,
            pmod_store_sql_run (self->sql, error,
                                "INSERT INTO picture (hash, name, bytes) VALUES (?1, ?2, ?3)"
                                " ON CONFLICT DO NOTHING",
                                "ssb", sum, name, bytes),
            error))
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
      bytes = dup_bytes (row, 0);
      if (name)
        *name = dup_text (row, 1);
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

gboolean
pmod_store_db_add_message (PmodStoreDb *self, PmodStoreMessage *message, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              touch (self, message->conversation, error) && insert_message (self, message, error) &&
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
  gint64 change;

  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self,
              next_change (self, &change, error) &&
                  pmod_store_sql_run (
                      self->sql, error,
                      "UPDATE message SET state = ?2, owner = ?3, text = ?4, error = ?5,"
                      " trace = coalesce (?6, trace) WHERE id = ?1",
                      "iisssb", id, (gint64)state, state == PMOD_STORE_GROWING ? self->owner : NULL,
                      text, error_text, trace),
              error);
}

gboolean
pmod_store_db_set_leaf (PmodStoreDb *self, gint64 id, gint64 leaf, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return end (self, point_at (self, id, leaf, error), error);
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
  message->text = dup_text (row, 6);
  message->model = dup_text (row, 7);
  message->settings = dup_text (row, 8);
  message->error = dup_text (row, 9);
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
    trace = dup_bytes (row, 0);
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
pmod_store_db_search (PmodStoreDb *self, const char *words, int limit, GError **error)
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
      " WHERE search MATCH ?1 AND conversation.deleted IS NULL ORDER BY search.rank LIMIT ?2",
      "si", match, (gint64)limit);
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
      hit->title = dup_text (row, 2);
      hit->excerpt = dup_text (row, 3);
      g_ptr_array_add (hits, hit);
    }
  return NULL;
}

gboolean
pmod_store_db_get_change (PmodStoreDb *self, gint64 *change, GError **error)
{
  return pmod_store_sql_number (self->sql, change, 0, error, "SELECT value FROM counter", "");
}
