/* PmodMarkdown's blocks: what each construct becomes, and that no text, however hostile, becomes
 * markup that a label would refuse, or takes long. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "pmod-markdown-blocks.h"

/* Of this thread, for 64 KiB of whatever; cmark 0.30.2 takes 0.16 s for the worst that is known. */
#define MAX_WORK_S 2

/* "T:markup", "H2:markup", "C(lang):code", "R"; before it what it lies in and its marker. */
static char *
describe (const char *text, gboolean growing)
{
  g_autoptr (GPtrArray) blocks = pmod_markdown_parse (text, growing);
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < blocks->len; i++)
    {
      const PmodBlock *block = blocks->pdata[i];

      if (i > 0)
        g_string_append (all, " | ");
      if (block->marker || *block->inside)
        g_string_append_printf (all, "%s[%s] ", block->inside, block->marker ? block->marker : "");
      if (block->kind == PMOD_BLOCK_TEXT)
        g_string_append_printf (all, "T:%s", block->markup);
      else if (block->kind == PMOD_BLOCK_HEADING)
        g_string_append_printf (all, "H%d:%s", block->level, block->markup);
      else if (block->kind == PMOD_BLOCK_CODE)
        g_string_append_printf (all, "C(%s):%s", block->language ? block->language : "",
                                block->plain);
      else
        g_string_append (all, block->kind == PMOD_BLOCK_RULE ? "R" : "...");
    }
  return g_string_free (all, FALSE);
}

static void
check (const char *text, const char *expected)
{
  g_autofree char *got = describe (text, FALSE);

  g_assert_cmpstr (got, ==, expected);
}

static void
check_growing (const char *text, const char *expected)
{
  g_autofree char *got = describe (text, TRUE);

  g_assert_cmpstr (got, ==, expected);
}

static void
test_blocks (void)
{
  check ("", "");
  check ("One.\n\nTwo\nlines.", "T:One. | T:Two\nlines.");
  check ("# A\n## B *c*\ntext", "H1:A | H2:B <i>c</i> | T:text");
  check ("a **b** `c < d` _e_", "T:a <b>b</b> <tt>c &lt; d</tt> <i>e</i>");
  check ("a\n\n---\n\nb", "T:a | R | T:b");
  check ("```python\nx = 1\n\nif x < 2:\n```\nafter", "C(python):x = 1\n\nif x < 2: | T:after");
  check ("    four\n", "C():four");
  check ("```c {.numbered}\nx\n```", "C(c):x");
}

static void
test_inside (void)
{
  check ("- a\n- b\n  - c\n", "l[\342\200\242] T:a | l[\342\200\242] T:b | ll[\342\227\246] T:c");
  check ("3. a\n4. b", "l[3.] T:a | l[4.] T:b");
  check ("1) a\n\n   more\n", "l[1)] T:a | l[] T:more");
  check ("> a\n>\n> - b\n\nc", "q[] T:a | ql[\342\200\242] T:b | T:c");
  check ("- - a", "l[\342\200\242] T: | ll[\342\227\246] T:a");
  check ("- ```\n  x\n  ```", "l[\342\200\242] C():x");
  check ("-\n- b", "l[\342\200\242] T: | l[\342\200\242] T:b");
  check ("- > a", "l[\342\200\242] T: | lq[] T:a");
}

static void
test_links (void)
{
  check ("[a & b](https://e.org/?x=1&y=\"2\")",
         "T:<a href=\"https://e.org/?x=1&amp;y=&quot;2&quot;\" "
         "title=\"https://e.org/?x=1&amp;amp;y=&amp;quot;2&amp;quot;\">a &amp; b</a>");
  check ("<http://e.org>", "T:<a href=\"http://e.org\" title=\"http://e.org\">http://e.org</a>");
  check ("[a](HTTPS://e.org)", "T:<a href=\"HTTPS://e.org\" title=\"HTTPS://e.org\">a</a>");
  check ("[a](javascript:alert(1))", "T:a (javascript:alert(1))");
  check ("[a](file:///etc/passwd)", "T:a (file:///etc/passwd)");
  check ("[a](data:text/html,x)", "T:a (data:text/html,x)");
  check ("[a](there)", "T:a (there)");
  check ("[a]()", "T:a");
}

