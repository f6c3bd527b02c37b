/* What the files of the store's database share. */
#pragma once

#include "pmod-store-db.h"
#include "pmod-store-sql.h"

G_BEGIN_DECLS

struct _PmodStoreDb
{
  PmodStoreSql *sql;
  char *path;  /* nullable */
  char *owner; /* this process */
  int lock;    /* -1: none */
};

/* Ends what pmod_store_sql_begin() began: commits if all went well. */
gboolean pmod_store_db_end (PmodStoreDb *self, gboolean done, GError **error);
gboolean pmod_store_db_next_change (PmodStoreDb *self, gint64 *change, GError **error);
/* The conversation comes to the front of the list. */
gboolean pmod_store_db_touch (PmodStoreDb *self, gint64 id, GError **error);

/* Within a transaction. */
gboolean
pmod_store_db_write_system (PmodStoreDb *self, gint64 id, const char *system, GError **error);
gboolean pmod_store_db_read_system (PmodStoreDb *self, gint64 id, char **system, GError **error);
/* Within a transaction: the folder of this name, which is made where there is none. */
gboolean pmod_store_db_use_folder (PmodStoreDb *self, const char *name, gint64 *id, GError **error);

/* Of a row's column; NULL where it is. */
char *pmod_store_dup_text (sqlite3_stmt *row, int column);
GBytes *pmod_store_dup_bytes (sqlite3_stmt *row, int column);

G_END_DECLS
