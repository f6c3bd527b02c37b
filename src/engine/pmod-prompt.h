/* A prompt: token ids with a mark for each picture, and the pictures.
 *
 * Source: p-MoD conversation.py (vicuna_v1) and mm_utils.py tokenizer_image_token: "<image>"
 * splits the text, each chunk is tokenised on its own, and the <s> of later chunks is dropped.
 * Unlike there, "</s>" and "<s>" that a person or the model wrote are text, not tokens. */
#pragma once

#include "pmod-image.h"
#include "pmod-tokenizer.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_ROLE_USER,
  PMOD_ROLE_ASSISTANT,
} PmodRole;

typedef struct
{
  PmodRole role;
  const char *text; /* may hold "<image>"; the pictures stand in their order in the prompt */
} PmodTurn;

typedef struct
{
  char *text;        /* the whole prompt before tokenisation */
  GArray *ids;       /* gint32, PMOD_IMAGE_TOKEN for each picture */
  GPtrArray *images; /* PmodImage, one for each PMOD_IMAGE_TOKEN */
  GArray *begin;     /* gint32, how the answer begins; NULL: with nothing. Not in text and ids,
                        and only pmod_context_answer() runs it */
  gboolean question_first; /* words of the user's precede a picture */
} PmodPrompt;

/* The conversation so far, ending where the assistant is to speak. turns alternate, user first,
 * user last. template_name: "vicuna_v1" or "user-assistant". If no user turn has "<image>" and
 * n_images > 0, the pictures are put before the first user turn's text, each followed by a newline,
 * as the reference does. Errors: unknown template (UNSUPPORTED), over 1 MiB of text (CONTEXT); no
 * words in the last turn, more or fewer "<image>" than pictures, text that is not UTF-8
 * (ARGUMENT). */
PmodPrompt *pmod_prompt_new_chat (PmodTokenizer *tokenizer,
                                  const char *template_name,
                                  const PmodTurn *turns,
                                  int n_turns,
                                  PmodImage *const *images,
                                  int n_images,
                                  GError **error);

typedef enum
{
  PMOD_PROMPT_DEFAULT = 0,
  /* The pictures stand behind the last user turn's text, a newline before each, so that what is
   * kept of them depends on the question. ARGUMENT where a user turn has "<image>", which says
   * itself where pictures stand. */
  PMOD_PROMPT_QUESTION_FIRST = 1 << 0,
} PmodPromptFlags;

/* The same with a choice of what it does. */
PmodPrompt *pmod_prompt_new_chat_full (PmodTokenizer *tokenizer,
                                       const char *template_name,
                                       const PmodTurn *turns,
                                       int n_turns,
                                       PmodImage *const *images,
                                       int n_images,
                                       PmodPromptFlags flags,
                                       GError **error);

/* The same told something before the first turn: system, instead of what the template says there;
 * NULL is that, "" nothing. Like the turns it is never more than text. */
PmodPrompt *pmod_prompt_new_chat_told (PmodTokenizer *tokenizer,
                                       const char *template_name,
                                       const char *system,
                                       const PmodTurn *turns,
                                       int n_turns,
                                       PmodImage *const *images,
                                       int n_images,
                                       PmodPromptFlags flags,
                                       GError **error);

/* What a template says before the first turn, "" for nothing; NULL: there is no such template. */
const char *pmod_prompt_get_system (const char *template_name);

/* text as it is; "<s>", "</s>" and "<unk>" in it are the tokens, as in the reference. */
PmodPrompt *pmod_prompt_new_raw (PmodTokenizer *tokenizer,
                                 const char *text,
                                 PmodImage *const *images,
                                 int n_images,
                                 GError **error);
void pmod_prompt_free (PmodPrompt *self);

/* The answer is to begin with these tokens, or with the ones that text is cut into; what it was to
 * begin with before is forgotten, and nothing is nothing. Whether the tokens can be is told when
 * they are run. Errors: text that is not UTF-8 (ARGUMENT), or over 1 MiB (CONTEXT). */
void pmod_prompt_begin_with (PmodPrompt *self, const gint32 *ids, int n_ids);
gboolean pmod_prompt_begin_with_text (PmodPrompt *self,
                                      PmodTokenizer *tokenizer,
                                      const char *text,
                                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodPrompt, pmod_prompt_free)

G_END_DECLS
