/* PmodShelf: see pmod-shelf.h. Opening is in pmod-shelf-open.c, files in pmod-shelf-files.c,
 * folders in pmod-shelf-folders.c. */
#include "config.h"

#include "pmod-shelf-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "pmod-store-item-private.h"

/* More than anybody looks through. */
#define MAX_FOUND 100

enum
{
  PROP_WORDS = 1,
  PROP_LIST,
  PROP_FOLDER,
  N_PROPS
};

enum
{
  FAILED,
  REMARKED,
  DELETED,
  FOLDER_ADDED,
  FOLDER_REMOVED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodShelf, pmod_shelf, G_TYPE_OBJECT)

void
pmod_shelf_fail (PmodShelf *self, const char *title, const GError *error)
{
  g_signal_emit (self, signals[FAILED], 0, title, error->message);
}

void
pmod_shelf_remark (PmodShelf *self, const char *title)
{
  g_signal_emit (self, signals[REMARKED], 0, title);
}

void
pmod_shelf_tell_folder_added (PmodShelf *self, gint64 id)
{
  g_signal_emit (self, signals[FOLDER_ADDED], 0, id);
}

void
pmod_shelf_tell_folder_removed (PmodShelf *self, gint64 id)
{
  g_signal_emit (self, signals[FOLDER_REMOVED], 0, id);
}

/* --- Search ---------------------------------------------------------------------------------- */

typedef struct
{
  char *words;
  gint64 folder;
  GPtrArray *items;
} Search;

static void
search_free (gpointer data)
{
  Search *search = data;

  g_free (search->words);
  g_ptr_array_unref (search->items);
  g_free (search);
}

static gboolean
has_item (GPtrArray *items, gint64 id)
{
  for (guint i = 0; i < items->len; i++)
    if (pmod_store_item_get_id (items->pdata[i]) == id)
      return TRUE;
  return FALSE;
}

/* Of several messages of one conversation only the best is shown. */
static gboolean
search_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Search *search = data;
  g_autoptr (GPtrArray) hits =
      pmod_store_db_search (db, search->words, search->folder, MAX_FOUND, error);

  for (guint i = 0; hits && i < hits->len; i++)
    {
      PmodStoreHit *hit = hits->pdata[i];
      PmodStoreConversation *conversation;
      PmodStoreItem *item;

      if (has_item (search->items, hit->conversation))
        continue;
      conversation = pmod_store_db_get (db, hit->conversation, error);
      if (!conversation)
        return FALSE;
      item = pmod_store_item_new (conversation);
      pmod_store_item_set_excerpt (item, hit->excerpt);
      pmod_store_item_set_message (item, hit->message);
      g_ptr_array_add (search->items, item);
    }
  return hits != NULL;
}

/* A shelf that is gone has cancelled what it asked for. */
static void
found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  Search *search = pmod_store_read_finish (PMOD_STORE (source), result, &error);
  PmodShelf *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->searching);
  if (error)
    {
      pmod_shelf_fail (self, _ ("The conversations could not be searched"), error);
      return;
    }
  if (!self->found)
    self->found = g_list_store_new (PMOD_TYPE_STORE_ITEM);
  g_list_store_splice (self->found, 0, g_list_model_get_n_items (G_LIST_MODEL (self->found)),
                       search->items->pdata, search->items->len);
  search_free (search);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIST]);
}

static void
cancel (GCancellable **cancellable)
{
  if (*cancellable)
    g_cancellable_cancel (*cancellable);
  g_clear_object (cancellable);
}

static void
search (PmodShelf *self)
{
  Search *search;

  cancel (&self->searching);
  if (*self->words == '\0')
    {
      if (!self->found)
        return;
      g_clear_object (&self->found);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIST]);
      return;
    }
  search = g_new0 (Search, 1);
  search->words = g_strdup (self->words);
  search->folder = self->folder;
  search->items = g_ptr_array_new_with_free_func (g_object_unref);
  self->searching = g_cancellable_new ();
  pmod_store_read_async (pmod_keeper_get_store (self->keeper), search_work, search, search_free,
                         self->searching, found_cb, self);
}

/* What was found is looked for again when conversations come, go, move or change their titles. */
static void
listed_cb (PmodShelf *self)
{
  if (*self->words != '\0')
    search (self);
}

/* --- Changes --------------------------------------------------------------------------------- */

typedef struct
{
  gint64 id;
  char *title;
  gboolean deleted;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_free (change->title);
  g_free (change);
}

static gboolean
rename_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_rename (db, change->id, change->title, error);
}

static gboolean
delete_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Change *change = data;

  return pmod_store_db_delete (db, change->id, change->deleted, error);
}

static gboolean
purge_work (PmodStoreDb *db, gpointer data, GError **error)
{
  return pmod_store_db_purge (db, error);
}

