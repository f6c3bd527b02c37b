/* PmodStore: see pmod-store.h.
 *
 * Owners: the store's thread owns the database; `lock` guards the queue between the threads and is
 * never held over work. What the thread has to say is told in the main context by idle sources that
 * hold a weak reference: a store that is gone is told nothing. */
#include "config.h"

#include "pmod-store.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-folder.h"
#include "pmod-list-update.h"
#include "pmod-store-item-private.h"

/* Between two tries of a write that failed, and between two looks at what others wrote. */
#define RETRY_MS 2000
#define LOOK_MS 1000

typedef struct
{
  PmodStoreWork work;
  gpointer data;
  GDestroyNotify free_data;
  PmodStoreDone done; /* of a write */
  gpointer user_data;
  GTask *task; /* of a read; it owns data then */
} Job;

struct _PmodStore
{
  GObject parent_instance;

  GThread *thread;
  char *path;
  GListStore *conversations;
  GListStore *folders;
  char *problem;

  GMutex lock;
  GCond mail;
  GQueue jobs;
  gboolean quit;

  /* The store's thread alone. */
  PmodStoreDb *db;
  gint64 change;      /* that the list was read at */
  gint64 retry_us;    /* of the first write, where it failed */
  char *told_problem; /* what the main thread knows */
  char *opening;      /* why the store ends with the program */
};

enum
{
  PROP_PROBLEM = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];
static guint listed_signal;

G_DEFINE_FINAL_TYPE (PmodStore, pmod_store, G_TYPE_OBJECT)

/* The last reference to a task may be the last to the store, which must not end on its own thread.
 */
static void
job_free (Job *job)
{
  if (job->free_data && job->data)
    job->free_data (job->data);
  if (job->task)
    g_idle_add_once (g_object_unref, job->task);
  g_free (job);
}

/* --- News, to the main thread ---------------------------------------------------------------- */

typedef struct
{
  GWeakRef store;
  GPtrArray *list;    /* nullable: PmodStoreConversation */
  GPtrArray *folders; /* with list: PmodStoreFolder */
  gboolean has_problem;
  char *problem;
  PmodStoreDone done;
  gpointer user_data;
  GError *error;
} News;

static void
news_free (News *news)
{
  g_weak_ref_clear (&news->store);
  g_clear_pointer (&news->list, g_ptr_array_unref);
  g_clear_pointer (&news->folders, g_ptr_array_unref);
  g_free (news->problem);
  g_clear_error (&news->error);
  g_free (news);
}

/* id -> PmodStoreItem */
static GHashTable *
index_items (PmodStore *self)
{
  GHashTable *items = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->conversations));

  for (guint i = 0; i < n; i++)
    {
      PmodStoreItem *item = g_list_model_get_item (G_LIST_MODEL (self->conversations), i);
      gint64 id = pmod_store_item_get_id (item);

      g_hash_table_insert (items, g_memdup2 (&id, sizeof id), item);
    }
  return items;
}

/* Items of conversations that were there stay the same objects. */
static void
take_list (PmodStore *self, GPtrArray *list)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GHashTable) before = index_items (self);

  g_ptr_array_set_free_func (list, NULL); /* the items take what it holds */
  for (guint i = 0; i < list->len; i++)
    {
      PmodStoreConversation *conversation = list->pdata[i];
      PmodStoreItem *item = g_hash_table_lookup (before, &conversation->id);

      if (item)
        pmod_store_item_update (g_object_ref (item), conversation);
      else
        item = pmod_store_item_new (conversation);
      g_ptr_array_add (items, item);
    }
  pmod_list_update (self->conversations, items);
}

static gboolean
deliver (gpointer data)
{
  News *news = data;
  g_autoptr (PmodStore) self = g_weak_ref_get (&news->store);

  if (self && news->has_problem && g_strcmp0 (self->problem, news->problem) != 0)
    {
      g_free (self->problem);
      self->problem = g_steal_pointer (&news->problem);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PROBLEM]);
    }
  if (self && news->list)
    {
      pmod_folder_update_list (self->folders, news->folders);
      take_list (self, news->list);
      g_signal_emit (self, listed_signal, 0);
    }
  /* Whoever waits is told even by a store that is gone. */
  if (news->done)
    news->done (news->error, news->user_data);
  return G_SOURCE_REMOVE;
}

