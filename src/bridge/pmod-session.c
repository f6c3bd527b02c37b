/* PmodSession: the main thread's side of the engine. See pmod-session.h.
 *
 * Owners: this object and every PmodRun belong to the main thread; model and context to the
 * worker's. The worker only makes the two sources ready; all that it has to say is fetched here. */
#include "config.h"

#include "pmod-session.h"

#include "pmod-job-prompt.h"
#include "pmod-machine-private.h"
#include "pmod-picture-private.h"
#include "pmod-remote.h"
#include "pmod-run-origin.h"
#include "pmod-run-private.h"
#include "pmod-server-tokens.h"
#include "pmod-settings.h"
#include "pmod-sweep-run-private.h"
#include "pmod-tuning-private.h"
#include "pmod-worker.h"

/* A hand on a slider has the window drawn without a pause; news waits no longer than this. */
#define LATE_US (25 * 1000)

struct _PmodSession
{
  GObject parent_instance;

  PmodWorker *worker;
  GSource *source; /* below drawing and input, so that a fast engine cannot starve them */
  GSource *late;   /* above drawing, so that what is always drawn cannot starve the engine's news */
  GHashTable *runs;   /* job id -> PmodRun: one in flight, one waiting in each lane */
  GHashTable *sweeps; /* job id -> PmodSweepRun: the same */
  guint64 last_job;   /* of runs, sweeps and models alike */
  PmodJob *held;      /* nullable: it has a run, but is not with the worker yet */

  PmodSessionState state;
  guint64 loading; /* id of the model that was chosen last, 0 once it is there or refused */
  double progress;
  PmodModelCard *model;
  guint64 model_id; /* that the worker knows it by */
  PmodTuning *tuning;
  PmodServerTokens *tokens;
  PmodMachine *machine;
  guint64 n_compared; /* first words, so far */
  char *error;
  char *system; /* nullable */
};

/* The last lane is for sweeps alone. */
G_STATIC_ASSERT (PMOD_SESSION_N_LANES == PMOD_SWEEP_LANE);
G_STATIC_ASSERT (PMOD_SESSION_BESIDE_LANE == PMOD_BESIDE_LANE);

enum
{
  PROP_STATE = 1,
  PROP_PROGRESS,
  PROP_MODEL,
  N_PROPS
};

enum
{
  MODEL_REFUSED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodSession, pmod_session, G_TYPE_OBJECT)

/* --- Events ---------------------------------------------------------------------------------- */

static void
update_state (PmodSession *self)
{
  PmodSessionState state;

  if (self->loading)
    state = PMOD_SESSION_LOADING;
  else if (g_hash_table_size (self->runs) > 0)
    state = PMOD_SESSION_THINKING;
  else if (self->model)
    state = PMOD_SESSION_READY;
  else
    state = self->error ? PMOD_SESSION_ERROR : PMOD_SESSION_IDLE;

  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
}

static void
set_progress (PmodSession *self, double progress)
{
  self->progress = progress;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PROGRESS]);
}

/* Only the model that was chosen last ends the loading. */
static void
end_loading (PmodSession *self, const PmodEvent *event)
{
  if (event->job == self->loading)
    self->loading = 0;
}

static void
take_opened (PmodSession *self, PmodEvent *event)
{
  g_clear_pointer (&self->model, pmod_model_card_unref);
  self->model = g_steal_pointer (&event->card);
  self->model_id = event->job;
  end_loading (self, event);
  /* First, so that whoever asks the new model something asks it as it was trained. */
  pmod_tuning_set_model (self->tuning, self->model);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MODEL]);
}

static void
take_refused (PmodSession *self, PmodEvent *event)
{
  gboolean cancelled = g_error_matches (event->error, PMOD_ERROR, PMOD_ERROR_CANCELLED);

  end_loading (self, event);
  if (cancelled)
    return;
  g_free (self->error);
  self->error = g_strdup (event->error->message);
  g_signal_emit (self, signals[MODEL_REFUSED], 0, self->error);
}

