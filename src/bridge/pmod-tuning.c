/* PmodTuning: see pmod-tuning.h.
 *
 * Owner: the main thread. Every value is one row of a table, so that a property, its setter and
 * the change that it makes are the same thing for all of them. */
#include "config.h"

#include "pmod-tuning-private.h"

#include <math.h>
#include <string.h>

#include "pmod-model-card-private.h"

G_STATIC_ASSERT ((int)PMOD_TUNING_N_SCHEDULES == (int)PMOD_SCHEDULE_CONSTANT + 1);
G_STATIC_ASSERT ((int)PMOD_TUNING_INTERLEAVE == (int)PMOD_SCHEDULE_INTERLEAVE);
G_STATIC_ASSERT ((int)PMOD_TUNING_N_NORMS == (int)PMOD_ROUTER_NORM_NONE + 1);
G_STATIC_ASSERT ((int)PMOD_TUNING_N_POLICIES == (int)PMOD_N_POLICIES);
G_STATIC_ASSERT ((int)PMOD_TUNING_FIRST == (int)PMOD_POLICY_FIRST);
G_STATIC_ASSERT ((int)PMOD_TUNING_LAST == (int)PMOD_POLICY_LAST);
G_STATIC_ASSERT ((int)PMOD_TUNING_PAINTED == (int)PMOD_POLICY_PAINTED);

/* The published models' numbers. Source: p-MoD, scripts of LLaVA-v1.5 and LLaVA-NeXT. */
static const PmodSchedule published = { PMOD_SCHEDULE_SHIFTEDCOS, 0.5, 0.85, 0.15, 1 };
static const PmodRouterNorm published_norm = { PMOD_ROUTER_NORM_TANH, 0.2, 1 };

struct _PmodTuning
{
  GObject parent_instance;

  PmodModelCard *card;
  PmodParams params; /* its generation is of the last change */
  gboolean question_first;

  double ratios[PMOD_MAX_LAYERS]; /* what params come to */
  double trained_ratios[PMOD_MAX_LAYERS];
  gboolean is_trained;
  int n_frozen;
  PmodTuningChange pending;
};

enum
{
  PROP_SCHEDULE = 1,
  PROP_FACTOR,
  PROP_UPPER,
  PROP_LOWER,
  PROP_NORM,
  PROP_NORM_SCALE,
  PROP_NORM_BIAS,
  PROP_POLICY,
  PROP_SEED,
  PROP_QUESTION_FIRST,
  PROP_TEMPERATURE,
  PROP_TOP_P,
  PROP_TOP_K,
  PROP_SAMPLING_SEED,
  PROP_MAX_TOKENS,
  N_VALUES,
  PROP_TRAINED = N_VALUES,
  PROP_OUTSIDE_TRAINING,
  PROP_GENERATION,
  PROP_MODEL,
  N_PROPS
};

enum
{
  CHANGED,
  N_SIGNALS
};

typedef struct
{
  const char *name;
  GType type; /* of the property; enumerations are integers */
  gsize offset;
  double low, high;
  PmodTuningChange change;
} Value;

#define AT(field) G_STRUCT_OFFSET (PmodTuning, field)
#define LARGEST G_MAXDOUBLE

