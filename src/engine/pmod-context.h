/* A context: one mutable timeline of a model. KV cache, scratch, prefix cache, random numbers.
 *
 * Everything but pmod_context_cancel() belongs to one thread. After new, a token step allocates
 * nothing. */
#pragma once

#include "pmod-model.h"
#include "pmod-params.h"
#include "pmod-prompt.h"
#include "pmod-trace.h"

G_BEGIN_DECLS

typedef struct _PmodContext PmodContext;

PmodContext *pmod_context_new (PmodModel *model, GError **error);
void pmod_context_free (PmodContext *self);
PmodModel *pmod_context_get_model (const PmodContext *self);

/* Runs the prompt. States of an earlier run that cannot differ are used again: the pictures'
 * features; every layer's cache up to the end of the last picture (and of whole blocks of text
 * after it) where the routing is the same; else, and where another prompt's last token chose
 * (PMOD_POLICY_LAST), the layers before the first router. The result is the same to the
 * last bit. Errors: CONTEXT (too long, with the counts), ARGUMENT (routing; a paint of another
 * size), CANCELLED, NUMBER (NaN or infinity in the states, naming the layer), DEVICE. After an
 * error the context is empty but usable. */
gboolean pmod_context_prefill (PmodContext *self,
                               const PmodPrompt *prompt,
                               const PmodParams *params,
                               PmodTrace *trace,
                               GError **error);

/* Samples the next token from the logits, then runs it through every layer, unless it ends the
 * answer. *token is the sampled id. CONTEXT when the context is full. */
gboolean pmod_context_decode (
    PmodContext *self, const PmodParams *params, PmodTrace *trace, int *token, GError **error);

/* Any thread. A running prefill or decode stops at the next layer; decoding goes on only after
 * another prefill. A prefill forgets what was cancelled before its RUN_BEGIN record. */
void pmod_context_cancel (PmodContext *self);

/* Forgets every state, so that nothing is re-used. */
void pmod_context_clear (PmodContext *self);

/* F32 [V], of the last position; NULL before a prefill. */
const float *pmod_context_get_logits (PmodContext *self);

/* Tokens so far, prompt and answer, pictures merged. */
int pmod_context_get_n_tokens (const PmodContext *self);

/* Tokens in one layer's cache. */
int pmod_context_get_kv_length (const PmodContext *self, int layer);
guint64 pmod_context_get_kv_bytes (const PmodContext *self); /* of the tokens in it now */

/* Tokens that prompt will take, pictures merged; -1 and an error for a bad picture. */
int pmod_context_count_tokens (PmodContext *self, const PmodPrompt *prompt, GError **error);

/* --- A whole answer --------------------------------------------------------------------------- */

typedef struct
{
  GArray *ids;   /* gint32, the end token included where it was reached */
  int n_begun;   /* of ids, those that the prompt began the answer with */
  GString *text; /* without special tokens, ends trimmed as the reference does */
  PmodFinish finish;
} PmodAnswer;

/* text: what the newest token completed, may be "". Return FALSE to stop. */
typedef gboolean (*PmodAnswerFunc) (const char *text, gpointer user_data);

/* Prefill, then decode until the end token, max_new_tokens, a full context (LENGTH), a stop or a
 * cancel. Where the prompt begins the answer, its tokens come first: they are told of as drawn ones
 * are (TOKEN records say GIVEN), are not counted among max_new_tokens, and what follows them is to
 * the last bit what would follow had they been drawn, with the same seed, too. Of those that the
 * last answer to the same prompt had, the states are used again. The trace gets RUN_BEGIN ..
 * RUN_END whatever happens. NULL only on an error; a cancelled answer is an answer. */
PmodAnswer *pmod_context_answer (PmodContext *self,
                                 const PmodPrompt *prompt,
                                 const PmodParams *params,
                                 PmodTrace *trace,
                                 PmodAnswerFunc func,
                                 gpointer user_data,
                                 GError **error);
void pmod_answer_free (PmodAnswer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodContext, pmod_context_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodAnswer, pmod_answer_free)

G_END_DECLS
