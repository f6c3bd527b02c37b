/* PmodLive: see pmod-live.h. */
#include "config.h"

#include "pmod-live.h"

#include "pmod-comparison.h"
#include "pmod-live-meter.h"

#define MEASURE_MS 1000
#define DEFAULT_INTERVAL_S 2

/* A run that failed, as one whose frame does not fit, would fail at once again. */
#define PAUSE_AFTER_FAILURE_US G_USEC_PER_SEC

struct _PmodLive
{
  GObject parent_instance;

  PmodCamera *camera;
  PmodChat *chat;

  gboolean active;
  gboolean frozen;
  char *source;
  PmodPicture *still; /* of the chat, while it is not live: another one ends this */

  PmodPicture *newest; /* waits for a run */
  PmodPicture *frame;  /* of the run in flight */
  PmodRun *run;
  gulong run_id;
  gboolean asking;
  gboolean waits;     /* run, for the other side of a comparison */
  gboolean overtaken; /* a later frame than run's is shown */
  PmodPicture *ahead; /* is read beside the answer */
  PmodRun *ahead_run;
  gulong ahead_id;
  gboolean ahead_failed; /* as where there is no room for it: not tried again with ahead_model */
  PmodModelCard *ahead_model; /* borrowed, to compare */
  gint64 not_before_us;       /* no run until then */

  char *question;
  char *answer;
  double interval_s;
  gint64 asked_us; /* 0: not yet */

  guint timer;
  PmodLiveMeter meter;
};

enum
{
  PROP_CAMERA = 1,
  PROP_CHAT,
  PROP_ACTIVE,
  PROP_FROZEN,
  PROP_QUESTION,
  PROP_INTERVAL,
  PROP_ANSWER,
  N_PROPS
};

enum
{
  MEASURED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodLive, pmod_live, G_TYPE_OBJECT)

static void run_next (PmodLive *self);
static void run_ahead (PmodLive *self);

static gboolean
measure_cb (gpointer data)
{
  PmodLive *self = data;

  pmod_live_meter_measure (&self->meter, self->camera);
  g_signal_emit (self, signals[MEASURED], 0);
  return G_SOURCE_CONTINUE;
}

/* --- Runs ------------------------------------------------------------------------------------ */

static void
forget_run (PmodLive *self)
{
  if (self->run)
    g_clear_signal_handler (&self->run_id, self->run);
  g_clear_object (&self->run);
  g_clear_object (&self->frame);
}

static void
forget_ahead (PmodLive *self)
{
  if (self->ahead_run)
    g_clear_signal_handler (&self->ahead_id, self->ahead_run);
  g_clear_object (&self->ahead_run);
  g_clear_object (&self->ahead);
}

static void
forget_frames (PmodLive *self)
{
  if (self->run)
    pmod_session_stop (pmod_chat_get_session (self->chat));
  else if (self->ahead_run)
    pmod_session_stop_lane (pmod_chat_get_session (self->chat), PMOD_SESSION_BESIDE_LANE);
  forget_run (self);
  forget_ahead (self);
  g_clear_object (&self->newest);
}

static void
set_answer (PmodLive *self, const char *answer)
{
  if (g_strcmp0 (self->answer, answer) == 0)
    return;
  g_free (self->answer);
  self->answer = g_strdup (answer);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ANSWER]);
}

/* Every map is there and stays as it is; words may still come. */
static gboolean
is_read (PmodRun *run)
{
  return pmod_run_get_phase (run) == PMOD_RUN_ANSWERING;
}

/* A picture that is compared is shown when both sides have read it; a standing question's, when its
 * maps are there: its words would be late. */
static gboolean
waits_for_other (PmodLive *self)
{
  return !self->asking && pmod_comparison_is_reading_ahead (pmod_comparison_get (self->chat));
}

static void
run_changed_cb (PmodLive *self)
{
  PmodRunPhase phase = pmod_run_get_phase (self->run);

  if (self->asking && *pmod_run_get_text (self->run) != '\0')
    set_answer (self, pmod_run_get_text (self->run));
  self->waits = waits_for_other (self) && phase != PMOD_RUN_FAILED && phase != PMOD_RUN_STOPPED;
  if (self->waits)
    return;
  if (!self->overtaken &&
      (is_read (self->run) || phase == PMOD_RUN_DONE || phase == PMOD_RUN_FAILED))
    pmod_chat_show_live (self->chat, self->frame, self->run);
  if (!pmod_run_is_finished (self->run))
    {
      run_ahead (self);
      return;
    }
  if (phase == PMOD_RUN_DONE)
    pmod_live_meter_count (&self->meter, self->run, self->asking);
  else if (phase == PMOD_RUN_FAILED)
    self->not_before_us = g_get_monotonic_time () + PAUSE_AFTER_FAILURE_US;
  forget_run (self);
  run_next (self);
}

