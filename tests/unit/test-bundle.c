/* PmodBundle: a run saved in a thread and loaded again is the same run, and a conversation that
 * shows it is read only; what cannot be written or read says why and leaves nothing behind. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pmod-chat.h"
#include "pmod-engine.h"
#include "pmod-picture-private.h"
#include "pmod-run-origin.h"

#define WIDTH 9
#define HEIGHT 4
#define SETTINGS "{\"schedule\":\"shiftedcos\",\"seed\":3}"

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static PmodRun *
make_run (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);
  g_autoptr (GBytes) records = NULL;
  g_autoptr (PmodModelCard) card = pmod_model_card_new ();
  PmodRecordRunBegin *begin;
  PmodRecordToken *token;
  PmodRun *run;

  pmod_trace_begin_run (trace);
  begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1, sizeof *begin + sizeof (double));
  begin->n_layers = 1;
  begin->n_tokens = 4;
  begin->policy = PMOD_POLICY_GRID;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  pmod_trace_commit (trace, begin);
  token = pmod_trace_append (trace, PMOD_RECORD_TOKEN, -1, sizeof *token + 3);
  token->text_bytes = 3;
  memcpy ((char *)pmod_record_token_text (token), "red", 3);
  pmod_trace_commit (trace, token);

  records = g_bytes_new (bytes->data, bytes->len);
  run = pmod_run_new_from_records (records, NULL);
  card->name = g_strdup ("demo-v0");
  card->path = g_build_filename (STRATA_SOURCE_DIR, "tests/fixtures/demo-v0", NULL);
  card->device = g_strdup ("a processor");
  pmod_run_set_model (run, card);
  return run;
}

static PmodPicture *
make_picture (void)
{
  guint8 rgb[WIDTH * HEIGHT * 3];

  for (guint i = 0; i < sizeof rgb; i++)
    rgb[i] = (guint8)(i * 73);
  return pmod_picture_new_rgb ("x.png", WIDTH, HEIGHT, WIDTH * 3, rgb);
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void
done_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (!*result)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static gboolean
save (PmodRun *run, PmodPicture *picture, const char *const *texts, GFile *file, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  pmod_bundle_save_async (run, picture, texts, file, NULL, done_cb, &result);
  return pmod_bundle_save_finish (wait_for (&result), error);
}

static PmodBundle *
load (GFile *file, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  pmod_bundle_load_async (file, NULL, done_cb, &result);
  return pmod_bundle_load_finish (wait_for (&result), error);
}

static int
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  int n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void
check_same (PmodRun *run, PmodPicture *picture, PmodBundle *bundle)
{
  PmodRun *loaded = pmod_bundle_get_run (bundle);
  g_autoptr (GBytes) before = pmod_run_dup_trace (run);
  g_autoptr (GBytes) after = pmod_run_dup_trace (loaded);
  PmodPicture *shown = pmod_bundle_get_picture (bundle);
  int width, height;

  g_assert_true (g_bytes_equal (before, after));
  g_assert_true (pmod_run_is_finished (loaded));
  g_assert_cmpstr (pmod_run_get_policy_name (loaded), ==, "grid");
  g_assert_cmpstr (pmod_run_get_model (loaded)->name, ==, "demo-v0");
  g_assert_cmpstr (pmod_run_get_model (loaded)->device, ==, "a processor");
  g_assert_cmpuint (strlen (pmod_run_get_config_hash (loaded)), ==, 64);
  g_assert_cmpstr (pmod_picture_get_name (shown), ==, "x.png");
  g_assert_true (g_bytes_equal (pmod_picture_get_pixels (picture, &width, &height),
                                pmod_picture_get_pixels (shown, &width, &height)));
  g_assert_cmpint (width, ==, WIDTH);
  g_assert_cmpint (height, ==, HEIGHT);
}

static void
test_round_trip (void)
{
  g_autofree char *folder = g_dir_make_tmp ("pmod-bundle-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.strata", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodPicture) picture = make_picture ();
  const char *const texts[] = { "Where?", "Left.", "What color?", "red!", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodBundle) bundle = NULL;
  g_autoptr (PmodBundle) again = NULL;

  pmod_run_set_settings (run, SETTINGS);
  g_assert_true (save (run, picture, texts, file, &error));
  g_assert_no_error (error);
  g_assert_cmpint (count_files (folder), ==, 1);
  bundle = load (file, &error);
  g_assert_no_error (error);
  check_same (run, picture, bundle);
  g_assert_cmpstr (pmod_bundle_get_settings (bundle), ==, SETTINGS);
  g_assert_cmpint (pmod_bundle_get_n_turns (bundle), ==, 2);
  g_assert_cmpstr (pmod_bundle_get_question (bundle, 1), ==, "What color?");
  g_assert_cmpstr (pmod_run_get_text (pmod_bundle_get_answer (bundle, 0)), ==, "Left.");
  /* The answer that was shown, which may differ from what the tokens spell. */
  g_assert_cmpstr (pmod_run_get_text (pmod_bundle_get_run (bundle)), ==, "red!");

  /* A saved run that is saved once more stays what it was, the model's hash included. */
  g_assert_true (
      save (pmod_bundle_get_run (bundle), pmod_bundle_get_picture (bundle), texts, file, &error));
  again = load (file, &error);
  g_assert_no_error (error);
  check_same (run, picture, again);
  g_assert_cmpstr (pmod_bundle_get_settings (again), ==, SETTINGS);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_from_trace (void)
{
  g_autofree char *folder = g_dir_make_tmp ("pmod-bundle-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.strata", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (PmodRun) run = make_run ();
  const char *const none[] = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodBundle) bundle = NULL;

  g_assert_true (save (run, NULL, none, file, &error));
  bundle = load (file, &error);
  g_assert_no_error (error);
  g_assert_null (pmod_bundle_get_picture (bundle));
  g_assert_cmpint (pmod_bundle_get_n_turns (bundle), ==, 0);
  g_assert_cmpstr (pmod_run_get_text (pmod_bundle_get_run (bundle)), ==, "red");
  /* What the trace itself knows. */
  g_assert_nonnull (strstr (pmod_bundle_get_settings (bundle), "\"policy\":\"grid\""));
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_failures (void)
{
  g_autofree char *folder = g_dir_make_tmp ("pmod-bundle-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.strata", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "no", "a.strata", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFile) unwritable = g_file_new_for_path (nowhere);
  g_autoptr (PmodRun) run = make_run ();
  const char *const none[] = { NULL };
  g_autoptr (GError) write_error = NULL;
  g_autoptr (GError) move_error = NULL;
  g_autoptr (GError) read_error = NULL;

  g_assert_false (save (run, NULL, none, unwritable, &write_error));
  g_assert_nonnull (write_error);
  /* A folder stands where the file should: it stays, and nothing stays beside it. */
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_false (save (run, NULL, none, file, &move_error));
  g_assert_nonnull (move_error);
  g_assert_cmpint (count_files (folder), ==, 1);
  g_assert_null (load (file, &read_error));
  g_assert_nonnull (read_error);
  g_rmdir (path);
  g_rmdir (folder);
}

static void
test_read_only (void)
{
  g_autofree char *folder = g_dir_make_tmp ("pmod-bundle-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.strata", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodPicture) picture = make_picture ();
  const char *const texts[] = { "What color?", "red", NULL };
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  g_autoptr (PmodBundle) bundle = NULL;
  g_auto (GStrv) turns = NULL;

  g_assert_true (save (run, picture, texts, file, NULL));
  bundle = load (file, NULL);
  pmod_chat_show_bundle (chat, bundle);
  g_assert_true (pmod_chat_get_read_only (chat));
  g_assert_true (pmod_chat_get_run (chat) == pmod_bundle_get_run (bundle));
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (chat)), ==, 2);
  g_assert_false (pmod_chat_ask (chat, "And now?"));
  g_assert_false (pmod_chat_ask_again (chat));
  turns = pmod_chat_dup_turns (chat);
  g_assert_true (g_strv_equal ((const char *const *)turns, texts));
  pmod_chat_clear (chat);
  g_assert_false (pmod_chat_get_read_only (chat));
  pmod_chat_undo (chat);
  g_assert_true (pmod_chat_get_read_only (chat));
  g_assert_true (pmod_chat_get_run (chat) == pmod_bundle_get_run (bundle));
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bundle/round-trip", test_round_trip);
  g_test_add_func ("/bundle/from-trace", test_from_trace);
  g_test_add_func ("/bundle/failures", test_failures);
  g_test_add_func ("/bundle/read-only", test_read_only);
  return g_test_run ();
}
