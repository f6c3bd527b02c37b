/* PmodChat: see pmod-chat.h. */
#include "config.h"

#include "pmod-chat.h"

#include "pmod-turns.h"

#include <string.h>

/* A slider that rests this long was let go of. */
#define REST_MS 350

/* A map that is older than this grows in sight; a run of settings that are gone is given up. */
#define LONG_US (300 * 1000)

struct _PmodChat
{
  GObject parent_instance;

  PmodSession *session;
  gulong model_id;
  PmodPicture *picture;
  GListStore *messages;
  PmodRun *run;    /* that the views show */
  PmodRun *coming; /* takes its place once it has something to show */
  gulong coming_id;
  PmodRun *answer; /* of the last question, until it is finished */
  gulong answer_id;

  gulong tuning_id;
  PmodRun *reading; /* with settings that were changed, until it is finished */
  gulong reading_id;
  gint64 reading_us;      /* when it was asked for */
  gboolean reading_stale; /* the settings are others by now */
  gboolean asks_again;    /* the user's choice */
  gboolean answer_again;  /* the answer on its way is one that nobody asked for by hand */
  PmodMessage *reply;     /* that will take the place of the last one, once it says something */
  guint again_id;

  PmodPicture *old_picture;
  PmodRun *old_run;
  GPtrArray *old_messages;
};

enum
{
  PROP_SESSION = 1,
  PROP_PICTURE,
  PROP_RUN,
  PROP_BUSY,
  PROP_ASKS_AGAIN,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodChat, pmod_chat, G_TYPE_OBJECT)

/* --- Runs ------------------------------------------------------------------------------------ */

static void
set_run (PmodChat *self, PmodRun *run)
{
  if (g_set_object (&self->run, run))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_RUN]);
}

static void
forget_coming (PmodChat *self)
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
        forget_coming (self);
      return;
    }
  run = g_object_ref (self->coming);
  forget_coming (self);
  set_run (self, run);
}

static void
show_when_ready (PmodChat *self, PmodRun *run)
{
  forget_coming (self);
  self->coming = g_object_ref (run);
  self->coming_id = g_signal_connect_swapped (run, "changed", G_CALLBACK (coming_changed_cb), self);
}

/* The last message gives way to reply. The question stays where it is, so that nothing moves but
 * the answer. */
static void
replace_reply (PmodChat *self, PmodMessage *reply)
{
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  g_list_store_splice (self->messages, n_messages - 1, 1, (gpointer *)&reply, 1);
}

static void
forget_answer (PmodChat *self)
{
  g_clear_object (&self->reply);
  if (!self->answer)
    return;
  g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
}

static void reread (PmodChat *self);

static void
answer_changed_cb (PmodChat *self)
{
  if (self->reply && *pmod_run_get_text (self->answer) != '\0')
    {
      g_autoptr (PmodMessage) reply = g_steal_pointer (&self->reply);

      replace_reply (self, reply);
    }
  if (!pmod_run_is_finished (self->answer))
    return;
  forget_answer (self);
  if (self->reading_stale)
    reread (self);
}

static void
read_picture (PmodChat *self)
{
  g_autoptr (PmodRun) run = NULL;

  if (!self->picture)
    return;
  run = pmod_session_read (self->session, self->picture);
  show_when_ready (self, run);
}

/* --- Other settings --------------------------------------------------------------------------- */

static void
forget_reading (PmodChat *self)
{
  if (self->reading)
    g_clear_signal_handler (&self->reading_id, self->reading);
  g_clear_object (&self->reading);
}

static gboolean start_again (PmodChat *self, PmodMessage **reply);

/* The maps on screen stay until all new ones are there, so that nothing flickers under a slider;
 * where they take long, they may as well be seen growing. */
static void
reading_changed_cb (PmodChat *self)
{
  g_autoptr (PmodRun) run = g_object_ref (self->reading);
  gboolean finished = pmod_run_is_finished (run);
  gboolean late = g_get_monotonic_time () - self->reading_us > LONG_US;

  if (finished)
    forget_reading (self);
  if (finished ? pmod_run_get_phase (run) == PMOD_RUN_DONE : late && pmod_run_has_maps (run))
    {
      forget_coming (self);
      set_run (self, run);
    }
  if (finished && self->reading_stale)
    reread (self);
}

