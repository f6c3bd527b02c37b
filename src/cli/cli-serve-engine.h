/* The thread that answers requests, one after another, from a queue.
 *
 * Owners: the thread owns model and context. A job belongs to whoever holds a reference; its
 * request is read-only once it is queued. What the thread has to say comes as events in the main
 * context, in order, until the job is let go of. */
#pragma once

#include "cli-serve-request.h"

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

/* model is open; max_waiting jobs may wait beside the one that runs. */
ServeEngine *serve_engine_new (PmodModel *model, guint max_waiting, GError **error);

/* Stops what runs and drops what waits; no event comes afterwards. */
void serve_engine_free (ServeEngine *self);

/* request is taken. NULL where the queue is full. (transfer full) */
ServeJob *
serve_engine_ask (ServeEngine *self, ServeRequest *request, ServeFunc func, gpointer user_data);

/* Nobody waits for it any more: no event comes after this, and it stops within a layer. */
void serve_job_cancel (ServeJob *self);
void serve_job_unref (ServeJob *self);

G_END_DECLS
