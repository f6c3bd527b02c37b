/* tokenizer.model looked through before the SentencePiece library gets it.
 *
 * The library trusts some of what it reads (a broken normalisation table sends it outside its
 * memory) and reports other faults on stderr. Here the file is walked as what it is, a protocol
 * buffer of pieces, and what LLaMA's tokenizers do not have is refused. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

typedef struct
{
  int n_pieces;
  gboolean add_dummy_prefix;
  gboolean remove_extra_whitespaces;
} PmodTokenizerModel;

/* name stands in messages. */
gboolean pmod_tokenizer_model_check (
    PmodTokenizerModel *self, const guint8 *bytes, gsize n_bytes, const char *name, GError **error);

G_END_DECLS
