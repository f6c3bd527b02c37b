/* What a context tells its trace. Each function asks first, and does nothing where nobody wants
 * the record. ROUTE records are written by pmod-router.c. */
#include "config.h"

#include <string.h>

#include "pmod-context-private.h"

/* As pmod_record_is_by_question() says. */
static gboolean
is_by_question (const PmodConfig *config, const PmodSequence *sequence, const PmodRouting *routing)
{
  return sequence->question_first ||
         (sequence->n_targets > 0 &&
          (routing->policy == PMOD_POLICY_LAST || config->target == PMOD_TARGET_ALL));
}

void
pmod_context_record_begin (PmodContext *self,
                           const PmodSequence *sequence,
                           const PmodParams *params,
                           int n_reused,
                           PmodTrace *trace)
{
  const PmodConfig *config = self->model->config;
  PmodRecordRunBegin *record;

  if (trace == NULL)
    return;
  pmod_trace_begin_run (trace);
  record = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1,
                              sizeof *record + (gsize)config->n_layers * sizeof (double));
  if (record != NULL)
    {
      record->generation = params->generation;
      record->n_layers = config->n_layers;
      record->n_tokens = sequence->n_tokens;
      record->n_vision = sequence->n_targets;
      record->n_images = (gint32)sequence->images->len;
      record->context_length = config->context_length;
      record->n_reused = n_reused;
      record->hidden = config->hidden;
      record->n_kv_heads = config->n_kv_heads;
      record->head_dim = config->head_dim;
      record->kv_element_bytes = (gint32)pmod_dtype_size (self->model->act);
      record->question_first = sequence->question_first;
      if (is_by_question (config, sequence, &params->routing))
        record->header.flags |= PMOD_RECORD_FLAG_BY_QUESTION;
      record->policy = (gint32)params->routing.policy;
      memcpy (record->ratio, self->ratios, (gsize)config->n_layers * sizeof (double));
      pmod_trace_commit (trace, record);
    }
  /* Before the run, and no part of its time: what the weights take and how long they took. */
  pmod_context_record_span (trace, PMOD_STAGE_LOAD, -1, 0,
                            (double)pmod_model_get_load_ns (self->model) / 1000,
                            pmod_model_get_weight_bytes (self->model), NULL, FALSE);

  for (guint i = 0; i < sequence->images->len; i++)
    {
      const PmodSequenceImage *image = sequence->images->pdata[i];
      PmodRecordImage *entry = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *entry);

      if (entry == NULL)
        return;
      entry->index = (gint32)i;
      entry->width = pmod_image_get_width (image->image);
      entry->height = pmod_image_get_height (image->image);
      entry->n_tiles = image->layout->n_tiles;
      entry->grid_rows = image->layout->grid_rows;
      entry->grid_cols = image->layout->grid_cols;
      entry->first_token = image->first;
      entry->n_tokens = image->layout->n_tokens;
      entry->n_planes = image->layout->n_planes;
      for (int j = 0; j < image->layout->n_planes; j++)
        {
          entry->planes[j] = image->layout->planes[j];
          entry->planes[j].first_token += image->first;
        }
      pmod_trace_commit (trace, entry);
    }
}

void
pmod_context_record_stage (PmodTrace *trace,
                           PmodStage stage,
                           int layer,
                           int n_tokens,
                           gint64 start_us,
                           guint64 bytes,
                           const PmodFlops *flops,
                           gboolean reused)
{
  pmod_context_record_span (trace, stage, layer, n_tokens,
                            (double)(g_get_monotonic_time () - start_us), bytes, flops, reused);
}

void
pmod_context_record_span (PmodTrace *trace,
                          PmodStage stage,
                          int layer,
                          int n_tokens,
                          double us,
                          guint64 bytes,
                          const PmodFlops *flops,
                          gboolean reused)
{
  PmodRecordStage *record;

  if (!pmod_trace_wants (trace, PMOD_RECORD_STAGE))
    return;
  record = pmod_trace_append (trace, PMOD_RECORD_STAGE, layer, sizeof *record);
  if (record == NULL)
    return;
  record->stage = (gint32)stage;
  record->n_tokens = n_tokens;
  record->bytes = bytes;
  if (reused)
    record->header.flags |= PMOD_RECORD_FLAG_REUSED;
  else
    record->duration_ns = (guint64)(us * 1000);
  if (flops != NULL)
    {
      record->paper = flops->paper;
      record->paper_dense = flops->paper_dense;
      record->all = flops->all;
      record->all_dense = flops->all_dense;
    }
  pmod_trace_commit (trace, record);
}

/* As it stands in the vocabulary; "" where there is none. */
static const char *
get_piece (PmodContext *self, gint32 id)
{
  PmodTokenizer *tokenizer = self->model->tokenizer;
  const char *piece = tokenizer != NULL ? pmod_tokenizer_get_piece (tokenizer, id) : NULL;

  if (piece == NULL)
    return "";
  return g_utf8_validate (piece, -1, NULL) ? piece : "\357\277\275";
}

