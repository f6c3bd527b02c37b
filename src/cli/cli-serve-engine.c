/* The engine's thread behind pmod serve. See cli-serve-engine.h. */
#include "cli-serve-engine-private.h"

#include <string.h>

#include "cli-record.h"

/* --- Jobs ------------------------------------------------------------------------------------ */

ServeJob *
serve_job_ref (ServeJob *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
serve_job_unref (ServeJob *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->request, serve_request_free);
  g_clear_pointer (&self->remote, pmod_remote_request_free);
  g_clear_pointer (&self->frames, g_byte_array_unref);
  g_clear_pointer (&self->trace, pmod_trace_free);
  g_clear_pointer (&self->all, g_byte_array_unref);
  g_free (self->logits);
  g_string_free (self->text, TRUE);
  g_free (self);
}

void
serve_job_cancel (ServeJob *self)
{
  ServeEngine *engine = self->engine;
  gboolean waited;

  self->func = NULL;
  self->frames_func = NULL;
  pthread_mutex_lock (&engine->lock);
  self->cancelled = TRUE;
  if (self->context)
    pmod_context_cancel (self->context);
  /* Its place in the queue is another's at once. */
  waited = g_queue_remove (&engine->waiting, self);
  pthread_mutex_unlock (&engine->lock);
  if (waited)
    serve_job_unref (self);
}

gboolean
serve_job_is_cancelled (ServeJob *job)
{
  gboolean cancelled;

  pthread_mutex_lock (&job->engine->lock);
  cancelled = job->cancelled || job->engine->quit;
  pthread_mutex_unlock (&job->engine->lock);
  return cancelled;
}

void
serve_job_pass_on_cancel (ServeJob *job)
{
  if (serve_job_is_cancelled (job))
    pmod_context_cancel (job->context);
}

/* --- Contexts -------------------------------------------------------------------------------- */

static ServeSlot *
find_slot (ServeEngine *self, const char *client, int lane)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      ServeSlot *slot = &g_array_index (self->slots, ServeSlot, i);

      if (!slot->busy && slot->lane == lane && g_str_equal (slot->client, client))
        return slot;
    }
  return NULL;
}

static ServeSlot *
find_oldest (ServeEngine *self)
{
  ServeSlot *oldest = NULL;

  for (guint i = 0; i < self->slots->len; i++)
    {
      ServeSlot *slot = &g_array_index (self->slots, ServeSlot, i);

      if (!slot->busy && (!oldest || slot->used < oldest->used))
        oldest = slot;
    }
  return oldest;
}

/* Where another context does not fit, the oldest one changes hands. Its states are forgotten: what
 * a run finds known is to depend on its own client alone. */
static ServeSlot *
make_slot (ServeEngine *self, GError **error)
{
  ServeSlot *oldest = find_oldest (self);
  gboolean full = self->slots->len >= self->max_contexts;
  g_autoptr (GError) local = NULL;
  ServeSlot slot = { 0 };

  if (!full || !oldest)
    slot.context = pmod_context_new (self->model, &local);
  if (slot.context)
    {
      g_array_append_val (self->slots, slot);
      return &g_array_index (self->slots, ServeSlot, self->slots->len - 1);
    }
  if (oldest)
    pmod_context_clear (oldest->context);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return oldest;
}

PmodContext *
serve_job_take_context (ServeJob *job, const char *client, int lane, GError **error)
{
  ServeEngine *self = job->engine;
  ServeSlot *slot = find_slot (self, client, lane);

  if (!slot)
    slot = make_slot (self, error);
  if (!slot)
    return NULL;
  if (g_strcmp0 (slot->client, client) != 0)
    {
      g_free (slot->client);
      slot->client = g_strdup (client);
    }
  slot->lane = lane;
  slot->busy = TRUE;
  slot->used = ++self->n_used;
  pthread_mutex_lock (&self->lock);
  job->context = slot->context;
  pthread_mutex_unlock (&self->lock);
  return slot->context;
}

