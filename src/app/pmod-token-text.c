/* See pmod-token-text.h. */
#include "config.h"

#include "pmod-token-text.h"

#include <glib/gi18n.h>

char *
pmod_token_text_show (const PmodRunChance *chance, gboolean *after_space)
{
  g_autofree char *text = NULL;

  switch (pmod_run_read_piece (chance, &text, after_space))
    {
    case PMOD_TOKEN_TEXT:
      return g_steal_pointer (&text);
    case PMOD_TOKEN_SPACE:
      return g_strdup ("\342\220\243");
    case PMOD_TOKEN_NEWLINE:
      return g_strdup ("\342\206\265");
    case PMOD_TOKEN_TAB:
      return g_strdup ("\342\207\245");
    case PMOD_TOKEN_BYTE:
      return g_steal_pointer (&text);
    case PMOD_TOKEN_END:
      return g_strdup (_ ("end"));
    case PMOD_TOKEN_UNKNOWN:
    default:
      return g_strdup_printf ("#%d", chance->id);
    }
}

char *
pmod_token_text_say (const PmodRunChance *chance)
{
  g_autofree char *text = NULL;
  gboolean after_space;

  switch (pmod_run_read_piece (chance, &text, &after_space))
    {
    case PMOD_TOKEN_TEXT:
      return g_steal_pointer (&text);
    case PMOD_TOKEN_SPACE:
      return g_strdup (_ ("space"));
    case PMOD_TOKEN_NEWLINE:
      return g_strdup (_ ("line break"));
    case PMOD_TOKEN_TAB:
      return g_strdup (_ ("tab"));
    case PMOD_TOKEN_BYTE:
      return g_strdup_printf (_ ("byte %s"), text);
    case PMOD_TOKEN_END:
      return g_strdup (_ ("end of the answer"));
    case PMOD_TOKEN_UNKNOWN:
    default:
      return g_strdup_printf (_ ("token %d"), chance->id);
    }
}

/* No more is said than can be: 99.97 % is not all, and next to nothing is not nothing. */
char *
pmod_token_text_chance (double probability)
{
  double percent = 100 * probability;

  if (percent < 0.1)
    return g_strdup (_ ("< 0.1 %"));
  if (percent < 10 || (percent >= 99 && percent < 99.95))
    return g_strdup_printf (_ ("%.1f %%"), percent);
  return g_strdup_printf (_ ("%.0f %%"), percent);
}

char *
pmod_token_text_name (const PmodRunChance *chance)
{
  g_autofree char *text = pmod_token_text_say (chance);
  g_autofree char *share = pmod_token_text_chance (chance->probability);

  return g_strdup_printf (_ ("%s, %s"), text, share);
}