static const Value values[N_VALUES] = {
  [PROP_SCHEDULE] = { "schedule", G_TYPE_INT, AT (params.routing.schedule.kind), 0,
                      PMOD_TUNING_N_SCHEDULES - 1, PMOD_TUNING_ROUTING },
  [PROP_FACTOR] = { "factor", G_TYPE_DOUBLE, AT (params.routing.schedule.factor), 0, LARGEST,
                    PMOD_TUNING_ROUTING },
  [PROP_UPPER] = { "upper", G_TYPE_DOUBLE, AT (params.routing.schedule.upper), 0, LARGEST,
                   PMOD_TUNING_ROUTING },
  [PROP_LOWER] = { "lower", G_TYPE_DOUBLE, AT (params.routing.schedule.lower), 0, LARGEST,
                   PMOD_TUNING_ROUTING },
  [PROP_NORM] = { "norm", G_TYPE_INT, AT (params.routing.norm.function), 0, PMOD_TUNING_N_NORMS - 1,
                  PMOD_TUNING_ROUTING },
  [PROP_NORM_SCALE] = { "norm-scale", G_TYPE_DOUBLE, AT (params.routing.norm.scale), -LARGEST,
                        LARGEST, PMOD_TUNING_ROUTING },
  [PROP_NORM_BIAS] = { "norm-bias", G_TYPE_DOUBLE, AT (params.routing.norm.bias), -LARGEST, LARGEST,
                       PMOD_TUNING_ROUTING },
  [PROP_POLICY] = { "policy", G_TYPE_INT, AT (params.routing.policy), 0, PMOD_TUNING_N_POLICIES - 1,
                    PMOD_TUNING_ROUTING },
  [PROP_SEED] = { "seed", G_TYPE_UINT64, AT (params.routing.seed), 0, 0, PMOD_TUNING_ROUTING },
  [PROP_QUESTION_FIRST] = { "question-first", G_TYPE_BOOLEAN, AT (question_first), 0, 1,
                            PMOD_TUNING_ROUTING },
  [PROP_TEMPERATURE] = { "temperature", G_TYPE_DOUBLE, AT (params.sampling.temperature), 0, 100,
                         PMOD_TUNING_SAMPLING },
  [PROP_TOP_P] = { "top-p", G_TYPE_DOUBLE, AT (params.sampling.top_p), 0, 1, PMOD_TUNING_SAMPLING },
  [PROP_TOP_K] = { "top-k", G_TYPE_INT, AT (params.sampling.top_k), 0, G_MAXINT,
                   PMOD_TUNING_SAMPLING },
  [PROP_SAMPLING_SEED] = { "sampling-seed", G_TYPE_UINT64, AT (params.sampling.seed), 0, 0,
                           PMOD_TUNING_SAMPLING },
  [PROP_MAX_TOKENS] = { "max-tokens", G_TYPE_INT, AT (params.sampling.max_new_tokens), 0, 1 << 20,
                        PMOD_TUNING_SAMPLING },
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodTuning, pmod_tuning, G_TYPE_OBJECT)

static const PmodConfig *
get_config (PmodTuning *self)
{
  return self->card ? self->card->facts->config : NULL;
}

static const PmodParams *
get_trained (PmodTuning *self)
{
  return &self->card->facts->trained;
}

/* --- Change ---------------------------------------------------------------------------------- */

/* A decay that begins earlier than in training would route layers that have nothing to route with,
 * which the engine refuses; whoever moves a slider means the others. */
static void
spare_plain_layers (PmodTuning *self, PmodRouting *routing)
{
  const PmodConfig *config = get_config (self);

  for (int l = 0; config && l < config->n_layers; l++)
    if (!config->has_router[l] && isnan (routing->ratio[l]))
      routing->ratio[l] = PMOD_RATIO_PLAIN;
}

static void
compute (PmodTuning *self)
{
  const PmodConfig *config = get_config (self);
  PmodRouting routing = self->params.routing;

  self->is_trained = FALSE;
  if (!config)
    return;
  spare_plain_layers (self, &routing);
  pmod_schedule_ratios (&routing.schedule, config->n_layers, self->ratios);
  for (int l = 0; l < config->n_layers; l++)
    if (!isnan (routing.ratio[l]))
      self->ratios[l] = routing.ratio[l];
  self->is_trained =
      !self->question_first && pmod_routing_equal (&routing, &get_trained (self)->routing, config);
}

static void
emit (PmodTuning *self)
{
  PmodTuningChange change = self->pending;
  gboolean was_trained = self->is_trained;

  self->pending = 0;
  self->params.generation++;
  compute (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GENERATION]);
  if (was_trained != self->is_trained || (change & PMOD_TUNING_MODEL))
    {
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TRAINED]);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_OUTSIDE_TRAINING]);
    }
  g_signal_emit (self, signals[CHANGED], 0, (guint)change);
}

static void
change (PmodTuning *self, PmodTuningChange what)
{
  self->pending |= what;
  if (self->n_frozen == 0)
    emit (self);
}

void
pmod_tuning_freeze (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));

  g_object_freeze_notify (G_OBJECT (self));
  self->n_frozen++;
}

void
pmod_tuning_thaw (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail (self->n_frozen > 0);

  self->n_frozen--;
  if (self->n_frozen == 0 && self->pending)
    emit (self);
  g_object_thaw_notify (G_OBJECT (self));
}

static gsize
value_size (const Value *value)
{
  if (value->type == G_TYPE_DOUBLE)
    return sizeof (double);
  return value->type == G_TYPE_UINT64 ? sizeof (guint64) : sizeof (int);
}

/* data: as the field is. Without a model there is nothing to tune. */
static void
set_value (PmodTuning *self, int id, gconstpointer data)
{
  gpointer field = G_STRUCT_MEMBER_P (self, values[id].offset);
  gsize size = value_size (&values[id]);

  if (!self->card || memcmp (field, data, size) == 0)
    return;
  memcpy (field, data, size);
  g_object_notify_by_pspec (G_OBJECT (self), props[id]);
  change (self, values[id].change);
}

