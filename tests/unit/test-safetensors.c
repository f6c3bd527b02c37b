/* Good and broken safetensors files, made here from their headers; and every fixture. */
#include "pmod-safetensors.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define B "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}"
#define ENTRY(name, dtype, shape, offsets)                                                         \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* The 8 bytes of length, header, n_data bytes 0, 1, 2, ... */
static GBytes *
make_file (const char *header, gsize header_length, guint64 length, gsize n_data)
{
  GByteArray *bytes = g_byte_array_new ();
  guint64 little = GUINT64_TO_LE (length);

  g_byte_array_append (bytes, (const guint8 *)&little, sizeof little);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)header_length);
  for (gsize i = 0; i < n_data; i++)
    {
      guint8 byte = (guint8)i;
      g_byte_array_append (bytes, &byte, 1);
    }
  return g_byte_array_free_to_bytes (bytes);
}

static PmodSafetensors *
open_header (const char *header, gsize n_data, GError **error)
{
  g_autoptr (GBytes) bytes = make_file (header, strlen (header), strlen (header), n_data);

  return pmod_safetensors_new_from_bytes (bytes, "test", error);
}

static void
test_good (void)
{
  g_autoptr (GError) error = NULL;
  /* In the header in another order than in the data; one empty tensor, one scalar. */
  const char *header = "{\"__metadata__\":{\"format\":\"pt\"}," B "," A "," ENTRY (
      "empty", "F16", "[0,5]", "[16,16]") "," ENTRY ("one", "I64", "[]", "[19,27]") "}   ";
  g_autoptr (PmodSafetensors) file = open_header (header, 27, &error);
  const PmodSafetensorsEntry *entry;

  g_assert_no_error (error);
  g_assert_cmpuint (pmod_safetensors_get_n_entries (file), ==, 4);
  g_assert_cmpstr (pmod_safetensors_get_entry (file, 0)->name, ==, "a");
  g_assert_cmpstr (pmod_safetensors_get_entry (file, 1)->name, ==, "empty");
  g_assert_cmpstr (pmod_safetensors_get_entry (file, 2)->name, ==, "b");
  g_assert_cmpstr (pmod_safetensors_get_entry (file, 3)->name, ==, "one");
  entry = pmod_safetensors_find (file, "b");
  g_assert_true (entry->supported);
  g_assert_cmpint (entry->tensor.dtype, ==, PMOD_DTYPE_U8);
  g_assert_cmpint (entry->tensor.n_dims, ==, 1);
  g_assert_cmpint (entry->tensor.shape[0], ==, 3);
  g_assert_cmpuint (entry->n_bytes, ==, 3);
  g_assert_cmpint (((guint8 *)entry->tensor.data)[2], ==, 18);
  g_assert_cmpint (pmod_safetensors_find (file, "one")->tensor.n_dims, ==, 0);
  g_assert_cmpuint (pmod_safetensors_find (file, "empty")->n_bytes, ==, 0);
  g_assert_null (pmod_safetensors_find (file, "__metadata__"));
  pmod_safetensors_forget (file, entry); /* memory, not a map: must keep its contents */
  g_assert_cmpint (((guint8 *)entry->tensor.data)[2], ==, 18);
}

static void
test_unsupported (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) file =
      open_header ("{" ENTRY ("f64", "F64", "[1]", "[0,8]") "," ENTRY ("five", "U8", "[1,1,1,1,2]",
                                                                       "[8,10]") "}",
                   10, &error);
  const PmodSafetensorsEntry *entry;

  g_assert_no_error (error);
  entry = pmod_safetensors_find (file, "f64");
  g_assert_false (entry->supported);
  g_assert_null (entry->tensor.data);
  g_assert_cmpstr (entry->dtype_name, ==, "F64");
  entry = pmod_safetensors_find (file, "five");
  g_assert_false (entry->supported);
  g_assert_cmpint (entry->n_file_dims, ==, 5);
  g_assert_null (entry->tensor.data);
}

