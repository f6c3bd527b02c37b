/* The SentencePiece library behind plain C: no exception and no C++ type passes this line.
 * Knows nothing of special tokens, prefixes or conversations; see pmod-tokenizer.c. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _PmodPieces PmodPieces;

typedef enum
{
  PMOD_PIECE_TEXT,
  PMOD_PIECE_BYTE,    /* "<0x0A>" */
  PMOD_PIECE_CONTROL, /* "<s>" */
  PMOD_PIECE_UNKNOWN,
} PmodPieceKind;

/* model: a serialised ModelProto, as tokenizer.model holds it. dummy_prefix FALSE: the library
 * puts no space mark before a text, whatever the model says. NULL and *message (transfer full) on
 * failure. */
PmodPieces *
pmod_pieces_new (const guint8 *model, gsize n_bytes, gboolean dummy_prefix, char **message);
void pmod_pieces_free (PmodPieces *self);

int pmod_pieces_get_n (const PmodPieces *self);
int pmod_pieces_get_bos (const PmodPieces *self); /* -1 if none, as the two below */
int pmod_pieces_get_eos (const PmodPieces *self);
int pmod_pieces_get_unk (const PmodPieces *self);

/* id must be in range. The text lives as long as self. */
const char *pmod_pieces_get_text (const PmodPieces *self, int id);
PmodPieceKind pmod_pieces_get_kind (const PmodPieces *self, int id);

/* The piece's id, or that of the unknown piece. */
int pmod_pieces_find (const PmodPieces *self, const char *piece);

/* Appends the ids (gint32) of text. */
gboolean pmod_pieces_encode (const PmodPieces *self, const char *text, gsize n_bytes, GArray *ids);

/* The text of pieces, which may hold zero bytes. NULL on failure. */
GString *pmod_pieces_decode (const PmodPieces *self, const char *const *pieces, gsize n_pieces);

G_END_DECLS
