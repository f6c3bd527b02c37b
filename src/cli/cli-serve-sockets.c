/* libsoup 3.2 never lets go of a connection's socket: a server that runs for long would be out of
 * descriptors. Here those whose clients have gone are closed. Main thread. */
#include "cli-serve-private.h"

#include <sys/socket.h>

/* Whoever still listens on it has had the time to see that by then. */
#define GRACE_US (2 * G_USEC_PER_SEC)

static gboolean
is_over (GSocket *socket)
{
  gint64 now = g_get_monotonic_time ();
  gint64 *since = g_object_get_data (G_OBJECT (socket), "over-since");
  char byte;

  if (g_socket_is_closed (socket))
    return TRUE;
  if (recv (g_socket_get_fd (socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
    return FALSE;
  if (since)
    return now - *since > GRACE_US;
  g_object_set_data_full (G_OBJECT (socket), "over-since", g_memdup2 (&now, sizeof now), g_free);
  return FALSE;
}

void
serve_sockets_note (GPtrArray *self, SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);

  for (guint i = self->len; i > 0; i--)
    if (self->pdata[i - 1] != socket && is_over (self->pdata[i - 1]))
      {
        g_socket_close (self->pdata[i - 1], NULL);
        g_ptr_array_remove_index_fast (self, i - 1);
      }
  if (socket && !g_ptr_array_find (self, socket, NULL))
    g_ptr_array_add (self, g_object_ref (socket));
}
