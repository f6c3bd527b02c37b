/* GET over HTTP, with what a download needs and no more: no cookies, no cache, no decoding, no
 * stored passwords. Redirects are followed here, one by one, so that the token goes to the
 * endpoint alone and nobody is led from https to http.
 *
 * A session belongs to the thread that made it; so does a PmodHubHttp. */
#include "config.h"

#include "pmod-hub-private.h"

#include <libsoup/soup.h>
#include <string.h>

#define TIMEOUT_S 30 /* without a byte */
#define MAX_REDIRECTS 5
#define MAX_FAILED 5
#define FIRST_WAIT_MS 250
#define MAX_WAIT_S 60
#define MAX_HEADER_BYTES (16 * 1024 * 1024) /* of a safetensors file; a 7B model's has 0.1 MB */

struct _PmodHubHttp
{
  GMainContext *context; /* of the session's timers, so that no other thread runs them */
  SoupSession *session;
  GUri *endpoint;
  char *endpoint_text;
  char *token; /* NULL also where it would travel unencrypted */
};

/* --- Addresses -------------------------------------------------------------------------------- */

static gboolean
is_loopback (GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  g_autoptr (GInetAddress) address = host != NULL ? g_inet_address_new_from_string (host) : NULL;

  return (address != NULL && g_inet_address_get_is_loopback (address)) ||
         g_strcmp0 (host, "localhost") == 0;
}

static gboolean
is_https (GUri *uri)
{
  return g_strcmp0 (g_uri_get_scheme (uri), "https") == 0;
}

static gboolean
is_same_origin (GUri *a, GUri *b)
{
  return g_strcmp0 (g_uri_get_scheme (a), g_uri_get_scheme (b)) == 0 &&
         g_ascii_strcasecmp (g_uri_get_host (a), g_uri_get_host (b)) == 0 &&
         g_uri_get_port (a) == g_uri_get_port (b);
}

static GUri *
parse_endpoint (const char *text, gboolean allow_http, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
  g_autofree char *quoted = pmod_hub_quote (text);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : NULL;
  const char *expected = NULL;

  if (uri != NULL && g_uri_get_userinfo (uri) != NULL)
    {
      g_set_error_literal (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT,
                           "server: expected an address without a name and password in it");
      return NULL;
    }
  if (scheme == NULL || (strcmp (scheme, "https") != 0 && strcmp (scheme, "http") != 0) ||
      g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0' ||
      g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    expected = "https://HOST";
  else if (!is_https (uri) && !allow_http && !is_loopback (uri))
    expected = "https (or http given by --mirror)";
  if (expected == NULL)
    return g_steal_pointer (&uri);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT, "server: expected %s, got %s",
               expected, quoted);
  return NULL;
}

/* --- Proxy ------------------------------------------------------------------------------------ */

static const char *
get_either (const char *lower, const char *upper)
{
  const char *value = g_getenv (lower);

  if (value == NULL || *value == '\0')
    value = g_getenv (upper);
  return value != NULL && *value != '\0' ? value : NULL;
}

/* What the environment says, as other command lines read it; where it says nothing, NULL, and the
 * desktop's settings count where there is a desktop. This machine itself is never asked through a
 * proxy. */
static GProxyResolver *
new_proxy_resolver (void)
{
  const char *all = get_either ("all_proxy", "ALL_PROXY");
  const char *https = get_either ("https_proxy", "HTTPS_PROXY");
  const char *http = get_either ("http_proxy", "HTTP_PROXY");
  const char *no_proxy = get_either ("no_proxy", "NO_PROXY");
  g_autofree char *ignored = g_strconcat ("localhost,127.0.0.0/8,::1,", no_proxy, NULL);
  g_auto (GStrv) hosts = g_strsplit_set (ignored, ", ", -1);
  g_autoptr (GStrvBuilder) kept = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;
  GProxyResolver *resolver;

  if (all == NULL && https == NULL && http == NULL)
    return NULL;
  for (char **host = hosts; *host != NULL; host++)
    if (**host != '\0' && strcmp (*host, "*") != 0)
      g_strv_builder_add (kept, *host);
  list = g_strv_builder_end (kept);
  if (no_proxy != NULL && strcmp (no_proxy, "*") == 0)
    return g_simple_proxy_resolver_new (NULL, NULL);
  resolver = g_simple_proxy_resolver_new (all, list);
  if (https != NULL)
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (resolver), "https", https);
  if (http != NULL)
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (resolver), "http", http);
  return resolver;
}

