/* A saved run, written. See pmod-archive.h. */
#include "config.h"

#include "pmod-archive-private.h"

#include "pmod-json-write.h"
#include "pmod-trace-export.h"

#include <archive.h>
#include <archive_entry.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

typedef struct
{
  const char *name;
  GBytes *bytes;
} Member;

PmodArchive *
pmod_archive_new (void)
{
  return g_new0 (PmodArchive, 1);
}

void
pmod_archive_free (PmodArchive *self)
{
  g_clear_pointer (&self->trace, g_bytes_unref);
  g_clear_pointer (&self->records, g_bytes_unref);
  g_clear_pointer (&self->image, pmod_image_unref);
  g_strfreev (self->texts);
  g_free (self->picture_name);
  g_clear_pointer (&self->more, g_ptr_array_unref);
  g_strfreev (self->more_names);
  g_free (self->settings);
  g_free (self->created);
  g_free (self->version);
  g_free (self->device);
  g_free (self->precision);
  g_free (self->model);
  g_free (self->config_sha256);
  g_free (self);
}

char *
pmod_archive_hash_pixels (const PmodImage *image)
{
  gsize size = (gsize)pmod_image_get_width (image) * (gsize)pmod_image_get_height (image) * 3;

  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, pmod_image_get_rgb (image), size);
}

/* --- Members ---------------------------------------------------------------------------------- */

GBytes *
pmod_archive_encode_picture (const PmodImage *image, GError **error)
{
  int width = pmod_image_get_width (image);
  int height = pmod_image_get_height (image);
  g_autoptr (GBytes) rgb =
      g_bytes_new_static (pmod_image_get_rgb (image), (gsize)width * (gsize)height * 3);
  g_autoptr (GdkPixbuf) pixbuf = NULL;
  char *buffer;
  gsize size;

  if (width > G_MAXINT / 3)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED, "picture: too wide, %d pixels",
                   width);
      return NULL;
    }
  pixbuf = gdk_pixbuf_new_from_bytes (rgb, GDK_COLORSPACE_RGB, FALSE, 8, width, height, 3 * width);
  if (!gdk_pixbuf_save_to_buffer (pixbuf, &buffer, &size, "png", error, NULL))
    return NULL;
  return g_bytes_new_take (buffer, size);
}

static GBytes *
write_conversation (char **texts)
{
  GString *text = g_string_new (NULL);

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_open (text, "turns", '[');
  for (int i = 0; texts != NULL && texts[i] != NULL && texts[i + 1] != NULL; i += 2)
    {
      pmod_json_write_open (text, NULL, '{');
      pmod_json_write_string (text, "question", texts[i]);
      pmod_json_write_string (text, "answer", texts[i + 1]);
      pmod_json_write_close (text, '}');
    }
  pmod_json_write_close (text, ']');
  pmod_json_write_close (text, '}');
  g_string_append_c (text, '\n');
  return g_string_free_to_bytes (text);
}

char *
pmod_archive_dup_more_name (int i)
{
  return g_strdup_printf ("picture-%d.png", i + 2);
}

static int
count_more (const PmodArchive *self)
{
  return self->image != NULL && self->more != NULL ? (int)self->more->len : 0;
}

/* key: NULL in a list. */
static void
write_facts (GString *text, const char *key, const char *name, const PmodImage *image)
{
  g_autofree char *hash = pmod_archive_hash_pixels (image);

  pmod_json_write_open (text, key, '{');
  pmod_json_write_string (text, "name", name);
  pmod_json_write_int (text, "width", pmod_image_get_width (image));
  pmod_json_write_int (text, "height", pmod_image_get_height (image));
  pmod_json_write_string (text, "rgb_sha256", hash);
  pmod_json_write_close (text, '}');
}

static void
write_picture_facts (const PmodArchive *self, GString *text)
{
  if (self->image == NULL)
    {
      pmod_json_write_raw (text, "picture", "null");
      return;
    }
  write_facts (text, "picture", self->picture_name, self->image);
  if (count_more (self) == 0)
    return;
  pmod_json_write_open (text, "more_pictures", '[');
  for (int i = 0; i < count_more (self); i++)
    write_facts (text, NULL, self->more_names[i], self->more->pdata[i]);
  pmod_json_write_close (text, ']');
}

static GBytes *
write_manifest (const PmodArchive *self, const Member *members, int n_members)
{
  GString *text = g_string_new (NULL);

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "schema",
                       count_more (self) > 0 ? PMOD_ARCHIVE_SCHEMA_MORE : PMOD_ARCHIVE_SCHEMA);
  pmod_json_write_string (text, "kind", PMOD_ARCHIVE_KIND);
  pmod_json_write_string (text, "created", self->created);
  pmod_json_write_string (text, "strata", self->version);
  pmod_json_write_open (text, "engine", '{');
  pmod_json_write_string (text, "version", self->version);
  pmod_json_write_string (text, "device", self->device);
  pmod_json_write_string (text, "precision", self->precision);
  pmod_json_write_close (text, '}');
  pmod_json_write_open (text, "model", '{');
  pmod_json_write_string (text, "name", self->model);
  pmod_json_write_string (text, "config_sha256", self->config_sha256);
  pmod_json_write_close (text, '}');
  write_picture_facts (self, text);
  pmod_json_write_open (text, "members", '[');
  for (int i = 0; i < n_members; i++)
    {
      g_autofree char *hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, members[i].bytes);

      pmod_json_write_open (text, NULL, '{');
      pmod_json_write_string (text, "name", members[i].name);
      pmod_json_write_int (text, "size", (gint64)g_bytes_get_size (members[i].bytes));
      pmod_json_write_string (text, "sha256", hash);
      pmod_json_write_close (text, '}');
    }
  pmod_json_write_close (text, ']');
  pmod_json_write_close (text, '}');
  g_string_append_c (text, '\n');
  return g_string_free_to_bytes (text);
}