/* One run at a time; when it is there, the next one has the newest settings. */
static void
reread (PmodChat *self)
{
  g_autofree char *question = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  self->reading_stale = FALSE;
  if (!self->picture)
    return;
  if (self->answer || self->reading)
    {
      self->reading_stale = TRUE;
      if (self->answer ? self->answer_again : g_get_monotonic_time () - self->reading_us > LONG_US)
        pmod_session_stop_lane (self->session, 0);
      return;
    }
  question = pmod_turns_dup_last_question (G_LIST_MODEL (self->messages));
  texts = question ? pmod_turns_collect (G_LIST_MODEL (self->messages), n_messages - 2, question)
                   : NULL;
  self->reading = pmod_session_read_behind (
      self->session, texts ? (const char *const *)texts->pdata : NULL, self->picture, NULL, 0);
  self->reading_us = g_get_monotonic_time ();
  self->reading_id =
      g_signal_connect_swapped (self->reading, "changed", G_CALLBACK (reading_changed_cb), self);
}

static gboolean
again_cb (gpointer user_data)
{
  PmodChat *self = user_data;

  /* A typed question's answer is not cut short; this comes back when it is there. */
  if (self->answer)
    return G_SOURCE_CONTINUE;
  self->again_id = 0;
  self->answer_again = start_again (self, &self->reply);
  return G_SOURCE_REMOVE;
}

static void
ask_when_resting (PmodChat *self)
{
  g_clear_handle_id (&self->again_id, g_source_remove);
  self->again_id = g_timeout_add (REST_MS, again_cb, self);
}

/* Whether the last answer was given under other settings than those that hold now. */
static gboolean
is_answer_old (PmodChat *self)
{
  PmodRun *run = pmod_turns_get_last_answer (G_LIST_MODEL (self->messages));

  return run && pmod_run_get_generation (run) !=
                    pmod_tuning_get_generation (pmod_session_get_tuning (self->session));
}

static void
tuning_changed_cb (PmodChat *self, guint change)
{
  if (change & PMOD_TUNING_MODEL)
    return;
  if (change & PMOD_TUNING_ROUTING)
    reread (self);
  if (self->asks_again && g_list_model_get_n_items (G_LIST_MODEL (self->messages)) > 0)
    ask_when_resting (self);
}

static void
forget_changes (PmodChat *self)
{
  g_clear_handle_id (&self->again_id, g_source_remove);
  forget_reading (self);
  self->reading_stale = FALSE;
}

/* --- Conversations --------------------------------------------------------------------------- */

static void
set_picture (PmodChat *self, PmodPicture *picture)
{
  if (g_set_object (&self->picture, picture))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PICTURE]);
}

static void
forget_old (PmodChat *self)
{
  g_clear_object (&self->old_picture);
  g_clear_object (&self->old_run);
  g_clear_pointer (&self->old_messages, g_ptr_array_unref);
}

static void
put_aside (PmodChat *self)
{
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  pmod_session_stop_lane (self->session, 0);
  forget_changes (self);
  forget_coming (self);
  forget_answer (self);
  forget_old (self);
  if (n_messages > 0)
    {
      self->old_messages = g_ptr_array_new_with_free_func (g_object_unref);
      for (guint i = 0; i < n_messages; i++)
        g_ptr_array_add (self->old_messages,
                         g_list_model_get_item (G_LIST_MODEL (self->messages), i));
      g_set_object (&self->old_picture, self->picture);
      g_set_object (&self->old_run, self->run);
    }
  g_list_store_remove_all (self->messages);
}

/* Another model knows nothing of the picture yet. A recorded run has none and stays. */
static void
model_changed_cb (PmodChat *self)
{
  forget_changes (self);
  if (!self->picture)
    return;
  set_run (self, NULL);
  read_picture (self);
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
                                              G_CALLBACK (tuning_changed_cb), self);
}

static void
pmod_chat_dispose (GObject *object)
{
  PmodChat *self = PMOD_CHAT (object);

  forget_changes (self);
  forget_coming (self);
  if (self->answer)
    g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  g_clear_object (&self->reply);
  forget_old (self);
  if (self->session)
    {
      g_clear_signal_handler (&self->model_id, self->session);
      g_clear_signal_handler (&self->tuning_id, pmod_session_get_tuning (self->session));
    }
  g_clear_object (&self->session);
  g_clear_object (&self->picture);
  g_clear_object (&self->run);
  g_clear_object (&self->messages);

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
    case PROP_ASKS_AGAIN:
      g_value_set_boolean (value, self->asks_again);
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
  props[PROP_ASKS_AGAIN] =
      g_param_spec_boolean ("asks-again", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_chat_init (PmodChat *self)
{
  self->messages = g_list_store_new (PMOD_TYPE_MESSAGE);
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
  else if (is_answer_old (self))
    ask_when_resting (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ASKS_AGAIN]);
}

void
pmod_chat_open_picture (PmodChat *self, PmodPicture *picture)
{
  g_return_if_fail (PMOD_IS_CHAT (self));
  g_return_if_fail (PMOD_IS_PICTURE (picture));

  put_aside (self);
  set_run (self, NULL);
  set_picture (self, picture);
  read_picture (self);
}

void
pmod_chat_show_run (PmodChat *self, PmodRun *run)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  put_aside (self);
  set_picture (self, NULL);
  set_run (self, run);
}

