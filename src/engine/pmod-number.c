/* Decimal numbers inside configuration names. Not a general number parser: what these names
 * cannot hold (exponents, "nan", "inf", spaces, hexadecimals) is refused. */
#include "pmod-number.h"

#include <math.h>
#include <string.h>

gboolean
pmod_number_parse (const char *text, double *value)
{
  const char *digits = text[0] == '-' ? text + 1 : text;
  const char *point = strchr (digits, '.');
  gsize length = strlen (digits);

  if (strspn (digits, "0123456789.") != length || length == 0 || length > 40 ||
      (point != NULL && (length == 1 || strchr (point + 1, '.') != NULL)))
    return FALSE;
  *value = g_ascii_strtod (text, NULL);
  return isfinite (*value);
}

gboolean
pmod_number_is_decimal (const char *text)
{
  const char *point = strchr (text, '.');
  double value;

  return point != NULL && point != text && point[1] != '\0' && text[0] != '-' &&
         pmod_number_parse (text, &value);
}

void
pmod_number_append (GString *string, double value, gboolean with_point)
{
  char text[64] = "";

  /* 17 significant digits tell any two doubles apart; most settings need two or three. */
  for (int precision = 1; precision <= 17; precision++)
    {
      char format[8];
      g_snprintf (format, sizeof format, "%%.%dg", precision);
      g_ascii_formatd (text, sizeof text, format, value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }
  /* "%g" turns to exponents, which the parser does not read. */
  if (strchr (text, 'e') != NULL)
    {
      g_ascii_formatd (text, sizeof text, "%.30f", value);
      for (char *end = text + strlen (text); end[-1] == '0' && end[-2] != '.';)
        *--end = '\0';
    }
  g_string_append (string, text);
  if (with_point && strchr (text, '.') == NULL)
    g_string_append (string, ".0");
}
