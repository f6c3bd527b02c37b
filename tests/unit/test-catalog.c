/* PmodCatalog, PmodMachine and PmodDownload: what is known of models that nobody has loaded, on
 * what they are opened, and downloads that cannot be. Downloads that can are in
 * tests/ui/test-models.py.
 */
#include "config.h"

#include <string.h>

#include "pmod-catalog.h"
#include "pmod-download.h"
#include "session-check.h"

/* (transfer full) (nullable) */
static PmodModelEntry *
find_entry (PmodCatalog *catalog, const char *name)
{
  GListModel *entries = pmod_catalog_get_entries (catalog);

  for (guint i = 0; i < g_list_model_get_n_items (entries); i++)
    {
      g_autoptr (PmodModelEntry) entry = g_list_model_get_item (entries, i);

      if (strcmp (pmod_model_entry_get_name (entry), name) == 0)
        return g_steal_pointer (&entry);
    }
  return NULL;
}

static gboolean
has_demo (gpointer catalog)
{
  g_autoptr (PmodModelEntry) entry = find_entry (catalog, "demo");

  return entry && pmod_model_entry_get_sheet (entry);
}

static gboolean
is_f32 (gpointer entry)
{
  return strcmp (pmod_model_entry_get_sheet (entry)->precision, "f32") == 0;
}

static gboolean
is_bf16 (gpointer entry)
{
  return strcmp (pmod_model_entry_get_sheet (entry)->precision, "bf16") == 0;
}

static void
test_sheet (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodCatalog) catalog = pmod_catalog_new (session);
  PmodMachine *machine = pmod_session_get_machine (session);
  g_autoptr (PmodModelEntry) entry = NULL;
  const PmodModelSheet *sheet;
  guint64 weights;

  pmod_machine_set_precision (machine, "f32");
  pmod_catalog_refresh (catalog);
  session_check_wait (has_demo, catalog);
  entry = find_entry (catalog, "demo");
  session_check_wait (is_f32, entry);
  sheet = pmod_model_entry_get_sheet (entry);
  g_assert_null (sheet->error);
  g_assert_cmpint (sheet->n_layers, ==, 8);
  g_assert_cmpint (sheet->n_routed, ==, 6);
  g_assert_cmpint (sheet->n_vision, ==, 144);
  g_assert_cmpuint (sheet->needed, ==, sheet->weights + sheet->kv + sheet->scratch);
  g_assert_cmpuint (sheet->disk_bytes, >, 11 * 1000 * 1000);
  g_assert_cmpuint (sheet->free, >, 0);
  g_assert_cmpuint (sheet->free, <=, sheet->total);
  g_assert_false (pmod_model_entry_is_pulled (entry));
  weights = sheet->weights;

  /* What it takes follows the choice. */
  pmod_machine_set_precision (machine, "bf16");
  session_check_wait (is_bf16, entry);
  sheet = pmod_model_entry_get_sheet (entry);
  g_test_message ("weights: f32 %" G_GUINT64_FORMAT ", bf16 %" G_GUINT64_FORMAT, weights,
                  sheet->weights);
  g_assert_cmpuint (sheet->weights, <, weights * 3 / 5);
}

static void
test_fit (void)
{
  PmodModelSheet sheet = { .on_cpu = TRUE, .needed = 10, .free = 10, .total = 20 };

  g_assert_cmpint (pmod_model_sheet_get_fit (&sheet), ==, PMOD_FIT_YES);
  sheet.free = 9;
  g_assert_cmpint (pmod_model_sheet_get_fit (&sheet), ==, PMOD_FIT_TIGHT);
  sheet.on_cpu = FALSE;
  g_assert_cmpint (pmod_model_sheet_get_fit (&sheet), ==, PMOD_FIT_NO);
  sheet.on_cpu = TRUE;
  sheet.needed = 21;
  g_assert_cmpint (pmod_model_sheet_get_fit (&sheet), ==, PMOD_FIT_NO);
}

/* The precision that was chosen is the one it is opened in; unloading leaves none. */
static void
test_unload (void)
{
  g_autofree char *model = session_check_fixture ("demo-v0");
  g_autoptr (PmodSession) session = pmod_session_new ();

  pmod_machine_set_precision (pmod_session_get_machine (session), "f32");
  pmod_session_open_model (session, model);
  session_check_wait (session_check_is_settled, session);
  g_assert_nonnull (pmod_session_get_model (session));
  g_assert_cmpstr (pmod_session_get_model (session)->precision, ==, "f32");
  pmod_session_unload (session);
  session_check_wait (session_check_is_settled, session);
  g_assert_null (pmod_session_get_model (session));
  g_assert_cmpint (pmod_session_get_state (session), ==, PMOD_SESSION_IDLE);
  pmod_session_open_model_anyway (session, model);
  session_check_wait (session_check_is_settled, session);
  g_assert_nonnull (pmod_session_get_model (session));
}

static gboolean
is_idle (gpointer download)
{
  return !pmod_download_get_busy (download);
}

static void
test_no_download (void)
{
  g_autofree char *folder = session_check_fixture ("demo-v0");
  g_autoptr (PmodDownload) download = pmod_download_new ();

  g_assert_cmpint (pmod_download_get_state (download), ==, PMOD_DOWNLOAD_IDLE);
  pmod_download_start (download);
  g_assert_false (pmod_download_get_busy (download));

  pmod_download_look (download, "no repository", NULL);
  g_assert_true (pmod_download_get_busy (download));
  session_check_wait (is_idle, download);
  g_assert_cmpint (pmod_download_get_state (download), ==, PMOD_DOWNLOAD_FAILED);
  g_assert_cmpint (pmod_download_get_problem (download), ==, PMOD_DOWNLOAD_PROBLEM_NAME);

  /* Nobody listens there. */
  pmod_download_set_server (download, "http://127.0.0.1:9");
  pmod_download_look (download, "maker/name", NULL);
  pmod_download_stop (download);
  session_check_wait (is_idle, download);
  g_assert_cmpint (pmod_download_get_state (download), !=, PMOD_DOWNLOAD_PLANNED);

  /* A folder that was not downloaded has no hashes. */
  pmod_download_check (download, folder);
  session_check_wait (is_idle, download);
  g_assert_cmpint (pmod_download_get_problem (download), ==, PMOD_DOWNLOAD_PROBLEM_MISSING);
}

/* The thread is joined, and what it still had to say is dropped. */
static void
test_given_up (void)
{
  PmodDownload *download = pmod_download_new ();

  pmod_download_set_server (download, "http://127.0.0.1:9");
  pmod_download_look (download, "maker/name", NULL);
  g_assert_finalize_object (download);
  session_check_pass_time (50);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalog/sheet", test_sheet);
  g_test_add_func ("/catalog/fit", test_fit);
  g_test_add_func ("/catalog/unload", test_unload);
  g_test_add_func ("/catalog/no-download", test_no_download);
  g_test_add_func ("/catalog/given-up", test_given_up);
  return g_test_run ();
}
