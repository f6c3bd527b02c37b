/* PmodKept: which branch of a conversation is shown, and what stands before all of them, on their
 * way to the disk. See pmod-kept.h.
 *
 * Owners: a note is made on the main thread and then belongs to the store's, which looks up ids
 * that may not have been known before. */
#include "config.h"

#include "pmod-kept.h"

typedef struct
{
  PmodKept *kept;
  char *system;
} Note;

static Note *
note_new (PmodKept *kept, const char *system)
{
  Note *note = g_new0 (Note, 1);

  note->kept = pmod_kept_ref (kept);
  note->system = g_strdup (system);
  return note;
}

static void
note_free (gpointer data)
{
  Note *note = data;

  pmod_kept_unref (note->kept);
  g_free (note->system);
  g_free (note);
}

/* Where nothing can be written, or what it is about is not there, there is nothing to note: it
 * would only be in the way of what can be tried again. */
static gboolean
is_futile (PmodStoreDb *db, Note *note)
{
  return pmod_store_db_get_read_only (db) || pmod_kept_get_id (note->kept) == 0;
}

static gboolean
show_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Note *note = data;

  return is_futile (db, note) ||
         pmod_store_db_set_leaf (db, pmod_kept_get_conversation (note->kept),
                                 pmod_kept_get_id (note->kept), error);
}

static gboolean
system_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Note *note = data;

  return is_futile (db, note) ||
         pmod_store_db_set_system (db, pmod_kept_get_conversation (note->kept), note->system,
                                   error);
}

void
pmod_kept_show (PmodStore *store, PmodKept *self)
{
  pmod_store_write (store, show_work, note_new (self, NULL), note_free, NULL, NULL);
}

void
pmod_kept_tell_system (PmodStore *store, PmodKept *self, const char *system)
{
  pmod_store_write (store, system_work, note_new (self, system), note_free, NULL, NULL);
}
