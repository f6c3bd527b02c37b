/* The store's system prompts: one for each conversation, or none. See pmod-store-db.h. */
#include "config.h"

#include "pmod-store-private.h"

gboolean
pmod_store_db_write_system (PmodStoreDb *self, gint64 id, const char *system, GError **error)
{
  return pmod_store_sql_run (self->sql, error, "UPDATE conversation SET system = ?2 WHERE id = ?1",
                             "is", id, system);
}

gboolean
pmod_store_db_set_system (PmodStoreDb *self, gint64 id, const char *system, GError **error)
{
  if (!pmod_store_sql_begin (self->sql, error))
    return FALSE;
  return pmod_store_db_end (self, pmod_store_db_write_system (self, id, system, error), error);
}

gboolean
pmod_store_db_read_system (PmodStoreDb *self, gint64 id, char **system, GError **error)
{
  sqlite3_stmt *row = pmod_store_sql_query (
      self->sql, error, "SELECT system FROM conversation WHERE id = ?1", "i", id);
  gboolean more;

  if (!row || !pmod_store_sql_step (self->sql, row, &more, error))
    return FALSE;
  if (more)
    *system = pmod_store_dup_text (row, 0);
  sqlite3_reset (row);
  return TRUE;
}