void
pmod_chat_clear (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  put_aside (self);
  set_run (self, NULL);
  set_picture (self, NULL);
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

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->old_messages)
    return;
  messages = g_steal_pointer (&self->old_messages);
  picture = g_steal_pointer (&self->old_picture);
  run = g_steal_pointer (&self->old_run);
  put_aside (self);
  set_run (self, NULL);
  set_picture (self, picture);
  set_run (self, run);
  g_list_store_splice (self->messages, 0, 0, messages->pdata, messages->len);
}

char **
pmod_chat_dup_texts (PmodChat *self)
{
  g_autofree char *question = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  GListModel *messages;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  messages = G_LIST_MODEL (self->messages);
  question = pmod_turns_dup_last_question (messages);
  if (!question)
    return NULL;
  texts = pmod_turns_collect (messages, g_list_model_get_n_items (messages) - 2, question);
  return g_strdupv ((char **)texts->pdata);
}

/* After what the first n_messages say. Returns the message that the answer grows in. */
static PmodMessage *
start_answer (PmodChat *self, const char *question, guint n_messages)
{
  g_autoptr (GPtrArray) texts =
      pmod_turns_collect (G_LIST_MODEL (self->messages), n_messages, question);
  g_autoptr (PmodRun) run = NULL;

  run = pmod_session_ask (self->session, (const char *const *)texts->pdata, self->picture);
  self->answer = g_object_ref (run);
  self->answer_id = g_signal_connect_swapped (run, "changed", G_CALLBACK (answer_changed_cb), self);
  self->answer_again = FALSE;
  self->reading_stale = FALSE; /* its maps are of the newest settings */
  show_when_ready (self, run);
  return pmod_message_new_answer (run);
}

gboolean
pmod_chat_ask (PmodChat *self, const char *text)
{
  g_autoptr (PmodMessage) question = NULL;
  g_autoptr (PmodMessage) reply = NULL;
  g_autofree char *stripped = g_strstrip (g_strdup (text));

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  if (self->answer || *stripped == '\0')
    return FALSE;
  reply = start_answer (self, stripped, g_list_model_get_n_items (G_LIST_MODEL (self->messages)));
  question = pmod_message_new_question (stripped);
  g_list_store_append (self->messages, question);
  g_list_store_append (self->messages, reply);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
  return TRUE;
}

/* Asks the last question once more, of the settings that hold now. */
static gboolean
start_again (PmodChat *self, PmodMessage **reply)
{
  g_autofree char *question = pmod_turns_dup_last_question (G_LIST_MODEL (self->messages));
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  if (self->answer || !question)
    return FALSE;
  *reply = start_answer (self, question, n_messages - 2);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
  return TRUE;
}

gboolean
pmod_chat_ask_again (PmodChat *self)
{
  g_autoptr (PmodMessage) reply = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  if (!start_again (self, &reply))
    return FALSE;
  replace_reply (self, reply);
  return TRUE;
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
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->picture && g_list_model_get_n_items (G_LIST_MODEL (self->messages)) >= 2;
}

PmodSweepRun *
pmod_chat_sweep (PmodChat *self, const PmodSweepPlan *plan, GError **error)
{
  g_autofree char *question = NULL;
  g_autoptr (GPtrArray) texts = NULL;

  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);

  if (!pmod_chat_can_sweep (self))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           "nothing was asked about a picture yet");
      return NULL;
    }
  question = pmod_turns_dup_last_question (G_LIST_MODEL (self->messages));
  texts =
      pmod_turns_collect (G_LIST_MODEL (self->messages),
                          g_list_model_get_n_items (G_LIST_MODEL (self->messages)) - 2, question);
  return pmod_session_sweep (self->session, (const char *const *)texts->pdata, self->picture, plan,
                             error);
}
