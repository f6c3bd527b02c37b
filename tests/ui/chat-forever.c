/* Chats with a model and keeps it, until it is killed; for kill-loop.py.
 *
 * chat-forever MODEL PICTURE DATABASE NAME. Asks "NAME 1", "NAME 2", ..., a new conversation every
 * third time, and another branch of it the time after that. Tells on the standard output, with the
 * milliseconds of the monotonic clock:
 *   B n ms          the answer to question n has begun
 *   T n ms bytes    so much of it is there
 *   D n ms bytes    it is over */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pmod-keeper.h"

/* So that killing finds answers that grow, however fast the machine. */
#define MAX_TOKENS 600
#define TOLD_MS 50

typedef struct
{
  GMainLoop *loop;
  PmodSession *session;
  PmodChat *chat;
  PmodPicture *picture;
  const char *name;
  int n;
  PmodRun *run; /* of question n */
  gboolean begun;
  gint64 told_us;
} Talk;

static void
tell (Talk *talk, char what)
{
  printf ("%c %d %" G_GINT64_FORMAT " %zu\n", what, talk->n, g_get_monotonic_time () / 1000,
          strlen (pmod_run_get_text (talk->run)));
  fflush (stdout);
}

static gboolean ask_next (gpointer user_data);

static void
changed_cb (Talk *talk)
{
  gint64 now_us = g_get_monotonic_time ();

  if (!talk->begun)
    tell (talk, 'B');
  talk->begun = TRUE;
  if (pmod_run_is_finished (talk->run))
    {
      tell (talk, 'D');
      g_signal_handlers_disconnect_by_data (talk->run, talk);
      g_clear_object (&talk->run);
      g_idle_add (ask_next, talk);
      return;
    }
  if (now_us - talk->told_us < TOLD_MS * 1000)
    return;
  talk->told_us = now_us;
  tell (talk, 'T');
}

static gboolean
ask_next (gpointer user_data)
{
  Talk *talk = user_data;
  g_autofree char *question = g_strdup_printf ("%s %d", talk->name, ++talk->n);
  GListModel *messages = pmod_chat_get_messages (talk->chat);
  g_autoptr (PmodMessage) answer = NULL;

  if (talk->n % 3 == 1)
    pmod_chat_open_picture (talk->chat, talk->picture);
  talk->begun = FALSE;
  g_assert (talk->n % 3 == 2 ? pmod_chat_ask_instead (talk->chat, 0, question)
                             : pmod_chat_ask (talk->chat, question));
  answer = g_list_model_get_item (messages, g_list_model_get_n_items (messages) - 1);
  talk->run = g_object_ref (pmod_message_get_run (answer));
  g_signal_connect_swapped (talk->run, "changed", G_CALLBACK (changed_cb), talk);
  return G_SOURCE_REMOVE;
}

static void
picture_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Talk *talk = user_data;
  g_autoptr (GError) error = NULL;

  talk->picture = pmod_picture_load_finish (result, &error);
  g_assert_no_error (error);
  ask_next (talk);
}

static void
model_cb (PmodSession *session, GParamSpec *pspec, gpointer picture)
{
  Talk *talk = g_object_get_data (G_OBJECT (session), "talk");

  pmod_tuning_set_max_tokens (pmod_session_get_tuning (session), MAX_TOKENS);
  pmod_picture_load_file_async (picture, NULL, picture_cb, talk);
}

int
main (int argc, char *argv[])
{
  Talk talk = { 0 };
  g_autoptr (GFile) picture = NULL;
  g_autoptr (PmodStore) store = NULL;
  g_autoptr (PmodKeeper) keeper = NULL;

  if (argc != 5)
    {
      fprintf (stderr, "chat-forever: expected MODEL PICTURE DATABASE NAME\n");
      return 2;
    }
  picture = g_file_new_for_path (argv[2]);
  talk.loop = g_main_loop_new (NULL, FALSE);
  talk.name = argv[4];
  talk.session = pmod_session_new ();
  talk.chat = pmod_chat_new (talk.session);
  store = pmod_store_new (argv[3]);
  keeper = pmod_keeper_new (talk.chat, store);
  g_object_set_data (G_OBJECT (talk.session), "talk", &talk);
  g_signal_connect (talk.session, "notify::model", G_CALLBACK (model_cb), picture);
  pmod_session_open_model (talk.session, argv[1]);
  g_main_loop_run (talk.loop);
  return 0;
}
