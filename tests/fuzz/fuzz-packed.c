/* Bytes as a packed trace; what unpacks is records that can be read, and is the same when it is
 * packed and unpacked once more. */
#include "pmod-trace-pack.h"

#include "pmod-trace.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  /* A copy of its own, so that a read beyond the file is a read beyond an allocation. */
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) records = pmod_trace_unpack (bytes, &error);
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GBytes) again = NULL;
  gsize n_bytes, offset = 0;
  gconstpointer first;

  g_assert_true ((records == NULL) == (error != NULL));
  if (!records)
    return 0;
  first = g_bytes_get_data (records, &n_bytes);
  while (first && pmod_trace_next (first, n_bytes, &offset, &error))
    ;
  g_assert_no_error (error);
  packed = pmod_trace_pack (records, &error);
  g_assert_no_error (error);
  again = pmod_trace_unpack (packed, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (records, again));
  return 0;
}
