/* PmodComparison: see pmod-comparison.h.
 *
 * Owned by its chat, and so without a reference to it. What B was asked for last is kept as a copy
 * of its settings, words and picture: a wish that is no other needs no run. */
#include "config.h"

#include "pmod-comparison.h"

#include "pmod-comparison-wish.h"
#include "pmod-model-card-private.h"
#include "pmod-picture-private.h"
#include "pmod-turns.h"

#define LANE 1

/* Where A rests this long, B may take the time to answer. */
#define REST_MS 350

struct _PmodComparison
{
  GObject parent_instance;

  PmodChat *chat; /* not owned: it owns this */
  PmodSession *session;
  gboolean active;
  PmodComparisonKind kind;
  PmodTuningPolicy policy;
  PmodTuning *settings; /* nullable */
  char *settings_name;

  PmodComparisonWish wish; /* of the newest run */
  PmodRun *asked;          /* the newest run, until it is finished */
  gulong asked_id;
  PmodPicture *asked_picture;
  gboolean asked_answers;
  gboolean read;     /* wish's maps are asked for, or there */
  gboolean answered; /* its answer is */
  gboolean gave_way; /* asked was stopped for A's sake */
  guint rest_id;

  PmodPicture *ahead; /* that A will show: its maps wait until it does */
  PmodRun *ahead_run; /* NULL: they are not there yet */

  PmodRun *run; /* shown */
  PmodPicture *picture;
  PmodRun *partner;
  PmodRun *answer;
  gboolean answer_is_old; /* of another wish than the newest */
};

enum
{
  PROP_ACTIVE = 1,
  PROP_RUN,
  PROP_PICTURE,
  N_PROPS
};

enum
{
  CHANGED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodComparison, pmod_comparison, G_TYPE_OBJECT)

static void update (PmodComparison *self);

/* Whether A shows what B was asked about: live, A may be a frame ahead. A conversation that began
 * with words alone has no picture of its own. */
static gboolean
is_of_same (PmodComparison *self)
{
  PmodPicture *shown = pmod_chat_get_shown (self->chat);

  return self->picture && (!shown || pmod_picture_get_part (self->picture, 0) == shown);
}

static void
tell (PmodComparison *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

/* --- Wishes ---------------------------------------------------------------------------------- */

PmodTuning *
pmod_comparison_dup_tuning (PmodComparison *self)
{
  PmodTuning *a, *b;

  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);

  a = pmod_session_get_tuning (self->session);
  b = pmod_tuning_copy (self->kind == PMOD_COMPARISON_SETTINGS && self->settings ? self->settings
                                                                                 : a);
  if (self->kind == PMOD_COMPARISON_TRAINED)
    pmod_tuning_reset (b);
  else if (self->kind == PMOD_COMPARISON_DENSE)
    pmod_tuning_set_dense (b);
  else if (self->kind == PMOD_COMPARISON_POLICY)
    pmod_tuning_set_policy (b, self->policy);
  else if (self->kind == PMOD_COMPARISON_QUESTION_FIRST)
    pmod_tuning_set_question_first (b, !pmod_tuning_get_question_first (a));
  return b;
}

/* --- B's runs -------------------------------------------------------------------------------- */

static void
set_shown (PmodComparison *self, PmodRun *run, PmodPicture *picture)
{
  if (g_set_object (&self->picture, picture))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PICTURE]);
  if (g_set_object (&self->run, run))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_RUN]);
}

static void
forget_ahead (PmodComparison *self)
{
  g_clear_object (&self->ahead_run);
  g_clear_object (&self->ahead);
}

static void
forget_asked (PmodComparison *self)
{
  if (self->asked)
    g_clear_signal_handler (&self->asked_id, self->asked);
  g_clear_object (&self->asked);
  g_clear_object (&self->asked_picture);
  self->gave_way = FALSE;
}

static gboolean
rest_cb (gpointer user_data)
{
  PmodComparison *self = user_data;

  self->rest_id = 0;
  update (self);
  return G_SOURCE_REMOVE;
}

static void
rest (PmodComparison *self)
{
  g_clear_handle_id (&self->rest_id, g_source_remove);
  self->rest_id = g_timeout_add (REST_MS, rest_cb, self);
}

static void
end_asked (PmodComparison *self)
{
  gboolean gave_way = self->gave_way;

  forget_asked (self);
  if (gave_way)
    {
      self->answered = FALSE;
      rest (self);
    }
  else
    update (self);
}