typedef struct
{
  const char *what, *header;
  gsize n_data;
  const char *message;
} Bad;

static const Bad bad_headers[] = {
  { "no brace", "[1]", 0, "expected '{'" },
  { "space before the brace", " {}", 0, "expected '{'" },
  { "not closed", "{" A, 16, "got the end of the text" },
  { "text after", "{" A "}x", 16, "expected the end of the text, got 'x'" },
  { "invalid UTF-8", "{\"\xff\":1}", 0, "expected UTF-8" },
  { "duplicate key", "{" A "," A "}", 16, "after key \"a\": this key stands twice" },
  { "duplicate key, spelled otherwise",
    "{" A ",\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[16,17]}}", 17,
    "this key stands twice" },
  { "duplicate inner key",
    "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
    "after key \"dtype\": this key stands twice" },
  { "entry is no object", "{\"a\":3}", 0, "tensor \"a\": entry: expected an object" },
  { "no dtype", "{\"a\":{\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4,
    "dtype: expected a string, got nothing" },
  { "extra key", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4,
    "got an object of 4" },
  { "unknown dtype", "{" ENTRY ("a", "Q4", "[4]", "[0,4]") "}", 4,
    "dtype: expected F32, BF16, F16 or another known type, got \"Q4\"" },
  { "lower-case dtype", "{" ENTRY ("a", "f32", "[1]", "[0,4]") "}", 4, "got \"f32\"" },
  { "negative dimension", "{" ENTRY ("a", "U8", "[-4]", "[0,4]") "}", 4,
    "shape: expected whole numbers from 0 up, got -4" },
  { "fractional dimension", "{" ENTRY ("a", "U8", "[4.0]", "[0,4]") "}", 4, "got 4.0" },
  { "shape is no array", "{" ENTRY ("a", "U8", "4", "[0,4]") "}", 4,
    "shape: expected an array, got 4" },
  { "overflowing shape", "{" ENTRY ("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4,
    "product of the dimensions overflows" },
  { "shape that wraps to its size", "{" ENTRY ("a", "F32", "[4611686018427387905]", "[0,4]") "}", 4,
    "product of the dimensions overflows" },
  { "overflow beside a zero", "{" ENTRY ("a", "U8", "[0,9223372036854775807,4]", "[0,0]") "}", 0,
    "product of the dimensions overflows" },
  { "overflow of the sign beside a zero",
    "{" ENTRY ("a", "U8", "[0,4611686018427387904,3]", "[0,0]") "}", 0,
    "product of the dimensions overflows" },
  { "dimension beyond 64 bits", "{" ENTRY ("a", "U8", "[18446744073709551620]", "[0,4]") "}", 4,
    "whole numbers" },
  { "one offset", "{" ENTRY ("a", "U8", "[4]", "[4]") "}", 4,
    "data_offsets: expected an array of 2, got an array of 1" },
  { "negative offset", "{" ENTRY ("a", "U8", "[4]", "[-4,0]") "}", 4, "got -4" },
  { "end before begin", "{" ENTRY ("a", "U8", "[4]", "[4,0]") "}", 4, "not before the begin" },
  { "end beyond the data", "{" ENTRY ("a", "U8", "[4]", "[0,4]") "}", 3,
    "the file holds 3 bytes of data, but the tensor ends at 4" },
  { "huge offsets", "{" ENTRY ("a", "U8", "[4]", "[9223372036854775803,9223372036854775807]") "}",
    4, "the tensor ends at 9223372036854775807" },
  { "size is not shape x dtype", "{" ENTRY ("a", "F32", "[4]", "[0,4]") "}", 4,
    "expected 16 bytes from dtype and shape, got 4" },
  { "overlap", "{" A "," ENTRY ("b", "U8", "[4]", "[14,18]") "}", 18,
    "tensor \"b\": data_offsets: overlaps \"a\" by 2 bytes" },
  { "same bytes twice", "{" A "," ENTRY ("b", "F32", "[4]", "[0,16]") "}", 16, "overlaps" },
  { "gap", "{" A "," ENTRY ("b", "U8", "[4]", "[20,24]") "}", 24,
    "tensor \"b\": data_offsets: leaves a gap after \"a\" by 4 bytes" },
  { "gap at the front", "{" ENTRY ("a", "U8", "[4]", "[4,8]") "}", 8,
    "leaves a gap after \"(the header)\" by 4 bytes" },
  { "bytes after the last", "{" A "}", 17, "1 bytes after the last tensor" },
  { "no tensors but data", "{}", 1, "1 bytes after the last tensor" },
  { "metadata is no object", "{\"__metadata__\":[]}", 0, "an object of strings" },
  { "metadata with a number", "{\"__metadata__\":{\"a\":1}}", 0, "expected a string, got 1" },
};

static void
check_refused (PmodSafetensors *file, GError *error, const char *what, const char *message)
{
  if (file)
    g_error ("%s: was accepted", what);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_true (g_str_has_prefix (error->message, "test: "));
  if (!strstr (error->message, message))
    g_error ("%s: \"%s\" is not in \"%s\"", what, message, error->message);
  g_test_message ("%s: %s", what, error->message);
}

static void
test_bad_headers (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_headers); i++)
    {
      const Bad *bad = &bad_headers[i];
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodSafetensors) file = open_header (bad->header, bad->n_data, &error);

      check_refused (file, error, bad->what, bad->message);
    }
}

