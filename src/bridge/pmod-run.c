/* PmodRun: records in; what is told of them is in pmod-run-answers.c. See pmod-run.h.
 *
 * Owner: the main thread. Batches are kept as they came; the index below points into them. */
#include "config.h"

#include "pmod-run-state-private.h"

#include <string.h>

enum
{
  PROP_PHASE = 1,
  PROP_TEXT,
  N_PROPS
};

enum
{
  CHANGED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodRun, pmod_run, G_TYPE_OBJECT)

static void
pmod_run_finalize (GObject *object)
{
  PmodRun *self = PMOD_RUN (object);

  g_clear_pointer (&self->batches, g_ptr_array_unref);
  g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->layers, g_free);
  pmod_run_pictures_free (&self->pictures);
  g_string_free (self->text, TRUE);
  pmod_run_spans_clear (&self->spans);
  g_clear_pointer (&self->tokens, g_ptr_array_unref);
  g_clear_weak_pointer (&self->dense_run);

  G_OBJECT_CLASS (pmod_run_parent_class)->finalize (object);
}

static void
pmod_run_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodRun *self = PMOD_RUN (object);

  switch (id)
    {
    case PROP_PHASE:
      g_value_set_int (value, (int)self->phase);
      break;
    case PROP_TEXT:
      g_value_set_string (value, self->text->str);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_run_class_init (PmodRunClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_run_finalize;
  object_class->get_property = pmod_run_get_property;

  props[PROP_PHASE] = g_param_spec_int ("phase", NULL, NULL, 0, PMOD_RUN_FAILED, 0,
                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_TEXT] =
      g_param_spec_string ("text", NULL, NULL, "", G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* Once after each batch, whatever it held. */
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_RUN, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
}

static void
pmod_run_init (PmodRun *self)
{
  self->batches = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  self->text = g_string_new (NULL);
}

/* --- Records in ------------------------------------------------------------------------------ */

static void
set_phase (PmodRun *self, PmodRunPhase phase)
{
  if (self->phase == phase)
    return;
  self->phase = phase;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PHASE]);
}

/* A file may hold several runs: the last one is shown. */
static void
take_begin (PmodRun *self, const PmodRecordRunBegin *begin)
{
  g_free (self->layers);
  self->begin = begin;
  self->layers = g_new0 (LayerIndex, MAX (begin->n_layers, 0));
  pmod_run_pictures_clear (&self->pictures);
  self->n_layers_ready = 0;
  self->has_maps = FALSE;
  memset (&self->prefill, 0, sizeof self->prefill);
  memset (&self->decode, 0, sizeof self->decode);
  self->kv_bytes = self->kv_bytes_dense = 0;
  self->prefill_ns = self->decode_ns = 0;
  self->n_new_tokens = 0;
  g_clear_pointer (&self->tokens, g_ptr_array_unref);
  self->end = NULL;
  g_string_truncate (self->text, 0);
}

static LayerIndex *
find_layer (PmodRun *self, const PmodRecord *record)
{
  if (!self->begin || record->layer < 0 || record->layer >= self->begin->n_layers)
    return NULL;
  return &self->layers[record->layer];
}

static void
take_stage (PmodRun *self, const PmodRecordStage *stage)
{
  PmodFlops flops = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };
  LayerIndex *layer = find_layer (self, &stage->header);

  switch ((PmodStage)stage->stage)
    {
    case PMOD_STAGE_LAYER:
      if (layer && !layer->computed)
        {
          layer->computed = TRUE;
          self->n_layers_ready++;
        }
      pmod_flops_add (&self->prefill, &flops);
      break;
    case PMOD_STAGE_VISION:
    case PMOD_STAGE_PROJECTOR:
    case PMOD_STAGE_HEAD:
      pmod_flops_add (&self->prefill, &flops);
      break;
    case PMOD_STAGE_DECODE:
      pmod_flops_add (&self->decode, &flops);
      self->decode_ns += stage->duration_ns;
      break;
    case PMOD_STAGE_PREFILL:
      self->prefill_ns = stage->duration_ns;
      break;
    default:
      break;
    }
}

static void
take_route (PmodRun *self, const PmodRecordRoute *route)
{
  LayerIndex *layer = find_layer (self, &route->header);
  const float *weights = pmod_record_route_weights (route);

  if (!layer)
    return;
  layer->route = route;
  layer->low = route->n_vision > 0 ? weights[0] : 0;
  layer->high = layer->low;
  for (int i = 1; i < route->n_vision; i++)
    {
      layer->low = MIN (layer->low, weights[i]);
      layer->high = MAX (layer->high, weights[i]);
    }
  self->has_maps = TRUE;
}

