/* See pmod-shelf-pictures.h. */
#include "config.h"

#include "pmod-shelf-pictures.h"

#include "pmod-picture-private.h"
#include "pmod-run-origin.h"

typedef struct
{
  char *hash;
  char *name;
  GBytes *bytes;
  PmodPicture *picture; /* NULL: not decoded */
} Entry;

struct _PmodShelfPictures
{
  GHashTable *questions; /* PmodMessage, not owned -> char **, hashes beside the own one */
  GPtrArray *entries;    /* Entry, each picture once */
  char *own;             /* hash of the conversation's own; NULL: it has none */

  guint n_loaded;
  GCancellable *cancellable;
  GError *error; /* the first */
  void (*done) (const GError *error, gpointer user_data);
  gpointer user_data;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->hash);
  g_free (entry->name);
  g_clear_pointer (&entry->bytes, g_bytes_unref);
  g_clear_object (&entry->picture);
  g_free (entry);
}

PmodShelfPictures *
pmod_shelf_pictures_new (void)
{
  PmodShelfPictures *self = g_new0 (PmodShelfPictures, 1);

  self->questions = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_strfreev);
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  return self;
}

void
pmod_shelf_pictures_free (PmodShelfPictures *self)
{
  if (!self)
    return;
  g_hash_table_unref (self->questions);
  g_ptr_array_unref (self->entries);
  g_free (self->own);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  g_free (self);
}

/* --- The store's thread ---------------------------------------------------------------------- */

static Entry *
find (PmodShelfPictures *self, const char *hash)
{
  for (guint i = 0; i < self->entries->len; i++)
    if (g_str_equal (((Entry *)self->entries->pdata[i])->hash, hash))
      return self->entries->pdata[i];
  return NULL;
}

static void
note (PmodShelfPictures *self, const char *hash)
{
  Entry *entry;

  if (find (self, hash))
    return;
  entry = g_new0 (Entry, 1);
  entry->hash = g_strdup (hash);
  g_ptr_array_add (self->entries, entry);
}

/* All branches are about the same. */
void
pmod_shelf_pictures_note (PmodShelfPictures *self,
                          PmodMessage *question,
                          char **hashes,
                          gboolean begins)
{
  if (!hashes || !hashes[0])
    return;
  for (int i = 0; hashes[i]; i++)
    note (self, hashes[i]);
  if (begins && !self->own)
    self->own = g_strdup (hashes[0]);
  g_hash_table_insert (self->questions, question, g_strdupv (begins ? hashes + 1 : hashes));
}

gboolean
pmod_shelf_pictures_read (PmodShelfPictures *self, PmodStoreDb *db, GError **error)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = self->entries->pdata[i];

      entry->bytes = pmod_store_db_get_picture (db, entry->hash, &entry->name, error);
      if (!entry->bytes)
        return FALSE;
    }
  return TRUE;
}

/* --- The main thread ------------------------------------------------------------------------- */

static void load_next (PmodShelfPictures *self);

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodShelfPictures *self = user_data;
  Entry *entry = self->entries->pdata[self->n_loaded++];
  g_autoptr (GError) error = NULL;

  entry->picture = pmod_picture_load_finish (result, &error);
  if (error && !self->error)
    self->error = g_steal_pointer (&error);
  load_next (self);
}

/* One after the other: each has a process of its own while it is decoded. */
static void
load_next (PmodShelfPictures *self)
{
  Entry *entry;

  if (self->n_loaded == self->entries->len || g_cancellable_is_cancelled (self->cancellable))
    {
      self->done (self->error, self->user_data);
      return;
    }
  entry = self->entries->pdata[self->n_loaded];
  pmod_picture_load_bytes_async (entry->bytes, entry->name, self->cancellable, loaded_cb, self);
}

void
pmod_shelf_pictures_load (PmodShelfPictures *self,
                          GCancellable *cancellable,
                          void (*done) (const GError *error, gpointer user_data),
                          gpointer user_data)
{
  g_set_object (&self->cancellable, cancellable);
  self->done = done;
  self->user_data = user_data;
  load_next (self);
}

/* (transfer full) */
static GPtrArray *
collect (PmodShelfPictures *self, PmodMessage *question)
{
  GPtrArray *pictures = g_ptr_array_new_with_free_func (g_object_unref);
  char **hashes = g_hash_table_lookup (self->questions, question);

  for (int i = 0; hashes && hashes[i]; i++)
    {
      Entry *entry = find (self, hashes[i]);

      if (entry->picture)
        g_ptr_array_add (pictures, g_object_ref (entry->picture));
    }
  return pictures;
}

/* before, and what question brought. (nullable) (transfer full) */
static PmodPicture *
join (PmodPicture *before, GPtrArray *brought)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();

  if (brought->len == 0)
    return before ? g_object_ref (before) : NULL;
  for (guint i = 0; before && i < pmod_picture_get_n_parts (before); i++)
    g_ptr_array_add (all, pmod_picture_get_part (before, i));
  for (guint i = 0; i < brought->len; i++)
    g_ptr_array_add (all, brought->pdata[i]);
  return pmod_picture_join (all);
}

/* Where the records tell of another number, nobody knows which is which. */
static void
tell_run (PmodRun *run, PmodPicture *about)
{
  if (about && (int)pmod_picture_get_n_parts (about) == pmod_run_get_n_pictures (run))
    pmod_run_set_pictures (run, about);
}

static void
unref_about (gpointer about)
{
  g_clear_object (&about);
}

PmodPicture *
pmod_shelf_pictures_hand_out (PmodShelfPictures *self, PmodThread *thread)
{
  Entry *entry = self->own ? find (self, self->own) : NULL;
  PmodPicture *own = entry ? entry->picture : NULL;
  /* PmodMessage -> PmodPicture, all up to it; parents stand before their children. */
  g_autoptr (GHashTable) abouts = g_hash_table_new_full (NULL, NULL, NULL, unref_about);

  for (guint i = 0; i < pmod_thread_get_n_messages (thread); i++)
    {
      PmodMessage *message = pmod_thread_get_message (thread, i);
      PmodMessage *parent = pmod_thread_get_parent (thread, message);
      g_autoptr (GPtrArray) brought = collect (self, message);
      PmodPicture *before = parent ? g_hash_table_lookup (abouts, parent) : own;
      PmodPicture *about = join (before, brought);

      pmod_message_set_pictures (message, brought);
      g_hash_table_insert (abouts, message, about);
      if (pmod_message_get_run (message))
        tell_run (pmod_message_get_run (message), about);
    }
  return own;
}
