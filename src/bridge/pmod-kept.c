/* PmodKept: see pmod-kept.h.
 *
 * Owners: `lock` guards what both threads use; ids are set on the store's thread. What is fixed
 * before the first write needs no lock. */
#include "config.h"

#include "pmod-kept.h"

#include "pmod-engine.h"
#include "pmod-picture-private.h"

#define MESSAGE_KEY "strata-kept"

/* Of a title, in characters. */
#define TITLE_LENGTH 60

typedef struct
{
  gatomicrefcount refs;
  gint64 id;
} Conversation;

struct _PmodKept
{
  gatomicrefcount refs;
  Conversation *conversation;
  PmodKept *parent; /* nullable */
  PmodStoreRole role;
  GPtrArray *pictures; /* PmodPicture */
  char *system;
  char *model;
  char *settings;

  GMutex lock;
  gint64 id;
  PmodStoreState state;
  char *text;
  char *error;
  GBytes *records;
  gboolean queued; /* a write that will see what stands here */

  GBytes *packed; /* of records; the store's thread alone */
};

G_LOCK_DEFINE_STATIC (conversations);

static Conversation *
conversation_new (gint64 id)
{
  Conversation *self = g_new0 (Conversation, 1);

  g_atomic_ref_count_init (&self->refs);
  self->id = id;
  return self;
}

