/* A session whose model is on a real pmod serve: the same as one whose model is here, to the last
 * bit of every record, but for times. */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "pmod-engine.h"
#include "remote-check.h"
#include "session-check.h"

#define MODEL "demo-v0"
#define QUESTION "How many balloons are there?"

static RemoteServer *server;

static RemoteServer *
start (const char *const *options)
{
  g_autofree char *model = session_check_fixture (MODEL);

  return remote_server_start (model, options);
}

static PmodSession *
connect_to (const RemoteServer *to)
{
  PmodSession *session = pmod_session_new ();

  pmod_session_open_server (session, to->address, to->token);
  session_check_wait (session_check_is_settled, session);
  g_assert_cmpstr (pmod_session_get_error (session), ==, NULL);
  g_assert_nonnull (pmod_session_get_model (session));
  return session;
}

/* The records without what the clock has a say in. */
static GBytes *
dup_timeless (PmodRun *run)
{
  g_autoptr (GBytes) records = pmod_run_dup_records (run);
  gsize size;
  guint8 *bytes = g_memdup2 (g_bytes_get_data (records, NULL), g_bytes_get_size (records));
  PmodRecord *record;
  gsize offset = 0;

  size = g_bytes_get_size (records);
  for (offset = 0; offset < size; offset += record->size)
    {
      record = (PmodRecord *)(bytes + offset);
      record->time_ns = 0;
      if (record->type == PMOD_RECORD_STAGE)
        ((PmodRecordStage *)record)->duration_ns = 0;
    }
  return g_bytes_new_take (bytes, size);
}

static void
check_same (PmodRun *here, PmodRun *there)
{
  g_autoptr (GBytes) a = NULL;
  g_autoptr (GBytes) b = NULL;

  session_check_finish (here);
  session_check_finish (there);
  g_assert_cmpstr (pmod_run_get_error (there), ==, pmod_run_get_error (here));
  g_assert_cmpint (pmod_run_get_phase (here), ==, PMOD_RUN_DONE);
  g_assert_cmpint (pmod_run_get_phase (there), ==, PMOD_RUN_DONE);
  g_assert_cmpstr (pmod_run_get_text (here), ==, pmod_run_get_text (there));
  a = dup_timeless (here);
  b = dup_timeless (there);
  g_assert_cmpmem (g_bytes_get_data (a, NULL), g_bytes_get_size (a), g_bytes_get_data (b, NULL),
                   g_bytes_get_size (b));
}

/* --- The same --------------------------------------------------------------------------------- */

static void
test_card (void)
{
  PmodSession *here = session_check_open (MODEL);
  PmodSession *there = connect_to (server);
  PmodModelCard *a = pmod_session_get_model (here), *b = pmod_session_get_model (there);
  g_autofree char *host = g_strndup (server->address + strlen ("http://"),
                                     strcspn (server->address + strlen ("http://"), "/"));
  g_autofree char *device = g_strdup_printf ("server %s: %s", host, a->device);
  PmodTuningCost cost_a, cost_b;

  g_assert_cmpstr (a->name, ==, b->name);
  g_assert_cmpstr (a->precision, ==, b->precision);
  g_assert_cmpstr (device, ==, b->device);
  g_assert_cmpint (a->n_layers, ==, b->n_layers);
  g_assert_cmpint (a->n_routed, ==, b->n_routed);
  g_assert_cmpint (a->context_length, ==, b->context_length);
  g_assert_cmpint (a->has_vision, ==, b->has_vision);
  g_assert_cmpint (a->single_questions, ==, b->single_questions);
  g_assert_cmpuint (a->weight_bytes, ==, b->weight_bytes);
  g_assert_cmpstr (a->system, ==, b->system);
  g_assert_cmpstr (a->note, ==, b->note);
  g_assert_cmpstr (a->about, ==, b->about);
  g_assert_null (a->server);
  g_assert_null (b->path);
  g_assert_true (pmod_tuning_predict (pmod_session_get_tuning (here), 64, 20, 1, &cost_a, NULL));
  g_assert_true (pmod_tuning_predict (pmod_session_get_tuning (there), 64, 20, 1, &cost_b, NULL));
  g_assert_cmpmem (&cost_a, sizeof cost_a, &cost_b, sizeof cost_b);
  g_assert_finalize_object (here);
  g_assert_finalize_object (there);
}