void
serve_job_give_back_context (ServeJob *job)
{
  ServeEngine *self = job->engine;
  PmodContext *context;

  pthread_mutex_lock (&self->lock);
  context = g_steal_pointer (&job->context);
  pthread_mutex_unlock (&self->lock);
  for (guint i = 0; i < self->slots->len; i++)
    if (context && g_array_index (self->slots, ServeSlot, i).context == context)
      g_array_index (self->slots, ServeSlot, i).busy = FALSE;
}

static void
slot_clear (gpointer data)
{
  ServeSlot *slot = data;

  g_clear_pointer (&slot->context, pmod_context_free);
  g_clear_pointer (&slot->client, g_free);
}

/* --- Events ---------------------------------------------------------------------------------- */

typedef struct
{
  ServeJob *job;
  char *text;
  GBytes *records;
  ServeResult *result;
  GError *error;
} Event;

static void
event_free (Event *event)
{
  serve_job_unref (event->job);
  g_free (event->text);
  g_clear_pointer (&event->records, g_bytes_unref);
  if (event->result)
    {
      g_free (event->result->text);
      g_free (event->result->record);
      g_free (event->result);
    }
  g_clear_error (&event->error);
  g_free (event);
}

static gboolean
deliver (gpointer data)
{
  Event *event = data;

  if (event->job->func)
    event->job->func (event->job, event->text, event->records, event->result, event->error,
                      event->job->user_data);
  return G_SOURCE_REMOVE;
}

/* An idle source rather than g_main_context_invoke(), which would call at once where the main
 * thread does not run its loop. */
static void
tell (ServeJob *job, gsize until, ServeResult *result, GError *error)
{
  Event *event = g_new0 (Event, 1);
  g_autoptr (GSource) source = g_idle_source_new ();

  event->job = serve_job_ref (job);
  event->text = g_strndup (job->text->str + job->told_text, until - job->told_text);
  job->told_text = until;
  if (job->request->wants_records)
    event->records =
        g_bytes_new (job->all->data + job->told_bytes, job->all->len - job->told_bytes);
  job->told_bytes = job->all->len;
  event->result = result;
  event->error = error;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, event, (GDestroyNotify)event_free);
  g_source_attach (source, NULL);
}

/* --- Running --------------------------------------------------------------------------------- */

static void
record_cb (const PmodRecord *record, gpointer user_data)
{
  ServeJob *job = user_data;
  const PmodConfig *config = pmod_model_get_config (job->engine->model);

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    memcpy (&job->begin, record, sizeof job->begin);
  /* With the first token, which was drawn from them and has not run yet. */
  if (record->type == PMOD_RECORD_TOKEN && job->request->wants_record && !job->logits)
    job->logits = g_memdup2 (pmod_context_get_logits (job->context),
                             (gsize)config->vocab * sizeof *job->logits);
  if (job->request->wants_record || job->request->wants_records)
    g_byte_array_append (job->all, (const guint8 *)record, record->size);
  serve_job_pass_on_cancel (job);
}

/* Where the first stop text begins, or the length. */
static gsize
find_stop (ServeJob *job)
{
  gsize first = job->text->len;

  for (int i = 0; job->request->stop && job->request->stop[i]; i++)
    {
      const char *found = strstr (job->text->str, job->request->stop[i]);

      if (found)
        first = MIN (first, (gsize)(found - job->text->str));
    }
  return first;
}

/* How much can be told: not what may become a stop text. */
static gsize
find_safe (ServeJob *job)
{
  gsize held = 0;

  for (int i = 0; job->request->stop && job->request->stop[i]; i++)
    {
      const char *stop = job->request->stop[i];

      for (gsize n = MIN (strlen (stop), job->text->len); n > held; n--)
        if (strncmp (job->text->str + job->text->len - n, stop, n) == 0)
          held = n;
    }
  return job->text->len - held;
}

