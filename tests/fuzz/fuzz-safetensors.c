/* Bytes as a safetensors file; of an accepted one, every tensor's ends are read. */
#include "pmod-safetensors.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  /* A copy of its own, so that a read beyond the file is a read beyond an allocation. */
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) file = pmod_safetensors_new_from_bytes (bytes, "fuzz", &error);
  volatile guint8 sum = 0;

  g_assert_true ((file == NULL) == (error != NULL));
  for (guint i = 0; file && i < pmod_safetensors_get_n_entries (file); i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (file, i);
      const guint8 *values = entry->tensor.data;

      g_assert_true (pmod_safetensors_find (file, entry->name) == entry);
      g_assert_true (entry->supported == (values != NULL));
      if (values && entry->n_bytes)
        sum = (guint8)(sum + values[0] + values[entry->n_bytes - 1]);
    }
  return 0;
}
