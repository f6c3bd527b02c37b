/* LLaMA's tokenizer as the reference runs it: special tokens, space marks, decoding of answers.
 * The cutting of plain text into pieces is the library's (pmod-sentencepiece.cc); the decoding of
 * growing answers is in pmod-detokenizer.c; conversations are in pmod-prompt.c.
 *
 * Source: transformers 4.37, the slow LlamaTokenizer. Its key "legacy" decides where space marks
 * go: true (also where absent), one before every stretch between special tokens; false, one
 * before the whole text only. */
#include "pmod-tokenizer-private.h"

#include "pmod-file.h"
#include "pmod-json.h"
#include "pmod-tokenizer-model.h"

#include <string.h>

#define MAX_MODEL_BYTES (256u << 20)
#define MAX_CONFIG_BYTES (16u << 20)
#define UNKNOWN_TEXT "<unk>"

/* --- Lifecycle ------------------------------------------------------------------------------ */

static gboolean
read_legacy (PmodTokenizer *self, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "tokenizer_config.json", NULL);
  g_autoptr (PmodJsonDocument) document = NULL;
  const PmodJson *legacy;

  self->legacy = TRUE;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  document = pmod_json_load (path, MAX_CONFIG_BYTES, error);
  if (document == NULL)
    return FALSE;
  legacy = pmod_json_find (pmod_json_root (document), "legacy");
  if (legacy == NULL || legacy->type == PMOD_JSON_NULL)
    return TRUE;
  if (legacy->type != PMOD_JSON_BOOLEAN)
    {
      g_autofree char *got = pmod_json_describe (legacy);

      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: legacy: expected true or false, got %s", path, got);
      return FALSE;
    }
  self->legacy = legacy->boolean;
  return TRUE;
}

static gboolean
load_pieces (PmodTokenizer *self, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "tokenizer.model", NULL);
  g_autoptr (GMappedFile) file = pmod_file_map (path, MAX_MODEL_BYTES, error);
  g_autofree char *message = NULL;
  PmodTokenizerModel model;
  const guint8 *bytes;
  gsize n_bytes;

  if (file == NULL)
    return FALSE;
  bytes = (const guint8 *)g_mapped_file_get_contents (file);
  n_bytes = g_mapped_file_get_length (file);
  if (!pmod_tokenizer_model_check (&model, bytes, n_bytes, path, error))
    return FALSE;
  self->pieces = pmod_pieces_new (bytes, n_bytes, self->legacy, &message);
  if (self->pieces == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", path, message);
      return FALSE;
    }
  self->strips_first_space =
      (self->legacy && model.add_dummy_prefix) || model.remove_extra_whitespaces;
  self->strips_all_spaces = model.remove_extra_whitespaces;
  return TRUE;
}

PmodTokenizer *
pmod_tokenizer_new (const char *dir, GError **error)
{
  g_autoptr (PmodTokenizer) self = g_new0 (PmodTokenizer, 1);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (!read_legacy (self, dir, error) || !load_pieces (self, dir, error))
    return NULL;
  self->n_pieces = pmod_pieces_get_n (self->pieces);
  self->special[PMOD_SPECIAL_UNK] = pmod_pieces_get_unk (self->pieces);
  self->special[PMOD_SPECIAL_BOS] = pmod_pieces_get_bos (self->pieces);
  self->special[PMOD_SPECIAL_EOS] = pmod_pieces_get_eos (self->pieces);
  if (!pmod_pieces_encode (self->pieces, UNKNOWN_TEXT, strlen (UNKNOWN_TEXT), ids))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s/tokenizer.model: it cannot cut text",
                   dir);
      return NULL;
    }
  self->unknown_length = ids->len;
  return g_steal_pointer (&self);
}

void
pmod_tokenizer_free (PmodTokenizer *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->pieces, pmod_pieces_free);
  g_free (self);
}

int
pmod_tokenizer_get_n_pieces (const PmodTokenizer *self)
{
  return self->n_pieces;
}

int
pmod_tokenizer_get_bos (const PmodTokenizer *self)
{
  return self->special[PMOD_SPECIAL_BOS];
}

int
pmod_tokenizer_get_eos (const PmodTokenizer *self)
{
  return self->special[PMOD_SPECIAL_EOS];
}

