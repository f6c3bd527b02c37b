/* The error domain's quark, and text made fit for a message. */
#include "pmod-error.h"

#include <string.h>

/* Long enough for any real tensor name, short enough for one line. */
#define QUOTE_MAX_BYTES 100

GQuark
pmod_error_quark (void)
{
  return g_quark_from_static_string ("pmod-error-quark");
}

char *
pmod_error_quote (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)strnlen (text, QUOTE_MAX_BYTES + 1));
  GString *quoted = g_string_new ("\"");
  const char *p;

  for (p = valid; *p && p - valid < QUOTE_MAX_BYTES; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (quoted, g_unichar_isprint (c) ? c : '?');
    }
  g_string_append (quoted, *p ? "...\"" : "\"");
  return g_string_free (quoted, FALSE);
}
