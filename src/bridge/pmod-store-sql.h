/* The conversations' database as SQLite sees it: opening, migrations, statements, transactions.
 * For the files of PmodStore only; one thread at a time.
 *
 * The file is in WAL mode with full synchronisation: what a transaction has committed survives a
 * crash of the program and of the machine. Several processes may use it at once. */
#pragma once

#include <gio/gio.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* What this program writes. A file of a later version is opened read-only. */
#define PMOD_STORE_VERSION 3

typedef struct _PmodStoreSql PmodStoreSql;

/* Creates what is missing, folder included. An older file is first copied to
 * PATH.version-N.backup, whole, then changed in one transaction; if that fails, it is as it was.
 * NULL: the file cannot be used at all, and the error says why. */
PmodStoreSql *pmod_store_sql_open (const char *path, GError **error);

/* A database that ends with the program, where none can be kept. */
PmodStoreSql *pmod_store_sql_open_memory (GError **error);
void pmod_store_sql_free (PmodStoreSql *self);

/* Why nothing can be written: a newer version, a file that may not be written; else NULL. */
const char *pmod_store_sql_get_read_only (PmodStoreSql *self);

/* What was found to be broken in the file since it was opened, or NULL. */
const char *pmod_store_sql_get_damage (PmodStoreSql *self);

/* The statement of text with its parameters bound; it is cached and belongs to self. types has a
 * letter for each argument: i gint64, d double, s const char * (nullable), b GBytes * (nullable).
 */
sqlite3_stmt *
pmod_store_sql_query (PmodStoreSql *self, GError **error, const char *text, const char *types, ...);

/* TRUE and *row FALSE at the end. The statement is reset there and on an error; a caller that stops
 * earlier resets it. */
gboolean
pmod_store_sql_step (PmodStoreSql *self, sqlite3_stmt *statement, gboolean *row, GError **error);

/* A statement without rows. */
gboolean
pmod_store_sql_run (PmodStoreSql *self, GError **error, const char *text, const char *types, ...);

/* A number: the first column of the first row, or missing where there is none. */
gboolean pmod_store_sql_number (PmodStoreSql *self,
                                gint64 *number,
                                gint64 missing,
                                GError **error,
                                const char *text,
                                const char *types,
                                ...);

gboolean pmod_store_sql_begin (PmodStoreSql *self, GError **error);
gboolean pmod_store_sql_commit (PmodStoreSql *self, GError **error);
void pmod_store_sql_roll_back (PmodStoreSql *self);

gint64 pmod_store_sql_last_id (PmodStoreSql *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodStoreSql, pmod_store_sql_free)

G_END_DECLS
