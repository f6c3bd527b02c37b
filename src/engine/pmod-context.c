/* A context: prefill, decode, answer, and what an earlier run left to use again.
 *
 * Owner: one thread at a time; pmod_context_cancel() alone may come from another. The layers are
 * pmod-decoder.c, the pictures pmod-vision.c. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-context-private.h"

/* --- Life ----------------------------------------------------------------------------------- */

gboolean
pmod_context_allocate (PmodModel *model, GPtrArray *memory, PmodTensor *tensor)
{
  tensor->data = pmod_alloc (model->backend, pmod_tensor_bytes (tensor));
  if (tensor->data == NULL)
    return FALSE;
  g_ptr_array_add (memory, tensor->data);
  return TRUE;
}

void
pmod_context_release (PmodModel *model, GPtrArray *memory)
{
  for (guint i = 0; i < memory->len; i++)
    pmod_free (model->backend, memory->pdata[i]);
  g_ptr_array_set_size (memory, 0);
}

/* Routes come to the host in whole rows, of which layers write a part. */
static gboolean
clear (PmodModel *model, const PmodTensor *tensor)
{
  g_autofree void *zeros = g_malloc0 (pmod_tensor_bytes (tensor));

  pmod_upload (model->backend, tensor->data, zeros, pmod_tensor_bytes (tensor));
  return pmod_backend_sync (model->backend);
}

static gboolean
allocate_scratch (PmodContext *self)
{
  PmodModel *model = self->model;
  const PmodConfig *config = model->config;
  PmodScratch *s = &self->scratch;
  int64_t c = config->context_length;
  int64_t d = config->hidden;
  int64_t n_q = (int64_t)config->n_heads * config->head_dim;
  int64_t n_kv = (int64_t)config->n_kv_heads * config->head_dim;
  PmodTensor *routes[] = { &self->routes.logit, &self->routes.weight, &self->routes.kept };
  static const float limits[] = { -INFINITY, INFINITY };
  gboolean ok = TRUE;

  s->x = s->entry = s->h = s->m = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, c, d);
  s->normed = pmod_tensor_2d (NULL, model->act, c, d);
  s->qkv = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, c, n_q + 2 * n_kv);
  s->q = pmod_tensor_3d (NULL, model->act, c, config->n_heads, config->head_dim);
  s->mixed = pmod_tensor_2d (NULL, model->act, c, n_q);
  s->gate_up = pmod_tensor_2d (NULL, model->act, c, 2 * (int64_t)config->ffn);
  s->ffn = pmod_tensor_2d (NULL, model->act, c, config->ffn);
  s->ids = s->targets = s->rows = s->slot = pmod_tensor_1d (NULL, PMOD_DTYPE_I32, c);
  s->next = pmod_tensor_1d (NULL, PMOD_DTYPE_I32, 3);
  s->row_weight = s->order = s->order_ties = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, c);
  s->received = s->entry_received = s->order;
  s->limits = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, G_N_ELEMENTS (limits));
  s->painted_limit = s->painted_self = s->ids;
  s->logits = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, 1, config->vocab);
  s->is_picked = pmod_tensor_1d (NULL, PMOD_DTYPE_U8, config->vocab);
  s->picked = pmod_tensor_1d (NULL, PMOD_DTYPE_I32, PMOD_PICKED);
  self->routes.logit = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, config->n_layers, c);
  self->routes.weight = self->routes.logit;
  self->routes.kept = pmod_tensor_2d (NULL, PMOD_DTYPE_U8, config->n_layers, c);

  for (PmodTensor *tensor = &s->x; ok && tensor <= &s->picked; tensor++)
    ok = pmod_context_allocate (model, self->memory, tensor);
  for (guint i = 0; ok && i < G_N_ELEMENTS (routes); i++)
    ok = pmod_context_allocate (model, self->memory, routes[i]) && clear (model, routes[i]);
  if (ok)
    pmod_upload (model->backend, s->limits.data, limits, sizeof limits);
  return ok && pmod_backend_sync (model->backend);
}

