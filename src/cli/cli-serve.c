/* pmod serve: answers programs on this computer, in the chat-completions shape.
 *
 * One thread talks HTTP and never waits; another one runs the engine (cli-serve-engine.c). Only
 * loopback is listened on; who comes must name it as the host, so that a web page that had its own
 * name point here is refused, and bear the token. A request is checked as soon as its headers are
 * there: who is refused does not get to send a body. */
#include "cli-serve-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli-options.h"

#define DEFAULT_PORT 8375
#define DEFAULT_BODY "64M"
#define DEFAULT_WAITING 64
#define DEFAULT_CONTEXTS 4
#define TOO_LARGE "the body is larger than --max-body allows"

/* For the whole of a request to arrive. */
#define REQUEST_SECONDS 60

typedef struct
{
  char *port;
  char *token_file;
  gboolean no_token;
  char *max_body;
  char *max_waiting;
  char *max_contexts;
} Arguments;

/* --- Replies --------------------------------------------------------------------------------- */

void
serve_send (SoupServerMessage *message, guint status, const char *body)
{
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, body,
                                    strlen (body));
}

void
serve_send_error (
    SoupServerMessage *message, guint status, const char *type, const char *code, const char *text)
{
  g_autofree char *body = serve_reply_error (type, code, text);

  serve_send (message, status, body);
}

/* Before the body has come: nothing more is read of this connection. */
static void
turn_away (SoupServerMessage *message, guint status, const char *code, const char *text)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection",
                                "close");
  serve_send_error (message, status, "invalid_request_error", code, text);
}

/* --- Who may ask ----------------------------------------------------------------------------- */

/* By their hashes, so that the time does not tell how much of it was right. */
static gboolean
is_token (const char *token, const char *got)
{
  g_autofree char *expected = g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, got, -1);

  return g_str_equal (expected, sum);
}

static gboolean
has_token (Serve *self, SoupServerMessage *message)
{
  const char *header = soup_message_headers_get_one (
      soup_server_message_get_request_headers (message), "Authorization");

  if (!self->token)
    return TRUE;
  return header && g_ascii_strncasecmp (header, "Bearer ", 7) == 0 &&
         is_token (self->token, header + 7);
}

static gboolean
is_local (SoupServerMessage *message)
{
  const char *host =
      soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Host");
  static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

  for (guint i = 0; host && i < G_N_ELEMENTS (names); i++)
    if (g_str_has_prefix (host, names[i]) &&
        (host[strlen (names[i])] == '\0' || host[strlen (names[i])] == ':'))
      return TRUE;
  return FALSE;
}

static gboolean
is_health (SoupServerMessage *message)
{
  return g_strcmp0 (g_uri_get_path (soup_server_message_get_uri (message)), "/health") == 0;
}

/* --- The answer ------------------------------------------------------------------------------ */

void
serve_end_exchange (Exchange *exchange)
{
  g_clear_handle_id (&exchange->timeout, g_source_remove);
  g_clear_handle_id (&exchange->beat, g_source_remove);
  if (exchange->leaving)
    g_source_destroy (exchange->leaving);
  g_clear_pointer (&exchange->leaving, g_source_unref);
  if (exchange->job)
    serve_job_cancel (exchange->job);
  g_clear_pointer (&exchange->job, serve_job_unref);
}

static void
exchange_free (gpointer data)
{
  Exchange *exchange = data;

  serve_end_exchange (exchange);
  g_clear_pointer (&exchange->records, g_byte_array_unref);
  g_free (exchange->id);
  g_free (exchange);
}

static guint
status_of (const GError *error)
{
  if (g_error_matches (error, PMOD_ERROR, PMOD_ERROR_DEVICE) ||
      g_error_matches (error, PMOD_ERROR, PMOD_ERROR_NUMBER) ||
      g_error_matches (error, PMOD_ERROR, PMOD_ERROR_MEMORY))
    return SOUP_STATUS_INTERNAL_SERVER_ERROR;
  return SOUP_STATUS_BAD_REQUEST;
}

void
serve_send_failure (SoupServerMessage *message, const GError *error)
{
  guint status = status_of (error);

  serve_send_error (
      message, status, status == SOUP_STATUS_BAD_REQUEST ? "invalid_request_error" : "server_error",
      g_error_matches (error, PMOD_ERROR, PMOD_ERROR_CONTEXT) ? "context_length_exceeded" : NULL,
      error->message);
}

