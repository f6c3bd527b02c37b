/* See pmod-json-write.h. */
#include "pmod-json-write.h"

#include <math.h>
#include <string.h>

static void
append_quoted (GString *text, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);

  g_string_append_c (text, '"');
  for (const char *p = valid; *p != '\0'; p++)
    if (*p == '"' || *p == '\\')
      g_string_append_printf (text, "\\%c", *p);
    else if ((guchar)*p < 0x20)
      g_string_append_printf (text, "\\u%04x", (guint)(guchar)*p);
    else
      g_string_append_c (text, *p);
  g_string_append_c (text, '"');
}

static void
begin (GString *text, const char *name)
{
  if (text->len > 0 && strchr ("{[:", text->str[text->len - 1]) == NULL)
    g_string_append_c (text, ',');
  if (name == NULL)
    return;
  append_quoted (text, name);
  g_string_append_c (text, ':');
}

void
pmod_json_write_open (GString *text, const char *name, char bracket)
{
  begin (text, name);
  g_string_append_c (text, bracket);
}

void
pmod_json_write_close (GString *text, char bracket)
{
  g_string_append_c (text, bracket);
}

void
pmod_json_write_raw (GString *text, const char *name, const char *value)
{
  begin (text, name);
  g_string_append (text, value);
}

void
pmod_json_write_int (GString *text, const char *name, gint64 value)
{
  begin (text, name);
  g_string_append_printf (text, "%" G_GINT64_FORMAT, value);
}

void
pmod_json_write_bool (GString *text, const char *name, gboolean value)
{
  pmod_json_write_raw (text, name, value ? "true" : "false");
}

const char *
pmod_json_format_double (char *buffer, double value)
{
  const char *const formats[] = { "%.15g", "%.16g", "%.17g" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_ascii_strtod (g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, formats[i], value),
                        NULL) == value)
      break;
  return buffer;
}

const char *
pmod_json_format_float (char *buffer, float value)
{
  const char *const formats[] = { "%.6g", "%.7g", "%.8g", "%.9g" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if ((float)g_ascii_strtod (
            g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, formats[i], (double)value), NULL) ==
        value)
      break;
  return buffer;
}

void
pmod_json_write_double (GString *text, const char *name, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  pmod_json_write_raw (text, name,
                       isfinite (value) ? pmod_json_format_double (digits, value) : "null");
}

void
pmod_json_write_float (GString *text, const char *name, float value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  pmod_json_write_raw (text, name,
                       isfinite (value) ? pmod_json_format_float (digits, value) : "null");
}

void
pmod_json_write_string (GString *text, const char *name, const char *value)
{
  begin (text, name);
  if (value == NULL)
    g_string_append (text, "null");
  else
    append_quoted (text, value);
}
