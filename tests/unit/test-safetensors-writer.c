/* Files that are written are read back by the engine as they were meant; a write that fails leaves
 * the old file. */
#include "pmod-safetensors-writer.h"

#include "pmod-safetensors.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char *
make_directory (void)
{
  GError *error = NULL;
  char *dir = g_dir_make_tmp ("pmod-writer-XXXXXX", &error);

  g_assert_no_error (error);
  return dir;
}

/* Writes tensors and reads them back; what is not rounded must be equal. */
static PmodSafetensors *
write_and_read (const char *dir,
                const PmodNamedTensor *tensors,
                gsize n_tensors,
                const char *const *metadata)
{
  g_autofree char *path = g_build_filename (dir, "a.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  PmodSafetensors *file;

  g_assert_true (pmod_safetensors_write (path, tensors, n_tensors, metadata, &error));
  g_assert_no_error (error);
  file = pmod_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pmod_safetensors_get_n_entries (file), ==, n_tensors);
  for (gsize i = 0; i < n_tensors; i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_find (file, tensors[i].name);

      g_assert_nonnull (entry);
      g_assert_cmpint (entry->tensor.dtype, ==, tensors[i].dtype);
      g_assert_cmpint (entry->n_file_dims, ==, tensors[i].n_dims);
      g_assert_cmpmem (entry->tensor.shape, (gsize)tensors[i].n_dims * sizeof (gint64),
                       tensors[i].shape, (gsize)tensors[i].n_dims * sizeof (gint64));
      if (tensors[i].dtype != PMOD_DTYPE_BF16 && entry->n_bytes > 0)
        g_assert_cmpmem (entry->tensor.data, entry->n_bytes, tensors[i].data, entry->n_bytes);
    }
  g_unlink (path);
  return file;
}

static void
test_round_trip (void)
{
  static const char *const metadata[] = { "format", "pt", "step", "12 \"x\"\n", NULL };
  const float values[] = { 1, -2, 3e30f, 4, 5, 6 };
  const gint64 counts[] = { -5, G_MAXINT64 };
  const PmodNamedTensor tensors[] = {
    { "z.weight", PMOD_DTYPE_F32, 2, { 2, 3 }, values },
    { "bytes \"\\\303\244", PMOD_DTYPE_U8, 1, { 3 }, "abc" },
    { "empty", PMOD_DTYPE_F32, 2, { 0, 7 }, NULL },
    { "counts", PMOD_DTYPE_I64, 1, { 2 }, counts },
    { "scalar", PMOD_DTYPE_F32, 0, { 0 }, values },
  };
  g_autofree char *dir = make_directory ();
  g_autoptr (PmodSafetensors) file =
      write_and_read (dir, tensors, G_N_ELEMENTS (tensors), metadata);
  g_autoptr (PmodSafetensors) none = write_and_read (dir, NULL, 0, NULL);
  const PmodSafetensorsEntry *first = pmod_safetensors_get_entry (file, 0);

  g_assert_cmpstr (first->name, ==, "z.weight");
  /* A map begins on a page, and the data at a multiple of 8 in it. */
  g_assert_cmpuint ((gsize)first->tensor.data % 8, ==, 0);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static void
test_rounding (void)
{
  /* Halfway between two BF16, of which the even one is below and above; just above halfway; what
   * becomes infinity; zeros. */
  const float values[] = { 1.00390625f, 1.01171875f, 1.00390637f, 3.4e38f, -0.0f, 1e-42f };
  const float rounded[] = { 1.0f, 1.015625f, 1.0078125f, INFINITY, -0.0f, 0 };
  const guint32 nan_bits = 0x7f800001; /* all bits that say so lie below BF16's */
  g_autofree float *many = g_new (float, 40000);
  g_autofree float *wide = g_new (float, 40000);
  g_autofree char *dir = make_directory ();
  g_autoptr (PmodSafetensors) file = NULL;
  PmodNamedTensor tensors[] = {
    { "few", PMOD_DTYPE_BF16, 2, { 2, 3 }, values },
    { "nan", PMOD_DTYPE_BF16, 1, { 1 }, &nan_bits },
    { "many", PMOD_DTYPE_BF16, 1, { 40000 }, many },
  };

  for (int i = 0; i < 40000; i++)
    many[i] = (float)(i + 1);
  file = write_and_read (dir, tensors, G_N_ELEMENTS (tensors), NULL);
  pmod_widen (wide, pmod_safetensors_find (file, "few")->tensor.data, PMOD_DTYPE_BF16, 6);
  for (int i = 0; i < 6; i++)
    g_assert_true (wide[i] == rounded[i] && signbit (wide[i]) == signbit (rounded[i]));
  pmod_widen (wide, pmod_safetensors_find (file, "nan")->tensor.data, PMOD_DTYPE_BF16, 1);
  g_assert_true (isnan (wide[0]));
  pmod_widen (wide, pmod_safetensors_find (file, "many")->tensor.data, PMOD_DTYPE_BF16, 40000);
  for (int i = 0; i < 40000; i++)
    g_assert_cmpfloat (fabsf (wide[i] - many[i]), <=, many[i] / 256);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* As on a full disk, writes fail in the middle: a limit on the size of files does that without one.
 */
static void
test_no_room (void)
{
  g_autofree guint8 *zeros = g_malloc0 (1 << 20);
  PmodNamedTensor tensor = { "old", PMOD_DTYPE_U8, 1, { 5 }, zeros };
  g_autofree char *dir = make_directory ();
  g_autofree char *path = g_build_filename (dir, "a.safetensors", NULL);
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  g_autoptr (PmodSafetensors) file = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit limit, before;
  gboolean written;

  g_assert_true (pmod_safetensors_write (path, &tensor, 1, NULL, &error));
  g_assert_no_error (error);

  tensor = (PmodNamedTensor){ "new", PMOD_DTYPE_U8, 1, { 1 << 20 }, zeros };
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = 1 << 19;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  written = pmod_safetensors_write (path, &tensor, 1, NULL, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_false (written);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_nonnull (strstr (error->message, "File too large"));
  g_test_message ("%s", error->message);
  g_clear_error (&error);

  g_assert_false (g_file_test (part, G_FILE_TEST_EXISTS));
  file = pmod_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (pmod_safetensors_find (file, "old"));
  g_unlink (path);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static void
test_no_directory (void)
{
  g_autofree char *dir = make_directory ();
  g_autofree char *inside = g_build_filename (dir, "none", "a.safetensors", NULL);
  g_autofree char *part = g_strconcat (dir, ".part", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (pmod_safetensors_write (inside, NULL, 0, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "cannot create: No such file"));
  g_clear_error (&error);

  /* A directory has the name. */
  g_assert_false (pmod_safetensors_write (dir, NULL, 0, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "cannot replace"));
  g_assert_false (g_file_test (part, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors-writer/round-trip", test_round_trip);
  g_test_add_func ("/safetensors-writer/rounding", test_rounding);
  g_test_add_func ("/safetensors-writer/no-room", test_no_room);
  g_test_add_func ("/safetensors-writer/no-directory", test_no_directory);
  return g_test_run ();
}
