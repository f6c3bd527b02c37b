/* PmodCatalog: deleting what a download brought. See pmod-catalog.h.
 *
 * Owners: the task waits on the main thread until the session has let go of the files, then removes
 * them on the task pool. */
#include "config.h"

#include "pmod-catalog-private.h"

#include "pmod-hub.h"

static void
delete_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  PmodHubOptions options = { .folder = pmod_model_entry_get_path (data) };
  GError *error = NULL;
  g_autoptr (PmodHubPlan) plan = pmod_hub_plan_load (&options, &error);

  if (plan && pmod_hub_plan_remove (plan, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
unref_task (gpointer task, GClosure *closure)
{
  g_object_unref (task);
}

/* Again and again until nothing is being loaded, which might be this one, and it is not in use. */
static void
go_on (GTask *task)
{
  PmodCatalog *self = g_task_get_source_object (task);
  PmodSession *session = pmod_catalog_get_session (self);

  if (pmod_session_get_state (session) != PMOD_SESSION_LOADING)
    {
      if (!pmod_catalog_is_used (self, g_task_get_task_data (task)))
        {
          g_signal_handlers_disconnect_by_func (session, go_on, task);
          g_task_run_in_thread (task, delete_thread);
          return;
        }
      pmod_session_unload (session);
    }
}

void
pmod_catalog_delete_async (PmodCatalog *self,
                           PmodModelEntry *entry,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (PMOD_IS_CATALOG (self));
  g_return_if_fail (PMOD_IS_MODEL_ENTRY (entry));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_task_data (task, g_object_ref (entry), g_object_unref);
  g_signal_connect_data (pmod_catalog_get_session (self), "notify::state", G_CALLBACK (go_on),
                         g_object_ref (task), unref_task, G_CONNECT_SWAPPED);
  go_on (task);
}

gboolean
pmod_catalog_delete_finish (PmodCatalog *self, GAsyncResult *result, GError **error)
{
  gboolean done;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  done = g_task_propagate_boolean (G_TASK (result), error);
  /* Some of it may be gone although not all is. */
  pmod_catalog_refresh (self);
  return done;
}
