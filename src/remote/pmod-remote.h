/* A model that another machine's pmod serve has open: what is known of it, and runs there.
 *
 * Everything blocks and belongs to one thread, but for the GCancellable. Only what the address
 * names is asked, nobody is redirected, and what comes back is checked before anybody sees it: a
 * server may be slow, gone, another program or a liar. Errors are in PMOD_ERROR: IO (no answer, or
 * none any more), ARGUMENT (an address or a token that cannot be), FORMAT (what came cannot be
 * right), UNSUPPORTED (another version), CANCELLED, and those that the engine has there. */
#pragma once

#include <gio/gio.h>

#include "pmod-engine.h"

G_BEGIN_DECLS

/* --- Addresses -------------------------------------------------------------------------------- */

/* Whether text is meant for a server rather than a folder or a name: it begins with http:// or
 * https://. */
gboolean pmod_remote_is_address (const char *text);

/* "http://127.0.0.1:8375/", "https://HOST/PREFIX/v1": without the last slash and without /v1.
 * ARGUMENT where it is no such address, holds a name and password, or would leave this machine
 * unencrypted. (transfer full) */
char *pmod_remote_dup_address (const char *text, GError **error);

/* "127.0.0.1:8375", for people. (transfer full) */
char *pmod_remote_dup_host (const char *address);

/* What STRATA_SERVER_TOKEN holds, or the file that STRATA_SERVER_TOKEN_FILE names. (transfer full)
 * (nullable) */
char *pmod_remote_dup_known_token (void);

/* --- Facts ------------------------------------------------------------------------------------ */

typedef struct
{
  char *version; /* of the server's program */
  char *model;   /* a hash that tells it from others; a run names it */
  char *name;
  char *device;
  char *precision;
  char *fallback; /* nullable */
  char *note;     /* config keys "strata_note", "strata_about"; nullable */
  char *about;
  PmodConfig *config;
  guint64 weight_bytes;
  guint64 load_ns;
  guint64 kv_token_bytes;
  guint64 max_body; /* bytes of one request */
} PmodRemoteFacts;

void pmod_remote_facts_free (PmodRemoteFacts *self);

/* --- Runs ------------------------------------------------------------------------------------- */

/* What is asked of the model. Also what pmod serve reads of a request. */
typedef struct
{
  int lane; /* see PMOD_REMOTE_MAX_LANES: each has a context of its own there */
  PmodParams params;
  char *system;      /* what stands before them; NULL: the model's own */
  char **texts;      /* user, assistant, ..., user; NULL: only the picture */
  GPtrArray *images; /* PmodImage; nullable: none */
  gboolean question_first;
  gboolean only_read;    /* nothing is answered */
  gboolean wants_logits; /* of the first word */
  PmodParams *settings;  /* of a sweep, compared with params; else NULL */
  int n_settings;
  GArray *begin_ids; /* gint32, that the answer begins with; NULL: as begin_text is cut */
  char *begin_text;  /* the same as words; NULL: it begins with nothing */
} PmodRemoteAsk;

#define PMOD_REMOTE_MAX_LANES 8

/* The prompt of what is asked: the same here and there. A model of single questions is asked the
 * last alone; of a picture that is only read, nothing follows it. Only an answer of its own is
 * begun, not a sweep's. */
PmodPrompt *pmod_remote_ask_make_prompt (const PmodRemoteAsk *self,
                                         PmodTokenizer *tokenizer,
                                         const PmodConfig *config,
                                         GError **error);

typedef struct
{
  int index; /* see PmodSweepPoint */
  PmodFlops flops;
  guint64 kv_bytes;
  guint64 kv_bytes_dense;
  double divergence;
  char *text; /* nullable */
} PmodRemotePoint;

typedef struct
{
  /* One whole checked record at a time. */
  void (*record) (const PmodRecord *record, gpointer user_data);
  /* [config->vocab], after the first word's record; nullable */
  void (*logits) (const float *logits, gpointer user_data);
  /* Of a sweep; FALSE stops it. nullable */
  gboolean (*point) (const PmodRemotePoint *point, gpointer user_data);
  gpointer user_data;
} PmodRemoteSink;

typedef struct
{
  char *text; /* NULL where nothing was answered */
  PmodFinish finish;
} PmodRemoteResult;

void pmod_remote_result_clear (PmodRemoteResult *self);

typedef struct _PmodRemote PmodRemote;

/* Connects and reads the facts. token: nullable. */
PmodRemote *pmod_remote_open (const char *address,
                              const char *token,
                              GCancellable *cancellable,
                              GError **error);
void pmod_remote_free (PmodRemote *self);
const char *pmod_remote_get_address (const PmodRemote *self);
const PmodRemoteFacts *pmod_remote_get_facts (const PmodRemote *self);

/* Returns when the run is over. The sink may start another run meanwhile (of another lane). */
gboolean pmod_remote_run (PmodRemote *self,
                          const PmodRemoteAsk *ask,
                          const PmodRemoteSink *sink,
                          PmodRemoteResult *result,
                          GCancellable *cancellable,
                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodRemote, pmod_remote_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodRemoteFacts, pmod_remote_facts_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PmodRemoteResult, pmod_remote_result_clear)

G_END_DECLS
