/* PmodRemote: a connection to a server. See pmod-remote.h.
 *
 * Nothing is cached, stored or followed elsewhere; the token goes to the address alone. */
#include "config.h"

#include "pmod-remote-private.h"

#include <libsoup/soup.h>
#include <string.h>

#define SILENCE_SECONDS 15 /* without a byte, also while connecting */
#define OPEN_SECONDS 30    /* for the facts, however slowly they drip */
#define MAX_FACTS_BYTES (32 * 1024 * 1024)
#define MAX_ERROR_BYTES (64 * 1024)
#define MAX_BUSY 30 /* times that a busy server is asked again, a second apart */
#define N_SENT 4

struct _PmodRemote
{
  GMainContext *context; /* of the session's timers, so that no other thread runs them */
  SoupSession *session;
  char *address;
  char *host;
  char *authorization; /* nullable */
  char client[33];
  PmodRemoteFacts *facts;
  /* Pictures that the server has seen, so that a next question does not send them again. */
  guint64 sent[N_SENT];
  guint n_sent;
};

/* --- Errors ----------------------------------------------------------------------------------- */

static void
set_cancelled (GError **error)
{
  g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "stopped");
}

static void
set_network_error (const PmodRemote *self, const GError *local, GError **error)
{
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    set_cancelled (error);
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: no answer within %d seconds", self->host,
                 SILENCE_SECONDS);
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                 "%s: nobody answers there; is pmod serve running, and the tunnel open?",
                 self->host);
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: no answer: %s", self->host, local->message);
}

/* The server's own words, where it is one that we know. (transfer full) */
static char *
read_words (GInputStream *stream, GCancellable *cancellable)
{
  g_autofree char *text = g_malloc (MAX_ERROR_BYTES);
  g_autoptr (PmodJsonDocument) document = NULL;
  const PmodJson *words;
  gsize n = 0;

  if (!g_input_stream_read_all (stream, text, MAX_ERROR_BYTES, &n, cancellable, NULL) || n == 0)
    return NULL;
  document = pmod_json_parse (text, (gssize)n, "error", NULL);
  words = document != NULL
              ? pmod_json_find (pmod_json_find (pmod_json_root (document), "error"), "message")
              : NULL;
  return words != NULL && words->type == PMOD_JSON_STRING ? g_strndup (words->string, 2000) : NULL;
}

static void
set_status_error (const PmodRemote *self, guint status, const char *words, GError **error)
{
  if (status == SOUP_STATUS_UNAUTHORIZED)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "%s: %s", self->host,
                 self->authorization != NULL
                     ? "the token is not the one that pmod serve printed there"
                     : "a token is needed: pmod serve printed it there");
  else if (status == SOUP_STATUS_CONFLICT)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                 "%s: another model is served there by now; connect again", self->host);
  else if (words != NULL && status != SOUP_STATUS_NOT_FOUND)
    g_set_error (error, PMOD_ERROR,
                 status == SOUP_STATUS_BAD_REQUEST ? PMOD_ERROR_ARGUMENT : PMOD_ERROR_IO, "%s: %s",
                 self->host, words);
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: expected pmod serve of this version, got another program or another version "
                 "(status %u)",
                 self->host, status);
}

/* --- Requests --------------------------------------------------------------------------------- */

static SoupMessage *
new_message (const PmodRemote *self, const char *method, const char *path)
{
  g_autofree char *text = g_strconcat (self->address, path, NULL);
  SoupMessage *message = soup_message_new (method, text);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (self->authorization != NULL)
    soup_message_headers_replace (headers, "Authorization", self->authorization);
  return message;
}

/* NULL where the answer is not 200 of the given type; *status: what it was, 0 where none came. */
static GInputStream *
send_message (PmodRemote *self,
              SoupMessage *message,
              const char *type,
              guint *status,
              GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GInputStream) stream = soup_session_send (self->session, message, cancellable, &local);
  g_autofree char *words = NULL;
  const char *got;

  *status = 0;
  if (stream == NULL)
    {
      set_network_error (self, local, error);
      return NULL;
    }
  *status = soup_message_get_status (message);
  got = soup_message_headers_get_content_type (soup_message_get_response_headers (message), NULL);
  if (*status == SOUP_STATUS_OK && g_strcmp0 (got, type) == 0)
    return g_steal_pointer (&stream);
  if (*status != SOUP_STATUS_OK)
    words = read_words (stream, cancellable);
  if (g_cancellable_is_cancelled (cancellable))
    set_cancelled (error);
  else
    set_status_error (self, *status, words, error);
  return NULL;
}

