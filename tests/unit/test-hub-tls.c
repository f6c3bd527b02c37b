/* Downloads over https: from a server whose certificate is trusted, and from those that show
 * another one. What a refused download leaves is what was there.
 *
 * The server is a thread's; whom this program trusts is said to GIO, for no option of the hub can.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>

#include "pmod-hub.h"
#include "store-check.h"

#define COMMIT "1111111111111111111111111111111111111111"
#define WEIGHTS_BYTES (4 * 1000 * 1000)

typedef struct
{
  char *folder;       /* of certificates */
  char *model;        /* where the download goes */
  char *weights_hash; /* SHA-256 */
  GBytes *weights;
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
  GTlsCertificate *certificate;
  char *address;
  gint n_requests; /* atomic */
  gint n_ranges;   /* atomic; that went on from somewhere */
  GMutex lock;
  GCond started;
} Fixture;

/* --- Certificates ------------------------------------------------------------------------------
 */

/* NAME.pem, its own issuer, with its key. */
static void
make_certificate (Fixture *self, const char *name, const char *subject)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.pem", self->folder, name);
  g_autofree char *key_path = g_strdup_printf ("%s/%s.key", self->folder, name);
  g_autofree char *names = g_strconcat ("subjectAltName=", subject, NULL);
  const char *argv[] = {
    "openssl", "req",    "-x509", "-newkey", "ec",       "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes",  "-days",  "2",     "-subj",   "/CN=test", "-addext",  names,
    "-keyout", key_path, "-out",  path,      NULL
  };
  g_autofree char *key = NULL, *both = NULL, *certificate = NULL;
  int status = 0;

  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                               NULL, &status, NULL));
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  g_assert_true (g_file_get_contents (key_path, &key, NULL, NULL));
  g_assert_true (g_file_get_contents (path, &certificate, NULL, NULL));
  both = g_strconcat (certificate, key, NULL);
  g_assert_true (g_file_set_contents (path, both, -1, NULL));
}

/* All that this program trusts from here on. */
static void
trust (Fixture *self, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.pem", self->folder, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsDatabase) database = g_tls_file_database_new (path, &error);

  g_assert_no_error (error);
  g_tls_backend_set_default_database (g_tls_backend_get_default (), database);
}

/* --- The server --------------------------------------------------------------------------------
 */

static const char config[] = "{\"model_type\": \"pmod_llava_llama\"}";
static const char pieces[] = "pieces";
static const char revision[] = "{\"id\": \"maker/little\", \"sha\": \"" COMMIT "\"}";

static void
answer (SoupServerMessage *message, const char *type, const char *bytes, gsize length)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, type, SOUP_MEMORY_COPY, bytes, length);
}

static void
list_file (GString *list, const char *path, gsize size, const char *hash)
{
  g_string_append_printf (list,
                          "%s{\"type\": \"file\", \"path\": \"%s\", \"size\": %zu, \"oid\": "
                          "\"" COMMIT "\", \"lfs\": {\"oid\": \"%s\", \"size\": %zu, "
                          "\"pointerSize\": 134}}",
                          list->len > 1 ? ", " : "", path, size, hash, size);
}

static char *
make_list (Fixture *self)
{
  g_autofree char *of_config = g_compute_checksum_for_string (G_CHECKSUM_SHA256, config, -1);
  g_autofree char *of_pieces = g_compute_checksum_for_string (G_CHECKSUM_SHA256, pieces, -1);
  GString *list = g_string_new ("[");

  list_file (list, "config.json", strlen (config), of_config);
  list_file (list, "tokenizer.model", strlen (pieces), of_pieces);
  list_file (list, "model.safetensors", WEIGHTS_BYTES, self->weights_hash);
  return g_string_free (g_string_append_c (list, ']'), FALSE);
}