/* --- Lifecycle -------------------------------------------------------------------------------- */

PmodHubHttp *
pmod_hub_http_new (const char *endpoint, gboolean allow_http, const char *token, GError **error)
{
  g_autoptr (GProxyResolver) resolver = new_proxy_resolver ();
  GUri *uri = parse_endpoint (endpoint, allow_http, error);
  PmodHubHttp *self;

  if (uri == NULL)
    return NULL;
  self = g_new0 (PmodHubHttp, 1);
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  self->endpoint = uri;
  self->endpoint_text = g_strdup (endpoint);
  while (g_str_has_suffix (self->endpoint_text, "/"))
    self->endpoint_text[strlen (self->endpoint_text) - 1] = '\0';
  self->session = soup_session_new_with_options ("user-agent", "strata/" STRATA_VERSION, "timeout",
                                                 TIMEOUT_S, "idle-timeout", TIMEOUT_S, NULL);
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_CONTENT_DECODER);
  if (resolver != NULL)
    soup_session_set_proxy_resolver (self->session, resolver);
  if (token != NULL && *token != '\0' && (is_https (uri) || is_loopback (uri)))
    self->token = g_strdup (token);
  return self;
}

void
pmod_hub_http_free (PmodHubHttp *self)
{
  if (self == NULL)
    return;
  /* A broken connection is let go of by a callback, for which nobody else runs this context. */
  soup_session_abort (self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_object_unref (self->session);
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  g_uri_unref (self->endpoint);
  g_free (self->endpoint_text);
  g_free (self->token);
  g_free (self);
}

void
pmod_hub_reply_clear (PmodHubReply *self)
{
  g_clear_pointer (&self->next, g_free);
}

/* --- What came back --------------------------------------------------------------------------- */

static void
set_status_error (
    const PmodHubHttp *self, guint status, const char *what, PmodHubReply *reply, GError **error)
{
  const char *host = g_uri_get_host (self->endpoint);

  reply->is_transient = status == 408 || status == 429 || (status >= 500 && status != 501);
  if (status == 401 || status == 403)
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_DENIED,
                 "%s: %s answered %u: %s, or there is no such repository", what, host, status,
                 self->token != NULL ? "the token in HF_TOKEN may not read it"
                                     : "it wants a token (HF_TOKEN) that may read it");
  else if (status == 404)
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_MISSING, "%s: not found on %s (404)", what,
                 host);
  else if (status == 429)
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
                 "%s: %s asks for fewer requests (429); try again later", what, host);
  else
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
                 "%s: expected the file from %s, got status %u", what, host, status);
}

static const char *
describe_certificate (GTlsCertificateFlags errors)
{
  if (errors & G_TLS_CERTIFICATE_BAD_IDENTITY)
    return "it is for another name";
  if (errors & G_TLS_CERTIFICATE_UNKNOWN_CA)
    return "nobody whom this computer trusts has signed it";
  if (errors & G_TLS_CERTIFICATE_EXPIRED)
    return "it has expired";
  if (errors & G_TLS_CERTIFICATE_NOT_ACTIVATED)
    return "it is not valid yet; is the clock of this computer right?";
  if (errors & G_TLS_CERTIFICATE_REVOKED)
    return "it was revoked";
  return "it cannot be checked";
}

