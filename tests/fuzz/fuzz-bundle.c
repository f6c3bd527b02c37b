/* Bytes as a saved run; of an accepted one, everything that it gives is read, and it is written and
 * read again. */
#include "pmod-archive.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (PmodArchive *archive)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PmodArchive) again = NULL;

  g_assert_true (g_utf8_validate (archive->settings, -1, NULL));
  g_assert_cmpint (g_strv_length (archive->texts) % 2, ==, 0);
  g_assert_nonnull (archive->records);
  bytes = pmod_archive_write (archive, &error);
  g_assert_no_error (error);
  again = pmod_archive_read (bytes, "again", &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (archive->trace, again->trace));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  /* A copy of its own, so that a read beyond the file is a read beyond an allocation. */
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodArchive) archive = pmod_archive_read (bytes, "fuzz", &error);

  g_assert_true ((archive == NULL) == (error != NULL));
  if (archive)
    check (archive);
  return 0;
}
