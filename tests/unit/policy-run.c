/* See policy-run.h. */
#include "policy-run.h"

#include <string.h>

void
policy_run_free (PolicyRun *self)
{
  g_ptr_array_unref (self->x);
  g_byte_array_unref (self->bits);
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    {
      g_free (self->kept[i]);
      g_free (self->weight[i]);
    }
  g_free (self);
}

static void
take_route (PolicyRun *self, const PmodRecordRoute *route)
{
  int layer = route->header.layer;

  g_assert_null (self->kept[layer]);
  self->kept[layer] = g_new (guint8, route->n_vision);
  self->weight[layer] =
      g_memdup2 (pmod_record_route_weights (route), sizeof (float) * (gsize)route->n_vision);
  self->n_kept[layer] = route->n_kept;
  for (int i = 0; i < route->n_vision; i++)
    self->kept[layer][i] = (guint8)pmod_record_route_kept (route, i);
  g_byte_array_append (self->bits, route->data,
                       (guint)(route->header.size - G_STRUCT_OFFSET (PmodRecordRoute, data)));
}

static void
take_state (PolicyRun *self, const PmodRecordState *state)
{
  gsize n = 1;

  for (int i = 0; i < state->n_dims; i++)
    n *= (gsize)state->shape[i];
  if (state->kind == PMOD_STATE_EMBEDS || state->kind == PMOD_STATE_LAYER)
    {
      double *x = g_new (double, n);

      for (gsize i = 0; i < n; i++)
        x[i] = (double)state->data[i];
      g_ptr_array_add (self->x, x);
    }
  else if (state->kind == PMOD_STATE_KEYS || state->kind == PMOD_STATE_VALUES ||
           state->kind == PMOD_STATE_LOGITS)
    g_byte_array_append (self->bits, (const guint8 *)state->data, (guint)(n * sizeof (float)));
}

static void
take_stage (PolicyRun *self, const PmodRecordStage *stage)
{
  const PmodFlops part = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };

  if (stage->stage == PMOD_STAGE_LAYER && (stage->header.flags & PMOD_RECORD_FLAG_REUSED) != 0)
    self->n_reused[stage->header.layer] = stage->n_tokens;
  if (stage->stage == PMOD_STAGE_LAYER || stage->stage == PMOD_STAGE_HEAD)
    pmod_flops_add (&self->flops, &part);
  if (stage->stage == PMOD_STAGE_LAYER && stage->header.layer == self->cancel_at)
    pmod_context_cancel (self->context);
}

void
policy_on_record (const PmodRecord *record, gpointer data)
{
  const PmodRecordRunBegin *begin = (const PmodRecordRunBegin *)record;
  const PmodRecordImage *image = (const PmodRecordImage *)record;
  PolicyRun *self = data;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    {
      self->n_tokens = begin->n_tokens;
      self->n_vision = begin->n_vision;
      self->n_layers = begin->n_layers;
      self->policy = begin->policy;
      self->question_first = begin->question_first;
      self->by_question = pmod_record_is_by_question (begin);
    }
  else if (record->type == PMOD_RECORD_IMAGE)
    {
      self->first_vision = image->first_token;
      self->n_image = image->n_tokens;
    }
  else if (record->type == PMOD_RECORD_ROUTE)
    take_route (self, (const PmodRecordRoute *)record);
  else if (record->type == PMOD_RECORD_STATE)
    take_state (self, (const PmodRecordState *)record);
  else if (record->type == PMOD_RECORD_STAGE)
    take_stage (self, (const PmodRecordStage *)record);
}

PolicyRun *
policy_run_new (PmodContext *context)
{
  PolicyRun *self = g_new0 (PolicyRun, 1);

  self->x = g_ptr_array_new_with_free_func (g_free);
  self->bits = g_byte_array_new ();
  self->cancel_at = -1;
  self->context = context;
  return self;
}

PolicyRun *
policy_prefill (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params)
{
  g_autoptr (GError) error = NULL;
  PolicyRun *run = policy_run_new (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, policy_on_record, run);

  g_assert_true (pmod_context_prefill (context, prompt, params, trace, &error));
  g_assert_no_error (error);
  run->kv_bytes = pmod_context_get_kv_bytes (context);
  return run;
}

static char *
fixture (const char *folder, const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", folder, name, NULL);
}

/* F32, so that what is worked out again is nearly the same. */
PmodContext *
policy_open_context (const char *name)
{
  PmodModelOptions options = { .precision = PMOD_PRECISION_F32 };
  g_autofree char *path = fixture (name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, &options, NULL, NULL, &error);
  PmodContext *context;

  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  return context;
}

PmodImage *
policy_load_picture (const char *name)
{
  g_autofree char *path = fixture ("images", name);
  g_autoptr (GError) error = NULL;
  PmodImage *image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);

  g_assert_no_error (error);
  return image;
}

PmodPrompt *
policy_ask (PmodContext *context, const char *text, PmodImage *image, PmodPromptFlags flags)
{
  PmodModel *model = pmod_context_get_model (context);
  const PmodTurn turn = { PMOD_ROLE_USER, text };
  g_autoptr (GError) error = NULL;
  PmodPrompt *prompt = pmod_prompt_new_chat_full (pmod_model_get_tokenizer (model),
                                                  pmod_model_get_config (model)->conversation,
                                                  &turn, 1, &image, 1, flags, &error);

  g_assert_no_error (error);
  return prompt;
}

PmodParams
policy_params (PmodContext *context, PmodPolicy policy)
{
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (context)));
  params.routing.policy = policy;
  params.routing.seed = 7;
  return params;
}

gboolean
policy_same_choice (const PolicyRun *a, const PolicyRun *b)
{
  for (int layer = 0; layer < a->n_layers; layer++)
    if (a->kept[layer] != NULL && memcmp (a->kept[layer], b->kept[layer], (gsize)a->n_vision) != 0)
      return FALSE;
  return TRUE;
}