static void
send_part (Exchange *exchange, char *part)
{
  soup_message_body_append_take (soup_server_message_get_response_body (exchange->message),
                                 (guchar *)part, strlen (part));
}

/* Headers go out with the first event, when it is known that there will be an answer. */
static void
begin_stream (Exchange *exchange)
{
  SoupServerMessage *message = exchange->message;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  exchange->begun = TRUE;
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_headers_set_content_type (headers, "text/event-stream", NULL);
  soup_message_headers_replace (headers, "Cache-Control", "no-cache");
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
}

static void
stream_event (Exchange *exchange,
              const char *text,
              GBytes *records,
              const ServeResult *result,
              const GError *error)
{
  Serve *self = exchange->serve;
  gboolean first = !exchange->begun;

  if (first && error)
    {
      serve_send_failure (exchange->message, error);
      return;
    }
  if (first)
    begin_stream (exchange);
  if (error)
    send_part (exchange, serve_reply_failure (error));
  else
    send_part (exchange, serve_reply_chunk (exchange->id, self->started, self->model, first, text,
                                            records, result));
  if (result && exchange->include_usage)
    send_part (exchange, serve_reply_usage (exchange->id, self->started, self->model, result));
  if (result || error)
    {
      send_part (exchange, g_strdup ("data: [DONE]\n\n"));
      soup_message_body_complete (soup_server_message_get_response_body (exchange->message));
    }
}

static void
whole_event (Exchange *exchange, GBytes *records, const ServeResult *result, const GError *error)
{
  g_autoptr (GBytes) all = NULL;
  g_autofree char *body = NULL;

  if (records)
    g_byte_array_append (exchange->records, g_bytes_get_data (records, NULL),
                         (guint)g_bytes_get_size (records));
  if (error)
    serve_send_failure (exchange->message, error);
  if (!result)
    return;
  if (exchange->wants_records)
    all = g_byte_array_free_to_bytes (g_steal_pointer (&exchange->records));
  body = serve_reply_answer (exchange->id, exchange->serve->started, exchange->serve->model, result,
                             all);
  serve_send (exchange->message, SOUP_STATUS_OK, body);
}

static void
job_cb (ServeJob *job,
        const char *text,
        GBytes *records,
        const ServeResult *result,
        const GError *error,
        gpointer user_data)
{
  Exchange *exchange = user_data;
  SoupServerMessage *message = exchange->message;

  if (exchange->stream)
    stream_event (exchange, text, records, result, error);
  else
    whole_event (exchange, records, result, error);
  if (result || error)
    {
      g_clear_pointer (&exchange->job, serve_job_unref);
      serve_end_exchange (exchange);
    }
  soup_server_message_unpause (message);
}

void
serve_send_busy (SoupServerMessage *message)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Retry-After",
                                "1");
  serve_send_error (message, SOUP_STATUS_SERVICE_UNAVAILABLE, "server_error", "busy",
                    "too many requests wait already; try again in a second");
}

static void
ask (Exchange *exchange, GBytes *body)
{
  Serve *self = exchange->serve;
  SoupServerMessage *message = exchange->message;
  g_autoptr (GError) error = NULL;
  ServeRequest *request = serve_request_new (g_bytes_get_data (body, NULL), g_bytes_get_size (body),
                                             &self->defaults, &error);

  if (!request)
    {
      serve_send_failure (message, error);
      return;
    }
  exchange->stream = request->stream;
  exchange->include_usage = request->include_usage;
  exchange->wants_records = request->wants_records;
  exchange->records = g_byte_array_new ();
  exchange->id = g_strdup_printf ("chatcmpl-%" G_GUINT64_FORMAT, ++self->n_answers);
  exchange->job = serve_engine_ask (self->engine, request, job_cb, exchange);
  if (exchange->job)
    soup_server_message_pause (message);
  else
    serve_send_busy (message);
}

/* --- Who leaves ------------------------------------------------------------------------------ */

/* Something came while the answer is on its way: the next request, or the end of the connection,
 * which libsoup would see only when it writes. */
