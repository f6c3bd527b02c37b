/* The database below PmodStore. See pmod-store-sql.h. */
#include "config.h"

#include "pmod-store-sql.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "pmod-engine.h"

/* "Stra": so that a program that looks at the file knows whose it is. */
#define APPLICATION_ID 0x53747261

/* How long another process may hold the file before we say so. */
#define BUSY_MS 5000

struct _PmodStoreSql
{
  sqlite3 *db;
  char *path; /* nullable: in memory */
  char *read_only;
  char *damage;           /* nullable */
  GHashTable *statements; /* text -> sqlite3_stmt */
};

/* Step N makes version N of version N - 1. A step that was published is never changed.
 *
 * change and deleted are numbers of one counter, not times: their order is that of the events, even
 * where the clock jumps. state: PmodStoreState. role: PmodStoreRole. */
static const char *const steps[PMOD_STORE_VERSION] = {
  "CREATE TABLE counter (value INTEGER NOT NULL);"
  "INSERT INTO counter VALUES (0);"
  "CREATE TABLE folder (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);"
  "CREATE TABLE conversation ("
  "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
  "  uuid TEXT NOT NULL UNIQUE,"
  "  title TEXT NOT NULL,"
  "  folder INTEGER REFERENCES folder ON DELETE SET NULL,"
  "  leaf INTEGER,"
  "  created_us INTEGER NOT NULL,"
  "  change INTEGER NOT NULL,"
  "  deleted INTEGER);"
  "CREATE INDEX conversation_change ON conversation (deleted, change);"
  "CREATE TABLE message ("
  "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
  "  conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,"
  "  parent INTEGER REFERENCES message ON DELETE CASCADE,"
  "  role INTEGER NOT NULL,"
  "  state INTEGER NOT NULL,"
  "  owner TEXT,"
  "  text TEXT NOT NULL,"
  "  created_us INTEGER NOT NULL,"
  "  model TEXT,"
  "  settings TEXT,"
  "  error TEXT,"
  "  trace BLOB);"
  "CREATE INDEX message_conversation ON message (conversation, parent);"
  "CREATE INDEX message_owner ON message (owner) WHERE owner IS NOT NULL;"
  "CREATE TABLE picture ("
  "  hash TEXT PRIMARY KEY,"
  "  name TEXT NOT NULL,"
  "  bytes BLOB NOT NULL);"
  "CREATE TABLE message_picture ("
  "  message INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,"
  "  place INTEGER NOT NULL,"
  "  picture TEXT NOT NULL REFERENCES picture,"
  "  PRIMARY KEY (message, place)) WITHOUT ROWID;"
  "CREATE INDEX message_picture_picture ON message_picture (picture);",

  "CREATE VIRTUAL TABLE search USING fts5 ("
  "  text, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2', "
  "prefix='2 3 4');"
  "INSERT INTO search (rowid, text) SELECT id, text FROM message;"
  "CREATE TRIGGER message_added AFTER INSERT ON message BEGIN"
  "  INSERT INTO search (rowid, text) VALUES (new.id, new.text); END;"
  "CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN"
  "  INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text); END;"
  "CREATE TRIGGER message_text AFTER UPDATE OF text ON message BEGIN"
  "  INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);"
  "  INSERT INTO search (rowid, text) VALUES (new.id, new.text); END;",

  "ALTER TABLE conversation ADD COLUMN system TEXT;",
};

/* --- Errors ---------------------------------------------------------------------------------- */

static void
set_error (PmodStoreSql *self, GError **error, const char *what)
{
  int code = sqlite3_errcode (self->db);
  PmodErrorCode kind = PMOD_ERROR_IO;
  const char *why = sqlite3_errmsg (self->db);

  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    kind = PMOD_ERROR_FORMAT;
  else if (code == SQLITE_CONSTRAINT) /* it would fail again */
    kind = PMOD_ERROR_ARGUMENT;
  else if (code == SQLITE_FULL)
    why = "the disk is full";
  else if (code == SQLITE_BUSY)
    why = "another process has held it for five seconds";
  g_set_error (error, PMOD_ERROR, kind, "%s: %s: %s", self->path ? self->path : "conversations",
               what, why);
  if (kind == PMOD_ERROR_FORMAT && !self->damage)
    self->damage =
        g_strdup_printf ("%s: %s: %s", self->path ? self->path : "conversations", what, why);
}

