/* A model, its context and where answers go: what run and chat have in common. */
#pragma once

#include "cli-options.h"

G_BEGIN_DECLS

typedef struct _CliSession CliSession;

/* Opens the outputs first, then the model, which may take long. options must outlive it. */
CliSession *cli_session_new (const char *model, const CliOptions *options, GError **error);
void cli_session_free (CliSession *self);

PmodModel *cli_session_get_model (const CliSession *self);

/* Answers; the text goes to standard output as it grows, and the record where --json says. NULL
 * with an error where there is no answer or it cannot be written; a cancelled answer is one. */
PmodAnswer *cli_session_answer (CliSession *self, const PmodPrompt *prompt, GError **error);

/* Of the last answer: leading tokens of the prompt whose states were there already, all tokens of
 * the prompt, and the time. */
void cli_session_get_last (const CliSession *self, int *n_reused, int *n_tokens, double *seconds);

/* Finishes the trace file. */
gboolean cli_session_close (CliSession *self, GError **error);

/* Whether text (nullable) can be a --prompt, as far as that can be told without a model. */
gboolean cli_check_prompt (const char *text, GError **error);

/* Pictures of paths (NULL-terminated, nullable). (element-type PmodImage) */
GPtrArray *cli_load_images (char **paths, PmodImageFlags flags, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliSession, cli_session_free)

G_END_DECLS