static void
test_bad_lengths (void)
{
  static const struct
  {
    const char *what;
    guint64 length;
    const char *message;
  } cases[] = {
    { "no header", 0, "expected '{'" },
    { "cut in the header", 20, "got the end of the text" },
    { "beyond the file", 10000, "header length: expected at most 73 bytes, got 10000" },
    { "2 GB", G_GUINT64_CONSTANT (2147483648), "got 2147483648" },
    { "all ones", G_MAXUINT64, "got 18446744073709551615" },
    { "wraps with the 8 bytes", G_MAXUINT64 - 7, "got 18446744073709551608" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = make_file ("{" A "}", strlen ("{" A "}"), cases[i].length, 16);
      g_autoptr (PmodSafetensors) file = pmod_safetensors_new_from_bytes (bytes, "test", &error);

      check_refused (file, error, cases[i].what, cases[i].message);
    }
}

/* A file whose header really is 2 GB long (of holes): refused by its length alone. */
static void
test_sparse_header (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("pmod-XXXXXX.safetensors", &path, &error);
  guint64 length = GUINT64_TO_LE (G_GUINT64_CONSTANT (2147483648));

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, &length, sizeof length), ==, sizeof length);
  if (ftruncate (fd, 2147483648 + 100) == 0)
    {
      g_assert_null (pmod_safetensors_open (path, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_assert_nonnull (strstr (error->message, "expected at most 100000000 bytes"));
    }
  else
    g_test_skip ("no room for a sparse file");
  close (fd);
  g_unlink (path);
}

/* Cut anywhere: refused. Any byte changed to any other: no crash, whatever the answer. */
static void
test_cut_and_changed (void)
{
  const char *header = "{" A "," B "}";
  g_autoptr (GBytes) good = make_file (header, strlen (header), strlen (header), 19);
  gsize size;
  const guint8 *data = g_bytes_get_data (good, &size);
  guint n_accepted = 0;

  for (gsize n = 0; n < size; n++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) cut = g_bytes_new (data, n); /* a copy, so that ASan sees its end */
      g_autoptr (PmodSafetensors) file = pmod_safetensors_new_from_bytes (cut, "test", &error);

      g_assert_null (file);
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
    }
  for (gsize i = 0; i < size - 19; i++)
    for (int delta = 1; delta < 256; delta++)
      {
        g_autofree guint8 *copy = g_memdup2 (data, size);
        g_autoptr (GBytes) bytes = NULL;
        g_autoptr (PmodSafetensors) file = NULL;

        copy[i] = (guint8)(copy[i] + delta);
        bytes = g_bytes_new_take (g_steal_pointer (&copy), size);
        file = pmod_safetensors_new_from_bytes (bytes, "test", NULL);
        n_accepted += file != NULL;
      }
  g_test_message ("%u of %u changed files are still valid (other names)", n_accepted,
                  (guint)(size - 19) * 255);
}