static void
comparison_changed_cb (PmodLive *self)
{
  if (self->run && self->waits && !waits_for_other (self))
    run_changed_cb (self);
}

/* --- Beside an answer ------------------------------------------------------------------------ */

static void
ahead_changed_cb (PmodLive *self)
{
  PmodRunPhase phase = pmod_run_get_phase (self->ahead_run);

  if (!pmod_run_is_finished (self->ahead_run))
    return;
  if (phase == PMOD_RUN_DONE)
    {
      self->overtaken = TRUE;
      pmod_chat_show_live (self->chat, self->ahead, self->ahead_run);
      pmod_live_meter_count (&self->meter, self->ahead_run, FALSE);
    }
  else
    {
      self->meter.n_late++;
      self->ahead_failed |= phase == PMOD_RUN_FAILED;
    }
  forget_ahead (self);
  run_ahead (self);
  run_next (self);
}

/* The next frame, while words still come of one whose maps are all there. */
static void
run_ahead (PmodLive *self)
{
  PmodSession *session = pmod_chat_get_session (self->chat);
  PmodModelCard *model = pmod_session_get_model (session);

  if (self->ahead_run || !self->newest || !self->run || !self->asking || !is_read (self->run) ||
      !model || !model->has_beside || !pmod_chat_get_live (self->chat))
    return;
  if (self->ahead_model != model)
    self->ahead_failed = FALSE;
  self->ahead_model = model;
  if (self->ahead_failed)
    return;
  self->ahead = g_steal_pointer (&self->newest);
  self->ahead_run = pmod_session_read_with (session, self->ahead, NULL, PMOD_SESSION_BESIDE_LANE);
  self->ahead_id =
      g_signal_connect_swapped (self->ahead_run, "changed", G_CALLBACK (ahead_changed_cb), self);
}

/* --- One after another ----------------------------------------------------------------------- */

static gboolean
is_question_due (PmodLive *self)
{
  gint64 waited_us = g_get_monotonic_time () - self->asked_us;

  return *self->question != '\0' &&
         (self->asked_us == 0 || waited_us >= self->interval_s * G_USEC_PER_SEC);
}

static PmodRun *
start_run (PmodLive *self)
{
  PmodSession *session = pmod_chat_get_session (self->chat);
  const char *texts[] = { self->question, NULL };

  self->asking = is_question_due (self);
  if (!self->asking)
    {
      PmodRun *run = pmod_session_read (session, self->frame);

      pmod_comparison_read_ahead (pmod_comparison_get (self->chat), self->frame);
      return run;
    }
  self->asked_us = g_get_monotonic_time ();
  return pmod_session_ask (session, texts, self->frame);
}

/* Without a model, or while one is loaded, there is the picture alone. */
static gboolean
can_run (PmodLive *self)
{
  PmodSessionState state = pmod_session_get_state (pmod_chat_get_session (self->chat));

  return (state == PMOD_SESSION_READY || state == PMOD_SESSION_THINKING) &&
         g_get_monotonic_time () >= self->not_before_us;
}

static void
run_next (PmodLive *self)
{
  /* A frame that is read beside an answer that has ended meanwhile is shown before a later one. */
  if (self->run || self->ahead_run || !self->newest || !pmod_chat_get_live (self->chat))
    return;
  if (!can_run (self))
    {
      g_autoptr (PmodPicture) picture = g_steal_pointer (&self->newest);

      self->meter.n_late++;
      pmod_chat_show_live (self->chat, picture, NULL);
      return;
    }
  self->frame = g_steal_pointer (&self->newest);
  self->overtaken = self->waits = FALSE;
  self->run = start_run (self);
  self->run_id = g_signal_connect_swapped (self->run, "changed", G_CALLBACK (run_changed_cb), self);
}

static void
frame_cb (PmodLive *self, PmodPicture *picture)
{
  if (!self->active || self->frozen)
    return;
  g_clear_object (&self->still);
  pmod_chat_begin_live (self->chat);
  self->meter.n_late += self->newest != NULL;
  g_set_object (&self->newest, picture);
  run_ahead (self);
  run_next (self);
}

/* --- Freezing and ending --------------------------------------------------------------------- */

static void
set_frozen (PmodLive *self, gboolean frozen)
{
  if (self->frozen == frozen)
    return;
  self->frozen = frozen;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FROZEN]);
}

/* What the chat shows is its picture by now, or will be. */
static void
freeze (PmodLive *self)
{
  forget_frames (self);
  g_set_object (&self->still, pmod_chat_get_shown (self->chat));
  set_frozen (self, TRUE);
  pmod_camera_set_paused (self->camera, TRUE);
  pmod_chat_keep_live (self->chat);
}

