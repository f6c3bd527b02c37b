/* What a job does on the engine's thread: its prompt, its answer or its sweep, and what there is to
 * say of a model. See pmod-worker-private.h. */
#include "config.h"

#include "pmod-worker-private.h"

#include "pmod-job-prompt.h"
#include "pmod-model-card-private.h"

PmodModelCard *
pmod_worker_describe (PmodModel *model, const PmodParams *params)
{
  const PmodConfig *config = pmod_model_get_config (model);
  PmodModelCard *card = pmod_model_card_new ();
  double ratios[PMOD_MAX_LAYERS];

  card->path = g_strdup (pmod_model_get_path (model));
  card->name = g_path_get_basename (card->path);
  pmod_model_card_read_words (card);
  card->precision = g_strdup (pmod_model_get_precision_name (model));
  card->device = g_strdup (pmod_model_get_device_name (model));
  card->fallback = g_strdup (pmod_model_get_fallback (model));
  card->n_layers = config->n_layers;
  card->context_length = config->context_length;
  card->system = g_strdup (pmod_prompt_get_system (config->conversation));
  card->has_vision = config->has_vision;
  card->single_questions = config->single_questions;
  card->weight_bytes = pmod_model_get_weight_bytes (model);
  card->load_ns = pmod_model_get_load_ns (model);
  if (pmod_routing_ratios (&params->routing, config, ratios, NULL))
    for (int l = 0; l < config->n_layers; l++)
      card->n_routed += ratios[l] >= 0;
  card->facts = pmod_model_facts_new (model, params);
  return card;
}

static PmodPrompt *
make_prompt (PmodWorker *self, PmodJob *job, GError **error)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  PmodWording wording = { job->system, job->texts, job->image, job->question_first };
  PmodPrompt *prompt =
      pmod_job_prompt_new (pmod_model_get_tokenizer (self->model), config, &wording, error);

  if (!prompt || !job->only_read || (job->texts && !job->question_first))
    return prompt;

  /* Nothing that follows the picture has a say in its maps. */
  for (guint i = 0; i < prompt->ids->len; i++)
    if (g_array_index (prompt->ids, gint32, i) == PMOD_IMAGE_TOKEN)
      g_array_set_size (prompt->ids, i + 1);
  return prompt;
}

static gboolean
begin_answer (PmodWorker *self, PmodJob *job, PmodPrompt *prompt, GError **error)
{
  const PmodBeginning *beginning = job->beginning;

  if (!beginning)
    return TRUE;
  if (!beginning->ids)
    return pmod_prompt_begin_with_text (prompt, pmod_model_get_tokenizer (self->model),
                                        beginning->text, error);
  pmod_prompt_begin_with (prompt, (const gint32 *)(gconstpointer)beginning->ids->data,
                          (int)beginning->ids->len);
  return TRUE;
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

  if (!prompt || !begin_answer (self, job, prompt, &event->error))
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