static void
set_double (PmodTuning *self, int id, double number)
{
  /* -0 and 0 are one value. */
  number = CLAMP (number, values[id].low, values[id].high) + 0.0;
  g_return_if_fail (isfinite (number));
  set_value (self, id, &number);
}

static void
set_int (PmodTuning *self, int id, int number)
{
  number = CLAMP (number, (int)values[id].low, (int)values[id].high);
  set_value (self, id, &number);
}

static void
notify_values (PmodTuning *self)
{
  for (int id = 1; id < N_VALUES; id++)
    g_object_notify_by_pspec (G_OBJECT (self), props[id]);
}

/* Takes what of routing this model can have; its own span stays, as that is a fact of its depth. */
static void
take_routing (PmodTuning *self, const PmodRouting *routing)
{
  const PmodConfig *config = get_config (self);
  int span = get_trained (self)->routing.schedule.span;

  PmodRouting taken;

  /* First: it may be self's own. */
  pmod_routing_copy (&taken, routing);
  /* Settings that paint nothing leave the painting there for when it is wanted again. */
  if (!taken.paint)
    taken.paint = g_steal_pointer (&self->params.routing.paint);
  pmod_routing_clear (&self->params.routing);
  self->params.routing = taken;
  self->params.routing.schedule.span = span;
  for (int l = 0; l < PMOD_MAX_LAYERS; l++)
    if (l >= config->n_layers || !config->has_router[l])
      self->params.routing.ratio[l] = NAN;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_tuning_finalize (GObject *object)
{
  PmodTuning *self = PMOD_TUNING (object);

  g_clear_pointer (&self->card, pmod_model_card_unref);
  pmod_params_clear (&self->params);

  G_OBJECT_CLASS (pmod_tuning_parent_class)->finalize (object);
}

static void
pmod_tuning_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodTuning *self = PMOD_TUNING (object);
  gpointer field = id < N_VALUES ? G_STRUCT_MEMBER_P (self, values[id].offset) : NULL;

  if (id == PROP_TRAINED)
    g_value_set_boolean (value, self->is_trained);
  else if (id == PROP_OUTSIDE_TRAINING)
    g_value_set_boolean (value, pmod_tuning_get_outside_training (self));
  else if (id == PROP_GENERATION)
    g_value_set_uint64 (value, self->params.generation);
  else if (id == PROP_MODEL)
    g_value_set_boxed (value, self->card);
  else if (values[id].type == G_TYPE_DOUBLE)
    g_value_set_double (value, *(double *)field);
  else if (values[id].type == G_TYPE_UINT64)
    g_value_set_uint64 (value, *(guint64 *)field);
  else if (values[id].type == G_TYPE_BOOLEAN)
    g_value_set_boolean (value, *(gboolean *)field);
  else
    g_value_set_int (value, *(int *)field);
}

static void
pmod_tuning_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodTuning *self = PMOD_TUNING (object);
  guint64 seed;

  if (values[id].type == G_TYPE_DOUBLE)
    set_double (self, id, g_value_get_double (value));
  else if (values[id].type == G_TYPE_BOOLEAN)
    set_int (self, id, g_value_get_boolean (value));
  else if (values[id].type == G_TYPE_INT)
    set_int (self, id, g_value_get_int (value));
  else
    {
      seed = g_value_get_uint64 (value);
      set_value (self, id, &seed);
    }
}

static GParamSpec *
make_spec (const Value *value)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  if (value->type == G_TYPE_DOUBLE)
    return g_param_spec_double (value->name, NULL, NULL, value->low, value->high,
                                MAX (value->low, 0), flags);
  if (value->type == G_TYPE_UINT64)
    return g_param_spec_uint64 (value->name, NULL, NULL, 0, G_MAXUINT64, 0, flags);
  if (value->type == G_TYPE_BOOLEAN)
    return g_param_spec_boolean (value->name, NULL, NULL, FALSE, flags);
  return g_param_spec_int (value->name, NULL, NULL, (int)value->low, (int)value->high, 0, flags);
}

