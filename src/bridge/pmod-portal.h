/* Whether the desktop has a portal for something. Never waits. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_PORTAL_NAME "org.freedesktop.portal.Desktop"
#define PMOD_PORTAL_PATH "/org/freedesktop/portal/desktop"

/* interface: such as "org.freedesktop.portal.Camera"; a string that stays. */
void pmod_portal_find_async (const char *interface,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);

/* The bus that it is on (transfer full), or NULL and the reason why there is none. */
GDBusConnection *pmod_portal_find_finish (GAsyncResult *result, GError **error);

G_END_DECLS