/* Nothing was asked of who has shown it, and no token sent. */
static void
set_certificate_error (
    GUri *uri, GTlsCertificateFlags errors, const char *what, PmodHubReply *reply, GError **error)
{
  reply->is_transient = FALSE;
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_NETWORK,
               "%s: expected a certificate of %s that can be trusted, got one that cannot: %s",
               what, g_uri_get_host (uri), describe_certificate (errors));
}

/* Errors below HTTP. A certificate that is not trusted does not become so by asking again. */
static void
set_network_error (
    GUri *uri, const GError *local, const char *what, PmodHubReply *reply, GError **error)
{
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_set_error_literal (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CANCELLED,
                           "stopped; what is there stays, and the same command goes on from it");
      return;
    }
  reply->is_transient =
      local->domain == G_IO_ERROR || g_error_matches (local, G_TLS_ERROR, G_TLS_ERROR_EOF) ||
      g_error_matches (local, G_RESOLVER_ERROR, G_RESOLVER_ERROR_TEMPORARY_FAILURE);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_NETWORK, "%s: no answer from %s: %s", what,
               g_uri_get_host (uri), local->message);
}

static void
read_next_page (const PmodHubHttp *self, SoupMessageHeaders *headers, PmodHubReply *reply)
{
  const char *link = soup_message_headers_get_list (headers, "Link");
  const char *relation = link != NULL ? strstr (link, "rel=\"next\"") : NULL;
  const char *begin = link != NULL ? strchr (link, '<') : NULL;
  const char *end = begin != NULL ? strchr (begin, '>') : NULL;

  if (relation != NULL && end != NULL && end < relation)
    reply->next = g_strndup (begin + 1, (gsize)(end - begin - 1));
}

static void
read_reply (const PmodHubHttp *self, SoupMessage *message, PmodHubReply *reply)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *later = soup_message_headers_get_one (headers, "Retry-After");
  goffset start = 0, end, total = -1;

  reply->is_partial = soup_message_get_status (message) == SOUP_STATUS_PARTIAL_CONTENT;
  reply->length = -1;
  reply->total = -1;
  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH)
    reply->length = MAX (soup_message_headers_get_content_length (headers), -1);
  if (reply->is_partial)
    {
      if (soup_message_headers_get_content_range (headers, &start, &end, &total) && start >= 0)
        reply->start = (guint64)start;
      else
        reply->start = G_MAXUINT64;
      reply->total = MAX (total, -1);
    }
  else
    reply->total = reply->length;
  if (later != NULL)
    reply->retry_after = (guint)CLAMP (g_ascii_strtoll (later, NULL, 10), 0, MAX_WAIT_S);
  read_next_page (self, headers, reply);
}

/* --- One request ------------------------------------------------------------------------------ */

static GUri *
resolve (const PmodHubHttp *self, const char *path, const char *what, GError **error)
{
  g_autofree char *text = g_str_has_prefix (path, "/")
                              ? g_strconcat (self->endpoint_text, path, NULL)
                              : g_strdup (path);
  g_autoptr (GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);

  if (uri != NULL && g_uri_get_host (uri) != NULL && is_same_origin (uri, self->endpoint))
    return g_steal_pointer (&uri);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
               "%s: expected an address on %s, got one elsewhere", what,
               g_uri_get_host (self->endpoint));
  return NULL;
}

/* Where the answer to a request at from leads, or NULL with an error. http is followed only to
 * where http was allowed: within the endpoint, or from this machine to itself. */
static GUri *
follow (const PmodHubHttp *self, GUri *from, SoupMessage *message, const char *what, GError **error)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *location = soup_message_headers_get_one (headers, "Location");
  g_autoptr (GUri) to =
      location != NULL ? g_uri_parse_relative (from, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  const char *scheme = to != NULL ? g_uri_get_scheme (to) : "";

  if (to == NULL || g_uri_get_host (to) == NULL || *g_uri_get_host (to) == '\0' ||
      (strcmp (scheme, "https") != 0 && strcmp (scheme, "http") != 0))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
                   "%s: %s redirects to no https address", what, g_uri_get_host (from));
      return NULL;
    }
  if (is_https (to) || (is_same_origin (to, self->endpoint) && !is_https (from)) ||
      (is_loopback (to) && is_loopback (from) && !is_https (from)))
    return g_steal_pointer (&to);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
               "%s: %s redirects to %s without encryption, which is not followed", what,
               g_uri_get_host (from), g_uri_get_host (to));
  return NULL;
}

