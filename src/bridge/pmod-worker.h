/* The engine's thread and its mailbox: commands in, events out. For PmodSession only.
 *
 * Nothing here waits for the main thread; the main thread waits here only in pmod_worker_free(). */
#pragma once

#include "pmod-beginning.h"
#include "pmod-engine.h"
#include "pmod-model-card.h"

G_BEGIN_DECLS

typedef struct _PmodWorker PmodWorker;

/* Each lane has a context of its own, so that what runs in one leaves what the other may use again
 * alone. Lane 0 is there with the model, another from its first job until it is closed. */
#define PMOD_N_LANES 3
#define PMOD_SWEEP_LANE 2

/* Beside them, on a thread and a timeline of the device of its own where there is one: what runs
 * here neither waits for the lanes nor they for it. See PmodModelCard. */
#define PMOD_BESIDE_LANE PMOD_N_LANES

typedef struct
{
  guint64 id;
  int lane;
  PmodParams params;       /* owned, see pmod_job_new() */
  guint64 model;           /* id of the opened model that they are for; of another: as trained */
  gboolean question_first; /* the picture stands behind the question */
  gboolean only_read;      /* nothing is answered: only the maps are wanted */
  PmodParams *settings;    /* a sweep's, after params, to which they are compared; else NULL */
  int n_settings;
  char *system;           /* what stands before them; NULL: the model's own */
  char **texts;           /* user, assistant, ..., user; NULL: only read the picture */
  GPtrArray *images;      /* PmodImage, in their order; nullable */
  gboolean stopped;       /* guarded by the worker's lock */
  GCancellable *stopping; /* cancelled together with that: of a run on a server */

  PmodBeginning *beginning; /* of the answer; nullable */
} PmodJob;

typedef enum
{
  PMOD_EVENT_PROGRESS, /* done of total bytes of a model are loaded */
  PMOD_EVENT_OPENED,   /* card; NULL: there is no model any more, as was asked */
  PMOD_EVENT_REFUSED,  /* error; the model before, if any, stays */
  PMOD_EVENT_STARTED,  /* job */
  PMOD_EVENT_RECORDS,  /* job, records */
  PMOD_EVENT_POINT,    /* job, point, text: of a sweep */
  PMOD_EVENT_APART,    /* job, divergence: of its first word, from the other lane's */
  PMOD_EVENT_DONE,     /* job, text or error, finish */
} PmodEventType;

/* See PmodSweepPoint. */
typedef struct
{
  PmodFlops flops;
  guint64 kv_bytes;
  guint64 kv_bytes_dense;
  double divergence;
} PmodWorkerPoint;

typedef struct
{
  PmodEventType type;
  guint64 job; /* or the id of what was to be opened */
  guint64 done;
  guint64 total;
  PmodModelCard *card;
  GByteArray *records;
  char *text;
  PmodWorkerPoint point;
  PmodFinish finish;
  double divergence; /* nats: KL (lane 0's || lane 1's) */
  GError *error;
} PmodEvent;

/* wake: called on the engine's thread when events wait that nobody was woken for. */
PmodWorker *pmod_worker_new (void (*wake) (gpointer), gpointer user_data);

/* The same with a lane beside. */
PmodWorker *pmod_worker_new_pair (void (*wake) (gpointer), gpointer user_data);

/* Stops what runs, ends the thread and frees everything. */
void pmod_worker_free (PmodWorker *self);

/* id: stands in the event that ends it. A model that is still loading is given up for a newer one;
 * of several that wait, only the newest is opened and only its event comes. path: a folder, a name
 * or a server's address; NULL is none. token: for a server, nullable. */
void pmod_worker_open (PmodWorker *self,
                       guint64 id,
                       const char *path,
                       const char *token,
                       const PmodModelOptions *options);
void pmod_worker_cancel_open (PmodWorker *self);

/* job is taken. One job runs, one waits in each lane; a newer one takes the place of the one that
 * waits in its lane. Lanes take turns. */
void pmod_worker_ask (PmodWorker *self, PmodJob *job);

/* Stops the job that runs and those that wait. */
void pmod_worker_stop (PmodWorker *self);

/* The same of one lane; lane 1 then gives its memory back once nothing runs there. */
void pmod_worker_stop_lane (PmodWorker *self, int lane);
void pmod_worker_close_lane (PmodWorker *self, int lane);

/* PmodEvent, oldest first. (transfer full) */
GPtrArray *pmod_worker_take_events (PmodWorker *self);

/* params are copied. */
PmodJob *pmod_job_new (const PmodParams *params, int lane);
void pmod_job_free (PmodJob *job);

G_END_DECLS
