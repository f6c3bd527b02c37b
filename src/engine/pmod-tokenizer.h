/* Words to token ids and back, through the SentencePiece library.
 *
 * Encoding is the reference's slow LLaMA tokenizer: a text gets one leading space mark, and where
 * the key "legacy" of tokenizer_config.json is true or absent, each stretch of text after a
 * special token gets one too. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

typedef struct _PmodTokenizer PmodTokenizer;

/* Opens DIR/tokenizer.model and, where present, DIR/tokenizer_config.json. */
PmodTokenizer *pmod_tokenizer_new (const char *dir, GError **error);
void pmod_tokenizer_free (PmodTokenizer *self);

int pmod_tokenizer_get_n_pieces (const PmodTokenizer *self);
int pmod_tokenizer_get_bos (const PmodTokenizer *self); /* -1 if none */
int pmod_tokenizer_get_eos (const PmodTokenizer *self);

/* Ids of text as the reference's tokenizer(text).input_ids gives them, "<s>" and "</s>" inside
 * text being the special tokens; add_bos puts <s> in front. Appends to ids (gint32). */
void pmod_tokenizer_encode (PmodTokenizer *self, const char *text, gboolean add_bos, GArray *ids);

/* All of ids as text, special tokens and ids out of range left out: the reference's batch_decode.
 * Valid UTF-8; bytes that form no character, and the byte 0, are U+FFFD. (transfer full) */
char *pmod_tokenizer_decode (PmodTokenizer *self, const gint32 *ids, int n_ids);

/* One piece as it stands in the vocabulary ("\342\226\201cat", "<0x0A>"); NULL if out of range. */
const char *pmod_tokenizer_get_piece (PmodTokenizer *self, int id);

/* Decodes a growing answer: push returns the text that is certain now and was not returned
 * before; bytes of an unfinished UTF-8 character wait for the rest, bytes that can no longer
 * become one are U+FFFD. All pushes and the flush together give pmod_tokenizer_decode(). */
typedef struct _PmodDetokenizer PmodDetokenizer;
PmodDetokenizer *pmod_detokenizer_new (PmodTokenizer *tokenizer);
void pmod_detokenizer_free (PmodDetokenizer *self);
void pmod_detokenizer_reset (PmodDetokenizer *self);

/* Valid until the next call; "" where nothing is certain yet. */
const char *pmod_detokenizer_push (PmodDetokenizer *self, int id);
const char *pmod_detokenizer_flush (PmodDetokenizer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodTokenizer, pmod_tokenizer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodDetokenizer, pmod_detokenizer_free)

G_END_DECLS
