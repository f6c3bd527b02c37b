/* PmodWorker: the one thread that touches the engine. See pmod-worker.h; what a job does there is
 * in pmod-worker-run.c.
 *
 * Owners: the engine's thread owns model, contexts, prompt and trace, and the job that runs. `lock`
 * guards the mailbox (open_path and its id, waiting, closing), the outbox (events, woken) and the
 * two things that another thread may tell a running job: to stop, and through which context. It is
 * never held over work. A pthread mutex rather than a GMutex: the thread sanitizer follows it. */
#include "config.h"

#include "pmod-worker-private.h"

#include <glib/gi18n.h>

static void
event_free (PmodEvent *event)
{
  g_clear_pointer (&event->card, pmod_model_card_unref);
  g_clear_pointer (&event->records, g_byte_array_unref);
  g_clear_error (&event->error);
  g_free (event->text);
  g_free (event);
}

PmodJob *
pmod_job_new (const PmodParams *params, int lane)
{
  PmodJob *job = g_new0 (PmodJob, 1);

  pmod_params_copy (&job->params, params);
  job->lane = lane;
  job->stopping = g_cancellable_new ();
  return job;
}

void
pmod_job_free (PmodJob *job)
{
  g_clear_pointer (&job->images, g_ptr_array_unref);
  pmod_params_clear (&job->params);
  for (int i = 0; i < job->n_settings; i++)
    pmod_params_clear (&job->settings[i]);
  g_free (job->settings);
  g_strfreev (job->texts);
  g_object_unref (job->stopping);
  g_free (job->system);
  g_clear_pointer (&job->beginning, pmod_beginning_free);
  g_free (job);
}

/* --- Events out ------------------------------------------------------------------------------ */

PmodEvent *
pmod_event_new (PmodEventType type, guint64 job)
{
  PmodEvent *event = g_new0 (PmodEvent, 1);

  event->type = type;
  event->job = job;
  return event;
}

/* Takes event. The caller holds the lock; returns whether it must wake after unlocking. */
static gboolean
push_locked (PmodWorker *self, PmodEvent *event)
{
  gboolean must_wake = !self->woken;

  g_ptr_array_add (self->events, event);
  self->woken = TRUE;
  return must_wake;
}

void
pmod_worker_push (PmodWorker *self, PmodEvent *event)
{
  gboolean must_wake;

  pthread_mutex_lock (&self->lock);
  must_wake = push_locked (self, event);
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
}

static PmodEvent *
last_event (PmodWorker *self, PmodEventType type)
{
  PmodEvent *last;

  if (self->events->len == 0)
    return NULL;
  last = g_ptr_array_index (self->events, self->events->len - 1);
  return last->type == type ? last : NULL;
}

/* Only of the lanes that answer people. */
void
pmod_worker_compare_first_words (PmodWorker *self)
{
  const PmodJob *job = self->running;
  PmodEvent *event;
  double divergence;

  if (job->lane > 1 ||
      !pmod_first_word_compare (&self->first_words[0], &self->first_words[1], &divergence))
    return;
  event = pmod_event_new (PMOD_EVENT_APART, job->id);
  event->divergence = divergence;
  pmod_worker_push (self, event);
}

/* Called before anything follows the first word, while its chances are there. */
static void
take_first_word (PmodWorker *self)
{
  const PmodJob *job = self->running;

  pmod_first_word_take (&self->first_words[job->lane], self->contexts[job->lane], job->images,
                        job->system, job->texts);
  pmod_worker_compare_first_words (self);
}

static gboolean
is_first_word (const PmodRecord *record)
{
  return record->type == PMOD_RECORD_TOKEN && ((const PmodRecordToken *)record)->index == 0;
}

/* Records that nobody has fetched yet grow into one batch.
 *
 * A prefill forgets what was cancelled before it began; a stop that came between the job's start
 * and that moment is told again with the run's first record. */
void
pmod_worker_record (const PmodRecord *record, gpointer user_data)
{
  PmodWorker *self = user_data;
  gboolean must_wake = FALSE;
  PmodEvent *event;

  pthread_mutex_lock (&self->lock);
  if (!self->remote && (self->running->stopped || self->quit))
    pmod_context_cancel (self->contexts[self->running->lane]);
  event = last_event (self, PMOD_EVENT_RECORDS);
  if (!event || event->job != self->running->id)
    {
      event = pmod_event_new (PMOD_EVENT_RECORDS, self->running->id);
      event->records = g_byte_array_new ();
      must_wake = push_locked (self, event);
    }
  g_byte_array_append (event->records, (const guint8 *)record, record->size);
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
  if (!self->remote && is_first_word (record))
    take_first_word (self);
}

