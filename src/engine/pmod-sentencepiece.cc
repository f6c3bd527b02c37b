/* See the header. What parses or builds strings stands between try and catch: it throws, and a C
 * caller cannot. Look-ups of a loaded model do not throw. */
#include "pmod-sentencepiece.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <string>
#include <vector>

struct _PmodPieces
{
  sentencepiece::SentencePieceProcessor processor;
};

/* A serialised message with one more field behind it means the two merged: this is
 * normalizer_spec { add_dummy_prefix: false }. */
static const char no_dummy_prefix[] = { 0x1a, 0x02, 0x18, 0x00 };

PmodPieces *
pmod_pieces_new (const guint8 *model, gsize n_bytes, gboolean dummy_prefix, char **message)
{
  PmodPieces *self = nullptr;

  try
    {
      std::string serialized (reinterpret_cast<const char *> (model), n_bytes);

      if (!dummy_prefix)
        serialized.append (no_dummy_prefix, sizeof no_dummy_prefix);
      self = new PmodPieces ();
      const auto status = self->processor.LoadFromSerializedProto (serialized);
      if (status.ok ())
        return self;
      *message = g_strdup (status.error_message ());
    }
  catch (const std::exception &exception)
    {
      *message = g_strdup (exception.what ());
    }
  catch (...)
    {
      *message = g_strdup ("unknown failure");
    }
  pmod_pieces_free (self);
  return nullptr;
}

void
pmod_pieces_free (PmodPieces *self)
{
  delete self;
}

int
pmod_pieces_get_n (const PmodPieces *self)
{
  return self->processor.GetPieceSize ();
}

int
pmod_pieces_get_bos (const PmodPieces *self)
{
  return self->processor.bos_id ();
}

int
pmod_pieces_get_eos (const PmodPieces *self)
{
  return self->processor.eos_id ();
}

int
pmod_pieces_get_unk (const PmodPieces *self)
{
  return self->processor.unk_id ();
}

const char *
pmod_pieces_get_text (const PmodPieces *self, int id)
{
  return self->processor.IdToPiece (id).c_str ();
}

PmodPieceKind
pmod_pieces_get_kind (const PmodPieces *self, int id)
{
  if (self->processor.IsByte (id))
    return PMOD_PIECE_BYTE;
  if (self->processor.IsControl (id))
    return PMOD_PIECE_CONTROL;
  return self->processor.IsUnknown (id) ? PMOD_PIECE_UNKNOWN : PMOD_PIECE_TEXT;
}

int
pmod_pieces_find (const PmodPieces *self, const char *piece)
{
  return self->processor.PieceToId (piece);
}

gboolean
pmod_pieces_encode (const PmodPieces *self, const char *text, gsize n_bytes, GArray *ids)
{
  try
    {
      std::vector<int> found;

      if (!self->processor.Encode (absl::string_view (text, n_bytes), &found).ok ())
        return FALSE;
      for (const gint32 id : found)
        g_array_append_val (ids, id);
      return TRUE;
    }
  catch (...)
    {
      return FALSE;
    }
}

GString *
pmod_pieces_decode (const PmodPieces *self, const char *const *pieces, gsize n_pieces)
{
  try
    {
      const std::vector<std::string> list (pieces, pieces + n_pieces);
      std::string text;

      if (!self->processor.Decode (list, &text).ok ())
        return nullptr;
      return g_string_new_len (text.data (), (gssize)text.size ());
    }
  catch (...)
    {
      return nullptr;
    }
}