/* --- The facts -------------------------------------------------------------------------------- */

static gboolean
read_whole (PmodRemote *self,
            GInputStream *stream,
            GByteArray *all,
            GCancellable *cancellable,
            GError **error)
{
  gint64 deadline = g_get_monotonic_time () + OPEN_SECONDS * G_USEC_PER_SEC;
  g_autofree guint8 *chunk = g_malloc (16384);
  gssize n;

  for (;;)
    {
      g_autoptr (GError) local = NULL;

      n = g_input_stream_read (stream, chunk, 16384, cancellable, &local);
      if (n < 0)
        set_network_error (self, local, error);
      if (n <= 0)
        return n == 0;
      g_byte_array_append (all, chunk, (guint)n);
      if (all->len <= MAX_FACTS_BYTES && g_get_monotonic_time () < deadline)
        continue;
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                   "%s: expected a short answer within %d seconds, got %u bytes so far", self->host,
                   OPEN_SECONDS, all->len);
      return FALSE;
    }
}

static gboolean
read_facts (PmodRemote *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (SoupMessage) message = new_message (self, SOUP_METHOD_GET, PMOD_REMOTE_PATH);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint status;
  g_autoptr (GInputStream) stream =
      send_message (self, message, "application/json", &status, cancellable, error);

  if (stream == NULL || !read_whole (self, stream, all, cancellable, error))
    return FALSE;
  self->facts = pmod_remote_facts_read ((const char *)all->data, all->len, error);
  if (self->facts == NULL)
    g_prefix_error (error, "%s: ", self->host);
  return self->facts != NULL;
}

/* --- Lifecycle -------------------------------------------------------------------------------- */

static void
draw_client (PmodRemote *self)
{
  g_autofree char *uuid = g_uuid_string_random ();
  guint n = 0;

  for (const char *c = uuid; *c != '\0' && n < sizeof self->client - 1; c++)
    if (*c != '-')
      self->client[n++] = *c;
}

static SoupSession *
new_session (const PmodRemote *self)
{
  g_autoptr (GProxyResolver) none = g_simple_proxy_resolver_new (NULL, NULL);
  SoupSession *session = soup_session_new_with_options (
      "user-agent", "strata/" STRATA_VERSION, "timeout", SILENCE_SECONDS, "idle-timeout",
      SILENCE_SECONDS, "max-conns-per-host", 2 * PMOD_REMOTE_MAX_LANES, NULL);

  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  /* This computer is never asked through another one; http goes nowhere else. */
  if (g_str_has_prefix (self->address, "http:"))
    soup_session_set_proxy_resolver (session, none);
  return session;
}

PmodRemote *
pmod_remote_open (const char *address, const char *token, GCancellable *cancellable, GError **error)
{
  char *known = pmod_remote_dup_address (address, error);
  PmodRemote *self;
  gboolean open;

  if (known == NULL)
    return NULL;
  self = g_new0 (PmodRemote, 1);
  self->address = known;
  self->host = pmod_remote_dup_host (known);
  if (token != NULL && *token != '\0')
    self->authorization = g_strconcat ("Bearer ", token, NULL);
  draw_client (self);
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  self->session = new_session (self);
  open = read_facts (self, cancellable, error);
  g_main_context_pop_thread_default (self->context);
  if (!open)
    g_clear_pointer (&self, pmod_remote_free);
  return self;
}