static void
set_active (PmodLive *self, gboolean active)
{
  if (self->active == active)
    return;
  self->active = active;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ACTIVE]);
}

static void
end (PmodLive *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  forget_frames (self);
  g_clear_object (&self->still);
  g_object_freeze_notify (G_OBJECT (self));
  set_frozen (self, FALSE);
  set_active (self, FALSE);
  g_object_thaw_notify (G_OBJECT (self));
  pmod_camera_stop (self->camera);
}

/* A question keeps the frame; anything else that ends live opened something of its own. */
static void
chat_live_cb (PmodLive *self)
{
  PmodPicture *picture = pmod_chat_get_picture (self->chat);

  if (!self->active || self->frozen || pmod_chat_get_live (self->chat))
    return;
  if (picture && picture == pmod_chat_get_shown (self->chat))
    freeze (self);
  else
    end (self);
}

static void
chat_picture_cb (PmodLive *self)
{
  if (self->active && !pmod_chat_get_live (self->chat) &&
      pmod_chat_get_picture (self->chat) != self->still)
    end (self);
}

static void
camera_state_cb (PmodLive *self)
{
  switch (pmod_camera_get_state (self->camera))
    {
    case PMOD_CAMERA_STOPPED:
      if (self->active)
        pmod_live_stop (self);
      break;
    case PMOD_CAMERA_ENDED:
    case PMOD_CAMERA_REFUSED:
    case PMOD_CAMERA_GONE:
    case PMOD_CAMERA_ERROR:
      if (self->active && !self->frozen && pmod_chat_get_live (self->chat))
        freeze (self);
      break;
    case PMOD_CAMERA_STARTING:
    case PMOD_CAMERA_PLAYING:
    default:
      break;
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_live_constructed (GObject *object)
{
  PmodLive *self = PMOD_LIVE (object);

  G_OBJECT_CLASS (pmod_live_parent_class)->constructed (object);

  g_signal_connect_object (self->camera, "frame", G_CALLBACK (frame_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->camera, "notify::state", G_CALLBACK (camera_state_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::live", G_CALLBACK (chat_live_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::picture", G_CALLBACK (chat_picture_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_comparison_get (self->chat), "changed",
                           G_CALLBACK (comparison_changed_cb), self, G_CONNECT_SWAPPED);
}

static void
pmod_live_dispose (GObject *object)
{
  PmodLive *self = PMOD_LIVE (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  forget_run (self);
  forget_ahead (self);
  g_clear_object (&self->newest);
  g_clear_object (&self->still);
  if (self->camera)
    {
      g_signal_handlers_disconnect_by_data (self->camera, self);
      pmod_camera_stop (self->camera);
    }
  g_clear_object (&self->camera);
  if (self->chat)
    g_signal_handlers_disconnect_by_data (self->chat, self);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_live_parent_class)->dispose (object);
}

static void
pmod_live_finalize (GObject *object)
{
  PmodLive *self = PMOD_LIVE (object);

  g_free (self->source);
  g_free (self->question);
  g_free (self->answer);

  G_OBJECT_CLASS (pmod_live_parent_class)->finalize (object);
}

static void
pmod_live_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodLive *self = PMOD_LIVE (object);

  switch (id)
    {
    case PROP_CAMERA:
      g_value_set_object (value, self->camera);
      break;
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_ACTIVE:
      g_value_set_boolean (value, self->active);
      break;
    case PROP_FROZEN:
      g_value_set_boolean (value, self->frozen);
      break;
    case PROP_QUESTION:
      g_value_set_string (value, self->question);
      break;
    case PROP_INTERVAL:
      g_value_set_double (value, self->interval_s);
      break;
    case PROP_ANSWER:
      g_value_set_string (value, self->answer);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_live_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodLive *self = PMOD_LIVE (object);

  switch (id)
    {
    case PROP_CAMERA:
      self->camera = g_value_dup_object (value);
      break;
    case PROP_CHAT:
      self->chat = g_value_dup_object (value);
      break;
    case PROP_FROZEN:
      pmod_live_set_frozen (self, g_value_get_boolean (value));
      break;
    case PROP_QUESTION:
      pmod_live_set_question (self, g_value_get_string (value));
      break;
    case PROP_INTERVAL:
      pmod_live_set_interval (self, g_value_get_double (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_live_class_init (PmodLiveClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GParamFlags once = flags | G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY;
  GParamFlags writable = flags | G_PARAM_WRITABLE | G_PARAM_EXPLICIT_NOTIFY;

  object_class->constructed = pmod_live_constructed;
  object_class->dispose = pmod_live_dispose;
  object_class->finalize = pmod_live_finalize;
  object_class->get_property = pmod_live_get_property;
  object_class->set_property = pmod_live_set_property;

  props[PROP_CAMERA] = g_param_spec_object ("camera", NULL, NULL, PMOD_TYPE_CAMERA, once);
  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, once);
  props[PROP_ACTIVE] = g_param_spec_boolean ("active", NULL, NULL, FALSE, flags);
  props[PROP_FROZEN] = g_param_spec_boolean ("frozen", NULL, NULL, FALSE, writable);
  props[PROP_QUESTION] = g_param_spec_string ("question", NULL, NULL, "", writable);
  props[PROP_INTERVAL] =
      g_param_spec_double ("interval", NULL, NULL, 0, G_MAXDOUBLE, DEFAULT_INTERVAL_S, writable);
  props[PROP_ANSWER] = g_param_spec_string ("answer", NULL, NULL, "", flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[MEASURED] = g_signal_new ("measured", PMOD_TYPE_LIVE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                    NULL, G_TYPE_NONE, 0);
}

static void
pmod_live_init (PmodLive *self)
{
  self->question = g_strdup ("");
  self->answer = g_strdup ("");
  self->interval_s = DEFAULT_INTERVAL_S;
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodLive *
pmod_live_new (PmodCamera *camera, PmodChat *chat)
{
  return g_object_new (PMOD_TYPE_LIVE, "camera", camera, "chat", chat, NULL);
}

PmodCamera *
pmod_live_get_camera (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), NULL);
  return self->camera;
}

void
pmod_live_start (PmodLive *self, const char *source)
{
  g_autofree char *own = g_strdup (source);

  g_return_if_fail (PMOD_IS_LIVE (self));
  g_return_if_fail (source != NULL);

  g_free (self->source);
  self->source = g_steal_pointer (&own);
  forget_frames (self);
  self->asked_us = 0;
  set_answer (self, "");
  g_set_object (&self->still, pmod_chat_get_picture (self->chat));
  set_frozen (self, FALSE);
  pmod_camera_start (self->camera, self->source);
  pmod_live_meter_start (&self->meter, self->camera);
  if (!self->timer)
    self->timer = g_timeout_add (MEASURE_MS, measure_cb, self);
  set_active (self, TRUE);
  g_signal_emit (self, signals[MEASURED], 0);
}

void
pmod_live_start_again (PmodLive *self)
{
  g_return_if_fail (PMOD_IS_LIVE (self));

  pmod_live_start (self, self->source ? self->source : "");
}

void
pmod_live_stop (PmodLive *self)
{
  g_return_if_fail (PMOD_IS_LIVE (self));

  if (!self->active)
    return;
  end (self);
  pmod_chat_end_live (self->chat);
}

gboolean
pmod_live_get_active (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), FALSE);
  return self->active;
}

gboolean
pmod_live_get_frozen (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), FALSE);
  return self->frozen;
}

void
pmod_live_set_frozen (PmodLive *self, gboolean frozen)
{
  g_return_if_fail (PMOD_IS_LIVE (self));

  if (!self->active || self->frozen == !!frozen)
    return;
  if (frozen && pmod_chat_get_live (self->chat))
    freeze (self);
  else if (!frozen && pmod_camera_get_state (self->camera) == PMOD_CAMERA_PLAYING)
    {
      set_frozen (self, FALSE);
      pmod_camera_set_paused (self->camera, FALSE);
    }
  else if (!frozen)
    pmod_live_start_again (self);
}

const char *
pmod_live_get_question (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), NULL);
  return self->question;
}

void
pmod_live_set_question (PmodLive *self, const char *question)
{
  g_autofree char *stripped = g_strstrip (g_strdup (question ? question : ""));

  g_return_if_fail (PMOD_IS_LIVE (self));

  if (g_str_equal (self->question, stripped))
    return;
  g_free (self->question);
  self->question = g_steal_pointer (&stripped);
  self->asked_us = 0;
  set_answer (self, "");
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_QUESTION]);
}

double
pmod_live_get_interval (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), 0);
  return self->interval_s;
}

void
pmod_live_set_interval (PmodLive *self, double seconds)
{
  g_return_if_fail (PMOD_IS_LIVE (self));

  if (self->interval_s == seconds)
    return;
  self->interval_s = seconds;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_INTERVAL]);
}

const char *
pmod_live_get_answer (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), NULL);
  return self->answer;
}

const PmodLiveFigures *
pmod_live_get_figures (PmodLive *self)
{
  g_return_val_if_fail (PMOD_IS_LIVE (self), NULL);
  return &self->meter.figures;
}
