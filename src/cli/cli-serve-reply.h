/* What pmod serve writes: the bodies of replies, in the chat-completions shape. */
#pragma once

#include "cli-serve-engine.h"

G_BEGIN_DECLS

/* {"error": {"message", "type", "param": null, "code"}} (transfer full) */
char *serve_reply_error (const char *type, const char *code, const char *message);

/* The list of the one model. (transfer full) */
char *serve_reply_models (const char *model, gint64 created);

/* A whole answer; records: nullable. (transfer full) */
char *serve_reply_answer (
    const char *id, gint64 created, const char *model, const ServeResult *result, GBytes *records);

/* One event of a stream, "data: {...}\n\n". role: the first one. result: the last one; then usage
 * says whether the counts follow in one of their own. (transfer full) */
char *serve_reply_chunk (const char *id,
                         gint64 created,
                         const char *model,
                         gboolean role,
                         const char *text,
                         GBytes *records,
                         const ServeResult *result);
char *
serve_reply_usage (const char *id, gint64 created, const char *model, const ServeResult *result);

/* The last event of a stream that failed half-way. (transfer full) */
char *serve_reply_failure (const GError *error);

G_END_DECLS