static gboolean
progress_cb (const char *what, guint64 done, guint64 total, gpointer user_data)
{
  PmodWorker *self = user_data;
  gboolean must_wake = FALSE;
  gboolean go_on;
  PmodEvent *event;

  pthread_mutex_lock (&self->lock);
  go_on = !self->open_cancelled && !self->open_path && !self->quit;
  event = last_event (self, PMOD_EVENT_PROGRESS);
  if (!event)
    {
      event = pmod_event_new (PMOD_EVENT_PROGRESS, 0);
      must_wake = push_locked (self, event);
    }
  event->done = done;
  event->total = total;
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
  return go_on;
}

/* --- Opening --------------------------------------------------------------------------------- */

void
pmod_worker_close_all (PmodWorker *self)
{
  PmodModel *model = g_steal_pointer (&self->model);

  /* Whoever shares it gives it back first. */
  pmod_worker_share_model (self);
  for (int i = 0; i < PMOD_N_LANES; i++)
    {
      g_clear_pointer (&self->contexts[i], pmod_context_free);
      pmod_first_word_clear (&self->first_words[i]);
    }
  g_clear_pointer (&model, pmod_model_unref);
  g_clear_pointer (&self->remote, pmod_remote_free);
}

static void
close_model (PmodWorker *self, guint64 id)
{
  pmod_worker_close_all (self);
  self->model_id = id;
  pmod_worker_push (self, pmod_event_new (PMOD_EVENT_OPENED, id));
}

/* The model before is given up only when the new one is there. */
static void
open_model (PmodWorker *self, guint64 id, const char *name, const PmodModelOptions *options)
{
  PmodEvent *event;
  PmodParams params;
  GError *error = NULL;
  g_autofree char *path = pmod_model_find (name, &error);
  g_autoptr (PmodModel) model =
      path ? pmod_model_open (path, options, progress_cb, self, &error) : NULL;
  PmodContext *context = model ? pmod_context_new (model, &error) : NULL;

  if (!context)
    {
      event = pmod_event_new (PMOD_EVENT_REFUSED, id);
      event->error = error;
      pmod_worker_push (self, event);
      return;
    }
  pmod_worker_close_all (self);
  self->contexts[0] = context;
  self->model = g_steal_pointer (&model);
  self->model_id = id;
  pmod_params_init (&params, pmod_model_get_config (self->model));

  event = pmod_event_new (PMOD_EVENT_OPENED, id);
  event->card = pmod_worker_describe (self->model, &params);
  event->card->has_beside = pmod_worker_share_model (self);
  pmod_worker_push (self, event);
}

/* --- Running --------------------------------------------------------------------------------- */

/* Of the job's lane; made by its first job. */
static PmodContext *
get_context (PmodWorker *self, const PmodJob *job, GError **error)
{
  PmodContext **context = &self->contexts[job->lane];

  if (!self->model)
    g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                         _ ("no model is loaded. Choose one under Models (Ctrl+M), then ask "
                            "again."));
  else if (!*context)
    *context = pmod_context_new (self->model, error);
  return *context;
}

gboolean
pmod_worker_is_stopped (PmodWorker *self)
{
  gboolean stopped;

  pthread_mutex_lock (&self->lock);
  stopped = self->running->stopped || self->quit;
  pthread_mutex_unlock (&self->lock);
  return stopped;
}

/* Whose turn it is: the lane's that did not run last, if it has a job. -1: no job waits. */
static int
next_lane_locked (PmodWorker *self)
{
  for (int i = 1; i <= PMOD_N_LANES; i++)
    {
      int lane = (self->last_lane + i) % PMOD_N_LANES;

      if (self->waiting[lane])
        return lane;
    }
  return -1;
}

/* Asked while a model was loading, and so with the one before in mind, or none. */
static void
update_params (PmodWorker *self, PmodJob *job)
{
  guint64 generation = job->params.generation;

  if (job->model == self->model_id)
    return;
  pmod_params_clear (&job->params);
  pmod_params_init (&job->params, self->remote ? pmod_remote_get_facts (self->remote)->config
                                               : pmod_model_get_config (self->model));
  job->params.generation = generation;
  job->question_first = FALSE;
  if (job->beginning)
    pmod_beginning_forget_tokens (job->beginning);
}

