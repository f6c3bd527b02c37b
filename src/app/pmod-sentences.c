/* See pmod-sentences.h. */
#include "config.h"

#include "pmod-sentences.h"

#include <pango/pango.h>
#include <string.h>

/* Words before a full stop that end no sentence, in the languages of the window. */
static const char *const abbreviations[] = { "mr",  "mrs", "ms",  "dr",  "prof",   "st",  "no",
                                             "nr",  "vs",  "etc", "fig", "approx", "ca",  "bzw",
                                             "usw", "vgl", "bsp", "abb", "sog",    "str", "mm",
                                             "sr",  "sra", "ej",  "pág", "p" };

/* The word that ends before end. */
static gsize
get_word_length (const char *text, const char *end)
{
  const char *start = end;

  while (start > text)
    {
      const char *before = g_utf8_prev_char (start);

      if (!g_unichar_isalnum (g_utf8_get_char (before)))
        break;
      start = before;
    }
  return (gsize)(end - start);
}

/* end: behind a full stop. "e. g.", "3. Mai", "Dr. No": what follows belongs to it. */
static gboolean
is_abbreviated (const char *text, const char *end)
{
  const char *stop = end - 1;
  gsize n = get_word_length (text, stop);
  g_autofree char *word = g_utf8_strdown (stop - n, (gssize)n);
  glong n_letters = g_utf8_strlen (word, -1);

  if (n == 0)
    return FALSE;
  if (n_letters == 1 || (n_letters == 2 && g_ascii_isdigit (word[0]) && g_ascii_isdigit (word[1])))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (abbreviations); i++)
    if (strcmp (word, abbreviations[i]) == 0)
      return TRUE;
  return FALSE;
}

static const char *
skip_closing_back (const char *text, const char *end)
{
  static const char *const closing =
      "\"')]}\302\273\342\200\235\342\200\231\343\200\215\343\200\217"
      "\357\274\211*_`";

  while (end > text)
    {
      const char *before = g_utf8_prev_char (end);

      if (!g_utf8_strchr (closing, -1, g_utf8_get_char (before)) &&
          !g_unichar_isspace (g_utf8_get_char (before)))
        break;
      end = before;
    }
  return end;
}

/* Whether [start, end) is over, although nothing but space follows it yet: by "!", "?" and the full
 * stops of scripts that write no numbers with them. */
static gboolean
has_certain_end (const char *start, const char *end)
{
  static const char *const marks = "!?\342\200\246\343\200\202\357\274\201\357\274\237\357\275\241"
                                   "\330\237\333\224\340\245\244";
  const char *mark = skip_closing_back (start, end);

  return mark > start && g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (end))) &&
         g_utf8_strchr (marks, -1, g_utf8_get_char (g_utf8_prev_char (mark)));
}

static gboolean
may_end (const char *start, const char *end)
{
  const char *mark = skip_closing_back (start, end);

  return !(mark > start && mark[-1] == '.' && is_abbreviated (start, mark));
}

static void
add_sentence (GPtrArray *sentences, const char *start, const char *end)
{
  char *sentence = g_strstrip (g_strndup (start, (gsize)(end - start)));

  if (*sentence)
    g_ptr_array_add (sentences, sentence);
  else
    g_free (sentence);
}

/* Of one line. Returns where the last whole sentence ends. over: nothing is added to the line. */
static const char *
split_line (GPtrArray *sentences, const char *line, const char *end, gboolean over)
{
  int n_chars = (int)g_utf8_strlen (line, end - line);
  g_autofree PangoLogAttr *attrs = g_new0 (PangoLogAttr, n_chars + 1);
  const char *start = line;
  const char *at = line;

  pango_get_log_attrs (line, (int)(end - line), -1, pango_language_get_default (), attrs,
                       n_chars + 1);
  for (int i = 1; i < n_chars; i++)
    {
      at = g_utf8_next_char (at);
      if (!attrs[i].is_sentence_boundary || !may_end (start, at))
        continue;
      add_sentence (sentences, start, at);
      start = at;
    }
  if (!over && !has_certain_end (start, end))
    return start;
  add_sentence (sentences, start, end);
  return end;
}

char **
pmod_sentences_split (const char *text, gboolean growing, gsize *from)
{
  g_autoptr (GPtrArray) sentences = g_ptr_array_new ();
  const char *line = text + MIN (*from, strlen (text));

  /* A text that was read otherwise before. */
  while (((guchar)*line & 0xC0) == 0x80)
    line++;
  while (*line)
    {
      gsize n = strcspn (line, "\n");
      gboolean over = line[n] == '\n' || !growing;
      const char *end = split_line (sentences, line, line + n, over);

      if (end < line + n)
        {
          line = end;
          break;
        }
      line = end + (line[n] == '\n');
    }
  *from = (gsize)(line - text);
  g_ptr_array_add (sentences, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&sentences), FALSE);
}
