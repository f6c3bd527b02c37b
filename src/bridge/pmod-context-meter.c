/* PmodContextMeter: see pmod-context-meter.h.
 *
 * Owners: a Counter belongs to the counts that are in flight and to the meter; of the meter's own
 * counts one is in flight and the newest draft waits, so that fast typing queues nothing. What a
 * thread is given are copies and what never changes. The tokenizer is read by the first count. */
#include "config.h"

#include "pmod-context-meter.h"

#include <glib/gi18n-lib.h>

#include "pmod-job-prompt.h"
#include "pmod-model-card-private.h"
#include "pmod-picture-private.h"

#define METER_KEY "strata-context-meter"

/* Of one model. */
typedef struct
{
  gatomicrefcount refs;
  char *path;
  PmodConfig *config;
  GMutex lock; /* over the reading */
  PmodTokenizer *tokenizer;
} Counter;

struct _PmodContextMeter
{
  GObject parent_instance;

  PmodChat *chat; /* not owned: it owns the meter */
  Counter *counter;
  char *draft;
  int needed;
  gboolean refused; /* the draft is longer than any prompt may be */
  gboolean counting;
  gboolean stale;     /* what is being counted is not the draft any more */
  gboolean has_shown; /* what was counted last had a picture */
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodContextMeter, pmod_context_meter, G_TYPE_OBJECT)

/* --- Counting, on other threads -------------------------------------------------------------- */

static Counter *
counter_new (PmodModelCard *card)
{
  Counter *self = g_new0 (Counter, 1);

  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  self->path = g_strdup (card->path);
  self->config = pmod_config_copy (card->facts->config);
  return self;
}

static Counter *
counter_ref (Counter *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
counter_unref (Counter *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_clear_pointer (&self->tokenizer, pmod_tokenizer_free);
  g_mutex_clear (&self->lock);
  pmod_config_free (self->config);
  g_free (self->path);
  g_free (self);
}

/* NULL with an error. Once it is there it is only read. */
static PmodTokenizer *
get_tokenizer (Counter *self, GError **error)
{
  PmodTokenizer *tokenizer;

  g_mutex_lock (&self->lock);
  if (!self->tokenizer)
    self->tokenizer = pmod_tokenizer_new (self->path, error);
  tokenizer = self->tokenizer;
  g_mutex_unlock (&self->lock);
  return tokenizer;
}

typedef struct
{
  Counter *counter;
  PmodWording wording;
  char *system;
} Count;

static void
count_free (gpointer data)
{
  Count *count = data;

  counter_unref (count->counter);
  g_strfreev (count->wording.texts);
  g_clear_pointer (&count->wording.images, g_ptr_array_unref);
  g_free (count->system);
  g_free (count);
}

static void
count_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Count *count = data;
  const PmodConfig *config = count->counter->config;
  GError *error = NULL;
  PmodTokenizer *tokenizer = get_tokenizer (count->counter, &error);
  g_autoptr (PmodPrompt) prompt =
      tokenizer ? pmod_job_prompt_new (tokenizer, config, &count->wording, &error) : NULL;
  int n = prompt ? pmod_job_prompt_count (prompt, config, &error) : -1;

  if (n < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, n);
}

/* --- The main thread ------------------------------------------------------------------------- */

void
pmod_context_meter_count_async (PmodContextMeter *self,
                                guint n_messages,
                                const char *question,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  g_autoptr (PmodPicture) picture = NULL;
  PmodTuning *tuning = pmod_session_get_tuning (pmod_chat_get_session (self->chat));
  g_autoptr (GPtrArray) texts = pmod_chat_collect_next (self->chat, n_messages, question, &picture);
  Count *count;

  if (!self->counter)
    {
      g_task_return_new_error (task, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "no model is loaded");
      return;
    }
  count = g_new0 (Count, 1);
  count->counter = counter_ref (self->counter);
  count->system = g_strdup (pmod_chat_get_system (self->chat));
  count->wording.system = count->system;
  count->wording.texts = g_strdupv ((char **)texts->pdata);
  if (self->counter->config->has_vision)
    count->wording.images = pmod_picture_collect_images (picture);
  count->wording.question_first = pmod_tuning_get_question_first (tuning);
  g_task_set_task_data (task, count, count_free);
  g_task_run_in_thread (task, count_thread);
}

int
pmod_context_meter_count_finish (PmodContextMeter *self, GAsyncResult *result, GError **error)
{
  return (int)g_task_propagate_int (G_TASK (result), error);
}

static void recount (PmodContextMeter *self);

