/* What a job does on the engine's thread: its prompt, its answer or its sweep, and what there is to
 * say of a model. See pmod-worker-private.h. */
#include "config.h"

#include "pmod-worker-private.h"

#include "pmod-model-card-private.h"

PmodModelCard *
pmod_worker_describe (PmodModel *model, const PmodParams *params)
{
  const PmodConfig *config = pmod_model_get_config (model);
  PmodModelCard *card = pmod_model_card_new ();

  card->path = g_strdup (pmod_model_get_path (model));
  card->name = g_path_get_basename (card->path);
  pmod_model_card_read_words (card);
  card->system = g_strdup (pmod_prompt_get_system (config->conversation));
  card->precision = g_strdup (pmod_model_get_precision_name (model));
  card->device = g_strdup (pmod_model_get_device_name (model));
  card->fallback = g_strdup (pmod_model_get_fallback (model));
  card->weight_bytes = pmod_model_get_weight_bytes (model);
  card->load_ns = pmod_model_get_load_ns (model);
  pmod_model_card_take_facts (
      card, pmod_model_facts_new_for (config, params, pmod_model_get_kv_token_bytes (model)));
  return card;
}

void
pmod_worker_fill_ask (const PmodJob *job, PmodRemoteAsk *ask)
{
  *ask = (PmodRemoteAsk){
    .lane = job->lane,
    .params = job->params,
    .system = job->system,
    .texts = job->texts,
    .begin_ids = job->beginning ? job->beginning->ids : NULL,
    .begin_text = job->beginning ? job->beginning->text : NULL,
    .question_first = job->question_first,
    .only_read = job->only_read,
    .settings = job->settings,
    .n_settings = job->n_settings,
  };
  ask->images = job->images ? g_ptr_array_ref (job->images) : NULL;
}

static PmodPrompt *
make_prompt (PmodWorker *self, PmodJob *job, GError **error)
{
  PmodRemoteAsk ask;
  PmodPrompt *prompt;

  pmod_worker_fill_ask (job, &ask);
  prompt = pmod_remote_ask_make_prompt (&ask, pmod_model_get_tokenizer (self->model),
                                        pmod_model_get_config (self->model), error);
  g_clear_pointer (&ask.images, g_ptr_array_unref);
  return prompt;
}

static gboolean
answer_cb (const char *text, gpointer user_data)
{
  return !pmod_worker_is_stopped (user_data);
}

static gboolean
point_cb (const PmodSweepPoint *point, gpointer user_data)
{
  PmodWorker *self = user_data;
  PmodEvent *event = pmod_event_new (PMOD_EVENT_POINT, self->running->id);

  event->point =
      (PmodWorkerPoint){ point->flops, point->kv_bytes, point->kv_bytes_dense, point->divergence };
  event->text = point->answer ? g_strdup (point->answer->text->str) : NULL;
  pmod_worker_push (self, event);
  pmod_worker_run_others (self);
  return !pmod_worker_is_stopped (self);
}

/* A sweep sets aside what was cancelled before its first run, and an answer what was cancelled
 * before its prefill: the callback's question catches both. */
void
pmod_worker_sweep (PmodWorker *self, PmodContext *context, PmodJob *job, PmodEvent *event)
{
  g_autoptr (PmodPrompt) prompt = make_prompt (self, job, &event->error);

  if (!prompt)
    return;
  if (job->model != self->model_id)
    {
      g_set_error_literal (&event->error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "another model");
      return;
    }
  pmod_sweep (context, prompt, &job->params, job->settings, job->n_settings, PMOD_SWEEP_ANSWERS,
              NULL, point_cb, self, &event->error);
}

static void
run_prompt (PmodWorker *self,
            PmodContext *context,
            PmodJob *job,
            const PmodPrompt *prompt,
            PmodTrace *trace,
            PmodEvent *event)
{
  g_autoptr (PmodAnswer) result = NULL;

  if (job->only_read)
    {
      pmod_context_prefill (context, prompt, &job->params, trace, &event->error);
      return;
    }
  result =
      pmod_context_answer (context, prompt, &job->params, trace, answer_cb, self, &event->error);
  if (!result)
    return;
  event->text = g_strdup (result->text->str);
  event->finish = result->finish;
}

/* Fills in the event that ends the job. A painting of a prompt with another number of parts is
 * refused before anything is recorded; the next picture is then read as if nothing were painted. */
void
pmod_worker_answer (PmodWorker *self, PmodContext *context, PmodJob *job, PmodEvent *event)
{
  g_autoptr (PmodPrompt) prompt = make_prompt (self, job, &event->error);
  g_autoptr (PmodTrace) trace = NULL;

  if (!prompt)
    return;
  trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, pmod_worker_record, self);
  run_prompt (self, context, job, prompt, trace, event);
  if (job->params.routing.paint && g_error_matches (event->error, PMOD_ERROR, PMOD_ERROR_ARGUMENT))
    {
      g_clear_error (&event->error);
      pmod_params_set_paint (&job->params, NULL);
      run_prompt (self, context, job, prompt, trace, event);
    }
}
