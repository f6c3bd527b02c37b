/* PmodDownload: see pmod-download.h.
 *
 * Owners: the object and a job's results belong to the main thread; a job's plan to its thread
 * until that has ended. `lock` guards what is seen of a job while it works: progress and woken. A
 * job that was given up has no owner any more, and what it still says is dropped. */
#include "config.h"

#include "pmod-download.h"

#include <gio/gio.h>
#include <pthread.h>
#include <string.h>

#include "pmod-hub.h"

#define WAKE_US (200 * 1000)                  /* between two that only tell of progress */
#define SPEED_US (6 * (gint64)G_USEC_PER_SEC) /* the time that a speed is of */
#define SPEED_MIN_US (G_USEC_PER_SEC / 2)
#define MAX_SAMPLES 64

typedef enum
{
  JOB_LOOK,
  JOB_FETCH,
  JOB_REPAIR,
  JOB_CHECK,
} JobKind;

typedef struct
{
  JobKind kind;
  char *repo;
  char *tower;
  char *folder;
  char *server; /* NULL: as the environment says, or the default */
  GCancellable *cancellable;
  GThread *thread;
  PmodDownload *owner; /* main thread; NULL once it was given up */

  PmodHubPlan *plan; /* nullable */
  PmodHubSpace space;
  GPtrArray *wrong; /* nullable */
  GError *error;    /* nullable */

  pthread_mutex_t lock;
  PmodHubProgress progress; /* without its file */
  gboolean woken;
  gint64 woken_us;
} Job;

typedef struct
{
  gint64 us;
  guint64 done;
} Sample;

struct _PmodDownload
{
  GObject parent_instance;

  char *server;
  PmodDownloadState state;
  Job *job;          /* NULL: nothing is done */
  PmodHubPlan *plan; /* nullable; with the job while there is one */
  char *repo;        /* as it was asked for */
  char *name;
  PmodDownloadPlan sizes;
  PmodDownloadProgress progress;
  Sample samples[MAX_SAMPLES];
  guint n_samples;
  PmodDownloadProblem problem;
  char *error;
  char **wrong;
};

enum
{
  PROP_STATE = 1,
  PROP_SERVER,
  N_PROPS
};

enum
{
  CHANGED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodDownload, pmod_download, G_TYPE_OBJECT)

/* --- A job, on its thread ----------------------------------------------------------------------
 */

static void
job_clear (gpointer data)
{
  Job *job = data;

  g_free (job->repo);
  g_free (job->tower);
  g_free (job->folder);
  g_free (job->server);
  g_clear_object (&job->cancellable);
  g_clear_pointer (&job->plan, pmod_hub_plan_free);
  g_clear_pointer (&job->wrong, g_ptr_array_unref);
  g_clear_error (&job->error);
  pthread_mutex_destroy (&job->lock);
}

static void
job_unref (gpointer job)
{
  g_atomic_rc_box_release_full (job, job_clear);
}

static gboolean progress_cb (gpointer data);
static gboolean ended_cb (gpointer data);

static void
tell (Job *job, GSourceFunc callback)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, callback, g_atomic_rc_box_acquire (job), job_unref);
}

static void
on_progress (const PmodHubProgress *progress, gpointer user_data)
{
  Job *job = user_data;
  gint64 now_us = g_get_monotonic_time ();
  gboolean must_tell;

  pthread_mutex_lock (&job->lock);
  must_tell =
      !job->woken && (now_us - job->woken_us >= WAKE_US || progress->phase != job->progress.phase);
  job->progress = *progress;
  job->progress.file = NULL;
  if (must_tell)
    {
      job->woken = TRUE;
      job->woken_us = now_us;
    }
  pthread_mutex_unlock (&job->lock);
  if (must_tell)
    tell (job, progress_cb);
}

static void
set_options (const Job *job, PmodHubOptions *options)
{
  const char *endpoint = g_getenv ("HF_ENDPOINT");

  *options = (PmodHubOptions){
    .repo = job->repo, .tower = job->tower, .folder = job->folder, .token = g_getenv ("HF_TOKEN")
  };
  if (job->server)
    options->endpoint = job->server;
  else if (endpoint && *endpoint)
    options->endpoint = endpoint;
  options->allow_http = job->server != NULL;
}

static void
work (Job *job)
{
  PmodHubOptions options;

  set_options (job, &options);
  if (job->kind == JOB_LOOK)
    job->plan = pmod_hub_plan_new (&options, job->cancellable, &job->error);
  else if (!job->plan)
    job->plan = pmod_hub_plan_load (&options, &job->error);
  if (!job->plan)
    return;
  if (job->kind == JOB_CHECK)
    job->wrong = pmod_hub_plan_check (job->plan, on_progress, job, job->cancellable, &job->error);
  else if (job->kind != JOB_LOOK)
    pmod_hub_plan_fetch (job->plan, on_progress, job, job->cancellable, &job->error);
  pmod_hub_plan_measure (job->plan, &job->space, job->error ? NULL : &job->error);
}

