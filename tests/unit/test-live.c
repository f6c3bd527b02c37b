/* PmodLive: frames and maps that belong together, one run at a time, nothing that grows. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "camera-check.h"
#include "pmod-comparison.h"
#include "pmod-live.h"

typedef struct
{
  PmodSession *session;
  PmodCamera *camera;
  PmodChat *chat;
  PmodLive *live;
  guint n_shown;    /* runs that the chat showed */
  guint n_mismatch; /* a run shown beside another frame than its own */
  guint n_changes;  /* of the masks, from one run to the next */
  guint64 hash;     /* of the newest mask */
  guint enough;
  guint n_ahead;       /* of those shown, that were read and not answered */
  GPtrArray *pictures; /* PmodPicture: what was shown, (nullable) */
  GArray *hashes;      /* guint64: and the masks over it */
} Bench;

static gboolean
is_settled (gpointer data)
{
  PmodSessionState state = pmod_session_get_state (((Bench *)data)->session);

  return state != PMOD_SESSION_LOADING && state != PMOD_SESSION_THINKING;
}

static guint64
hash_masks (PmodRun *run)
{
  guint64 hash = 14695981039346656037u;

  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    for (int t = 0; t < pmod_run_get_n_vision (run); t++)
      hash = (hash ^ (guint64)pmod_run_is_kept (run, l, t)) * 1099511628211u;
  return hash;
}

/* What a frame is made known by its size: the run knows how large its picture was. */
static void
run_cb (Bench *bench)
{
  PmodRun *run = pmod_chat_get_run (bench->chat);
  PmodPicture *shown = pmod_chat_get_shown (bench->chat);
  int width, height;
  guint64 hash;

  if (!run || !pmod_chat_get_live (bench->chat))
    return;
  bench->n_shown++;
  g_assert_true (pmod_run_get_picture_size (run, 0, &width, &height));
  bench->n_mismatch += !shown || pmod_picture_get_width (shown) != width ||
                       pmod_picture_get_height (shown) != height;
  hash = hash_masks (run);
  bench->n_changes += hash != bench->hash;
  bench->n_ahead += pmod_run_get_phase (run) == PMOD_RUN_DONE && *pmod_run_get_text (run) == '\0';
  bench->hash = hash;
  if (bench->pictures)
    {
      g_ptr_array_add (bench->pictures, g_object_ref (shown));
      g_array_append_val (bench->hashes, hash);
    }
}

static void
bench_begin (Bench *bench, const char *model)
{
  g_autofree char *path =
      model ? g_test_build_filename (G_TEST_DIST, "fixtures", model, NULL) : NULL;

  memset (bench, 0, sizeof *bench);
  bench->session = pmod_session_new ();
  if (path)
    pmod_session_open_model (bench->session, path);
  session_check_wait (is_settled, bench);
  g_assert_cmpint (pmod_session_get_model (bench->session) != NULL, ==, path != NULL);
  bench->camera = pmod_camera_new ();
  pmod_camera_set_size (bench->camera, 160, 160);
  bench->chat = pmod_chat_new (bench->session);
  bench->live = pmod_live_new (bench->camera, bench->chat);
  g_signal_connect_swapped (bench->chat, "notify::run", G_CALLBACK (run_cb), bench);
}

static void
bench_end (Bench *bench)
{
  g_signal_handlers_disconnect_by_data (bench->chat, bench);
  g_assert_finalize_object (bench->live);
  g_assert_finalize_object (bench->camera);
  g_assert_finalize_object (bench->chat);
  g_assert_finalize_object (bench->session);
}

static gboolean
has_shown_enough (gpointer data)
{
  return ((Bench *)data)->n_shown >= ((Bench *)data)->enough;
}

static void
wait_runs (Bench *bench, guint n_runs)
{
  bench->enough = bench->n_shown + n_runs;
  session_check_wait (has_shown_enough, bench);
}

static gboolean
has_answer (gpointer data)
{
  return *pmod_live_get_answer (((Bench *)data)->live) != '\0';
}

static gboolean
is_chat_idle (gpointer data)
{
  return !pmod_chat_get_busy (((Bench *)data)->chat);
}

static gboolean
is_frozen (gpointer data)
{
  return pmod_live_get_frozen (((Bench *)data)->live);
}

