/* The trace's writing side: records into a file and to a receiver. Reading and checking them is in
 * pmod-trace-read.c.
 *
 * One buffer holds the record that is being filled and only grows, so that a token step allocates
 * nothing. */
#include "pmod-trace.h"

#include "pmod-error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A prefill's largest usual record, ROUTE of 2928 tokens, takes 24 kB. */
#define FIRST_CAPACITY (64 * 1024)
#define FILE_BUFFER (256 * 1024)

struct _PmodTrace
{
  guint32 wants;
  guint32 run;
  guint64 start_ns;
  PmodTraceFunc func;
  gpointer user_data;

  guint8 *record;
  gsize record_capacity;
  gsize record_size; /* of the appended record, 0 where none */

  FILE *file;
  char *file_buffer;
  char *path;
  char *part_path; /* NULL where path is written as it is */
  GError *error;   /* the first failure of the file */
};

static guint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64)now.tv_sec * 1000000000u + (guint64)now.tv_nsec;
}

/* --- Lifecycle ------------------------------------------------------------------------------ */

PmodTrace *
pmod_trace_new (guint32 wants, PmodTraceFunc func, gpointer user_data)
{
  PmodTrace *self = g_new0 (PmodTrace, 1);

  self->wants = wants;
  self->func = func;
  self->user_data = user_data;
  self->start_ns = now_ns ();
  self->record_capacity = FIRST_CAPACITY;
  self->record = g_malloc (FIRST_CAPACITY);
  return self;
}

static void
set_file_error (GError **error, const char *path, const char *action, int code)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "trace %s: cannot %s: %s", path, action,
               g_strerror (code));
}

static void
write_bytes (PmodTrace *self, const void *bytes, gsize n_bytes)
{
  errno = 0;
  if (self->error == NULL && fwrite (bytes, 1, n_bytes, self->file) != n_bytes)
    set_file_error (&self->error, self->path, "write", errno != 0 ? errno : EIO);
}

PmodTrace *
pmod_trace_new_file (const char *path, guint32 wants, GError **error)
{
  g_autoptr (PmodTrace) self = pmod_trace_new (wants, NULL, NULL);
  const char *target;

  self->path = g_strdup (path);
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      set_file_error (error, path, "write", EISDIR);
      return NULL;
    }
  if (!g_file_test (path, G_FILE_TEST_EXISTS) || g_file_test (path, G_FILE_TEST_IS_REGULAR))
    self->part_path = g_strconcat (path, ".part", NULL);
  target = self->part_path != NULL ? self->part_path : path;
  self->file = fopen (target, "wbe");
  if (self->file == NULL)
    {
      set_file_error (error, path, "open for writing", errno);
      g_clear_pointer (&self->part_path, g_free); /* not ours to remove */
      return NULL;
    }
  self->file_buffer = g_malloc (FILE_BUFFER);
  setvbuf (self->file, self->file_buffer, _IOFBF, FILE_BUFFER);
  write_bytes (self, PMOD_TRACE_MAGIC, strlen (PMOD_TRACE_MAGIC));
  return g_steal_pointer (&self);
}

void
pmod_trace_set_func (PmodTrace *self, PmodTraceFunc func, gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
}

void
pmod_trace_flush (PmodTrace *self)
{
  if (self->file != NULL && self->error == NULL && fflush (self->file) != 0)
    set_file_error (&self->error, self->path, "write", errno);
}

gboolean
pmod_trace_close (PmodTrace *self, GError **error)
{
  gboolean ok;

  if (self->file == NULL)
    return TRUE;
  pmod_trace_flush (self);
  /* A name must not point at bytes that a power failure can still take away. */
  if (self->error == NULL && self->part_path != NULL && fsync (fileno (self->file)) != 0)
    set_file_error (&self->error, self->path, "write", errno);
  if (fclose (self->file) != 0 && self->error == NULL)
    set_file_error (&self->error, self->path, "write", errno);
  self->file = NULL;
  if (self->part_path != NULL && self->error == NULL && g_rename (self->part_path, self->path) != 0)
    set_file_error (&self->error, self->path, "rename the finished file", errno);
  if (self->part_path != NULL && self->error != NULL)
    g_unlink (self->part_path);
  ok = self->error == NULL;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return ok;
}

void
pmod_trace_free (PmodTrace *self)
{
  if (self == NULL)
    return;
  if (self->file != NULL)
    {
      fclose (self->file);
      if (self->part_path != NULL)
        g_unlink (self->part_path);
    }
  g_clear_error (&self->error);
  g_free (self->file_buffer);
  g_free (self->path);
  g_free (self->part_path);
  g_free (self->record);
  g_free (self);
}

/* --- Records -------------------------------------------------------------------------------- */

gboolean
pmod_trace_wants (const PmodTrace *self, PmodRecordType type)
{
  return self != NULL && (self->wants & PMOD_TRACE_WANTS (type)) != 0 &&
         (self->func != NULL || (self->file != NULL && self->error == NULL));
}

guint32
pmod_trace_begin_run (PmodTrace *self)
{
  return ++self->run;
}

gpointer
pmod_trace_append (PmodTrace *self, PmodRecordType type, int layer, gsize size)
{
  PmodRecord *header;

  g_return_val_if_fail (size >= sizeof (PmodRecord), NULL);
  if (!pmod_trace_wants (self, type) || size > PMOD_TRACE_MAX_RECORD)
    return NULL;
  size = (size + 7) & ~(gsize)7;
  if (size > self->record_capacity)
    {
      while (self->record_capacity < size)
        self->record_capacity *= 2;
      g_free (self->record);
      self->record = g_malloc (self->record_capacity);
    }
  memset (self->record, 0, size);
  self->record_size = size;
  header = (PmodRecord *)self->record;
  header->size = (guint32)size;
  header->type = (guint16)type;
  header->layer = (gint16)layer;
  header->run = self->run;
  header->time_ns = now_ns () - self->start_ns;
  return header;
}

void
pmod_trace_commit (PmodTrace *self, gpointer record)
{
  g_return_if_fail (record == self->record && self->record_size > 0);

  if (self->file != NULL)
    write_bytes (self, self->record, self->record_size);
  if (self->func != NULL)
    self->func (record, self->user_data);
  self->record_size = 0;
}
