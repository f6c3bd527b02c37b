/* PmodChat: see pmod-chat.h. */
#include "config.h"

#include "pmod-chat.h"

#include <string.h>

struct _PmodChat
{
  GObject parent_instance;

  PmodSession *session;
  gulong model_id;
  PmodPicture *picture;
  PmodPicture *shown; /* picture, or a live frame */
  gboolean live;
  PmodPicture *before_picture; /* of live */
  PmodRun *before_run;
  GListStore *messages;
  PmodRun *run;    /* that the views show */
  PmodRun *coming; /* takes its place once it has something to show */
  gulong coming_id;
  PmodRun *answer; /* of the last question, until it is finished */
  gulong answer_id;

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
  PROP_SHOWN,
  PROP_LIVE,
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

static void
forget_answer (PmodChat *self)
{
  if (!self->answer)
    return;
  g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
}

static void
answer_changed_cb (PmodChat *self)
{
  if (pmod_run_is_finished (self->answer))
    forget_answer (self);
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

/* --- Conversations --------------------------------------------------------------------------- */

static void
set_shown (PmodChat *self, PmodPicture *picture)
{
  if (g_set_object (&self->shown, picture))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SHOWN]);
}

static void
set_live (PmodChat *self, gboolean live)
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

static void
set_picture (PmodChat *self, PmodPicture *picture)
{
  set_shown (self, picture);
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

  set_live (self, FALSE);
  pmod_session_stop (self->session);
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
}

static void
pmod_chat_dispose (GObject *object)
{
  PmodChat *self = PMOD_CHAT (object);

  forget_coming (self);
  if (self->answer)
    g_clear_signal_handler (&self->answer_id, self->answer);
  g_clear_object (&self->answer);
  forget_old (self);
  if (self->session)
    g_clear_signal_handler (&self->model_id, self->session);
  g_clear_object (&self->session);
  g_clear_object (&self->picture);
  g_clear_object (&self->shown);
  g_clear_object (&self->before_picture);
  g_clear_object (&self->before_run);
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
    case PROP_SHOWN:
      g_value_set_object (value, self->shown);
      break;
    case PROP_LIVE:
      g_value_set_boolean (value, self->live);
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
  props[PROP_SHOWN] = g_param_spec_object ("shown", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  props[PROP_LIVE] = g_param_spec_boolean ("live", NULL, NULL, FALSE, flags);
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

/* --- Live ------------------------------------------------------------------------------------ */

PmodPicture *
pmod_chat_get_shown (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), NULL);
  return self->shown;
}

gboolean
pmod_chat_get_live (PmodChat *self)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  return self->live;
}

void
pmod_chat_begin_live (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  if (self->live)
    return;
  put_aside (self);
  g_set_object (&self->before_picture, self->picture);
  g_set_object (&self->before_run, self->run);
  set_live (self, TRUE);
  set_run (self, NULL);
  set_picture (self, NULL);
}

/* Nobody hears of the one before both are there: no mask lies over another frame. */
void
pmod_chat_show_live (PmodChat *self, PmodPicture *picture, PmodRun *run)
{
  g_return_if_fail (PMOD_IS_CHAT (self));
  g_return_if_fail (PMOD_IS_PICTURE (picture));

  if (!self->live)
    return;
  g_object_freeze_notify (G_OBJECT (self));
  set_shown (self, picture);
  set_run (self, run);
  g_object_thaw_notify (G_OBJECT (self));
}

void
pmod_chat_keep_live (PmodChat *self)
{
  g_autoptr (PmodPicture) picture = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->live || !self->shown)
    return;
  picture = g_object_ref (self->shown);
  set_picture (self, picture);
  set_live (self, FALSE);
  if (!self->run)
    read_picture (self);
}

void
pmod_chat_end_live (PmodChat *self)
{
  g_autoptr (PmodPicture) picture = NULL;
  g_autoptr (PmodRun) run = NULL;

  g_return_if_fail (PMOD_IS_CHAT (self));

  if (!self->live)
    return;
  picture = g_steal_pointer (&self->before_picture);
  run = g_steal_pointer (&self->before_run);
  set_live (self, FALSE);
  pmod_session_stop (self->session);
  if (self->old_messages)
    {
      pmod_chat_undo (self);
      return;
    }
  set_run (self, NULL);
  set_picture (self, picture);
  set_run (self, run);
}

/* --- Questions ------------------------------------------------------------------------------- */

/* Pairs of a question and its answer; a question without an answer is left out, so that the turns
 * alternate. */
static GPtrArray *
collect_turns (PmodChat *self)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);
  guint n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));

  for (guint i = 0; i + 1 < n_messages; i += 2)
    {
      g_autoptr (PmodMessage) question = g_list_model_get_item (G_LIST_MODEL (self->messages), i);
      g_autoptr (PmodMessage) reply = g_list_model_get_item (G_LIST_MODEL (self->messages), i + 1);

      if (*pmod_message_get_text (reply) == '\0')
        continue;
      g_ptr_array_add (texts, g_strdup (pmod_message_get_text (question)));
      g_ptr_array_add (texts, g_strdup (pmod_message_get_text (reply)));
    }
  return texts;
}

gboolean
pmod_chat_ask (PmodChat *self, const char *text)
{
  g_autoptr (GPtrArray) texts = NULL;
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (PmodMessage) question = NULL;
  g_autoptr (PmodMessage) reply = NULL;
  g_autofree char *stripped = g_strstrip (g_strdup (text));

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  if (self->answer || *stripped == '\0')
    return FALSE;
  pmod_chat_keep_live (self);
  texts = collect_turns (self);
  g_ptr_array_add (texts, g_strdup (stripped));
  g_ptr_array_add (texts, NULL);

  run = pmod_session_ask (self->session, (const char *const *)texts->pdata, self->picture);
  question = pmod_message_new_question (stripped);
  reply = pmod_message_new_answer (run);
  g_list_store_append (self->messages, question);
  g_list_store_append (self->messages, reply);

  self->answer = g_object_ref (run);
  self->answer_id = g_signal_connect_swapped (run, "changed", G_CALLBACK (answer_changed_cb), self);
  show_when_ready (self, run);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BUSY]);
  return TRUE;
}

gboolean
pmod_chat_ask_again (PmodChat *self)
{
  g_autoptr (PmodMessage) question = NULL;
  guint n_messages;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);

  n_messages = g_list_model_get_n_items (G_LIST_MODEL (self->messages));
  if (self->answer || n_messages < 2)
    return FALSE;
  question = g_list_model_get_item (G_LIST_MODEL (self->messages), n_messages - 2);
  g_list_store_splice (self->messages, n_messages - 2, 2, NULL, 0);
  return pmod_chat_ask (self, pmod_message_get_text (question));
}

void
pmod_chat_stop (PmodChat *self)
{
  g_return_if_fail (PMOD_IS_CHAT (self));

  pmod_session_stop (self->session);
}
