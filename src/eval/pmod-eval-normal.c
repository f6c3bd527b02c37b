/* Answers as the metrics compare them: what is no difference between two answers is taken out.
 * Not here: scores. */
#include "pmod-eval-metric.h"

#include <string.h>

/* Runs of white space become one space; none at the ends. */
static void
squeeze (GString *text)
{
  gsize to = 0;

  for (gsize i = 0; i < text->len; i++)
    {
      gboolean space = g_ascii_isspace (text->str[i]);

      if (!space || (to > 0 && text->str[to - 1] != ' '))
        text->str[to++] = space ? ' ' : text->str[i];
    }
  while (to > 0 && text->str[to - 1] == ' ')
    to--;
  g_string_truncate (text, to);
}

static GString *
lower (const char *answer)
{
  g_autofree char *valid = g_utf8_make_valid (answer, -1);
  g_autofree char *down = g_utf8_strdown (valid, -1);
  GString *text = g_string_new (down);

  squeeze (text);
  return text;
}

char *
pmod_eval_normal_exact (const char *answer)
{
  GString *text = lower (answer);

  if (text->len > 0 && text->str[text->len - 1] == '.')
    g_string_truncate (text, text->len - 1);
  squeeze (text);
  return g_string_free (text, FALSE);
}

/* --- VQA v2 ----------------------------------------------------------------------------------- */

/* Beside a space, or anywhere in a text with a number such as 1,000, these are left out; else they
 * part two words. */
static void
strip_punctuation (GString *text)
{
  static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";
  g_autofree char *before = g_strdup (text->str);
  gboolean has_thousands = FALSE;

  for (const char *c = before; *c != '\0'; c++)
    has_thousands |= c > before && *c == ',' && g_ascii_isdigit (c[-1]) && g_ascii_isdigit (c[1]);
  for (const char *mark = marks; *mark != '\0'; mark++)
    {
      const char one[] = { *mark, '\0' }, ahead[] = { *mark, ' ', '\0' };
      const char behind[] = { ' ', *mark, '\0' };
      gboolean beside =
          strstr (before, ahead) != NULL || strstr (before, behind) != NULL || has_thousands;

      g_string_replace (text, one, beside ? "" : " ", 0);
    }
}

/* Every full stop but those of numbers such as 0.5. */
static void
strip_stops (GString *text)
{
  gsize to = 0;

  for (gsize i = 0; i < text->len; i++)
    if (text->str[i] != '.' || g_ascii_isdigit (text->str[i + 1]))
      text->str[to++] = text->str[i];
  g_string_truncate (text, to);
}

/* Contractions without their apostrophes, where that is no other word. */
static const char *const contractions[] = {
  "aint",        "arent",    "cant",       "couldve",    "couldnt",   "couldntve",   "didnt",
  "doesnt",      "dont",     "hadnt",      "hadntve",    "hasnt",     "havent",      "hed",
  "hedve",       "hes",      "howd",       "howll",      "hows",      "isnt",        "itd",
  "itdve",       "itll",     "maam",       "mightnt",    "mightntve", "mightve",     "mustnt",
  "mustve",      "neednt",   "notve",      "oclock",     "oughtnt",   "owsat",       "shant",
  "shedve",      "shouldve", "shouldnt",   "shouldntve", "somebodyd", "somebodydve", "somebodyll",
  "somebodys",   "someoned", "someonedve", "someonell",  "someones",  "somethingd",  "somethingdve",
  "somethingll", "thats",    "thered",     "theredve",   "therere",   "theres",      "theyd",
  "theydve",     "theyll",   "theyre",     "theyve",     "twas",      "wasnt",       "wedve",
  "weve",        "werent",   "whatll",     "whatre",     "whats",     "whatve",      "whens",
  "whered",      "wheres",   "whereve",    "whod",       "whodve",    "wholl",       "whos",
  "whove",       "whyll",    "whyre",      "whys",       "wont",      "wouldve",     "wouldnt",
  "wouldntve",   "yall",     "yallll",     "yalldve",    "youd",      "youdve",      "youll",
  "youre",       "youve",    NULL,
};

static const char *const numbers[] = { "zero", "one",   "two",   "three", "four", "five",
                                       "six",  "seven", "eight", "nine",  "ten" };