static void
run_job (PmodWorker *self, PmodJob *job, PmodEvent *event)
{
  PmodContext *context = self->remote ? NULL : get_context (self, job, &event->error);

  if (context || self->remote)
    update_params (self, job);
  pthread_mutex_lock (&self->lock);
  self->running_context = context;
  pthread_mutex_unlock (&self->lock);

  pmod_worker_push (self, pmod_event_new (PMOD_EVENT_STARTED, job->id));
  if ((context || self->remote) && pmod_worker_is_stopped (self))
    event->finish = PMOD_FINISH_CANCELLED;
  else if (self->remote)
    pmod_worker_run_remote (self, job, event);
  else if (context && job->settings)
    pmod_worker_sweep (self, context, job, event);
  else if (context)
    pmod_worker_answer (self, context, job, event);
  if (g_error_matches (event->error, PMOD_ERROR, PMOD_ERROR_CANCELLED))
    {
      g_clear_error (&event->error);
      event->finish = PMOD_FINISH_CANCELLED;
    }
}

/* Called and left with the lock held. */
static void
run_job_locked (PmodWorker *self, int lane)
{
  PmodJob *job = self->running = g_steal_pointer (&self->waiting[lane]);
  PmodEvent *event = pmod_event_new (PMOD_EVENT_DONE, job->id);

  self->last_lane = lane;
  pthread_mutex_unlock (&self->lock);
  run_job (self, job, event);

  pthread_mutex_lock (&self->lock);
  self->running = NULL;
  self->running_context = NULL;
  pthread_mutex_unlock (&self->lock);
  pmod_job_free (job);
  pmod_worker_push (self, event);
  pthread_mutex_lock (&self->lock);
}

void
pmod_worker_run_others (PmodWorker *self)
{
  PmodContext *context;
  int lane;

  pthread_mutex_lock (&self->lock);
  self->paused = g_steal_pointer (&self->running);
  context = g_steal_pointer (&self->running_context);
  while (!self->quit && (lane = next_lane_locked (self)) >= 0 && lane != self->paused->lane)
    run_job_locked (self, lane);
  self->last_lane = self->paused->lane;
  self->running = g_steal_pointer (&self->paused);
  self->running_context = context;
  pthread_mutex_unlock (&self->lock);
}

/* Frees the context of a lane that was closed; FALSE: there is none. Lock as above, and as it is
 * let go of meanwhile, whoever calls this looks at everything again. */
static gboolean
close_lane_locked (PmodWorker *self)
{
  for (int lane = 1; lane < PMOD_N_LANES; lane++)
    if (self->closing[lane])
      {
        PmodContext *context = g_steal_pointer (&self->contexts[lane]);

        self->closing[lane] = FALSE;
        pthread_mutex_unlock (&self->lock);
        g_clear_pointer (&context, pmod_context_free);
        pmod_first_word_clear (&self->first_words[lane]);
        pthread_mutex_lock (&self->lock);
        return TRUE;
      }
  return FALSE;
}

/* Called and left with the lock held. */
static void
open_locked (PmodWorker *self)
{
  g_autofree char *path = g_steal_pointer (&self->open_path);
  g_autofree char *token = g_steal_pointer (&self->open_token);
  g_autoptr (GCancellable) opening = g_cancellable_new ();
  PmodModelOptions options = self->open_options;
  guint64 id = self->open_id;

  if (self->open_cancelled)
    g_cancellable_cancel (opening);
  self->opening = opening;
  pthread_mutex_unlock (&self->lock);
  if (*path == '\0')
    close_model (self, id);
  else if (pmod_remote_is_address (path))
    pmod_worker_open_remote (self, id, path, token, opening);
  else
    open_model (self, id, path, &options);
  pthread_mutex_lock (&self->lock);
  self->opening = NULL;
}

static gpointer
engine_thread (gpointer data)
{
  PmodWorker *self = data;

  pthread_mutex_lock (&self->lock);
  while (!self->quit)
    {
      if (close_lane_locked (self) || pmod_worker_adopt_locked (self))
        continue;
      if (self->open_path)
        {
          open_locked (self);
        }
      else if (next_lane_locked (self) >= 0)
        run_job_locked (self, next_lane_locked (self));
      else
        pthread_cond_wait (&self->mail, &self->lock);
    }
  pthread_mutex_unlock (&self->lock);

  pmod_worker_close_all (self);
  return NULL;
}

/* --- Commands in ----------------------------------------------------------------------------- */

PmodWorker *
pmod_worker_new (void (*wake) (gpointer), gpointer user_data)
{
  PmodWorker *self = g_new0 (PmodWorker, 1);

  pthread_mutex_init (&self->lock, NULL);
  pthread_cond_init (&self->mail, NULL);
  pthread_cond_init (&self->has_adopted, NULL);
  self->wake = wake;
  self->wake_data = user_data;
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
  self->thread = g_thread_new ("engine", engine_thread, self);
  return self;
}