void
pmod_context_record_token (
    PmodContext *self, const PmodScored *token, guint32 flags, const char *text, PmodTrace *trace)
{
  gsize n_chances = (gsize)token->n_alternatives * sizeof *token->alternatives;
  gsize n_text = strlen (text), n_pieces;
  PmodRecordToken *record;
  char *at;

  if (!pmod_trace_wants (trace, PMOD_RECORD_TOKEN))
    return;
  n_pieces = strlen (get_piece (self, token->id)) + 1;
  for (int i = 0; i < token->n_alternatives; i++)
    n_pieces += strlen (get_piece (self, token->alternatives[i].id)) + 1;
  record = pmod_trace_append (trace, PMOD_RECORD_TOKEN, -1,
                              sizeof *record + n_chances + n_text + n_pieces);
  if (record == NULL)
    return;
  record->header.flags |= flags;
  record->index = self->n_new;
  record->id = token->id;
  record->logprob = token->logprob;
  record->n_alternatives = token->n_alternatives;
  record->text_bytes = (gint32)n_text;
  record->piece_bytes = (gint32)n_pieces;
  memcpy (record->alternatives, token->alternatives, n_chances);
  at = (char *)&record->alternatives[token->n_alternatives];
  memcpy (at, text, n_text);
  at = stpcpy (at + n_text, get_piece (self, token->id)) + 1;
  for (int i = 0; i < token->n_alternatives; i++)
    at = stpcpy (at, get_piece (self, token->alternatives[i].id)) + 1;
  pmod_trace_commit (trace, record);
}

void
pmod_context_record_kv (PmodContext *self, int layer, int length_dense, PmodTrace *trace)
{
  PmodRecordKv *record;
  guint64 token_bytes;

  if (!pmod_trace_wants (trace, PMOD_RECORD_KV))
    return;
  record = pmod_trace_append (trace, PMOD_RECORD_KV, layer, sizeof *record);
  if (record == NULL)
    return;
  token_bytes =
      pmod_meter_kv_token_bytes (self->model->config, (int)pmod_dtype_size (self->model->act));
  record->length = self->kv->layers[layer].length;
  record->length_dense = length_dense;
  record->bytes = (guint64)record->length * token_bytes;
  record->bytes_dense = (guint64)length_dense * token_bytes;
  pmod_trace_commit (trace, record);
}

static PmodRecordState *
append_state (PmodTrace *trace, PmodStateKind kind, int layer, int n_dims, const int64_t *shape)
{
  PmodRecordState *record;
  gsize n = 1;

  for (int i = 0; i < n_dims; i++)
    n *= (gsize)shape[i];
  record = pmod_trace_append (trace, PMOD_RECORD_STATE, layer, sizeof *record + n * sizeof (float));
  if (record == NULL)
    return NULL;
  record->kind = (gint32)kind;
  record->n_dims = n_dims;
  for (int i = 0; i < n_dims; i++)
    record->shape[i] = shape[i];
  return record;
}

void
pmod_context_record_state (
    PmodContext *self, PmodStateKind kind, int layer, const PmodTensor *tensor, PmodTrace *trace)
{
  gsize n_bytes = pmod_tensor_bytes (tensor);
  PmodRecordState *record;

  if (!pmod_trace_wants (trace, PMOD_RECORD_STATE))
    return;
  record = append_state (trace, kind, layer, tensor->n_dims, tensor->shape);
  if (record == NULL)
    return;
  pmod_download (self->model->backend, record->data, tensor->data, n_bytes);
  pmod_backend_sync (self->model->backend);
  pmod_widen (record->data, record->data, tensor->dtype, pmod_tensor_n_elements (tensor));
  pmod_trace_commit (trace, record);
}

void
pmod_context_record_cache (PmodContext *self, PmodTrace *trace)
{
  const PmodConfig *config = self->model->config;

  if (!pmod_trace_wants (trace, PMOD_RECORD_STATE))
    return;
  for (int layer = 0; layer < config->n_layers; layer++)
    for (int values = 0; values < 2; values++)
      {
        int64_t shape[] = { config->n_kv_heads, self->kv->layers[layer].length, config->head_dim };
        PmodRecordState *record =
            append_state (trace, values ? PMOD_STATE_VALUES : PMOD_STATE_KEYS, layer, 3, shape);
        g_autofree float *data = NULL;

        if (record == NULL)
          return;
        data = pmod_kv_download (self->kv, layer, values);
        memcpy (record->data, data, (gsize)(shape[0] * shape[1] * shape[2]) * sizeof (float));
        pmod_trace_commit (trace, record);
      }
}
