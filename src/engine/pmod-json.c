/* See pmod-json.h. Knows no keys: what a file must hold is for its reader to say.
 *
 * Source: RFC 8259. */
#include "pmod-json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pmod-file.h"

/* More digits than any number that is meant. */
#define MAX_NUMBER_BYTES 256

struct _PmodJsonDocument
{
  char *name;
  char *text;     /* a copy; strings are unescaped in place, which never lengthens them */
  GArray *values; /* PmodJson */
};

typedef struct
{
  const char *name;
  char *start;
  char *p;
  char *end; /* *end is 0 */
  guint line;
  const char *key; /* the last one read, for messages */
  GArray *values;
  GError **error;
} Reader;

static gboolean read_value (Reader *self, const char *key, guint depth);

G_GNUC_PRINTF (2, 3)
static gboolean
fail (Reader *self, const char *format, ...)
{
  g_autofree char *what = NULL;
  g_autofree char *key = self->key ? pmod_error_quote (self->key) : NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (self->error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: line %u, byte %" G_GSIZE_FORMAT "%s%s: %s", self->name, self->line,
               (gsize)(self->p - self->start), key ? ", after key " : "", key ? key : "", what);
  return FALSE;
}

static gboolean
fail_expected (Reader *self, const char *expected)
{
  if (self->p == self->end)
    return fail (self, "expected %s, got the end of the text", expected);
  if (g_ascii_isprint (*self->p))
    return fail (self, "expected %s, got '%c'", expected, *self->p);
  return fail (self, "expected %s, got byte 0x%02x", expected, (guchar)*self->p);
}

static void
skip_space (Reader *self)
{
  while (*self->p == ' ' || *self->p == '\t' || *self->p == '\n' || *self->p == '\r')
    self->line += *self->p++ == '\n';
}

static gboolean
take (Reader *self, char c)
{
  skip_space (self);
  if (*self->p != c)
    return FALSE;
  self->p++;
  return TRUE;
}

/* Four hexadecimal digits, or -1. */
static int
read_hex (Reader *self)
{
  int i, value = 0;

  for (i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (self->p[i]);

      if (digit < 0) /* also at the end of the text */
        return -1;
      value = value * 16 + digit;
    }
  self->p += 4;
  return value;
}

static gboolean
read_unicode_escape (Reader *self, char **out)
{
  gunichar c;
  int unit = read_hex (self);

  if (unit < 0)
    return fail_expected (self, "four hexadecimal digits");
  c = (gunichar)unit;
  if (unit >= 0xd800 && unit < 0xdc00 && self->p[0] == '\\' && self->p[1] == 'u')
    {
      int low;

      self->p += 2;
      low = read_hex (self);
      if (low < 0xdc00 || low > 0xdfff)
        return fail (self, "expected the second half of a surrogate pair");
      c = 0x10000 + (((gunichar)unit - 0xd800) << 10) + ((gunichar)low - 0xdc00);
    }
  if (c == 0 || (c >= 0xd800 && c < 0xe000))
    return fail (self, "expected a character, got \\u%04x", c);
  *out += g_unichar_to_utf8 (c, *out);
  return TRUE;
}

/* After the backslash. */
static gboolean
read_escape (Reader *self, char **out)
{
  static const char from[] = "\"\\/bfnrt";
  static const char to[] = "\"\\/\b\f\n\r\t";
  const char *at = *self->p ? strchr (from, *self->p) : NULL;

  if (at)
    {
      *(*out)++ = to[at - from];
      self->p++;
      return TRUE;
    }
  if (*self->p != 'u')
    return fail_expected (self, "an escape sequence");
  self->p++;
  return read_unicode_escape (self, out);
}

static gboolean
read_string (Reader *self, const char **string)
{
  char *out;

  if (!take (self, '"'))
    return fail_expected (self, "a string");
  *string = out = self->p;
  while (*self->p != '"')
    {
      if ((guchar)*self->p < 0x20)
        return fail_expected (self, "the end of a string");
      if (*self->p != '\\')
        *out++ = *self->p++;
      else
        {
          self->p++;
          if (!read_escape (self, &out))
            return FALSE;
        }
    }
  self->p++;
  *out = '\0'; /* at most where the closing quote was */
  return TRUE;
}

