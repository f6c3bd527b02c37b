/* See pmod-output.h. */
#include "config.h"

#include "pmod-output.h"

gboolean
pmod_output_write (GFile *file, GBytes *bytes, GCancellable *cancellable, GError **error)
{
  g_autofree char *uri = g_file_get_uri (file);
  g_autofree char *part_uri = g_strconcat (uri, ".part", NULL);
  g_autoptr (GFile) part = g_file_new_for_uri (part_uri);
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  /* Leaves nothing where it fails; what may stand there then is not ours. */
  if (!g_file_replace_contents (part, data, size, NULL, FALSE, G_FILE_CREATE_REPLACE_DESTINATION,
                                NULL, cancellable, error))
    return FALSE;
  if (g_file_move (part, file, G_FILE_COPY_OVERWRITE, cancellable, NULL, NULL, error))
    return TRUE;
  g_file_delete (part, NULL, NULL);
  return FALSE;
}