static gboolean
leaving_cb (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Exchange *exchange = user_data;
  SoupServerMessage *message = exchange->message;
  char byte;

  if (recv (g_socket_get_fd (socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
    {
      g_clear_pointer (&exchange->leaving, g_source_unref);
      return G_SOURCE_REMOVE;
    }
  serve_end_exchange (exchange);
  serve_cut_off (message);
  /* libsoup finds out by writing. */
  if (soup_server_message_get_status (message) == SOUP_STATUS_NONE)
    soup_server_message_set_status (message, SOUP_STATUS_INTERNAL_SERVER_ERROR, NULL);
  soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_STATIC,
                            "\n", 1);
  soup_server_message_unpause (message);
  return G_SOURCE_REMOVE;
}

static void
watch_client (Exchange *exchange)
{
  GSocket *socket = soup_server_message_get_socket (exchange->message);

  if (!exchange->job || !socket)
    return;
  exchange->leaving = g_socket_create_source (socket, G_IO_IN | G_IO_HUP | G_IO_ERR, NULL);
  g_source_set_callback (exchange->leaving, G_SOURCE_FUNC (leaving_cb), exchange, NULL);
  g_source_attach (exchange->leaving, NULL);
}

static void
take_body (Exchange *exchange, void (*take) (Exchange *, GBytes *))
{
  SoupServerMessage *message = exchange->message;
  g_autoptr (GBytes) body = NULL;

  /* Its end may have come before the connection was cut. */
  if (exchange->body_bytes > exchange->serve->max_body)
    {
      turn_away (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, NULL, TOO_LARGE);
      return;
    }
  body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  take (exchange, body);
  watch_client (exchange);
}

/* --- Messages -------------------------------------------------------------------------------- */

static Exchange *
get_exchange (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (message), "exchange");
}

static gboolean
check_method (SoupServerMessage *message, const char *method)
{
  if (g_strcmp0 (soup_server_message_get_method (message), method) == 0)
    return TRUE;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow",
                                method);
  serve_send_error (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "invalid_request_error", NULL,
                    "another method is expected here: see Allow");
  return FALSE;
}

static void
handle (SoupServer *server,
        SoupServerMessage *message,
        const char *path,
        GHashTable *query,
        gpointer user_data)
{
  Serve *self = user_data;

  if (soup_server_message_get_status (message) != SOUP_STATUS_NONE)
    return; /* turned away already */
  if (g_strcmp0 (path, "/v1/chat/completions") == 0)
    {
      if (check_method (message, "POST"))
        take_body (get_exchange (message), ask);
    }
  else if (g_strcmp0 (path, PMOD_REMOTE_RUNS_PATH) == 0)
    {
      if (check_method (message, "POST"))
        take_body (get_exchange (message), serve_run);
    }
  else if (g_strcmp0 (path, PMOD_REMOTE_PATH) == 0)
    {
      if (check_method (message, "GET"))
        serve_send (message, SOUP_STATUS_OK, self->facts);
    }
  else if (g_strcmp0 (path, "/v1/models") == 0)
    {
      g_autofree char *body = serve_reply_models (self->model, self->started);

      if (check_method (message, "GET"))
        serve_send (message, SOUP_STATUS_OK, body);
    }
  else if (g_strcmp0 (path, "/health") == 0)
    {
      if (check_method (message, "GET"))
        serve_send (message, SOUP_STATUS_OK, "{\"status\":\"ok\"}");
    }
  else
    serve_send_error (message, SOUP_STATUS_NOT_FOUND, "invalid_request_error", NULL,
                      "expected /v1/chat/completions, /v1/models, " PMOD_REMOTE_PATH
                      ", " PMOD_REMOTE_RUNS_PATH " or /health");
}

void
serve_cut_off (SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);

  if (socket)
    g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

static gboolean
timeout_cb (gpointer user_data)
{
  Exchange *exchange = user_data;

  exchange->timeout = 0;
  serve_cut_off (exchange->message);
  return G_SOURCE_REMOVE;
}

static void
got_headers_cb (SoupServerMessage *message, gpointer user_data)
{
  Exchange *exchange = user_data;
  Serve *self = exchange->serve;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (!is_local (message))
    turn_away (message, SOUP_STATUS_FORBIDDEN, NULL,
               "expected this computer's own name as the host: localhost or 127.0.0.1");
  else if (!is_health (message) && !has_token (self, message))
    turn_away (message, SOUP_STATUS_UNAUTHORIZED, "invalid_api_key",
               "expected the token that pmod serve prints, as \"Authorization: Bearer TOKEN\"");
  else if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH &&
           (guint64)soup_message_headers_get_content_length (headers) > self->max_body)
    turn_away (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, NULL, TOO_LARGE);
  else
    return;
  /* What was sent along is read and dropped, but not for long. */
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
}