static void
write_change (PmodShelf *self, PmodStoreWork work, gint64 id, const char *title, gboolean deleted)
{
  Change *change = g_new0 (Change, 1);

  change->id = id;
  change->title = g_strdup (title);
  change->deleted = deleted;
  pmod_store_write (pmod_keeper_get_store (self->keeper), work, change, change_free, NULL, NULL);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_shelf_dispose (GObject *object)
{
  PmodShelf *self = PMOD_SHELF (object);

  cancel (&self->opening);
  cancel (&self->searching);
  g_clear_object (&self->found);
  pmod_shelf_clear_folders (self);
  g_clear_object (&self->keeper);

  G_OBJECT_CLASS (pmod_shelf_parent_class)->dispose (object);
}

static void
pmod_shelf_finalize (GObject *object)
{
  g_free (PMOD_SHELF (object)->words);

  G_OBJECT_CLASS (pmod_shelf_parent_class)->finalize (object);
}

static void
pmod_shelf_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodShelf *self = PMOD_SHELF (object);

  switch (id)
    {
    case PROP_WORDS:
      g_value_set_string (value, self->words);
      break;
    case PROP_LIST:
      g_value_set_object (value, pmod_shelf_get_list (self));
      break;
    case PROP_FOLDER:
      g_value_set_int64 (value, self->folder);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_shelf_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_WORDS:
      pmod_shelf_set_words (PMOD_SHELF (object), g_value_get_string (value));
      break;
    case PROP_FOLDER:
      pmod_shelf_set_folder (PMOD_SHELF (object), g_value_get_int64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_shelf_class_init (PmodShelfClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_shelf_dispose;
  object_class->finalize = pmod_shelf_finalize;
  object_class->get_property = pmod_shelf_get_property;
  object_class->set_property = pmod_shelf_set_property;

  props[PROP_WORDS] =
      g_param_spec_string ("words", NULL, NULL, "",
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_LIST] = g_param_spec_object ("list", NULL, NULL, G_TYPE_LIST_MODEL,
                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_FOLDER] =
      g_param_spec_int64 ("folder", NULL, NULL, 0, G_MAXINT64, 0,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[FAILED] = g_signal_new ("failed", PMOD_TYPE_SHELF, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[REMARKED] = g_signal_new ("remarked", PMOD_TYPE_SHELF, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                    NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  for (int i = DELETED; i < N_SIGNALS; i++)
    {
      static const char *const names[] = {
        [DELETED] = "deleted", [FOLDER_ADDED] = "folder-added", [FOLDER_REMOVED] = "folder-removed"
      };

      signals[i] = g_signal_new (names[i], PMOD_TYPE_SHELF, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_INT64);
    }
}

static void
pmod_shelf_init (PmodShelf *self)
{
  self->words = g_strdup ("");
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodShelf *
pmod_shelf_new (PmodKeeper *keeper)
{
  PmodShelf *self;
  PmodStore *store;

  g_return_val_if_fail (PMOD_IS_KEEPER (keeper), NULL);

  self = g_object_new (PMOD_TYPE_SHELF, NULL);
  self->keeper = g_object_ref (keeper);
  store = pmod_keeper_get_store (keeper);
  g_signal_connect_object (store, "listed", G_CALLBACK (listed_cb), self, G_CONNECT_SWAPPED);
  pmod_shelf_watch_folders (self);
  pmod_store_write (store, purge_work, NULL, NULL, NULL, NULL);
  return self;
}

PmodKeeper *
pmod_shelf_get_keeper (PmodShelf *self)
{
  g_return_val_if_fail (PMOD_IS_SHELF (self), NULL);
  return self->keeper;
}

const char *
pmod_shelf_get_words (PmodShelf *self)
{
  g_return_val_if_fail (PMOD_IS_SHELF (self), NULL);
  return self->words;
}

void
pmod_shelf_set_words (PmodShelf *self, const char *words)
{
  g_autofree char *stripped = g_strstrip (g_strdup (words ? words : ""));

  g_return_if_fail (PMOD_IS_SHELF (self));

  if (g_str_equal (stripped, self->words))
    return;
  g_free (self->words);
  self->words = g_steal_pointer (&stripped);
  search (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_WORDS]);
}

GListModel *
pmod_shelf_get_list (PmodShelf *self)
{
  g_return_val_if_fail (PMOD_IS_SHELF (self), NULL);
  if (self->found)
    return G_LIST_MODEL (self->found);
  return self->inside ? G_LIST_MODEL (self->inside)
                      : pmod_store_get_conversations (pmod_keeper_get_store (self->keeper));
}

void
pmod_shelf_set_folder (PmodShelf *self, gint64 folder)
{
  g_return_if_fail (PMOD_IS_SHELF (self));

  if (self->folder == folder)
    return;
  self->folder = folder;
  g_clear_object (&self->inside);
  if (folder != 0)
    self->inside = g_list_store_new (PMOD_TYPE_STORE_ITEM);
  pmod_shelf_update_inside (self);
  if (*self->words != '\0')
    search (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FOLDER]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIST]);
}

void
pmod_shelf_rename (PmodShelf *self, gint64 id, const char *title)
{
  g_autofree char *stripped = g_strstrip (g_strdup (title));

  g_return_if_fail (PMOD_IS_SHELF (self));

  if (*stripped != '\0')
    write_change (self, rename_work, id, stripped, FALSE);
}

void
pmod_shelf_delete (PmodShelf *self, gint64 id)
{
  g_return_if_fail (PMOD_IS_SHELF (self));

  self->shown_deleted = 0;
  if (pmod_keeper_get_conversation (self->keeper) == id)
    {
      g_autoptr (GPtrArray) none = g_ptr_array_new ();

      self->shown_deleted = id;
      pmod_chat_restore (pmod_keeper_get_chat (self->keeper), NULL, none);
    }
  write_change (self, delete_work, id, NULL, TRUE);
  g_signal_emit (self, signals[DELETED], 0, id);
}

void
pmod_shelf_undo_delete (PmodShelf *self, gint64 id)
{
  g_return_if_fail (PMOD_IS_SHELF (self));

  write_change (self, delete_work, id, NULL, FALSE);
  if (self->shown_deleted == id)
    pmod_shelf_open (self, id);
  self->shown_deleted = 0;
}
