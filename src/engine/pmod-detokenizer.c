/* An answer's text, token by token, equal in sum to pmod_tokenizer_decode().
 *
 * The rules are those of SentencePieceProcessor::Decode and of the reference around it: special
 * tokens vanish, the first piece loses one space mark, neighbouring byte pieces form UTF-8, and
 * each byte that belongs to no character becomes U+FFFD. */
#include "pmod-tokenizer-private.h"

#include <string.h>

struct _PmodDetokenizer
{
  PmodTokenizer *tokenizer;
  GString *text; /* what the last push returned */

  guint8 pending[4]; /* bytes of an unfinished character */
  int n_pending;

  gboolean is_first;    /* no piece yet */
  gboolean is_empty;    /* no text yet */
  gboolean eats_space;  /* the next piece may still lose a space mark to the library */
  gboolean space_eaten; /* the last one did */
};

PmodDetokenizer *
pmod_detokenizer_new (PmodTokenizer *tokenizer)
{
  PmodDetokenizer *self = g_new0 (PmodDetokenizer, 1);

  self->tokenizer = tokenizer;
  self->text = g_string_sized_new (256);
  pmod_detokenizer_reset (self);
  return self;
}

void
pmod_detokenizer_free (PmodDetokenizer *self)
{
  if (self == NULL)
    return;
  g_string_free (self->text, TRUE);
  g_free (self);
}

void
pmod_detokenizer_reset (PmodDetokenizer *self)
{
  g_string_truncate (self->text, 0);
  self->n_pending = 0;
  self->is_first = self->is_empty = self->eats_space = TRUE;
  self->space_eaten = FALSE;
}

static void
append (PmodDetokenizer *self, const char *text, gsize n_bytes)
{
  g_string_append_len (self->text, text, (gssize)n_bytes);
  self->is_empty = self->is_empty && n_bytes == 0;
}

/* Bytes of the character that begins here: 0 if it may still come to be, -1 if it never can. */
static int
character_length (const guint8 *bytes, int n_bytes)
{
  static const guint8 lowest[] = { 0x80, 0xa0, 0x90 }; /* second byte after C2.., E0, F0 */
  guint8 lead = bytes[0];
  int length = lead < 0x80 ? 1 : lead < 0xc2 ? -1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  guint8 low = lowest[lead == 0xe0 ? 1 : lead == 0xf0 ? 2 : 0];
  guint8 high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf; /* surrogates, over 10FFFF */

  if (lead == 0 || lead > 0xf4 || length < 0)
    return -1; /* the byte 0 too: no C string can hold it */
  for (int i = 1; i < MIN (length, n_bytes); i++)
    if (bytes[i] < (i == 1 ? low : 0x80) || bytes[i] > (i == 1 ? high : 0xbf))
      return -1;
  return n_bytes >= length ? length : 0;
}

/* all: nothing more will follow. */
static void
settle (PmodDetokenizer *self, gboolean all)
{
  while (self->n_pending > 0)
    {
      int length = character_length (self->pending, self->n_pending);
      int used = MAX (length, 1);

      if (length == 0 && !all)
        return;
      if (length > 0)
        append (self, (const char *)self->pending, (gsize)length);
      else
        append (self, PMOD_REPLACEMENT, strlen (PMOD_REPLACEMENT));
      self->n_pending -= used;
      memmove (self->pending, self->pending + used, (gsize)self->n_pending);
    }
}

static void
push_text (PmodDetokenizer *self, const char *piece)
{
  const PmodTokenizer *tokenizer = self->tokenizer;
  const gsize mark = strlen (PMOD_SPACE_MARK);
  gboolean marked = g_str_has_prefix (piece, PMOD_SPACE_MARK);

  if (self->space_eaten || !self->is_empty)
    self->eats_space = FALSE;
  self->space_eaten = FALSE;
  if (self->is_first && marked)
    {
      piece += mark;
      /* What is left may be no piece; the library then takes it for text as it stands. */
      if (pmod_pieces_find (tokenizer->pieces, piece) == tokenizer->special[PMOD_SPECIAL_UNK])
        {
          append (self, piece, strlen (piece));
          return;
        }
      marked = g_str_has_prefix (piece, PMOD_SPACE_MARK);
    }
  if (self->eats_space && tokenizer->strips_first_space && marked)
    {
      piece += mark;
      self->space_eaten = !tokenizer->strips_all_spaces;
    }
  while (*piece != '\0')
    {
      const char *end = strstr (piece, PMOD_SPACE_MARK);

      append (self, piece, end != NULL ? (gsize)(end - piece) : strlen (piece));
      if (end == NULL)
        break;
      append (self, " ", 1);
      piece = end + mark;
    }
}

const char *
pmod_detokenizer_push (PmodDetokenizer *self, int id)
{
  PmodTokenizer *tokenizer = self->tokenizer;
  const char *piece = pmod_tokenizer_get_piece (tokenizer, id);

  g_string_truncate (self->text, 0);
  if (piece == NULL || pmod_tokenizer_is_special (tokenizer, id))
    return self->text->str;
  switch (pmod_pieces_get_kind (tokenizer->pieces, id))
    {
    case PMOD_PIECE_BYTE:
      self->pending[self->n_pending++] =
          (guint8)(g_ascii_xdigit_value (piece[3]) * 16 + g_ascii_xdigit_value (piece[4]));
      settle (self, FALSE);
      break;
    case PMOD_PIECE_CONTROL:
    case PMOD_PIECE_UNKNOWN:
      settle (self, TRUE);
      break;
    case PMOD_PIECE_TEXT:
    default:
      settle (self, TRUE);
      push_text (self, piece);
    }
  self->is_first = FALSE;
  return self->text->str;
}

const char *
pmod_detokenizer_flush (PmodDetokenizer *self)
{
  g_string_truncate (self->text, 0);
  settle (self, TRUE);
  return self->text->str;
}