static gboolean
is_shown (gpointer data)
{
  return pmod_chat_get_shown (((Bench *)data)->chat) != NULL;
}

static gboolean
has_failed (gpointer data)
{
  return pmod_camera_get_message (((Bench *)data)->camera) != NULL;
}

/* --- Maps follow ----------------------------------------------------------------------------- */

static void
measured_cb (PmodLive *live, PmodLiveFigures *figures)
{
  if (pmod_live_get_figures (live)->n_runs > 0)
    *figures = *pmod_live_get_figures (live);
}

static void
test_follows (void)
{
  PmodLiveFigures figures = { 0 };
  Bench bench;
  guint64 n_frames;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  g_signal_connect (bench.live, "measured", G_CALLBACK (measured_cb), &figures);
  pmod_live_start (bench.live, "test");
  g_assert_true (pmod_live_get_active (bench.live));
  wait_runs (&bench, 60);
  n_frames = pmod_camera_get_n_frames (bench.camera);
  g_test_message ("%u runs shown, %u masks unlike the one before, %u beside another frame",
                  bench.n_shown, bench.n_changes, bench.n_mismatch);
  g_assert_cmpuint (bench.n_mismatch, ==, 0);
  g_assert_cmpuint (bench.n_changes, >=, 20);
  g_assert_cmpuint (n_frames, >=, bench.n_shown);
  g_assert_null (pmod_chat_get_picture (bench.chat));
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (bench.chat)), ==, 0);
  g_test_message ("%.1f fps, %.1f runs/s, vision %.2f ms, prefill %.2f ms, %d dropped", figures.fps,
                  figures.runs, figures.vision_ms, figures.prefill_ms, (int)figures.n_dropped);
  g_assert_cmpfloat (figures.fps, >, 5);
  g_assert_cmpfloat (figures.runs, >, 2);
  g_assert_cmpfloat (figures.vision_ms, >, 0);
  g_assert_cmpfloat (figures.prefill_ms, >, 0);
  g_assert_cmpfloat (figures.decode_ms, ==, 0);

  pmod_live_stop (bench.live);
  g_assert_false (pmod_live_get_active (bench.live));
  g_assert_null (pmod_chat_get_shown (bench.chat));
  g_assert_null (pmod_chat_get_run (bench.chat));
  bench_end (&bench);
}

static gboolean
is_finished (gpointer run)
{
  return pmod_run_is_finished (run);
}

/* Each frame that was shown is read once more, alone: it must get the masks that lay over it. */
static void
test_belongs_together (void)
{
  Bench bench;
  guint n_wrong = 0;
  guint n_pairs;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  pmod_live_set_question (bench.live, "How many circles are there?");
  pmod_live_set_interval (bench.live, 0.2);
  bench.pictures = g_ptr_array_new_with_free_func (g_object_unref);
  bench.hashes = g_array_new (FALSE, FALSE, sizeof (guint64));
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 40);
  pmod_live_stop (bench.live);
  n_pairs = bench.pictures->len;
  for (guint i = 0; i < n_pairs; i++)
    {
      g_autoptr (PmodRun) run = pmod_session_read (bench.session, bench.pictures->pdata[i]);

      session_check_wait (is_finished, run);
      g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_DONE);
      n_wrong += hash_masks (run) != g_array_index (bench.hashes, guint64, i);
    }
  g_test_message ("%u frames shown with masks, %u of another frame", n_pairs, n_wrong);
  g_assert_cmpuint (n_pairs, >=, 40);
  g_assert_cmpuint (n_wrong, ==, 0);
  g_clear_pointer (&bench.pictures, g_ptr_array_unref);
  g_clear_pointer (&bench.hashes, g_array_unref);
  bench_end (&bench);
}

/* Turns of the main loop until the chat has shown n_runs more; between two of them both sides show
 * one frame. Returns how many times they did. */