/* Whoever waits for a server is woken by the latter. */
static void
stop_job (PmodJob *job)
{
  job->stopped = TRUE;
  g_cancellable_cancel (job->stopping);
}

/* The caller holds the lock. */
static void
stop_running_locked (PmodWorker *self)
{
  if (!self->running)
    return;
  stop_job (self->running);
  if (self->running_context)
    pmod_context_cancel (self->running_context);
}

static gboolean
drop_waiting_locked (PmodWorker *self, int lane)
{
  PmodJob *job = g_steal_pointer (&self->waiting[lane]);
  PmodEvent *event;

  if (!job)
    return FALSE;
  event = pmod_event_new (PMOD_EVENT_DONE, job->id);
  event->finish = PMOD_FINISH_CANCELLED;
  pmod_job_free (job);
  return push_locked (self, event);
}

static void
stop_opening_locked (PmodWorker *self)
{
  if (self->opening)
    g_cancellable_cancel (self->opening);
}

void
pmod_worker_free (PmodWorker *self)
{
  pthread_mutex_lock (&self->lock);
  self->quit = TRUE;
  stop_running_locked (self);
  if (self->paused)
    stop_job (self->paused);
  stop_opening_locked (self);
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  g_clear_pointer (&self->beside, pmod_worker_free);

  for (int i = 0; i < PMOD_N_LANES; i++)
    g_clear_pointer (&self->waiting[i], pmod_job_free);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_free (self->open_path);
  g_free (self->open_token);
  pthread_cond_destroy (&self->mail);
  pthread_cond_destroy (&self->has_adopted);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

void
pmod_worker_open (PmodWorker *self,
                  guint64 id,
                  const char *path,
                  const char *token,
                  const PmodModelOptions *options)
{
  pthread_mutex_lock (&self->lock);
  stop_opening_locked (self);
  g_free (self->open_path);
  g_free (self->open_token);
  self->open_path = g_strdup (path ? path : "");
  self->open_token = g_strdup (token);
  self->open_options = *options;
  self->open_id = id;
  self->open_cancelled = FALSE;
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
}

void
pmod_worker_cancel_open (PmodWorker *self)
{
  pthread_mutex_lock (&self->lock);
  self->open_cancelled = TRUE;
  stop_opening_locked (self);
  pthread_mutex_unlock (&self->lock);
}

void
pmod_worker_ask (PmodWorker *self, PmodJob *job)
{
  gboolean must_wake;

  if (job->lane == PMOD_BESIDE_LANE)
    {
      job->lane = 0;
      pmod_worker_ask (self->beside, job);
      return;
    }
  pthread_mutex_lock (&self->lock);
  must_wake = drop_waiting_locked (self, job->lane);
  self->waiting[job->lane] = job;
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
}

void
pmod_worker_stop (PmodWorker *self)
{
  for (int lane = 0; lane < PMOD_N_LANES; lane++)
    pmod_worker_stop_lane (self, lane);
  if (self->beside)
    pmod_worker_stop (self->beside);
}

static gboolean
stop_lane_locked (PmodWorker *self, int lane)
{
  if (self->running && self->running->lane == lane)
    stop_running_locked (self);
  if (self->paused && self->paused->lane == lane)
    stop_job (self->paused);
  return drop_waiting_locked (self, lane);
}

void
pmod_worker_stop_lane (PmodWorker *self, int lane)
{
  gboolean must_wake;

  if (lane == PMOD_BESIDE_LANE)
    {
      pmod_worker_stop (self->beside);
      return;
    }
  pthread_mutex_lock (&self->lock);
  must_wake = stop_lane_locked (self, lane);
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
}

void
pmod_worker_close_lane (PmodWorker *self, int lane)
{
  gboolean must_wake;

  pthread_mutex_lock (&self->lock);
  must_wake = stop_lane_locked (self, lane);
  self->closing[lane] = TRUE;
  pthread_cond_signal (&self->mail);
  pthread_mutex_unlock (&self->lock);
  if (must_wake)
    self->wake (self->wake_data);
}

GPtrArray *
pmod_worker_take_events (PmodWorker *self)
{
  GPtrArray *events;

  pthread_mutex_lock (&self->lock);
  events = self->events;
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
  self->woken = FALSE;
  pthread_mutex_unlock (&self->lock);
  if (self->beside)
    {
      g_autoptr (GPtrArray) others = pmod_worker_take_events (self->beside);

      g_ptr_array_extend_and_steal (events, g_steal_pointer (&others));
    }
  return events;
}