static void
take_done (PmodSession *self, PmodRun *run, PmodEvent *event)
{
  if (event->error)
    pmod_run_finish (run, PMOD_RUN_FAILED, NULL, event->error->message);
  else if (event->finish == PMOD_FINISH_STOP || event->finish == PMOD_FINISH_CANCELLED)
    pmod_run_finish (run, PMOD_RUN_STOPPED, event->text, NULL);
  else
    pmod_run_finish (run, PMOD_RUN_DONE, event->text, NULL);
}

static void
take_sweep_event (PmodSession *self, PmodSweepRun *sweep, PmodEvent *event)
{
  if (event->type == PMOD_EVENT_POINT)
    pmod_sweep_run_append (sweep, &event->point, event->text);
  if (event->type != PMOD_EVENT_DONE)
    return;
  g_object_ref (sweep);
  g_hash_table_remove (self->sweeps, &event->job);
  /* Its context is as large as a conversation's. */
  if (g_hash_table_size (self->sweeps) == 0)
    pmod_worker_close_lane (self->worker, PMOD_SWEEP_LANE);
  if (event->error)
    pmod_sweep_run_finish (sweep, PMOD_SWEEP_FAILED, event->error->message);
  else
    pmod_sweep_run_finish (
        sweep, event->finish == PMOD_FINISH_CANCELLED ? PMOD_SWEEP_STOPPED : PMOD_SWEEP_DONE, NULL);
  g_object_unref (sweep);
}

static void
take_event (PmodSession *self, PmodEvent *event)
{
  PmodSweepRun *sweep = g_hash_table_lookup (self->sweeps, &event->job);
  PmodRun *run = g_hash_table_lookup (self->runs, &event->job);

  if (sweep)
    {
      take_sweep_event (self, sweep, event);
      return;
    }
  switch (event->type)
    {
    case PMOD_EVENT_PROGRESS:
      if (event->total > 0)
        set_progress (self, (double)event->done / (double)event->total);
      break;
    case PMOD_EVENT_OPENED:
      take_opened (self, event);
      break;
    case PMOD_EVENT_REFUSED:
      take_refused (self, event);
      break;
    case PMOD_EVENT_STARTED:
      if (run)
        pmod_run_set_model (run, self->model);
      break;
    case PMOD_EVENT_POINT:
      break;
    case PMOD_EVENT_RECORDS:
      if (run && !pmod_run_is_finished (run))
        {
          g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (g_steal_pointer (&event->records));

          pmod_run_append (run, bytes);
        }
      break;
    case PMOD_EVENT_APART:
      if (run)
        pmod_run_set_divergence (run, event->divergence, ++self->n_compared);
      break;
    case PMOD_EVENT_DONE:
      if (run)
        {
          take_done (self, run, event);
          g_hash_table_remove (self->runs, &event->job);
        }
      break;
    }
}

/* A view may let go of the session while it is told of an event. */
static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  PmodSession *self = g_object_ref (user_data);
  g_autoptr (GPtrArray) events = NULL;

  /* Before the fetch: what comes after the fetch makes the source ready again. */
  g_source_set_ready_time (self->source, -1);
  g_source_set_ready_time (self->late, -1);
  events = pmod_worker_take_events (self->worker);
  for (guint i = 0; i < events->len; i++)
    take_event (self, g_ptr_array_index (events, i));
  update_state (self);
  g_object_unref (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
never_called (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* On the engine's thread: of self it knows the sources alone, which stand until it is gone. */
static void
wake (gpointer data)
{
  PmodSession *self = data;

  g_source_set_ready_time (self->source, 0);
  g_source_set_ready_time (self->late, g_get_monotonic_time () + LATE_US);
}

static GSource *
add_source (PmodSession *self, int priority)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };
  GSource *source = g_source_new (&funcs, sizeof (GSource));

  g_source_set_priority (source, priority);
  g_source_set_callback (source, never_called, self, NULL);
  g_source_set_static_name (source, "engine");
  g_source_attach (source, NULL);
  return source;
}