static const char *
skip_digits (const char *p)
{
  while (g_ascii_isdigit (*p))
    p++;
  return p;
}

/* The end of the number at p, or NULL; strtod alone would take hexadecimal, inf and nan. */
static const char *
find_number_end (const char *p, gboolean *integer)
{
  if (*p == '-')
    p++;
  if (!g_ascii_isdigit (*p))
    return NULL;
  p = *p == '0' ? p + 1 : skip_digits (p);
  *integer = TRUE;
  if (*p == '.')
    {
      *integer = FALSE;
      if (!g_ascii_isdigit (p[1]))
        return NULL;
      p = skip_digits (p + 1);
    }
  if (*p == 'e' || *p == 'E')
    {
      *integer = FALSE;
      p += p[1] == '+' || p[1] == '-' ? 2 : 1;
      if (!g_ascii_isdigit (*p))
        return NULL;
      p = skip_digits (p);
    }
  return p;
}

static gboolean
read_number (Reader *self, PmodJson *value)
{
  gboolean integer;
  const char *end = find_number_end (self->p, &integer);

  if (!end)
    return fail_expected (self, "a value");
  if (end - self->p > MAX_NUMBER_BYTES)
    return fail (self, "a number of more than %d characters", MAX_NUMBER_BYTES);
  errno = 0;
  value->type = PMOD_JSON_INTEGER;
  if (integer)
    value->integer = g_ascii_strtoll (self->p, NULL, 10);
  if (!integer || errno == ERANGE)
    {
      value->type = PMOD_JSON_NUMBER;
      value->number = g_ascii_strtod (self->p, NULL);
      if (!isfinite (value->number))
        return fail (self, "a number that is too large");
    }
  self->p += end - self->p;
  return TRUE;
}

static gboolean
read_word (Reader *self, PmodJson *value)
{
  static const struct
  {
    const char *word;
    PmodJsonType type;
    gboolean boolean;
  } words[] = {
    { "null", PMOD_JSON_NULL, FALSE },
    { "true", PMOD_JSON_BOOLEAN, TRUE },
    { "false", PMOD_JSON_BOOLEAN, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_has_prefix (self->p, words[i].word))
      {
        value->type = words[i].type;
        value->boolean = words[i].boolean;
        self->p += strlen (words[i].word);
        return TRUE;
      }
  return fail_expected (self, "a value");
}

static gboolean
read_array (Reader *self, PmodJson *value, guint depth)
{
  value->type = PMOD_JSON_ARRAY;
  self->p++;
  if (take (self, ']'))
    return TRUE;
  do
    {
      if (!read_value (self, NULL, depth + 1))
        return FALSE;
      value->n_children++;
    }
  while (take (self, ','));
  return take (self, ']') || fail_expected (self, "',' or ']'");
}

static gboolean
read_object (Reader *self, PmodJson *value, guint depth)
{
  g_autoptr (GHashTable) keys = g_hash_table_new (g_str_hash, g_str_equal);

  value->type = PMOD_JSON_OBJECT;
  self->p++;
  if (take (self, '}'))
    return TRUE;
  do
    {
      const char *key;

      if (!read_string (self, &key))
        return FALSE;
      self->key = key;
      if (!g_hash_table_add (keys, (gpointer)key))
        return fail (self, "this key stands twice in the same object");
      if (!take (self, ':'))
        return fail_expected (self, "':'");
      if (!read_value (self, key, depth + 1))
        return FALSE;
      value->n_children++;
    }
  while (take (self, ','));
  return take (self, '}') || fail_expected (self, "',' or '}'");
}

static gboolean
read_value (Reader *self, const char *key, guint depth)
{
  PmodJson value = { .key = key };
  guint idx = self->values->len;
  gboolean ok;

  if (depth > PMOD_JSON_MAX_DEPTH)
    return fail (self, "nested deeper than %d levels", PMOD_JSON_MAX_DEPTH);
  if (idx >= PMOD_JSON_MAX_VALUES)
    return fail (self, "more than %d values", PMOD_JSON_MAX_VALUES);
  g_array_append_val (self->values, value); /* its place; filled in below */

  skip_space (self);
  if (*self->p == '{')
    ok = read_object (self, &value, depth);
  else if (*self->p == '[')
    ok = read_array (self, &value, depth);
  else if (*self->p == '"')
    {
      value.type = PMOD_JSON_STRING;
      ok = read_string (self, &value.string);
    }
  else if (*self->p == '-' || g_ascii_isdigit (*self->p))
    ok = read_number (self, &value);
  else
    ok = read_word (self, &value);

  value.span = self->values->len - idx;
  g_array_index (self->values, PmodJson, idx) = value;
  return ok;
}

PmodJsonDocument *
pmod_json_parse (const char *text, gssize length, const char *name, GError **error)
{
  gsize n_bytes = length < 0 ? strlen (text) : (gsize)length;
  g_autoptr (PmodJsonDocument) self = NULL;
  Reader reader = { .name = name, .line = 1, .error = error };
  const char *invalid;

  if (!g_utf8_validate_len (text, n_bytes, &invalid))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: byte %" G_GSIZE_FORMAT ": expected UTF-8 text, got byte 0x%02x", name,
                   (gsize)(invalid - text), (guchar)*invalid);
      return NULL;
    }

  self = g_new0 (PmodJsonDocument, 1);
  self->name = g_strdup (name);
  self->text = g_malloc (n_bytes + 1);
  memcpy (self->text, text, n_bytes);
  self->text[n_bytes] = '\0';
  self->values = g_array_new (FALSE, FALSE, sizeof (PmodJson));

  reader.start = reader.p = self->text;
  reader.end = self->text + n_bytes;
  reader.values = self->values;
  if (!read_value (&reader, NULL, 0))
    return NULL;
  skip_space (&reader);
  if (reader.p != reader.end)
    {
      fail_expected (&reader, "the end of the text");
      return NULL;
    }
  return g_steal_pointer (&self);
}