void
pmod_remote_free (PmodRemote *self)
{
  if (self == NULL)
    return;
  g_main_context_push_thread_default (self->context);
  /* A broken connection is let go of by a callback, for which nobody else runs this context. */
  soup_session_abort (self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_object_unref (self->session);
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  g_clear_pointer (&self->facts, pmod_remote_facts_free);
  g_free (self->address);
  g_free (self->host);
  g_free (self->authorization);
  g_free (self);
}

const char *
pmod_remote_get_address (const PmodRemote *self)
{
  return self->address;
}

const PmodRemoteFacts *
pmod_remote_get_facts (const PmodRemote *self)
{
  return self->facts;
}

void
pmod_remote_result_clear (PmodRemoteResult *self)
{
  g_clear_pointer (&self->text, g_free);
}

/* --- Runs ------------------------------------------------------------------------------------- */

static gboolean
was_sent (const PmodRemote *self, const PmodImage *image)
{
  for (guint i = 0; i < MIN (self->n_sent, N_SENT); i++)
    if (self->sent[i] == pmod_image_get_hash (image))
      return TRUE;
  return FALSE;
}

static void
note_sent (PmodRemote *self, const PmodRemoteAsk *ask)
{
  for (guint i = 0; ask->images != NULL && i < ask->images->len; i++)
    if (!was_sent (self, ask->images->pdata[i]))
      self->sent[self->n_sent++ % N_SENT] = pmod_image_get_hash (ask->images->pdata[i]);
}

static GBytes *
make_body (PmodRemote *self, const PmodRemoteAsk *ask, GError **error)
{
  guint n = ask->images != NULL ? ask->images->len : 0;
  g_autofree gboolean *sent = g_new0 (gboolean, n + 1);
  g_autoptr (GBytes) body = NULL;

  for (guint i = 0; i < n; i++)
    sent[i] = was_sent (self, ask->images->pdata[i]);
  body = pmod_remote_request_write (ask, self->client, self->facts->model, sent, error);
  if (body == NULL || g_bytes_get_size (body) <= self->facts->max_body)
    return g_steal_pointer (&body);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "%s takes requests of at most %" G_GUINT64_FORMAT
               " bytes (pmod serve --max-body), and this picture makes one of %" G_GSIZE_FORMAT,
               self->host, self->facts->max_body, g_bytes_get_size (body));
  return NULL;
}

/* A second, or until somebody cancels. */
static void
wait_a_second (GCancellable *cancellable)
{
  GPollFD fd;

  if (cancellable != NULL && g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_poll (&fd, 1, 1000);
      g_cancellable_release_fd (cancellable);
    }
  else
    g_usleep (G_USEC_PER_SEC);
}

/* The answer's stream. A connection that was kept and has died meanwhile is no failure, and one
 * who is busy is asked again. */
static GInputStream *
post (PmodRemote *self, GBytes *body, GCancellable *cancellable, GError **error)
{
  for (int n_busy = 0, n_broken = 0;;)
    {
      g_autoptr (SoupMessage) message = new_message (self, SOUP_METHOD_POST, PMOD_REMOTE_RUNS_PATH);
      g_autoptr (GError) local = NULL;
      GInputStream *stream;
      guint status;

      if (n_broken > 0)
        soup_message_add_flags (message, SOUP_MESSAGE_NEW_CONNECTION);
      soup_message_set_request_body_from_bytes (message, "application/octet-stream", body);
      stream = send_message (self, message, PMOD_REMOTE_STREAM_TYPE, &status, cancellable, &local);
      if (stream != NULL)
        return stream;
      if (status == SOUP_STATUS_SERVICE_UNAVAILABLE && n_busy++ < MAX_BUSY &&
          !g_cancellable_is_cancelled (cancellable))
        wait_a_second (cancellable);
      else if (status != 0 || n_broken++ > 0 || g_cancellable_is_cancelled (cancellable))
        {
          if (g_cancellable_is_cancelled (cancellable))
            set_cancelled (error);
          else
            g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
}

static gboolean
run_once (PmodRemote *self,
          const PmodRemoteAsk *ask,
          const PmodRemoteSink *sink,
          PmodRemoteResult *result,
          gboolean *picture,
          GCancellable *cancellable,
          GError **error)
{
  g_autoptr (GBytes) body = make_body (self, ask, error);
  g_autoptr (GInputStream) stream = body != NULL ? post (self, body, cancellable, error) : NULL;
  gboolean done;

  if (stream == NULL)
    return FALSE;
  done =
      pmod_remote_stream_read (stream, self->facts, ask, sink, result, picture, cancellable, error);
  g_input_stream_close (stream, NULL, NULL);
  return done;
}

gboolean
pmod_remote_run (PmodRemote *self,
                 const PmodRemoteAsk *ask,
                 const PmodRemoteSink *sink,
                 PmodRemoteResult *result,
                 GCancellable *cancellable,
                 GError **error)
{
  g_autoptr (GError) local = NULL;
  gboolean picture = FALSE, done;

  *result = (PmodRemoteResult){ 0 };
  g_main_context_push_thread_default (self->context);
  done = run_once (self, ask, sink, result, &picture, cancellable, &local);
  if (!done && picture)
    {
      self->n_sent = 0;
      memset (self->sent, 0, sizeof self->sent);
      g_clear_error (&local);
      done = run_once (self, ask, sink, result, &picture, cancellable, &local);
    }
  g_main_context_pop_thread_default (self->context);
  if (done)
    note_sent (self, ask);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return done;
}