static News *
news_new (PmodStore *self)
{
  News *news = g_new0 (News, 1);

  g_weak_ref_init (&news->store, self);
  return news;
}

static void
send (News *news)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, deliver, news, (GDestroyNotify)news_free);
}

/* --- The store's thread ---------------------------------------------------------------------- */

/* problem: NULL where the last write went well. A store that ends with the program stays one. */
static void
tell_problem (PmodStore *self, const char *problem)
{
  News *news;

  if (!problem)
    problem = self->opening ? self->opening : pmod_store_db_get_read_only (self->db);
  if (!problem)
    problem = pmod_store_db_get_damage (self->db);
  if (g_strcmp0 (problem, self->told_problem) == 0)
    return;
  g_free (self->told_problem);
  self->told_problem = g_strdup (problem);
  news = news_new (self);
  news->has_problem = TRUE;
  news->problem = g_strdup (problem);
  send (news);
}

static void
look (PmodStore *self)
{
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GPtrArray) folders = NULL;
  gint64 change;
  News *news;

  if (!pmod_store_db_get_change (self->db, &change, NULL) || change == self->change)
    return;
  list = pmod_store_db_list (self->db, FALSE, NULL);
  folders = pmod_store_db_list_folders (self->db, NULL);
  if (!list || !folders)
    return;
  self->change = change;
  news = news_new (self);
  news->list = g_steal_pointer (&list);
  news->folders = g_steal_pointer (&folders);
  send (news);
}

/* FALSE: to be tried again. */
static gboolean
run_write (PmodStore *self, Job *job)
{
  g_autoptr (GError) error = NULL;
  gboolean done = job->work (self->db, job->data, &error);
  gboolean again = !done && g_error_matches (error, PMOD_ERROR, PMOD_ERROR_IO) &&
                   !pmod_store_db_get_read_only (self->db);

  tell_problem (self, again ? error->message : NULL);
  if (job->done)
    {
      News *news = news_new (self);

      news->done = g_steal_pointer (&job->done);
      news->user_data = job->user_data;
      news->error = g_steal_pointer (&error);
      send (news);
    }
  return !again;
}

static void
run_read (PmodStore *self, Job *job)
{
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (job->task))
    return;
  if (job->work (self->db, job->data, &error))
    g_task_return_pointer (job->task, g_steal_pointer (&job->data), job->free_data);
  else
    g_task_return_error (job->task, error);
}

static void
open_db (PmodStore *self)
{
  g_autoptr (GError) error = NULL;

  self->db = pmod_store_db_open (self->path, &error);
  if (!self->db)
    {
      self->opening = g_strdup (error->message);
      self->db = pmod_store_db_open (NULL, NULL);
    }
  self->change = -1;
  tell_problem (self, NULL);
  look (self);
}

/* The next in turn; while the first write waits for its next try, the next read, for what is there
 * can be read on a full disk as well. NULL: nothing can be done now. */
static GList *
choose_locked (PmodStore *self)
{
  GList *link = self->jobs.head;

  if (self->quit || g_get_monotonic_time () >= self->retry_us)
    return link;
  while (link && !((Job *)link->data)->task)
    link = link->next;
  return link;
}

/* Called and left with the lock held. */
static void
run_locked (PmodStore *self, GList *link)
{
  Job *job = link->data;
  gboolean done = TRUE;

  g_mutex_unlock (&self->lock);
  if (job->task)
    run_read (self, job);
  else
    done = run_write (self, job);
  g_mutex_lock (&self->lock);
  if (!done && !self->quit)
    {
      self->retry_us = g_get_monotonic_time () + RETRY_MS * G_TIME_SPAN_MILLISECOND;
      return;
    }
  if (!job->task)
    self->retry_us = 0;
  g_queue_delete_link (&self->jobs, link);
  g_mutex_unlock (&self->lock);
  job_free (job);
  g_mutex_lock (&self->lock);
}