static Conversation *
conversation_ref (Conversation *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
conversation_unref (Conversation *self)
{
  if (g_atomic_ref_count_dec (&self->refs))
    g_free (self);
}

static gint64
conversation_get_id (Conversation *self)
{
  gint64 id;

  G_LOCK (conversations);
  id = self->id;
  G_UNLOCK (conversations);
  return id;
}

static PmodKept *
kept_new (Conversation *conversation, gint64 id)
{
  PmodKept *self = g_new0 (PmodKept, 1);

  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  self->pictures = g_ptr_array_new_with_free_func (g_object_unref);
  self->conversation = conversation;
  self->id = id;
  return self;
}

PmodKept *
pmod_kept_new (PmodKept *parent, PmodStoreRole role, const char *text)
{
  PmodKept *self =
      kept_new (parent ? conversation_ref (parent->conversation) : conversation_new (0), 0);

  self->parent = parent ? pmod_kept_ref (parent) : NULL;
  self->role = role;
  self->state = role == PMOD_STORE_ASSISTANT ? PMOD_STORE_GROWING : PMOD_STORE_COMPLETE;
  self->text = g_strdup (text);
  return self;
}

PmodKept *
pmod_kept_new_beside (PmodKept *sibling, PmodStoreRole role, const char *text)
{
  PmodKept *self = pmod_kept_new (sibling->parent, role, text);

  /* What begins a conversation has no parent to know it by. */
  conversation_unref (self->conversation);
  self->conversation = conversation_ref (sibling->conversation);
  return self;
}

PmodKept *
pmod_kept_new_there (gint64 conversation, gint64 id)
{
  return kept_new (conversation_new (conversation), id);
}

PmodKept *
pmod_kept_new_missing (PmodKept *question)
{
  PmodKept *self = pmod_kept_new (question, PMOD_STORE_ASSISTANT, "");

  self->state = PMOD_STORE_PARTIAL;
  return self;
}

PmodKept *
pmod_kept_ref (PmodKept *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/* A long conversation's last message is not unreferenced in as many calls as it has messages. */
void
pmod_kept_unref (PmodKept *self)
{
  while (self && g_atomic_ref_count_dec (&self->refs))
    {
      PmodKept *parent = self->parent;

      conversation_unref (self->conversation);
      g_ptr_array_unref (self->pictures);
      g_free (self->system);
      g_free (self->model);
      g_free (self->settings);
      g_free (self->text);
      g_free (self->error);
      g_clear_pointer (&self->records, g_bytes_unref);
      g_clear_pointer (&self->packed, g_bytes_unref);
      g_mutex_clear (&self->lock);
      g_free (self);
      self = parent;
    }
}

void
pmod_kept_add_picture (PmodKept *self, PmodPicture *picture)
{
  if (picture)
    g_ptr_array_add (self->pictures, g_object_ref (picture));
}

void
pmod_kept_set_system (PmodKept *self, const char *system)
{
  g_free (self->system);
  self->system = g_strdup (system);
}

void
pmod_kept_set_origin (PmodKept *self, const char *model, const char *settings)
{
  self->model = g_strdup (model);
  self->settings = g_strdup (settings);
}

gint64
pmod_kept_get_conversation (PmodKept *self)
{
  return conversation_get_id (self->conversation);
}

/* --- The store's thread ---------------------------------------------------------------------- */

gint64
pmod_kept_get_id (PmodKept *self)
{
  gint64 id;

  g_mutex_lock (&self->lock);
  id = self->id;
  g_mutex_unlock (&self->lock);
  return id;
}

static void
set_id (PmodKept *self, gint64 id)
{
  g_mutex_lock (&self->lock);
  self->id = id;
  g_mutex_unlock (&self->lock);
}

static PmodStoreMessage *
make_message (PmodKept *self, gint64 parent)
{
  PmodStoreMessage *message = g_new0 (PmodStoreMessage, 1);

  message->conversation = conversation_get_id (self->conversation);
  message->parent = parent;
  message->role = self->role;
  message->model = g_strdup (self->model);
  message->settings = g_strdup (self->settings);
  g_mutex_lock (&self->lock);
  message->state = self->state;
  message->error = g_strdup (self->error);
  message->trace = self->packed ? g_bytes_ref (self->packed) : NULL;
  /* What it says in the end is a write of its own, behind this one. */
  if (self->queued)
    message->state = PMOD_STORE_GROWING;
  message->text = g_strdup (self->text);
  g_mutex_unlock (&self->lock);
  return message;
}

/* A title is the question's first words. */
static char *
make_title (const char *question)
{
  g_autofree char *line = g_strdup (question);
  const char *cut;
  char *space;

  g_strdelimit (line, "\n\r\t", ' ');
  if (g_utf8_strlen (line, -1) <= TITLE_LENGTH)
    return g_steal_pointer (&line);
  cut = g_utf8_offset_to_pointer (line, TITLE_LENGTH);
  space = g_strrstr_len (line, cut - line + 1, " ");
  if (space && space > line)
    cut = space;
  return g_strdup_printf ("%.*s\342\200\246", (int)(cut - line), line);
}

/* A picture that cannot be encoded is no reason to lose the words. */
static PmodStorePicture *
make_picture (PmodPicture *picture)
{
  PmodStorePicture *self;
  GBytes *bytes = pmod_picture_encode (picture, NULL);

  if (!bytes)
    return NULL;
  self = g_new0 (PmodStorePicture, 1);
  self->bytes = bytes;
  self->hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
  self->name = g_strdup (pmod_picture_get_name (picture));
  return self;
}

/* Those of kept, which message shows then. (transfer full) (element-type PmodStorePicture) */
static GPtrArray *
make_pictures (PmodKept *kept, PmodStoreMessage *message)
{
  GPtrArray *pictures = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_picture_free);
  g_autoptr (GStrvBuilder) hashes = g_strv_builder_new ();

  for (guint i = 0; i < kept->pictures->len; i++)
    {
      PmodStorePicture *picture = make_picture (kept->pictures->pdata[i]);

      if (!picture)
        continue;
      g_ptr_array_add (pictures, picture);
      g_strv_builder_add (hashes, picture->hash);
    }
  message->pictures = g_strv_builder_end (hashes);
  return pictures;
}

/* Conversation, pictures, question and answer are there together or not at all; with what was said
 * before them, should the disk have refused that. */
static gboolean
add_first (PmodStoreDb *db, PmodKept *answer, GError **error)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  g_autoptr (GPtrArray) messages =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_message_free);
  g_autoptr (PmodStoreConversation) conversation = g_new0 (PmodStoreConversation, 1);
  g_autoptr (GPtrArray) pictures =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_picture_free);
  PmodKept *root;

  for (PmodKept *one = answer; one; one = one->parent)
    g_ptr_array_insert (kept, 0, one);
  for (guint i = 0; i < kept->len; i++)
    {
      PmodStoreMessage *message = make_message (kept->pdata[i], i);
      g_autoptr (GPtrArray) brought = make_pictures (kept->pdata[i], message);

      g_ptr_array_add (messages, message);
      g_ptr_array_extend_and_steal (pictures, g_steal_pointer (&brought));
    }
  root = kept->pdata[0];
  conversation->uuid = g_uuid_string_random ();
  conversation->title = make_title (root->text);
  conversation->created_us = g_get_real_time ();
  conversation->leaf = messages->len;
  conversation->system = g_strdup (root->system);
  if (!pmod_store_db_add_whole (db, conversation, messages, pictures, error))
    return FALSE;
  G_LOCK (conversations);
  root->conversation->id = conversation->id;
  G_UNLOCK (conversations);
  for (guint i = 0; i < kept->len; i++)
    set_id (kept->pdata[i], ((PmodStoreMessage *)messages->pdata[i])->id);
  return TRUE;
}

