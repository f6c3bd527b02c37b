/* PmodWorker's inside, for its own files: pmod-worker.c has the thread and its mailbox,
 * pmod-worker-run.c what a job does there. */
#pragma once

#include "pmod-first-word.h"
#include "pmod-worker.h"

#include <pthread.h>

struct _PmodWorker
{
  GThread *thread;
  void (*wake) (gpointer);
  gpointer wake_data;

  pthread_mutex_t lock;
  pthread_cond_t mail;
  gboolean quit;
  char *open_path; /* "": no model is wanted */
  PmodModelOptions open_options;
  guint64 open_id;
  gboolean open_cancelled;
  PmodJob *waiting[PMOD_N_LANES];
  gboolean closing[PMOD_N_LANES];
  PmodJob *running;
  PmodJob *paused;              /* a sweep, while another lane's job runs between two points */
  PmodContext *running_context; /* only while running */
  GPtrArray *events;
  gboolean woken;

  /* The engine's thread alone. */
  PmodModel *model;
  PmodContext *contexts[PMOD_N_LANES];
  guint64 model_id;
  int last_lane;
  PmodFirstWord first_words[PMOD_N_LANES];
};

PmodEvent *pmod_event_new (PmodEventType type, guint64 job);

/* Takes event, and wakes whoever takes the events. */
void pmod_worker_push (PmodWorker *self, PmodEvent *event);

/* Whether the job that runs is to end. */
gboolean pmod_worker_is_stopped (PmodWorker *self);

/* Between two points of a sweep, which may take minutes: what the other lanes have. Their contexts
 * are not the sweep's. */
void pmod_worker_run_others (PmodWorker *self);

/* The engine's thread. Each fills in the event that ends the job. */
void pmod_worker_answer (PmodWorker *self, PmodContext *context, PmodJob *job, PmodEvent *event);
void pmod_worker_sweep (PmodWorker *self, PmodContext *context, PmodJob *job, PmodEvent *event);

/* For the engine's records of a job. */
void pmod_worker_record (const PmodRecord *record, gpointer worker);

/* params: the model's own. (transfer full) */
PmodModelCard *pmod_worker_describe (PmodModel *model, const PmodParams *params);