/* The maps before stay until the new ones are there, so that nothing flickers. */
static void
asked_changed_cb (PmodComparison *self)
{
  PmodRun *run = self->asked;
  int n_layers = pmod_run_get_n_layers (run);
  gboolean finished = pmod_run_is_finished (run);
  gboolean whole = n_layers > 0 && pmod_run_get_n_layers_ready (run) == n_layers;

  if (self->ahead && self->ahead == self->asked_picture)
    {
      if (whole)
        g_set_object (&self->ahead_run, run);
      else if (finished)
        forget_ahead (self);
    }
  else if (whole || (finished && pmod_run_get_phase (run) != PMOD_RUN_STOPPED))
    {
      set_shown (self, run, self->asked_picture);
      g_set_object (&self->partner, pmod_chat_get_run (self->chat));
    }
  if (self->asked_answers && *pmod_run_get_text (run) != '\0')
    {
      g_set_object (&self->answer, run);
      self->answer_is_old = FALSE;
    }
  if (finished)
    end_asked (self);
  tell (self);
}

static void
start (PmodComparison *self, gboolean answers)
{
  const char *const *texts = (const char *const *)self->wish.texts;

  if (self->asked)
    pmod_session_stop_lane (self->session, LANE);
  forget_asked (self);
  self->asked = answers ? pmod_session_ask_with (self->session, texts, self->wish.picture,
                                                 self->wish.tuning, LANE)
                        : pmod_session_read_behind (self->session, texts, self->wish.picture,
                                                    self->wish.tuning, LANE);
  self->asked_picture = g_object_ref (self->wish.picture);
  self->asked_answers = self->answered = answers;
  self->read = TRUE;
  self->asked_id =
      g_signal_connect_swapped (self->asked, "changed", G_CALLBACK (asked_changed_cb), self);
}

static void
clear (PmodComparison *self)
{
  g_clear_handle_id (&self->rest_id, g_source_remove);
  if (self->asked)
    pmod_session_stop_lane (self->session, LANE);
  forget_asked (self);
  forget_ahead (self);
  pmod_comparison_wish_clear (&self->wish);
  self->read = self->answered = FALSE;
  g_clear_object (&self->partner);
  g_clear_object (&self->answer);
  set_shown (self, NULL, NULL);
  tell (self);
}

PmodRun *
pmod_comparison_get_answer_a (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);

  return pmod_turns_get_last_answer (pmod_chat_get_messages (self->chat));
}

/* While a slider moves, A only reads; B does the same then, and answers once there is time. */
static gboolean
is_time_to_answer (PmodComparison *self)
{
  PmodRun *run = pmod_chat_get_run (self->chat);

  return self->wish.texts && (run == pmod_comparison_get_answer_a (self) || self->rest_id == 0);
}

/* Takes what *wish holds. Returns whether it is another one than the newest. */
static gboolean
take_wish (PmodComparison *self, PmodComparisonWish *wish)
{
  if (pmod_comparison_wish_equal (wish, &self->wish))
    {
      pmod_comparison_wish_clear (wish);
      return FALSE;
    }
  pmod_comparison_wish_clear (&self->wish);
  self->wish = *wish;
  self->read = self->answered = FALSE;
  self->answer_is_old = TRUE;
  if (!self->wish.texts)
    g_clear_object (&self->answer);
  return TRUE;
}

/* What B would be asked for about a picture. */
static PmodComparisonWish
make_wish (PmodComparison *self, PmodPicture *picture)
{
  return (PmodComparisonWish){
    .picture = g_object_ref (picture),
    .system = g_strdup (pmod_chat_get_system (self->chat)),
    .texts = pmod_chat_dup_texts (self->chat),
    .tuning = pmod_comparison_dup_tuning (self),
  };
}

/* A shows what B has read ahead. */
static void
show_ahead (PmodComparison *self, PmodRun *partner)
{
  if (!self->ahead || self->ahead != pmod_chat_get_shown (self->chat))
    return;
  if (self->ahead_run)
    {
      set_shown (self, self->ahead_run, self->ahead);
      g_set_object (&self->partner, partner);
    }
  forget_ahead (self);
}

/* Asks for what is not there yet. Maps that are being made are waited for, however old: else a
 * slider that moves faster than B reads would leave it without any. */
static void
update (PmodComparison *self)
{
  PmodRun *run = pmod_chat_get_run (self->chat);
  PmodComparisonWish wish;
  g_autoptr (PmodPicture) asked = NULL;
  gboolean answers;

  if (!self->active)
    return;
  if (run && pmod_session_get_model (self->session))
    asked = pmod_chat_dup_asked (self->chat);
  if (!asked)
    {
      clear (self);
      return;
    }
  show_ahead (self, run);
  if (!pmod_chat_get_live (self->chat))
    forget_ahead (self);
  else if (self->ahead)
    return;
  wish = make_wish (self, asked);
  if (!take_wish (self, &wish) && self->run && !self->asked)
    g_set_object (&self->partner, run);
  answers = is_time_to_answer (self) && !self->answered;
  if ((answers || !self->read) && (!self->asked || self->asked_answers))
    start (self, answers);
  tell (self);
}