static gboolean
is_free (gpointer chat)
{
  return !pmod_chat_get_busy (chat);
}

/* One question about a picture, one that brings another, and one about both. */
static PmodChat *
talk (PmodSession *session, PmodPicture *a, PmodPicture *b)
{
  PmodChat *chat = pmod_chat_new (session);

  pmod_chat_open_picture (chat, a);
  session_check_wait (session_check_is_settled, session);
  g_assert_true (pmod_chat_ask (chat, QUESTION));
  session_check_wait (is_free, chat);
  g_assert_true (pmod_chat_attach (chat, b));
  g_assert_true (pmod_chat_ask (chat, QUESTION));
  session_check_wait (is_free, chat);
  g_assert_true (pmod_chat_ask (chat, "What is this?"));
  session_check_wait (is_free, chat);
  return chat;
}

static void
test_pictures (void)
{
  PmodSession *here = session_check_open (MODEL);
  PmodSession *there = connect_to (server);
  g_autoptr (PmodPicture) a = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodPicture) b = session_check_load_picture ("demo/seen-01.png");
  PmodChat *local = talk (here, a, b);
  PmodChat *remote = talk (there, a, b);

  for (guint i = 1; i < 6; i += 2)
    {
      g_autoptr (PmodMessage) mine = g_list_model_get_item (pmod_chat_get_messages (local), i);
      g_autoptr (PmodMessage) theirs = g_list_model_get_item (pmod_chat_get_messages (remote), i);

      check_same (pmod_message_get_run (mine), pmod_message_get_run (theirs));
      g_assert_cmpint (pmod_run_get_n_pictures (pmod_message_get_run (theirs)), ==, i == 1 ? 1 : 2);
    }
  g_assert_finalize_object (local);
  g_assert_finalize_object (remote);
  g_assert_finalize_object (here);
  g_assert_finalize_object (there);
}

static void
tune (PmodTuning *tuning, int i)
{
  guint8 states[4096] = { 0 };
  int n_vision = 64;

  pmod_tuning_reset (tuning);
  if (i == 1)
    pmod_tuning_set_factor (tuning, 0.41);
  if (i == 2)
    pmod_tuning_set_ratio (tuning, 3, 1.0 / 3);
  if (i == 3)
    pmod_tuning_set_question_first (tuning, TRUE);
  if (i == 4)
    {
      pmod_tuning_set_policy (tuning, PMOD_TUNING_RANDOM);
      pmod_tuning_set_seed (tuning, G_MAXUINT64 - 5);
    }
  if (i == 5)
    {
      pmod_tuning_set_policy (tuning, PMOD_TUNING_PAINTED);
      for (int t = 0; t < n_vision; t++)
        states[t] = (guint8)(t % 3);
      pmod_tuning_set_paint (tuning, -1, states, n_vision);
    }
  if (i == 6)
    {
      pmod_tuning_set_temperature (tuning, 0.9);
      pmod_tuning_set_sampling_seed (tuning, 11);
      pmod_tuning_set_top_k (tuning, 7);
      pmod_tuning_set_max_tokens (tuning, 5);
    }
  if (i == 7)
    pmod_tuning_set_dense (tuning);
}

#define N_TUNINGS 8

static void
test_same_records (void)
{
  PmodSession *here = session_check_open (MODEL);
  PmodSession *there = connect_to (server);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autoptr (PmodPicture) other = session_check_load_picture ("demo/seen-01.png");
  const char *texts[] = { QUESTION, NULL };
  int n_reused = 0;

  for (int i = 0; i < N_TUNINGS; i++)
    {
      PmodTuning *tunings[] = { pmod_session_get_tuning (here), pmod_session_get_tuning (there) };
      g_autoptr (PmodRun) read_a = NULL;
      g_autoptr (PmodRun) read_b = NULL;
      g_autoptr (PmodRun) ask_a = NULL;
      g_autoptr (PmodRun) ask_b = NULL;
      g_autoptr (PmodRun) words_a = NULL;
      g_autoptr (PmodRun) words_b = NULL;

      tune (tunings[0], i);
      tune (tunings[1], i);
      /* The generation is the count of changes: the same here and there. */
      read_a = pmod_session_read (here, i % 2 ? picture : other);
      read_b = pmod_session_read (there, i % 2 ? picture : other);
      check_same (read_a, read_b);
      ask_a = pmod_session_ask (here, texts, picture);
      ask_b = pmod_session_ask (there, texts, picture);
      check_same (ask_a, ask_b);
      n_reused += pmod_run_get_n_reused (ask_b) > 0;
      words_a = pmod_session_ask (here, texts, NULL);
      words_b = pmod_session_ask (there, texts, NULL);
      check_same (words_a, words_b);
    }
  /* What was read is used again there as it is here. */
  g_assert_cmpint (n_reused, >, 2);
  g_assert_finalize_object (here);
  g_assert_finalize_object (there);
}

