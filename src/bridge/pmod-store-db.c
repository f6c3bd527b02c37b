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
#include "pmod-store-private.h"

/* --- Columns --------------------------------------------------------------------------------- */

char *
pmod_store_dup_text (sqlite3_stmt *row, int column)
{
  return g_strdup ((const char *)sqlite3_column_text (row, column));
}

GBytes *
pmod_store_dup_bytes (sqlite3_stmt *row, int column)
{
  if (sqlite3_column_type (row, column) == SQLITE_NULL)
    return NULL;
  return g_bytes_new (sqlite3_column_blob (row, column), (gsize)sqlite3_column_bytes (row, column));
}

/* --- Transactions ---------------------------------------------------------------------------- */

/* Ends what pmod_store_sql_begin() began: commits if all went well. */
gboolean
pmod_store_db_end (PmodStoreDb *self, gboolean done, GError **error)
{
  if (done)
    return pmod_store_sql_commit (self->sql, error);
  pmod_store_sql_roll_back (self->sql);
  return FALSE;
}

gboolean
pmod_store_db_next_change (PmodStoreDb *self, gint64 *change, GError **error)
{
  return pmod_store_sql_run (self->sql, error, "UPDATE counter SET value = value + 1", "") &&
         pmod_store_sql_number (self->sql, change, 0, error, "SELECT value FROM counter", "");
}

/* The conversation comes to the front of the list. */
gboolean
pmod_store_db_touch (PmodStoreDb *self, gint64 id, GError **error)
{
  gint64 change, there;

  if (!pmod_store_db_next_change (self, &change, error) ||
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
      g_ptr_array_add (owners, pmod_store_dup_text (row, 0));
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

const char *
pmod_store_db_get_damage (PmodStoreDb *self)
{
  return pmod_store_sql_get_damage (self->sql);
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
  done = pmod_store_db_next_change (self, &change, error) &&
         pmod_store_sql_run (self->sql, error,
                             "INSERT INTO conversation (uuid, title, created_us, change)"
                             " VALUES (?1, ?2, ?3, ?4)",
                             "ssii", uuid, title, g_get_real_time (), change);
  if (done)
    *id = pmod_store_sql_last_id (self->sql);
  return pmod_store_db_end (self, done, error);
}

gboolean
pmod_store_db_rename (PmodStoreDb *self, gint64 id, const char *title, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self,
      pmod_store_db_touch (self, id, error) &&
          pmod_store_sql_run (self->sql, error, "UPDATE conversation SET title = ?2 WHERE id = ?1",
                              "is", id, title),
      error);
}

gboolean
pmod_store_db_delete (PmodStoreDb *self, gint64 id, gboolean deleted, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self,
      pmod_store_db_touch (self, id, error) &&
          pmod_store_sql_run (self->sql, error,
                              deleted ? "UPDATE conversation SET deleted = change WHERE id = ?1"
                                      : "UPDATE conversation SET deleted = NULL WHERE id = ?1",
                              "i", id),
      error);
}

gboolean
pmod_store_db_purge (PmodStoreDb *self, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (
      self,
      pmod_store_sql_run (self->sql, error, "DELETE FROM conversation WHERE deleted IS NOT NULL",
                          "") &&
          pmod_store_sql_run (self->sql, error,
                              "DELETE FROM picture WHERE hash NOT IN"
                              " (SELECT picture FROM message_picture)",
                              ""),
      error);
}

#define CONVERSATION_COLUMNS                                                                       \
  "id, uuid, title, folder, leaf, created_us, change, deleted,"                                    \
  " (SELECT name FROM folder WHERE folder.id = conversation.folder)"

static PmodStoreConversation *
read_conversation (sqlite3_stmt *row)
{
  PmodStoreConversation *conversation = g_new0 (PmodStoreConversation, 1);

  conversation->id = sqlite3_column_int64 (row, 0);
  conversation->uuid = pmod_store_dup_text (row, 1);
  conversation->title = pmod_store_dup_text (row, 2);
  conversation->folder = sqlite3_column_int64 (row, 3);
  conversation->leaf = sqlite3_column_int64 (row, 4);
  conversation->created_us = sqlite3_column_int64 (row, 5);
  conversation->change = sqlite3_column_int64 (row, 6);
  conversation->deleted = sqlite3_column_type (row, 7) != SQLITE_NULL;
  conversation->folder_name = pmod_store_dup_text (row, 8);
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
  if (!pmod_store_db_read_system (self, id, &conversation->system, error))
    g_clear_pointer (&conversation, pmod_store_conversation_free);
  return conversation;
}

gboolean
pmod_store_db_get_change (PmodStoreDb *self, gint64 *change, GError **error)
{
  return pmod_store_sql_number (self->sql, change, 0, error, "SELECT value FROM counter", "");
}
