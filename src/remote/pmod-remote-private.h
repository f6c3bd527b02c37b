/* What the files of this room share on the asking side, and how JSON members are read. */
#pragma once

#include "pmod-remote-wire.h"

G_BEGIN_DECLS

/* --- JSON (pmod-remote-params.c) ---------------------------------------------------------------
 */

/* One object. The first failure sticks; later reads return something harmless, so that callers ask
 * once. A member that is null is as good as absent. */
typedef struct
{
  const char *where; /* in messages */
  const PmodJson *object;
  GError *error;
} PmodRemoteKeys;

void pmod_remote_keys_expect (PmodRemoteKeys *self,
                              const char *key,
                              const char *expected,
                              const PmodJson *got);
const PmodJson *pmod_remote_keys_find (const PmodRemoteKeys *self, const char *key);
gint64 pmod_remote_keys_int (PmodRemoteKeys *self, const char *key, gint64 min, gint64 max);
double pmod_remote_keys_double (PmodRemoteKeys *self, const char *key);
gboolean pmod_remote_keys_flag (PmodRemoteKeys *self, const char *key);
/* max_bytes: at most. NULL where it is absent and may be. */
const char *pmod_remote_keys_string (PmodRemoteKeys *self, const char *key, gboolean may_be_absent);

/* --- A run's stream (pmod-remote-stream.c) -----------------------------------------------------
 */

/* Reads frames until the end. *picture: the server does not have one of the pictures; *begun: a
 * frame came. */
gboolean pmod_remote_stream_read (GInputStream *stream,
                                  const PmodRemoteFacts *facts,
                                  const PmodRemoteAsk *ask,
                                  const PmodRemoteSink *sink,
                                  PmodRemoteResult *result,
                                  gboolean *picture,
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
