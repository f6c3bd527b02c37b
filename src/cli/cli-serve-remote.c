/* Runs for a window on another machine: on the engine's thread, told as frames.
 *
 * A run does here what it would do there: the same prompt, the same parameters, a context for each
 * of the window's lanes, so that the records are the same but for their times. */
#include "cli-serve-engine-private.h"

#include <string.h>

/* Pictures that are kept for a next question about them. */
#define MAX_PICTURES 16
#define MAX_PICTURE_BYTES (G_GUINT64_CONSTANT (256) << 20)

/* --- Frames out ------------------------------------------------------------------------------- */

static gboolean
deliver (gpointer data)
{
  ServeJob *job = data;
  g_autoptr (GBytes) frames = NULL;
  gboolean ended;

  pthread_mutex_lock (&job->engine->lock);
  frames = g_byte_array_free_to_bytes (job->frames);
  job->frames = g_byte_array_new ();
  ended = job->ended;
  job->telling = FALSE;
  pthread_mutex_unlock (&job->engine->lock);
  if (job->frames_func)
    job->frames_func (job, frames, ended, job->user_data);
  return G_SOURCE_REMOVE;
}

/* After something was added to job's frames. Frames that nobody has fetched yet go together. */
static void
tell_locked (ServeJob *job)
{
  g_autoptr (GSource) source = NULL;

  if (job->telling)
    return;
  job->telling = TRUE;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, serve_job_ref (job), (GDestroyNotify)serve_job_unref);
  g_source_attach (source, NULL);
}

static void
tell (ServeJob *job, PmodRemoteFrame frame, gconstpointer data, gsize size)
{
  pthread_mutex_lock (&job->engine->lock);
  pmod_remote_frame_append (job->frames, frame, data, size);
  tell_locked (job);
  pthread_mutex_unlock (&job->engine->lock);
}

static void
tell_end (ServeJob *job, const PmodAnswer *answer, gboolean cancelled)
{
  pthread_mutex_lock (&job->engine->lock);
  pmod_remote_frame_append_done (job->frames,
                                 cancelled ? PMOD_FINISH_CANCELLED
                                 : answer  ? answer->finish
                                           : PMOD_FINISH_EOS,
                                 answer ? answer->text->str : NULL);
  job->ended = TRUE;
  tell_locked (job);
  pthread_mutex_unlock (&job->engine->lock);
}

/* error NULL: of a picture that is not there. */
static void
tell_failure (ServeJob *job, const GError *error)
{
  pthread_mutex_lock (&job->engine->lock);
  pmod_remote_frame_append_fail (job->frames, error);
  job->ended = TRUE;
  tell_locked (job);
  pthread_mutex_unlock (&job->engine->lock);
}

/* --- Pictures --------------------------------------------------------------------------------- */

static guint64
count_bytes (const PmodImage *image)
{
  return (guint64)pmod_image_get_width (image) * (guint64)pmod_image_get_height (image) * 3;
}

static PmodImage *
find_picture (ServeEngine *self, const PmodRemotePictureRef *ref)
{
  for (guint i = 0; i < self->pictures->len; i++)
    {
      PmodImage *image = self->pictures->pdata[i];

      if (pmod_image_get_hash (image) == ref->hash && pmod_image_get_width (image) == ref->width &&
          pmod_image_get_height (image) == ref->height)
        return image;
    }
  return NULL;
}

/* The newest last; the oldest go. */
static void
keep_picture (ServeEngine *self, PmodImage *image)
{
  guint64 bytes = 0;
  guint first;

  pmod_image_ref (image);
  g_ptr_array_remove (self->pictures, image);
  g_ptr_array_add (self->pictures, image);
  for (first = self->pictures->len; first > 0; first--)
    {
      bytes += count_bytes (self->pictures->pdata[first - 1]);
      if (bytes > MAX_PICTURE_BYTES || self->pictures->len - first >= MAX_PICTURES)
        break;
    }
  if (first > 0)
    g_ptr_array_remove_range (self->pictures, 0, first);
}