static void
request_cb (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  Fixture *self = user_data;
  g_autofree char *list = NULL;

  g_atomic_int_inc (&self->n_requests);
  if (soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Range"))
    g_atomic_int_inc (&self->n_ranges);
  if (strstr (path, "/revision/"))
    answer (message, "application/json", revision, strlen (revision));
  else if (strstr (path, "/tree/"))
    {
      list = make_list (self);
      answer (message, "application/json", list, strlen (list));
    }
  else if (g_str_has_suffix (path, "config.json"))
    answer (message, "application/json", config, strlen (config));
  else if (g_str_has_suffix (path, "tokenizer.model"))
    answer (message, "application/octet-stream", pieces, strlen (pieces));
  else
    answer (message, "application/octet-stream", g_bytes_get_data (self->weights, NULL),
            WEIGHTS_BYTES);
}

static gpointer
serve (gpointer data)
{
  Fixture *self = data;
  g_autoptr (SoupServer) server = NULL;
  g_autoptr (GError) error = NULL;
  GSList *uris;

  g_main_context_push_thread_default (self->context);
  server = soup_server_new ("tls-certificate", self->certificate, NULL);
  soup_server_add_handler (server, NULL, request_cb, self, NULL);
  soup_server_listen_local (server, 0, SOUP_SERVER_LISTEN_HTTPS | SOUP_SERVER_LISTEN_IPV4_ONLY,
                            &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (server);
  g_mutex_lock (&self->lock);
  self->address = g_strdup_printf ("https://127.0.0.1:%d", g_uri_get_port ((GUri *)uris->data));
  g_cond_signal (&self->started);
  g_mutex_unlock (&self->lock);
  g_slist_free_full (uris, (GDestroyNotify)g_uri_unref);
  g_main_loop_run (self->loop);
  soup_server_disconnect (server);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
start (Fixture *self, const char *certificate)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.pem", self->folder, certificate);
  g_autoptr (GError) error = NULL;

  self->certificate = g_tls_certificate_new_from_file (path, &error);
  g_assert_no_error (error);
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->n_requests = self->n_ranges = 0;
  g_mutex_lock (&self->lock);
  self->thread = g_thread_new ("server", serve, self);
  while (!self->address)
    g_cond_wait (&self->started, &self->lock);
  g_mutex_unlock (&self->lock);
}

static void
stop (Fixture *self)
{
  g_main_loop_quit (self->loop);
  g_thread_join (self->thread);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_clear_object (&self->certificate);
  g_clear_pointer (&self->address, g_free);
}

/* --- Tests -------------------------------------------------------------------------------------
 */

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autofree char *bytes = g_malloc (WEIGHTS_BYTES);

  for (guint i = 0; i < WEIGHTS_BYTES; i++)
    bytes[i] = (char)(i * 2654435761u >> 24);
  self->folder = g_dir_make_tmp ("strata-tls-XXXXXX", NULL);
  self->model = g_build_filename (self->folder, "model", NULL);
  self->weights = g_bytes_new (bytes, WEIGHTS_BYTES);
  self->weights_hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, self->weights);
  g_mutex_init (&self->lock);
  g_cond_init (&self->started);
  make_certificate (self, "right", "IP:127.0.0.1");
  make_certificate (self, "stranger", "IP:127.0.0.1");
  make_certificate (self, "elsewhere", "DNS:elsewhere.example");
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_tls_backend_set_default_database (g_tls_backend_get_default (), NULL);
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->model);
  g_free (self->weights_hash);
  g_bytes_unref (self->weights);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->started);
}

static PmodHubPlan *
plan (Fixture *self, GError **error)
{
  PmodHubOptions options = {
    .repo = "maker/little", .folder = self->model, .endpoint = self->address, .tower = "none"
  };

  return pmod_hub_plan_new (&options, NULL, error);
}

static void
check_weights (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->model, "model.safetensors", NULL);
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_cmpmem (bytes, length, g_bytes_get_data (self->weights, NULL), WEIGHTS_BYTES);
}

