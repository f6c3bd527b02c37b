/* PmodChat going on with answers, and what PmodRun tells of their tokens. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-run-origin.h"
#include "pmod-run-private.h"
#include "pmod-run-tokens.h"
#include "session-check.h"

#define QUESTION "What is this?"

typedef struct
{
  PmodSession *session;
  PmodTuning *tuning;
  PmodChat *chat;
  PmodPicture *picture;
} Fixture;

static gboolean
is_free (gpointer chat)
{
  return !pmod_chat_get_busy (chat);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->session = session_check_open ("demo-v0");
  self->tuning = pmod_session_get_tuning (self->session);
  self->chat = pmod_chat_new (self->session);
  self->picture = session_check_load_picture ("demo/seen-00.png");
  pmod_chat_open_picture (self->chat, self->picture);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_assert_finalize_object (self->chat);
  session_check_wait (session_check_is_settled, self->session);
  g_assert_finalize_object (self->session);
  g_object_unref (self->picture);
}

static PmodMessage *
get_answer (PmodChat *chat)
{
  GListModel *messages = pmod_chat_get_messages (chat);
  guint n = g_list_model_get_n_items (messages);
  PmodMessage *answer = g_list_model_get_item (messages, n - 1);

  g_assert_cmpuint (n, >=, 2);
  g_object_unref (answer);
  return answer;
}

/* What was said last, once it is all there. (transfer full) */
static char *
finish (PmodChat *chat)
{
  session_check_wait (is_free, chat);
  return g_strdup (pmod_message_get_text (get_answer (chat)));
}

static char *
ask (Fixture *self)
{
  g_assert_true (pmod_chat_ask (self->chat, QUESTION));
  return finish (self->chat);
}

static GArray *
list_ids (PmodRun *run)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (int));
  PmodRunToken token;

  for (int i = 0; pmod_run_get_answer_token (run, i, &token); i++)
    g_array_append_val (ids, token.chance.id);
  return ids;
}

/* Cut short by its length, token by token, it is the answer that it was to be, and every step of it
 * costs one token. */
static void
test_length (Fixture *self, gconstpointer data)
{
  g_autofree char *whole = ask (self);
  g_autoptr (GArray) ids = list_ids (pmod_message_get_run (get_answer (self->chat)));
  g_autoptr (GArray) again = NULL;
  g_autofree char *text = NULL;
  int n_steps = 0;

  g_assert_false (pmod_chat_can_continue (self->chat, get_answer (self->chat)));
  g_assert_false (pmod_chat_continue (self->chat, get_answer (self->chat)));
  pmod_tuning_set_max_tokens (self->tuning, 1);
  g_assert_true (pmod_chat_ask_again (self->chat));
  text = finish (self->chat);
  while (pmod_chat_continue (self->chat, get_answer (self->chat)))
    {
      PmodRun *run;
      int n_known;

      g_assert_cmpuint (g_list_model_get_n_items (pmod_chat_get_messages (self->chat)), ==, 2);
      g_free (text);
      text = finish (self->chat);
      n_steps++;
      run = pmod_message_get_run (get_answer (self->chat));
      g_assert_cmpint (pmod_run_count_answer_tokens (run), ==, n_steps + 1);
      g_assert_cmpint (pmod_run_get_n_new_tokens (run), ==, n_steps + 1);
      g_assert_cmpint (pmod_run_count_given_tokens (run, &n_known), ==, n_steps);
      g_assert_cmpint (n_known, ==, n_steps - 1);
      g_assert_cmpint (pmod_run_get_n_reused (run), >, 0);
    }
  again = list_ids (pmod_message_get_run (get_answer (self->chat)));
  g_assert_cmpint (n_steps, ==, (int)ids->len - 1);
  g_assert_cmpstr (text, ==, whole);
  g_assert_cmpmem (again->data, again->len * sizeof (int), ids->data, ids->len * sizeof (int));
  g_assert_cmpint (pmod_run_get_end (pmod_message_get_run (get_answer (self->chat))), ==,
                   PMOD_RUN_END_WHOLE);
}

/* An answer of another time, of which only the words are known. */
static void
test_words (Fixture *self, gconstpointer data)
{
  g_autofree char *whole = ask (self);
  g_autofree char *text = NULL;
  g_autofree char *start = g_strndup (whole, (gsize)(strchr (whole, ' ') - whole));
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (PmodRun) stopped = pmod_run_new ();
  PmodMessage *answer = pmod_message_new_answer (stopped, NULL);
  PmodRun *run;
  int n_known;

  pmod_run_finish (stopped, PMOD_RUN_STOPPED, start, NULL);
  pmod_message_set_interrupted (answer, TRUE);
  g_ptr_array_add (messages, pmod_message_new_question (QUESTION));
  g_ptr_array_add (messages, answer);
  pmod_chat_restore (self->chat, self->picture, messages);
  g_assert_false (pmod_chat_can_continue_from (self->chat, answer));
  g_assert_true (pmod_chat_continue (self->chat, answer));
  text = finish (self->chat);
  g_assert_cmpstr (text, ==, whole);
  run = pmod_message_get_run (get_answer (self->chat));
  g_assert_cmpint (pmod_run_count_given_tokens (run, &n_known), ==, 1);
}