#define N_SAID 4

/* What stands before the question, and what the answer begins with: as tokens of an answer that was
 * given, and as words. */
static void
test_told (void)
{
  PmodSession *sessions[] = { session_check_open (MODEL), connect_to (server) };
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  const char *texts[] = { QUESTION, NULL };
  g_autoptr (GBytes) plain = NULL;

  for (int i = 0; i < N_SAID; i++)
    {
      PmodRun *runs[2];

      for (int s = 0; s < 2; s++)
        {
          PmodBeginning *beginning = i >= 2 ? pmod_beginning_new ("There are") : NULL;

          if (i == 3)
            for (int id = 40; id < 43; id++)
              pmod_beginning_add (beginning, id);
          pmod_session_set_system (sessions[s], i == 1 ? "Count twice." : i == 2 ? "" : NULL);
          runs[s] = beginning ? pmod_session_ask_from (sessions[s], texts, picture, beginning)
                              : pmod_session_ask (sessions[s], texts, picture);
          session_check_finish (runs[s]);
        }
      check_same (runs[0], runs[1]);
      if (i == 0)
        plain = dup_timeless (runs[0]);
      else
        {
          g_autoptr (GBytes) told = dup_timeless (runs[1]);

          g_assert_false (g_bytes_equal (plain, told));
        }
      if (i == 2)
        g_assert_true (g_str_has_prefix (pmod_run_get_text (runs[1]), "There are"));
      g_object_unref (runs[0]);
      g_object_unref (runs[1]);
    }
  g_assert_finalize_object (sessions[0]);
  g_assert_finalize_object (sessions[1]);
}

static void
test_lanes (void)
{
  PmodSession *here = session_check_open (MODEL);
  PmodSession *there = connect_to (server);
  PmodSession *sessions[] = { here, there };
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  const char *texts[] = { QUESTION, NULL };
  PmodRun *runs[2][2];
  double apart[2];

  for (int i = 0; i < 2; i++)
    {
      PmodTuning *tuning = pmod_session_get_tuning (sessions[i]);
      g_autoptr (PmodTuning) dense = pmod_tuning_copy (tuning);

      pmod_tuning_set_dense (dense);
      runs[i][0] = pmod_session_ask_with (sessions[i], texts, picture, NULL, 0);
      session_check_finish (runs[i][0]);
      runs[i][1] = pmod_session_ask_with (sessions[i], texts, picture, dense, 1);
      session_check_finish (runs[i][1]);
      g_assert_cmpuint (pmod_run_get_divergence (runs[i][1], &apart[i]), >, 0);
    }
  check_same (runs[0][0], runs[1][0]);
  check_same (runs[0][1], runs[1][1]);
  g_assert_cmpfloat (apart[0], >, 0);
  g_assert_cmpmem (&apart[0], sizeof (double), &apart[1], sizeof (double));
  for (int i = 0; i < 4; i++)
    g_object_unref (runs[i / 2][i % 2]);
  pmod_session_close_lane (there, 1);
  g_assert_finalize_object (here);
  g_assert_finalize_object (there);
}

static gboolean
is_swept (gpointer sweep)
{
  return pmod_sweep_run_get_state (sweep) != PMOD_SWEEP_RUNNING;
}