const char *
pmod_tokenizer_get_piece (PmodTokenizer *self, int id)
{
  return id >= 0 && id < self->n_pieces ? pmod_pieces_get_text (self->pieces, id) : NULL;
}

gboolean
pmod_tokenizer_is_special (const PmodTokenizer *self, int id)
{
  for (int i = 0; i < PMOD_N_SPECIALS; i++)
    if (id == self->special[i])
      return TRUE;
  return FALSE;
}

/* --- Encoding ------------------------------------------------------------------------------- */

void
pmod_tokenizer_encode_plain (
    PmodTokenizer *self, const char *text, gsize n_bytes, gboolean starts, GArray *ids)
{
  g_autoptr (GString) marked = NULL;
  g_autoptr (GArray) found = NULL;
  guint skip = 0;

  if (n_bytes == 0)
    return;
  marked = g_string_new_len (text, (gssize)n_bytes);
  found = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (!self->legacy)
    {
      g_string_replace (marked, PMOD_SPACE_MARK, " ", 0);
      if (starts)
        g_string_prepend (marked, PMOD_SPACE_MARK);
      /* A leading space could join what stands before it; the reference lets it stand behind
       * something that joins with nothing, and takes that away again. */
      if (marked->str[0] == ' ' || g_str_has_prefix (marked->str, PMOD_SPACE_MARK))
        {
          g_string_prepend (marked, UNKNOWN_TEXT);
          skip = self->unknown_length;
        }
    }
  if (!pmod_pieces_encode (self->pieces, marked->str, marked->len, found))
    g_critical ("tokenizer: a text of %" G_GSIZE_FORMAT " bytes cannot be cut", n_bytes);
  if (found->len > skip)
    g_array_append_vals (ids, &g_array_index (found, gint32, skip), found->len - skip);
}

void
pmod_tokenizer_encode (PmodTokenizer *self, const char *text, gboolean add_bos, GArray *ids)
{
  gboolean starts = TRUE;
  const char *chunk = text;

  if (add_bos && self->special[PMOD_SPECIAL_BOS] >= 0)
    g_array_append_val (ids, self->special[PMOD_SPECIAL_BOS]);
  for (const char *at = text; *at != '\0';)
    {
      gsize length = 0;

      for (int i = 0; *at == '<' && i < PMOD_N_SPECIALS && length == 0; i++)
        {
          const char *name = pmod_tokenizer_get_piece (self, self->special[i]);

          if (name == NULL || !g_str_has_prefix (at, name))
            continue;
          pmod_tokenizer_encode_plain (self, chunk, (gsize)(at - chunk), starts, ids);
          g_array_append_val (ids, self->special[i]);
          length = strlen (name);
          starts = FALSE;
          chunk = at + length;
        }
      at += MAX (length, 1);
    }
  pmod_tokenizer_encode_plain (self, chunk, strlen (chunk), starts, ids);
}

/* --- Decoding ------------------------------------------------------------------------------- */

char *
pmod_tokenizer_decode (PmodTokenizer *self, const gint32 *ids, int n_ids)
{
  g_autoptr (GPtrArray) pieces = g_ptr_array_new ();
  GString *text;

  for (int i = 0; i < n_ids; i++)
    if (ids[i] >= 0 && ids[i] < self->n_pieces && !pmod_tokenizer_is_special (self, ids[i]))
      g_ptr_array_add (pieces, (gpointer)pmod_pieces_get_text (self->pieces, ids[i]));
  if (pieces->len == 0)
    return g_strdup ("");
  if (g_str_has_prefix (pieces->pdata[0], PMOD_SPACE_MARK))
    pieces->pdata[0] = (char *)pieces->pdata[0] + strlen (PMOD_SPACE_MARK);
  text = pmod_pieces_decode (self->pieces, (const char *const *)pieces->pdata, pieces->len);
  if (text == NULL)
    {
      g_critical ("tokenizer: %u pieces cannot be joined", pieces->len);
      return g_strdup ("");
    }
  /* A C string cannot hold the byte 0, which a model may well answer. */
  for (gsize i = 0; i < text->len; i++)
    if (text->str[i] == '\0')
      {
        text->str[i] = PMOD_REPLACEMENT[0];
        g_string_insert (text, (gssize)i + 1, PMOD_REPLACEMENT + 1);
      }
  return g_string_free (text, FALSE);
}
