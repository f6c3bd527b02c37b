/* See pmod-job-prompt.h. */
#include "config.h"

#include "pmod-job-prompt.h"

#include <string.h>

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
    .images = wording->images,
    .question_first = wording->question_first,
  };

  return pmod_remote_ask_make_prompt (&ask, tokenizer, config, error);
}

/* Whether texts say themselves where their pictures stand: then words precede some of those. */
static gboolean
place_pictures (char **texts)
{
  for (int i = 0; texts && texts[i]; i++)
    if (i % 2 == 0 && strstr (texts[i], "<image>"))
      return TRUE;
  return FALSE;
}

void
pmod_job_read_only (PmodJob *job)
{
  job->only_read = TRUE;
  /* Where nothing is asked yet, nothing can come first. */
  job->question_first = job->question_first && job->texts;
  /* The maps of any other policy do not depend on what follows the last picture. */
  if (!job->question_first && job->params.routing.policy != PMOD_POLICY_LAST &&
      !place_pictures (job->texts))
    g_clear_pointer (&job->texts, g_strfreev);
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