/* FALSE without an error: one is not there. */
static gboolean
take_pictures (ServeJob *job, GError **error)
{
  PmodRemoteRequest *request = job->remote;

  request->ask.images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  for (guint i = 0; i < request->pictures->len; i++)
    {
      const PmodRemotePictureRef *ref = &g_array_index (request->pictures, PmodRemotePictureRef, i);
      PmodImage *known = find_picture (job->engine, ref);
      PmodImage *image = known        ? pmod_image_ref (known)
                         : ref->bytes ? pmod_remote_request_unpack (request, i, error)
                                      : NULL;

      if (!image)
        return FALSE;
      g_ptr_array_add (request->ask.images, image);
      keep_picture (job->engine, image);
    }
  return TRUE;
}

/* --- Running ---------------------------------------------------------------------------------- */

static void
record_cb (const PmodRecord *record, gpointer user_data)
{
  ServeJob *job = user_data;
  const PmodConfig *config = pmod_model_get_config (job->engine->model);

  const float *logits;

  tell (job, PMOD_REMOTE_FRAME_RECORDS, record, record->size);
  /* The first word was drawn from them and has not run yet; one that was given and known was not.
   */
  if (record->type == PMOD_RECORD_TOKEN && job->remote->ask.wants_logits &&
      ((const PmodRecordToken *)record)->index == 0 &&
      (logits = pmod_context_get_logits (job->context)))
    tell (job, PMOD_REMOTE_FRAME_LOGITS, logits, (gsize)config->vocab * sizeof (float));
  serve_job_pass_on_cancel (job);
}

static gboolean
text_cb (const char *text, gpointer user_data)
{
  return !serve_job_is_cancelled (user_data);
}

static gboolean
point_cb (const PmodSweepPoint *point, gpointer user_data)
{
  ServeJob *job = user_data;

  pthread_mutex_lock (&job->engine->lock);
  pmod_remote_frame_append_point (job->frames, point);
  tell_locked (job);
  pthread_mutex_unlock (&job->engine->lock);
  serve_engine_run_others (job->engine, job);
  return !serve_job_is_cancelled (job);
}

static gboolean
run_in (ServeJob *job, PmodContext *context, const PmodPrompt *prompt, GError **error)
{
  const PmodRemoteAsk *ask = &job->remote->ask;
  g_autoptr (PmodAnswer) answer = NULL;

  if (ask->settings)
    {
      if (!pmod_sweep (context, prompt, &ask->params, ask->settings, ask->n_settings,
                       PMOD_SWEEP_ANSWERS, NULL, point_cb, job, error))
        return FALSE;
      tell_end (job, NULL, FALSE);
      return TRUE;
    }
  job->trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, record_cb, job);
  if (ask->only_read)
    {
      if (!pmod_context_prefill (context, prompt, &ask->params, job->trace, error))
        return FALSE;
    }
  else
    {
      answer = pmod_context_answer (context, prompt, &ask->params, job->trace, text_cb, job, error);
      if (!answer)
        return FALSE;
    }
  tell_end (job, answer, FALSE);
  return TRUE;
}

static gboolean
run (ServeJob *job, GError **error)
{
  PmodModel *model = job->engine->model;
  const PmodRemoteAsk *ask = &job->remote->ask;
  g_autoptr (PmodPrompt) prompt = pmod_remote_ask_make_prompt (
      ask, pmod_model_get_tokenizer (model), pmod_model_get_config (model), error);
  PmodContext *context =
      prompt ? serve_job_take_context (job, job->remote->client, ask->lane, error) : NULL;
  gboolean done = context && run_in (job, context, prompt, error);

  serve_job_give_back_context (job);
  return done;
}

void
serve_remote_run (ServeJob *job)
{
  g_autoptr (GError) error = NULL;

  if (!take_pictures (job, &error))
    tell_failure (job, error);
  else if (!run (job, &error))
    {
      if (g_error_matches (error, PMOD_ERROR, PMOD_ERROR_CANCELLED))
        tell_end (job, NULL, TRUE);
      else
        tell_failure (job, error);
    }
}

/* --- Asking ----------------------------------------------------------------------------------- */

ServeJob *
serve_engine_run (ServeEngine *self,
                  PmodRemoteRequest *request,
                  ServeFramesFunc func,
                  gpointer user_data)
{
  ServeJob *job = serve_job_new (self);

  job->remote = request;
  job->frames_func = func;
  job->user_data = user_data;
  job->frames = g_byte_array_new ();
  return serve_engine_queue (self, job);
}
