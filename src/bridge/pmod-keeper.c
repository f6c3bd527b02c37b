/* PmodKeeper: see pmod-keeper.h. */
#include "config.h"

#include "pmod-keeper.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-kept.h"
#include "pmod-run-origin.h"

/* Twice in the second that may be lost. */
#define GROWING_MS 500

/* An answer that is being written. */
typedef struct
{
  PmodKeeper *keeper;
  PmodRun *run;
  gulong changed_id;
  PmodKept *kept;
  gsize n_written; /* bytes of its text */
} Growing;

struct _PmodKeeper
{
  GObject parent_instance;

  PmodChat *chat;
  PmodStore *store;
  gboolean keeps;
  GPtrArray *growing;
  guint timer;
};

enum
{
  PROP_CONVERSATION = 1,
  PROP_KEEPS,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodKeeper, pmod_keeper, G_TYPE_OBJECT)

/* --- Answers that grow ----------------------------------------------------------------------- */

static void
growing_free (gpointer data)
{
  Growing *growing = data;

  g_clear_signal_handler (&growing->changed_id, growing->run);
  g_object_unref (growing->run);
  pmod_kept_unref (growing->kept);
  g_free (growing);
}

static void
write_growing (Growing *growing)
{
  const char *text = pmod_run_get_text (growing->run);

  if (strlen (text) == growing->n_written)
    return;
  growing->n_written = strlen (text);
  pmod_kept_update (growing->keeper->store, growing->kept, PMOD_STORE_GROWING, text, NULL, NULL);
}

static void
write_end (Growing *growing)
{
  PmodRun *run = growing->run;
  PmodStoreState state = PMOD_STORE_COMPLETE;
  g_autoptr (GBytes) records = pmod_run_has_begun (run) ? pmod_run_dup_records (run) : NULL;

  if (pmod_run_get_phase (run) == PMOD_RUN_STOPPED)
    state = PMOD_STORE_STOPPED;
  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    state = PMOD_STORE_FAILED;
  pmod_kept_update (growing->keeper->store, growing->kept, state, pmod_run_get_text (run),
                    pmod_run_get_error (run), records);
}

static gboolean
timer_cb (gpointer user_data)
{
  PmodKeeper *self = user_data;

  for (guint i = 0; i < self->growing->len; i++)
    write_growing (self->growing->pdata[i]);
  return G_SOURCE_CONTINUE;
}

static void
run_changed_cb (Growing *growing)
{
  PmodKeeper *self = growing->keeper;

  if (!pmod_run_is_finished (growing->run))
    return;
  write_end (growing);
  g_ptr_array_remove_fast (self->growing, growing);
  if (self->growing->len == 0)
    g_clear_handle_id (&self->timer, g_source_remove);
}

static void
watch (PmodKeeper *self, PmodRun *run, PmodKept *kept)
{
  Growing *growing = g_new0 (Growing, 1);

  growing->keeper = self;
  growing->run = g_object_ref (run);
  growing->kept = pmod_kept_ref (kept);
  growing->changed_id =
      g_signal_connect_swapped (run, "changed", G_CALLBACK (run_changed_cb), growing);
  g_ptr_array_add (self->growing, growing);
  if (self->timer == 0)
    self->timer = g_timeout_add (GROWING_MS, timer_cb, self);
}

/* --- Questions ------------------------------------------------------------------------------- */

typedef struct
{
  GWeakRef keeper;
  PmodRun *run;
} Release;

/* Be it on disk or not: the answer does not wait for a disk that refuses. */
static void
added_cb (const GError *error, gpointer user_data)
{
  Release *release = user_data;
  g_autoptr (PmodKeeper) self = g_weak_ref_get (&release->keeper);

  if (self)
    {
      pmod_chat_let_go (self->chat, release->run);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CONVERSATION]);
    }
  g_weak_ref_clear (&release->keeper);
  g_object_unref (release->run);
  g_free (release);
}

/* Writes queue behind the one that the disk refused: no answer waits for them. */
static void
problem_cb (PmodKeeper *self)
{
  if (!pmod_store_get_problem (self->store))
    return;
  for (guint i = 0; i < self->growing->len; i++)
    pmod_chat_let_go (self->chat, ((Growing *)self->growing->pdata[i])->run);
}

static PmodKept *
find_last (PmodKeeper *self)
{
  GListModel *messages = pmod_chat_get_messages (self->chat);
  guint n = g_list_model_get_n_items (messages);
  g_autoptr (PmodMessage) last = n > 0 ? g_list_model_get_item (messages, n - 1) : NULL;

  return last ? pmod_kept_find (last) : NULL;
}

/* A question that is new: it follows what it follows in the tree, or stands beside another that
 * begins the same conversation. */
static PmodKept *
make_question (PmodKeeper *self, PmodMessage *question)
{
  PmodThread *thread = pmod_chat_get_thread (self->chat);
  PmodMessage *before = pmod_thread_get_parent (thread, question);
  PmodMessage *first = pmod_thread_get_nth_version (thread, question, 0);
  PmodKept *sibling = !before && first ? pmod_kept_find (first) : NULL;
  const char *text = pmod_message_get_text (question);
  GPtrArray *brought = pmod_message_get_pictures (question);
  PmodKept *kept =
      sibling ? pmod_kept_new_beside (sibling, PMOD_STORE_USER, text)
              : pmod_kept_new (before ? pmod_kept_find (before) : NULL, PMOD_STORE_USER, text);

  if (!before)
    {
      pmod_kept_add_picture (kept, pmod_chat_get_picture (self->chat));
      pmod_kept_set_system (kept, pmod_chat_get_system (self->chat));
    }
  for (guint i = 0; brought && i < brought->len; i++)
    pmod_kept_add_picture (kept, brought->pdata[i]);
  pmod_kept_attach (kept, question);
  return kept;
}