static void
got_chunk_cb (SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
  Exchange *exchange = user_data;

  exchange->body_bytes += g_bytes_get_size (chunk);
  if (exchange->body_bytes <= exchange->serve->max_body)
    return;
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  serve_cut_off (message);
}

static void
got_body_cb (SoupServerMessage *message, gpointer user_data)
{
  Exchange *exchange = user_data;

  g_clear_handle_id (&exchange->timeout, g_source_remove);
}

static void
request_started_cb (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  Exchange *exchange = g_new0 (Exchange, 1);

  exchange->serve = user_data;
  serve_sockets_note (exchange->serve->sockets, message);
  exchange->message = message;
  exchange->timeout = g_timeout_add_seconds (REQUEST_SECONDS, timeout_cb, exchange);
  g_object_set_data_full (G_OBJECT (message), "exchange", exchange, exchange_free);
  g_signal_connect (message, "got-headers", G_CALLBACK (got_headers_cb), exchange);
  g_signal_connect (message, "got-chunk", G_CALLBACK (got_chunk_cb), exchange);
  g_signal_connect (message, "got-body", G_CALLBACK (got_body_cb), exchange);
}

/* Done, or the client has gone. */
static void
request_ended_cb (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  serve_end_exchange (get_exchange (message));
}

/* --- The token ------------------------------------------------------------------------------- */

static char *
draw_token (GError **error)
{
  guint8 bytes[16];
  GString *text = g_string_new (NULL);
  int file = open ("/dev/urandom", O_RDONLY | O_CLOEXEC);
  gboolean done = file >= 0 && read (file, bytes, sizeof bytes) == sizeof bytes;

  if (file >= 0)
    close (file);
  for (guint i = 0; done && i < sizeof bytes; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  if (done)
    return g_string_free (text, FALSE);
  g_string_free (text, TRUE);
  g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_IO, "/dev/urandom: no random bytes");
  return NULL;
}

/* What the file holds; a file that is not there is made, readable by its owner alone. */
static char *
read_token (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      text = draw_token (error);
      if (!text)
        return NULL;
      line = g_strconcat (text, "\n", NULL);
      return g_file_set_contents_full (path, line, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error)
                 ? g_steal_pointer (&text)
                 : NULL;
    }
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  g_strstrip (text);
  if (strlen (text) >= 16 && !strpbrk (text, " \t\r\n"))
    return g_steal_pointer (&text);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: expected a token of 16 characters or more in one line", path);
  return NULL;
}

/* --- The command ----------------------------------------------------------------------------- */

static gboolean
interrupted_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
listen_and_say (Serve *self, guint port, GError **error)
{
  g_autofree char *text = NULL;
  GSList *uris;

  if (!soup_server_listen_local (self->server, port, SOUP_SERVER_LISTEN_IPV4_ONLY, error))
    {
      g_prefix_error (error, "port %u: ", port);
      return FALSE;
    }
  uris = soup_server_get_uris (self->server);
  text =
      g_strdup_printf ("http://127.0.0.1:%d/v1  model %s  token %s\n", g_uri_get_port (uris->data),
                       self->model, self->token ? self->token : "none");
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
  return cli_write (text, error);
}

static gboolean
serve (Serve *self,
       PmodModel *model,
       guint port,
       guint max_waiting,
       guint max_contexts,
       GError **error)
{
  guint ids[2];
  gboolean done;

  self->engine = serve_engine_new (model, max_waiting, max_contexts, error);
  if (!self->engine)
    return FALSE;
  self->started = g_get_real_time () / G_USEC_PER_SEC;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  self->server = soup_server_new ("server-header", "pmod", NULL);
  soup_server_add_handler (self->server, NULL, handle, self, NULL);
  g_signal_connect (self->server, "request-started", G_CALLBACK (request_started_cb), self);
  g_signal_connect (self->server, "request-finished", G_CALLBACK (request_ended_cb), self);
  g_signal_connect (self->server, "request-aborted", G_CALLBACK (request_ended_cb), self);
  ids[0] = g_unix_signal_add (SIGINT, interrupted_cb, self->loop);
  ids[1] = g_unix_signal_add (SIGTERM, interrupted_cb, self->loop);
  done = listen_and_say (self, port, error);
  /* Pressed while the model was being read. */
  if (done && !cli_interrupt_pending ())
    g_main_loop_run (self->loop);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    g_source_remove (ids[i]);
  serve_engine_free (self->engine);
  soup_server_disconnect (self->server);
  g_object_unref (self->server);
  g_ptr_array_unref (self->sockets);
  g_main_loop_unref (self->loop);
  return done;
}

