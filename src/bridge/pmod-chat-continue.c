/* PmodChat: an answer is gone on with, from its end or from another of its tokens. See pmod-chat.h.
 */
#include "config.h"

#include "pmod-chat-private.h"

#include "pmod-run-origin.h"
#include "pmod-run-tokens.h"

/* Whether answer is one of those that are shown. */
static gboolean
is_shown (PmodChat *self, PmodMessage *answer)
{
  g_autoptr (PmodMessage) there =
      g_list_model_get_item (G_LIST_MODEL (self->messages), pmod_message_get_position (answer));

  return there == answer;
}

/* An answer that is over and can be given anew. NULL: it is none, or nothing can be asked now. */
static PmodRun *
find_run (PmodChat *self, PmodMessage *answer)
{
  PmodRun *run = pmod_message_get_run (answer);

  if (!run || self->answer || self->read_only || !pmod_session_get_model (self->session) ||
      !pmod_run_is_finished (run) || !is_shown (self, answer))
    return NULL;
  return run;
}

gboolean
pmod_chat_can_continue (PmodChat *self, PmodMessage *answer)
{
  PmodRun *run;

  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  g_return_val_if_fail (PMOD_IS_MESSAGE (answer), FALSE);

  run = find_run (self, answer);
  if (!run || *pmod_run_get_text (run) == '\0')
    return FALSE;
  /* The last token of an answer needs no place. */
  if (pmod_run_has_begun (run) && pmod_run_get_n_tokens (run) > pmod_run_get_context_length (run))
    return FALSE;
  return pmod_run_get_phase (run) == PMOD_RUN_STOPPED ||
         pmod_run_get_end (run) == PMOD_RUN_END_LENGTH;
}

gboolean
pmod_chat_can_continue_from (PmodChat *self, PmodMessage *answer)
{
  g_return_val_if_fail (PMOD_IS_CHAT (self), FALSE);
  g_return_val_if_fail (PMOD_IS_MESSAGE (answer), FALSE);

  return find_run (self, answer) &&
         pmod_run_count_answer_tokens (pmod_message_get_run (answer)) > 0;
}

/* Whether the model that answers next knows run's tokens by the same numbers. */
static gboolean
is_same_model (PmodChat *self, PmodRun *run)
{
  PmodModelCard *now = pmod_session_get_model (self->session);
  PmodModelCard *then = pmod_run_get_model (run);

  return then && (then == now || g_strcmp0 (then->name, now->name) == 0);
}

static void
add_tokens (PmodBeginning *beginning, PmodRun *run, int n)
{
  PmodRunToken token;

  for (int i = 0; i < n && pmod_run_get_answer_token (run, i, &token); i++)
    pmod_beginning_add (beginning, token.chance.id);
}

/* Takes beginning. What followed answer stays with it, as when it is asked for again. */
static gboolean
begin_with (PmodChat *self, PmodMessage *answer, PmodBeginning *beginning)
{
  gboolean asked;

  self->beginning = beginning;
  asked = pmod_chat_ask_again_at (self, pmod_message_get_position (answer));
  g_clear_pointer (&self->beginning, pmod_beginning_free);
  return asked;
}

gboolean
pmod_chat_continue (PmodChat *self, PmodMessage *answer)
{
  PmodBeginning *beginning;
  g_autofree char *text = NULL;
  PmodRun *run;

  if (!pmod_chat_can_continue (self, answer))
    return FALSE;
  run = pmod_message_get_run (answer);
  text = g_strchomp (g_strdup (pmod_run_get_text (run)));
  beginning = pmod_beginning_new (text);
  if (is_same_model (self, run))
    add_tokens (beginning, run, pmod_run_count_answer_tokens (run));
  return begin_with (self, answer, beginning);
}

gboolean
pmod_chat_continue_from (PmodChat *self, PmodMessage *answer, int token, int alternative)
{
  g_autoptr (PmodBeginning) beginning = NULL;
  g_autofree char *text = NULL, *piece = NULL, *whole = NULL;
  gboolean after_space;
  PmodRunChance chance;
  PmodRun *run;

  if (!pmod_chat_can_continue_from (self, answer))
    return FALSE;
  run = pmod_message_get_run (answer);
  if (!pmod_run_get_alternative (run, token, alternative, &chance) ||
      pmod_run_read_piece (&chance, &piece, &after_space) == PMOD_TOKEN_END)
    return FALSE;
  text = pmod_run_dup_answer_start (run, token);
  whole = g_strconcat (text, after_space && *text != '\0' ? " " : "", piece, NULL);
  beginning = pmod_beginning_new (whole);
  if (is_same_model (self, run))
    {
      add_tokens (beginning, run, token);
      pmod_beginning_add (beginning, chance.id);
    }
  return begin_with (self, answer, g_steal_pointer (&beginning));
}
