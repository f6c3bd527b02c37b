/* See pmod-camera-portal.h. */
#include "config.h"

#include "pmod-camera-portal.h"

#include <gio/gunixfdlist.h>
#include <libportal/portal.h>
#include <unistd.h>

#include "pmod-portal.h"

#define PORTAL_CAMERA "org.freedesktop.portal.Camera"

static void
opened_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish (
      G_DBUS_CONNECTION (source), &list, result, &error);
  gint32 handle;
  int fd = -1;

  if (reply)
    {
      g_variant_get (reply, "(h)", &handle);
      fd = g_unix_fd_list_get (list, handle, &error);
    }
  if (fd >= 0 && g_task_return_error_if_cancelled (task))
    close (fd);
  else if (fd >= 0)
    g_task_return_int (task, fd);
  else
    g_task_return_error (task, error);
}

/* The library's own call for this waits for the answer. */
static void
open_remote (GTask *task)
{
  GDBusConnection *bus = g_task_get_task_data (task);

  g_dbus_connection_call_with_unix_fd_list (
      bus, PMOD_PORTAL_NAME, PMOD_PORTAL_PATH, PORTAL_CAMERA, "OpenPipeWireRemote",
      g_variant_new ("(a{sv})", NULL), G_VARIANT_TYPE ("(h)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
      g_task_get_cancellable (task), opened_cb, g_object_ref (task));
}

static void
access_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (xdp_portal_access_camera_finish (XDP_PORTAL (source), result, &error))
    {
      open_remote (task);
      return;
    }
  /* The library calls a refusal cancelled, or failed. */
  if (error->domain == G_IO_ERROR &&
      (error->code == G_IO_ERROR_CANCELLED || error->code == G_IO_ERROR_FAILED))
    error->code = G_IO_ERROR_PERMISSION_DENIED;
  g_task_return_error (task, error);
}

static void
present_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (XdpPortal) portal = NULL;
  GError *error = NULL;
  GDBusConnection *bus = pmod_portal_find_finish (result, &error);

  if (!bus)
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, bus, g_object_unref);
  portal = xdp_portal_new ();
  xdp_portal_access_camera (portal, NULL, XDP_CAMERA_FLAG_NONE, g_task_get_cancellable (task),
                            access_cb, g_object_ref (task));
}

void
pmod_camera_portal_open_async (GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  pmod_portal_find_async (PORTAL_CAMERA, cancellable, present_cb, g_object_ref (task));
}

int
pmod_camera_portal_open_finish (GAsyncResult *result, GError **error)
{
  return (int)g_task_propagate_int (G_TASK (result), error);
}
