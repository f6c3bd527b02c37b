/* Conversations to tokens, with a label at each token of an answer and at the end of it. Not here:
 * how the file is read (pmod-conversation-file.c), how pictures are merged in (pmod-merge.c).
 *
 * All words are cut by pmod_prompt_new_chat(), the road of inference, so that a model is asked what
 * it was trained on. Source of the labels: LLaVA train.py, preprocess_v1. */
#include "pmod-conversations.h"

#include <string.h>

#include "pmod-conversation-file.h"
#include "pmod-merge.h"

typedef struct
{
  PmodSource base;
  PmodConversationFile *file;
  const PmodConfig *config;
  PmodTokenizer *tokenizer;
  PmodImage *dot;         /* stands in for a picture where only words are cut */
  gsize n_template_bytes; /* what a template puts around one question, at most */
  gint64 n_picture_most;  /* vision tokens of a picture, at most */
} Conversations;

/* --- Words ------------------------------------------------------------------------------------ */

static int
count_marks (const PmodTurn *turns, int n_turns)
{
  int n = 0;

  for (int i = 0; i < n_turns; i++)
    for (const char *at = turns[i].text;
         turns[i].role == PMOD_ROLE_USER && (at = strstr (at, "<image>")) != NULL; at++)
      n++;
  return n;
}

/* The ids of inference's prompt for these turns. */
static GArray *
cut_prompt (const Conversations *self, const PmodTurn *turns, int n_turns, GError **error)
{
  int n_marks = count_marks (turns, n_turns);
  g_autofree PmodImage **dots = g_new (PmodImage *, MAX (n_marks, 1));
  g_autoptr (PmodPrompt) prompt = NULL;

  for (int i = 0; i < n_marks; i++)
    dots[i] = self->dot;
  prompt = pmod_prompt_new_chat (self->tokenizer, self->config->conversation, turns, n_turns, dots,
                                 n_marks, error);
  return prompt != NULL ? g_array_ref (prompt->ids) : NULL;
}

/* Where the n-th end of a turn stands, counted from 0. Words never hold that token: "</s>" in them
 * is cut as text. */
static guint
find_end (const Conversations *self, const GArray *ids, int n)
{
  guint i = 0;

  for (;; i++)
    if (g_array_index (ids, gint32, i) == pmod_tokenizer_get_eos (self->tokenizer) && n-- == 0)
      return i;
}

/* All turns, up to the end of the last answer: what inference has before a further question. */
static GArray *
cut_words (const Conversations *self, const PmodConversation *sample, GError **error)
{
  int n = sample->n_turns;
  g_autofree PmodTurn *turns = g_new (PmodTurn, n + 1);
  GArray *ids;

  memcpy (turns, sample->turns, (gsize)n * sizeof *turns);
  turns[n] = (PmodTurn){ PMOD_ROLE_USER, "?" };
  ids = cut_prompt (self, turns, n + 1, error);
  if (ids == NULL)
    g_prefix_error (error, "%s: ", sample->place);
  else
    g_array_set_size (ids, find_end (self, ids, n / 2 - 1) + 1);
  return ids;
}

/* Which answer each of ids belongs to, or -1: an answer begins where inference's prompt for its
 * question ends, and ends with </s>. */
static gint32 *
mark_answers (const Conversations *self,
              const PmodConversation *sample,
              const GArray *ids,
              GError **error)
{
  g_autofree gint32 *learnt = g_new (gint32, ids->len);

  memset (learnt, -1, ids->len * sizeof *learnt);
  for (int i = 0; i < sample->n_turns / 2; i++)
    {
      g_autoptr (GArray) prompt = cut_prompt (self, sample->turns, 2 * i + 1, error);
      guint end = find_end (self, ids, i);

      if (prompt == NULL)
        {
          g_prefix_error (error, "%s: ", sample->place);
          return NULL;
        }
      if (prompt->len >= end ||
          memcmp (prompt->data, ids->data, prompt->len * sizeof (gint32)) != 0)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                       "%s: answer %d: expected a piece to begin where the question's prompt ends, "
                       "got a tokenizer that joins the two",
                       sample->place, i + 1);
          return NULL;
        }
      for (guint j = prompt->len; j <= end; j++)
        learnt[j] = i;
    }
  return g_steal_pointer (&learnt);
}