static gboolean
text_cb (const char *text, gpointer user_data)
{
  ServeJob *job = user_data;
  gsize stop;

  g_string_append (job->text, text);
  stop = find_stop (job);
  if (stop < job->text->len)
    {
      g_string_truncate (job->text, stop);
      job->stopped = TRUE;
      return FALSE;
    }
  if (job->request->stream && find_safe (job) > job->told_text)
    tell (job, find_safe (job), NULL, NULL);
  return !serve_job_is_cancelled (job);
}

static PmodPrompt *
make_prompt (ServeJob *job, GError **error)
{
  ServeRequest *request = job->request;
  PmodModel *model = job->engine->model;
  const PmodConfig *config = pmod_model_get_config (model);
  guint n = request->roles->len, first = config->single_questions ? n - 1 : 0;
  g_autofree PmodTurn *turns = g_new0 (PmodTurn, n);
  g_autofree char *alone = NULL;
  g_autoptr (GPtrArray) images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);

  for (guint i = 0; i < request->images->len; i++)
    {
      PmodImage *image =
          pmod_image_load_bytes (request->images->pdata[i], PMOD_IMAGE_DEFAULT, error);

      if (!image)
        {
          g_prefix_error (error, "picture %u: ", i);
          return NULL;
        }
      g_ptr_array_add (images, image);
    }
  for (guint i = 0; i < n; i++)
    {
      turns[i].role = g_array_index (request->roles, PmodRole, i);
      turns[i].text = request->texts->pdata[i];
    }
  /* A model that was never told of earlier questions is asked the last alone; then the pictures,
   * wherever they stood, come first. */
  if (first > 0)
    {
      g_auto (GStrv) parts = g_strsplit (turns[first].text, "<image>\n", -1);

      turns[first].text = alone = g_strjoinv ("", parts);
    }
  return pmod_prompt_new_chat_told (pmod_model_get_tokenizer (model), config->conversation,
                                    request->system, turns + first, (int)(n - first),
                                    (PmodImage *const *)images->pdata, (int)images->len,
                                    PMOD_PROMPT_DEFAULT, error);
}

static char *
make_record (ServeJob *job, const PmodPrompt *prompt, const PmodAnswer *answer, GError **error)
{
  const CliRecordInput input = {
    .model = job->engine->model,
    .params = &job->request->params,
    .prompt = prompt,
    .answer = answer,
    .records = job->all,
    .prefill_logits = job->logits,
    .full = job->request->full,
  };

  return cli_record_new (&input, error);
}

static ServeResult *
answer_in (ServeJob *job, PmodContext *context, GError **error)
{
  g_autoptr (PmodPrompt) prompt = make_prompt (job, error);
  g_autoptr (PmodAnswer) got = NULL;
  g_autofree char *record = NULL;
  ServeResult *result;

  if (!prompt)
    return NULL;
  job->trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, record_cb, job);
  got =
      pmod_context_answer (context, prompt, &job->request->params, job->trace, text_cb, job, error);
  if (!got || (job->request->wants_record && !(record = make_record (job, prompt, got, error))))
    return NULL;
  result = g_new0 (ServeResult, 1);
  result->finish = got->finish;
  result->stopped = job->stopped;
  result->text = g_strdup (job->stopped ? job->text->str : got->text->str);
  result->record = g_steal_pointer (&record);
  result->n_prompt = job->begin.n_tokens;
  result->n_reused = job->begin.n_reused;
  result->n_new = (int)got->ids->len;
  return result;
}

static void
answer (ServeJob *job)
{
  GError *error = NULL;
  PmodContext *context = serve_job_take_context (job, "", 0, &error);
  ServeResult *result = context ? answer_in (job, context, &error) : NULL;

  serve_job_give_back_context (job);
  tell (job, job->text->len, result, error);
}

