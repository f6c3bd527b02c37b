/* See pmod-job-prompt.h. */
#include "config.h"

#include "pmod-job-prompt.h"

PmodPrompt *
pmod_job_prompt_new (PmodTokenizer *tokenizer,
                     const PmodConfig *config,
                     const PmodWording *wording,
                     GError **error)
{
  int n_turns = wording->texts ? (int)g_strv_length (wording->texts) : 1;
  g_autofree PmodTurn *turns = g_new0 (PmodTurn, n_turns);
  int first = config->single_questions ? n_turns - 1 : 0;

  for (int i = 0; i < n_turns; i++)
    {
      turns[i].role = i % 2 ? PMOD_ROLE_ASSISTANT : PMOD_ROLE_USER;
      turns[i].text = wording->texts ? wording->texts[i] : "?";
    }
  return pmod_prompt_new_chat_told (
      tokenizer, config->conversation, wording->system, turns + first, n_turns - first,
      &wording->image, wording->image ? 1 : 0,
      wording->question_first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT, error);
}

int
pmod_job_prompt_count (const PmodPrompt *prompt, const PmodConfig *config, GError **error)
{
  int n_tokens = (int)prompt->ids->len;

  for (guint i = 0; i < prompt->images->len; i++)
    {
      PmodImage *image = prompt->images->pdata[i];
      PmodPixels *layout = pmod_pixels_new_layout (pmod_image_get_width (image),
                                                   pmod_image_get_height (image), config, error);

      if (!layout)
        return -1;
      n_tokens += layout->n_tokens - 1; /* its mark is one of the ids */
      pmod_pixels_free (layout);
    }
  return n_tokens;
}