PmodContext *
pmod_context_new (PmodModel *model, GError **error)
{
  g_autoptr (PmodContext) self = g_new0 (PmodContext, 1);
  const PmodConfig *config = pmod_model_get_config (model);
  gsize c = (gsize)config->context_length;

  self->model = pmod_model_ref (model);
  self->memory = g_ptr_array_new ();
  self->vision.memory = g_ptr_array_new ();
  self->sampler = pmod_sampler_new (config->vocab);
  if (model->tokenizer != NULL)
    self->detokenizer = pmod_detokenizer_new (model->tokenizer);
  self->logits = g_new0 (float, config->vocab);
  self->route_logit = g_new (float, c *(gsize)config->n_layers);
  self->route_weight = g_new (float, c *(gsize)config->n_layers);
  self->route_kept = g_new (guint8, c * (gsize)config->n_layers);
  self->policy_score = g_new (float, c);
  self->paint_index = g_new (gint32, 2 * c);
  self->answered = g_new (gint32, c);
  self->scored = g_new (PmodScored, c);
  self->segment_kv = g_new0 (int, (2 + c / PMOD_SEGMENT_TOKENS) * (gsize)config->n_layers);
  self->kv = pmod_kv_new (model->backend, config->n_layers, config->n_kv_heads,
                          config->context_length, config->head_dim, model->act);
  if (self->kv == NULL || !allocate_scratch (self))
    {
      pmod_model_check (model, "context", error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
pmod_context_free (PmodContext *self)
{
  pmod_vision_clear (self);
  pmod_context_release (self->model, self->vision.memory);
  pmod_context_release (self->model, self->memory);
  g_ptr_array_unref (self->vision.memory);
  g_ptr_array_unref (self->memory);
  pmod_graph_free (self->model->backend, self->graph);
  g_clear_pointer (&self->kv, pmod_kv_free);
  g_clear_pointer (&self->sequence, pmod_sequence_free);
  g_clear_pointer (&self->sampler, pmod_sampler_free);
  g_clear_pointer (&self->detokenizer, pmod_detokenizer_free);
  g_free (self->logits);
  g_free (self->route_logit);
  g_free (self->route_weight);
  g_free (self->route_kept);
  g_free (self->policy_score);
  g_free (self->paint_index);
  g_free (self->answered);
  g_free (self->scored);
  pmod_routing_clear (&self->routing);
  g_free (self->segment_kv);
  pmod_model_unref (self->model);
  g_free (self);
}

/* No tokens and no logits; what sequence says is in the caches can still be used again. */
static void
empty (PmodContext *self)
{
  for (int i = 0; i < self->kv->n_layers; i++)
    self->kv->layers[i].length = 0;
  self->n_tokens = 0;
  self->n_new = 0;
  self->n_answered = self->n_scored = 0;
  self->has_logits = FALSE;
  self->graph_end = 0;
}

static void
forget_sequence (PmodContext *self)
{
  g_clear_pointer (&self->sequence, pmod_sequence_free);
  empty (self);
}

void
pmod_context_clear (PmodContext *self)
{
  forget_sequence (self);
  pmod_vision_clear (self);
}

void
pmod_context_cancel (PmodContext *self)
{
  g_atomic_int_set (&self->cancelled, TRUE);
}

gboolean
pmod_context_check_cancelled (PmodContext *self, GError **error)
{
  if (!g_atomic_int_get (&self->cancelled))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "the run was cancelled");
  return FALSE;
}

/* --- Prefill -------------------------------------------------------------------------------- */

/* Fills in x from position first on. */
static gboolean
embed (PmodContext *self,
       const PmodSequence *sequence,
       int first,
       const PmodTensor *random_features,
       PmodTrace *trace,
       GError **error)
{
  PmodModel *model = self->model;
  gsize row_bytes = (gsize)model->config->hidden * sizeof (float);
  int n = sequence->n_tokens - first;
  PmodTensor x = pmod_tensor_rows (&self->scratch.x, first, n);
  PmodTensor ids = pmod_tensor_rows (&self->scratch.ids, 0, n);
  char *rows = self->scratch.x.data;

  if (n == 0)
    return TRUE;
  for (guint i = 0; i < sequence->images->len; i++)
    {
      const PmodSequenceImage *image = sequence->images->pdata[i];
      PmodTensor features;

      if (image->first < first)
        continue;
      if (!pmod_vision_features (self, image->image, trace, &features, error))
        return FALSE;
      pmod_copy (model->backend, rows + (gsize)image->first * row_bytes, features.data,
                 pmod_tensor_bytes (&features));
    }
  if (random_features != NULL && sequence->n_targets > 0 && sequence->targets[0] >= first)
    pmod_copy (model->backend, rows + (gsize)sequence->targets[0] * row_bytes,
               random_features->data, pmod_tensor_bytes (random_features));

  pmod_upload (model->backend, ids.data, sequence->ids + first, (gsize)n * sizeof (gint32));
  pmod_gather_rows (model->backend, &x, &model->embedding, &ids);
  pmod_context_record_state (self, PMOD_STATE_EMBEDS, -1, &x, trace);
  return pmod_model_check (model, "embeddings", error);
}

static int
segment_end (const PmodSequence *sequence, int n_segments)
{
  return n_segments > 0 ? sequence->segment_ends[n_segments - 1] : 0;
}

/* Whether the sequence that the context holds is this one. */
static gboolean
is_whole (const PmodContext *self, const PmodSequence *sequence, int n_shared)
{
  return n_shared == sequence->n_segments && n_shared == self->sequence->n_segments;
}

static gboolean
is_routed (const PmodContext *self, const PmodSequence *sequence, int layer)
{
  return layer < self->model->config->n_layers && sequence->n_targets > 0 &&
         self->ratios[layer] != PMOD_RATIO_PLAIN;
}

/* How many leading segments layers before the first router (low) and the others (high) need not
 * run again. The last segment always runs through the upper layers, for its logits. */
static void
find_reuse (PmodContext *self,
            const PmodSequence *sequence,
            const PmodRouting *routing,
            int *first_low,
            int *first_high)
{
  const PmodConfig *config = self->model->config;
  int n_shared = self->sequence != NULL ? pmod_sequence_n_shared (self->sequence, sequence) : 0;
  gboolean same = pmod_routing_equal (&self->routing, routing, config);
  int first_router = pmod_config_first_router (config);

  /* The prompt's last token chooses: of another prompt nothing of a routed layer is the same. */
  if (routing->policy == PMOD_POLICY_LAST && !is_whole (self, sequence, n_shared))
    same = FALSE;
  *first_high = same && self->upper_valid ? MIN (n_shared, sequence->n_segments - 1) : 0;
  *first_low = first_router < config->n_layers ? n_shared : *first_high;
  if (*first_high > 0 || !is_routed (self, sequence, first_router) || first_router == 0)
    return;
  /* The first router will choose by what happens in the layer before it. */
  if (routing->policy == PMOD_POLICY_LAST)
    *first_low = MIN (*first_low, sequence->n_segments - 1);
  if (routing->policy == PMOD_POLICY_ATTENTION && !self->received_valid)
    *first_low = 0;
}

static gboolean
run_prefill (PmodContext *self,
             const PmodSequence *sequence,
             int first_low,
             int first_high,
             const PmodTensor *random_features,
             PmodTrace *trace,
             GError **error)
{
  PmodFlops flops = { 0 };
  PmodFlops head = pmod_meter_head (self->model->config, sequence->n_tokens);
  gint64 start_us, head_us;

  if (!embed (self, sequence, segment_end (sequence, first_low), random_features, trace, error))
    return FALSE;
  pmod_upload (self->model->backend, self->scratch.targets.data, sequence->targets,
               (gsize)sequence->n_targets * sizeof (gint32));

  start_us = g_get_monotonic_time ();
  if (!pmod_decoder_prefill (self, sequence, first_low, first_high, trace, &flops, error))
    return FALSE;
  head_us = g_get_monotonic_time ();
  if (!pmod_decoder_head (self, sequence->n_tokens - 1, trace, error))
    return FALSE;
  pmod_context_record_stage (trace, PMOD_STAGE_HEAD, -1, sequence->n_tokens, head_us, 0, &head,
                             FALSE);
  pmod_flops_add (&flops, &head);
  pmod_context_record_stage (trace, PMOD_STAGE_PREFILL, -1, sequence->n_tokens, start_us, 0, &flops,
                             FALSE);
  pmod_context_record_cache (self, trace);
  return TRUE;
}

/* Takes sequence. */
static void
keep_sequence (PmodContext *self, PmodSequence *sequence)
{
  g_clear_pointer (&self->sequence, pmod_sequence_free);
  self->sequence = sequence;
}

/* After a prefill that was stopped: what the layers before the first router left is complete once
 * the run got past them, and the next run, as of a slider that is still moving, can use it. A
 * device may have failed at what it was given before the stop: that is not the next run's fault. */
static void
keep_lower_layers (PmodContext *self, PmodSequence *sequence)
{
  int first_router = pmod_config_first_router (self->model->config);

  empty (self);
  keep_sequence (self, sequence);
  if (!pmod_model_check (self->model, "prefill", NULL) ||
      first_router == self->model->config->n_layers || self->n_layers_done <= first_router)
    forget_sequence (self);
}

static void
keep_routing (PmodContext *self, const PmodRouting *routing)
{
  PmodRouting before = self->routing;

  pmod_routing_copy (&self->routing, routing);
  pmod_routing_clear (&before);
}

static gboolean
check_paint (const PmodRouting *routing, const PmodSequence *sequence, GError **error)
{
  int n_vision = routing->paint != NULL ? pmod_paint_get_n_vision (routing->paint) : 0;

  if (routing->policy != PMOD_POLICY_PAINTED || routing->paint == NULL ||
      n_vision == sequence->n_targets)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
               "paint: expected one for the %d vision tokens of this prompt that may be skipped, "
               "got one for %d",
               sequence->n_targets, n_vision);
  return FALSE;
}

gboolean
pmod_context_prefill_sequence (PmodContext *self,
                               PmodSequence *sequence,
                               const PmodTensor *random_features,
                               const PmodParams *params,
                               PmodTrace *trace,
                               GError **error)
{
  g_autoptr (PmodSequence) owned = sequence;
  int first_low, first_high;

  if (!pmod_sampling_check (&params->sampling, error) ||
      !pmod_routing_ratios (&params->routing, self->model->config, self->ratios, error) ||
      !check_paint (&params->routing, sequence, error))
    {
      empty (self);
      return FALSE;
    }
  find_reuse (self, sequence, &params->routing, &first_low, &first_high);
  pmod_context_keep_answer (self, sequence, &params->routing);
  keep_routing (self, &params->routing);
  self->received_valid = self->received_valid && first_low > 0;
  pmod_context_record_begin (self, sequence, params, segment_end (sequence, first_high), trace);
  self->is_recording = TRUE;
  self->has_logits = FALSE;
  self->upper_valid = FALSE;
  self->n_layers_done = 0;
  self->graph_end = 0;
  self->temperature = (float)params->sampling.temperature;
  if (!run_prefill (self, sequence, first_low, first_high, random_features, trace, error))
    {
      keep_lower_layers (self, g_steal_pointer (&owned));
      return FALSE;
    }
  keep_sequence (self, g_steal_pointer (&owned));
  self->n_tokens = sequence->n_tokens;
  self->n_new = 0;
  self->upper_valid = TRUE;
  self->has_logits = TRUE;
  pmod_sampler_seed (self->sampler, params->sampling.seed);
  if (self->detokenizer != NULL)
    pmod_detokenizer_reset (self->detokenizer);
  return TRUE;
}

gboolean
pmod_context_prefill (PmodContext *self,
                      const PmodPrompt *prompt,
                      const PmodParams *params,
                      PmodTrace *trace,
                      GError **error)
{
  PmodSequence *sequence;

  g_atomic_int_set (&self->cancelled, FALSE);
  sequence = pmod_sequence_new (self->model->config, prompt, error);
  if (sequence == NULL)
    {
      empty (self);
      return FALSE;
    }
  if (!pmod_context_check_begin (self, prompt->begin, sequence->n_tokens, error))
    {
      pmod_sequence_free (sequence);
      empty (self);
      return FALSE;
    }
  return pmod_context_prefill_sequence (self, sequence, NULL, params, trace, error);
}

/* --- Decode --------------------------------------------------------------------------------- */

/* From what the device picked, where that will do; else from all logits, which come for it. */
static gboolean
choose_token (PmodContext *self, const PmodSampling *sampling, PmodScored *chosen, GError **error)
{
  int n = chosen->n_alternatives;
  PmodPicked picked = { MIN (PMOD_MAX_PICKED, self->model->config->vocab),
                        self->picked.ids,
                        self->picked.logits,
                        self->picked.sums[0],
                        self->picked.sums[1],
                        self->temperature };

  if (!self->logits_here &&
      pmod_sampler_sample_picked (self->sampler, &picked, sampling, &chosen->id, &chosen->logprob,
                                  chosen->alternatives, n))
    return TRUE;
  if (!pmod_decoder_fetch_logits (self, error))
    return FALSE;
  chosen->id = pmod_sampler_sample (self->sampler, self->logits, sampling, &chosen->logprob,
                                    chosen->alternatives, n);
  return TRUE;
}

/* Chooses the next token and records it. */
static gboolean
sample (PmodContext *self,
        const PmodParams *params,
        PmodTrace *trace,
        int *chosen,
        const char **text,
        GError **error)
{
  const PmodConfig *config = self->model->config;
  int place = MIN (self->n_new, config->context_length - 1);
  PmodScored *token = &self->scored[place];

  self->n_scored = place;
  token->n_alternatives =
      MIN (CLAMP (params->sampling.n_alternatives, 0, PMOD_MAX_ALTERNATIVES), config->vocab);
  if (!choose_token (self, &params->sampling, token, error))
    return FALSE;
  self->n_scored = place + 1;
  self->temperature = (float)params->sampling.temperature;
  *text = "";
  if (self->detokenizer != NULL)
    *text = token->id == config->eos_token ? pmod_detokenizer_flush (self->detokenizer)
                                           : pmod_detokenizer_push (self->detokenizer, token->id);
  pmod_context_record_token (self, token, 0, *text, trace);
  self->n_new++;
  *chosen = token->id;
  return TRUE;
}

gboolean
pmod_context_advance (PmodContext *self, int token, PmodTrace *trace, GError **error)
{
  const PmodConfig *config = self->model->config;
  int place = self->n_tokens - self->sequence->n_tokens;
  PmodFlops flops;
  gint64 start_us = g_get_monotonic_time ();

  if (self->n_tokens >= config->context_length)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT, "the context is full: it holds %d tokens",
                   config->context_length);
      return FALSE;
    }
  self->has_logits = FALSE;
  self->n_answered = MIN (self->n_answered, place);
  flops = pmod_decoder_measure_token (self);
  /* On failure the prefill's states stay good: the next prefill cuts the caches back to them. */
  if (!pmod_decoder_token (self, token, trace, error))
    return FALSE;
  self->answered[place] = token;
  self->n_answered = place + 1;
  self->n_tokens++;
  self->has_logits = TRUE;
  pmod_context_record_stage (trace, PMOD_STAGE_DECODE, -1, 1, start_us, 0, &flops, FALSE);
  return TRUE;
}

