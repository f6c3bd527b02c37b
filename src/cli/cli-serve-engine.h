/* The thread that answers requests, one after another, from a queue.
 *
 * Owners: the thread owns model and contexts. A job belongs to whoever holds a reference; its
 * request is read-only once it is queued. What the thread has to say comes as events in the main
 * context, in order, until the job is let go of. */
#pragma once

#include "cli-serve-request.h"
#include "pmod-remote-wire.h"

G_BEGIN_DECLS

typedef struct _ServeEngine ServeEngine;
typedef struct _ServeJob ServeJob;

typedef struct
{
  PmodFinish finish;
  gboolean stopped; /* at one of the request's stop texts */
  char *text;       /* the whole answer */
  char *record;     /* JSON; nullable */
  int n_prompt;
  int n_reused;
  int n_new;
} ServeResult;

/* Called in the main context. text: what was added, may be "". records: of the trace since the last
 * event, NULL where nobody asked. result and error: NULL until the last event, which has one. */
typedef void (*ServeFunc) (ServeJob *job,
                           const char *text,
                           GBytes *records,
                           const ServeResult *result,
                           const GError *error,
                           gpointer user_data);

/* The same of a run for a window: whole frames, the last ones where ended. */
typedef void (*ServeFramesFunc) (ServeJob *job, GBytes *frames, gboolean ended, gpointer user_data);

/* model is open; max_waiting jobs may wait beside the one that runs; max_contexts conversations
 * find what they left. */
ServeEngine *
serve_engine_new (PmodModel *model, guint max_waiting, guint max_contexts, GError **error);

/* Stops what runs and drops what waits; no event comes afterwards. */
void serve_engine_free (ServeEngine *self);

/* request is taken. NULL where the queue is full. (transfer full) */
ServeJob *
serve_engine_ask (ServeEngine *self, ServeRequest *request, ServeFunc func, gpointer user_data);

ServeJob *serve_engine_run (ServeEngine *self,
                            PmodRemoteRequest *request,
                            ServeFramesFunc func,
                            gpointer user_data);

/* Nobody waits for it any more: no event comes after this, and it stops within a layer. */
void serve_job_cancel (ServeJob *self);
ServeJob *serve_job_ref (ServeJob *self);
void serve_job_unref (ServeJob *self);

G_END_DECLS
