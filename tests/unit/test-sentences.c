/* Whole sentences out of texts that come piece by piece. */
#include "config.h"

#include <string.h>

#include "pmod-sentences.h"

static void
check (const char *text, gboolean growing, const char *expected)
{
  gsize from = 0;
  g_auto (GStrv) sentences = pmod_sentences_split (text, growing, &from);
  g_autofree char *got = g_strjoinv ("|", sentences);

  g_assert_cmpstr (got, ==, expected);
  g_assert_cmpuint (from, <=, strlen (text));
  if (!growing)
    g_assert_cmpuint (from, ==, strlen (text));
}

static void
test_whole (void)
{
  check ("", FALSE, "");
  check ("One. Two! Three?", FALSE, "One.|Two!|Three?");
  check ("No end", FALSE, "No end");
  check ("A line\nAnother line\n\nThe last", FALSE, "A line|Another line|The last");
  check ("It is 3.14 wide. \"Is it.\" He asked.", FALSE, "It is 3.14 wide.|\"Is it.\"|He asked.");
  check ("Mr. Smith met Dr. No. They left.", FALSE, "Mr. Smith met Dr. No. They left.");
  check ("Things, e.g. a tree, are there. So.", FALSE, "Things, e.g. a tree, are there.|So.");
  check ("Am 3. Mai kam z. B. Anna. Dann nicht.", FALSE, "Am 3. Mai kam z. B. Anna.|Dann nicht.");
  check ("In 1999. Then more.", FALSE, "In 1999.|Then more.");
}

static void
test_scripts (void)
{
  check ("\350\277\231\346\230\257\344\270\200\345\217\252\347\214\253\343\200\202"
         "\345\256\203\345\234\250\345\223\252\351\207\214\357\274\237\345\234\250\350\277\231",
         TRUE,
         "\350\277\231\346\230\257\344\270\200\345\217\252\347\214\253\343\200\202|"
         "\345\256\203\345\234\250\345\223\252\351\207\214\357\274\237");
  check ("\343\200\214\344\275\240\345\245\275\357\274\201\343\200\215\344\273\226\350\257\264"
         "\343\200\202",
         FALSE,
         "\343\200\214\344\275\240\345\245\275\357\274\201\343\200\215|\344\273\226\350\257\264"
         "\343\200\202");
  check ("\302\241Hola! \302\277Qu\303\251 es? Nada", TRUE, "\302\241Hola!|\302\277Qu\303\251 es?");
  check ("\340\244\257\340\244\271 \340\244\271\340\245\210\340\245\244 \340\244\257", TRUE,
         "\340\244\257\340\244\271 \340\244\271\340\245\210\340\245\244");
}

static void
test_growing (void)
{
  check ("One. Tw", TRUE, "One.");
  check ("It is 3.", TRUE, "");
  check ("One.", TRUE, "");
  check ("One. ", TRUE, "");
  check ("Really?", TRUE, ""); /* a closing quote may come */
  check ("Really? ", TRUE, "Really?");
  check ("A line\nAnother", TRUE, "A line");
}

/* However it is cut into pieces, the sentences are those of the whole, none twice, none broken. */
static void
test_pieces (void)
{
  static const char text[] =
      "There is a star, e.g. at 3.5 cm. It is yellow! \"Why?\" Nobody "
      "knows\nDr. Who does. \344\275\240\345\245\275\343\200\202 \345\245\275"
      "\357\274\201\nThe end";
  gsize whole_from = 0;
  g_auto (GStrv) whole = pmod_sentences_split (text, FALSE, &whole_from);
  g_autofree char *expected = g_strjoinv ("|", whole);

  for (gsize step = 1; step < 40; step++)
    {
      g_autoptr (GString) got = g_string_new (NULL);
      gsize from = 0;

      for (gsize n = step; n < sizeof text - 1 + step; n += step)
        {
          gboolean growing = n < sizeof text - 1;
          g_autofree char *part = g_strndup (text, n);
          g_autofree char *valid = g_utf8_make_valid (part, -1);
          g_auto (GStrv) sentences = NULL;

          /* As a detokenizer: half a character is not there yet. */
          if (strcmp (part, valid) != 0)
            continue;
          sentences = pmod_sentences_split (part, growing, &from);
          for (char **sentence = sentences; *sentence; sentence++)
            g_string_append_printf (got, "%s%s", got->len ? "|" : "", *sentence);
        }
      g_assert_cmpstr (got->str, ==, expected);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sentences/whole", test_whole);
  g_test_add_func ("/sentences/scripts", test_scripts);
  g_test_add_func ("/sentences/growing", test_growing);
  g_test_add_func ("/sentences/pieces", test_pieces);
  return g_test_run ();
}