/* Bytes are counted and hashed as they come, so they must be the file's own. */
static gboolean
check_encoding (SoupMessage *message, GUri *uri, const char *what, GError **error)
{
  const char *encoding = soup_message_headers_get_one (soup_message_get_response_headers (message),
                                                       "Content-Encoding");

  if (encoding == NULL || g_ascii_strcasecmp (encoding, "identity") == 0)
    return TRUE;
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
               "%s: expected the bytes as they are, %s compresses them unasked", what,
               g_uri_get_host (uri));
  return FALSE;
}

static SoupMessage *
new_message (const PmodHubHttp *self, GUri *uri, guint64 offset)
{
  SoupMessage *message = soup_message_new_from_uri (SOUP_METHOD_GET, uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (offset > 0)
    {
      g_autofree char *range = g_strdup_printf ("bytes=%" G_GUINT64_FORMAT "-", offset);

      soup_message_headers_replace (headers, "Range", range);
    }
  if (self->token != NULL && is_same_origin (uri, self->endpoint))
    {
      g_autofree char *value = g_strconcat ("Bearer ", self->token, NULL);

      soup_message_headers_replace (headers, "Authorization", value);
    }
  return message;
}

GInputStream *
pmod_hub_http_get (PmodHubHttp *self,
                   const char *path,
                   const char *what,
                   guint64 offset,
                   PmodHubReply *reply,
                   GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (GUri) uri = resolve (self, path, what, error);

  memset (reply, 0, sizeof *reply);
  for (int i = 0; uri != NULL && i <= MAX_REDIRECTS; i++)
    {
      g_autoptr (SoupMessage) message = new_message (self, uri, offset);
      g_autoptr (GError) local = NULL;
      g_autoptr (GInputStream) stream =
          soup_session_send (self->session, message, cancellable, &local);
      guint status = soup_message_get_status (message);
      GUri *next;

      if (stream == NULL)
        {
          if (g_error_matches (local, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
            set_certificate_error (uri, soup_message_get_tls_peer_certificate_errors (message),
                                   what, reply, error);
          else
            set_network_error (uri, local, what, reply, error);
          return NULL;
        }
      pmod_hub_reply_clear (reply);
      read_reply (self, message, reply);
      if (status == SOUP_STATUS_OK || (status == SOUP_STATUS_PARTIAL_CONTENT && offset > 0))
        return check_encoding (message, uri, what, error) ? g_steal_pointer (&stream) : NULL;
      if (!SOUP_STATUS_IS_REDIRECTION (status) || status == SOUP_STATUS_NOT_MODIFIED)
        {
          set_status_error (self, status, what, reply, error);
          return NULL;
        }
      next = follow (self, uri, message, what, error);
      g_uri_unref (uri);
      uri = next;
    }
  if (uri != NULL)
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
                 "%s: %s redirects in a circle: more than %d times", what, g_uri_get_host (uri),
                 MAX_REDIRECTS);
  return NULL;
}

/* --- Trying again ----------------------------------------------------------------------------- */

/* Twice as long each time, or as the server asks. */
gboolean
pmod_hub_retry_wait (PmodHubRetry *self,
                     const PmodHubReply *reply,
                     GCancellable *cancellable,
                     GError **error)
{
  gint64 wait_ms =
      MAX ((gint64)FIRST_WAIT_MS << MIN (self->n_failed, 10), (gint64)reply->retry_after * 1000);
  GPollFD fd = { 0 };

  if (!reply->is_transient || ++self->n_failed >= MAX_FAILED)
    return FALSE;
  g_clear_error (error);
  if (g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_poll (&fd, 1, (int)wait_ms);
      g_cancellable_release_fd (cancellable);
    }
  else
    g_usleep ((gulong)wait_ms * 1000);
  return pmod_hub_check_cancelled (cancellable, error);
}

/* --- Small bodies ----------------------------------------------------------------------------- */

/* How many bytes to read, given those that are there: 0 for no more, SIZE_MAX for too many. */
typedef gsize (*WantFunc) (const GByteArray *bytes, gsize max_bytes);

static gsize
want_all (const GByteArray *bytes, gsize max_bytes)
{
  return bytes->len > max_bytes ? G_MAXSIZE : 65536;
}

static gsize
want_header (const GByteArray *bytes, gsize max_bytes)
{
  guint64 size;

  if (bytes->len < sizeof size)
    return sizeof size - bytes->len;
  memcpy (&size, bytes->data, sizeof size);
  size = GUINT64_FROM_LE (size);
  if (size > max_bytes)
    return G_MAXSIZE;
  size += sizeof size;
  return size > bytes->len ? MIN (size - bytes->len, 65536) : 0;
}

static gboolean
read_body (GInputStream *stream,
           const char *what,
           gsize max_bytes,
           WantFunc want,
           GByteArray *bytes,
           PmodHubReply *reply,
           GCancellable *cancellable,
           GError **error)
{
  g_autofree guint8 *buffer = g_malloc (65536);
  gsize wanted;

  while ((wanted = want (bytes, max_bytes)) > 0)
    {
      g_autoptr (GError) local = NULL;
      gssize n = wanted == G_MAXSIZE
                     ? 0
                     : g_input_stream_read (stream, buffer, wanted, cancellable, &local);

      if (wanted == G_MAXSIZE)
        {
          g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                       "%s: expected at most %" G_GSIZE_FORMAT " bytes, got more", what, max_bytes);
          return FALSE;
        }
      if (n < 0)
        {
          reply->is_transient = !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_set_error (error, PMOD_HUB_ERROR,
                       reply->is_transient ? PMOD_HUB_ERROR_NETWORK : PMOD_HUB_ERROR_CANCELLED,
                       "%s: the connection broke: %s", what, local->message);
          return FALSE;
        }
      if (n == 0)
        break;
      g_byte_array_append (bytes, buffer, (guint)n);
    }
  return TRUE;
}

static GBytes *
read_with_retries (PmodHubHttp *self,
                   const char *path,
                   const char *what,
                   gsize max_bytes,
                   WantFunc want,
                   char **next,
                   GCancellable *cancellable,
                   GError **error)
{
  PmodHubRetry retry = { 0 };

  for (;;)
    {
      g_auto (PmodHubReply) reply = { 0 };
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) local = NULL;
      g_autoptr (GInputStream) stream =
          pmod_hub_http_get (self, path, what, 0, &reply, cancellable, &local);

      if (stream != NULL &&
          read_body (stream, what, max_bytes, want, bytes, &reply, cancellable, &local))
        {
          if (next != NULL)
            *next = g_steal_pointer (&reply.next);
          return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
        }
      if (!pmod_hub_retry_wait (&retry, &reply, cancellable, &local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
}

GBytes *
pmod_hub_http_read (PmodHubHttp *self,
                    const char *path,
                    const char *what,
                    gsize max_bytes,
                    char **next,
                    GCancellable *cancellable,
                    GError **error)
{
  return read_with_retries (self, path, what, max_bytes, want_all, next, cancellable, error);
}

GBytes *
pmod_hub_http_read_header (PmodHubHttp *self,
                           const char *path,
                           const char *what,
                           GCancellable *cancellable,
                           GError **error)
{
  return read_with_retries (self, path, what, MAX_HEADER_BYTES, want_header, NULL, cancellable,
                            error);
}