static void
test_only_words (void)
{
  check ("<b>x</b> & <script>y</script>",
         "T:&lt;b&gt;x&lt;/b&gt; &amp; &lt;script&gt;y&lt;/script&gt;");
  check ("<div onclick='x'>\nhello\n</div>\n",
         "T:&lt;div onclick=&apos;x&apos;&gt;\nhello\n&lt;/div&gt;");
  check ("![a *b* picture](https://e.org/x.png)", "T:a <i>b</i> picture");
  check ("![](https://e.org/x.png)", "T:https://e.org/x.png");
  check ("![a [b](https://e.org) c](x.png)", "T:a b (https://e.org) c");
  check ("<a href=\"https://e.org\">x</a>",
         "T:&lt;a href=&quot;https://e.org&quot;&gt;x&lt;/a&gt;");
}

/* What is not over yet is shown as what it most likely becomes, or not yet. */
static void
test_growing (void)
{
  check_growing ("a\n\n```py\nx = 1\n", "T:a | C(py):x = 1");
  check_growing ("a\n\n```py\nx = 1\ny", "T:a | C(py):x = 1\ny");
  check_growing ("a\n\n```py", "T:a");
  check_growing ("```\nx\n``", "C():x");
  check_growing ("Words\n-", "T:Words");
  check_growing ("Words\n- item", "T:Words | l[\342\200\242] T:item");
  check_growing ("a\n\n**", "T:a");
  check_growing ("a\n\n1.", "T:a");
  check_growing ("a\n#", "T:a");
  check_growing ("> a\n> ", "q[] T:a");
  check ("a\n\n1.", "T:a | l[1.] T:");
}

static void
test_alike (void)
{
  g_autoptr (GPtrArray) a = pmod_markdown_parse ("# T\n\nOne", TRUE);
  g_autoptr (GPtrArray) b = pmod_markdown_parse ("# T\n\nOne two\n\n- x", TRUE);

  g_assert_true (pmod_block_equal (a->pdata[0], b->pdata[0]));
  g_assert_false (pmod_block_equal (a->pdata[1], b->pdata[1]));
  g_assert_true (pmod_block_is_alike (a->pdata[1], b->pdata[1]));
  g_assert_false (pmod_block_is_alike (a->pdata[1], b->pdata[2]));
}

/* --- Whatever is thrown at it ---------------------------------------------------------------- */

static void
start_element_cb (GMarkupParseContext *context,
                  const char *name,
                  const char **names,
                  const char **values,
                  gpointer user_data,
                  GError **error)
{
  g_autofree char *scheme = NULL;

  if (strcmp (name, "a") == 0)
    {
      g_assert_cmpstr (names[0], ==, "href");
      g_assert_cmpstr (names[1], ==, "title");
      g_assert_null (names[2]);
      scheme = g_uri_parse_scheme (values[0]);
      g_assert_true (scheme && (g_ascii_strcasecmp (scheme, "http") == 0 ||
                                g_ascii_strcasecmp (scheme, "https") == 0));
      return;
    }
  g_assert_null (names[0]);
  if (strcmp (name, "all") != 0 && strcmp (name, "b") != 0 && strcmp (name, "i") != 0)
    g_assert_cmpstr (name, ==, "tt");
}

static void
text_cb (GMarkupParseContext *context, const char *text, gsize n, gpointer seen, GError **error)
{
  g_string_append_len (seen, text, (gssize)n);
}

/* As a label reads it: tags that it knows, closed in order, and the words that were meant. */
static void
check_markup (const PmodBlock *block)
{
  static const GMarkupParser parser = { start_element_cb, NULL, text_cb, NULL, NULL };
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, seen, NULL);
  g_autofree char *whole = g_strdup_printf ("<all>%s</all>", block->markup);
  g_autoptr (GError) error = NULL;

  g_markup_parse_context_parse (context, whole, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (seen->str, ==, block->plain);
  g_assert_cmpuint (strlen (block->plain), <=, 4096 + 4);
}

static void
check_any (const char *text)
{
  clock_t start = clock ();
  g_autoptr (GPtrArray) blocks = pmod_markdown_parse (text, FALSE);
  g_autoptr (GPtrArray) growing = pmod_markdown_parse (text, TRUE);
  double took_s = (double)(clock () - start) / CLOCKS_PER_SEC;
  gsize shown = 0;

  g_assert_cmpfloat (took_s, <, 2 * MAX_WORK_S);
  g_assert_cmpuint (growing->len, <=, blocks->len);
  for (guint i = 0; i < blocks->len; i++)
    {
      const PmodBlock *block = blocks->pdata[i];

      g_assert_cmpuint (strlen (block->inside), <=, 6);
      if (block->plain)
        {
          g_assert_true (g_utf8_validate (block->plain, -1, NULL));
          shown += strlen (block->plain);
        }
      if (block->markup)
        check_markup (block);
      if (block->left_out > 0)
        g_assert_cmpuint (i, ==, blocks->len - 1);
    }
  /* A byte that is no character becomes one of three. */
  g_assert_cmpuint (shown, <=, 3 * PMOD_MARKDOWN_MAX_BYTES);
}