static gboolean
open_and_serve (const char *name,
                const Arguments *arguments,
                const CliOptions *options,
                Serve *self,
                GError **error)
{
  g_autoptr (CliProgress) progress = cli_progress_new (options->progress);
  g_autoptr (PmodModel) model = NULL;
  gint64 port = DEFAULT_PORT, max_waiting = DEFAULT_WAITING, max_contexts = DEFAULT_CONTEXTS;

  if (arguments->no_token && arguments->token_file)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--no-token and --token-file exclude each "
                   "other");
      return FALSE;
    }
  if ((arguments->port && !cli_read_int ("--port", arguments->port, 0, 65535, &port, error)) ||
      (arguments->max_waiting &&
       !cli_read_int ("--max-waiting", arguments->max_waiting, 1, 100000, &max_waiting, error)) ||
      (arguments->max_contexts &&
       !cli_read_int ("--contexts", arguments->max_contexts, 1, 1000, &max_contexts, error)) ||
      !cli_read_bytes ("--max-body", arguments->max_body ? arguments->max_body : DEFAULT_BODY,
                       &self->max_body, error))
    return FALSE;
  if (!arguments->no_token)
    {
      self->token =
          arguments->token_file ? read_token (arguments->token_file, error) : draw_token (error);
      if (!self->token)
        return FALSE;
    }
  model = pmod_model_open (name, &options->model, cli_progress_func, progress, error);
  cli_progress_end (progress);
  if (!model ||
      !cli_options_get_params (options, pmod_model_get_config (model), &self->defaults, error))
    return FALSE;
  cli_progress_note_device (progress, model);
  self->model = g_path_get_basename (pmod_model_get_path (model));
  self->facts = pmod_remote_facts_write (model, options->model.vision_tower, self->max_body,
                                         &self->model_hash, error);
  return self->facts &&
         serve (self, model, (guint)port, (guint)max_waiting, (guint)max_contexts, error);
}

gboolean
cli_serve (char **args, GError **error)
{
  Arguments arguments = { NULL };
  Serve self = { NULL };
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_STRING, &arguments.port,
      "Port of 127.0.0.1 (8375; 0: any that is free)", "N" },
    { "token-file", 0, 0, G_OPTION_ARG_FILENAME, &arguments.token_file,
      "Take the token from FILE, which is made where it is not there (else one is drawn)", "FILE" },
    { "no-token", 0, 0, G_OPTION_ARG_NONE, &arguments.no_token,
      "Answer every program of this computer, and of all who use it", NULL },
    { "max-body", 0, 0, G_OPTION_ARG_STRING, &arguments.max_body,
      "Largest request, pictures included (64M)", "BYTES" },
    { "max-waiting", 0, 0, G_OPTION_ARG_STRING, &arguments.max_waiting,
      "Requests that may wait beside the one that is answered (64)", "N" },
    { "contexts", 0, 0, G_OPTION_ARG_STRING, &arguments.max_contexts,
      "Conversations whose beginnings are kept for a next question (4)", "N" },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args, CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING, entries, "MODEL",
      "Answers programs on this computer: POST /v1/chat/completions in OpenAI's shape, pictures\n"
      "as data URLs, with \"stream\" or whole; GET /v1/models, GET /health. A window of Strata on\n"
      "another machine has it as one more device (Connect to a Server). Options are what "
      "holds\n"
      "where a request says nothing. The first line of output tells address and token. From\n"
      "elsewhere: ssh -L 8375:127.0.0.1:8375 HOST. Ctrl-C ends it.",
      error);
  const char *model;
  gboolean done = options != NULL && options->help;

  if (options != NULL && !options->help)
    {
      model = cli_options_get_one (options, "a model", error);
      done = model != NULL && open_and_serve (model, &arguments, options, &self, error);
    }
  g_free (arguments.port);
  g_free (arguments.token_file);
  g_free (arguments.max_body);
  g_free (arguments.max_waiting);
  g_free (arguments.max_contexts);
  g_free (self.model);
  g_free (self.token);
  g_free (self.facts);
  g_free (self.model_hash);
  return done;
}