static void
pmod_tuning_class_init (PmodTuningClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = pmod_tuning_finalize;
  object_class->get_property = pmod_tuning_get_property;
  object_class->set_property = pmod_tuning_set_property;

  for (int id = 1; id < N_VALUES; id++)
    props[id] = make_spec (&values[id]);
  props[PROP_TRAINED] = g_param_spec_boolean ("trained", NULL, NULL, FALSE, flags);
  props[PROP_OUTSIDE_TRAINING] =
      g_param_spec_boolean ("outside-training", NULL, NULL, FALSE, flags);
  props[PROP_GENERATION] = g_param_spec_uint64 ("generation", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  props[PROP_MODEL] = g_param_spec_boxed ("model", NULL, NULL, PMOD_TYPE_MODEL_CARD, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* (PmodTuningChange): once after each change, after the properties' notifications. */
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_TUNING, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
pmod_tuning_init (PmodTuning *self)
{
  for (int l = 0; l < PMOD_MAX_LAYERS; l++)
    {
      self->params.routing.ratio[l] = NAN;
      self->ratios[l] = PMOD_RATIO_PLAIN;
    }
}

static void
set_card (PmodTuning *self, PmodModelCard *card)
{
  g_clear_pointer (&self->card, pmod_model_card_unref);
  self->card = card ? pmod_model_card_ref (card) : NULL;
  /* A checkpoint whose own routing is refused is not opened. */
  if (card)
    pmod_routing_ratios (&get_trained (self)->routing, get_config (self), self->trained_ratios,
                         NULL);
}

/* --- For the bridge -------------------------------------------------------------------------- */

void
pmod_tuning_set_model (PmodTuning *self, PmodModelCard *card)
{
  guint64 generation = self->params.generation;

  set_card (self, card);
  if (card)
    {
      pmod_params_clear (&self->params);
      pmod_params_copy (&self->params, &card->facts->trained);
    }
  self->params.generation = generation;
  self->question_first = FALSE;

  pmod_tuning_freeze (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MODEL]);
  notify_values (self);
  change (self, PMOD_TUNING_MODEL | PMOD_TUNING_ROUTING | PMOD_TUNING_SAMPLING);
  pmod_tuning_thaw (self);
}

void
pmod_tuning_get_params (PmodTuning *self, PmodParams *params)
{
  pmod_params_copy (params, &self->params);
  spare_plain_layers (self, &params->routing);
}

void
pmod_tuning_set_routing (PmodTuning *self, const PmodRouting *routing)
{
  if (!self->card)
    return;
  pmod_tuning_freeze (self);
  take_routing (self, routing);
  notify_values (self);
  change (self, PMOD_TUNING_ROUTING);
  pmod_tuning_thaw (self);
}

void
pmod_tuning_take_over_paint (PmodTuning *self, PmodPaint *paint)
{
  if (!self->card || pmod_paint_equal (self->params.routing.paint, paint))
    return;
  pmod_params_set_paint (&self->params, paint);
  change (self, PMOD_TUNING_ROUTING);
}

const PmodParams *
pmod_tuning_peek_params (PmodTuning *self)
{
  return &self->params;
}

gboolean
pmod_tuning_get_question_first (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return self->question_first;
}

void
pmod_tuning_set_question_first (PmodTuning *self, gboolean question_first)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  set_int (self, PROP_QUESTION_FIRST, question_first != FALSE);
}

/* --- Whole settings -------------------------------------------------------------------------- */

PmodTuning *
pmod_tuning_new (void)
{
  return g_object_new (PMOD_TYPE_TUNING, NULL);
}

PmodTuning *
pmod_tuning_copy (PmodTuning *self)
{
  PmodTuning *copy = pmod_tuning_new ();

  g_return_val_if_fail (PMOD_IS_TUNING (self), copy);

  set_card (copy, self->card);
  pmod_params_copy (&copy->params, &self->params);
  copy->question_first = self->question_first;
  compute (copy);
  return copy;
}

void
pmod_tuning_assign (PmodTuning *self, PmodTuning *other)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail (PMOD_IS_TUNING (other));

  if (!self->card || !other->card)
    return;
  pmod_tuning_freeze (self);
  self->params.sampling = other->params.sampling;
  self->question_first = other->question_first;
  pmod_tuning_set_routing (self, &other->params.routing);
  change (self, PMOD_TUNING_SAMPLING);
  pmod_tuning_thaw (self);
}

gboolean
pmod_tuning_equal (PmodTuning *self, PmodTuning *other)
{
  PmodParams mine, theirs;
  gboolean equal;

  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  g_return_val_if_fail (PMOD_IS_TUNING (other), FALSE);

  if (!self->card || self->card != other->card || self->question_first != other->question_first)
    return FALSE;
  pmod_tuning_get_params (self, &mine);
  pmod_tuning_get_params (other, &theirs);
  equal = pmod_routing_equal (&mine.routing, &theirs.routing, get_config (self));
  pmod_params_clear (&mine);
  pmod_params_clear (&theirs);
  return equal;
}

