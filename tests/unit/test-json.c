/* The strict JSON reader: values, strings, numbers, and texts that it must refuse. */
#include "pmod-json.h"

#include <math.h>
#include <string.h>

static void
test_values (void)
{
  g_autoptr (GError) error = NULL;
  const char *text = " { \"a\" : [ 1 , -2.5e3, true , null, {\"b\":\"c\"} ],\n\t\"d\": [] } \r\n";
  g_autoptr (PmodJsonDocument) document = pmod_json_parse (text, -1, "text", &error);
  const PmodJson *root, *a, *value;

  g_assert_no_error (error);
  root = pmod_json_root (document);
  g_assert_cmpint (root->type, ==, PMOD_JSON_OBJECT);
  g_assert_cmpuint (root->n_children, ==, 2);
  a = pmod_json_find (root, "a");
  g_assert_cmpuint (a->n_children, ==, 5);
  value = pmod_json_first (a);
  g_assert_cmpint (value->type, ==, PMOD_JSON_INTEGER);
  g_assert_cmpint (value->integer, ==, 1);
  value = pmod_json_next (value);
  g_assert_cmpint (value->type, ==, PMOD_JSON_NUMBER);
  g_assert_cmpfloat (value->number, ==, -2500);
  value = pmod_json_next (value);
  g_assert_true (value->type == PMOD_JSON_BOOLEAN && value->boolean);
  value = pmod_json_next (value);
  g_assert_cmpint (value->type, ==, PMOD_JSON_NULL);
  value = pmod_json_next (value);
  g_assert_cmpstr (pmod_json_find (value, "b")->string, ==, "c");
  /* After an array, next skips what it holds. */
  value = pmod_json_next (a);
  g_assert_cmpstr (value->key, ==, "d");
  g_assert_cmpuint (value->n_children, ==, 0);
  g_assert_null (pmod_json_find (root, "b"));
  g_assert_null (pmod_json_find (a, "b"));
  g_assert_null (pmod_json_find (NULL, "b"));
}

