/* See pmod-job-prompt.h. */
#include "config.h"

#include "pmod-job-prompt.h"
#include "pmod-remote.h"

PmodPrompt *
pmod_job_prompt_new (PmodTokenizer *tokenizer,
                     const PmodConfig *config,
                     const PmodWording *wording,
                     GError **error)
{
  PmodRemoteAsk ask = {
    .system = (char *)wording->system,
    .texts = wording->texts,
    .question_first = wording->question_first,
  };
  PmodPrompt *prompt;

  if (wording->image)
    {
      ask.images = g_ptr_array_new ();
      g_ptr_array_add (ask.images, wording->image);
    }
  prompt = pmod_remote_ask_make_prompt (&ask, tokenizer, config, error);
  g_clear_pointer (&ask.images, g_ptr_array_unref);
  return prompt;
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