static void
test_many_tensors (void)
{
  enum
  {
    N = 100000
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (PmodSafetensors) file = NULL;
  g_autoptr (GTimer) timer = NULL;

  for (int i = N - 1; i >= 0; i--)
    g_string_append_printf (header,
                            "\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}%s",
                            i, i, i + 1, i ? "," : "}");
  timer = g_timer_new ();
  file = open_header (header->str, N, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pmod_safetensors_get_n_entries (file), ==, N);
  g_assert_cmpstr (pmod_safetensors_get_entry (file, 777)->name, ==, "t777");
  g_test_message ("%d tensors: %.0f ms", N, 1000 * g_timer_elapsed (timer, NULL));
}

static void
test_no_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("pmod-XXXXXX", NULL);
  g_autofree char *pipe = g_build_filename (dir, "pipe", NULL);
  g_autofree char *empty = g_build_filename (dir, "empty", NULL);

  g_assert_null (pmod_safetensors_open (pipe, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);

  g_assert_null (pmod_safetensors_open (dir, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "got a directory"));
  g_clear_error (&error);

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_null (pmod_safetensors_open (pipe, &error)); /* would hang */
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_null (pmod_safetensors_open (empty, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "got a file of 0 bytes"));

  g_unlink (pipe);
  g_unlink (empty);
  g_rmdir (dir);
}

/* Forgetting must not touch memory that is no map, where it would leave zeros. */
static void
test_forget_bytes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) file =
      open_header ("{" ENTRY ("a", "U8", "[1048576]", "[0,1048576]") "}", 1048576, &error);
  const PmodSafetensorsEntry *entry;

  g_assert_no_error (error);
  entry = pmod_safetensors_find (file, "a");
  pmod_safetensors_forget (file, entry);
  for (gsize i = 0; i < entry->n_bytes; i++)
    if (((const guint8 *)entry->tensor.data)[i] != (guint8)i)
      g_error ("byte %zu is gone", i);
}

/* Pages that were forgotten are read again from the file. */
static void
test_forget (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-llava-v1.5",
                                                 "model.safetensors", NULL);
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, &error);
  const PmodSafetensorsEntry *entry;
  g_autofree guint8 *copy = NULL;

  g_assert_no_error (error);
  entry = pmod_safetensors_find (file, "model.embed_tokens.weight");
  copy = g_memdup2 (entry->tensor.data, entry->n_bytes);
  pmod_safetensors_forget (file, entry);
  g_assert_cmpmem (copy, entry->n_bytes, entry->tensor.data, entry->n_bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors/good", test_good);
  g_test_add_func ("/safetensors/unsupported", test_unsupported);
  g_test_add_func ("/safetensors/bad-headers", test_bad_headers);
  g_test_add_func ("/safetensors/bad-lengths", test_bad_lengths);
  g_test_add_func ("/safetensors/sparse-header", test_sparse_header);
  g_test_add_func ("/safetensors/cut-and-changed", test_cut_and_changed);
  g_test_add_func ("/safetensors/many-tensors", test_many_tensors);
  g_test_add_func ("/safetensors/no-file", test_no_file);
  g_test_add_func ("/safetensors/forget", test_forget);
  g_test_add_func ("/safetensors/forget-bytes", test_forget_bytes);
  return g_test_run ();
}