static void
test_strings (void)
{
  static const struct
  {
    const char *text, *string;
  } cases[] = {
    { "\"\"", "" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac" },
    { "\"\\ud83d\\ude00x\"", "\xf0\x9f\x98\x80x" },
    { "\"\xe2\x96\x81\"", "\xe2\x96\x81" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodJsonDocument) document = pmod_json_parse (cases[i].text, -1, "text", &error);

      g_assert_no_error (error);
      g_assert_cmpstr (pmod_json_root (document)->string, ==, cases[i].string);
    }
}

static void
test_numbers (void)
{
  static const struct
  {
    const char *text;
    PmodJsonType type;
    double value;
  } cases[] = {
    { "0", PMOD_JSON_INTEGER, 0 },
    { "-0", PMOD_JSON_INTEGER, 0 },
    { "9223372036854775807", PMOD_JSON_INTEGER, 9223372036854775807.0 },
    { "-9223372036854775808", PMOD_JSON_INTEGER, -9223372036854775808.0 },
    /* One more than 64 bits hold is still a number, but no integer. */
    { "9223372036854775808", PMOD_JSON_NUMBER, 9223372036854775808.0 },
    { "1e-05", PMOD_JSON_NUMBER, 1e-5 },
    { "1E2", PMOD_JSON_NUMBER, 100 },
    { "0.00392156862745098", PMOD_JSON_NUMBER, 0.00392156862745098 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodJsonDocument) document = pmod_json_parse (cases[i].text, -1, "text", &error);
      const PmodJson *root;

      g_assert_no_error (error);
      root = pmod_json_root (document);
      g_assert_cmpint (root->type, ==, cases[i].type);
      g_assert_cmpfloat (root->type == PMOD_JSON_INTEGER ? (double)root->integer : root->number, ==,
                         cases[i].value);
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text, *message;
  } cases[] = {
    { "", "expected a value, got the end" },
    { " ", "expected a value, got the end" },
    { "nul", "expected a value, got 'n'" },
    { "NaN", "expected a value, got 'N'" },
    { "-Infinity", "expected a value, got '-'" },
    { "{\"rms_norm_eps\": NaN}", "after key \"rms_norm_eps\": expected a value, got 'N'" },
    { "01", "expected the end of the text, got '1'" },
    { "1.", "expected a value" },
    { ".5", "expected a value" },
    { "+1", "expected a value" },
    { "0x10", "expected the end of the text, got 'x'" },
    { "1e", "expected a value" },
    { "1e999", "too large" },
    { "[1,]", "expected a value, got ']'" },
    { "[1 2]", "expected ',' or ']', got '2'" },
    { "[1", "expected ',' or ']', got the end" },
    { "{\"a\":1,}", "expected a string, got '}'" },
    { "{\"a\" 1}", "expected ':', got '1'" },
    { "{'a':1}", "expected a string, got '''" },
    { "{a:1}", "expected a string, got 'a'" },
    { "{\"a\":1} {", "expected the end of the text, got '{'" },
    { "{\"a\":1,\"b\":2,\"a\":3}", "after key \"a\": this key stands twice" },
    { "{\"a\":1,\"\\u0061\":3}", "this key stands twice" },
    { "[\n\n x", "line 3, byte 4" },
    { "// no\n1", "expected a value, got '/'" },
    { "\"a", "expected the end of a string, got the end" },
    { "\"a\nb\"", "expected the end of a string, got byte 0x0a" },
    { "\"\\x\"", "expected an escape sequence, got 'x'" },
    { "\"\\", "expected an escape sequence, got the end" },
    { "\"\\u12", "expected four hexadecimal digits" },
    { "\"\\u0000\"", "expected a character, got \\u0000" },
    { "\"\\ud83d\"", "expected a character, got \\ud83d" },
    { "\"\\ud83d\\u0041\"", "second half" },
    { "\"\\ude00\"", "expected a character" },
    { "\"\xff\"", "byte 1: expected UTF-8 text, got byte 0xff" },
    { "\"\xc0\x80\"", "expected UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pmod_json_parse (cases[i].text, -1, "text", &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      if (!strstr (error->message, cases[i].message))
        g_error ("\"%s\": \"%s\" is not in \"%s\"", cases[i].text, cases[i].message,
                 error->message);
    }
}

static void
test_bombs (void)
{
  g_autoptr (GError) error = NULL;
  gsize n = 50 * 1000 * 1000;
  g_autofree char *text = g_malloc (n);

  memset (text, '[', n);
  g_assert_null (pmod_json_parse (text, (gssize)n, "deep", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "nested deeper than 64 levels"));
  g_clear_error (&error);

  for (gsize i = 0; i < n; i++)
    text[i] = i == 0 ? '[' : i % 2 ? '0' : ',';
  g_assert_null (pmod_json_parse (text, (gssize)n, "wide", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "more than 4000000 values"));
  g_clear_error (&error);

  memset (text, '1', n);
  g_assert_null (pmod_json_parse (text, (gssize)n, "long", &error));
  g_assert_nonnull (strstr (error->message, "a number of more than"));
  g_clear_error (&error);

  g_assert_null (pmod_json_parse ("1\0"
                                  "2",
                                  3, "zero", &error));
  g_assert_nonnull (strstr (error->message, "got byte 0x00"));
}

static void
test_messages_are_short (void)
{
  g_autoptr (GError) error = NULL;
  GString *text = g_string_new ("{\"");

  for (int i = 0; i < 100000; i++)
    g_string_append (text, "\xc3\xa9\\u0007");
  g_string_append (text, "\": x}");
  g_assert_null (pmod_json_parse (text->str, (gssize)text->len, "text", &error));
  g_assert_cmpuint (strlen (error->message), <, 250);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (strchr (error->message, 7));
  g_string_free (text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/values", test_values);
  g_test_add_func ("/json/strings", test_strings);
  g_test_add_func ("/json/numbers", test_numbers);
  g_test_add_func ("/json/refused", test_refused);
  g_test_add_func ("/json/bombs", test_bombs);
  g_test_add_func ("/json/messages-are-short", test_messages_are_short);
  return g_test_run ();
}
