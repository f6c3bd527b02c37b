/* The engine's thread when the model is on another machine: it waits for that machine as it would
 * for the engine, and what comes is told in the same events. See pmod-worker-private.h. */
#include "config.h"

#include "pmod-worker-private.h"

#include "pmod-model-card-private.h"

static PmodModelCard *
describe (const PmodRemote *remote)
{
  const PmodRemoteFacts *facts = pmod_remote_get_facts (remote);
  g_autofree char *host = pmod_remote_dup_host (pmod_remote_get_address (remote));
  PmodModelCard *card = pmod_model_card_new ();
  PmodParams params;

  pmod_params_init (&params, facts->config);
  card->name = g_strdup (facts->name);
  card->server = g_strdup (pmod_remote_get_address (remote));
  card->note = g_strdup (facts->note);
  card->about = g_strdup (facts->about);
  card->system = g_strdup (pmod_prompt_get_system (facts->config->conversation));
  card->precision = g_strdup (facts->precision);
  card->device = g_strdup_printf ("server %s: %s", host, facts->device);
  card->fallback = g_strdup (facts->fallback);
  card->weight_bytes = facts->weight_bytes;
  card->load_ns = facts->load_ns;
  pmod_model_card_take_facts (
      card, pmod_model_facts_new_for (facts->config, &params, facts->kv_token_bytes));
  return card;
}

void
pmod_worker_open_remote (
    PmodWorker *self, guint64 id, const char *address, const char *token, GCancellable *cancellable)
{
  GError *error = NULL;
  PmodRemote *remote = pmod_remote_open (address, token, cancellable, &error);
  PmodEvent *event = pmod_event_new (remote ? PMOD_EVENT_OPENED : PMOD_EVENT_REFUSED, id);

  if (remote)
    {
      pmod_worker_close_all (self);
      self->remote = remote;
      self->model_id = id;
      event->card = describe (remote);
    }
  else
    event->error = error;
  pmod_worker_push (self, event);
}

/* --- Running --------------------------------------------------------------------------------- */

/* Before anything follows the first word. */
static void
logits_cb (const float *logits, gpointer user_data)
{
  PmodWorker *self = user_data;
  const PmodJob *job = self->running;

  pmod_first_word_take_logits (&self->first_words[job->lane], logits,
                               pmod_remote_get_facts (self->remote)->config->vocab, job->images,
                               job->system, job->texts);
  pmod_worker_compare_first_words (self);
}

static gboolean
point_cb (const PmodRemotePoint *point, gpointer user_data)
{
  PmodWorker *self = user_data;
  PmodEvent *event = pmod_event_new (PMOD_EVENT_POINT, self->running->id);

  event->point =
      (PmodWorkerPoint){ point->flops, point->kv_bytes, point->kv_bytes_dense, point->divergence };
  event->text = g_strdup (point->text);
  pmod_worker_push (self, event);
  pmod_worker_run_others (self);
  return !pmod_worker_is_stopped (self);
}

static void
run (PmodWorker *self, const PmodRemoteAsk *ask, PmodJob *job, PmodEvent *event)
{
  const PmodRemoteSink sink = { pmod_worker_record, logits_cb, point_cb, self };
  g_auto (PmodRemoteResult) result = { 0 };

  if (ask->wants_logits)
    pmod_first_word_clear (&self->first_words[job->lane]);
  if (!pmod_remote_run (self->remote, ask, &sink, &result, job->stopping, &event->error))
    return;
  event->finish = result.finish;
  if (!job->only_read && !job->settings)
    event->text = g_steal_pointer (&result.text);
}

/* As pmod_worker_answer() and pmod_worker_sweep(), whose model is elsewhere. */
void
pmod_worker_run_remote (PmodWorker *self, PmodJob *job, PmodEvent *event)
{
  PmodRemoteAsk ask;

  pmod_worker_fill_ask (job, &ask);
  ask.wants_logits = job->lane <= 1 && !job->only_read && !job->settings;
  if (job->settings && job->model != self->model_id)
    g_set_error_literal (&event->error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "another model");
  else
    run (self, &ask, job, event);
  /* A painting of another picture: see pmod_worker_answer(). */
  if (!job->settings && job->params.routing.paint &&
      g_error_matches (event->error, PMOD_ERROR, PMOD_ERROR_ARGUMENT))
    {
      g_clear_error (&event->error);
      pmod_params_set_paint (&job->params, NULL);
      ask.params = job->params;
      run (self, &ask, job, event);
    }
  g_clear_pointer (&ask.images, g_ptr_array_unref);
}