/* --- Statements ------------------------------------------------------------------------------ */

static sqlite3_stmt *
find_statement (PmodStoreSql *self, const char *text, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, text);

  if (statement)
    {
      sqlite3_reset (statement);
      return statement;
    }
  if (sqlite3_prepare_v3 (self->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
      SQLITE_OK)
    {
      set_error (self, error, "a statement");
      return NULL;
    }
  g_hash_table_insert (self->statements, g_strdup (text), statement);
  return statement;
}

static int
bind_bytes (sqlite3_stmt *statement, int i, GBytes *bytes)
{
  gsize size;
  gconstpointer data;

  if (!bytes)
    return sqlite3_bind_null (statement, i);
  data = g_bytes_get_data (bytes, &size);
  return size == 0 ? sqlite3_bind_zeroblob (statement, i, 0)
                   : sqlite3_bind_blob64 (statement, i, data, size, SQLITE_TRANSIENT);
}

static gboolean
bind_all (sqlite3_stmt *statement, const char *types, va_list arguments)
{
  int code = SQLITE_OK;

  for (int i = 1; *types && code == SQLITE_OK; i++, types++)
    switch (*types)
      {
      case 'i':
        code = sqlite3_bind_int64 (statement, i, va_arg (arguments, gint64));
        break;
      case 'd':
        code = sqlite3_bind_double (statement, i, va_arg (arguments, double));
        break;
      case 's':
        code = sqlite3_bind_text (statement, i, va_arg (arguments, const char *), -1,
                                  SQLITE_TRANSIENT);
        break;
      case 'b':
        code = bind_bytes (statement, i, va_arg (arguments, GBytes *));
        break;
      default:
        g_assert_not_reached ();
      }
  return code == SQLITE_OK;
}

static sqlite3_stmt *
query (PmodStoreSql *self, GError **error, const char *text, const char *types, va_list arguments)
{
  sqlite3_stmt *statement = find_statement (self, text, error);

  if (!statement)
    return NULL;
  sqlite3_clear_bindings (statement);
  if (bind_all (statement, types, arguments))
    return statement;
  set_error (self, error, "a parameter");
  return NULL;
}

sqlite3_stmt *
pmod_store_sql_query (PmodStoreSql *self, GError **error, const char *text, const char *types, ...)
{
  sqlite3_stmt *statement;
  va_list arguments;

  va_start (arguments, types);
  statement = query (self, error, text, types, arguments);
  va_end (arguments);
  return statement;
}

gboolean
pmod_store_sql_step (PmodStoreSql *self, sqlite3_stmt *statement, gboolean *row, GError **error)
{
  int code = sqlite3_step (statement);

  *row = code == SQLITE_ROW;
  if (code == SQLITE_ROW)
    return TRUE;
  if (code != SQLITE_DONE)
    set_error (self, error, sqlite3_stmt_readonly (statement) ? "reading" : "writing");
  sqlite3_reset (statement);
  return code == SQLITE_DONE;
}

gboolean
pmod_store_sql_run (PmodStoreSql *self, GError **error, const char *text, const char *types, ...)
{
  sqlite3_stmt *statement;
  va_list arguments;
  gboolean row;

  va_start (arguments, types);
  statement = query (self, error, text, types, arguments);
  va_end (arguments);
  return statement && pmod_store_sql_step (self, statement, &row, error);
}

gboolean
pmod_store_sql_number (PmodStoreSql *self,
                       gint64 *number,
                       gint64 missing,
                       GError **error,
                       const char *text,
                       const char *types,
                       ...)
{
  sqlite3_stmt *statement;
  va_list arguments;
  gboolean row;

  va_start (arguments, types);
  statement = query (self, error, text, types, arguments);
  va_end (arguments);
  if (!statement || !pmod_store_sql_step (self, statement, &row, error))
    return FALSE;
  *number = row && sqlite3_column_type (statement, 0) != SQLITE_NULL
                ? sqlite3_column_int64 (statement, 0)
                : missing;
  sqlite3_reset (statement);
  return TRUE;
}