/* --- The zip ---------------------------------------------------------------------------------- */

static la_ssize_t
append_cb (struct archive *zip, void *data, const void *buffer, size_t size)
{
  g_byte_array_append (data, buffer, (guint)size);
  return (la_ssize_t)size;
}

static int
add_member (struct archive *zip, const Member *member)
{
  struct archive_entry *entry = archive_entry_new ();
  gsize size;
  gconstpointer data = g_bytes_get_data (member->bytes, &size);
  int status;

  archive_entry_set_pathname (entry, member->name);
  archive_entry_set_filetype (entry, AE_IFREG);
  archive_entry_set_perm (entry, 0644);
  archive_entry_set_size (entry, (la_int64_t)size);
  archive_entry_set_mtime (entry, 315532800 + 86400, 0); /* 1980: the file says when, elsewhere */
  status = archive_write_header (zip, entry);
  if (status == ARCHIVE_OK && size > 0 && archive_write_data (zip, data, size) != (la_ssize_t)size)
    status = ARCHIVE_FATAL;
  archive_entry_free (entry);
  return status;
}

static GBytes *
pack (const Member *manifest, const Member *members, int n_members, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  struct archive *zip = archive_write_new ();
  int status = archive_write_set_format_zip (zip);

  if (status == ARCHIVE_OK)
    status = archive_write_set_bytes_in_last_block (zip, 1); /* no padding behind the directory */
  if (status == ARCHIVE_OK)
    status = archive_write_open (zip, bytes, NULL, append_cb, NULL);
  if (status == ARCHIVE_OK)
    status = add_member (zip, manifest);
  for (int i = 0; i < n_members && status == ARCHIVE_OK; i++)
    status = add_member (zip, &members[i]);
  if (status == ARCHIVE_OK)
    status = archive_write_close (zip);
  if (status != ARCHIVE_OK)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "saved run: cannot pack it: %s",
                 archive_error_string (zip));
  archive_write_free (zip);
  return status == ARCHIVE_OK ? g_byte_array_free_to_bytes (g_steal_pointer (&bytes)) : NULL;
}

static gboolean
fill_in (PmodArchive *self, GError **error)
{
  if (self->records == NULL)
    self->records = pmod_trace_parse (self->trace, "saved run", error);
  if (self->records == NULL)
    return FALSE;
  if (self->settings == NULL)
    self->settings = pmod_trace_export_settings (self->records, 0, error);
  if (self->version == NULL)
    self->version = g_strdup (STRATA_VERSION);
  if (self->created == NULL)
    {
      g_autoptr (GDateTime) now = g_date_time_new_now_utc ();

      self->created = g_date_time_format_iso8601 (now);
    }
  return self->settings != NULL;
}

GBytes *
pmod_archive_write (PmodArchive *self, GError **error)
{
  Member members[4 + PMOD_ARCHIVE_MAX_MORE] = { { NULL, NULL } };
  g_auto (GStrv) names = g_new0 (char *, PMOD_ARCHIVE_MAX_MORE + 1);
  Member manifest = { PMOD_ARCHIVE_MANIFEST, NULL };
  int n_members = 0;
  GBytes *packed = NULL;

  g_return_val_if_fail (self->trace != NULL, NULL);
  g_return_val_if_fail (count_more (self) <= PMOD_ARCHIVE_MAX_MORE, NULL);

  if (!fill_in (self, error))
    return NULL;
  members[n_members++] = (Member){ PMOD_ARCHIVE_TRACE, g_bytes_ref (self->trace) };
  members[n_members++] = (Member){ PMOD_ARCHIVE_CONVERSATION, write_conversation (self->texts) };
  members[n_members++] =
      (Member){ PMOD_ARCHIVE_SETTINGS, g_bytes_new (self->settings, strlen (self->settings)) };
  if (self->image != NULL)
    members[n_members++] =
        (Member){ PMOD_ARCHIVE_PICTURE, pmod_archive_encode_picture (self->image, error) };
  for (int i = 0; i < count_more (self) && members[n_members - 1].bytes != NULL; i++)
    {
      names[i] = pmod_archive_dup_more_name (i);
      members[n_members++] =
          (Member){ names[i], pmod_archive_encode_picture (self->more->pdata[i], error) };
    }
  if (members[n_members - 1].bytes != NULL)
    {
      manifest.bytes = write_manifest (self, members, n_members);
      packed = pack (&manifest, members, n_members, error);
      g_bytes_unref (manifest.bytes);
    }
  for (int i = 0; i < n_members; i++)
    g_clear_pointer (&members[i].bytes, g_bytes_unref);
  return packed;
}
