/* Text to values and back: numbers of options, sizes and times for people. */
#include "cli.h"

#include <math.h>

G_DEFINE_QUARK (cli - error - quark, cli_error)

gboolean
cli_read_int (
    const char *option, const char *text, gint64 min, gint64 max, gint64 *value, GError **error)
{
  if (g_ascii_string_to_signed (text, 10, min, max, value, NULL))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
               "%s: expected a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
               ", got \"%s\"",
               option, min, max, text);
  return FALSE;
}

gboolean
cli_read_double (
    const char *option, const char *text, double min, double max, double *value, GError **error)
{
  char *end = NULL;
  double number = g_ascii_strtod (text, &end);

  if (end != text && *end == '\0' && isfinite (number) && number >= min && number <= max)
    {
      *value = number;
      return TRUE;
    }
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "%s: expected a number from %g to %g, got \"%s\"",
               option, min, max, text);
  return FALSE;
}

gboolean
cli_read_bytes (const char *option, const char *text, guint64 *value, GError **error)
{
  static const char units[] = "KMGT";
  gsize length = strlen (text);
  const char *unit = length > 1 ? strchr (units, g_ascii_toupper (text[length - 1])) : NULL;
  g_autofree char *digits = g_strndup (text, unit ? length - 1 : length);
  guint shift = unit ? 10 * (guint)(unit - units + 1) : 0;
  guint64 number;

  if (g_ascii_string_to_unsigned (digits, 10, 1, G_MAXUINT64 >> shift, &number, NULL))
    {
      *value = number << shift;
      return TRUE;
    }
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
               "%s: expected a number of bytes such as 800000000, 512M or 14G, got \"%s\"", option,
               text);
  return FALSE;
}

static char *
format_si (double value, const char *unit)
{
  static const char *const prefixes[] = { "", "k", "M", "G", "T", "P", "E" };
  guint i = 0;

  for (; fabs (value) >= 1000 && i + 1 < G_N_ELEMENTS (prefixes); i++)
    value /= 1000;
  return g_strdup_printf ("%.*f %s%s", i == 0 ? 0 : 2, value, prefixes[i], unit);
}

char *
cli_format_bytes (double bytes)
{
  return format_si (bytes, "B");
}

char *
cli_format_flops (double flops)
{
  return format_si (flops, "FLOP");
}

char *
cli_format_count (double count)
{
  return g_strchomp (format_si (count, ""));
}

char *
cli_format_ms (double ms)
{
  if (ms >= 1000)
    return g_strdup_printf ("%.2f s", ms / 1000);
  return g_strdup_printf ("%.*f ms", ms < 10 ? 2 : 1, ms);
}

gboolean
cli_is_utf8 (void)
{
  return g_get_charset (NULL);
}
