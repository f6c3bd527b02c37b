/* Bytes as the headers of a server's answer, and as the beginning of a body that tells its length:
 * what is taken of them, where a redirection leads, and how much is read. */
#include "pmod-hub-http.c"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define ENDPOINT "https://models.example/base"

static void
redirect (PmodHubHttp *http, SoupMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GUri) from = g_uri_parse (ENDPOINT "/file", SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr (GUri) to = follow (http, from, message, "fuzz", &error);

  g_assert_true ((to == NULL) == (error != NULL));
  /* From an encrypted address only to another one. */
  g_assert_true (!to || strcmp (g_uri_get_scheme (to), "https") == 0);
}

static void
ask_next (PmodHubHttp *http, const char *next)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GUri) uri = resolve (http, next, "fuzz", &error);

  g_assert_true ((uri == NULL) == (error != NULL));
  g_assert_true (!uri || strcmp (g_uri_get_host (uri), "models.example") == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static PmodHubHttp *http;
  g_autoptr (SoupMessage) message = soup_message_new ("GET", ENDPOINT "/file");
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_auto (PmodHubReply) reply = { 0 };
  g_autofree char *text = g_strndup ((const char *)data, size);
  guint status = SOUP_STATUS_OK;
  gsize want;

  if (!http)
    http = pmod_hub_http_new (ENDPOINT, FALSE, NULL, NULL);
  g_byte_array_append (body, data, (guint)size);
  want = want_header (body, MAX_HEADER_BYTES);
  g_assert_true (want == G_MAXSIZE || want <= 65536);
  if (!soup_headers_parse_response (text, (int)strlen (text),
                                    soup_message_get_response_headers (message), NULL, &status,
                                    NULL))
    return 0;
  read_reply (http, message, &reply);
  g_assert_cmpuint (reply.retry_after, <=, MAX_WAIT_S);
  g_assert_true (reply.length >= -1 && reply.total >= -1);
  redirect (http, message);
  if (reply.next)
    ask_next (http, reply.next);
  return 0;
}