/* "A star": the second word is another one. */
static void
test_alternative (Fixture *self, gconstpointer data)
{
  g_autofree char *whole = ask (self);
  g_autofree char *other = NULL, *piece = NULL, *expected = NULL;
  g_autoptr (PmodMessage) answer = g_object_ref (get_answer (self->chat));
  PmodRun *run = pmod_message_get_run (answer);
  gboolean after_space;
  PmodRunChance chance;
  PmodRunToken token;
  double sum = 0;

  g_assert_true (pmod_run_get_answer_token (run, 1, &token));
  g_assert_cmpint (token.n_alternatives, ==, 8);
  for (int i = 0; i < token.n_alternatives; i++)
    {
      g_assert_true (pmod_run_get_alternative (run, 1, i, &chance));
      sum += chance.probability;
    }
  g_assert_cmpfloat (sum, <=, 1.000001);
  g_assert_true (pmod_run_get_alternative (run, 1, 1, &chance));
  g_assert_cmpint (pmod_run_read_piece (&chance, &piece, &after_space), ==, PMOD_TOKEN_TEXT);
  g_assert_false (pmod_chat_continue_from (self->chat, answer, 1, 8));
  g_assert_false (pmod_chat_continue_from (self->chat, answer, 100, 0));
  g_assert_true (pmod_chat_continue_from (self->chat, answer, 1, 1));
  other = finish (self->chat);
  expected = g_strconcat ("A", after_space ? " " : "", piece, NULL);
  g_test_message ("\"%s\" became \"%s\"", whole, other);
  g_assert_true (g_str_has_prefix (other, expected));
  g_assert_cmpstr (other, !=, whole);

  run = pmod_message_get_run (get_answer (self->chat));
  g_assert_true (pmod_run_get_answer_token (run, 1, &token));
  g_assert_true (token.given);
  g_assert_cmpint (token.chance.id, ==, chance.id);
  g_assert_cmpfloat (token.chance.probability, ==, chance.probability);
  /* The answer that was left is no longer the last one. */
  g_assert_false (pmod_chat_can_continue_from (self->chat, answer));
}

/* The same seed draws the same answer, and says so. */
static void
test_seed (Fixture *self, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL, *third = NULL;
  PmodRunSampling sampling;

  pmod_tuning_set_temperature (self->tuning, 3);
  pmod_tuning_set_max_tokens (self->tuning, 8);
  pmod_tuning_set_sampling_seed (self->tuning, 41);
  first = ask (self);
  g_assert_true (pmod_chat_ask_again (self->chat));
  second = finish (self->chat);
  pmod_tuning_set_sampling_seed (self->tuning, 42);
  g_assert_true (pmod_chat_ask_again (self->chat));
  third = finish (self->chat);
  g_test_message ("41: \"%s\", 42: \"%s\"", first, third);
  g_assert_cmpstr (first, ==, second);
  g_assert_cmpstr (first, !=, third);
  g_assert_true (pmod_run_get_sampling (pmod_message_get_run (get_answer (self->chat)), &sampling));
  g_assert_cmpfloat (sampling.temperature, ==, 3);
  g_assert_cmpuint (sampling.seed, ==, 42);
}

static void
test_pieces (void)
{
  static const struct
  {
    const char *piece;
    PmodTokenKind kind;
    const char *text;
    gboolean after_space;
  } table[] = {
    { "\342\226\201red", PMOD_TOKEN_TEXT, "red", TRUE },
    { "s", PMOD_TOKEN_TEXT, "s", FALSE },
    { "a\342\226\201b", PMOD_TOKEN_TEXT, "a b", FALSE },
    { "\342\226\201", PMOD_TOKEN_SPACE, "", FALSE },
    { "\342\226\201\342\226\201", PMOD_TOKEN_SPACE, "", FALSE },
    { "<0x0A>", PMOD_TOKEN_NEWLINE, "", FALSE },
    { "<0x09>", PMOD_TOKEN_TAB, "", FALSE },
    { "<0xE2>", PMOD_TOKEN_BYTE, "E2", FALSE },
    { "<0xE>", PMOD_TOKEN_TEXT, "<0xE>", FALSE },
    { "</s>", PMOD_TOKEN_END, "", FALSE },
    { "", PMOD_TOKEN_UNKNOWN, "", FALSE },
    { NULL, PMOD_TOKEN_UNKNOWN, "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      PmodRunChance chance = { .piece = table[i].piece };
      g_autofree char *text = NULL;
      gboolean after_space;

      g_assert_cmpint (pmod_run_read_piece (&chance, &text, &after_space), ==, table[i].kind);
      g_assert_cmpstr (text, ==, table[i].text);
      g_assert_cmpint (after_space, ==, table[i].after_space);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/chat-continue/pieces", test_pieces);
  g_test_add ("/chat-continue/length", Fixture, NULL, set_up, test_length, tear_down);
  g_test_add ("/chat-continue/words", Fixture, NULL, set_up, test_words, tear_down);
  g_test_add ("/chat-continue/alternative", Fixture, NULL, set_up, test_alternative, tear_down);
  g_test_add ("/chat-continue/seed", Fixture, NULL, set_up, test_seed, tear_down);
  return g_test_run ();
}
