/* The tokenizer's insides, for its own files and for pmod-prompt.c. */
#pragma once

#include "pmod-sentencepiece.h"
#include "pmod-tokenizer.h"

G_BEGIN_DECLS

#define PMOD_SPACE_MARK "\342\226\201"  /* U+2581, stands for a space inside pieces */
#define PMOD_REPLACEMENT "\357\277\275" /* U+FFFD */

typedef enum
{
  PMOD_SPECIAL_UNK,
  PMOD_SPECIAL_BOS,
  PMOD_SPECIAL_EOS,
  PMOD_N_SPECIALS,
} PmodSpecial;

struct _PmodTokenizer
{
  PmodPieces *pieces;
  int n_pieces;
  gint32 special[PMOD_N_SPECIALS]; /* ids, -1 where there is none */
  gboolean legacy;
  guint unknown_length; /* pieces that "<unk>" is cut into as plain text */

  /* What the library does to spaces at the beginning of an answer; see pmod-detokenizer.c. */
  gboolean strips_first_space;
  gboolean strips_all_spaces;
};

gboolean pmod_tokenizer_is_special (const PmodTokenizer *self, int id);

/* Text without special tokens, whatever it looks like. starts: a space mark goes before it, as
 * before every text that does not follow a special token. */
void pmod_tokenizer_encode_plain (
    PmodTokenizer *self, const char *text, gsize n_bytes, gboolean starts, GArray *ids);

G_END_DECLS
