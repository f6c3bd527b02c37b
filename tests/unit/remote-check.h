/* What the tests of models on servers share: a real pmod serve, and one that lies. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* --- pmod serve, on any free port ---------------------------------------------------------------
 */

typedef struct
{
  GSubprocess *process;
  char *address;
  char *token;
} RemoteServer;

/* options: more of them, up to NULL. The program is the one that the environment's PMOD names. */
RemoteServer *remote_server_start (const char *model, const char *const *options);
/* SIGKILL: as when the machine falls over. */
void remote_server_kill (RemoteServer *self);
void remote_server_free (RemoteServer *self);

/* --- The liar -----------------------------------------------------------------------------------
 */

typedef enum
{
  LIAR_CLOSES, /* after the reply */
  LIAR_HANGS,  /* says nothing more and does not close */
  LIAR_DRIPS,  /* byte by byte */
} LiarEnd;

typedef struct
{
  const char *head; /* status line and headers but for Connection: close; NULL: 200 and the type */
  GBytes *body;     /* nullable */
  LiarEnd end;
} LiarReply;

typedef struct _RemoteLiar RemoteLiar;

/* facts: to GET /v1/strata, runs: to POST /v1/strata/runs. Copied; the bodies are shared. */
RemoteLiar *remote_liar_new (const LiarReply *facts, const LiarReply *runs);
const char *remote_liar_get_address (RemoteLiar *self);
/* Requests so far whose connection the other side closed while this one hung. */
int remote_liar_count_left (RemoteLiar *self);
int remote_liar_count_runs (RemoteLiar *self);
void remote_liar_free (RemoteLiar *self);

G_END_DECLS