static void
test_sweep (void)
{
  PmodSession *sessions[] = { session_check_open (MODEL), connect_to (server) };
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  const PmodSweepPlan plan = { PMOD_SWEEP_OF_FACTOR, 0, 0.2, 0.8, 6 };
  const char *texts[] = { QUESTION, NULL };
  PmodSweepRun *sweeps[2];
  g_autoptr (PmodRun) between = NULL;

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      sweeps[i] = pmod_session_sweep (sessions[i], texts, picture, &plan, &error);
      g_assert_no_error (error);
    }
  /* Does not wait for the sweep's end, nor spoil it. */
  between = session_check_finish (pmod_session_ask (sessions[1], texts, picture));
  g_assert_cmpint (pmod_run_get_phase (between), ==, PMOD_RUN_DONE);
  for (int i = 0; i < 2; i++)
    {
      session_check_wait (is_swept, sweeps[i]);
      g_assert_cmpstr (pmod_sweep_run_get_error (sweeps[i]), ==, NULL);
      g_assert_cmpint (pmod_sweep_run_get_state (sweeps[i]), ==, PMOD_SWEEP_DONE);
    }
  g_assert_cmpint (pmod_sweep_run_get_n_points (sweeps[1]), ==, 6);
  for (int i = 0; i < 6; i++)
    {
      PmodSweepResult a, b;

      g_assert_true (pmod_sweep_run_get_point (sweeps[0], i, &a));
      g_assert_true (pmod_sweep_run_get_point (sweeps[1], i, &b));
      g_assert_cmpstr (a.answer, ==, b.answer);
      a.answer = b.answer = NULL;
      g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
    }
  for (int i = 0; i < 2; i++)
    {
      g_object_unref (sweeps[i]);
      g_assert_finalize_object (sessions[i]);
    }
}

/* --- Two at once, cancelling ------------------------------------------------------------------ */

static gboolean
has_begun (gpointer run)
{
  return pmod_run_has_begun (run) || pmod_run_is_finished (run);
}

static void
test_two_at_once (void)
{
  PmodSession *here = session_check_open (MODEL);
  PmodSession *there[] = { connect_to (server), connect_to (server) };
  PmodPicture *pictures[] = { session_check_load_picture ("demo/seen-00.png"),
                              session_check_load_picture ("demo/seen-01.png") };
  const char *texts[][2] = { { QUESTION, NULL }, { "What is this?", NULL } };
  PmodRun *expected[2];

  for (int i = 0; i < 2; i++)
    {
      pmod_session_close_lane (here, 1);
      expected[i] =
          session_check_finish (pmod_session_ask_with (here, texts[i], pictures[i], NULL, i));
    }
  for (int round = 0; round < 5; round++)
    {
      PmodRun *runs[2];

      for (int i = 0; i < 2; i++)
        runs[i] = pmod_session_ask (there[i], texts[i], pictures[i]);
      for (int i = 0; i < 2; i++)
        {
          session_check_finish (runs[i]);
          g_assert_cmpstr (pmod_run_get_error (runs[i]), ==, NULL);
          g_assert_cmpstr (pmod_run_get_text (runs[i]), ==, pmod_run_get_text (expected[i]));
          g_assert_true (session_check_same_maps (runs[i], expected[i]));
          g_assert_true (round == 0 || pmod_run_get_n_reused (runs[i]) > 0);
          g_object_unref (runs[i]);
        }
    }
  for (int i = 0; i < 2; i++)
    {
      g_object_unref (expected[i]);
      g_object_unref (pictures[i]);
      g_assert_finalize_object (there[i]);
    }
  g_assert_finalize_object (here);
}

/* At any moment; the next run is answered as if nothing had been. */
static void
test_stop (void)
{
  PmodSession *there = connect_to (server);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  const char *texts[] = { "Describe the picture.", NULL };
  g_autoptr (PmodRun) last = NULL;
  int n_stopped = 0;

  for (int i = 0; i < 20; i++)
    {
      g_autoptr (PmodRun) run = pmod_session_ask (there, texts, picture);

      if (i % 2)
        session_check_wait (has_begun, run);
      pmod_session_stop (there);
      session_check_finish (run);
      g_assert_cmpstr (pmod_run_get_error (run), ==, NULL);
      n_stopped += pmod_run_get_phase (run) == PMOD_RUN_STOPPED;
    }
  g_assert_cmpint (n_stopped, >, 5);
  last = session_check_finish (pmod_session_ask (there, texts, picture));
  g_assert_cmpint (pmod_run_get_phase (last), ==, PMOD_RUN_DONE);
  g_assert_finalize_object (there);
}

