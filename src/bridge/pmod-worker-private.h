/* PmodWorker's inside, for its own files: pmod-worker.c has the thread and its mailbox,
 * pmod-worker-run.c what a job does there, pmod-worker-remote.c what it does where the model is on
 * another machine. */
#pragma once

#include "pmod-first-word.h"
#include "pmod-remote.h"
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
  char *open_token;      /* nullable: of a server */
  GCancellable *opening; /* while a server is asked */
  PmodJob *waiting[PMOD_N_LANES];
  gboolean closing[PMOD_N_LANES];
  PmodJob *running;
  PmodJob *paused;              /* a sweep, while another lane's job runs between two points */
  PmodContext *running_context; /* only while running */
  GPtrArray *events;
  gboolean woken;
  gboolean adopting;  /* a model, or none, was handed over and is not in use yet */
  PmodModel *adopted; /* nullable */
  pthread_cond_t has_adopted;

  PmodWorker *beside; /* has the lane beside; NULL: there is none */

  /* The engine's thread alone. */
  PmodModel *model;
  PmodRemote *remote; /* one of the two, or neither */
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

/* What job asks, borrowed from it but for its list of pictures. */
void pmod_worker_fill_ask (const PmodJob *job, PmodRemoteAsk *ask);

/* Gives up the model, wherever it is. */
void pmod_worker_close_all (PmodWorker *self);

/* --- pmod-worker-beside.c --- */

/* The engine's thread: the worker beside has the weights of self's model from now on, or none where
 * self has none or the device no second timeline; what it had is given back. TRUE: it has them. */
gboolean pmod_worker_share_model (PmodWorker *self);

/* The thread beside, with the lock held: takes what was handed over. FALSE: there was nothing. */
gboolean pmod_worker_adopt_locked (PmodWorker *self);

/* After a first word: where both lanes that answer people have said one. */
void pmod_worker_compare_first_words (PmodWorker *self);

/* The same of a model on another machine. */
void pmod_worker_open_remote (PmodWorker *self,
                              guint64 id,
                              const char *address,
                              const char *token,
                              GCancellable *cancellable);
void pmod_worker_run_remote (PmodWorker *self, PmodJob *job, PmodEvent *event);