gboolean
pmod_context_decode (
    PmodContext *self, const PmodParams *params, PmodTrace *trace, int *token, GError **error)
{
  const char *text;

  g_return_val_if_fail (self->has_logits, FALSE);

  if (!pmod_sampling_check (&params->sampling, error))
    return FALSE;
  return sample (self, params, trace, token, &text, error) &&
         (*token == self->model->config->eos_token ||
          pmod_context_advance (self, *token, trace, error));
}

/* --- A whole answer ------------------------------------------------------------------------- */

/* Samples and advances until something ends the answer. */
static gboolean
generate (PmodContext *self,
          PmodAnswer *answer,
          const PmodParams *params,
          PmodTrace *trace,
          PmodAnswerFunc func,
          gpointer user_data,
          GError **error)
{
  const PmodConfig *config = self->model->config;
  int n_most = params->sampling.max_new_tokens;

  answer->finish = PMOD_FINISH_LENGTH;
  while ((int)answer->ids->len - answer->n_begun < n_most)
    {
      const char *text;
      gboolean go_on;
      int token;

      if (!sample (self, params, trace, &token, &text, error))
        return FALSE;

      g_array_append_val (answer->ids, token);
      g_string_append (answer->text, text);
      go_on = func == NULL || func (text, user_data);
      if (token == config->eos_token)
        {
          answer->finish = PMOD_FINISH_EOS;
          return TRUE;
        }
      if (!go_on)
        {
          answer->finish = PMOD_FINISH_STOP;
          break;
        }
      if ((int)answer->ids->len - answer->n_begun == n_most ||
          self->n_tokens == config->context_length)
        break;
      if (!pmod_context_advance (self, token, trace, error))
        return FALSE;
    }
  if (self->detokenizer != NULL)
    {
      const char *rest = pmod_detokenizer_flush (self->detokenizer);

      g_string_append (answer->text, rest);
      if (*rest != '\0' && func != NULL && answer->finish != PMOD_FINISH_STOP)
        func (rest, user_data);
    }
  return TRUE;
}