static void
remove_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_session_dispose (GObject *object)
{
  PmodSession *self = PMOD_SESSION (object);

  g_clear_pointer (&self->held, pmod_job_free);
  g_clear_pointer (&self->worker, pmod_worker_free);
  remove_source (&self->source);
  remove_source (&self->late);
  g_clear_pointer (&self->runs, g_hash_table_unref);
  g_clear_pointer (&self->sweeps, g_hash_table_unref);

  G_OBJECT_CLASS (pmod_session_parent_class)->dispose (object);
}

static void
pmod_session_finalize (GObject *object)
{
  PmodSession *self = PMOD_SESSION (object);

  g_clear_pointer (&self->model, pmod_model_card_unref);
  g_clear_object (&self->tuning);
  pmod_server_tokens_free (self->tokens);
  g_clear_object (&self->machine);
  g_free (self->error);
  g_free (self->system);

  G_OBJECT_CLASS (pmod_session_parent_class)->finalize (object);
}

static void
pmod_session_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSession *self = PMOD_SESSION (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_int (value, (int)self->state);
      break;
    case PROP_PROGRESS:
      g_value_set_double (value, self->progress);
      break;
    case PROP_MODEL:
      g_value_set_boxed (value, self->model);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_session_class_init (PmodSessionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_session_dispose;
  object_class->finalize = pmod_session_finalize;
  object_class->get_property = pmod_session_get_property;

  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, PMOD_SESSION_ERROR, 0, flags);
  props[PROP_PROGRESS] = g_param_spec_double ("progress", NULL, NULL, 0, 1, 0, flags);
  props[PROP_MODEL] = g_param_spec_boxed ("model", NULL, NULL, PMOD_TYPE_MODEL_CARD, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* (message): a model could not be loaded; the one before, if any, stays in use. */
  signals[MODEL_REFUSED] = g_signal_new ("model-refused", PMOD_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
pmod_session_init (PmodSession *self)
{
  self->runs = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_object_unref);
  self->sweeps = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_object_unref);
  self->tokens = pmod_server_tokens_new ();
  self->tuning = pmod_tuning_new ();
  self->machine = pmod_machine_new ();

  self->source = add_source (self, G_PRIORITY_DEFAULT_IDLE);
  self->late = add_source (self, G_PRIORITY_DEFAULT);
  self->worker = pmod_worker_new_pair (wake, self);
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodSession *
pmod_session_new (void)
{
  return g_object_new (PMOD_TYPE_SESSION, NULL);
}

PmodSessionState
pmod_session_get_state (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), PMOD_SESSION_IDLE);
  return self->state;
}

double
pmod_session_get_progress (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), 0);
  return self->progress;
}

PmodModelCard *
pmod_session_get_model (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  return self->model;
}

const char *
pmod_session_get_error (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  return self->error;
}

/* name: NULL is none. */
static void
open_model (PmodSession *self, const char *name, const char *token, gboolean anyway)
{
  g_autofree char *known = NULL;
  PmodModelOptions options;

  if (!token && name && pmod_remote_is_address (name))
    token = known = pmod_server_tokens_dup (self->tokens, name);
  pmod_machine_get_options (self->machine, &options);
  if (anyway)
    options.memory_limit = G_MAXUINT64;
  self->loading = ++self->last_job;
  g_clear_pointer (&self->error, g_free);
  set_progress (self, 0);
  update_state (self);
  pmod_session_let_go (self);
  pmod_worker_stop (self->worker);
  pmod_worker_open (self->worker, self->loading, name, token, &options);
}

void
pmod_session_open_model (PmodSession *self, const char *name_or_path)
{
  g_return_if_fail (PMOD_IS_SESSION (self));
  g_return_if_fail (name_or_path != NULL);

  open_model (self, name_or_path, NULL, FALSE);
}

