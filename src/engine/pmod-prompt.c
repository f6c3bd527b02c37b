/* Conversations and raw text to token ids with a mark for each picture.
 *
 * What a person types is never more than text: "</s>" in it is cut like any other characters, not
 * turned into the token that ends a turn, and so is "<image>" in an answer of the model's. Only
 * pmod_prompt_new_raw() reads such names as tokens, as the reference does everywhere. */
#include "pmod-prompt.h"

#include "pmod-tokenizer-private.h"

#include <string.h>

#define IMAGE_MARK "<image>"
#define MAX_TEXT_BYTES (1u << 20) /* more than the largest context can hold */

typedef struct
{
  const char *name;
  const char *system; /* what stands before the first turn, and a space behind it */
} Template;

/* Turns are "USER: TEXT " and "ASSISTANT: TEXT</s>" in both.
 * Source: p-MoD conversation.py, SeparatorStyle.TWO. */
static const Template templates[] = {
  { "vicuna_v1",
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions." },
  { "user-assistant", "" },
};

void
pmod_prompt_free (PmodPrompt *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_clear_pointer (&self->ids, g_array_unref);
  g_clear_pointer (&self->images, g_ptr_array_unref);
  g_clear_pointer (&self->begin, g_array_unref);
  g_free (self);
}

/* --- Checks --------------------------------------------------------------------------------- */

static gboolean refuse (GError **error, PmodErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GError **error, PmodErrorCode code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (PMOD_ERROR, (int)code, format, args));
  va_end (args);
  return FALSE;
}

static gboolean
check_text (const char *what, const char *text, GError **error)
{
  gsize n_bytes = strlen (text);
  const char *end;

  if (n_bytes > MAX_TEXT_BYTES)
    return refuse (error, PMOD_ERROR_CONTEXT,
                   "%s: expected at most %u bytes of text, got %" G_GSIZE_FORMAT, what,
                   MAX_TEXT_BYTES, n_bytes);
  if (!g_utf8_validate (text, (gssize)n_bytes, &end))
    return refuse (error, PMOD_ERROR_ARGUMENT,
                   "%s: the text is not UTF-8: byte 0x%02X at %" G_GSIZE_FORMAT, what, (guint8)*end,
                   (gsize)(end - text));
  return TRUE;
}

static int
count_marks (const char *text)
{
  int n = 0;

  while ((text = strstr (text, IMAGE_MARK)) != NULL)
    {
      text += strlen (IMAGE_MARK);
      n++;
    }
  return n;
}

/* A text that says itself where its pictures stand leaves no choice. */
static gboolean
check_flags (PmodPromptFlags flags, int n_marks, GError **error)
{
  if ((flags & PMOD_PROMPT_QUESTION_FIRST) == 0 || n_marks == 0)
    return TRUE;
  return refuse (error, PMOD_ERROR_ARGUMENT,
                 "prompt: expected no \"" IMAGE_MARK
                 "\" where the question is put first, got %d of them",
                 n_marks);
}

static gboolean
check_marks (int n_marks, int n_images, GError **error)
{
  if (n_marks == n_images)
    return TRUE;
  return refuse (error, PMOD_ERROR_ARGUMENT,
                 "prompt: expected one picture for each \"" IMAGE_MARK
                 "\", got %d of them and %d %s",
                 n_marks, n_images, n_images == 1 ? "picture" : "pictures");
}

static gboolean
has_words (const char *text, gsize n_bytes)
{
  for (const char *at = text; at < text + n_bytes; at = g_utf8_next_char (at))
    if (!g_unichar_isspace (g_utf8_get_char (at)))
      return TRUE;
  return FALSE;
}

/* Whether text says something beside its pictures. */
static gboolean
has_words_beside_marks (const char *text)
{
  for (;;)
    {
      const char *mark = strstr (text, IMAGE_MARK);

      if (has_words (text, mark != NULL ? (gsize)(mark - text) : strlen (text)))
        return TRUE;
      if (mark == NULL)
        return FALSE;
      text = mark + strlen (IMAGE_MARK);
    }
}