/* --- What goes wrong -------------------------------------------------------------------------- */

static void
check_refused (const char *address, const char *token, const char *why)
{
  PmodSession *session = pmod_session_new ();

  pmod_session_open_server (session, address, token);
  session_check_wait (session_check_is_settled, session);
  g_assert_null (pmod_session_get_model (session));
  g_assert_nonnull (pmod_session_get_error (session));
  if (!strstr (pmod_session_get_error (session), why))
    g_error ("%s: \"%s\" expected in \"%s\"", address, why, pmod_session_get_error (session));
  g_assert_finalize_object (session);
}

static void
test_refused (void)
{
  check_refused (server->address, "wrong-token-wrong-token", "the token is not the one");
  check_refused (server->address, "", "a token is needed");
  check_refused ("http://127.0.0.1:1", NULL, "nobody answers there");
  check_refused ("http://192.0.2.7:8375", NULL, "unencrypted");
  check_refused ("https://me:secret@127.0.0.1", NULL, "without a name and password");
  check_refused ("http://", NULL, "expected an address");
  check_refused ("https://host/?a", NULL, "expected an address");
}

static void
test_killed (void)
{
  RemoteServer *own = start (NULL);
  PmodSession *there = connect_to (own);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  const char *texts[] = { "Describe the picture.", NULL };
  g_autoptr (PmodRun) run = NULL;
  g_autoptr (PmodRun) next = NULL;
  g_autofree char *model = session_check_fixture (MODEL);

  g_subprocess_send_signal (own->process, SIGSTOP); /* it will not be through before */
  run = pmod_session_ask (there, texts, picture);
  session_check_pass_time (50);
  remote_server_kill (own);
  session_check_finish (run);
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_FAILED);
  g_test_message ("%s", pmod_run_get_error (run));
  next = session_check_finish (pmod_session_ask (there, texts, picture));
  g_assert_cmpint (pmod_run_get_phase (next), ==, PMOD_RUN_FAILED);
  g_assert_nonnull (strstr (pmod_run_get_error (next), "nobody answers there"));
  /* And the session goes on with a model that is here. */
  pmod_session_open_model (there, model);
  session_check_wait (session_check_is_settled, there);
  g_clear_object (&next);
  next = session_check_finish (pmod_session_ask (there, texts, picture));
  g_assert_cmpint (pmod_run_get_phase (next), ==, PMOD_RUN_DONE);
  g_assert_finalize_object (there);
  remote_server_free (own);
}

/* A token in the environment, and one that was told before. */
static void
test_tokens (void)
{
  PmodSession *session = pmod_session_new ();

  pmod_session_open_server (session, server->address, server->token);
  session_check_wait (session_check_is_settled, session);
  pmod_session_open_model (session, server->address);
  session_check_wait (session_check_is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  g_assert_finalize_object (session);

  session = pmod_session_new ();
  pmod_session_open_model (session, server->address);
  session_check_wait (session_check_is_settled, session);
  g_assert_nonnull (strstr (pmod_session_get_error (session), "a token is needed"));
  g_setenv ("STRATA_SERVER_TOKEN", server->token, TRUE);
  pmod_session_open_model (session, server->address);
  session_check_wait (session_check_is_settled, session);
  g_assert_null (pmod_session_get_error (session));
  g_unsetenv ("STRATA_SERVER_TOKEN");
  g_assert_finalize_object (session);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  server = start (NULL);
  g_test_add_func ("/remote/pictures", test_pictures);
  g_test_add_func ("/remote/card", test_card);
  g_test_add_func ("/remote/same-records", test_same_records);
  g_test_add_func ("/remote/told", test_told);
  g_test_add_func ("/remote/lanes", test_lanes);
  g_test_add_func ("/remote/sweep", test_sweep);
  g_test_add_func ("/remote/two-at-once", test_two_at_once);
  g_test_add_func ("/remote/stop", test_stop);
  g_test_add_func ("/remote/refused", test_refused);
  g_test_add_func ("/remote/killed", test_killed);
  g_test_add_func ("/remote/tokens", test_tokens);
  result = g_test_run ();
  remote_server_free (server);
  return result;
}