/* --- A --------------------------------------------------------------------------------------- */

/* Something moves: what is asked of B now will soon be old. */
static void
disturbed (PmodComparison *self)
{
  rest (self);
  if (self->asked && self->asked_answers && !self->gave_way)
    {
      self->gave_way = TRUE;
      pmod_session_stop_lane (self->session, LANE);
    }
}

static void
busy_cb (PmodComparison *self)
{
  if (self->active && pmod_chat_get_busy (self->chat))
    disturbed (self);
}

static void
tuning_changed_cb (PmodComparison *self, guint change)
{
  if (!self->active || (change & PMOD_TUNING_MODEL))
    return;
  disturbed (self);
  tell (self);
}

/* Settings are of one model. */
static void
model_cb (PmodComparison *self)
{
  g_clear_object (&self->settings);
  g_clear_pointer (&self->settings_name, g_free);
  if (self->kind == PMOD_COMPARISON_SETTINGS)
    self->kind = PMOD_COMPARISON_TRAINED;
  clear (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_comparison_dispose (GObject *object)
{
  PmodComparison *self = PMOD_COMPARISON (object);

  g_clear_handle_id (&self->rest_id, g_source_remove);
  forget_asked (self);
  forget_ahead (self);
  pmod_comparison_wish_clear (&self->wish);
  g_clear_object (&self->run);
  g_clear_object (&self->picture);
  g_clear_object (&self->partner);
  g_clear_object (&self->answer);
  g_clear_object (&self->settings);
  g_clear_object (&self->session);

  G_OBJECT_CLASS (pmod_comparison_parent_class)->dispose (object);
}

static void
pmod_comparison_finalize (GObject *object)
{
  PmodComparison *self = PMOD_COMPARISON (object);

  g_free (self->settings_name);

  G_OBJECT_CLASS (pmod_comparison_parent_class)->finalize (object);
}

static void
pmod_comparison_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodComparison *self = PMOD_COMPARISON (object);

  switch (id)
    {
    case PROP_ACTIVE:
      g_value_set_boolean (value, self->active);
      break;
    case PROP_RUN:
      g_value_set_object (value, self->run);
      break;
    case PROP_PICTURE:
      g_value_set_object (value, self->picture);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_comparison_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ACTIVE:
      pmod_comparison_set_active (PMOD_COMPARISON (object), g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_comparison_class_init (PmodComparisonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_comparison_dispose;
  object_class->finalize = pmod_comparison_finalize;
  object_class->get_property = pmod_comparison_get_property;
  object_class->set_property = pmod_comparison_set_property;

  props[PROP_ACTIVE] =
      g_param_spec_boolean ("active", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_RUN] = g_param_spec_object ("run", NULL, NULL, PMOD_TYPE_RUN, flags);
  props[PROP_PICTURE] = g_param_spec_object ("picture", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* Anything that a view shows of it may differ now. */
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_COMPARISON, G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 0);
}

static void
pmod_comparison_init (PmodComparison *self)
{
  self->kind = PMOD_COMPARISON_DENSE;
  self->policy = PMOD_TUNING_RANDOM;
}

PmodComparison *
pmod_comparison_get (PmodChat *chat)
{
  static const char key[] = "pmod-comparison";
  PmodComparison *self = g_object_get_data (G_OBJECT (chat), key);

  if (self)
    return self;
  self = g_object_new (PMOD_TYPE_COMPARISON, NULL);
  self->chat = chat;
  self->session = g_object_ref (pmod_chat_get_session (chat));
  g_signal_connect_object (chat, "notify::run", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::busy", G_CALLBACK (busy_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->session, "notify::model", G_CALLBACK (model_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_session_get_tuning (self->session), "changed",
                           G_CALLBACK (tuning_changed_cb), self, G_CONNECT_SWAPPED);
  g_object_set_data_full (G_OBJECT (chat), key, self, g_object_unref);
  return self;
}

/* --- Public ---------------------------------------------------------------------------------- */

gboolean
pmod_comparison_get_active (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), FALSE);
  return self->active;
}

void
pmod_comparison_set_active (PmodComparison *self, gboolean active)
{
  g_return_if_fail (PMOD_IS_COMPARISON (self));

  active = active != FALSE;
  if (self->active == active)
    return;
  self->active = active;
  if (!active)
    {
      clear (self);
      pmod_session_close_lane (self->session, LANE);
    }
  update (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ACTIVE]);
}

void
pmod_comparison_toggle (PmodComparison *self)
{
  g_return_if_fail (PMOD_IS_COMPARISON (self));

  pmod_comparison_set_active (self, !self->active);
}

/* B is another one: its maps are asked for at once. */
static void
choose (PmodComparison *self, PmodComparisonKind kind)
{
  self->kind = kind;
  update (self);
  tell (self);
}

PmodComparisonKind
pmod_comparison_get_kind (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), PMOD_COMPARISON_TRAINED);
  return self->kind;
}

