/* Addresses of servers: what may be asked, and by whom the token may be seen. */
#include "config.h"

#include "pmod-remote.h"

#include <libsoup/soup.h>
#include <string.h>

#define MAX_TOKEN_BYTES 4096

gboolean
pmod_remote_is_address (const char *text)
{
  return g_ascii_strncasecmp (text, "http://", 7) == 0 ||
         g_ascii_strncasecmp (text, "https://", 8) == 0;
}

static gboolean
is_loopback (GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return (address != NULL && g_inet_address_get_is_loopback (address)) ||
         g_ascii_strcasecmp (host, "localhost") == 0;
}

static const char *
find_fault (GUri *uri)
{
  if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0' ||
      g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return "expected an address such as http://127.0.0.1:8375 or https://HOST/PREFIX";
  if (g_uri_get_userinfo (uri) != NULL)
    return "expected an address without a name and password in it";
  if (strcmp (g_uri_get_scheme (uri), "https") != 0 && !is_loopback (uri))
    return "pictures, questions and the token would travel unencrypted: expected https, or this "
           "computer's end of a tunnel (ssh -L 8375:127.0.0.1:8375 MACHINE, then "
           "http://127.0.0.1:8375)";
  return NULL;
}

char *
pmod_remote_dup_address (const char *text, GError **error)
{
  g_autofree char *trimmed = g_strstrip (g_strdup (text));
  g_autoptr (GUri) uri =
      pmod_remote_is_address (trimmed) ? g_uri_parse (trimmed, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  const char *fault = find_fault (uri);
  g_autofree char *quoted = pmod_error_quote (trimmed);
  g_autofree char *address = NULL;

  if (fault != NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "%s: %s", quoted, fault);
      return NULL;
    }
  address = g_uri_to_string (uri);
  while (g_str_has_suffix (address, "/"))
    address[strlen (address) - 1] = '\0';
  if (g_str_has_suffix (address, "/v1"))
    address[strlen (address) - strlen ("/v1")] = '\0';
  return g_steal_pointer (&address);
}

char *
pmod_remote_dup_host (const char *address)
{
  g_autoptr (GUri) uri = g_uri_parse (address, SOUP_HTTP_URI_FLAGS, NULL);
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;
  const char *rest = strstr (address, "://");

  if (host == NULL || rest == NULL)
    return g_strdup (address);
  rest += strlen ("://");
  return g_strndup (rest, strcspn (rest, "/"));
}

char *
pmod_remote_dup_known_token (void)
{
  const char *token = g_getenv ("STRATA_SERVER_TOKEN");
  const char *path = g_getenv ("STRATA_SERVER_TOKEN_FILE");
  char *text = NULL;
  gsize length;

  if (token != NULL && *token != '\0')
    return g_strdup (token);
  if (path == NULL || !g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  if (length <= MAX_TOKEN_BYTES && *g_strstrip (text) != '\0')
    return text;
  g_free (text);
  return NULL;
}