static void
take_kv (PmodRun *self, const PmodRecordKv *kv)
{
  LayerIndex *layer = find_layer (self, &kv->header);

  if (!layer)
    return;
  if (layer->kv)
    {
      self->kv_bytes -= layer->kv->bytes;
      self->kv_bytes_dense -= layer->kv->bytes_dense;
    }
  layer->kv = kv;
  self->kv_bytes += kv->bytes;
  self->kv_bytes_dense += kv->bytes_dense;
}

static gboolean
take_token (PmodRun *self, const PmodRecordToken *token)
{
  self->n_new_tokens = token->index + 1;
  if (!self->tokens)
    self->tokens = g_ptr_array_new ();
  g_ptr_array_add (self->tokens, (gpointer)token);
  g_string_append_len (self->text, pmod_record_token_text (token), token->text_bytes);
  return token->text_bytes > 0;
}

static gboolean
take_record (PmodRun *self, const PmodRecord *record)
{
  pmod_run_spans_take (&self->spans, record);
  switch ((PmodRecordType)record->type)
    {
    case PMOD_RECORD_RUN_BEGIN:
      take_begin (self, (const PmodRecordRunBegin *)record);
      break;
    case PMOD_RECORD_IMAGE:
      pmod_run_pictures_add (&self->pictures, (const PmodRecordImage *)record);
      break;
    case PMOD_RECORD_STAGE:
      take_stage (self, (const PmodRecordStage *)record);
      break;
    case PMOD_RECORD_ROUTE:
      take_route (self, (const PmodRecordRoute *)record);
      break;
    case PMOD_RECORD_KV:
      take_kv (self, (const PmodRecordKv *)record);
      break;
    case PMOD_RECORD_TOKEN:
      return take_token (self, (const PmodRecordToken *)record);
    case PMOD_RECORD_RUN_END:
      self->end = (const PmodRecordRunEnd *)record;
      break;
    default:
      break;
    }
  return FALSE;
}

static gboolean
take_batch (PmodRun *self, GBytes *records, GError **error)
{
  gsize size = 0;
  gsize offset = 0;
  const guint8 *bytes = g_bytes_get_data (records, &size);
  const PmodRecord *record;
  gboolean new_text = FALSE;
  GError *failure = NULL;

  g_ptr_array_add (self->batches, g_bytes_ref (records));
  while ((record = pmod_trace_next (bytes, size, &offset, &failure)))
    new_text |= take_record (self, record);

  if (new_text)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TEXT]);
  if (failure)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  return TRUE;
}

void
pmod_run_append (PmodRun *self, GBytes *records)
{
  g_autoptr (GError) error = NULL;

  g_return_if_fail (PMOD_IS_RUN (self));
  g_return_if_fail (!pmod_run_is_finished (self));

  if (!take_batch (self, records, &error))
    {
      pmod_run_finish (self, PMOD_RUN_FAILED, NULL, error->message);
      return;
    }
  if (self->n_new_tokens > 0)
    set_phase (self, PMOD_RUN_ANSWERING);
  else if (self->begin)
    set_phase (self, PMOD_RUN_READING);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
pmod_run_finish (PmodRun *self, PmodRunPhase phase, const char *text, const char *error)
{
  g_return_if_fail (PMOD_IS_RUN (self));

  if (pmod_run_is_finished (self))
    return;
  if (text && strcmp (text, self->text->str) != 0)
    {
      g_string_assign (self->text, text);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TEXT]);
    }
  g_free (self->error);
  self->error = g_strdup (error);
  set_phase (self, phase);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
pmod_run_set_divergence (PmodRun *self, double divergence, guint64 number)
{
  g_return_if_fail (PMOD_IS_RUN (self));

  self->divergence = divergence;
  self->divergence_number = number;
  g_signal_emit (self, signals[CHANGED], 0);
}

PmodRun *
pmod_run_new (void)
{
  return g_object_new (PMOD_TYPE_RUN, NULL);
}

PmodRun *
pmod_run_new_from_records (GBytes *records, GError **error)
{
  return pmod_run_new_from_records_as (records, NULL, error);
}

PmodRun *
pmod_run_new_from_records_as (GBytes *records, const char *text, GError **error)
{
  g_autoptr (PmodRun) self = pmod_run_new ();

  g_return_val_if_fail (records != NULL, NULL);

  if (!take_batch (self, records, error))
    return NULL;
  if (!self->begin)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "trace: expected a run, got %" G_GSIZE_FORMAT " bytes without one",
                   g_bytes_get_size (records));
      return NULL;
    }
  pmod_run_finish (self, PMOD_RUN_DONE, text, NULL);
  return g_steal_pointer (&self);
}

void
pmod_run_set_dense_run (PmodRun *self, PmodRun *dense)
{
  g_return_if_fail (self != dense);

  if (g_set_weak_pointer (&self->dense_run, dense))
    g_signal_emit (self, signals[CHANGED], 0);
}

guint64
pmod_run_get_divergence (PmodRun *self, double *divergence)
{
  *divergence = self->divergence;
  return self->divergence_number;
}