static guint
check_pairs (Bench *bench, guint n_runs)
{
  PmodComparison *comparison = pmod_comparison_get (bench->chat);
  guint end = bench->n_shown + n_runs;
  PmodRun *last = NULL;
  guint n_pairs = 0;

  while (bench->n_shown < end)
    {
      PmodComparisonCounts counts;
      PmodRun *run;

      g_main_context_iteration (NULL, TRUE);
      run = pmod_chat_get_run (bench->chat);
      if (!pmod_comparison_get_run (comparison) || run == last)
        continue;
      g_assert_true (pmod_comparison_get_picture (comparison) == pmod_chat_get_shown (bench->chat));
      g_assert_true (pmod_comparison_get_partner (comparison) == run);
      g_assert_true (pmod_comparison_count (comparison, 2, &counts));
      g_assert_cmpint (counts.only_b + counts.both, ==, pmod_run_get_n_vision (run));
      g_assert_cmpint (counts.only_b, >, 0);
      last = run;
      n_pairs++;
    }
  return n_pairs;
}

/* What is compared are two readings of one frame, whatever is done meanwhile. */
static void
test_compared (void)
{
  PmodComparison *comparison;
  Bench bench;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  comparison = pmod_comparison_get (bench.chat);
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 3);
  /* The frame that is shown is B's first. */
  pmod_comparison_set_active (comparison, TRUE);
  wait_runs (&bench, 2);
  g_assert_cmpuint (check_pairs (&bench, 20), >=, 19);
  pmod_comparison_set_active (comparison, FALSE);
  wait_runs (&bench, 3);
  pmod_comparison_set_active (comparison, TRUE);
  wait_runs (&bench, 2);
  pmod_live_set_frozen (bench.live, TRUE);
  session_check_wait (is_chat_idle, &bench);
  g_assert_true (pmod_comparison_get_picture (comparison) == pmod_chat_get_shown (bench.chat));
  pmod_live_set_frozen (bench.live, FALSE);
  wait_runs (&bench, 2);
  g_assert_cmpuint (check_pairs (&bench, 5), >=, 4);
  g_assert_cmpuint (bench.n_mismatch, ==, 0);
  pmod_live_stop (bench.live);
  bench_end (&bench);
}

/* A slow model: more frames come than it can read. Each is read, or dropped and counted. */
static void
test_one_in_flight (void)
{
  PmodLiveFigures figures = { 0 };
  Bench bench;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "tiny-pmod-llava-next");
  g_signal_connect (bench.live, "measured", G_CALLBACK (measured_cb), &figures);
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 8);
  while (figures.n_runs < 8)
    g_main_context_iteration (NULL, TRUE);
  g_test_message ("%.1f fps, %.1f runs/s; %d runs, %d frames dropped of %d", figures.fps,
                  figures.runs, (int)figures.n_runs, (int)figures.n_dropped,
                  (int)pmod_camera_get_n_frames (bench.camera));
  g_assert_cmpuint (bench.n_mismatch, ==, 0);
  g_assert_cmpuint (figures.n_runs, <=, bench.n_shown);
  g_assert_cmpuint (figures.n_dropped, >, figures.n_runs);
  /* What is neither: a run in flight, the one that waits, the one on its way, and what came since
   * the figures were taken. */
  g_assert_cmpuint (figures.n_runs + figures.n_dropped, <=,
                    pmod_camera_get_n_frames (bench.camera));
  bench_end (&bench);
}

/* --- Questions ------------------------------------------------------------------------------- */

static void
test_standing_question (void)
{
  PmodLiveFigures figures = { 0 };
  Bench bench;
  gint64 start_us;
  guint n_before;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  g_signal_connect (bench.live, "measured", G_CALLBACK (measured_cb), &figures);
  pmod_live_set_question (bench.live, "  How many circles are there? ");
  g_assert_cmpstr (pmod_live_get_question (bench.live), ==, "How many circles are there?");
  pmod_live_set_interval (bench.live, 0.5);
  pmod_live_start (bench.live, "test");
  session_check_wait (has_answer, &bench);
  start_us = g_get_monotonic_time ();
  n_before = bench.n_shown;
  while (figures.decode_ms == 0 || g_get_monotonic_time () < start_us + 2 * G_USEC_PER_SEC)
    g_main_context_iteration (NULL, TRUE);
  g_test_message ("\"%s\"; vision %.2f ms, prefill %.2f ms, decode %.2f ms; %u runs in two seconds",
                  pmod_live_get_answer (bench.live), figures.vision_ms, figures.prefill_ms,
                  figures.decode_ms, bench.n_shown - n_before);
  /* Most runs are not questions. */
  g_assert_cmpuint (bench.n_shown - n_before, >, 8);
  g_assert_cmpuint (bench.n_mismatch, ==, 0);
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (bench.chat)), ==, 0);
  pmod_live_set_question (bench.live, "");
  g_assert_cmpstr (pmod_live_get_answer (bench.live), ==, "");
  bench_end (&bench);
}