static void
answering_cb (PmodKeeper *self, PmodMessage *question, PmodMessage *answer, gboolean again)
{
  PmodSession *session = pmod_chat_get_session (self->chat);
  PmodModelCard *model = pmod_session_get_model (session);
  PmodRun *run = pmod_message_get_run (answer);
  g_autoptr (PmodKept) asked = NULL;
  g_autoptr (PmodKept) said = NULL;
  Release *release;

  if (!self->keeps)
    return;
  if (pmod_kept_find (question))
    asked = pmod_kept_ref (pmod_kept_find (question));
  else
    asked = make_question (self, question);
  said = pmod_kept_new (asked, PMOD_STORE_ASSISTANT, "");
  pmod_kept_set_origin (said, model ? model->name : NULL, pmod_run_get_settings (run));
  pmod_kept_attach (said, answer);

  release = g_new0 (Release, 1);
  g_weak_ref_init (&release->keeper, self);
  release->run = g_object_ref (run);
  pmod_kept_add (self->store, asked, said, added_cb, release);
  watch (self, run, said);
  problem_cb (self);
}

/* It is shown the next time that the conversation is opened. */
static void
branch_shown_cb (PmodKeeper *self)
{
  PmodKept *last = find_last (self);

  if (last)
    pmod_kept_show (self->store, last);
}

static void
forgotten_cb (PmodKeeper *self, PmodMessage *answer)
{
  PmodKept *kept = pmod_kept_find (answer);

  if (kept)
    pmod_kept_remove (self->store, kept);
}

static void
system_cb (PmodKeeper *self)
{
  PmodKept *last = find_last (self);

  if (last)
    pmod_kept_tell_system (self->store, last, pmod_chat_get_system (self->chat));
}

static void
messages_changed_cb (PmodKeeper *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CONVERSATION]);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

/* What still grows is left growing: whoever opens the database next calls it interrupted. */
static void
pmod_keeper_dispose (GObject *object)
{
  PmodKeeper *self = PMOD_KEEPER (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  for (guint i = 0; self->growing && i < self->growing->len; i++)
    write_growing (self->growing->pdata[i]);
  g_clear_pointer (&self->growing, g_ptr_array_unref);
  if (self->chat)
    pmod_chat_set_held (self->chat, FALSE);
  g_clear_object (&self->chat);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (pmod_keeper_parent_class)->dispose (object);
}

static void
pmod_keeper_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CONVERSATION:
      g_value_set_int64 (value, pmod_keeper_get_conversation (PMOD_KEEPER (object)));
      break;
    case PROP_KEEPS:
      g_value_set_boolean (value, pmod_keeper_get_keeps (PMOD_KEEPER (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_keeper_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_KEEPS:
      pmod_keeper_set_keeps (PMOD_KEEPER (object), g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_keeper_class_init (PmodKeeperClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_keeper_dispose;
  object_class->get_property = pmod_keeper_get_property;
  object_class->set_property = pmod_keeper_set_property;

  props[PROP_CONVERSATION] = g_param_spec_int64 ("conversation", NULL, NULL, 0, G_MAXINT64, 0,
                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_KEEPS] =
      g_param_spec_boolean ("keeps", NULL, NULL, TRUE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_keeper_init (PmodKeeper *self)
{
  self->keeps = TRUE;
  self->growing = g_ptr_array_new_with_free_func (growing_free);
}

PmodKeeper *
pmod_keeper_new (PmodChat *chat, PmodStore *store)
{
  PmodKeeper *self;

  g_return_val_if_fail (PMOD_IS_CHAT (chat), NULL);
  g_return_val_if_fail (PMOD_IS_STORE (store), NULL);

  self = g_object_new (PMOD_TYPE_KEEPER, NULL);
  self->chat = g_object_ref (chat);
  self->store = g_object_ref (store);
  pmod_chat_set_held (chat, TRUE);
  g_signal_connect_object (chat, "answering", G_CALLBACK (answering_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_chat_get_messages (chat), "items-changed",
                           G_CALLBACK (messages_changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "branch-shown", G_CALLBACK (branch_shown_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "forgotten", G_CALLBACK (forgotten_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::system", G_CALLBACK (system_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (store, "notify::problem", G_CALLBACK (problem_cb), self,
                           G_CONNECT_SWAPPED);
  return self;
}

PmodChat *
pmod_keeper_get_chat (PmodKeeper *self)
{
  g_return_val_if_fail (PMOD_IS_KEEPER (self), NULL);
  return self->chat;
}

PmodStore *
pmod_keeper_get_store (PmodKeeper *self)
{
  g_return_val_if_fail (PMOD_IS_KEEPER (self), NULL);
  return self->store;
}

gint64
pmod_keeper_get_conversation (PmodKeeper *self)
{
  PmodKept *last;

  g_return_val_if_fail (PMOD_IS_KEEPER (self), 0);
  last = find_last (self);
  return last ? pmod_kept_get_conversation (last) : 0;
}

gboolean
pmod_keeper_get_keeps (PmodKeeper *self)
{
  g_return_val_if_fail (PMOD_IS_KEEPER (self), FALSE);
  return self->keeps;
}

/* An answer that is being written goes on as it began. */
void
pmod_keeper_set_keeps (PmodKeeper *self, gboolean keeps)
{
  g_return_if_fail (PMOD_IS_KEEPER (self));

  if (self->keeps == !!keeps)
    return;
  self->keeps = !!keeps;
  pmod_chat_set_held (self->chat, self->keeps);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_KEEPS]);
}