static void
append_word (GString *text, const char *word)
{
  GString *bare = g_string_new (word);

  g_string_replace (bare, "'", "", 0);
  g_string_replace (bare, "\342\200\231", "", 0); /* the typographic apostrophe */
  if (text->len > 0)
    g_string_append_c (text, ' ');
  if (strcmp (word, "none") == 0)
    word = "zero";
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (strcmp (word, numbers[i]) == 0)
      {
        g_string_append_printf (text, "%u", i);
        word = "";
      }
  g_string_append (text, g_strv_contains (contractions, bare->str) ? bare->str : word);
  g_string_free (bare, TRUE);
}

char *
pmod_eval_normal_vqa (const char *answer)
{
  g_autoptr (GString) text = lower (answer);
  GString *normal = g_string_new (NULL);
  g_auto (GStrv) words = NULL;

  strip_punctuation (text);
  strip_stops (text);
  squeeze (text);
  words = g_strsplit (text->str, " ", -1);
  for (char **word = words; *word != NULL; word++)
    if (**word != '\0' && strcmp (*word, "a") != 0 && strcmp (*word, "an") != 0 &&
        strcmp (*word, "the") != 0)
      append_word (normal, *word);
  return g_string_free (normal, FALSE);
}

/* --- Yes and no ------------------------------------------------------------------------------- */

gboolean
pmod_eval_says_no (const char *answer)
{
  g_autofree char *sentence = g_strndup (answer, strcspn (answer, "."));
  g_auto (GStrv) words = g_strsplit_set (sentence, " ,\n\t", -1);

  for (char **word = words; *word != NULL; word++)
    if (g_ascii_strcasecmp (*word, "no") == 0 || strcmp (*word, "not") == 0)
      return TRUE;
  return FALSE;
}

gboolean
pmod_eval_is_evasive (const char *answer)
{
  const char *start = answer + strspn (answer, " \n\t");
  g_autofree char *word = g_strndup (start, strcspn (start, " .,;:!\n\t"));

  return g_ascii_strcasecmp (word, "yes") != 0 && g_ascii_strcasecmp (word, "no") != 0;
}

/* --- Choices ---------------------------------------------------------------------------------- */

/* A letter that stands alone at text: "B", "(b)", "B.", "B: dogs", "B) dogs". */
static char
lone_letter (const char *text)
{
  gboolean open = *text == '(';
  char letter = text[open ? 1 : 0];
  const char *rest;

  if (!g_ascii_isalpha (letter))
    return 0;
  rest = text + (open ? 2 : 1);
  if (*rest == '\0' || *rest == ')' || (!open && strchr (".:", *rest) != NULL))
    return g_ascii_toupper (letter);
  return 0;
}

char
pmod_eval_choice (const char *answer, char *const *choices)
{
  static const char phrase[] = "answer is ";
  g_autofree char *normal = pmod_eval_normal_exact (answer);
  char letter = lone_letter (normal);
  const char *after;

  for (int i = 0; letter == 0 && choices != NULL && choices[i] != NULL && i < 26; i++)
    {
      g_autofree char *choice = pmod_eval_normal_exact (choices[i]);

      if (strcmp (choice, normal) == 0)
        letter = (char)('A' + i);
    }
  after = letter == 0 ? strstr (normal, phrase) : NULL;
  if (after != NULL)
    letter = lone_letter (after + strlen (phrase));
  return letter;
}

char *
pmod_eval_normal (PmodEvalMetric metric, const char *answer)
{
  char letter;

  switch (metric)
    {
    case PMOD_EVAL_METRIC_YES_NO:
      return g_strdup (pmod_eval_says_no (answer) ? "no" : "yes");
    case PMOD_EVAL_METRIC_VQA_SOFT:
      return pmod_eval_normal_vqa (answer);
    case PMOD_EVAL_METRIC_CHOICE:
      letter = pmod_eval_choice (answer, NULL);
      return letter != 0 ? g_strdup_printf ("%c", letter) : pmod_eval_normal_exact (answer);
    case PMOD_EVAL_METRIC_EXACT:
    case PMOD_EVAL_METRIC_ANLS:
    case PMOD_EVAL_METRIC_RELAXED:
      break;
    }
  return pmod_eval_normal_exact (answer);
}