static void
record_end (PmodContext *self, const PmodAnswer *answer, gint64 start_us, PmodTrace *trace)
{
  PmodRecordRunEnd *record;

  for (int i = 0; self->has_logits && i < self->model->config->n_layers; i++)
    pmod_context_record_kv (self, i, self->n_tokens, trace);
  pmod_context_record_stage (trace, PMOD_STAGE_TOTAL, -1, self->n_tokens, start_us, 0, NULL, FALSE);
  record = pmod_trace_append (trace, PMOD_RECORD_RUN_END, -1, sizeof *record);
  if (record == NULL)
    return;
  record->finish = (gint32)answer->finish;
  record->n_new_tokens = (gint32)answer->ids->len;
  pmod_trace_commit (trace, record);
}

static void
trim (GString *text)
{
  char *start = text->str;

  g_strchomp (text->str);
  while (g_ascii_isspace (*start))
    start++;
  g_string_erase (text, 0, start - text->str);
  g_string_truncate (text, strlen (text->str));
}

PmodAnswer *
pmod_context_answer (PmodContext *self,
                     const PmodPrompt *prompt,
                     const PmodParams *params,
                     PmodTrace *trace,
                     PmodAnswerFunc func,
                     gpointer user_data,
                     GError **error)
{
  g_autoptr (PmodAnswer) answer = g_new0 (PmodAnswer, 1);
  g_autoptr (GError) local_error = NULL;
  gint64 start_us = g_get_monotonic_time ();
  gboolean ok, go_on = TRUE;

  self->is_recording = FALSE;
  answer->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  answer->text = g_string_new (NULL);
  ok = pmod_context_prefill (self, prompt, params, trace, &local_error) &&
       pmod_context_begin (self, prompt->begin, params, answer, trace, func, user_data, &go_on,
                           &local_error);
  if (ok && go_on)
    ok = generate (self, answer, params, trace, func, user_data, &local_error);
  else if (ok)
    answer->finish = PMOD_FINISH_STOP;
  if (g_error_matches (local_error, PMOD_ERROR, PMOD_ERROR_CANCELLED))
    answer->finish = PMOD_FINISH_CANCELLED;
  else if (!ok)
    answer->finish = PMOD_FINISH_ERROR;
  if (self->is_recording)
    record_end (self, answer, start_us, trace);
  if (answer->finish == PMOD_FINISH_ERROR)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return NULL;
    }
  trim (answer->text);
  return g_steal_pointer (&answer);
}