void
pmod_session_open_server (PmodSession *self, const char *address, const char *token)
{
  g_return_if_fail (PMOD_IS_SESSION (self));
  g_return_if_fail (address != NULL);

  if (token)
    pmod_server_tokens_tell (self->tokens, address, token);
  open_model (self, address, token, FALSE);
}

gboolean
pmod_session_is_address (const char *text)
{
  return pmod_remote_is_address (text);
}

void
pmod_session_open_model_anyway (PmodSession *self, const char *name_or_path)
{
  g_return_if_fail (PMOD_IS_SESSION (self));
  g_return_if_fail (name_or_path != NULL);

  open_model (self, name_or_path, NULL, TRUE);
}

void
pmod_session_unload (PmodSession *self)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  open_model (self, NULL, NULL, FALSE);
}

PmodMachine *
pmod_session_get_machine (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  return self->machine;
}

void
pmod_session_cancel_loading (PmodSession *self)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  pmod_worker_cancel_open (self->worker);
}

char **
pmod_session_list_models (void)
{
  return pmod_model_list_installed ();
}

PmodTuning *
pmod_session_get_tuning (PmodSession *self)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  return self->tuning;
}

void
pmod_session_set_system (PmodSession *self, const char *system)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  g_free (self->system);
  self->system = g_strdup (system);
}

/* With a copy of what tuning says now. */
static PmodJob *
make_job (PmodSession *self, const char *const *texts, PmodTuning *tuning, int lane)
{
  PmodParams params;
  PmodJob *job;

  if (!tuning)
    tuning = self->tuning;
  pmod_tuning_get_params (tuning, &params);
  job = pmod_job_new (&params, lane);
  pmod_params_clear (&params);
  job->texts = g_strdupv ((char **)texts);
  job->system = g_strdup (self->system);
  job->question_first = pmod_tuning_get_question_first (tuning);
  job->model = pmod_tuning_get_model (tuning) == self->model ? self->model_id : 0;
  return job;
}

/* What the run's records do not tell. */
static void
note_settings (PmodRun *run, const PmodJob *job, gboolean outside_training)
{
  PmodSettings *settings = pmod_settings_new (&job->params, job->question_first, !outside_training);

  pmod_settings_set_system (settings, job->system);
  pmod_run_take_settings (run, settings);
  pmod_run_set_outside_training (run, outside_training);
}

void
pmod_session_let_go (PmodSession *self)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  if (self->held)
    pmod_worker_ask (self->worker, g_steal_pointer (&self->held));
}

static PmodRun *
hold_run (PmodSession *self, PmodJob *job, PmodPicture *picture, PmodTuning *tuning)
{
  g_autoptr (PmodRun) run = pmod_run_new ();

  note_settings (run, job, pmod_tuning_get_outside_training (tuning ? tuning : self->tuning));
  pmod_session_let_go (self);
  pmod_run_set_pictures (run, picture);
  job->id = ++self->last_job;
  job->images = pmod_picture_collect_images (picture);
  g_hash_table_insert (self->runs, g_memdup2 (&job->id, sizeof job->id), g_object_ref (run));
  self->held = job;
  update_state (self);
  return g_steal_pointer (&run);
}

static PmodRun *
start_run (PmodSession *self, PmodJob *job, PmodPicture *picture, PmodTuning *tuning)
{
  PmodRun *run = hold_run (self, job, picture, tuning);

  pmod_session_let_go (self);
  return run;
}

PmodRun *
pmod_session_read_behind (
    PmodSession *self, const char *const *texts, PmodPicture *picture, PmodTuning *tuning, int lane)
{
  PmodJob *job;

  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  g_return_val_if_fail (PMOD_IS_PICTURE (picture), NULL);
  g_return_val_if_fail (lane >= 0 && lane != PMOD_SWEEP_LANE && lane <= PMOD_BESIDE_LANE, NULL);

  job = make_job (self, texts, tuning, lane);
  pmod_job_read_only (job);
  return start_run (self, job, picture, tuning);
}

