/* See pmod-routing-file.h. The thread works on a copy of the records. */
#include "config.h"

#include "pmod-routing-file.h"

#include "pmod-engine.h"
#include "pmod-output.h"

typedef struct
{
  GBytes *trace;
  char *format;
  GFile *file;
} Job;

static void
job_free (Job *job)
{
  g_bytes_unref (job->trace);
  g_free (job->format);
  g_object_unref (job->file);
  g_free (job);
}

static gboolean
write_file (const Job *job, GCancellable *cancellable, GError **error)
{
  PmodTraceExport format;
  g_autoptr (GBytes) records = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (!pmod_trace_export_parse (job->format, &format, error))
    return FALSE;
  records = pmod_trace_parse (job->trace, "run", error);
  bytes = records ? pmod_trace_export (records, 0, format, error) : NULL;
  return bytes && pmod_output_write (job->file, bytes, cancellable, error);
}

static void
write_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (write_file (data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
pmod_routing_file_write_async (PmodRun *run,
                               const char *format,
                               GFile *file,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  Job *job;

  g_return_if_fail (PMOD_IS_RUN (run) && pmod_run_is_finished (run));

  task = g_task_new (NULL, cancellable, callback, user_data);
  job = g_new0 (Job, 1);
  job->trace = pmod_run_dup_trace (run);
  job->format = g_strdup (format);
  job->file = g_object_ref (file);
  g_task_set_task_data (task, job, (GDestroyNotify)job_free);
  g_task_run_in_thread (task, write_thread);
}

gboolean
pmod_routing_file_write_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