void
pmod_answer_free (PmodAnswer *self)
{
  g_array_unref (self->ids);
  g_string_free (self->text, TRUE);
  g_free (self);
}

/* --- What can be asked of it ---------------------------------------------------------------- */

PmodModel *
pmod_context_get_model (const PmodContext *self)
{
  return self->model;
}

const float *
pmod_context_get_logits (PmodContext *self)
{
  return self->has_logits && pmod_decoder_fetch_logits (self, NULL) ? self->logits : NULL;
}

int
pmod_context_get_n_tokens (const PmodContext *self)
{
  return self->n_tokens;
}

int
pmod_context_get_kv_length (const PmodContext *self, int layer)
{
  g_return_val_if_fail (layer >= 0 && layer < self->kv->n_layers, 0);

  return self->kv->layers[layer].length;
}

guint64
pmod_context_get_kv_bytes (const PmodContext *self)
{
  return (guint64)pmod_kv_count (self->kv) *
         pmod_meter_kv_token_bytes (self->model->config, (int)pmod_dtype_size (self->model->act));
}

int
pmod_context_count_tokens (PmodContext *self, const PmodPrompt *prompt, GError **error)
{
  g_autoptr (PmodSequence) sequence = pmod_sequence_new (self->model->config, prompt, error);

  if (sequence == NULL)
    return -1;
  return sequence->n_tokens + (prompt->begin != NULL ? (int)prompt->begin->len : 0);
}
