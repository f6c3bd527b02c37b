/* How an answer begins, where the prompt says so: with tokens that are given instead of drawn.
 *
 * Each goes through the layers alone, as a drawn one does, and not with the prompt, whose products
 * are of other shapes and whose routers may skip text: only so is what follows the same to the last
 * bit as in the answer that they are from. What the last answer to the same prompt left in the
 * caches behind it is used again, so that an answer that is gone on with costs one token. */
#include "config.h"

#include "pmod-context-private.h"

gboolean
pmod_context_check_begin (const PmodContext *self, const GArray *ids, int n_tokens, GError **error)
{
  const PmodConfig *config = self->model->config;
  int n = ids != NULL ? (int)ids->len : 0;

  for (int i = 0; i < n; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      if (id >= 0 && id < config->vocab && id != config->eos_token)
        continue;
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "beginning of the answer: token %d is %d, expected 0 to %d and not %d, which "
                   "ends it",
                   i, id, config->vocab - 1, config->eos_token);
      return FALSE;
    }
  if (n <= config->context_length - n_tokens)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "beginning of the answer: %d tokens of the prompt and %d of it are %d, but the "
               "context holds %d",
               n_tokens, n, n_tokens + n, config->context_length);
  return FALSE;
}

void
pmod_context_keep_answer (PmodContext *self,
                          const PmodSequence *sequence,
                          const PmodRouting *routing)
{
  int n_shared = self->sequence != NULL ? pmod_sequence_n_shared (self->sequence, sequence) : 0;

  if (!self->upper_valid || n_shared == 0 || n_shared != sequence->n_segments ||
      n_shared != self->sequence->n_segments ||
      !pmod_routing_equal (&self->routing, routing, self->model->config))
    self->n_answered = self->n_scored = 0;
}

/* What is remembered of the token at place, were it id. */
static gboolean
recall (const PmodContext *self, int place, gint32 id, PmodScored *token)
{
  const PmodScored *before = &self->scored[place];

  if (place >= self->n_scored)
    return FALSE;
  *token = *before;
  token->id = id;
  for (int i = 0; i < before->n_alternatives && id != before->id; i++)
    if (before->alternatives[i].id == id)
      {
        token->logprob = before->alternatives[i].logprob;
        return TRUE;
      }
  return id == before->id;
}

/* Leading tokens that need not run: the last one always does, for its logits, and where nothing is
 * remembered of the first that runs, the one before does, too, to tell what chance it had. */
static int
count_known (const PmodContext *self, const GArray *ids)
{
  const gint32 *given = (const gint32 *)(gconstpointer)ids->data;
  int n_most = MIN (self->n_answered, (int)ids->len - 1);
  int n = 0;
  PmodScored token;

  while (n < n_most && self->answered[n] == given[n] && recall (self, n, given[n], &token))
    n++;
  return n > 0 && !recall (self, n, given[n], &token) ? n - 1 : n;
}

/* The next token, whose keys and values lie where they belong. */
static void
take_known (PmodContext *self, PmodTrace *trace)
{
  PmodFlops flops = pmod_decoder_measure_token (self);

  for (int layer = 0; layer < self->kv->n_layers; layer++)
    self->kv->layers[layer].length++;
  self->n_tokens++;
  pmod_context_record_span (trace, PMOD_STAGE_DECODE, -1, 1, 0, 0, &flops, TRUE);
}

static gboolean
score (PmodContext *self, gint32 id, int n_alternatives, PmodScored *token, GError **error)
{
  if (!pmod_decoder_fetch_logits (self, error))
    return FALSE;
  token->id = id;
  token->n_alternatives =
      MIN (CLAMP (n_alternatives, 0, PMOD_MAX_ALTERNATIVES), self->model->config->vocab);
  pmod_sampler_score (self->sampler, self->logits, id, &token->logprob, token->alternatives,
                      token->n_alternatives);
  return TRUE;
}

/* Tells of the token at place, and then has it in the caches. */
static gboolean
take (PmodContext *self,
      int place,
      int n_known,
      gint32 id,
      const PmodParams *params,
      PmodTrace *trace,
      const char **text,
      GError **error)
{
  PmodScored *token = &self->scored[place];
  gboolean here = place == 0 || place > n_known; /* the logits before it */

  if (here && !score (self, id, params->sampling.n_alternatives, token, error))
    return FALSE;
  if (!here)
    {
      PmodScored before;

      recall (self, place, id, &before);
      *token = before;
    }
  if (place >= n_known)
    self->n_scored = place + 1;
  *text = self->detokenizer != NULL ? pmod_detokenizer_push (self->detokenizer, id) : "";
  pmod_context_record_token (self, token, PMOD_RECORD_FLAG_GIVEN, *text, trace);
  self->n_new++;
  if (place >= n_known)
    return pmod_context_advance (self, id, trace, error);
  take_known (self, trace);
  return TRUE;
}

gboolean
pmod_context_begin (PmodContext *self,
                    const GArray *ids,
                    const PmodParams *params,
                    PmodAnswer *answer,
                    PmodTrace *trace,
                    PmodAnswerFunc func,
                    gpointer user_data,
                    gboolean *go_on,
                    GError **error)
{
  int n_known = ids != NULL ? count_known (self, ids) : 0;

  *go_on = TRUE;
  for (int i = 0; ids != NULL && *go_on && i < (int)ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);
      const char *text;

      if (!take (self, i, n_known, id, params, trace, &text, error))
        return FALSE;
      g_array_append_val (answer->ids, id);
      answer->n_begun++;
      g_string_append (answer->text, text);
      *go_on = func == NULL || func (text, user_data);
    }
  /* Each draw takes one number. */
  if (params->sampling.temperature > 0)
    pmod_sampler_skip (self->sampler, answer->n_begun);
  return TRUE;
}