PmodJsonDocument *
pmod_json_load (const char *path, guint64 max_bytes, GError **error)
{
  g_autoptr (GMappedFile) map = pmod_file_map (path, max_bytes, error);
  const char *text;

  if (!map)
    return NULL;
  text = g_mapped_file_get_contents (map);
  return pmod_json_parse (text ? text : "", (gssize)g_mapped_file_get_length (map), path, error);
}

void
pmod_json_document_free (PmodJsonDocument *self)
{
  if (!self)
    return;
  g_free (self->name);
  g_free (self->text);
  g_array_unref (self->values);
  g_free (self);
}

const PmodJson *
pmod_json_root (const PmodJsonDocument *self)
{
  return &g_array_index (self->values, PmodJson, 0);
}

const char *
pmod_json_get_name (const PmodJsonDocument *self)
{
  return self->name;
}

const PmodJson *
pmod_json_first (const PmodJson *parent)
{
  return parent + 1;
}

const PmodJson *
pmod_json_next (const PmodJson *value)
{
  return value + value->span;
}

const PmodJson *
pmod_json_find (const PmodJson *object, const char *key)
{
  const PmodJson *value;
  guint i;

  if (!object || object->type != PMOD_JSON_OBJECT)
    return NULL;
  for (i = 0, value = pmod_json_first (object); i < object->n_children;
       i++, value = pmod_json_next (value))
    if (strcmp (value->key, key) == 0)
      return value;
  return NULL;
}

char *
pmod_json_describe (const PmodJson *value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  switch (value->type)
    {
    case PMOD_JSON_NULL:
      return g_strdup ("null");
    case PMOD_JSON_BOOLEAN:
      return g_strdup (value->boolean ? "true" : "false");
    case PMOD_JSON_INTEGER:
      return g_strdup_printf ("%" G_GINT64_FORMAT, value->integer);
    case PMOD_JSON_NUMBER:
      g_ascii_formatd (number, sizeof number, "%.10g", value->number);
      /* So that 4.0 where a whole number must be does not read as 4. */
      return g_strconcat (number, number[strspn (number, "-0123456789")] ? "" : ".0", NULL);
    case PMOD_JSON_STRING:
      return pmod_error_quote (value->string);
    case PMOD_JSON_ARRAY:
      return g_strdup_printf ("an array of %u", value->n_children);
    case PMOD_JSON_OBJECT:
      return g_strdup_printf ("an object of %u", value->n_children);
    default:
      g_assert_not_reached ();
    }
}