gint64
pmod_store_sql_last_id (PmodStoreSql *self)
{
  return sqlite3_last_insert_rowid (self->db);
}

/* --- Transactions ---------------------------------------------------------------------------- */

static gboolean
execute (PmodStoreSql *self, const char *text, const char *what, GError **error)
{
  if (sqlite3_exec (self->db, text, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  set_error (self, error, what);
  return FALSE;
}

/* At once for writing, so that no other process comes between the reading and the writing. */
gboolean
pmod_store_sql_begin (PmodStoreSql *self, GError **error)
{
  if (self->read_only)
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_IO, self->read_only);
      return FALSE;
    }
  return execute (self, "BEGIN IMMEDIATE", "writing", error);
}

gboolean
pmod_store_sql_commit (PmodStoreSql *self, GError **error)
{
  if (execute (self, "COMMIT", "writing", error))
    return TRUE;
  pmod_store_sql_roll_back (self);
  return FALSE;
}

void
pmod_store_sql_roll_back (PmodStoreSql *self)
{
  /* A full disk has rolled it back already. */
  if (!sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- Opening --------------------------------------------------------------------------------- */

static gboolean
get_pragma (PmodStoreSql *self, const char *text, gint64 *number, GError **error)
{
  sqlite3_stmt *statement;
  gboolean done;

  /* Not from the cache: a schema that changes resets what was prepared. */
  if (sqlite3_prepare_v2 (self->db, text, -1, &statement, NULL) != SQLITE_OK)
    {
      set_error (self, error, "opening");
      return FALSE;
    }
  done = sqlite3_step (statement) == SQLITE_ROW;
  if (done)
    *number = sqlite3_column_int64 (statement, 0);
  else
    set_error (self, error, "opening");
  sqlite3_finalize (statement);
  return done;
}

/* Whole, under a name that tells the version. One that is there is of an earlier try of the same
 * migration, which changed nothing. */
static gboolean
back_up (PmodStoreSql *self, gint64 version, GError **error)
{
  g_autofree char *copy =
      g_strdup_printf ("%s.version-%" G_GINT64_FORMAT ".backup", self->path, version);
  g_autofree char *part = g_strconcat (copy, ".part", NULL);
  char *text;
  gboolean done;

  if (g_file_test (copy, G_FILE_TEST_EXISTS))
    return TRUE;
  g_unlink (part);
  text = sqlite3_mprintf ("VACUUM INTO %Q", part);
  done = execute (self, text, "the copy before a change of its layout", error);
  sqlite3_free (text);
  if (!done)
    {
      g_unlink (part);
      return FALSE;
    }
  if (g_rename (part, copy) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: renaming it: %s", part, g_strerror (errno));
  return FALSE;
}

static gboolean
migrate (PmodStoreSql *self, GError **error)
{
  g_autofree char *version_text = NULL;
  gint64 version;

  /* Again inside: another process may have done it meanwhile. */
  if (!pmod_store_sql_begin (self, error) ||
      !get_pragma (self, "PRAGMA user_version", &version, error))
    {
      pmod_store_sql_roll_back (self);
      return FALSE;
    }
  for (gint64 i = version; i < PMOD_STORE_VERSION; i++)
    if (!execute (self, steps[i], "a change of its layout", error))
      {
        pmod_store_sql_roll_back (self);
        return FALSE;
      }
  version_text = g_strdup_printf ("PRAGMA application_id = %d; PRAGMA user_version = %d",
                                  APPLICATION_ID, PMOD_STORE_VERSION);
  if (version < PMOD_STORE_VERSION &&
      !execute (self, version_text, "a change of its layout", error))
    {
      pmod_store_sql_roll_back (self);
      return FALSE;
    }
  return pmod_store_sql_commit (self, error);
}

/* Whether the file is ours, and which version. */
static gboolean
look (PmodStoreSql *self, gint64 *version, GError **error)
{
  gint64 application, n_tables;
  gboolean known;

  /* All three of one moment: another process may be making the file. */
  if (!execute (self, "BEGIN", "opening", error))
    return FALSE;
  known = get_pragma (self, "PRAGMA user_version", version, error) &&
          get_pragma (self, "PRAGMA application_id", &application, error) &&
          get_pragma (self, "SELECT count(*) FROM sqlite_schema", &n_tables, error);
  pmod_store_sql_roll_back (self);
  if (!known)
    return FALSE;
  if (application == APPLICATION_ID || (application == 0 && n_tables == 0))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: expected Strata's conversations, got a database of another program "
               "(application %" G_GINT64_FORMAT ")",
               self->path, application);
  return FALSE;
}

/* SQLite does not wait here for another process that asks for the same. */
static gboolean
use_wal (PmodStoreSql *self, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + BUSY_MS * G_TIME_SPAN_MILLISECOND;

  while (sqlite3_exec (self->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) == SQLITE_BUSY &&
         g_get_monotonic_time () < end_us)
    g_usleep (10 * G_TIME_SPAN_MILLISECOND);
  return execute (self, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", "opening", error);
}

static gboolean
set_up (PmodStoreSql *self, GError **error)
{
  gint64 version;

  if (!execute (self, "PRAGMA foreign_keys = ON", "opening", error) ||
      !look (self, &version, error))
    return FALSE;
  if (version > PMOD_STORE_VERSION)
    {
      self->read_only = g_strdup_printf (
          "%s: a newer Strata has changed its layout (expected version %d, got %" G_GINT64_FORMAT
          "): it can be read, but not written",
          self->path, PMOD_STORE_VERSION, version);
      return TRUE;
    }
  if (sqlite3_db_readonly (self->db, "main") == 1)
    {
      self->read_only = g_strdup_printf ("%s: the file may not be written", self->path);
      if (version == PMOD_STORE_VERSION)
        return TRUE;
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_IO, self->read_only);
      return FALSE;
    }
  if (self->path && !use_wal (self, error))
    return FALSE;
  if (version == PMOD_STORE_VERSION)
    return TRUE;
  return (version == 0 || back_up (self, version, error)) && migrate (self, error);
}

static void
finalize (gpointer statement)
{
  sqlite3_finalize (statement);
}

/* name: what SQLite opens; path: what messages call it. */
static PmodStoreSql *
open_any (const char *name, const char *path, int flags, GError **error)
{
  PmodStoreSql *self = g_new0 (PmodStoreSql, 1);

  self->path = g_strdup (path);
  self->statements = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, finalize);
  if (sqlite3_open_v2 (name, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      set_error (self, error, "opening");
      pmod_store_sql_free (self);
      return NULL;
    }
  sqlite3_extended_result_codes (self->db, 0);
  sqlite3_busy_timeout (self->db, BUSY_MS);
  if (set_up (self, error))
    return self;
  pmod_store_sql_free (self);
  return NULL;
}

/* Reading needs a file beside it, which a folder that may not be written refuses. There nobody
 * writes, so that it can be read as it is. NULL: neither. */
static PmodStoreSql *
open_unchanging (const char *path, const char *folder)
{
  g_autofree char *uri = NULL;
  g_autofree char *name = NULL;

  if (access (path, R_OK) != 0 || access (folder, W_OK) == 0)
    return NULL;
  uri = g_filename_to_uri (path, NULL, NULL);
  name = uri ? g_strconcat (uri, "?immutable=1", NULL) : NULL;
  return name ? open_any (name, path, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) : NULL;
}

PmodStoreSql *
pmod_store_sql_open (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GError) local = NULL;
  PmodStoreSql *self;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: creating the folder: %s", folder,
                   g_strerror (errno));
      return NULL;
    }
  self = open_any (path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &local);
  if (!self)
    self = open_unchanging (path, folder);
  if (!self)
    g_propagate_error (error, g_steal_pointer (&local));
  return self;
}

PmodStoreSql *
pmod_store_sql_open_memory (GError **error)
{
  return open_any (":memory:", NULL,
                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, error);
}

void
pmod_store_sql_free (PmodStoreSql *self)
{
  g_clear_pointer (&self->statements, g_hash_table_unref);
  sqlite3_close (self->db);
  g_free (self->read_only);
  g_free (self->damage);
  g_free (self->path);
  g_free (self);
}

const char *
pmod_store_sql_get_read_only (PmodStoreSql *self)
{
  return self->read_only;
}

const char *
pmod_store_sql_get_damage (PmodStoreSql *self)
{
  return self->damage;
}