/* The same bytes are kept once. */
static gboolean
add_its_pictures (PmodStoreDb *db, PmodKept *kept, PmodStoreMessage *message, GError **error)
{
  g_autoptr (GPtrArray) pictures = make_pictures (kept, message);

  for (guint i = 0; i < pictures->len; i++)
    {
      PmodStorePicture *picture = pictures->pdata[i];
      g_autofree char *hash = NULL;

      if (!pmod_store_db_add_picture (db, picture->name, picture->bytes, &hash, error))
        return FALSE;
    }
  return TRUE;
}

/* The answer and whatever before it is not on disk, together or not at all: mostly its question. */
static gboolean
add_rest (PmodStoreDb *db, PmodKept *answer, GError **error)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  g_autoptr (GPtrArray) messages =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_store_message_free);
  PmodKept *one = answer;

  for (; one && pmod_kept_get_id (one) == 0; one = one->parent)
    {
      g_ptr_array_insert (kept, 0, one);
      g_ptr_array_insert (messages, 0, make_message (one, 0));
      if (!add_its_pictures (db, one, messages->pdata[0], error))
        return FALSE;
    }
  if (messages->len == 0)
    return TRUE;
  ((PmodStoreMessage *)messages->pdata[0])->parent = one ? pmod_kept_get_id (one) : 0;
  if (!pmod_store_db_add_chain (db, messages, error))
    return FALSE;
  for (guint i = 0; i < kept->len; i++)
    set_id (kept->pdata[i], ((PmodStoreMessage *)messages->pdata[i])->id);
  return TRUE;
}

typedef struct
{
  PmodKept *question;
  PmodKept *answer;
} Pair;

static void
pair_free (gpointer data)
{
  Pair *pair = data;

  pmod_kept_unref (pair->question);
  pmod_kept_unref (pair->answer);
  g_free (pair);
}

static gboolean
add (PmodStoreDb *db, gpointer data, GError **error)
{
  Pair *pair = data;

  if (conversation_get_id (pair->question->conversation) == 0)
    return add_first (db, pair->answer, error);
  return add_rest (db, pair->answer, error);
}

static gboolean
update (PmodStoreDb *db, gpointer data, GError **error)
{
  PmodKept *self = data;
  g_autofree char *text = NULL;
  g_autofree char *failure = NULL;
  g_autoptr (GBytes) records = NULL;
  PmodStoreState state;
  gboolean done = FALSE;

  g_mutex_lock (&self->lock);
  self->queued = FALSE;
  state = self->state;
  text = g_strdup (self->text);
  failure = g_strdup (self->error);
  records = g_steal_pointer (&self->records);
  g_mutex_unlock (&self->lock);
  if (records && !self->packed)
    self->packed = pmod_trace_pack (records, NULL);
  if (pmod_kept_get_id (self) == 0)
    g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "the question is not on disk");
  else
    done = pmod_store_db_update_message (db, pmod_kept_get_id (self), state, text, failure,
                                         self->packed, error);
  /* Where the database refused, it is tried again, and then says what it is by then. What is not
   * there comes whole with what follows it. */
  if (!done && pmod_kept_get_id (self) != 0)
    {
      g_mutex_lock (&self->lock);
      self->queued = TRUE;
      g_mutex_unlock (&self->lock);
    }
  return done;
}

/* --- The main thread ------------------------------------------------------------------------- */

void
pmod_kept_add (
    PmodStore *store, PmodKept *question, PmodKept *answer, PmodStoreDone done, gpointer user_data)
{
  Pair *pair = g_new0 (Pair, 1);

  pair->question = pmod_kept_ref (question);
  pair->answer = pmod_kept_ref (answer);
  pmod_store_write (store, add, pair, pair_free, done, user_data);
}

void
pmod_kept_update (PmodStore *store,
                  PmodKept *answer,
                  PmodStoreState state,
                  const char *text,
                  const char *error,
                  GBytes *records)
{
  gboolean queued;

  g_mutex_lock (&answer->lock);
  answer->state = state;
  g_free (answer->text);
  answer->text = g_strdup (text);
  g_free (answer->error);
  answer->error = g_strdup (error);
  g_clear_pointer (&answer->records, g_bytes_unref);
  answer->records = records ? g_bytes_ref (records) : NULL;
  queued = answer->queued;
  answer->queued = TRUE;
  g_mutex_unlock (&answer->lock);
  if (!queued)
    pmod_store_write (store, update, pmod_kept_ref (answer), (GDestroyNotify)pmod_kept_unref, NULL,
                      NULL);
}

PmodKept *
pmod_kept_find (PmodMessage *message)
{
  return g_object_get_data (G_OBJECT (message), MESSAGE_KEY);
}

void
pmod_kept_attach (PmodKept *self, PmodMessage *message)
{
  g_object_set_data_full (G_OBJECT (message), MESSAGE_KEY, pmod_kept_ref (self),
                          (GDestroyNotify)pmod_kept_unref);
}
