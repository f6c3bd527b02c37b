/* Bytes as a request to "pmod serve"; what an accepted one asks for is within what the engine
 * takes.
 */
#include "cli-serve-request.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static int
count_images (GPtrArray *texts)
{
  int n = 0;

  for (guint i = 0; i < texts->len; i++)
    for (const char *at = texts->pdata[i]; (at = strstr (at, "<image>")); at++)
      n++;
  return n;
}

static void
check (ServeRequest *request)
{
  g_assert_cmpuint (request->roles->len % 2, ==, 1);
  g_assert_cmpuint (request->roles->len, ==, request->texts->len);
  for (guint i = 0; i < request->roles->len; i++)
    {
      g_assert_cmpint (g_array_index (request->roles, PmodRole, i), ==,
                       i % 2 ? PMOD_ROLE_ASSISTANT : PMOD_ROLE_USER);
      g_assert_true (g_utf8_validate (request->texts->pdata[i], -1, NULL));
    }
  /* What a user types makes no picture. */
  g_assert_cmpint (count_images (request->texts), ==, (int)request->images->len);
  g_assert_cmpint (request->params.sampling.max_new_tokens, >=, 1);
  g_assert_true (request->params.sampling.temperature >= 0 &&
                 request->params.sampling.temperature <= 2);
  for (int i = 0; request->stop && request->stop[i]; i++)
    g_assert_cmpuint (strlen (request->stop[i]), >, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_memdup2 (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (ServeRequest) request = NULL;
  PmodParams defaults = { .sampling.max_new_tokens = 256, .sampling.top_p = 1 };

  request = serve_request_new (text ? text : "", size, &defaults, &error);
  g_assert_true ((request == NULL) == (error != NULL));
  if (request)
    check (request);
  return 0;
}