PmodRun *
pmod_session_read_with (PmodSession *self, PmodPicture *picture, PmodTuning *tuning, int lane)
{
  return pmod_session_read_behind (self, NULL, picture, tuning, lane);
}

PmodRun *
pmod_session_ask_with (
    PmodSession *self, const char *const *texts, PmodPicture *picture, PmodTuning *tuning, int lane)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  g_return_val_if_fail (texts && texts[0], NULL);
  g_return_val_if_fail (lane >= 0 && lane < PMOD_SESSION_N_LANES, NULL);

  return start_run (self, make_job (self, texts, tuning, lane), picture, tuning);
}

PmodRun *
pmod_session_read (PmodSession *self, PmodPicture *picture)
{
  return pmod_session_read_with (self, picture, NULL, 0);
}

PmodRun *
pmod_session_ask (PmodSession *self, const char *const *texts, PmodPicture *picture)
{
  return pmod_session_ask_with (self, texts, picture, NULL, 0);
}

PmodRun *
pmod_session_ask_from (PmodSession *self,
                       const char *const *texts,
                       PmodPicture *picture,
                       PmodBeginning *beginning)
{
  PmodJob *job;

  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  g_return_val_if_fail (texts && texts[0], NULL);

  job = make_job (self, texts, NULL, 0);
  job->beginning = beginning;
  return start_run (self, job, picture, NULL);
}

PmodRun *
pmod_session_ask_held (PmodSession *self, const char *const *texts, PmodPicture *picture)
{
  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  g_return_val_if_fail (texts && texts[0], NULL);

  return hold_run (self, make_job (self, texts, NULL, 0), picture, NULL);
}

PmodSweepRun *
pmod_session_sweep (PmodSession *self,
                    const char *const *texts,
                    PmodPicture *picture,
                    const PmodSweepPlan *plan,
                    GError **error)
{
  g_autoptr (PmodSweepRun) sweep = NULL;
  g_autofree PmodParams *params = NULL;
  PmodJob *job;
  int n;

  g_return_val_if_fail (PMOD_IS_SESSION (self), NULL);
  g_return_val_if_fail (texts && texts[0], NULL);

  sweep = pmod_sweep_run_new (self->tuning, plan, error);
  if (!sweep)
    return NULL;
  params = pmod_sweep_run_dup_params (sweep, &n);
  job = make_job (self, texts, NULL, PMOD_SWEEP_LANE);
  pmod_params_clear (&job->params);
  job->params = params[0];
  job->n_settings = n - 1;
  job->settings = g_memdup2 (params + 1, sizeof *params * (gsize)(n - 1));
  job->id = ++self->last_job;
  job->images = pmod_picture_collect_images (picture);
  g_hash_table_insert (self->sweeps, g_memdup2 (&job->id, sizeof job->id), g_object_ref (sweep));
  pmod_worker_stop_lane (self->worker, PMOD_SWEEP_LANE);
  pmod_worker_ask (self->worker, job);
  return g_steal_pointer (&sweep);
}

void
pmod_session_stop_sweep (PmodSession *self)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  pmod_worker_stop_lane (self->worker, PMOD_SWEEP_LANE);
}

void
pmod_session_stop (PmodSession *self)
{
  g_return_if_fail (PMOD_IS_SESSION (self));

  pmod_session_let_go (self);
  pmod_worker_stop (self->worker);
}

void
pmod_session_stop_lane (PmodSession *self, int lane)
{
  g_return_if_fail (PMOD_IS_SESSION (self));
  g_return_if_fail (lane >= 0 && lane != PMOD_SWEEP_LANE && lane <= PMOD_BESIDE_LANE);

  if (lane == 0)
    pmod_session_let_go (self);
  pmod_worker_stop_lane (self->worker, lane);
}

void
pmod_session_close_lane (PmodSession *self, int lane)
{
  g_return_if_fail (PMOD_IS_SESSION (self));
  g_return_if_fail (lane > 0 && lane < PMOD_SESSION_N_LANES);

  pmod_worker_close_lane (self->worker, lane);
}
