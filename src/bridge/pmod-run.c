/* PmodRun: records in, typed answers out. See pmod-run.h.
 *
 * Owner: the main thread. Batches are kept as they came; the index below points into them. */
#include "config.h"

#include "pmod-run-private.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-run-pictures-private.h"

typedef struct
{
  const PmodRecordRoute *route; /* inside one of the batches */
  const PmodRecordKv *kv;
  gboolean computed; /* its LAYER stage has come */
  float low, high;   /* weights, once the route is there */
} LayerIndex;

struct _PmodRun
{
  GObject parent_instance;

  GPtrArray *batches; /* GBytes */
  PmodRunPhase phase;
  char *error;
  GString *text;

  const PmodRecordRunBegin *begin;
  PmodRunPictures pictures;
  LayerIndex *layers;
  int n_layers_ready;
  gboolean has_maps;

  PmodFlops prefill;
  PmodFlops decode;
  guint64 kv_bytes;
  guint64 kv_bytes_dense;
  guint64 prefill_ns;
  guint64 decode_ns;
  int n_new_tokens;

  double divergence;
  guint64 divergence_number; /* 0: none */
};

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
  g_string_append_len (self->text, pmod_record_token_text (token), token->text_bytes);
  return token->text_bytes > 0;
}

static gboolean
take_record (PmodRun *self, const PmodRecord *record)
{
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
  pmod_run_finish (self, PMOD_RUN_DONE, NULL, NULL);
  return g_steal_pointer (&self);
}

/* --- Answers out ----------------------------------------------------------------------------- */

PmodRunPhase
pmod_run_get_phase (PmodRun *self)
{
  return self->phase;
}

gboolean
pmod_run_is_finished (PmodRun *self)
{
  return self->phase >= PMOD_RUN_DONE;
}

const char *
pmod_run_get_text (PmodRun *self)
{
  return self->text->str;
}

const char *
pmod_run_get_error (PmodRun *self)
{
  return self->error;
}

gboolean
pmod_run_has_begun (PmodRun *self)
{
  return self->begin != NULL;
}

gboolean
pmod_run_has_maps (PmodRun *self)
{
  return self->has_maps;
}

guint64
pmod_run_get_generation (PmodRun *self)
{
  return self->begin ? self->begin->generation : 0;
}

int
pmod_run_get_policy (PmodRun *self)
{
  return self->begin ? self->begin->policy : 0;
}

gboolean
pmod_run_get_question_first (PmodRun *self)
{
  return self->begin && self->begin->question_first;
}

int
pmod_run_get_n_layers (PmodRun *self)
{
  return self->begin ? self->begin->n_layers : 0;
}

int
pmod_run_get_n_layers_ready (PmodRun *self)
{
  return self->n_layers_ready;
}

gboolean
pmod_run_get_layer (PmodRun *self, int layer, PmodRunLayer *info)
{
  const LayerIndex *index;
  double ratio;

  memset (info, 0, sizeof *info);
  if (layer < 0 || layer >= pmod_run_get_n_layers (self))
    return FALSE;

  index = &self->layers[layer];
  ratio = self->begin->ratio[layer];
  info->routed = ratio >= 0 && self->begin->n_vision > 0;
  info->ratio = info->routed ? ratio : 1;
  info->by_router = info->routed && self->begin->policy == PMOD_POLICY_ROUTER;
  info->n_vision = self->begin->n_vision;
  info->n_kept = self->begin->n_vision;
  info->ready = info->routed ? index->route != NULL : index->computed || index->kv;
  if (index->route)
    {
      info->reused = (index->route->header.flags & PMOD_RECORD_FLAG_REUSED) != 0;
      info->never_read = index->route->never_read != 0;
      info->n_vision = index->route->n_vision;
      info->n_kept = index->route->n_kept;
      info->n_ties = index->route->n_ties;
      info->n_saturated = index->route->n_saturated;
      info->margin = index->route->margin;
    }
  if (index->kv)
    {
      info->kv_length = index->kv->length;
      info->kv_length_dense = index->kv->length_dense;
    }
  return TRUE;
}

static const LayerIndex *
find_route (PmodRun *self, int layer, int token)
{
  const LayerIndex *index;

  if (layer < 0 || layer >= pmod_run_get_n_layers (self))
    return NULL;
  index = &self->layers[layer];
  if (!index->route || token < 0 || token >= index->route->n_vision)
    return NULL;
  return index;
}

gboolean
pmod_run_is_kept (PmodRun *self, int layer, int token)
{
  const LayerIndex *index = find_route (self, layer, token);

  return index ? pmod_record_route_kept (index->route, token) : TRUE;
}