/* --- Checks at opening ------------------------------------------------------------------------ */

static gboolean
check_context (const Conversations *self,
               const PmodConversation *sample,
               gint64 n_words,
               gint64 n_vision,
               GError **error)
{
  if (n_words + n_vision <= self->config->context_length)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "%s: expected at most the %d tokens that the context holds, got %" G_GINT64_FORMAT
               " of text and %" G_GINT64_FORMAT " of pictures",
               sample->place, self->config->context_length, n_words, n_vision);
  return FALSE;
}

/* Vision tokens of all pictures, whose sizes must be known where tiles follow from them. */
static gboolean
count_vision (const Conversations *self, const PmodConversation *sample, gint64 *n, GError **error)
{
  *n = 0;
  for (guint i = 0; i < sample->pictures->len; i++)
    {
      g_autoptr (PmodImage) image =
          pmod_image_load (sample->pictures->pdata[i], PMOD_IMAGE_DEFAULT, error);
      g_autoptr (PmodPixels) layout =
          image != NULL
              ? pmod_pixels_new_layout (pmod_image_get_width (image), pmod_image_get_height (image),
                                        self->config, error)
              : NULL;

      if (layout == NULL)
        {
          g_prefix_error (error, "%s: ", sample->place);
          return FALSE;
        }
      *n += layout->n_tokens;
    }
  return TRUE;
}

/* Counts exactly only what a bound does not settle: to cut all words, or to decode all pictures, of
 * a large file takes long. */
static gboolean
check_length (const Conversations *self, const PmodConversation *sample, GError **error)
{
  gint64 n_vision = sample->pictures->len * self->n_picture_most;
  gint64 n_words = 0;
  g_autoptr (GArray) ids = NULL;

  /* A token is a byte or more, and around a mark there may be two that stand for no byte. */
  for (int i = 0; i < sample->n_turns; i++)
    n_words += (gint64)(strlen (sample->turns[i].text) + self->n_template_bytes);
  if (n_words + n_vision <= self->config->context_length)
    return TRUE;
  ids = cut_words (self, sample, error);
  if (ids == NULL)
    return FALSE;
  n_words = (gint64)(ids->len - sample->pictures->len);
  if (n_words + n_vision <= self->config->context_length)
    return TRUE;
  if (self->config->image_mode == PMOD_IMAGE_ANYRES &&
      !count_vision (self, sample, &n_vision, error))
    return FALSE;
  return check_context (self, sample, n_words, n_vision, error);
}

static gboolean
check_sample (const Conversations *self, guint i, GError **error)
{
  g_autoptr (PmodConversation) sample = pmod_conversation_file_read (self->file, i, error);

  if (sample == NULL)
    return FALSE;
  if (sample->pictures->len > 0 && !self->config->has_vision)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "%s: it has a picture, but the model has no vision tower", sample->place);
      return FALSE;
    }
  return check_length (self, sample, error);
}

/* All of them, so that one look tells how much there is to mend. */
static gboolean
check_samples (const Conversations *self, GError **error)
{
  guint n = pmod_conversation_file_get_n (self->file), n_bad = 0;
  g_autoptr (GError) first = NULL;

  for (guint i = 0; i < n; i++)
    if (!check_sample (self, i, n_bad == 0 ? &first : NULL))
      n_bad++;
  if (n_bad == 0)
    return TRUE;
  if (n_bad > 1)
    g_set_error (error, PMOD_ERROR, first->code, "%s (and %u more of %u samples are bad)",
                 first->message, n_bad - 1, n);
  else
    g_propagate_error (error, g_steal_pointer (&first));
  return FALSE;
}

/* --- Source ----------------------------------------------------------------------------------- */

static PmodPixels *
load_pixels (const Conversations *self, const char *path, GError **error)
{
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, error);

  return image != NULL ? pmod_pixels_new (image, self->config, error) : NULL;
}

