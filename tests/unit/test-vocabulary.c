/* A tokenizer trained on a few lines: what the engine makes of it, the same twice, and refusals. */
#include "pmod-vocabulary.h"

#include "pmod-tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const lines[] = {
  "USER: What is in the picture? ASSISTANT: A red cat.",
  "USER: What is in the picture? ASSISTANT: A blue dog.",
  "USER: How many cats are there? ASSISTANT: 12.",
  "USER: Where is the dog? ASSISTANT: On the left  of the cat.",
};

static char *
make_directory (void)
{
  GError *error = NULL;
  char *dir = g_dir_make_tmp ("pmod-vocabulary-XXXXXX", &error);

  g_assert_no_error (error);
  return dir;
}

static void
remove_directory (const char *dir)
{
  static const char *const names[] = { "tokenizer.model", "tokenizer_config.json" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (dir, names[i], NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static GBytes *
read_model (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "tokenizer.model", NULL);
  g_autoptr (GError) error = NULL;
  char *text;
  gsize length;

  g_file_get_contents (path, &text, &length, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (text, length);
}

static void
test_round_trip (void)
{
  static const char *const texts[] = { "A red cat.", "Where  are 2 dogs?",
                                       "\303\204\n\xf0\x9f\x90\x88 x" };
  g_autofree char *dir = make_directory ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTokenizer) tokenizer = NULL;

  g_assert_true (pmod_vocabulary_train (dir, lines, G_N_ELEMENTS (lines), 330, &error));
  g_assert_no_error (error);
  tokenizer = pmod_tokenizer_new (dir, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_tokenizer_get_n_pieces (tokenizer), ==, 330);
  g_assert_cmpint (pmod_tokenizer_get_bos (tokenizer), ==, 1);
  g_assert_cmpint (pmod_tokenizer_get_eos (tokenizer), ==, 2);
  g_assert_cmpstr (pmod_tokenizer_get_piece (tokenizer, 0), ==, "<unk>");
  g_assert_cmpstr (pmod_tokenizer_get_piece (tokenizer, 3), ==, "<0x00>");
  g_assert_cmpstr (pmod_tokenizer_get_piece (tokenizer, 258), ==, "<0xFF>");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
      g_autofree char *back = NULL;

      pmod_tokenizer_encode (tokenizer, texts[i], FALSE, ids);
      back = pmod_tokenizer_decode (tokenizer, (const gint32 *)ids->data, (int)ids->len);
      g_assert_cmpstr (back, ==, texts[i]);
      for (guint j = 0; j < ids->len; j++)
        g_assert_cmpint (g_array_index (ids, gint32, j), !=, 0);
    }
  for (int i = 0; i < 330; i++)
    {
      const char *piece = pmod_tokenizer_get_piece (tokenizer, i);

      g_assert_false (g_str_has_suffix (piece, "12"));
    }
  remove_directory (dir);
}

static void
test_same_twice (void)
{
  g_autofree char *first = make_directory ();
  g_autofree char *second = make_directory ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = NULL;
  g_autoptr (GBytes) b = NULL;

  g_assert_true (pmod_vocabulary_train (first, lines, G_N_ELEMENTS (lines), 340, &error));
  g_assert_true (pmod_vocabulary_train (second, lines, G_N_ELEMENTS (lines), 340, &error));
  a = read_model (first);
  b = read_model (second);
  g_assert_true (g_bytes_equal (a, b));
  remove_directory (first);
  remove_directory (second);
}

/* The library would leave out what is longer than 4 KiB, and here nothing would be left. */
static void
test_long_line (void)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *dir = make_directory ();
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 1000; i++)
    g_string_append (line, "elephants ");
  g_assert_true (
      pmod_vocabulary_train (dir, (const char *const *)&line->str, 1, 259 + 9 + 7, &error));
  g_assert_no_error (error);
  remove_directory (dir);
}

static void
assert_refused (
    const char *dir, const char *line, gsize n_lines, int n_pieces, int code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (pmod_vocabulary_train (dir, &line, n_lines, n_pieces, &error));
  g_assert_error (error, PMOD_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_bad (void)
{
  g_autofree char *dir = make_directory ();
  g_autofree char *missing = g_build_filename (dir, "none", NULL);

  /* 259 reserved, the mark of spaces, a b c; ▁ab, abc or the like. */
  assert_refused (dir, "abc abc", 1, 300, PMOD_ERROR_FORMAT,
                  "expected words for 300 pieces, got 26");
  assert_refused (dir, "abc abc", 1, 262, PMOD_ERROR_ARGUMENT,
                  "at least 263 pieces (259 reserved ones and one for each of 4 characters), got "
                  "262");
  assert_refused (dir, "abc", 1, -1, PMOD_ERROR_ARGUMENT, "got -1");
  assert_refused (dir, "abc", 0, 300, PMOD_ERROR_FORMAT, "expected words, got 0 lines");
  assert_refused (dir, "", 1, 300, PMOD_ERROR_FORMAT, "expected words, got 1 line");
  assert_refused (dir, "abc \xff", 1, 300, PMOD_ERROR_FORMAT, "line 1: expected UTF-8");
  assert_refused (missing, "abc abc", 1, 264, PMOD_ERROR_IO, "none/tokenizer.model: cannot write");
  remove_directory (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vocabulary/round-trip", test_round_trip);
  g_test_add_func ("/vocabulary/same-twice", test_same_twice);
  g_test_add_func ("/vocabulary/long-line", test_long_line);
  g_test_add_func ("/vocabulary/bad", test_bad);
  return g_test_run ();
}
