/* The HTTP side of pmod serve, for its own files: cli-serve.c has the server and answers in the
 * chat-completions shape, cli-serve-run.c runs for windows on other machines. Main thread. */
#pragma once

#include "cli-serve-reply.h"

#include <libsoup/soup.h>

typedef struct
{
  ServeEngine *engine;
  SoupServer *server;
  GPtrArray *sockets; /* GSocket, of clients that are or were there */
  GMainLoop *loop;
  PmodParams defaults;
  char *model; /* name */
  char *token; /* nullable */
  guint64 max_body;
  gint64 started;
  char *facts;      /* what windows on other machines are told of the model */
  char *model_hash; /* that their runs name */
  guint64 n_answers;
} Serve;

/* One request on its way; freed with its message. */
typedef struct
{
  Serve *serve;
  SoupServerMessage *message; /* not a reference: it owns this */
  ServeJob *job;
  GByteArray *records; /* of an answer that is sent whole */
  char *id;
  gboolean stream;
  gboolean include_usage;
  gboolean wants_records;
  gboolean begun;
  guint64 body_bytes;
  guint timeout;
  guint beat;       /* of a run for a window: tells that it is alive */
  GSource *leaving; /* while an answer is on its way: whether the client is still there */
} Exchange;

/* body: JSON. */
void serve_send (SoupServerMessage *message, guint status, const char *body);
void serve_send_error (
    SoupServerMessage *message, guint status, const char *type, const char *code, const char *text);
void serve_send_failure (SoupServerMessage *message, const GError *error);

/* That the queue is full. */
void serve_send_busy (SoupServerMessage *message);

/* What cannot be answered any more, or was not meant to be: the connection ends here. */
void serve_cut_off (SoupServerMessage *message);

/* With each request: closes what is left of clients that have gone. */
void serve_sockets_note (GPtrArray *self, SoupServerMessage *message);

/* Nobody waits for its answer any more. */
void serve_end_exchange (Exchange *exchange);

/* POST PMOD_REMOTE_RUNS_PATH */
void serve_run (Exchange *exchange, GBytes *body);