/* ids and learnt with the pictures between them. */
static PmodSample *
merge (const Conversations *self,
       const PmodConversation *sample,
       const GArray *ids,
       const gint32 *learnt,
       GError **error)
{
  g_autoptr (GPtrArray) pixels = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_pixels_free);
  gint64 n_vision = 0;
  PmodSample *merged;

  for (guint i = 0; i < sample->pictures->len; i++)
    {
      PmodPixels *picture = load_pixels (self, sample->pictures->pdata[i], error);

      if (picture == NULL)
        {
          g_prefix_error (error, "%s: ", sample->place);
          return NULL;
        }
      g_ptr_array_add (pixels, picture);
      n_vision += picture->n_tokens;
    }
  /* A picture may have changed since the file was opened. */
  if (!check_context (self, sample, ids->len - pixels->len, n_vision, error))
    return NULL;
  merged =
      pmod_sample_new_merged (self->config, (const gint32 *)(gpointer)ids->data, learnt,
                              (int)ids->len, (PmodPixels *const *)pixels->pdata, (int)pixels->len);
  g_ptr_array_set_free_func (pixels, NULL);
  return merged;
}

static PmodSample *
make (PmodSource *source, guint64 index, GError **error)
{
  Conversations *self = (Conversations *)source;
  g_autoptr (PmodConversation) sample =
      pmod_conversation_file_read (self->file, (guint)(index % source->n_samples), error);
  g_autoptr (GArray) ids = NULL;
  g_autofree gint32 *learnt = NULL;

  if (sample == NULL)
    return NULL;
  ids = cut_words (self, sample, error);
  if (ids == NULL)
    return NULL;
  learnt = mark_answers (self, sample, ids, error);
  return learnt != NULL ? merge (self, sample, ids, learnt, error) : NULL;
}

static void
free_conversations (PmodSource *source)
{
  Conversations *self = (Conversations *)source;

  g_clear_pointer (&self->file, pmod_conversation_file_free);
  g_clear_pointer (&self->dot, pmod_image_unref);
  g_free (self);
}

/* Of an anyres picture as many as of the largest grid that nothing is cut off, newlines included.
 */
static gboolean
count_picture_most (Conversations *self, GError **error)
{
  const PmodConfig *config = self->config;
  int tile = config->vision.image_size, side;
  g_autoptr (PmodPixels) layout = NULL;

  if (!config->has_vision)
    return TRUE;
  if (config->image_mode != PMOD_IMAGE_ANYRES)
    {
      layout = pmod_pixels_new_layout (tile, tile, config, error);
      self->n_picture_most = layout != NULL ? layout->n_tokens : 0;
      return layout != NULL;
    }
  side = tile / config->vision.patch_size;
  for (int i = 0; i < config->n_pinpoints; i++)
    {
      gint64 cols = config->pinpoints[i][0] / tile * side;
      gint64 rows = config->pinpoints[i][1] / tile * side;

      self->n_picture_most = MAX (self->n_picture_most, side * side + rows * (cols + 1));
    }
  return TRUE;
}

/* What does not depend on a sample: the template, the tokenizer, the largest picture. */
static gboolean
prepare (Conversations *self, GError **error)
{
  static const guint8 black[3] = { 0 };
  PmodTurn turn = { PMOD_ROLE_USER, "?" };
  g_autoptr (PmodPrompt) prompt =
      pmod_prompt_new_chat (self->tokenizer, self->config->conversation, &turn, 1, NULL, 0, error);

  if (prompt == NULL)
    return FALSE;
  if (pmod_tokenizer_get_eos (self->tokenizer) < 0)
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                           "conversations: expected a tokenizer with </s>, got one without: there "
                           "would be no end to learn");
      return FALSE;
    }
  self->dot = pmod_image_new (1, 1, sizeof black, black);
  self->n_template_bytes = strlen (prompt->text) + 16;
  return count_picture_most (self, error);
}

PmodSource *
pmod_conversations_new (const char *file,
                        const char *images,
                        const PmodConfig *config,
                        PmodTokenizer *tokenizer,
                        GError **error)
{
  static const PmodSourceClass klass = { make, free_conversations };
  g_autoptr (PmodSource) source = NULL;
  Conversations *self = g_new0 (Conversations, 1);

  source = &self->base;
  source->klass = &klass;
  self->config = config;
  self->tokenizer = tokenizer;
  self->file = pmod_conversation_file_open (file, images, error);
  if (self->file == NULL || !prepare (self, error) || !check_samples (self, error))
    return NULL;
  source->n_samples = pmod_conversation_file_get_n (self->file);
  return g_steal_pointer (&source);
}