float
pmod_run_get_weight (PmodRun *self, int layer, int token)
{
  const LayerIndex *index = find_route (self, layer, token);

  return index ? pmod_record_route_weights (index->route)[token] : 1;
}

void
pmod_run_get_weight_range (PmodRun *self, int layer, float *low, float *high)
{
  const LayerIndex *index = find_route (self, layer, 0);

  *low = index ? index->low : 1;
  *high = index ? index->high : 1;
}

int
pmod_run_count_kept (PmodRun *self, int token, int *n_routed)
{
  int n_kept = 0;

  *n_routed = 0;
  for (int l = 0; l < pmod_run_get_n_layers (self); l++)
    if (find_route (self, l, token))
      {
        ++*n_routed;
        n_kept += pmod_run_is_kept (self, l, token);
      }
  return n_kept;
}

int
pmod_run_get_n_pictures (PmodRun *self)
{
  return self->pictures.images ? (int)self->pictures.images->len : 0;
}

int
pmod_run_get_n_planes (PmodRun *self, int picture)
{
  return pmod_run_pictures_get_n_planes (&self->pictures, picture);
}

gboolean
pmod_run_get_plane (PmodRun *self, int picture, int plane, PmodRunPlane *info)
{
  return pmod_run_pictures_get_plane (&self->pictures, self->begin, picture, plane, info);
}

gboolean
pmod_run_get_picture_size (PmodRun *self, int picture, int *width, int *height)
{
  const PmodRecordImage *image = pmod_run_pictures_get (&self->pictures, picture);

  if (!image)
    return FALSE;
  *width = image->width;
  *height = image->height;
  return *width > 0 && *height > 0;
}

/* Until the prompt is through, the dense total is what the layers so far promise: every layer of
 * a dense model costs the same. */
static double
estimate_total (PmodRun *self, double dense)
{
  int n_layers = pmod_run_get_n_layers (self);

  if (self->n_layers_ready <= 0 || self->n_layers_ready >= n_layers)
    return dense;
  return dense * n_layers / self->n_layers_ready;
}

PmodRunCost
pmod_run_get_flops (PmodRun *self, PmodFlopsRule rule)
{
  PmodRunCost cost = { 0 };
  double prefill_dense;

  if (rule == PMOD_FLOPS_PAPER)
    {
      prefill_dense = self->prefill.paper_dense;
      cost.used = self->prefill.paper + self->decode.paper;
      cost.dense = prefill_dense + self->decode.paper_dense;
    }
  else
    {
      prefill_dense = self->prefill.all_dense;
      cost.used = self->prefill.all + self->decode.all;
      cost.dense = prefill_dense + self->decode.all_dense;
    }
  cost.total = cost.dense + estimate_total (self, prefill_dense) - prefill_dense;
  return cost;
}

PmodRunCost
pmod_run_get_kv (PmodRun *self)
{
  PmodRunCost cost = { (double)self->kv_bytes, (double)self->kv_bytes_dense, 0 };

  cost.total = estimate_total (self, cost.dense);
  return cost;
}

int
pmod_run_get_n_tokens (PmodRun *self)
{
  return self->begin ? self->begin->n_tokens + self->n_new_tokens : 0;
}

int
pmod_run_get_n_prompt_tokens (PmodRun *self)
{
  return self->begin ? self->begin->n_tokens : 0;
}

int
pmod_run_get_n_vision (PmodRun *self)
{
  return self->begin ? self->begin->n_vision : 0;
}

int
pmod_run_get_n_tiles (PmodRun *self)
{
  const PmodRecordImage *image;
  int n_tiles = 0;

  for (int i = 0; (image = pmod_run_pictures_get (&self->pictures, i)); i++)
    n_tiles += image->n_tiles;
  return n_tiles;
}

int
pmod_run_get_n_reused (PmodRun *self)
{
  return self->begin ? self->begin->n_reused : 0;
}

int
pmod_run_get_n_new_tokens (PmodRun *self)
{
  return self->n_new_tokens;
}

int
pmod_run_get_context_length (PmodRun *self)
{
  return self->begin ? self->begin->context_length : 0;
}

guint64
pmod_run_get_prefill_ns (PmodRun *self)
{
  return self->prefill_ns;
}

guint64
pmod_run_get_decode_ns (PmodRun *self)
{
  return self->decode_ns;
}

guint64
pmod_run_get_divergence (PmodRun *self, double *divergence)
{
  *divergence = self->divergence;
  return self->divergence_number;
}
