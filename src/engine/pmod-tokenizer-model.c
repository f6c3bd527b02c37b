/* See the header. Field numbers are those of sentencepiece_model.proto. */
#include "pmod-tokenizer-model.h"

#include <math.h>
#include <string.h>

#define MAX_PIECES (1 << 22)
#define MODEL_TYPE_BPE 2
#define PIECE_TYPE_BYTE 6

enum
{
  WIRE_VARINT = 0,
  WIRE_64 = 1,
  WIRE_BYTES = 2,
  WIRE_32 = 5,
};

typedef struct
{
  const guint8 *at;
  const guint8 *end;
} Cursor;

typedef struct
{
  guint64 number;
  int wire;
  guint64 varint; /* of WIRE_VARINT */
  Cursor body;    /* of the others */
} Field;

static gboolean
read_varint (Cursor *cursor, guint64 *value)
{
  *value = 0;
  for (int shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7)
    {
      guint8 byte = *cursor->at++;

      *value |= (guint64)(byte & 0x7f) << shift;
      if (byte < 0x80)
        return TRUE;
    }
  return FALSE;
}

static gboolean
read_field (Cursor *cursor, Field *field)
{
  guint64 key, length = 0;

  if (!read_varint (cursor, &key))
    return FALSE;
  field->number = key >> 3;
  field->wire = (int)(key & 7);
  if (field->wire == WIRE_VARINT)
    return field->number > 0 && read_varint (cursor, &field->varint);
  if (field->wire == WIRE_64)
    length = 8;
  else if (field->wire == WIRE_32)
    length = 4;
  else if (field->wire != WIRE_BYTES || !read_varint (cursor, &length))
    return FALSE;
  if (field->number == 0 || length > (guint64)(cursor->end - cursor->at))
    return FALSE;
  field->body = (Cursor){ cursor->at, cursor->at + length };
  cursor->at += length;
  return TRUE;
}

/* "<0x0A>" */
static gboolean
is_byte_name (Cursor text)
{
  return text.end - text.at == 6 && memcmp (text.at, "<0x", 3) == 0 &&
         g_ascii_isxdigit (text.at[3]) && g_ascii_isxdigit (text.at[4]) && text.at[5] == '>';
}

/* Each returns what is wrong, or NULL. */

static const char *
check_piece (Cursor cursor)
{
  Cursor text = { NULL, NULL };
  gboolean is_byte = FALSE;

  while (cursor.at < cursor.end)
    {
      Field field;

      if (!read_field (&cursor, &field))
        return "a piece is damaged";
      if (field.number == 1)
        {
          if (field.wire != WIRE_BYTES || field.body.at == field.body.end ||
              !g_utf8_validate_len ((const char *)field.body.at,
                                    (gsize)(field.body.end - field.body.at), NULL))
            return "a piece is empty or not UTF-8";
          text = field.body;
        }
      else if (field.number == 2)
        {
          float score;

          if (field.wire != WIRE_32)
            return "a piece's score is damaged";
          memcpy (&score, field.body.at, sizeof score);
          if (!isfinite (score))
            return "a piece's score is not a number";
        }
      else if (field.number == 3)
        {
          if (field.wire != WIRE_VARINT || field.varint < 1 || field.varint > PIECE_TYPE_BYTE)
            return "a piece's type is damaged";
          is_byte = field.varint == PIECE_TYPE_BYTE;
        }
    }
  if (text.at == NULL)
    return "a piece is empty";
  return is_byte && !is_byte_name (text) ? "a byte piece is not named as one" : NULL;
}

static const char *
check_trainer (Cursor cursor, gboolean *is_bpe)
{
  while (cursor.at < cursor.end)
    {
      Field field;

      if (!read_field (&cursor, &field))
        return "its trainer_spec is damaged";
      if (field.number == 3)
        *is_bpe = field.wire == WIRE_VARINT && field.varint == MODEL_TYPE_BPE;
    }
  return NULL;
}

/* self: nullable, for the denormalizer. */
static const char *
check_normalizer (Cursor cursor, PmodTokenizerModel *self)
{
  while (cursor.at < cursor.end)
    {
      Field field;

      if (!read_field (&cursor, &field))
        return "its normalizer_spec is damaged";
      if (field.number == 2 && (field.wire != WIRE_BYTES || field.body.at != field.body.end))
        return "it changes characters before cutting (precompiled_charsmap), which LLaMA's does "
               "not";
      if (self != NULL && field.wire == WIRE_VARINT && field.number == 3)
        self->add_dummy_prefix = field.varint != 0;
      if (self != NULL && field.wire == WIRE_VARINT && field.number == 4)
        self->remove_extra_whitespaces = field.varint != 0;
    }
  return NULL;
}

static const char *
check_model (PmodTokenizerModel *self, Cursor cursor)
{
  gboolean is_bpe = FALSE;

  *self = (PmodTokenizerModel){ 0, TRUE, TRUE };
  while (cursor.at < cursor.end)
    {
      const char *wrong = NULL;
      Field field;

      if (!read_field (&cursor, &field))
        return "not a SentencePiece model, or cut off";
      if (field.number >= 1 && field.number <= 5 && field.wire != WIRE_BYTES)
        return "not a SentencePiece model";
      if (field.number == 1 && ++self->n_pieces > MAX_PIECES)
        return "too many pieces";
      if (field.number == 1)
        wrong = check_piece (field.body);
      else if (field.number == 2)
        wrong = check_trainer (field.body, &is_bpe);
      else if (field.number == 3)
        wrong = check_normalizer (field.body, self);
      else if (field.number == 5)
        wrong = check_normalizer (field.body, NULL);
      if (wrong != NULL)
        return wrong;
    }
  if (self->n_pieces == 0)
    return "not a SentencePiece model: it holds no pieces";
  return is_bpe ? NULL : "expected a BPE model, got another kind";
}

gboolean
pmod_tokenizer_model_check (
    PmodTokenizerModel *self, const guint8 *bytes, gsize n_bytes, const char *name, GError **error)
{
  const char *wrong = check_model (self, (Cursor){ bytes, bytes + n_bytes });

  if (wrong != NULL)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", name, wrong);
  return wrong == NULL;
}
