/* PmodRun: its answer's tokens. See pmod-run-tokens.h. */
#include "config.h"

#include "pmod-run-tokens.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "pmod-run-origin.h"
#include "pmod-run-state-private.h"

#define SPACE_MARK "\342\226\201" /* U+2581, stands for a space inside pieces */

PmodRunEnd
pmod_run_get_end (PmodRun *self)
{
  g_return_val_if_fail (PMOD_IS_RUN (self), PMOD_RUN_END_UNKNOWN);

  if (!self->end)
    return PMOD_RUN_END_UNKNOWN;
  switch ((PmodFinish)self->end->finish)
    {
    case PMOD_FINISH_EOS:
      return PMOD_RUN_END_WHOLE;
    case PMOD_FINISH_LENGTH:
      return PMOD_RUN_END_LENGTH;
    case PMOD_FINISH_STOP:
    case PMOD_FINISH_CANCELLED:
      return PMOD_RUN_END_STOPPED;
    case PMOD_FINISH_ERROR:
    default:
      return PMOD_RUN_END_FAILED;
    }
}

static const PmodRecordToken *
get_record (PmodRun *self, int index)
{
  return self->tokens && index >= 0 && index < (int)self->tokens->len ? self->tokens->pdata[index]
                                                                      : NULL;
}

int
pmod_run_count_answer_tokens (PmodRun *self)
{
  g_return_val_if_fail (PMOD_IS_RUN (self), 0);
  return self->tokens ? (int)self->tokens->len : 0;
}

gboolean
pmod_run_get_answer_token (PmodRun *self, int index, PmodRunToken *token)
{
  const PmodRecordToken *record = get_record (self, index);

  memset (token, 0, sizeof *token);
  if (!record)
    return FALSE;
  token->chance.id = record->id;
  token->chance.probability = exp ((double)record->logprob);
  token->chance.piece = pmod_record_token_piece (record, -1);
  token->given = (record->header.flags & PMOD_RECORD_FLAG_GIVEN) != 0;
  /* Where a vocabulary is small, what is left has no id. */
  while (token->n_alternatives < record->n_alternatives &&
         record->alternatives[token->n_alternatives].id >= 0)
    token->n_alternatives++;
  return TRUE;
}

gboolean
pmod_run_get_alternative (PmodRun *self, int index, int alternative, PmodRunChance *chance)
{
  const PmodRecordToken *record = get_record (self, index);

  memset (chance, 0, sizeof *chance);
  if (!record || alternative < 0 || alternative >= record->n_alternatives)
    return FALSE;
  chance->id = record->alternatives[alternative].id;
  chance->probability = exp ((double)record->alternatives[alternative].logprob);
  chance->piece = pmod_record_token_piece (record, alternative);
  return chance->id >= 0;
}

int
pmod_run_count_given_tokens (PmodRun *self, int *n_known)
{
  int n_spans, n_given = 0;
  const PmodRunSpan *spans = pmod_run_get_spans (self, &n_spans);

  *n_known = 0;
  for (int i = 0; i < n_spans; i++)
    *n_known += spans[i].kind == PMOD_SPAN_TOKEN && spans[i].reused;
  for (int i = 0; i < pmod_run_count_answer_tokens (self); i++)
    n_given += (get_record (self, i)->header.flags & PMOD_RECORD_FLAG_GIVEN) != 0;
  return n_given;
}

char *
pmod_run_dup_answer_start (PmodRun *self, int n)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < MIN (n, pmod_run_count_answer_tokens (self)); i++)
    {
      const PmodRecordToken *record = get_record (self, i);

      g_string_append_len (text, pmod_record_token_text (record), record->text_bytes);
    }
  return g_string_free (text, FALSE);
}

/* --- Pieces ---------------------------------------------------------------------------------- */

/* "<0x0A>" */
static gboolean
is_byte (const char *piece)
{
  return strlen (piece) == 6 && g_str_has_prefix (piece, "<0x") && piece[5] == '>' &&
         g_ascii_isxdigit (piece[3]) && g_ascii_isxdigit (piece[4]);
}

static gboolean
is_only (const char *text, const char *unit)
{
  gsize n = strlen (unit);

  if (*text == '\0')
    return FALSE;
  while (g_str_has_prefix (text, unit))
    text += n;
  return *text == '\0';
}

static PmodTokenKind
find_kind (const char *piece)
{
  if (!piece || *piece == '\0')
    return PMOD_TOKEN_UNKNOWN;
  if (strcmp (piece, "</s>") == 0)
    return PMOD_TOKEN_END;
  if (strcmp (piece, "<0x0A>") == 0 || is_only (piece, "\n"))
    return PMOD_TOKEN_NEWLINE;
  if (strcmp (piece, "<0x09>") == 0 || is_only (piece, "\t"))
    return PMOD_TOKEN_TAB;
  if (is_byte (piece))
    return PMOD_TOKEN_BYTE;
  return is_only (piece, SPACE_MARK) ? PMOD_TOKEN_SPACE : PMOD_TOKEN_TEXT;
}

PmodTokenKind
pmod_run_read_piece (const PmodRunChance *chance, char **text, gboolean *after_space)
{
  const char *piece = chance->piece;
  PmodTokenKind kind = find_kind (piece);

  *after_space = kind == PMOD_TOKEN_TEXT && g_str_has_prefix (piece, SPACE_MARK);
  if (kind == PMOD_TOKEN_BYTE)
    *text = g_strndup (piece + 3, 2);
  else if (kind == PMOD_TOKEN_TEXT)
    {
      GString *plain = g_string_new (piece + (*after_space ? strlen (SPACE_MARK) : 0));

      g_string_replace (plain, SPACE_MARK, " ", 0);
      *text = g_string_free (plain, FALSE);
    }
  else
    *text = g_strdup ("");
  return kind;
}

/* --- Sampling -------------------------------------------------------------------------------- */

gboolean
pmod_run_get_sampling (PmodRun *self, PmodRunSampling *sampling)
{
  const char *settings = pmod_run_get_settings (self);
  g_autoptr (JsonNode) root = settings ? json_from_string (settings, NULL) : NULL;
  JsonObject *object = root && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  JsonNode *member = object ? json_object_get_member (object, "sampling") : NULL;

  memset (sampling, 0, sizeof *sampling);
  if (!member || !JSON_NODE_HOLDS_OBJECT (member))
    return FALSE;
  object = json_node_get_object (member);
  sampling->temperature = json_object_get_double_member_with_default (object, "temperature", 0);
  sampling->top_k = (int)json_object_get_int_member_with_default (object, "top_k", 0);
  sampling->top_p = json_object_get_double_member_with_default (object, "top_p", 1);
  sampling->seed = (guint64)json_object_get_int_member_with_default (object, "seed", 0);
  return TRUE;
}