static gpointer
job_thread (gpointer data)
{
  Job *job = data;

  work (job);
  tell (job, ended_cb);
  job_unref (job);
  return NULL;
}

/* --- What a job tells, on the main thread ------------------------------------------------------
 */

static void
set_state (PmodDownload *self, PmodDownloadState state)
{
  gboolean changed = self->state != state;

  self->state = state;
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
update_speed (PmodDownload *self)
{
  PmodDownloadProgress *progress = &self->progress;
  gint64 now_us = g_get_monotonic_time ();
  Sample *samples = self->samples;
  guint old = 0;

  progress->speed = 0;
  progress->seconds_left = -1;
  if (progress->phase == PMOD_DOWNLOAD_HASHES ||
      (self->n_samples > 0 && progress->done < samples[self->n_samples - 1].done))
    self->n_samples = 0;
  if (progress->phase == PMOD_DOWNLOAD_HASHES)
    return;
  while (old < self->n_samples && now_us - samples[old].us > SPEED_US)
    old++;
  if (old == 0 && self->n_samples == MAX_SAMPLES)
    old = 1;
  self->n_samples -= old;
  memmove (samples, samples + old, self->n_samples * sizeof *samples);
  samples[self->n_samples++] = (Sample){ now_us, progress->done };
  if (now_us - samples[0].us < SPEED_MIN_US)
    return;
  progress->speed = (double)(progress->done - samples[0].done) * G_USEC_PER_SEC /
                    (double)(now_us - samples[0].us);
  if (progress->speed > 0 && progress->total >= progress->done)
    progress->seconds_left = (double)(progress->total - progress->done) / progress->speed;
}

static gboolean
progress_cb (gpointer data)
{
  static const PmodDownloadPhase phases[] = {
    [PMOD_HUB_PHASE_CHECK] = PMOD_DOWNLOAD_HASHES,
    [PMOD_HUB_PHASE_DOWNLOAD] = PMOD_DOWNLOAD_BYTES,
    [PMOD_HUB_PHASE_WAIT] = PMOD_DOWNLOAD_PAUSE,
  };
  Job *job = data;
  PmodDownload *self = job->owner;

  if (!self)
    return G_SOURCE_REMOVE;
  pthread_mutex_lock (&job->lock);
  job->woken = FALSE;
  self->progress.phase = phases[job->progress.phase];
  self->progress.done = job->progress.done;
  self->progress.total = job->progress.total;
  pthread_mutex_unlock (&job->lock);
  update_speed (self);
  g_signal_emit (self, signals[CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static PmodDownloadProblem
classify (const GError *error)
{
  static const PmodDownloadProblem problems[] = {
    [PMOD_HUB_ERROR_ARGUMENT] = PMOD_DOWNLOAD_PROBLEM_NAME,
    [PMOD_HUB_ERROR_NETWORK] = PMOD_DOWNLOAD_PROBLEM_NETWORK,
    [PMOD_HUB_ERROR_DENIED] = PMOD_DOWNLOAD_PROBLEM_DENIED,
    [PMOD_HUB_ERROR_MISSING] = PMOD_DOWNLOAD_PROBLEM_MISSING,
    [PMOD_HUB_ERROR_SERVER] = PMOD_DOWNLOAD_PROBLEM_SERVER,
    [PMOD_HUB_ERROR_CONTENT] = PMOD_DOWNLOAD_PROBLEM_CONTENT,
    [PMOD_HUB_ERROR_SPACE] = PMOD_DOWNLOAD_PROBLEM_SPACE,
    [PMOD_HUB_ERROR_FILE] = PMOD_DOWNLOAD_PROBLEM_FILE,
    [PMOD_HUB_ERROR_BUSY] = PMOD_DOWNLOAD_PROBLEM_BUSY,
  };

  if (error->domain != PMOD_HUB_ERROR || error->code < 0 ||
      error->code >= (int)G_N_ELEMENTS (problems))
    return PMOD_DOWNLOAD_PROBLEM_FILE;
  if (error->code == PMOD_HUB_ERROR_MISSING && strstr (error->message, ": the vision tower "))
    return PMOD_DOWNLOAD_PROBLEM_TOWER;
  return problems[error->code];
}

/* Options of the command line are of no use in a window. */
static char *
cut_options (const char *message)
{
  static const char *const hints[] = { "; --", "; name another with --" };

  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    {
      const char *hint = strstr (message, hints[i]);

      if (hint)
        return g_strndup (message, (gsize)(hint - message));
    }
  return g_strdup (message);
}

static void
take_error (PmodDownload *self, const GError *error)
{
  self->problem = classify (error);
  self->error = cut_options (error->message);
}

static void
take_sizes (PmodDownload *self, const Job *job)
{
  self->sizes = (PmodDownloadPlan){ .total = job->space.total,
                                    .there = job->space.there,
                                    .missing = job->space.missing,
                                    .free = job->space.free,
                                    .n_files = pmod_hub_plan_get_n_files (self->plan) };
  pmod_hub_plan_get_left_out (self->plan, &self->sizes.n_left_out, &self->sizes.left_out_bytes);
  g_free (self->name);
  self->name = g_strdup (pmod_hub_plan_get_repo (self->plan));
}

static PmodDownloadState
take_result (PmodDownload *self, Job *job)
{
  static const PmodDownloadState ends[] = {
    [JOB_LOOK] = PMOD_DOWNLOAD_PLANNED,
    [JOB_FETCH] = PMOD_DOWNLOAD_DONE,
    [JOB_REPAIR] = PMOD_DOWNLOAD_DONE,
    [JOB_CHECK] = PMOD_DOWNLOAD_RIGHT,
  };

  self->plan = g_steal_pointer (&job->plan);
  if (self->plan)
    take_sizes (self, job);
  if (g_error_matches (job->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CANCELLED))
    return self->plan ? PMOD_DOWNLOAD_STOPPED : PMOD_DOWNLOAD_IDLE;
  if (job->error)
    {
      take_error (self, job->error);
      return PMOD_DOWNLOAD_FAILED;
    }
  if (job->kind != JOB_CHECK || job->wrong->len == 0)
    return ends[job->kind];
  g_ptr_array_add (job->wrong, NULL);
  self->wrong = (char **)g_ptr_array_steal (job->wrong, NULL);
  return PMOD_DOWNLOAD_WRONG;
}

static gboolean
ended_cb (gpointer data)
{
  Job *job = data;
  PmodDownload *self = job->owner;
  PmodDownloadState state;

  if (!self)
    return G_SOURCE_REMOVE;
  g_object_ref (self);
  g_thread_join (g_steal_pointer (&job->thread));
  job->owner = NULL;
  state = take_result (self, job);
  g_clear_pointer (&self->job, job_unref);
  set_state (self, state);
  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

/* --- Starting and ending -----------------------------------------------------------------------
 */

static void
forget_result (PmodDownload *self)
{
  self->problem = PMOD_DOWNLOAD_PROBLEM_NONE;
  g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->wrong, g_strfreev);
  self->progress = (PmodDownloadProgress){ .seconds_left = -1 };
  self->n_samples = 0;
}

static void
forget_plan (PmodDownload *self)
{
  g_clear_pointer (&self->plan, pmod_hub_plan_free);
  g_clear_pointer (&self->name, g_free);
  self->sizes = (PmodDownloadPlan){ 0 };
}

/* plan is taken. */
static void
start_job (PmodDownload *self, JobKind kind, const char *folder, const char *tower)
{
  Job *job = g_atomic_rc_box_new0 (Job);

  forget_result (self);
  job->kind = kind;
  job->repo = g_strdup (kind == JOB_LOOK ? self->repo : NULL);
  job->tower = g_strdup (tower && *tower ? tower : NULL);
  job->folder = g_strdup (folder);
  job->server = g_strdup (self->server);
  job->plan = g_steal_pointer (&self->plan);
  job->cancellable = g_cancellable_new ();
  pthread_mutex_init (&job->lock, NULL);
  job->owner = self;
  self->job = job;
  job->thread = g_thread_new ("download", job_thread, g_atomic_rc_box_acquire (job));
  if (kind == JOB_LOOK)
    set_state (self, PMOD_DOWNLOAD_LOOKING);
  else
    set_state (self, kind == JOB_CHECK ? PMOD_DOWNLOAD_CHECKING : PMOD_DOWNLOAD_FETCHING);
}

static void
give_up (PmodDownload *self)
{
  Job *job = g_steal_pointer (&self->job);

  if (!job)
    return;
  job->owner = NULL;
  g_cancellable_cancel (job->cancellable);
  g_thread_join (job->thread);
  job_unref (job);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_download_finalize (GObject *object)
{
  PmodDownload *self = PMOD_DOWNLOAD (object);

  give_up (self);
  forget_result (self);
  forget_plan (self);
  g_free (self->repo);
  g_free (self->server);

  G_OBJECT_CLASS (pmod_download_parent_class)->finalize (object);
}

static void
pmod_download_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodDownload *self = PMOD_DOWNLOAD (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_int (value, (int)self->state);
      break;
    case PROP_SERVER:
      g_value_set_string (value, self->server);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_download_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodDownload *self = PMOD_DOWNLOAD (object);

  switch (id)
    {
    case PROP_SERVER:
      pmod_download_set_server (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_download_class_init (PmodDownloadClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_download_finalize;
  object_class->get_property = pmod_download_get_property;
  object_class->set_property = pmod_download_set_property;

  props[PROP_STATE] =
      g_param_spec_int ("state", NULL, NULL, 0, PMOD_DOWNLOAD_FAILED, 0,
                        G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_SERVER] =
      g_param_spec_string ("server", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_DOWNLOAD, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
pmod_download_init (PmodDownload *self)
{
  self->progress.seconds_left = -1;
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodDownload *
pmod_download_new (void)
{
  return g_object_new (PMOD_TYPE_DOWNLOAD, NULL);
}

const char *
pmod_download_get_default_server (void)
{
  const char *endpoint = g_getenv ("HF_ENDPOINT");

  return endpoint && *endpoint ? endpoint : PMOD_HUB_ENDPOINT;
}

void
pmod_download_set_server (PmodDownload *self, const char *server)
{
  g_autofree char *stripped = server ? g_strstrip (g_strdup (server)) : NULL;

  g_return_if_fail (PMOD_IS_DOWNLOAD (self));

  if (stripped && (*stripped == '\0' || g_str_equal (stripped, PMOD_HUB_ENDPOINT)))
    g_clear_pointer (&stripped, g_free);
  if (g_strcmp0 (self->server, stripped) == 0)
    return;
  g_free (self->server);
  self->server = g_steal_pointer (&stripped);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SERVER]);
}

const char *
pmod_download_get_server (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return self->server ? self->server : pmod_download_get_default_server ();
}

void
pmod_download_look (PmodDownload *self, const char *repo, const char *tower)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));
  g_return_if_fail (repo != NULL);

  if (self->job)
    return;
  forget_plan (self);
  g_free (self->repo);
  self->repo = g_strstrip (g_strdup (repo));
  self->name = g_strdup (self->repo);
  start_job (self, JOB_LOOK, NULL, tower);
}

void
pmod_download_start (PmodDownload *self)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));

  if (!self->job && self->plan)
    start_job (self, JOB_FETCH, NULL, NULL);
}

static void
start_noted (PmodDownload *self, JobKind kind, const char *folder)
{
  if (self->job)
    return;
  forget_plan (self);
  self->name = g_path_get_basename (folder);
  start_job (self, kind, folder, NULL);
}

void
pmod_download_repair (PmodDownload *self, const char *folder)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));
  g_return_if_fail (folder != NULL);

  start_noted (self, JOB_REPAIR, folder);
}

