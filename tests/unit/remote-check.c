/* See remote-check.h. */
#include "config.h"

#include "remote-check.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

/* --- pmod serve ---------------------------------------------------------------------------------
 */

/* A test that fails leaves no server behind. */
static void
end_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

RemoteServer *
remote_server_start (const char *model, const char *const *options)
{
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *line = NULL;
  g_auto (GStrv) words = NULL;
  RemoteServer *self = g_new0 (RemoteServer, 1);

  g_assert_nonnull (g_getenv ("PMOD"));
  g_ptr_array_add (arguments, (gpointer)g_getenv ("PMOD"));
  g_ptr_array_add (arguments, (gpointer) "serve");
  g_ptr_array_add (arguments, (gpointer)model);
  g_ptr_array_add (arguments, (gpointer) "--port=0");
  for (int i = 0; options && options[i]; i++)
    g_ptr_array_add (arguments, (gpointer)options[i]);
  g_ptr_array_add (arguments, NULL);
  g_subprocess_launcher_set_child_setup (launcher, end_with_parent, NULL, NULL);
  self->process =
      g_subprocess_launcher_spawnv (launcher, (const char *const *)arguments->pdata, &error);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  /* http://127.0.0.1:PORT/v1  model NAME  token TOKEN */
  words = g_strsplit (line, "  ", -1);
  g_assert_cmpuint (g_strv_length (words), ==, 3);
  self->address = g_strdup (words[0]);
  self->token = g_strdup (words[2] + strlen ("token "));
  return self;
}

void
remote_server_kill (RemoteServer *self)
{
  g_subprocess_send_signal (self->process, SIGKILL);
  g_subprocess_wait (self->process, NULL, NULL);
}

void
remote_server_free (RemoteServer *self)
{
  if (g_subprocess_get_identifier (self->process))
    {
      g_subprocess_send_signal (self->process, SIGINT);
      g_subprocess_wait (self->process, NULL, NULL);
      g_assert_true (g_subprocess_get_if_exited (self->process));
      g_assert_cmpint (g_subprocess_get_exit_status (self->process), ==, 0);
    }
  g_object_unref (self->process);
  g_free (self->address);
  g_free (self->token);
  g_free (self);
}

/* --- The liar -----------------------------------------------------------------------------------
 */

struct _RemoteLiar
{
  GSocketListener *listener;
  GThread *thread; /* that accepts; each connection has one of its own */
  GPtrArray *others;
  char *address;
  LiarReply facts;
  LiarReply runs;
  GCancellable *end;
  gint n_left; /* atomic */
  gint n_runs; /* atomic */
};

/* The whole request, body included. */
static char *
read_request (GInputStream *in, GCancellable *end)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gsize expected = 0;

  for (;;)
    {
      char chunk[65536];
      const char *head_end = strstr (text->str, "\r\n\r\n");
      gssize n;

      if (head_end && expected == 0)
        {
          const char *length = strstr (text->str, "Content-Length: ");

          expected = (gsize)(head_end - text->str) + 4 +
                     (length && length < head_end
                          ? (gsize)g_ascii_strtoull (length + strlen ("Content-Length: "), NULL, 10)
                          : 0);
        }
      if (head_end && text->len >= expected)
        return g_string_free (g_steal_pointer (&text), FALSE);
      n = g_input_stream_read (in, chunk, sizeof chunk, end, NULL);
      if (n <= 0)
        return NULL;
      g_string_append_len (text, chunk, n);
    }
}

static void
say (GOutputStream *out, const LiarReply *reply, const char *type, GCancellable *end)
{
  g_autofree char *head = reply->head
                              ? g_strdup (reply->head)
                              : g_strdup_printf ("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", type);
  g_autofree char *whole = g_strconcat (head, "Connection: close\r\n\r\n", NULL);
  gsize size = 0;
  const char *body = reply->body ? g_bytes_get_data (reply->body, &size) : NULL;

  g_output_stream_write_all (out, whole, strlen (whole), NULL, end, NULL);
  if (reply->end != LIAR_DRIPS)
    g_output_stream_write_all (out, body, size, NULL, end, NULL);
  for (gsize i = 0; reply->end == LIAR_DRIPS && i < size; i++)
    {
      if (!g_output_stream_write_all (out, body + i, 1, NULL, end, NULL))
        return;
      g_usleep (1000);
    }
}

typedef struct
{
  RemoteLiar *liar;
  GSocketConnection *connection;
} Visit;

static gpointer
visit_thread (gpointer data)
{
  Visit *visit = data;
  RemoteLiar *self = visit->liar;
  g_autoptr (GSocketConnection) connection = visit->connection;
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  g_autofree char *request = read_request (in, self->end);
  gboolean is_run = request && g_str_has_prefix (request, "POST ");
  const LiarReply *reply = is_run ? &self->runs : &self->facts;
  char byte;

  g_free (visit);
  if (!request)
    return NULL;
  if (is_run)
    g_atomic_int_inc (&self->n_runs);
  say (out, reply, is_run ? "application/x-strata-frames" : "application/json", self->end);
  if (reply->end == LIAR_HANGS && g_input_stream_read (in, &byte, 1, self->end, NULL) <= 0 &&
      !g_cancellable_is_cancelled (self->end))
    g_atomic_int_inc (&self->n_left);
  return NULL;
}

static gpointer
accept_thread (gpointer data)
{
  RemoteLiar *self = data;
  GSocketConnection *connection;

  while ((connection = g_socket_listener_accept (self->listener, NULL, self->end, NULL)))
    {
      Visit *visit = g_new0 (Visit, 1);

      visit->liar = self;
      visit->connection = connection;
      g_ptr_array_add (self->others, g_thread_new ("visit", visit_thread, visit));
    }
  return NULL;
}

RemoteLiar *
remote_liar_new (const LiarReply *facts, const LiarReply *runs)
{
  RemoteLiar *self = g_new0 (RemoteLiar, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) got = NULL;

  self->facts = *facts;
  self->runs = *runs;
  self->end = g_cancellable_new ();
  self->others = g_ptr_array_new ();
  self->listener = g_socket_listener_new ();
  g_socket_listener_add_address (self->listener, any, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                                 NULL, &got, &error);
  g_assert_no_error (error);
  self->address = g_strdup_printf ("http://127.0.0.1:%u",
                                   g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (got)));
  self->thread = g_thread_new ("liar", accept_thread, self);
  return self;
}

const char *
remote_liar_get_address (RemoteLiar *self)
{
  return self->address;
}

int
remote_liar_count_left (RemoteLiar *self)
{
  return g_atomic_int_get (&self->n_left);
}

int
remote_liar_count_runs (RemoteLiar *self)
{
  return g_atomic_int_get (&self->n_runs);
}

void
remote_liar_free (RemoteLiar *self)
{
  g_cancellable_cancel (self->end);
  g_thread_join (self->thread);
  for (guint i = 0; i < self->others->len; i++)
    g_thread_join (self->others->pdata[i]);
  g_ptr_array_unref (self->others);
  g_object_unref (self->listener);
  g_object_unref (self->end);
  g_free (self->address);
  g_free (self);
}
