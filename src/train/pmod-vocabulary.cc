/* See the header. The library's trainer behind plain C: it throws, and a C caller cannot catch;
 * what it would end the process for or print is asked for in a way that comes back as a status.
 * Nothing here knows what the words are about. */
#include "pmod-vocabulary.h"

#include <sentencepiece_trainer.h>

#include <cstring>
#include <exception>
#include <string>
#include <unordered_map>

#define N_RESERVED (3 + 256)  /* <unk>, <s>, </s> and the bytes */
#define SPACE_MARK 0x2581     /* stands for a space inside pieces */
#define MAX_LINE "1073741824" /* bytes; the most that the library takes */

static const char tokenizer_config[] = "{\n"
                                       " \"add_bos_token\": true,\n"
                                       " \"add_eos_token\": false,\n"
                                       " \"tokenizer_class\": \"LlamaTokenizer\",\n"
                                       " \"legacy\": true,\n"
                                       " \"bos_token\": \"<s>\",\n"
                                       " \"eos_token\": \"</s>\",\n"
                                       " \"unk_token\": \"<unk>\",\n"
                                       " \"clean_up_tokenization_spaces\": false\n"
                                       "}\n";

namespace
{

/* The lines, one after the other. */
class Lines : public sentencepiece::SentenceIterator
{
public:
  Lines (const char *const *lines, gsize n_lines) : next (lines), end (lines + n_lines) { take (); }

  bool
  done () const override
  {
    return next == end;
  }

  void
  Next () override
  {
    next++;
    take ();
  }

  const std::string &
  value () const override
  {
    return line;
  }

  sentencepiece::util::Status
  status () const override
  {
    return sentencepiece::util::Status ();
  }

private:
  void
  take ()
  {
    if (next != end)
      line = *next;
  }

  const char *const *next;
  const char *const *end;
  std::string line;
};

} // namespace

/* Each character that occurs is a piece. */
static gboolean
check (const char *const *lines, gsize n_lines, int n_pieces, GError **error)
{
  g_autoptr (GHashTable) characters = g_hash_table_new (NULL, NULL);
  gboolean empty = TRUE;
  int n_least;

  g_hash_table_add (characters, GUINT_TO_POINTER (SPACE_MARK));
  for (gsize i = 0; i < n_lines; i++)
    {
      if (!g_utf8_validate (lines[i], -1, NULL))
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "vocabulary: line %" G_GSIZE_FORMAT ": expected UTF-8, got other bytes",
                       i + 1);
          return FALSE;
        }
      empty = empty && lines[i][0] == '\0';
      for (const char *at = lines[i]; *at != '\0'; at = g_utf8_next_char (at))
        if (*at != ' ')
          g_hash_table_add (characters, GUINT_TO_POINTER (g_utf8_get_char (at)));
    }
  if (empty)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "vocabulary: expected words, got %" G_GSIZE_FORMAT " lines without any",
                   n_lines);
      return FALSE;
    }
  n_least = N_RESERVED + (int)g_hash_table_size (characters);
  if (n_pieces >= n_least)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
               "vocabulary: expected at least %d pieces (%d reserved ones and one for each of %u "
               "characters), got %d",
               n_least, N_RESERVED, g_hash_table_size (characters), n_pieces);
  return FALSE;
}

/* The serialised model, with as many pieces as there are words for, n_pieces at most. */
static sentencepiece::util::Status
train (Lines &lines, int n_pieces, std::string *model)
{
  const std::unordered_map<std::string, std::string> arguments = {
    { "model_type", "bpe" },
    { "vocab_size", std::to_string (n_pieces) },
    /* Fewer pieces are a model then, and counted by the caller; else a status without a count. */
    { "hard_vocab_limit", "false" },
    { "max_sentence_length", MAX_LINE },
    { "byte_fallback", "true" },
    { "split_digits", "true" },
    { "allow_whitespace_only_pieces", "true" },
    { "character_coverage", "1.0" },
    { "normalization_rule_name", "identity" },
    { "remove_extra_whitespaces", "false" },
    { "add_dummy_prefix", "true" },
    { "unk_id", "0" },
    { "bos_id", "1" },
    { "eos_id", "2" },
    { "pad_id", "-1" },
    /* The order of sums does not depend on the machine. */
    { "num_threads", "1" },
    /* Only what ends the process is printed; the library's own, for the whole process. */
    { "minloglevel", "3" },
  };

  return sentencepiece::SentencePieceTrainer::Train (arguments, &lines, model);
}

static gboolean
train_checked (
    const char *const *lines, gsize n_lines, int n_pieces, std::string *model, GError **error)
{
  sentencepiece::SentencePieceProcessor processor;
  Lines iterator (lines, n_lines);
  auto status = train (iterator, n_pieces, model);

  if (status.ok ())
    status = processor.LoadFromSerializedProto (*model);
  if (!status.ok ())
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "vocabulary: %s", status.error_message ());
  else if (processor.GetPieceSize () != n_pieces)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "vocabulary: expected words for %d pieces, got %d from %" G_GSIZE_FORMAT " lines",
                 n_pieces, processor.GetPieceSize (), n_lines);
  else
    return TRUE;
  return FALSE;
}

static gboolean
save (const char *dir, const char *name, const char *bytes, gsize n_bytes, GError **error)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autoptr (GError) local = NULL;

  if (g_file_set_contents (path, bytes, (gssize)n_bytes, &local))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot write: %s", path, local->message);
  return FALSE;
}

gboolean
pmod_vocabulary_train (
    const char *dir, const char *const *lines, gsize n_lines, int n_pieces, GError **error)
{
  if (!check (lines, n_lines, n_pieces, error))
    return FALSE;
  try
    {
      std::string model;

      return train_checked (lines, n_lines, n_pieces, &model, error) &&
             save (dir, "tokenizer.model", model.data (), model.size (), error) &&
             save (dir, "tokenizer_config.json", tokenizer_config, strlen (tokenizer_config),
                   error);
    }
  catch (const std::exception &exception)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "vocabulary: %s", exception.what ());
    }
  catch (...)
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "vocabulary: unknown failure");
    }
  return FALSE;
}
