/* Where results go: standard output, JSON text, and the file of --json. */
#include "config.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct _CliOutput
{
  char *path; /* NULL: standard output */
  int fd;
  gboolean is_new;
  gboolean is_written;
};

static gboolean
fail_stdout (GError **error)
{
  g_set_error (error, CLI_ERROR, CLI_ERROR_OUTPUT, "standard output: cannot write: %s",
               errno != 0 ? g_strerror (errno) : "an earlier write failed");
  return FALSE;
}

gboolean
cli_flush (GError **error)
{
  errno = 0;
  return (fflush (stdout) == 0 && !ferror (stdout)) || fail_stdout (error);
}

static gboolean
write_stdout (const char *data, gsize size, GError **error)
{
  errno = 0;
  return (fwrite (data, 1, size, stdout) == size && fflush (stdout) == 0) || fail_stdout (error);
}

gboolean
cli_write (const char *text, GError **error)
{
  return write_stdout (text, strlen (text), error);
}

void
cli_json_double (JsonBuilder *builder, const char *name, double value)
{
  if (name != NULL)
    json_builder_set_member_name (builder, name);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

void
cli_json_int (JsonBuilder *builder, const char *name, gint64 value)
{
  if (name != NULL)
    json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

void
cli_json_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

void
cli_json_string (JsonBuilder *builder, const char *name, const char *value)
{
  g_autofree char *valid = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  if (name != NULL)
    json_builder_set_member_name (builder, name);
  if (valid != NULL)
    json_builder_add_string_value (builder, valid);
  else
    json_builder_add_null_value (builder);
}

char *
cli_json_text (JsonBuilder *builder, gboolean pretty)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = NULL;
  GString *mended;

  json_generator_set_pretty (generator, pretty);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  mended = g_string_new (text);
  /* json-glib escapes every control character but this one. */
  g_string_replace (mended, "\x1f", "\\u001f", 0);
  g_string_append_c (mended, '\n');
  return g_string_free (mended, FALSE);
}

JsonBuilder *
cli_json_begin (void)
{
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_int (builder, "schema", 1);
  cli_json_string (builder, "version", STRATA_VERSION);
  return builder;
}

gboolean
cli_json_print (JsonBuilder *builder, GError **error)
{
  g_autofree char *text = cli_json_text (builder, TRUE);

  return cli_write (text, error);
}

static void
set_output_error (GError **error, const char *path, const char *what)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s: %s", path, what,
               g_strerror (code));
}

CliOutput *
cli_output_new (const char *path, GError **error)
{
  g_autoptr (CliOutput) self = g_new0 (CliOutput, 1);

  self->fd = -1;
  if (g_strcmp0 (path, "-") == 0)
    return g_steal_pointer (&self);
  self->path = g_strdup (path);
  self->fd = g_open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  self->is_new = self->fd >= 0;
  if (!self->is_new && errno == EEXIST)
    self->fd = g_open (path, O_WRONLY | O_CLOEXEC, 0);
  if (self->fd < 0)
    {
      set_output_error (error, path, "cannot open for writing");
      return NULL;
    }
  return g_steal_pointer (&self);
}

gboolean
cli_output_is_stdout (const CliOutput *self)
{
  return self->path == NULL;
}

gboolean
cli_output_write (CliOutput *self, const char *text, GError **error)
{
  return cli_output_write_data (self, text, strlen (text), error);
}

gboolean
cli_output_write_data (CliOutput *self, const char *text, gsize left, GError **error)
{
  struct stat info;

  if (cli_output_is_stdout (self))
    return write_stdout (text, left, error);
  if (!self->is_written && fstat (self->fd, &info) == 0 && S_ISREG (info.st_mode) &&
      ftruncate (self->fd, 0) != 0)
    {
      set_output_error (error, self->path, "cannot truncate");
      return FALSE;
    }
  self->is_written = TRUE;
  while (left > 0)
    {
      gssize n = write (self->fd, text, left);

      if (n < 0 && errno != EINTR)
        {
          set_output_error (error, self->path, "cannot write");
          return FALSE;
        }
      text += MAX (n, 0);
      left -= (gsize)MAX (n, 0);
    }
  return TRUE;
}

void
cli_output_free (CliOutput *self)
{
  if (self->fd >= 0)
    close (self->fd);
  if (self->is_new && !self->is_written)
    g_unlink (self->path);
  g_free (self->path);
  g_free (self);
}
