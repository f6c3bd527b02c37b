/* See pmod-screenshot.h. */
#include "config.h"

#include "pmod-screenshot.h"

#include <glib/gi18n.h>
#include <libportal/portal.h>

#include "pmod-portal.h"

#define PORTAL_SCREENSHOT "org.freedesktop.portal.Screenshot"

static void
taken_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autofree char *uri = xdp_portal_take_screenshot_finish (XDP_PORTAL (source), result, &error);

  if (uri)
    g_task_return_pointer (task, g_file_new_for_uri (uri), g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = pmod_portal_find_finish (result, &error);
  g_autoptr (XdpPortal) portal = NULL;

  if (!bus)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                               _ ("This desktop has no portal for screenshots (%s). Take one with "
                                  "the desktop\342\200\231s own key and paste it."),
                               error->message);
      return;
    }
  portal = xdp_portal_new ();
  xdp_portal_take_screenshot (portal, NULL, XDP_SCREENSHOT_FLAG_INTERACTIVE,
                              g_task_get_cancellable (task), taken_cb, g_object_ref (task));
}

void
pmod_screenshot_take_async (GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  pmod_portal_find_async (PORTAL_SCREENSHOT, cancellable, found_cb, g_object_ref (task));
}

GFile *
pmod_screenshot_take_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