void
pmod_comparison_set_kind (PmodComparison *self, PmodComparisonKind kind)
{
  g_return_if_fail (PMOD_IS_COMPARISON (self));
  g_return_if_fail ((guint)kind < PMOD_COMPARISON_N_KINDS);

  if (self->kind != kind)
    choose (self, kind);
}

PmodTuningPolicy
pmod_comparison_get_policy (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), PMOD_TUNING_ROUTER);
  return self->policy;
}

void
pmod_comparison_set_policy (PmodComparison *self, PmodTuningPolicy policy)
{
  g_return_if_fail (PMOD_IS_COMPARISON (self));
  g_return_if_fail ((guint)policy < PMOD_TUNING_N_POLICIES);

  if (self->kind == PMOD_COMPARISON_POLICY && self->policy == policy)
    return;
  self->policy = policy;
  choose (self, PMOD_COMPARISON_POLICY);
}

void
pmod_comparison_set_settings (PmodComparison *self, PmodTuning *settings, const char *name)
{
  PmodTuning *copy;

  g_return_if_fail (PMOD_IS_COMPARISON (self));
  g_return_if_fail (PMOD_IS_TUNING (settings));

  copy = pmod_tuning_copy (settings);
  g_clear_object (&self->settings);
  self->settings = copy;
  g_free (self->settings_name);
  self->settings_name = g_strdup (name);
  choose (self, PMOD_COMPARISON_SETTINGS);
}

const char *
pmod_comparison_get_settings_name (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);
  return self->settings_name;
}

gboolean
pmod_comparison_has_settings (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), FALSE);
  return self->settings != NULL;
}

void
pmod_comparison_read_ahead (PmodComparison *self, PmodPicture *picture)
{
  PmodComparisonWish wish;

  g_return_if_fail (PMOD_IS_COMPARISON (self));
  g_return_if_fail (PMOD_IS_PICTURE (picture));

  if (!self->active || !pmod_session_get_model (self->session))
    return;
  wish = make_wish (self, picture);
  if (!take_wish (self, &wish))
    return;
  forget_ahead (self);
  self->ahead = g_object_ref (picture);
  start (self, FALSE);
}

gboolean
pmod_comparison_is_reading_ahead (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), FALSE);
  return self->ahead && !self->ahead_run;
}

PmodRun *
pmod_comparison_get_run (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);
  return self->run;
}

PmodPicture *
pmod_comparison_get_picture (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);
  return self->picture;
}

PmodRun *
pmod_comparison_get_partner (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);
  return self->partner;
}

PmodRun *
pmod_comparison_get_answer_b (PmodComparison *self)
{
  g_return_val_if_fail (PMOD_IS_COMPARISON (self), NULL);
  return self->answer;
}

gboolean
pmod_comparison_get_divergence (PmodComparison *self, double *divergence)
{
  PmodRun *a, *b;
  double of_a = 0, of_b = 0;
  guint64 number_a, number_b;

  g_return_val_if_fail (PMOD_IS_COMPARISON (self), FALSE);

  a = pmod_comparison_get_answer_a (self);
  b = self->answer;
  if (!a || !b || self->answer_is_old)
    return FALSE;
  number_a = pmod_run_get_divergence (a, &of_a);
  number_b = pmod_run_get_divergence (b, &of_b);
  *divergence = number_a > number_b ? of_a : of_b;
  return number_a > 0 || number_b > 0;
}

gboolean
pmod_comparison_count (PmodComparison *self, int layer, PmodComparisonCounts *counts)
{
  PmodRunLayer a, b;

  g_return_val_if_fail (PMOD_IS_COMPARISON (self), FALSE);

  *counts = (PmodComparisonCounts){ 0 };
  if (!self->run || !self->partner || !is_of_same (self) ||
      !pmod_run_get_layer (self->partner, layer, &a) ||
      !pmod_run_get_layer (self->run, layer, &b) || !a.ready || !b.ready ||
      a.n_vision != b.n_vision)
    return FALSE;
  for (int i = 0; i < a.n_vision; i++)
    {
      gboolean in_a = pmod_run_is_kept (self->partner, layer, i);
      gboolean in_b = pmod_run_is_kept (self->run, layer, i);

      counts->both += in_a && in_b;
      counts->only_a += in_a && !in_b;
      counts->only_b += !in_a && in_b;
      counts->neither += !in_a && !in_b;
    }
  return TRUE;
}
