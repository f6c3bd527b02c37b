/* Trains the tokenizer of a new model on the words of its data: SentencePiece's BPE, bytes for what
 * it has no piece for, set up as LLaMA's is. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

/* Writes DIR/tokenizer.model and DIR/tokenizer_config.json with n_pieces pieces (<unk> 0, <s> 1,
 * </s> 2, 256 bytes), trained on lines. Deterministic. Errors: FORMAT where the lines do not hold
 * enough different words for so many pieces, saying how many they do. */
gboolean pmod_vocabulary_train (
    const char *dir, const char *const *lines, gsize n_lines, int n_pieces, GError **error);

G_END_DECLS
