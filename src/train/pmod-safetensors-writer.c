/* See the header. The twin of the engine's pmod-safetensors.c; names mean nothing here either.
 *
 * Written in the order given: the header's length (8 bytes, little endian), the header (padded with
 * spaces, so that the data begin at a multiple of 8), then the tensors' bytes without a gap. */
#include "pmod-safetensors-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALIGNMENT 8
#define CHUNK 16384 /* elements that are rounded at a time */

typedef struct
{
  int fd;
  char *part; /* the file's name until it is whole */
  GError **error;
} File;

/* errno is what went wrong. */
static gboolean
fail (const File *self, const char *path, const char *what)
{
  g_set_error (self->error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot %s: %s", path, what,
               g_strerror (errno));
  return FALSE;
}

/* --- Header ----------------------------------------------------------------------------------- */

static gsize
count_bytes (const PmodNamedTensor *tensor)
{
  gsize n = pmod_dtype_size (tensor->dtype);

  for (int i = 0; i < tensor->n_dims; i++)
    n *= (gsize)tensor->shape[i];
  return n;
}

static void
add_tensor (JsonBuilder *builder, const PmodNamedTensor *tensor, gsize *offset)
{
  json_builder_set_member_name (builder, tensor->name);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "dtype");
  json_builder_add_string_value (builder, pmod_dtype_name (tensor->dtype));
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (int i = 0; i < tensor->n_dims; i++)
    json_builder_add_int_value (builder, tensor->shape[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "data_offsets");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, (gint64)*offset);
  *offset += count_bytes (tensor);
  json_builder_add_int_value (builder, (gint64)*offset);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static GString *
make_header (const PmodNamedTensor *tensors, gsize n_tensors, const char *const *metadata)
{
  g_autoptr (JsonBuilder) builder = json_builder_new_immutable ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  gsize offset = 0;
  GString *header;

  json_builder_begin_object (builder);
  if (metadata)
    {
      json_builder_set_member_name (builder, "__metadata__");
      json_builder_begin_object (builder);
      for (; metadata[0]; metadata += 2)
        {
          json_builder_set_member_name (builder, metadata[0]);
          json_builder_add_string_value (builder, metadata[1]);
        }
      json_builder_end_object (builder);
    }
  for (gsize i = 0; i < n_tensors; i++)
    add_tensor (builder, &tensors[i], &offset);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  header = g_string_new (text);
  while (header->len % ALIGNMENT != 0)
    g_string_append_c (header, ' ');
  return header;
}

/* --- Data ------------------------------------------------------------------------------------- */

static gboolean
write_bytes (const File *self, const void *data, gsize n_bytes)
{
  const guint8 *at = data;

  while (n_bytes > 0)
    {
      gssize n = write (self->fd, at, n_bytes);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail (self, self->part, "write");
      at += n;
      n_bytes -= (gsize)n;
    }
  return TRUE;
}

/* To the nearest BF16, to the even one of two that are as near; NaN stays NaN. */
static guint16
round_bf16 (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (guint16)(bits >> 16 | 0x40);
  return (guint16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static gboolean
write_rounded (const File *self, const float *values, gsize n)
{
  g_autofree guint16 *rounded = g_new (guint16, CHUNK);

  for (gsize begin = 0; begin < n; begin += CHUNK)
    {
      gsize n_here = MIN (n - begin, CHUNK);

      for (gsize i = 0; i < n_here; i++)
        rounded[i] = GUINT16_TO_LE (round_bf16 (values[begin + i]));
      if (!write_bytes (self, rounded, n_here * sizeof *rounded))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_all (const File *self, const GString *header, const PmodNamedTensor *tensors, gsize n_tensors)
{
  guint64 length = GUINT64_TO_LE ((guint64)header->len);

  if (!write_bytes (self, &length, sizeof length) || !write_bytes (self, header->str, header->len))
    return FALSE;
  for (gsize i = 0; i < n_tensors; i++)
    {
      gsize n_bytes = count_bytes (&tensors[i]);
      gboolean ok = tensors[i].dtype == PMOD_DTYPE_BF16
                        ? write_rounded (self, tensors[i].data, n_bytes / sizeof (guint16))
                        : write_bytes (self, tensors[i].data, n_bytes);

      if (!ok)
        return FALSE;
    }
  if (fsync (self->fd) != 0)
    return fail (self, self->part, "write to the disk");
  return TRUE;
}

/* A new name is on the disk only when its directory is. What cannot be synced, as on some network
 * file systems, is still there under the name. */
static void
sync_directory (const char *path)
{
  g_autofree char *dir = g_path_get_dirname (path);
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

static gboolean
replace (const File *self, const char *path)
{
  if (rename (self->part, path) != 0)
    return fail (self, path, "replace");
  sync_directory (path);
  return TRUE;
}

gboolean
pmod_safetensors_write (const char *path,
                        const PmodNamedTensor *tensors,
                        gsize n_tensors,
                        const char *const *metadata,
                        GError **error)
{
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  File file = { .part = part, .error = error };
  GString *header;
  gboolean ok;

  file.fd = open (part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.fd < 0)
    return fail (&file, part, "create");
  header = make_header (tensors, n_tensors, metadata);
  ok = write_all (&file, header, tensors, n_tensors);
  g_string_free (header, TRUE);
  if (close (file.fd) != 0 && ok)
    ok = fail (&file, part, "write");
  ok = ok && replace (&file, path);
  if (!ok)
    unlink (part);
  return ok;
}