void
pmod_download_check (PmodDownload *self, const char *folder)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));
  g_return_if_fail (folder != NULL);

  start_noted (self, JOB_CHECK, folder);
}

void
pmod_download_stop (PmodDownload *self)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));

  if (self->job)
    g_cancellable_cancel (self->job->cancellable);
}

void
pmod_download_forget (PmodDownload *self)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));

  if (self->job)
    return;
  forget_result (self);
  forget_plan (self);
  set_state (self, PMOD_DOWNLOAD_IDLE);
}

PmodDownloadState
pmod_download_get_state (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), PMOD_DOWNLOAD_IDLE);
  return self->state;
}

gboolean
pmod_download_get_busy (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), FALSE);
  return self->job != NULL;
}

const char *
pmod_download_get_name (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return self->name;
}

const char *
pmod_download_get_commit (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return self->plan ? pmod_hub_plan_get_commit (self->plan) : NULL;
}

const char *
pmod_download_get_folder (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return self->plan ? pmod_hub_plan_get_folder (self->plan) : NULL;
}

gboolean
pmod_download_get_plan (PmodDownload *self, PmodDownloadPlan *plan)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), FALSE);

  *plan = self->sizes;
  return self->sizes.n_files > 0;
}

const char *
pmod_download_get_file (PmodDownload *self, guint i, guint64 *bytes)
{
  PmodHubFile file;

  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  if (!self->plan || i >= pmod_hub_plan_get_n_files (self->plan))
    return NULL;
  file = pmod_hub_plan_get_file (self->plan, i);
  *bytes = file.size;
  return file.path;
}

void
pmod_download_get_progress (PmodDownload *self, PmodDownloadProgress *progress)
{
  g_return_if_fail (PMOD_IS_DOWNLOAD (self));
  *progress = self->progress;
}

PmodDownloadProblem
pmod_download_get_problem (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), PMOD_DOWNLOAD_PROBLEM_NONE);
  return self->problem;
}

const char *
pmod_download_get_error (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return self->error ? self->error : "";
}

const char *const *
pmod_download_get_wrong (PmodDownload *self)
{
  g_return_val_if_fail (PMOD_IS_DOWNLOAD (self), NULL);
  return (const char *const *)self->wrong;
}
