/* PmodChat: see pmod-chat.h. Other settings are in pmod-chat-follow.c, cameras in pmod-chat-live.c.
 */
#include "config.h"

#include "pmod-chat-private.h"

#include <string.h>

#include "pmod-turns.h"

enum
{
  PROP_SESSION = 1,
  PROP_PICTURE,
  PROP_RUN,
  PROP_BUSY,
  PROP_READ_ONLY,
  PROP_ASKS_AGAIN,
  PROP_SHOWN,
  PROP_LIVE,
  PROP_SYSTEM,
  N_PROPS
};

enum
{
  ANSWERING,
  BRANCH_SHOWN,
  FORGOTTEN,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodChat, pmod_chat, G_TYPE_OBJECT)

/* --- Runs ------------------------------------------------------------------------------------ */

void
pmod_chat_set_run (PmodChat *self, PmodRun *run)
{
  self->restored = FALSE;
  if (g_set_object (&self->run, run))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_RUN]);
}

void
pmod_chat_forget_coming (PmodChat *self)
{
  if (self->coming)
    g_clear_signal_handler (&self->coming_id, self->coming);
  g_clear_object (&self->coming);
}

/* A question about the same picture would otherwise empty the views until its maps are there. */
static void
coming_changed_cb (PmodChat *self)
{
  g_autoptr (PmodRun) run = NULL;

  if (!pmod_run_has_begun (self->coming) && !pmod_run_is_finished (self->coming))
    return;
  if (self->run && pmod_run_has_maps (self->run) && !pmod_run_has_maps (self->coming))
    {
      if (pmod_run_is_finished (self->coming))
        pmod_chat_forget_coming (self);
      return;
    }
  run = g_object_ref (self->coming);
  pmod_chat_forget_coming (self);
  pmod_chat_set_run (self, run);
}

static void
show_when_ready (PmodChat *self, PmodRun *run)
{
  pmod_chat_forget_coming (self);
  self->coming = g_object_ref (run);
  self->coming_id = g_signal_connect_swapped (run, "changed", G_CALLBACK (coming_changed_cb), self);
}

static void
forget_answer (PmodChat *self)
{
  g_clear_object (&self->reply);
  if (!self->answer)
    return;
  g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  pmod_chat_tell_busy (self);
}

static void
answer_changed_cb (PmodChat *self)
{
  if (self->reply && *pmod_run_get_text (self->answer) != '\0')
    {
      g_autoptr (PmodMessage) reply = g_steal_pointer (&self->reply);

      pmod_chat_add_own_reply (self, pmod_chat_get_last_answer (self), reply);
    }
  if (!pmod_run_is_finished (self->answer))
    return;
  if (self->reply) /* it said nothing: the one before stays */
    {
      pmod_chat_tell_branch (self);
      pmod_chat_tell_forgotten (self, self->reply);
    }
  pmod_dense_answers_add (self->dense_answers, self->answer, G_LIST_MODEL (self->messages));
  forget_answer (self);
  if (self->reading_stale)
    pmod_chat_reread (self);
}

void
pmod_chat_read_picture (PmodChat *self)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  g_autoptr (PmodRun) run = NULL;

  texts = pmod_chat_collect_last (self, &shown);
  if (!shown)
    return;
  run = pmod_session_read_behind (self->session, texts ? (const char *const *)texts->pdata : NULL,
                                  shown, NULL, 0);
  show_when_ready (self, run);
}

/* --- Conversations --------------------------------------------------------------------------- */

void
pmod_chat_set_shown (PmodChat *self, PmodPicture *picture)
{
  if (g_set_object (&self->shown, picture))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SHOWN]);
}

void
pmod_chat_set_live (PmodChat *self, gboolean live)
{
  if (self->live == live)
    return;
  self->live = live;
  if (!live)
    {
      g_clear_object (&self->before_picture);
      g_clear_object (&self->before_run);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

void
pmod_chat_set_picture (PmodChat *self, PmodPicture *picture)
{
  pmod_chat_set_shown (self, picture);
  if (g_set_object (&self->picture, picture))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PICTURE]);
}

static void
set_read_only (PmodChat *self, gboolean read_only)
{
  if (self->read_only == read_only)
    return;
  self->read_only = read_only;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_READ_ONLY]);
}

void
pmod_chat_forget_old (PmodChat *self)
{
  g_clear_object (&self->old_picture);
  g_clear_object (&self->old_run);
  g_clear_pointer (&self->old_messages, g_ptr_array_unref);
  g_clear_pointer (&self->old_thread, pmod_thread_free);
  g_clear_pointer (&self->old_system, g_free);
}

