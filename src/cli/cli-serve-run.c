/* Runs for windows on other machines, as a stream of frames. See pmod-remote-wire.h. */
#include "cli-serve-private.h"

#include <string.h>

static void
send_frames (Exchange *exchange, gconstpointer data, gsize size)
{
  soup_message_body_append (soup_server_message_get_response_body (exchange->message),
                            SOUP_MEMORY_COPY, data, size);
  soup_server_message_unpause (exchange->message);
}

static void
send_beat (Exchange *exchange)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  pmod_remote_frame_append (bytes, PMOD_REMOTE_FRAME_WAIT, NULL, 0);
  send_frames (exchange, bytes->data, bytes->len);
}

static gboolean
beat_cb (gpointer user_data)
{
  send_beat (user_data);
  return G_SOURCE_CONTINUE;
}

static void
frames_cb (ServeJob *job, GBytes *frames, gboolean ended, gpointer user_data)
{
  Exchange *exchange = user_data;
  gsize size;
  gconstpointer data = g_bytes_get_data (frames, &size);

  if (ended)
    {
      g_clear_pointer (&exchange->job, serve_job_unref);
      serve_end_exchange (exchange);
    }
  if (size > 0)
    send_frames (exchange, data, size);
  if (!ended)
    return;
  soup_message_body_complete (soup_server_message_get_response_body (exchange->message));
  soup_server_message_unpause (exchange->message);
}

static void
begin_stream (Exchange *exchange)
{
  SoupServerMessage *message = exchange->message;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_headers_set_content_type (headers, PMOD_REMOTE_STREAM_TYPE, NULL);
  soup_message_headers_replace (headers, "Cache-Control", "no-cache");
  /* A reverse proxy (nginx) is not to wait for more. */
  soup_message_headers_replace (headers, "X-Accel-Buffering", "no");
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  soup_server_message_pause (message);
  /* The headers go out with the first frame, whoever is served meanwhile. */
  send_beat (exchange);
  exchange->beat = g_timeout_add_seconds (PMOD_REMOTE_BEAT_SECONDS, beat_cb, exchange);
}

void
serve_run (Exchange *exchange, GBytes *body)
{
  Serve *self = exchange->serve;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodRemoteRequest) request = pmod_remote_request_read (body, &error);

  if (!request)
    serve_send_failure (exchange->message, error);
  else if (!g_str_equal (request->model, self->model_hash))
    serve_send_error (exchange->message, SOUP_STATUS_CONFLICT, "invalid_request_error", "model",
                      "another model is served here: ask " PMOD_REMOTE_PATH " for it");
  else
    {
      exchange->job =
          serve_engine_run (self->engine, g_steal_pointer (&request), frames_cb, exchange);
      if (exchange->job)
        begin_stream (exchange);
      else
        serve_send_busy (exchange->message);
    }
}