static gboolean
check_turns (const PmodTurn *turns, int n_turns, int n_images, int *n_marks, GError **error)
{
  *n_marks = 0;
  if (n_turns < 1)
    return refuse (error, PMOD_ERROR_ARGUMENT, "prompt: expected at least one turn, got none");
  for (int i = 0; i < n_turns; i++)
    {
      g_autofree char *what = g_strdup_printf ("prompt, turn %d", i + 1);

      if (turns[i].role != (i % 2 == 0 ? PMOD_ROLE_USER : PMOD_ROLE_ASSISTANT))
        return refuse (error, PMOD_ERROR_ARGUMENT,
                       "%s: expected the user's and the assistant's turns in alternation", what);
      if (!check_text (what, turns[i].text, error))
        return FALSE;
      if (turns[i].role == PMOD_ROLE_USER)
        *n_marks += count_marks (turns[i].text);
    }
  if (n_turns % 2 == 0)
    return refuse (error, PMOD_ERROR_ARGUMENT, "prompt: expected the last turn to be the user's");
  if (!has_words_beside_marks (turns[n_turns - 1].text))
    return refuse (error, PMOD_ERROR_ARGUMENT, "prompt: expected some text, got none");
  return *n_marks == 0 || check_marks (*n_marks, n_images, error);
}

/* --- Building ------------------------------------------------------------------------------- */

typedef struct
{
  PmodTokenizer *tokenizer;
  PmodPrompt *prompt;
  GString *text;       /* the whole prompt */
  gsize encoded;       /* of its bytes, how many are in ids */
  gboolean starts;     /* what follows is not behind a special token */
  gboolean user_spoke; /* words of the user's are in it */
} Builder;

static void
begin (Builder *self, PmodTokenizer *tokenizer, PmodImage *const *images, int n_images)
{
  gint32 bos = pmod_tokenizer_get_bos (tokenizer);

  *self = (Builder){ .tokenizer = tokenizer, .starts = TRUE };
  self->text = g_string_new (NULL);
  self->prompt = g_new0 (PmodPrompt, 1);
  self->prompt->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->prompt->images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  for (int i = 0; i < n_images; i++)
    g_ptr_array_add (self->prompt->images, pmod_image_ref (images[i]));
  if (bos >= 0)
    g_array_append_val (self->prompt->ids, bos);
}

/* Text is only cut where something follows that is no text, since pieces reach across turns. */
static void
encode_rest (Builder *self)
{
  pmod_tokenizer_encode_plain (self->tokenizer, self->text->str + self->encoded,
                               self->text->len - self->encoded, self->starts, self->prompt->ids);
}

static void
add_token (Builder *self, gint32 id, const char *name)
{
  encode_rest (self);
  g_array_append_val (self->prompt->ids, id);
  g_string_append (self->text, name);
  self->encoded = self->text->len;
  self->starts = id == PMOD_IMAGE_TOKEN;
}

static void
add_end_of_turn (Builder *self)
{
  int eos = pmod_tokenizer_get_eos (self->tokenizer);

  if (eos >= 0)
    add_token (self, eos, pmod_tokenizer_get_piece (self->tokenizer, eos));
}

static void
add_picture (Builder *self)
{
  self->prompt->question_first = self->prompt->question_first || self->user_spoke;
  add_token (self, PMOD_IMAGE_TOKEN, IMAGE_MARK);
}

static void
add_user_text (Builder *self, const char *text)
{
  for (;;)
    {
      const char *mark = strstr (text, IMAGE_MARK);
      gsize n_bytes = mark != NULL ? (gsize)(mark - text) : strlen (text);

      g_string_append_len (self->text, text, (gssize)n_bytes);
      self->user_spoke = self->user_spoke || has_words (text, n_bytes);
      if (mark == NULL)
        return;
      add_picture (self);
      text = mark + strlen (IMAGE_MARK);
    }
}

static void
add_user_turn (Builder *self, const char *text, int n_before, int n_behind)
{
  g_string_append (self->text, "USER: ");
  for (int i = 0; i < n_before; i++)
    {
      add_picture (self);
      g_string_append_c (self->text, '\n');
    }
  add_user_text (self, text);
  for (int i = 0; i < n_behind; i++)
    {
      g_string_append_c (self->text, '\n');
      add_picture (self);
    }
  g_string_append (self->text, " ASSISTANT:");
}

static PmodPrompt *
finish (Builder *self)
{
  encode_rest (self);
  self->prompt->text = g_string_free (self->text, FALSE);
  return self->prompt;
}

static const Template *
find_template (const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (templates); i++)
    if (strcmp (name, templates[i].name) == 0)
      return &templates[i];
  refuse (error, PMOD_ERROR_UNSUPPORTED,
          "conversation: expected vicuna_v1 or user-assistant, got \"%.80s\"", name);
  return NULL;
}

const char *
pmod_prompt_get_system (const char *template_name)
{
  const Template *template = find_template (template_name, NULL);

  return template != NULL ? template->system : NULL;
}

PmodPrompt *
pmod_prompt_new_chat (PmodTokenizer *tokenizer,
                      const char *template_name,
                      const PmodTurn *turns,
                      int n_turns,
                      PmodImage *const *images,
                      int n_images,
                      GError **error)
{
  return pmod_prompt_new_chat_full (tokenizer, template_name, turns, n_turns, images, n_images,
                                    PMOD_PROMPT_DEFAULT, error);
}