static gboolean
has_read_ahead (gpointer data)
{
  return ((Bench *)data)->n_ahead >= ((Bench *)data)->enough;
}

/* A question stands at any time, so what was only read was read beside an answer. What was shown
 * comes out the same when it is read alone. */
static void
test_beside_answer (void)
{
  PmodModelCard *model;
  Bench bench;
  guint n_wrong = 0;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  model = pmod_session_get_model (bench.session);
  if (!model->has_beside)
    {
      g_test_skip_printf ("%s has one timeline", model->device);
      bench_end (&bench);
      return;
    }
  /* An answer that hardly ever ends by itself. */
  g_object_set (pmod_session_get_tuning (bench.session), "max-tokens", 3000, "temperature", 50.0,
                NULL);
  pmod_live_set_question (bench.live, "What is it?");
  pmod_live_set_interval (bench.live, 0);
  bench.pictures = g_ptr_array_new_with_free_func (g_object_unref);
  bench.hashes = g_array_new (FALSE, FALSE, sizeof (guint64));
  bench.enough = 2;
  pmod_live_start (bench.live, "test");
  session_check_wait (has_read_ahead, &bench);
  g_assert_cmpstr (pmod_live_get_answer (bench.live), !=, "");
  pmod_live_stop (bench.live);
  for (guint i = 0; i < bench.pictures->len; i++)
    {
      g_autoptr (PmodRun) run = pmod_session_read (bench.session, bench.pictures->pdata[i]);

      session_check_wait (is_finished, run);
      n_wrong += hash_masks (run) != g_array_index (bench.hashes, guint64, i);
    }
  g_test_message ("%u frames shown, %u of them read beside an answer, %u with other masks alone",
                  bench.pictures->len, bench.n_ahead, n_wrong);
  g_assert_cmpuint (n_wrong, ==, 0);
  g_assert_cmpuint (bench.n_mismatch, ==, 0);
  g_clear_pointer (&bench.pictures, g_ptr_array_unref);
  g_clear_pointer (&bench.hashes, g_array_unref);
  bench_end (&bench);
}

/* --- Freezing -------------------------------------------------------------------------------- */

static void
test_freeze (void)
{
  Bench bench;
  g_autoptr (PmodPicture) still = NULL;
  guint64 n_frames;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 3);
  g_set_object (&still, pmod_chat_get_shown (bench.chat));
  pmod_live_set_frozen (bench.live, TRUE);
  g_assert_true (pmod_live_get_frozen (bench.live));
  /* What was seen is what is kept, with its maps. */
  g_assert_true (pmod_chat_get_picture (bench.chat) == still);
  g_assert_true (pmod_run_has_maps (pmod_chat_get_run (bench.chat)));
  g_assert_true (g_str_has_prefix (pmod_picture_get_name (still), "Camera, "));
  g_assert_true (pmod_chat_ask (bench.chat, "How many circles are there?"));
  session_check_wait (is_chat_idle, &bench);
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (bench.chat)), ==, 2);
  g_assert_true (pmod_chat_get_picture (bench.chat) == still);
  n_frames = pmod_camera_get_n_frames (bench.camera);
  g_usleep (300 * 1000);
  g_assert_cmpuint (pmod_camera_get_n_frames (bench.camera), <=, n_frames + 1);

  pmod_live_set_frozen (bench.live, FALSE);
  wait_runs (&bench, 3);
  g_assert_true (pmod_chat_get_live (bench.chat));
  g_assert_null (pmod_chat_get_picture (bench.chat));
  /* Back to what was said before. */
  pmod_live_stop (bench.live);
  g_assert_true (pmod_chat_get_picture (bench.chat) == still);
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (bench.chat)), ==, 2);
  bench_end (&bench);
}