static void
check_repeated (const char *part, gsize n_bytes)
{
  g_autoptr (GString) text = g_string_sized_new (n_bytes + 64);

  while (text->len < n_bytes)
    g_string_append (text, part);
  check_any (text->str);
}

static void
test_repeated (void)
{
  static const char *parts[] = { "[",
                                 "![[]()",
                                 "*a _b ",
                                 "> ",
                                 "a**b",
                                 "`a``b",
                                 "[a](",
                                 "<a ",
                                 "<!--",
                                 "- ",
                                 "* a\n  ",
                                 "[a]: b\n",
                                 "&",
                                 "\\",
                                 "1. ",
                                 "***",
                                 "**x [a*b**c*](http://d)",
                                 "```\n",
                                 "![",
                                 "`",
                                 "> - ",
                                 "\302\240",
                                 "\343\202\217",
                                 "\357\277\275",
                                 "\001\002\003",
                                 "&#0;&#1;&amp;",
                                 "<b>",
                                 "]]>",
                                 "\r",
                                 "a",
                                 "[a](http://x\"y'z<>) ",
                                 "\360\237\230\200" };

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      check_repeated (parts[i], 1000);
      check_repeated (parts[i], 65536);
    }
  check_repeated ("word ", 1 << 20);
  check_repeated ("*a [b", 1 << 20);
}

static void
test_random (void)
{
  static const char marks[] = "*_`[]()<>!#-+.0123456789 \n\n\t\\&\"'~=|:/ahtp\377\303\200\342\202";
  g_autoptr (GRand) random = g_rand_new_with_seed (20260);

  for (int i = 0; i < 3000; i++)
    {
      char text[240];
      int n = g_rand_int_range (random, 0, (int)sizeof text);

      for (int j = 0; j < n; j++)
        text[j] = i % 2 ? marks[g_rand_int_range (random, 0, (int)sizeof marks - 1)]
                        : (char)g_rand_int_range (random, 1, 256);
      text[n] = '\0';
      check_any (text);
    }
}

static void
test_left_out (void)
{
  g_autofree char *text = g_malloc (1 << 20);
  g_autoptr (GPtrArray) blocks = NULL;
  const PmodBlock *last;

  memset (text, 'a', (1 << 20) - 1);
  text[(1 << 20) - 1] = '\0';
  blocks = pmod_markdown_parse (text, FALSE);
  last = blocks->pdata[blocks->len - 1];
  g_assert_cmpint (last->kind, ==, PMOD_BLOCK_LEFT_OUT);
  g_assert_cmpuint (last->left_out, ==, (1 << 20) - 1 - PMOD_MARKDOWN_MAX_BYTES);
}

/* As it streams in, byte by byte: the blocks before the last few stay what they are. */
static void
test_prefixes (void)
{
  static const char text[] = "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n  - three\n\n"
                             "> quote\n> more\n\n```c\nint x = 1;\n```\n\n[link](https://e.org)\n";
  g_autoptr (GPtrArray) whole = pmod_markdown_parse (text, FALSE);

  for (gsize n = 0; n < sizeof text; n++)
    {
      g_autofree char *part = g_strndup (text, n);
      g_autoptr (GPtrArray) blocks = pmod_markdown_parse (part, TRUE);

      g_assert_cmpuint (blocks->len, <=, whole->len);
      for (guint i = 0; i + 1 < blocks->len; i++)
        g_assert_true (pmod_block_equal (blocks->pdata[i], whole->pdata[i]));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/markdown-blocks/blocks", test_blocks);
  g_test_add_func ("/markdown-blocks/inside", test_inside);
  g_test_add_func ("/markdown-blocks/links", test_links);
  g_test_add_func ("/markdown-blocks/only-words", test_only_words);
  g_test_add_func ("/markdown-blocks/growing", test_growing);
  g_test_add_func ("/markdown-blocks/alike", test_alike);
  g_test_add_func ("/markdown-blocks/prefixes", test_prefixes);
  g_test_add_func ("/markdown-blocks/repeated", test_repeated);
  g_test_add_func ("/markdown-blocks/random", test_random);
  g_test_add_func ("/markdown-blocks/left-out", test_left_out);
  return g_test_run ();
}