PmodPrompt *
pmod_prompt_new_chat_full (PmodTokenizer *tokenizer,
                           const char *template_name,
                           const PmodTurn *turns,
                           int n_turns,
                           PmodImage *const *images,
                           int n_images,
                           PmodPromptFlags flags,
                           GError **error)
{
  return pmod_prompt_new_chat_told (tokenizer, template_name, NULL, turns, n_turns, images,
                                    n_images, flags, error);
}

static void
add_system (Builder *self, const char *text)
{
  g_string_append (self->text, text);
  if (*text != '\0')
    g_string_append_c (self->text, ' ');
}

PmodPrompt *
pmod_prompt_new_chat_told (PmodTokenizer *tokenizer,
                           const char *template_name,
                           const char *system,
                           const PmodTurn *turns,
                           int n_turns,
                           PmodImage *const *images,
                           int n_images,
                           PmodPromptFlags flags,
                           GError **error)
{
  const Template *template = find_template (template_name, error);
  Builder builder;
  gboolean question_first = (flags & PMOD_PROMPT_QUESTION_FIRST) != 0;
  int n_marks, at;

  if (template == NULL || !check_turns (turns, n_turns, n_images, &n_marks, error) ||
      !check_flags (flags, n_marks, error) ||
      (system != NULL && !check_text ("prompt, system", system, error)))
    return NULL;

  begin (&builder, tokenizer, images, n_images);
  add_system (&builder, system != NULL ? system : template->system);
  at = n_marks > 0 ? -1 : question_first ? n_turns - 1 : 0;
  for (int i = 0; i < n_turns; i++)
    if (turns[i].role == PMOD_ROLE_USER)
      {
        int n = i == at ? n_images : 0;

        add_user_turn (&builder, turns[i].text, question_first ? 0 : n, question_first ? n : 0);
      }
    else
      {
        g_string_append_printf (builder.text, " %s", turns[i].text);
        add_end_of_turn (&builder);
      }
  return finish (&builder);
}

/* Past what a template says before the user's first words, if text begins like one. */
static const char *
skip_template (const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (templates); i++)
    {
      const char *system = templates[i].system;
      g_autofree char *head = g_strconcat (system, *system ? " " : "", "USER: ", NULL);

      if (g_str_has_prefix (text, head))
        return text + strlen (head);
    }
  return text;
}

PmodPrompt *
pmod_prompt_new_raw (PmodTokenizer *tokenizer,
                     const char *text,
                     PmodImage *const *images,
                     int n_images,
                     GError **error)
{
  g_auto (GStrv) chunks = NULL;
  const char *users;
  Builder builder;

  if (!check_text ("prompt", text, error) || !check_marks (count_marks (text), n_images, error))
    return NULL;
  if (!has_words (text, strlen (text)))
    {
      refuse (error, PMOD_ERROR_ARGUMENT, "prompt: expected some text, got none");
      return NULL;
    }
  begin (&builder, tokenizer, images, n_images);
  users = skip_template (text);
  chunks = g_strsplit (text, IMAGE_MARK, -1);
  for (guint i = 0; chunks[i] != NULL; i++)
    {
      gsize skipped = i == 0 ? MIN ((gsize)(users - text), strlen (chunks[0])) : 0;

      if (i > 0)
        add_picture (&builder);
      builder.user_spoke =
          builder.user_spoke || has_words (chunks[i] + skipped, strlen (chunks[i]) - skipped);
      g_string_append (builder.text, chunks[i]);
      pmod_tokenizer_encode (tokenizer, chunks[i], FALSE, builder.prompt->ids);
      builder.encoded = builder.text->len;
    }
  return finish (&builder);
}

/* --- How the answer begins ------------------------------------------------------------------ */

void
pmod_prompt_begin_with (PmodPrompt *self, const gint32 *ids, int n_ids)
{
  g_clear_pointer (&self->begin, g_array_unref);
  if (n_ids == 0)
    return;
  self->begin = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_vals (self->begin, ids, (guint)n_ids);
}

/* As the model's own answers are cut: their first word has a space mark, and so has this. */
gboolean
pmod_prompt_begin_with_text (PmodPrompt *self,
                             PmodTokenizer *tokenizer,
                             const char *text,
                             GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (!check_text ("beginning of the answer", text, error))
    return FALSE;
  pmod_tokenizer_encode_plain (tokenizer, text, strlen (text), TRUE, ids);
  pmod_prompt_begin_with (self, (const gint32 *)(gconstpointer)ids->data, (int)ids->len);
  return TRUE;
}