static gpointer
store_thread (gpointer data)
{
  PmodStore *self = data;

  open_db (self);
  g_mutex_lock (&self->lock);
  while (!self->quit || !g_queue_is_empty (&self->jobs))
    {
      GList *link = choose_locked (self);
      gint64 until = g_get_monotonic_time () + LOOK_MS * G_TIME_SPAN_MILLISECOND;

      if (link)
        {
          run_locked (self, link);
          continue;
        }
      g_mutex_unlock (&self->lock);
      look (self);
      g_mutex_lock (&self->lock);
      if (self->quit || choose_locked (self))
        continue;
      /* What is in memory nobody else changes. */
      if (self->opening && g_queue_is_empty (&self->jobs))
        g_cond_wait (&self->mail, &self->lock);
      else
        g_cond_wait_until (&self->mail, &self->lock, until);
    }
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&self->db, pmod_store_db_free);
  return NULL;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_store_dispose (GObject *object)
{
  PmodStore *self = PMOD_STORE (object);

  if (self->thread)
    {
      g_mutex_lock (&self->lock);
      self->quit = TRUE;
      g_cond_signal (&self->mail);
      g_mutex_unlock (&self->lock);
      g_thread_join (g_steal_pointer (&self->thread));
    }
  g_clear_object (&self->conversations);
  g_clear_object (&self->folders);

  G_OBJECT_CLASS (pmod_store_parent_class)->dispose (object);
}

static void
pmod_store_finalize (GObject *object)
{
  PmodStore *self = PMOD_STORE (object);

  g_mutex_clear (&self->lock);
  g_cond_clear (&self->mail);
  g_free (self->path);
  g_free (self->problem);
  g_free (self->told_problem);
  g_free (self->opening);

  G_OBJECT_CLASS (pmod_store_parent_class)->finalize (object);
}

static void
pmod_store_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_PROBLEM:
      g_value_set_string (value, PMOD_STORE (object)->problem);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_store_class_init (PmodStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_store_dispose;
  object_class->finalize = pmod_store_finalize;
  object_class->get_property = pmod_store_get_property;

  props[PROP_PROBLEM] =
      g_param_spec_string ("problem", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  listed_signal = g_signal_new ("listed", PMOD_TYPE_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 0);
}

static void
pmod_store_init (PmodStore *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->mail);
  g_queue_init (&self->jobs);
  self->conversations = g_list_store_new (PMOD_TYPE_STORE_ITEM);
  self->folders = g_list_store_new (PMOD_TYPE_FOLDER);
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodStore *
pmod_store_new (const char *path)
{
  PmodStore *self = g_object_new (PMOD_TYPE_STORE, NULL);

  self->path = path ? g_strdup (path)
                    : g_build_filename (g_get_user_data_dir (), "strata", "conversations.db", NULL);
  self->thread = g_thread_new ("store", store_thread, self);
  return self;
}

const char *
pmod_store_get_problem (PmodStore *self)
{
  g_return_val_if_fail (PMOD_IS_STORE (self), NULL);
  return self->problem;
}

GListModel *
pmod_store_get_conversations (PmodStore *self)
{
  g_return_val_if_fail (PMOD_IS_STORE (self), NULL);
  return G_LIST_MODEL (self->conversations);
}

GListModel *
pmod_store_get_folders (PmodStore *self)
{
  g_return_val_if_fail (PMOD_IS_STORE (self), NULL);
  return G_LIST_MODEL (self->folders);
}

static void
push (PmodStore *self, Job *job)
{
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->jobs, job);
  g_cond_signal (&self->mail);
  g_mutex_unlock (&self->lock);
}

void
pmod_store_write (PmodStore *self,
                  PmodStoreWork work,
                  gpointer data,
                  GDestroyNotify free_data,
                  PmodStoreDone done,
                  gpointer user_data)
{
  Job *job;

  g_return_if_fail (PMOD_IS_STORE (self));
  g_return_if_fail (work != NULL);

  job = g_new0 (Job, 1);
  job->work = work;
  job->data = data;
  job->free_data = free_data;
  job->done = done;
  job->user_data = user_data;
  push (self, job);
}

void
pmod_store_read_async (PmodStore *self,
                       PmodStoreWork work,
                       gpointer data,
                       GDestroyNotify free_data,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data)
{
  Job *job;

  g_return_if_fail (PMOD_IS_STORE (self));
  g_return_if_fail (work != NULL);

  job = g_new0 (Job, 1);
  job->work = work;
  job->data = data;
  job->free_data = free_data;
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, pmod_store_read_async);
  push (self, job);
}

gpointer
pmod_store_read_finish (PmodStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
