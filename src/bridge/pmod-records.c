/* See pmod-records.h. */
#include "config.h"

#include "pmod-records.h"

#include "pmod-engine.h"

gboolean
pmod_records_is_trace (const char *name)
{
  return g_str_has_suffix (name, ".trace") || g_str_has_suffix (name, ".trace.part");
}

GBytes *
pmod_records_load (GFile *file, GError **error)
{
  g_autofree char *path = g_file_get_path (file);

  if (path)
    return pmod_trace_load (path, error);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "a recorded run must be a local file");
  return NULL;
}

static void
load_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  GBytes *records = pmod_records_load (source, &error);

  if (records)
    g_task_return_pointer (task, records, (GDestroyNotify)g_bytes_unref);
  else
    g_task_return_error (task, error);
}

void
pmod_records_load_async (GFile *file,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (file, cancellable, callback, user_data);

  g_task_run_in_thread (task, load_thread);
}

GBytes *
pmod_records_load_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
