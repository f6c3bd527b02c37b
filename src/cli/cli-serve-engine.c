/* The engine's thread behind pmod serve. See cli-serve-engine.h. */
#include "cli-serve-engine.h"

#include <pthread.h>
#include <string.h>

#include "cli-record.h"

struct _ServeJob
{
  gatomicrefcount ref_count;
  ServeEngine *engine;
  ServeRequest *request;
  ServeFunc func; /* the main thread's; NULL once nobody waits */
  gpointer user_data;
  gboolean cancelled; /* guarded by the engine's lock */

  /* The engine's thread alone, while it runs. */
  PmodTrace *trace;
  GByteArray *all;  /* records of the whole run */
  gsize told_bytes; /* of them */
  GString *text;
  gsize told_text;
  gboolean stopped;
  float *logits;
  PmodRecordRunBegin begin;
};

struct _ServeEngine
{
  GThread *thread;
  PmodModel *model;
  PmodContext *context;
  guint max_waiting;

  pthread_mutex_t lock; /* of what follows, and of each job's cancelled */
  pthread_cond_t mail;
  gboolean quit;
  GQueue waiting; /* ServeJob, a reference each */
  ServeJob *running;
};

/* --- Jobs ------------------------------------------------------------------------------------ */

static ServeJob *
job_ref (ServeJob *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
serve_job_unref (ServeJob *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  serve_request_free (self->request);
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

  self->func = NULL;
  pthread_mutex_lock (&engine->lock);
  self->cancelled = TRUE;
  if (engine->running == self)
    pmod_context_cancel (engine->context);
  pthread_mutex_unlock (&engine->lock);
}

static gboolean
is_cancelled (ServeJob *job)
{
  gboolean cancelled;

  pthread_mutex_lock (&job->engine->lock);
  cancelled = job->cancelled || job->engine->quit;
  pthread_mutex_unlock (&job->engine->lock);
  return cancelled;
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

  event->job = job_ref (job);
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
    job->logits = g_memdup2 (pmod_context_get_logits (job->engine->context),
                             (gsize)config->vocab * sizeof *job->logits);
  if (job->request->wants_record || job->request->wants_records)
    g_byte_array_append (job->all, (const guint8 *)record, record->size);
  /* A prefill forgets what was cancelled before its first record: told again. */
  if (is_cancelled (job))
    pmod_context_cancel (job->engine->context);
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
  return !is_cancelled (job);
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
  return pmod_prompt_new_chat (pmod_model_get_tokenizer (model), config->conversation,
                               turns + first, (int)(n - first), (PmodImage *const *)images->pdata,
                               (int)images->len, error);
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
answer (ServeJob *job, GError **error)
{
  ServeEngine *self = job->engine;
  g_autoptr (PmodPrompt) prompt = make_prompt (job, error);
  g_autoptr (PmodAnswer) got = NULL;
  g_autofree char *record = NULL;
  ServeResult *result;

  if (!prompt)
    return NULL;
  job->trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, record_cb, job);
  got = pmod_context_answer (self->context, prompt, &job->request->params, job->trace, text_cb, job,
                             error);
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
run_job (ServeEngine *self, ServeJob *job)
{
  GError *error = NULL;
  ServeResult *result = NULL;

  if (is_cancelled (job))
    return;
  result = answer (job, &error);
  tell (job, job->text->len, result, error);
}

static gpointer
serve_thread (gpointer data)
{
  ServeEngine *self = data;

  pthread_mutex_lock (&self->lock);
  while (!self->quit)
    {
      ServeJob *job = self->running = g_queue_pop_head (&self->waiting);

      if (!job)
        {
          pthread_cond_wait (&self->mail, &self->lock);
          continue;
        }
      pthread_mutex_unlock (&self->lock);
      run_job (self, job);
      pthread_mutex_lock (&self->lock);
      self->running = NULL;
      pthread_mutex_unlock (&self->lock);
      serve_job_unref (job);
      pthread_mutex_lock (&self->lock);
    }
  pthread_mutex_unlock (&self->lock);
  return NULL;
}

/* --- Commands -------------------------------------------------------------------------------- */

ServeEngine *
serve_engine_new (PmodModel *model, guint max_waiting, GError **error)
{
  PmodContext *context = pmod_context_new (model, error);
  ServeEngine *self;

  if (!context)
    return NULL;
  self = g_new0 (ServeEngine, 1);
  self->model = pmod_model_ref (model);
  self->context = context;
  self->max_waiting = max_waiting;
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
  if (self->running)
    pmod_context_cancel (self->context);
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  while ((job = g_queue_pop_head (&self->waiting)))
    serve_job_unref (job);
  pmod_context_free (self->context);
  pmod_model_unref (self->model);
  pthread_cond_destroy (&self->mail);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

ServeJob *
serve_engine_ask (ServeEngine *self, ServeRequest *request, ServeFunc func, gpointer user_data)
{
  ServeJob *job = g_new0 (ServeJob, 1);
  gboolean full;

  g_atomic_ref_count_init (&job->ref_count);
  job->engine = self;
  job->request = request;
  job->func = func;
  job->user_data = user_data;
  job->all = g_byte_array_new ();
  job->text = g_string_new (NULL);

  pthread_mutex_lock (&self->lock);
  full = g_queue_get_length (&self->waiting) >= self->max_waiting;
  if (!full)
    g_queue_push_tail (&self->waiting, job_ref (job));
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  if (!full)
    return job;
  serve_job_unref (job);
  return NULL;
}