static void
test_trusted (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodHubPlan) of_all = NULL;
  g_autoptr (GError) error = NULL;

  start (self, "right");
  trust (self, "right");
  of_all = plan (self, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_hub_plan_fetch (of_all, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  check_weights (self);
  stop (self);
}

/* Refused before anything is asked, and at once: not as if the connection had broken. */
static void
check_refused (Fixture *self, const char *shown, const char *trusted, const char *why)
{
  g_autoptr (PmodHubPlan) none = NULL;
  g_autoptr (GError) error = NULL;

  start (self, shown);
  trust (self, trusted);
  none = plan (self, &error);
  g_assert_null (none);
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_NETWORK);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "expected a certificate of 127.0.0.1"));
  g_assert_nonnull (strstr (error->message, why));
  g_assert_cmpint (g_atomic_int_get (&self->n_requests), ==, 0);
  g_assert_false (g_file_test (self->model, G_FILE_TEST_EXISTS));
  stop (self);
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  check_refused (self, "stranger", "right", "nobody whom this computer trusts has signed it");
  check_refused (self, "elsewhere", "elsewhere", "it is for another name");
}

static void
cancel_midway (const PmodHubProgress *progress, gpointer cancellable)
{
  if (progress->phase == PMOD_HUB_PHASE_DOWNLOAD && progress->done > WEIGHTS_BYTES / 4)
    g_cancellable_cancel (cancellable);
}

/* (transfer full) (nullable) */
static char *
find_part (Fixture *self, goffset *size)
{
  g_autoptr (GDir) dir = g_dir_open (self->model, 0, NULL);
  const char *name;
  GStatBuf st;

  while ((name = g_dir_read_name (dir)))
    if (g_str_has_prefix (name, "model.safetensors.") && g_str_has_suffix (name, ".part"))
      {
        char *path = g_build_filename (self->model, name, NULL);

        g_assert_cmpint (g_stat (path, &st), ==, 0);
        *size = st.st_size;
        return path;
      }
  return NULL;
}

/* Half of it came from whom it should; then another one answers at its address. */
static void
test_part_stays (Fixture *self, gconstpointer data)
{
  PmodHubOptions options = { .folder = self->model };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (PmodHubPlan) begun = NULL;
  g_autoptr (PmodHubPlan) refused = NULL;
  g_autoptr (PmodHubPlan) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *part = NULL;
  g_autofree char *part_then = NULL;
  goffset size = 0, size_then = 0;

  start (self, "right");
  trust (self, "right");
  begun = plan (self, &error);
  g_assert_no_error (error);
  g_assert_false (pmod_hub_plan_fetch (begun, cancel_midway, cancellable, cancellable, &error));
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CANCELLED);
  g_clear_error (&error);
  part = find_part (self, &size);
  g_assert_cmpint (size, >, WEIGHTS_BYTES / 4);
  g_assert_cmpint (size, <, WEIGHTS_BYTES);
  stop (self);

  start (self, "stranger");
  options.endpoint = self->address;
  refused = pmod_hub_plan_load (&options, &error);
  g_assert_no_error (error);
  g_assert_false (pmod_hub_plan_fetch (refused, NULL, NULL, NULL, &error));
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_NETWORK);
  g_assert_nonnull (strstr (error->message, "nobody whom this computer trusts has signed it"));
  g_clear_error (&error);
  g_assert_cmpint (g_atomic_int_get (&self->n_requests), ==, 0);
  part_then = find_part (self, &size_then);
  g_assert_cmpstr (part_then, ==, part);
  g_assert_cmpint (size_then, ==, size);
  stop (self);

  start (self, "right");
  options.endpoint = self->address;
  again = pmod_hub_plan_load (&options, &error);
  g_assert_true (pmod_hub_plan_fetch (again, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_atomic_int_get (&self->n_ranges), ==, 1);
  check_weights (self);
  stop (self);
}

int
main (int argc, char **argv)
{
  g_autofree char *openssl = g_find_program_in_path ("openssl");

  g_test_init (&argc, &argv, NULL);
  if (!openssl || !g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_print ("1..0 # SKIP no %s on this machine\n", openssl ? "TLS in GIO" : "openssl");
      return 77;
    }
  g_test_add ("/hub-tls/trusted", Fixture, NULL, set_up, test_trusted, tear_down);
  g_test_add ("/hub-tls/refused", Fixture, NULL, set_up, test_refused, tear_down);
  g_test_add ("/hub-tls/part-stays", Fixture, NULL, set_up, test_part_stays, tear_down);
  return g_test_run ();
}
