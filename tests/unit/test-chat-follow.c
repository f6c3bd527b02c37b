/* PmodChat under settings that change: maps at once and often, the answer where it is wanted. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "session-check.h"

static gboolean
is_free (gpointer chat)
{
  return !pmod_chat_get_busy (chat);
}

static gboolean
has_newest_maps (gpointer chat)
{
  PmodTuning *tuning = pmod_session_get_tuning (pmod_chat_get_session (chat));
  PmodRun *run = pmod_chat_get_run (chat);

  return run && pmod_run_is_finished (run) &&
         pmod_run_get_generation (run) == pmod_tuning_get_generation (tuning);
}

static int
count_kept (PmodChat *chat, int layer)
{
  PmodRunLayer info;

  g_assert_true (pmod_run_get_layer (pmod_chat_get_run (chat), layer, &info));
  return info.n_kept;
}

static const char *
get_answer (PmodChat *chat)
{
  GListModel *messages = pmod_chat_get_messages (chat);
  g_autoptr (PmodMessage) reply = g_list_model_get_item (messages, 1);

  g_assert_cmpuint (g_list_model_get_n_items (messages), ==, 2);
  return pmod_message_get_text (reply);
}

static void
replaced_cb (GListModel *messages, guint position, guint removed, guint added, int *n)
{
  g_assert_cmpuint (position, ==, 1);
  g_assert_cmpuint (removed, ==, 1);
  g_assert_cmpuint (added, ==, 1);
  ++*n;
}

static void
test_follow (void)
{
  PmodSession *session = session_check_open ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  PmodChat *chat = pmod_chat_new (session);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");
  g_autofree char *before = NULL;
  int n_replaced = 0;

  pmod_chat_open_picture (chat, picture);
  pmod_chat_ask (chat, "How many sailboats are there?");
  session_check_wait (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, "One.");
  g_assert_cmpint (count_kept (chat, 3), ==, 22);
  before = g_strdup (get_answer (chat));
  g_signal_connect (pmod_chat_get_messages (chat), "items-changed", G_CALLBACK (replaced_cb),
                    &n_replaced);

  /* The maps follow; what was said stays. */
  pmod_tuning_set_ratio (tuning, 3, 0);
  session_check_wait (has_newest_maps, chat);
  g_assert_cmpint (count_kept (chat, 3), ==, 0);
  g_assert_cmpint (pmod_run_get_n_new_tokens (pmod_chat_get_run (chat)), ==, 0);
  g_assert_cmpint (n_replaced, ==, 0);

  /* Until it is asked for, at once as it is of settings that are gone. */
  pmod_chat_set_asks_again (chat, TRUE);
  while (n_replaced == 0)
    g_main_context_iteration (NULL, TRUE);
  session_check_wait (is_free, chat);
  n_replaced = 0;

  /* One answer after several changes, and the question stays. */
  for (int l = 2; l < 6; l++)
    pmod_tuning_set_ratio (tuning, l, 0);
  while (n_replaced == 0)
    g_main_context_iteration (NULL, TRUE);
  session_check_wait (is_free, chat);
  session_check_wait (session_check_is_settled, session);
  g_assert_cmpint (n_replaced, ==, 1);
  g_test_message ("with nothing kept: \"%s\"", get_answer (chat));
  g_assert_cmpint (count_kept (chat, 2), ==, 0);
  g_assert_cmpint (pmod_run_get_n_new_tokens (pmod_chat_get_run (chat)), >, 0);

  pmod_tuning_reset (tuning);
  while (n_replaced == 1)
    g_main_context_iteration (NULL, TRUE);
  session_check_wait (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, before);
  g_signal_handlers_disconnect_by_data (pmod_chat_get_messages (chat), &n_replaced);

  /* What the engine refuses leaves the maps alone. */
  pmod_tuning_set_ratio (tuning, 0, 0.5);
  session_check_wait (session_check_is_settled, session);
  g_assert_cmpint (count_kept (chat, 3), ==, 22);
  g_assert_finalize_object (chat);
  g_assert_finalize_object (session);
}

/* A change of settings does not cut short an answer that the user waits for. */
static void
test_change_while_answering (void)
{
  g_autoptr (PmodSession) session = session_check_open ("demo-v0");
  PmodTuning *tuning = pmod_session_get_tuning (session);
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("demo/seen-00.png");

  pmod_chat_open_picture (chat, picture);
  pmod_chat_ask (chat, "How many sailboats are there?");
  pmod_tuning_set_factor (tuning, 0.45);
  pmod_tuning_set_factor (tuning, 0.4);
  session_check_wait (is_free, chat);
  g_assert_cmpstr (get_answer (chat), ==, "One.");
  session_check_wait (has_newest_maps, chat);
}

typedef struct
{
  PmodTuning *tuning;
  double value;
  int n_maps;
  gint64 last_us;
  gint64 longest_us;
} Drag;

/* As a slider under a hand: a new value with each frame. */
static gboolean
drag_cb (gpointer data)
{
  Drag *drag = data;

  drag->value += 0.001;
  pmod_tuning_set_factor (drag->tuning, 0.5 + 0.3 * sin (drag->value * 20));
  return G_SOURCE_CONTINUE;
}

static gboolean
is_whole (PmodRun *run)
{
  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer info;

      if (!pmod_run_get_layer (run, l, &info) || !info.ready)
        return FALSE;
    }
  return TRUE;
}

/* Only whole ones count: a run that takes very long may be seen growing. */
static void
new_maps_cb (PmodChat *chat, GParamSpec *pspec, Drag *drag)
{
  gint64 now_us = g_get_monotonic_time ();

  if (!is_whole (pmod_chat_get_run (chat)))
    return;
  drag->longest_us = MAX (drag->longest_us, now_us - drag->last_us);
  drag->last_us = now_us;
  drag->n_maps++;
}

#define DRAG_S 10.0
#define MAPS_PER_S 10.0

static void
test_drag (void)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodPicture) picture = session_check_load_picture ("../../data/samples/star.png");
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  Drag drag = { pmod_session_get_tuning (session) };
  gint64 end_us;
  guint id;

  pmod_session_open_model (session, "demo");
  session_check_wait (session_check_is_settled, session);
  pmod_chat_open_picture (chat, picture);
  session_check_wait (has_newest_maps, chat);

  g_signal_connect (chat, "notify::run", G_CALLBACK (new_maps_cb), &drag);
  drag.last_us = g_get_monotonic_time ();
  end_us = drag.last_us + (gint64)(DRAG_S * 1e6);
  id = g_timeout_add (16, drag_cb, &drag);
  while (g_get_monotonic_time () < end_us)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
  g_test_message ("%.1f maps a second, %.0f ms between two at most", drag.n_maps / DRAG_S,
                  (double)drag.longest_us / 1e3);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  g_assert_cmpfloat (drag.n_maps / DRAG_S, >=, MAPS_PER_S);
#endif
  session_check_wait (has_newest_maps, chat);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chat/follow", test_follow);
  g_test_add_func ("/chat/change-while-answering", test_change_while_answering);
  g_test_add_func ("/chat/drag", test_drag);
  return g_test_run ();
}
