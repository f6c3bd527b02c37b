/* Bytes as what a server says of a repository: the commit's answer, then pages of files, with a
 * zero byte between them; or, behind a first 'm', as the manifest of a pull. What comes out of
 * either are safe names, sizes and hashes alone. */
#include "pmod-hub-private.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const guint8 *rest;
static gsize n_rest;

/* In the place of the network. */
GBytes *
pmod_hub_http_read (PmodHubHttp *self,
                    const char *path,
                    const char *what,
                    gsize max_bytes,
                    char **next,
                    GCancellable *cancellable,
                    GError **error)
{
  const guint8 *zero = n_rest > 0 ? memchr (rest, 0, n_rest) : NULL;
  gsize size = zero ? (gsize)(zero - rest) : n_rest;
  GBytes *bytes = g_bytes_new (rest, size);

  g_assert_true (g_str_has_prefix (path, "/api/models/"));
  rest += zero ? size + 1 : size;
  n_rest -= zero ? size + 1 : size;
  if (next && n_rest > 0)
    *next = g_strdup ("/api/models/next");
  return bytes;
}

static void
check (GPtrArray *entries)
{
  for (guint i = 0; i < entries->len; i++)
    {
      PmodHubEntry *entry = entries->pdata[i];
      g_autoptr (GChecksum) checksum = pmod_hub_entry_checksum (entry);
      g_autofree char *url = pmod_hub_entry_dup_url (entry);

      g_assert_true (pmod_hub_is_safe_path (entry->path) && pmod_hub_is_safe_path (entry->remote));
      g_assert_true (pmod_hub_is_repo (entry->repo) && pmod_hub_is_hex (entry->commit, 40));
      g_assert_true (pmod_hub_is_hex (entry->hash, entry->kind == PMOD_HUB_HASH_SHA256 ? 64 : 40));
      g_assert_cmpuint (entry->size, <=, G_MAXINT64);
      g_assert_null (strstr (url, ".."));
    }
}

static void
read_manifest (const guint8 *data, gsize size)
{
  char folder[] = "/dev/shm/strata-fuzz-XXXXXX";
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  PmodHubPlan plan = { .folder = folder };
  gboolean finished;

  if (!mkdtemp (folder))
    abort ();
  path = g_build_filename (folder, PMOD_HUB_MANIFEST, NULL);
  if (!g_file_set_contents_full (path, (const char *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                 0600, NULL))
    abort ();
  plan.entries = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_hub_entry_free);
  if (pmod_hub_manifest_read (&plan, &finished, &error))
    check (plan.entries);
  else
    g_assert_nonnull (error);
  g_ptr_array_unref (plan.entries);
  g_free (plan.repo);
  g_free (plan.revision);
  g_free (plan.commit);
  g_unlink (path);
  g_rmdir (folder);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodHubList) list = NULL;

  if (size > 0 && data[0] == 'm')
    {
      read_manifest (data + 1, size - 1);
      return 0;
    }
  rest = data;
  n_rest = size;
  list = pmod_hub_list_new (NULL, "owner/name", "main", NULL, &error);
  g_assert_true ((list == NULL) == (error != NULL));
  if (list)
    check (list->entries);
  return 0;
}
