/* A picture of the screen, through the desktop's portal: the user says of what. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void pmod_screenshot_take_async (GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);

/* The file that the desktop wrote. (transfer full) CANCELLED: the user thought better of it. */
GFile *pmod_screenshot_take_finish (GAsyncResult *result, GError **error);

G_END_DECLS
