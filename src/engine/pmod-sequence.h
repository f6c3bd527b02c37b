/* The merged sequence: a prompt as the decoder sees it, pictures in place of their marks.
 *
 *   ids       1  288  -200       434  13       as the tokenizer gives them
 *   sequence  1  288  v v v v v  434  13       v: vision tokens of the picture
 *
 * Also decides where the sequence is cut into segments. A segment is computed in one go; its
 * result depends on nothing after it, so states of leading segments that two prompts share are
 * the same to the last bit whichever prompt they were computed for. The first segment ends where
 * the last picture ends, because all pictures of a prompt share one top-k; the text after it is
 * cut into blocks. For the engine's own files. */
#pragma once

#include "pmod-config.h"
#include "pmod-prompt.h"

G_BEGIN_DECLS

/* Tokens of text in a segment. Small enough that a follow-up question finds whole segments to
 * use again, large enough that a product over one is efficient. */
#define PMOD_SEGMENT_TOKENS 128

typedef struct
{
  PmodImage *image;
  PmodPixels *layout; /* without pixels */
  int first;          /* position of its first vision token */
} PmodSequenceImage;

typedef struct
{
  int n_tokens;    /* T */
  gint32 *ids;     /* [T] token ids, -1 at vision tokens */
  guint64 *keys;   /* [T] equal keys: equal input at this position */
  int n_targets;   /* V: tokens that routers may skip */
  gint32 *targets; /* [V] their positions, ascending */
  int n_segments;
  int *segment_ends; /* [n_segments] ascending, the last is T */
  GPtrArray *images; /* PmodSequenceImage */
  gboolean question_first;
} PmodSequence;

/* Errors: more tokens than the context holds, with the counts; a picture that has no tokens. */
PmodSequence *
pmod_sequence_new (const PmodConfig *config, const PmodPrompt *prompt, GError **error);

/* n_text text tokens drawn from seed, n_vision vision tokens between the first half of the text
 * and the second, no pictures: for measurements. */
PmodSequence *
pmod_sequence_new_random (const PmodConfig *config, int n_vision, int n_text, guint64 seed);
void pmod_sequence_free (PmodSequence *self);

/* The number of leading segments that are equal in both, cut at the same places and with the
 * same tokens open to routing. */
int pmod_sequence_n_shared (const PmodSequence *self, const PmodSequence *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSequence, pmod_sequence_free)

G_END_DECLS