static void
counted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodContextMeter *self = PMOD_CONTEXT_METER (source);
  g_autoptr (GError) error = NULL;
  int n = pmod_context_meter_count_finish (self, result, &error);
  gboolean blank = GPOINTER_TO_INT (user_data);

  self->counting = FALSE;
  self->refused = g_error_matches (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
  self->needed = n < 0 ? -1 : n - blank; /* a word stood for none */
  if (self->stale)
    recount (self);
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
recount (PmodContextMeter *self)
{
  g_autofree char *text = g_strstrip (g_strdup (self->draft));
  gboolean blank = *text == '\0';

  if (!self->chat)
    return;
  if (self->counting)
    {
      self->stale = TRUE;
      return;
    }
  self->stale = FALSE;
  if (!self->counter)
    {
      self->needed = -1;
      self->refused = FALSE;
      g_signal_emit (self, signals[CHANGED], 0);
      return;
    }
  self->counting = TRUE;
  self->has_shown = pmod_chat_get_shown (self->chat) != NULL;
  pmod_context_meter_count_async (self,
                                  g_list_model_get_n_items (pmod_chat_get_messages (self->chat)),
                                  blank ? "?" : text, counted_cb, GINT_TO_POINTER (blank));
}

static void
model_cb (PmodContextMeter *self)
{
  PmodModelCard *card =
      self->chat ? pmod_session_get_model (pmod_chat_get_session (self->chat)) : NULL;

  g_clear_pointer (&self->counter, counter_unref);
  /* Only a model's folder has its tokenizer. A server counts, and refuses, by itself. */
  if (card && card->path)
    self->counter = counter_new (card);
  recount (self);
}

/* One frame of a camera takes what the next one does. */
static void
shown_cb (PmodContextMeter *self)
{
  if (self->chat && self->has_shown != (pmod_chat_get_shown (self->chat) != NULL))
    recount (self);
}

static void
answered_cb (PmodContextMeter *self)
{
  if (self->chat && !pmod_chat_get_busy (self->chat))
    recount (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_context_meter_finalize (GObject *object)
{
  PmodContextMeter *self = PMOD_CONTEXT_METER (object);

  g_clear_weak_pointer (&self->chat);
  g_clear_pointer (&self->counter, counter_unref);
  g_free (self->draft);

  G_OBJECT_CLASS (pmod_context_meter_parent_class)->finalize (object);
}

static void
pmod_context_meter_class_init (PmodContextMeterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_context_meter_finalize;
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_CONTEXT_METER, G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 0);
}

static void
pmod_context_meter_init (PmodContextMeter *self)
{
  self->draft = g_strdup ("");
  self->needed = -1;
}

static void
follow (PmodContextMeter *self, gpointer object, const char *signal, GCallback callback)
{
  g_signal_connect_object (object, signal, callback, self, G_CONNECT_SWAPPED);
}

PmodContextMeter *
pmod_context_meter_get (PmodChat *chat)
{
  PmodContextMeter *self;
  PmodSession *session;

  g_return_val_if_fail (PMOD_IS_CHAT (chat), NULL);

  self = g_object_get_data (G_OBJECT (chat), METER_KEY);
  if (self)
    return self;
  self = g_object_new (PMOD_TYPE_CONTEXT_METER, NULL);
  g_set_weak_pointer (&self->chat, chat);
  session = pmod_chat_get_session (chat);
  follow (self, session, "notify::model", G_CALLBACK (model_cb));
  follow (self, pmod_session_get_tuning (session), "changed", G_CALLBACK (recount));
  follow (self, pmod_chat_get_messages (chat), "items-changed", G_CALLBACK (recount));
  follow (self, pmod_chat_get_attached (chat), "items-changed", G_CALLBACK (recount));
  follow (self, chat, "notify::busy", G_CALLBACK (answered_cb));
  follow (self, chat, "notify::picture", G_CALLBACK (recount));
  follow (self, chat, "notify::shown", G_CALLBACK (shown_cb));
  follow (self, chat, "notify::system", G_CALLBACK (recount));
  g_object_set_data_full (G_OBJECT (chat), METER_KEY, self, g_object_unref);
  model_cb (self);
  return self;
}

/* --- Public ---------------------------------------------------------------------------------- */

void
pmod_context_meter_set_draft (PmodContextMeter *self, const char *text)
{
  g_return_if_fail (PMOD_IS_CONTEXT_METER (self));

  if (g_str_equal (text, self->draft))
    return;
  g_free (self->draft);
  self->draft = g_strdup (text);
  recount (self);
}

int
pmod_context_meter_get_needed (PmodContextMeter *self)
{
  g_return_val_if_fail (PMOD_IS_CONTEXT_METER (self), -1);
  return self->needed;
}

int
pmod_context_meter_get_limit (PmodContextMeter *self)
{
  g_return_val_if_fail (PMOD_IS_CONTEXT_METER (self), 0);
  return self->counter ? self->counter->config->context_length : 0;
}

gboolean
pmod_context_meter_get_settled (PmodContextMeter *self)
{
  g_return_val_if_fail (PMOD_IS_CONTEXT_METER (self), TRUE);
  return !self->counting;
}

gboolean
pmod_context_meter_get_fits (PmodContextMeter *self)
{
  g_return_val_if_fail (PMOD_IS_CONTEXT_METER (self), TRUE);
  return !self->refused && self->needed <= pmod_context_meter_get_limit (self) &&
         (!self->chat || !pmod_chat_has_too_many (self->chat));
}

char *
pmod_context_meter_explain (PmodContextMeter *self, int needed)
{
  guint n_messages;
  const char *advice;

  g_return_val_if_fail (PMOD_IS_CONTEXT_METER (self), NULL);

  n_messages = g_list_model_get_n_items (pmod_chat_get_messages (self->chat));
  if (g_list_model_get_n_items (pmod_chat_get_attached (self->chat)) > 0)
    advice = _ ("Remove a picture, or ask a shorter question.");
  else if (n_messages == 0 || !self->counter || self->counter->config->single_questions)
    advice = _ ("Ask a shorter question.");
  else
    advice = _ ("Ask a shorter question, or begin a new conversation.");
  if (pmod_chat_has_too_many (self->chat))
    return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "At most %d picture is asked about",
                                         "At most %d pictures are asked about",
                                         PMOD_CHAT_MAX_PICTURES),
                            PMOD_CHAT_MAX_PICTURES);
  if (needed < 0)
    return g_strdup_printf (_ ("Too long for any model. %s"), advice);
  return g_strdup_printf (_ ("%d tokens do not fit: the model holds %d. %s"), needed,
                          pmod_context_meter_get_limit (self), advice);
}
