/* The inside of pmod serve's engine, for its own files: cli-serve-engine.c has the thread, its
 * queue and answers in the chat-completions shape, cli-serve-remote.c runs for windows on other
 * machines. */
#pragma once

#include "cli-serve-engine.h"

#include <pthread.h>

struct _ServeJob
{
  gatomicrefcount ref_count;
  ServeEngine *engine;
  ServeRequest *request;     /* nullable */
  PmodRemoteRequest *remote; /* nullable: one of the two */
  ServeFunc func;            /* the main thread's; NULL once nobody waits */
  ServeFramesFunc frames_func;
  gpointer user_data;

  /* Guarded by the engine's lock. */
  gboolean cancelled;
  PmodContext *context; /* that it runs in */
  GByteArray *frames;   /* not told yet */
  gboolean ended;
  gboolean telling; /* an event is on its way */

  /* The engine's thread alone, while it runs. */
  PmodTrace *trace;
  GByteArray *all;  /* records of the whole run */
  gsize told_bytes; /* of them */
  GString *text;
  gsize told_text;
  gboolean stopped;
  float *logits;
  PmodRecordRunBegin begin;
};

/* A context that is kept for who used it last. */
typedef struct
{
  char *client; /* "" of all who speak chat completions */
  int lane;
  PmodContext *context;
  guint64 used; /* counts */
  gboolean busy;
} ServeSlot;

struct _ServeEngine
{
  GThread *thread;
  PmodModel *model;
  guint max_waiting;
  guint max_contexts;

  pthread_mutex_t lock; /* of what follows, and of what each job says */
  pthread_cond_t mail;
  gboolean quit;
  GQueue waiting; /* ServeJob, a reference each */
  ServeJob *running;

  /* The engine's thread alone. */
  GArray *slots; /* ServeSlot */
  guint64 n_used;
  GPtrArray *pictures; /* PmodImage, the newest last */
};

/* Whether nobody waits for it any more. Any thread. */
gboolean serve_job_is_cancelled (ServeJob *job);

/* From a record's callback. A prefill forgets what was cancelled before its first record: told
 * again. */
void serve_job_pass_on_cancel (ServeJob *job);

/* The context of client's lane: its own, a new one, or the one that was not used for longest.
 * NULL: error. To be given back. */
PmodContext *serve_job_take_context (ServeJob *job, const char *client, int lane, GError **error);
void serve_job_give_back_context (ServeJob *job);

/* Between two points of a sweep: what waits, but for other sweeps. */
void serve_engine_run_others (ServeEngine *self, ServeJob *sweep);

/* Adds job to the queue; takes it. NULL where that is full. */
ServeJob *serve_engine_queue (ServeEngine *self, ServeJob *job);
ServeJob *serve_job_new (ServeEngine *self);

/* cli-serve-remote.c, on the engine's thread. */
void serve_remote_run (ServeJob *job);