PmodModelCard *
pmod_tuning_get_model (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), NULL);
  return self->card;
}

guint64
pmod_tuning_get_generation (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return self->params.generation;
}

gboolean
pmod_tuning_get_trained (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return self->is_trained;
}

gboolean
pmod_tuning_get_outside_training (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), FALSE);
  return self->card && !self->is_trained;
}

void
pmod_tuning_reset (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));

  if (!self->card)
    return;
  self->question_first = FALSE;
  pmod_tuning_set_routing (self, &get_trained (self)->routing);
}

void
pmod_tuning_reset_sampling (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));

  if (!self->card)
    return;
  pmod_tuning_freeze (self);
  self->params.sampling = get_trained (self)->sampling;
  notify_values (self);
  change (self, PMOD_TUNING_SAMPLING);
  pmod_tuning_thaw (self);
}

static void
set_schedule (PmodTuning *self, const PmodSchedule *schedule, const PmodRouterNorm *norm)
{
  PmodRouting routing = { .schedule = *schedule, .norm = *norm };

  for (int l = 0; l < PMOD_MAX_LAYERS; l++)
    routing.ratio[l] = NAN;
  self->question_first = FALSE;
  pmod_tuning_set_routing (self, &routing);
}

void
pmod_tuning_set_dense (PmodTuning *self)
{
  PmodSchedule schedule;

  g_return_if_fail (PMOD_IS_TUNING (self));

  if (!self->card)
    return;
  schedule = get_trained (self)->routing.schedule;
  schedule.kind = PMOD_SCHEDULE_DENSE;
  set_schedule (self, &schedule, &get_trained (self)->routing.norm);
}

void
pmod_tuning_set_published (PmodTuning *self)
{
  g_return_if_fail (PMOD_IS_TUNING (self));

  if (self->card)
    set_schedule (self, &published, &published_norm);
}

/* --- Layers ---------------------------------------------------------------------------------- */

int
pmod_tuning_get_n_layers (PmodTuning *self)
{
  g_return_val_if_fail (PMOD_IS_TUNING (self), 0);
  return self->card ? get_config (self)->n_layers : 0;
}

gboolean
pmod_tuning_has_router (PmodTuning *self, int layer)
{
  return layer >= 0 && layer < pmod_tuning_get_n_layers (self) &&
         get_config (self)->has_router[layer];
}

double
pmod_tuning_get_ratio (PmodTuning *self, int layer)
{
  if (layer < 0 || layer >= pmod_tuning_get_n_layers (self))
    return PMOD_TUNING_PLAIN;
  return self->ratios[layer];
}

gboolean
pmod_tuning_is_routed (PmodTuning *self, int layer)
{
  return pmod_tuning_get_ratio (self, layer) != PMOD_TUNING_PLAIN;
}

double
pmod_tuning_get_trained_ratio (PmodTuning *self, int layer)
{
  if (layer < 0 || layer >= pmod_tuning_get_n_layers (self))
    return PMOD_TUNING_PLAIN;
  return self->trained_ratios[layer];
}

static void
set_ratio (PmodTuning *self, int layer, double ratio)
{
  double *field = &self->params.routing.ratio[layer];

  if (*field == ratio || (isnan (*field) && isnan (ratio)))
    return;
  *field = ratio;
  change (self, PMOD_TUNING_ROUTING);
}

void
pmod_tuning_set_ratio (PmodTuning *self, int layer, double ratio)
{
  g_return_if_fail (PMOD_IS_TUNING (self));
  g_return_if_fail (isfinite (ratio));

  if (layer >= 0 && layer < pmod_tuning_get_n_layers (self))
    set_ratio (self, layer, ratio == PMOD_TUNING_PLAIN ? ratio : CLAMP (ratio, 0, 1));
}

gboolean
pmod_tuning_has_override (PmodTuning *self, int layer)
{
  return layer >= 0 && layer < pmod_tuning_get_n_layers (self) &&
         !isnan (self->params.routing.ratio[layer]);
}

void
pmod_tuning_clear_ratio (PmodTuning *self, int layer)
{
  if (layer >= 0 && layer < pmod_tuning_get_n_layers (self))
    set_ratio (self, layer, NAN);
}

void
pmod_tuning_clear_ratios (PmodTuning *self)
{
  pmod_tuning_freeze (self);
  for (int l = 0; l < pmod_tuning_get_n_layers (self); l++)
    set_ratio (self, l, NAN);
  pmod_tuning_thaw (self);
}
