/* The desktop's camera portal: asks for permission, then for a connection to PipeWire. For
 * PmodCamera only. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void pmod_camera_portal_open_async (GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/* A file descriptor that the caller closes, or -1: PERMISSION_DENIED where the desktop or the user
 * said no, CANCELLED where the caller no longer asks, anything else where there is no portal. */
int pmod_camera_portal_open_finish (GAsyncResult *result, GError **error);

G_END_DECLS