void
pmod_chat_put_aside (PmodChat *self)
{
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  pmod_chat_set_live (self, FALSE);
  pmod_session_stop_lane (self->session, 0);
  pmod_chat_forget_changes (self);
  pmod_chat_forget_coming (self);
  forget_answer (self);
  g_clear_object (&self->own_reply);
  pmod_chat_forget_old (self);
  if (n_messages > 0)
    {
      self->old_messages = g_ptr_array_new_with_free_func (g_object_unref);
      for (guint i = 0; i < n_messages; i++)
        g_ptr_array_add (self->old_messages,
                         g_list_model_get_item (G_LIST_MODEL (self->messages), i));
      g_set_object (&self->old_picture, self->picture);
      g_set_object (&self->old_run, self->run);
      self->old_read_only = self->read_only;
      self->old_thread = g_steal_pointer (&self->thread);
      self->old_system = g_strdup (self->system);
    }
  g_list_store_remove_all (self->messages);
  pmod_chat_set_thread (self, pmod_thread_new ());
  /* When no messages are there that it would be kept with. What was written before anything was
   * asked is meant for what comes. */
  if (n_messages > 0)
    pmod_chat_take_system (self, NULL);
  set_read_only (self, FALSE);
}

/* Another model knows nothing of the picture yet. A recorded or saved run stays. */
static void
model_changed_cb (PmodChat *self)
{
  g_autoptr (PmodPicture) asked = self->live ? NULL : pmod_chat_dup_asked (self);

  pmod_chat_forget_changes (self);
  if (!asked || self->read_only || !pmod_session_get_model (self->session))
    return;
  if (self->restored)
    {
      self->restored = FALSE;
      return;
    }
  pmod_chat_set_run (self, NULL);
  pmod_chat_read_picture (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_chat_constructed (GObject *object)
{
  PmodChat *self = PMOD_CHAT (object);

  G_OBJECT_CLASS (pmod_chat_parent_class)->constructed (object);

  self->model_id = g_signal_connect_swapped (self->session, "notify::model",
                                             G_CALLBACK (model_changed_cb), self);
  self->tuning_id = g_signal_connect_swapped (pmod_session_get_tuning (self->session), "changed",
                                              G_CALLBACK (pmod_chat_follow_tuning), self);
}

static void
pmod_chat_dispose (GObject *object)
{
  PmodChat *self = PMOD_CHAT (object);

  pmod_chat_forget_changes (self);
  pmod_chat_forget_coming (self);
  if (self->answer)
    g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  g_clear_pointer (&self->dense_answers, pmod_dense_answers_free);
  g_clear_object (&self->reply);
  g_clear_object (&self->own_reply);
  pmod_chat_forget_old (self);
  if (self->session)
    {
      g_clear_signal_handler (&self->model_id, self->session);
      g_clear_signal_handler (&self->tuning_id, pmod_session_get_tuning (self->session));
    }
  g_clear_object (&self->session);
  g_clear_object (&self->picture);
  g_clear_object (&self->shown);
  g_clear_object (&self->before_picture);
  g_clear_object (&self->before_run);
  g_clear_object (&self->run);
  g_clear_object (&self->messages);
  g_clear_object (&self->attached);
  g_clear_pointer (&self->thread, pmod_thread_free);
  g_clear_pointer (&self->system, g_free);

  G_OBJECT_CLASS (pmod_chat_parent_class)->dispose (object);
}

static void
pmod_chat_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodChat *self = PMOD_CHAT (object);

  switch (id)
    {
    case PROP_SESSION:
      g_value_set_object (value, self->session);
      break;
    case PROP_PICTURE:
      g_value_set_object (value, self->picture);
      break;
    case PROP_RUN:
      g_value_set_object (value, self->run);
      break;
    case PROP_BUSY:
      g_value_set_boolean (value, pmod_chat_get_busy (self));
      break;
    case PROP_READ_ONLY:
      g_value_set_boolean (value, self->read_only);
      break;
    case PROP_ASKS_AGAIN:
      g_value_set_boolean (value, self->asks_again);
      break;
    case PROP_SHOWN:
      g_value_set_object (value, self->shown);
      break;
    case PROP_LIVE:
      g_value_set_boolean (value, self->live);
      break;
    case PROP_SYSTEM:
      g_value_set_string (value, self->system);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_chat_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodChat *self = PMOD_CHAT (object);

  switch (id)
    {
    case PROP_SESSION:
      self->session = g_value_dup_object (value);
      break;
    case PROP_ASKS_AGAIN:
      pmod_chat_set_asks_again (self, g_value_get_boolean (value));
      break;
    case PROP_SYSTEM:
      pmod_chat_set_system (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_chat_class_init (PmodChatClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->constructed = pmod_chat_constructed;
  object_class->dispose = pmod_chat_dispose;
  object_class->get_property = pmod_chat_get_property;
  object_class->set_property = pmod_chat_set_property;

  props[PROP_SESSION] =
      g_param_spec_object ("session", NULL, NULL, PMOD_TYPE_SESSION,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  props[PROP_PICTURE] = g_param_spec_object ("picture", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  props[PROP_RUN] = g_param_spec_object ("run", NULL, NULL, PMOD_TYPE_RUN, flags);
  props[PROP_BUSY] = g_param_spec_boolean ("busy", NULL, NULL, FALSE, flags);
  props[PROP_READ_ONLY] = g_param_spec_boolean ("read-only", NULL, NULL, FALSE, flags);
  props[PROP_ASKS_AGAIN] =
      g_param_spec_boolean ("asks-again", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_SHOWN] = g_param_spec_object ("shown", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  props[PROP_LIVE] = g_param_spec_boolean ("live", NULL, NULL, FALSE, flags);
  props[PROP_SYSTEM] =
      g_param_spec_string ("system", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[ANSWERING] =
      g_signal_new ("answering", PMOD_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 3, PMOD_TYPE_MESSAGE, PMOD_TYPE_MESSAGE, G_TYPE_BOOLEAN);
  signals[BRANCH_SHOWN] = g_signal_new ("branch-shown", PMOD_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL,
                                        NULL, NULL, G_TYPE_NONE, 0);
  signals[FORGOTTEN] = g_signal_new ("forgotten", PMOD_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                     NULL, G_TYPE_NONE, 1, PMOD_TYPE_MESSAGE);
}

static void
pmod_chat_init (PmodChat *self)
{
  self->messages = g_list_store_new (PMOD_TYPE_MESSAGE);
  self->attached = g_list_store_new (PMOD_TYPE_PICTURE);
  self->thread = pmod_thread_new ();
  self->dense_answers = pmod_dense_answers_new ();
  pmod_chat_watch_shown (self);
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodChat *
pmod_chat_new (PmodSession *session)
{
  return g_object_new (PMOD_TYPE_CHAT, "session", session, NULL);
}

PmodSession *
pmod_chat_get_session (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->session;
}

PmodPicture *
pmod_chat_get_picture (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->picture;
}

PmodRun *
pmod_chat_get_run (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->run;
}

GListModel *
pmod_chat_get_messages (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return G_LIST_MODEL (self->messages);
}

PmodThread *
pmod_chat_get_thread (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->thread;
}

gboolean
pmod_chat_get_busy (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->answer != NULL;
}

gboolean
pmod_chat_get_asks_again (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->asks_again;
}

void
pmod_chat_set_asks_again (PmodChat *self, gboolean asks_again)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  asks_again = asks_again != FALSE;
  if (self->asks_again == asks_again)
    return;
  self->asks_again = asks_again;
  if (!asks_again)
    g_clear_handle_id (&self->again_id, g_source_remove);
  else if (pmod_chat_is_answer_old (self))
    pmod_chat_ask_when_resting (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ASKS_AGAIN]);
}

void
pmod_chat_open_picture (PmodChat *self, PmodPicture *picture)
{
  g_return_if_fail (PMOD_IS_CHAT (self));
  g_return_if_fail (PMOD_IS_PICTURE (picture));

  pmod_chat_put_aside (self);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, picture);
  pmod_chat_read_picture (self);
}

void
pmod_chat_show_run (PmodChat *self, PmodRun *run)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  pmod_chat_put_aside (self);
  set_read_only (self, TRUE);
  pmod_chat_set_picture (self, NULL);
  pmod_chat_set_run (self, run);
}

void
pmod_chat_show_bundle (PmodChat *self, PmodBundle *bundle)
{
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func (g_object_unref);

  g_return_if_fail (PMOD_IS_CHAT (self));
  g_return_if_fail (PMOD_IS_BUNDLE (bundle));

  pmod_chat_put_aside (self);
  for (int i = 0; i < pmod_bundle_get_n_turns (bundle); i++)
    {
      g_ptr_array_add (messages, pmod_message_new_question (pmod_bundle_get_question (bundle, i)));
      g_ptr_array_add (messages,
                       pmod_message_new_answer (pmod_bundle_get_answer (bundle, i), NULL));
    }
  set_read_only (self, TRUE);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, pmod_bundle_get_picture (bundle));
  pmod_chat_set_run (self, pmod_bundle_get_run (bundle));
  pmod_chat_add_all (self, messages);
}

gboolean
pmod_chat_get_read_only (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->read_only;
}

void
pmod_chat_clear (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  pmod_chat_put_aside (self);
  pmod_chat_take_system (self, NULL);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, NULL);
}

gboolean
pmod_chat_can_undo (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->old_messages != NULL;
}

void
pmod_chat_undo (PmodChat *self)
{
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (PmodPicture) picture = NULL;
  g_autoptr (PmodRun) run = NULL;
  PmodThread *thread;
  char *system;
  gboolean read_only;

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->old_messages)
    return;
  read_only = self->old_read_only;
  messages = g_steal_pointer (&self->old_messages);
  picture = g_steal_pointer (&self->old_picture);
  run = g_steal_pointer (&self->old_run);
  thread = g_steal_pointer (&self->old_thread);
  system = g_steal_pointer (&self->old_system);
  pmod_chat_put_aside (self);
  pmod_chat_set_thread (self, thread);
  pmod_chat_take_system (self, system);
  set_read_only (self, read_only);
  pmod_chat_set_run (self, NULL);
  pmod_chat_set_picture (self, picture);
  pmod_chat_set_run (self, run);
  g_list_store_splice (self->messages, 0, 0, messages->pdata, messages->len);
}

/* --- Questions ------------------------------------------------------------------------------- */

void
pmod_chat_tell_answering (PmodChat *self,
                          PmodMessage *question,
                          PmodMessage *answer,
                          gboolean again)
{
  g_signal_emit (self, signals[ANSWERING], 0, question, answer, again);
}

void
pmod_chat_tell_busy (PmodChat *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
}

void
pmod_chat_tell_forgotten (PmodChat *self, PmodMessage *answer)
{
  g_signal_emit (self, signals[FORGOTTEN], 0, answer);
}

void
pmod_chat_tell_branch (PmodChat *self)
{
  g_signal_emit (self, signals[BRANCH_SHOWN], 0);
}

PmodMessage *
pmod_chat_start_answer (PmodChat *self, PmodMessage *question, guint n_messages, gboolean held)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts =
      pmod_chat_collect (self, n_messages, pmod_message_get_text (question),
                         pmod_message_get_pictures (question), &shown);
  g_autoptr (PmodRun) run = NULL;
  g_autofree char *words = NULL;
  g_autofree char *key = NULL;

  if (self->beginning)
    run = pmod_session_ask_from (self->session, (const char *const *)texts->pdata, shown,
                                 g_steal_pointer (&self->beginning));
  else if (held)
    run = pmod_session_ask_held (self->session, (const char *const *)texts->pdata, shown);
  else
    run = pmod_session_ask (self->session, (const char *const *)texts->pdata, shown);
  words = pmod_dense_answers_make_key (pmod_session_get_model (self->session), shown, texts);
  key = g_strconcat (words, self->system ? "\nSYSTEM " : NULL, self->system, NULL);
  pmod_dense_answers_join (self->dense_answers, run, key);
  self->answer = g_object_ref (run);
  self->answer_id = g_signal_connect_swapped (run, "changed", G_CALLBACK (answer_changed_cb), self);
  self->answer_again = FALSE;
  self->reading_stale = FALSE; /* its maps are of the newest settings */
  show_when_ready (self, run);
  return pmod_message_new_answer (run, key);
}

gboolean
pmod_chat_ask_again (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return pmod_chat_ask_again_at (self, pmod_chat_get_last_answer (self));
}

void
pmod_chat_stop (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  g_clear_handle_id (&self->again_id, g_source_remove);
  pmod_session_stop_lane (self->session, 0);
}

gboolean
pmod_chat_can_sweep (PmodChat *self)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  texts = pmod_chat_collect_last (self, &shown);
  return texts && shown;
}

PmodSweepRun *
pmod_chat_sweep (PmodChat *self, const PmodSweepPlan *plan, GError **error)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  if (!pmod_chat_can_sweep (self))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           "nothing was asked about a picture yet");
      return NULL;
    }
  texts = pmod_chat_collect_last (self, &shown);
  return pmod_session_sweep (self->session, (const char *const *)texts->pdata, shown, plan, error);
}

char **
pmod_chat_dup_turns (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return pmod_turns_dup_until (G_LIST_MODEL (self->messages), self->run);
}