/* A question in the conversation keeps the frame it is about. */
static void
test_ask_freezes (void)
{
  Bench bench;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 3);
  g_assert_true (pmod_chat_ask (bench.chat, "How many circles are there?"));
  g_assert_true (pmod_live_get_frozen (bench.live));
  g_assert_nonnull (pmod_chat_get_picture (bench.chat));
  session_check_wait (is_chat_idle, &bench);
  g_assert_cmpint (pmod_run_get_phase (pmod_chat_get_run (bench.chat)), ==, PMOD_RUN_DONE);
  g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (bench.chat)), ==, 2);
  /* A new conversation ends it. */
  pmod_chat_clear (bench.chat);
  g_assert_false (pmod_live_get_active (bench.live));
  g_assert_cmpint (pmod_camera_get_state (bench.camera), ==, PMOD_CAMERA_STOPPED);
  bench_end (&bench);
}

/* A camera that fails leaves its last frame as a still. */
static void
test_gone (void)
{
  Bench bench;
  GstDevice *device;
  GListModel *devices;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, "demo-v0");
  devices = pmod_camera_get_devices (bench.camera);
  pmod_camera_look (bench.camera);
  while (!pmod_camera_is_listed (bench.camera))
    g_main_context_iteration (NULL, TRUE);
  device = camera_plug_in ("Lens", "videotestsrc is-live=true pattern=ball ! "
                                   "capsfilter caps=video/x-raw,width=96,height=64");
  while (g_list_model_get_n_items (devices) == 0)
    g_main_context_iteration (NULL, TRUE);
  pmod_live_start (bench.live, "Lens");
  wait_runs (&bench, 3);
  camera_unplug (device);
  session_check_wait (is_frozen, &bench);
  g_assert_nonnull (pmod_camera_get_message (bench.camera));
  g_assert_nonnull (pmod_chat_get_picture (bench.chat));
  g_assert_true (pmod_run_has_maps (pmod_chat_get_run (bench.chat)));
  /* Thawing asks for it again, and says again that it is not there; the still stays. */
  pmod_live_set_frozen (bench.live, FALSE);
  session_check_wait (has_failed, &bench);
  g_assert_true (pmod_live_get_active (bench.live));
  g_assert_nonnull (pmod_chat_get_picture (bench.chat));
  bench_end (&bench);
}

static void
test_no_model (void)
{
  Bench bench;

  if (!camera_need (NULL))
    return;
  bench_begin (&bench, NULL);
  pmod_live_start (bench.live, "test");
  session_check_wait (is_shown, &bench);
  g_assert_null (pmod_chat_get_run (bench.chat));
  bench_end (&bench);
}

/* --- Nothing grows --------------------------------------------------------------------------- */

static double
resident_mib (void)
{
  g_autofree char *text = NULL;
  long pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  sscanf (text, "%*d %ld", &pages);
  return (double)pages * 4096 / (1 << 20);
}

/* After the first runs have filled what is kept, 300 more take nothing. A frame of 160 x 160 has 75
 * KiB, a run's records 20 KiB: one of them kept each time would be 22 or 6 MiB. */
static void
test_memory (void)
{
  Bench bench;
  double before, after;

  if (!camera_need (NULL))
    return;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip ("a sanitizer keeps what was freed for a while");
  return;
#endif
  bench_begin (&bench, "demo-v0");
  pmod_live_set_question (bench.live, "How many circles are there?");
  pmod_live_set_interval (bench.live, 0.3);
  pmod_live_start (bench.live, "test");
  wait_runs (&bench, 80);
  before = resident_mib ();
  wait_runs (&bench, 300);
  after = resident_mib ();
  g_test_message ("%.2f MiB, after 300 more runs %.2f MiB", before, after);
  g_assert_cmpfloat (after - before, <, 3);
  bench_end (&bench);
}

int
main (int argc, char *argv[])
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  camera_register_provider ();
  g_test_add_func ("/live/follows", test_follows);
  g_test_add_func ("/live/belongs-together", test_belongs_together);
  g_test_add_func ("/live/compared", test_compared);
  g_test_add_func ("/live/one-in-flight", test_one_in_flight);
  g_test_add_func ("/live/standing-question", test_standing_question);
  g_test_add_func ("/live/beside-answer", test_beside_answer);
  g_test_add_func ("/live/freeze", test_freeze);
  g_test_add_func ("/live/ask-freezes", test_ask_freezes);
  g_test_add_func ("/live/gone", test_gone);
  g_test_add_func ("/live/no-model", test_no_model);
  g_test_add_func ("/live/memory", test_memory);
  return g_test_run ();
}
