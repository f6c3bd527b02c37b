/* A request of the chat-completions shape, checked and turned into what the engine takes.
 *
 * Read: messages (system, user, assistant; text, or parts of text and image_url with a data URL),
 * temperature, top_p, seed, max_tokens, max_completion_tokens, stop, stream,
 * stream_options.include_usage, and our own member:
 *
 *   "strata": { "record": true      the JSON record of pmod run comes with the answer
 *               "full": true        with logits and weights
 *               "records": true     the trace's records as they are made, in base64
 *               "schedule": NAME, "factor", "upper", "lower", "policy": NAME }   routing
 *
 * What would change the answer and is not done (n, tools, functions, response_format, logprobs) is
 * refused; other members are not looked at. System messages take the place of what the
 * conversation's template says before the first question. */
#pragma once

#include "cli.h"

G_BEGIN_DECLS

typedef struct
{
  GArray *roles;     /* PmodRole; they alternate, user first and last */
  char *system;      /* nullable: there was none */
  GPtrArray *texts;  /* char *, one for each role; "<image>" stands for a picture */
  GPtrArray *images; /* GBytes, files as they came */
  char **stop;       /* nullable */
  PmodParams params;
  gboolean stream;
  gboolean include_usage;
  gboolean wants_record;
  gboolean full;
  gboolean wants_records;
} ServeRequest;

/* defaults: where the request says nothing. Errors say which member. */
ServeRequest *
serve_request_new (const char *body, gsize length, const PmodParams *defaults, GError **error);
void serve_request_free (ServeRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ServeRequest, serve_request_free)

G_END_DECLS