/* Called and left with the lock held. */
static void
run_job_locked (ServeEngine *self, ServeJob *job)
{
  self->running = job;
  pthread_mutex_unlock (&self->lock);
  if (!serve_job_is_cancelled (job) && job->remote)
    serve_remote_run (job);
  else if (!serve_job_is_cancelled (job))
    answer (job);
  pthread_mutex_lock (&self->lock);
  self->running = NULL;
  pthread_mutex_unlock (&self->lock);
  serve_job_unref (job);
  pthread_mutex_lock (&self->lock);
}

static ServeJob *
pop_short_locked (ServeEngine *self)
{
  for (GList *l = self->waiting.head; l; l = l->next)
    {
      ServeJob *job = l->data;

      if (job->remote && job->remote->ask.settings)
        continue;
      g_queue_delete_link (&self->waiting, l);
      return job;
    }
  return NULL;
}

void
serve_engine_run_others (ServeEngine *self, ServeJob *sweep)
{
  ServeJob *job;

  pthread_mutex_lock (&self->lock);
  while (!self->quit && !sweep->cancelled && (job = pop_short_locked (self)))
    run_job_locked (self, job);
  self->running = sweep;
  pthread_mutex_unlock (&self->lock);
}

static gpointer
serve_thread (gpointer data)
{
  ServeEngine *self = data;

  pthread_mutex_lock (&self->lock);
  while (!self->quit)
    {
      ServeJob *job = g_queue_pop_head (&self->waiting);

      if (job)
        run_job_locked (self, job);
      else
        pthread_cond_wait (&self->mail, &self->lock);
    }
  pthread_mutex_unlock (&self->lock);
  return NULL;
}

/* --- Commands -------------------------------------------------------------------------------- */

ServeEngine *
serve_engine_new (PmodModel *model, guint max_waiting, guint max_contexts, GError **error)
{
  ServeSlot slot = { g_strdup (""), 0, pmod_context_new (model, error), 0, FALSE };
  ServeEngine *self;

  if (!slot.context)
    {
      slot_clear (&slot);
      return NULL;
    }
  self = g_new0 (ServeEngine, 1);
  self->model = pmod_model_ref (model);
  self->slots = g_array_new (FALSE, FALSE, sizeof (ServeSlot));
  g_array_set_clear_func (self->slots, slot_clear);
  g_array_append_val (self->slots, slot);
  self->pictures = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  self->max_waiting = max_waiting;
  self->max_contexts = max_contexts;
  pthread_mutex_init (&self->lock, NULL);
  pthread_cond_init (&self->mail, NULL);
  g_queue_init (&self->waiting);
  self->thread = g_thread_new ("engine", serve_thread, self);
  return self;
}

void
serve_engine_free (ServeEngine *self)
{
  ServeJob *job;

  pthread_mutex_lock (&self->lock);
  self->quit = TRUE;
  if (self->running && self->running->context)
    pmod_context_cancel (self->running->context);
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  while ((job = g_queue_pop_head (&self->waiting)))
    serve_job_unref (job);
  g_array_unref (self->slots);
  g_ptr_array_unref (self->pictures);
  pmod_model_unref (self->model);
  pthread_cond_destroy (&self->mail);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

ServeJob *
serve_job_new (ServeEngine *self)
{
  ServeJob *job = g_new0 (ServeJob, 1);

  g_atomic_ref_count_init (&job->ref_count);
  job->engine = self;
  job->all = g_byte_array_new ();
  job->text = g_string_new (NULL);
  return job;
}

ServeJob *
serve_engine_queue (ServeEngine *self, ServeJob *job)
{
  gboolean full;

  pthread_mutex_lock (&self->lock);
  full = g_queue_get_length (&self->waiting) >= self->max_waiting;
  if (!full)
    g_queue_push_tail (&self->waiting, serve_job_ref (job));
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  if (!full)
    return job;
  serve_job_unref (job);
  return NULL;
}

ServeJob *
serve_engine_ask (ServeEngine *self, ServeRequest *request, ServeFunc func, gpointer user_data)
{
  ServeJob *job = serve_job_new (self);

  job->request = request;
  job->func = func;
  job->user_data = user_data;
  return serve_engine_queue (self, job);
}
